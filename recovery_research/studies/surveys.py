"""What a survey of simulated customers would announce, beside what is behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from recovery_research.analysis.groups import group_by_exposure
from recovery_research.analysis.paradox import paradox_by_outcome
from recovery_research.analysis.ratios import paradox_ratio
from recovery_research.analysis.verdicts import (
    ASKS_PARADOX,
    CANNOT_TELL,
    NO_PARADOX,
    PARADOX,
    WORSE_OFF,
    Bounds,
    word_verdict,
)
from recovery_research.model.experiments import Experiment
from recovery_research.model.forks import check_unforked, divide_gap, replay_gap
from recovery_research.texts import escape, say, say_name

CANNOT_ASK = "cannot be asked"
# Normal intervals of fewer customers than this cover less often than they say.
FEW = 30


def compare_spend(
    customers: pd.DataFrame, *, outcome: str, groups: Sequence[str], world: str
) -> pd.DataFrame:
    """Compare groups' mean spend with that of customers without a problem, as ratios.

    Parameters
    ----------
    customers : DataFrame
        As from `tabulate_customers` or `read_customers`.
    outcome : str
        An amount, in the table's currency; its column has no negative values.
    groups : sequence of str
        Values of ``index_outcome`` that are compared with ``no_failure``.
    world : str
        What the customers are called in the table.

    Returns
    -------
    DataFrame
        One row a group, the fields of `RatioEstimate` and ``world``: `estimate` is
        the group's mean over that of ``no_failure`` (above 1 the group spends more).

    Raises
    ------
    ValueError
        As `paradox_ratio`.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 3 + ["no_failure"] * 3,
    ...     "spend": [20.0, 30.0, 40.0, 10.0, 15.0, 20.0]})
    >>> table = compare_spend(
    ...     customers, outcome="spend", groups=["recovered"], world="mine")
    >>> table[["world", "treated", "estimate"]].values.tolist()
    [['mine', 'recovered', 2.0]]
    """
    frames = [
        paradox_ratio(customers, outcome=outcome, treated=group).to_frame()
        for group in groups
    ]
    if not frames:
        return pd.DataFrame(columns=["world", "outcome", "treated", "note"])
    return pd.concat(frames, ignore_index=True).assign(world=world)


def announce_paradox(
    customers: pd.DataFrame, *, outcomes: Sequence[str], world: str
) -> pd.DataFrame:
    """Say what a survey would announce: recovered minus no failure, by outcome.

    Parameters
    ----------
    customers : DataFrame
        As from `tabulate_customers`.
    outcomes : sequence of str
        Columns of it, each in its own unit; more is better.
    world : str
        What the customers are called in the table.

    Returns
    -------
    DataFrame
        One row an outcome, as from `paradox_by_outcome` (`estimate` above 0 if the
        recovered have more), with ``world``, `verdict`, `reading` and `answer` in
        words; ``cannot be asked`` and a `note` where a group is empty.

    Raises
    ------
    ValueError
        As `paradox_by_outcome`, if an outcome is not in the table.

    Examples
    --------
    >>> nobody = pd.DataFrame({"index_outcome": ["no_failure"], "spend": [1.0]})
    >>> table = announce_paradox(nobody, outcomes=["spend"], world="mine")
    >>> table[["verdict", "note"]].values.tolist()
    [['cannot be asked', 'nobody is recovered']]
    """
    here = set(customers["index_outcome"].dropna())
    empty = [name for name in ("recovered", "no_failure") if name not in here]
    if empty:
        why = f"nobody is {' or '.join(empty)}"
        rows = {"outcome": list(outcomes), "verdict": CANNOT_ASK, "note": why}
        return pd.DataFrame(rows).assign(world=world)
    table = paradox_by_outcome(customers, outcomes=list(outcomes))
    worded = [
        word_verdict(
            ASKS_PARADOX, row.ci_low, row.ci_high,
            Bounds(row.equivalence_low, row.equivalence_high, ""), "high",
        )
        for row in table.itertuples()
    ]  # fmt: skip
    return table.assign(
        world=world,
        verdict=[each.verdict for each in worded],
        reading=[each.reading for each in worded],
        answer=[each.answer for each in worded],
    )


def decompose_gaps(
    experiments: Mapping[str, Experiment],
    *,
    groups: Sequence[str] = ("recovered", "not_recovered"),
    outcome: str = "followup_spend",
) -> pd.DataFrame:
    """Split the gap of each group in each world into effect and selection.

    Parameters
    ----------
    experiments : mapping of str to Experiment
        By world; each with one policy and with customers as they come.
    groups : sequence of str, optional
        Of ``recovered``, ``not_recovered`` and ``silent``.
    outcome : str, optional
        As in `decompose_gap`.

    Returns
    -------
    DataFrame
        The rows of `decompose_gap` (group minus no failure, in the outcome's unit)
        for each group and world, with ``world`` and ``note``; a group too small has
        one row, ``gap``, without numbers.

    Raises
    ------
    ValueError
        If an experiment has several policies or is forked already.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=5000,
    ... )
    >>> parts = rr.decompose_gaps({"evidence": experiment}, groups=["recovered"])
    >>> parts["part"].tolist()
    ['gap', 'recovery', 'who']
    """
    frames = []
    for world, experiment in experiments.items():
        check_unforked(experiment)
        tables = replay_gap(experiment)
        for group in groups:
            try:
                found = divide_gap(*tables, outcome=outcome, treated=group)
            except ValueError as error:
                why = str(error).rstrip(".")
                found = pd.DataFrame([{"group": group, "part": "gap", "note": why}])
            else:
                n = int(found["n_group"].iloc[0])
                doubt = (
                    f"only {n} customers: the intervals may cover less than they say"
                )
                found["note"] = doubt if n < FEW else ""
            frames.append(found.assign(world=world))
    columns = [
        "policy", "outcome", "group", "part", "estimate", "std_error", "ci_low",
        "ci_high", "confidence", "n_group", "n_no_failure", "note", "world",
    ]  # fmt: skip
    table = pd.concat([each.reindex(columns=columns) for each in frames])
    numbers = table.columns[4:9]
    table[numbers] = table[numbers].astype(float)
    counts = ["n_group", "n_no_failure"]
    table[counts] = table[counts].astype("Int64")
    return table.reset_index(drop=True)


def doubt_parts(found: pd.DataFrame) -> pd.DataFrame:
    """Note what is doubtful about a gap's parts; what never varies has no interval."""
    n = int(found["n_group"].iloc[0])
    few = f"only {n} customers: the intervals may cover less than they say"
    flat = found["std_error"] == 0.0
    same = "the same for all of these customers, so that there is no interval"
    notes = [
        "; ".join(
            part for part in (same if is_flat else "", few if n < FEW else "") if part
        )
        for is_flat in flat
    ]
    ends = found[["ci_low", "ci_high"]].mask(flat)
    return found.assign(note=notes, ci_low=ends["ci_low"], ci_high=ends["ci_high"])


def find_gap_part(
    parts: pd.DataFrame, *, world: str, part: str, treated: str = "recovered"
) -> pd.Series | None:
    """Return one row of `decompose_gaps`, None if it has no numbers.

    Parameters
    ----------
    parts : DataFrame
        As from `decompose_gaps`.
    world : str
        One of its worlds.
    part : str
        ``gap``, ``recovery`` or ``who``.
    treated : str, optional
        One of its groups.

    Returns
    -------
    Series or None
        Estimate and interval in the outcome's unit, group minus no failure.
    """
    rows = parts[
        (parts["world"] == world)
        & (parts["group"] == treated)
        & (parts["part"] == part)
    ].dropna(subset=["estimate"])
    return rows.iloc[0] if len(rows) else None


def compare_carelessly(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Compare whole spend by any problem in the whole time, world by world.

    This is the comparison not to make: who buys more is failed more often, so that
    those with problems spend more to begin with. `decompose_gap` shows how much.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By world, customers with ``n_failures``, ``n_recovered`` and ``spend`` over
        the whole time, as from `tabulate_customers`.

    Returns
    -------
    DataFrame
        One row a world: ``world, estimate, ci_low, ci_high, mean_treated,
        mean_control, n_treated, n_control, note``. `estimate` is the mean spend of
        those whose every problem was made good over that of those without any (above
        1 they spend more); without numbers, and with a note, where it cannot be had.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=5000,
    ... )
    >>> customers = rr.tabulate_customers(rr.simulate(experiment))
    >>> table = rr.compare_carelessly({"evidence": customers})
    >>> bool(table["estimate"].iloc[0] > 1.0)
    True
    """
    frames = []
    for world, customers in tables.items():
        try:
            found = paradox_ratio(
                group_by_exposure(customers), outcome="spend"
            ).to_frame()
        except ValueError as error:
            found = pd.DataFrame([{"note": str(error).rstrip(".")}])
        frames.append(found.assign(world=world))
    columns = [
        "world", "estimate", "ci_low", "ci_high", "mean_treated", "mean_control",
        "n_treated", "n_control", "note",
    ]  # fmt: skip
    return pd.concat([each.reindex(columns=columns) for each in frames])


DIRECTION_ALONE = Bounds(0.0, 0.0, "the direction alone")


def say_notes(table: pd.DataFrame) -> str:
    """Return as Markdown what is doubtful in a table's rows, one line a row.

    Parameters
    ----------
    table : DataFrame
        With ``world`` and, perhaps, ``outcome, treated, note``.

    Returns
    -------
    str
        A list in Markdown; empty if there are no notes.

    Examples
    --------
    >>> say_notes(pd.DataFrame({"world": ["claims"], "note": ["too few."]}))
    '- claims: too few.'
    """
    lines = []
    for row in table.itertuples():
        note = getattr(row, "note", "")
        if isinstance(note, str) and note:
            names = [
                row.world,
                getattr(row, "outcome", ""),
                getattr(row, "treated", ""),
            ]
            where = ", ".join(
                say_name(name) for name in names if isinstance(name, str) and name
            )
            lines.append(f"- {where}: {escape(note.rstrip('.'))}.")
    return "\n".join(dict.fromkeys(lines))


def say_gaps(parts: pd.DataFrame, *, treated: str = "recovered") -> list[str]:
    """Return one line of Markdown a world on what a group's gap is made of.

    Parameters
    ----------
    parts : DataFrame
        As from `decompose_gaps`.
    treated : str, optional
        One of its groups.

    Returns
    -------
    list of str
        Lines of a list in Markdown, amounts in dollars with their intervals.
    """
    lines = []
    for world, rows in parts[parts["group"] == treated].groupby("world", sort=False):
        start = f"- World of the **{world}**:"
        if rows["estimate"].isna().any():
            lines.append(f"{start} this cannot be told: {rows['note'].iloc[0]}.")
            continue
        gap, did, who = (
            rows.set_index("part").loc[name] for name in ("gap", "recovery", "who")
        )
        line = (
            f"{start} {say(treated)} customers spent {say_part(gap)} dollars against "
            f"those without a problem. Failure and recovery did {say_part(did)}; "
            f"{say_part(who)} is who was there."
        )
        note = "; ".join(dict.fromkeys("; ".join(rows["note"]).split("; ")))
        note = note.strip("; ")
        lines.append(f"{line} *{note[:1].upper()}{note[1:]}.*" if note else line)
    return lines


def say_part(row: pd.Series) -> str:
    """Return an estimate with its interval, as in ``-4.20 (-6.10 to -2.30)``."""
    if pd.isna(row.ci_low):
        return f"{row.estimate:+.2f} (no interval)"
    return f"{row.estimate:+.2f} ({row.ci_low:+.2f} to {row.ci_high:+.2f})"


def say_effects(parts: pd.DataFrame) -> str:
    """Say for each world what being failed and made good did to those recovered.

    Parameters
    ----------
    parts : DataFrame
        As from `decompose_gaps`.

    Returns
    -------
    str
        One sentence a world.
    """
    said = []
    for world in parts["world"].unique():
        did = find_gap_part(parts, world=world, part="recovery")
        start = f"In the world of the {world}"
        if did is None:
            said.append(f"{start} nothing can be told of recovered customers.")
        elif did.ci_high < 0.0:
            said.append(
                f"{start} a recovered customer spends less for having been failed."
            )
        elif did.ci_low > 0.0:
            said.append(
                f"{start} a recovered customer spends more for having been failed and "
                "made good."
            )
        else:
            said.append(
                f"{start} these customers cannot tell whether a recovered customer "
                "spends more or less for having been failed."
            )
    return " ".join(said)


def say_selection(parts: pd.DataFrame) -> str:
    """Say for each world whether the gap of the recovered is due to who is there.

    Parameters
    ----------
    parts : DataFrame
        As from `decompose_gaps`.

    Returns
    -------
    str
        One sentence a world, amounts in dollars with their intervals.
    """
    said = []
    for world in parts["world"].unique():
        who = find_gap_part(parts, world=world, part="who")
        if who is None:
            continue
        start = f"In the world of the {world}"
        if who.ci_low > 0.0 or who.ci_high < 0.0:
            more = "more" if who.ci_low > 0.0 else "less"
            said.append(
                f"{start} part of the gap is selection: those recovered would have "
                f"spent {more} anyway, {say_part(who)} dollars."
            )
        else:
            said.append(
                f"{start} selection cannot be told from none, {say_part(who)} dollars."
            )
    return " ".join(said)


def say_survey(gap: pd.Series | None, did: pd.Series | None) -> str:
    """Say what a survey would announce of a gap, asked for its direction alone.

    Parameters
    ----------
    gap, did : Series or None
        Rows of `decompose_gaps` as `find_gap_part` returns them: the gap, and what
        failure and recovery did.

    Returns
    -------
    str
        Two sentences, amounts in dollars with their intervals.

    Examples
    --------
    >>> say_survey(None, None)
    'Of such customers nothing can be told: too few of them are recovered.'
    """
    if gap is None or did is None:
        return "Of such customers nothing can be told: too few of them are recovered."
    found = word_verdict(ASKS_PARADOX, gap.ci_low, gap.ci_high, DIRECTION_ALONE, "high")
    seen = {
        PARADOX: "would announce a paradox",
        NO_PARADOX: "would announce no paradox",
        CANNOT_TELL: "could not tell a paradox from none",
    }.get(found.verdict, "would find no difference")
    if found.reading == WORSE_OFF:
        seen += " (they spend less)"
    return (
        f"A survey of these customers {seen}: {say_part(gap)} dollars. What failure "
        f"and recovery did is {say_part(did)}."
    )


def say_careless(row: pd.Series, did: pd.Series | None) -> str:
    """Say what a careless comparison shows, beside what recovery did.

    Parameters
    ----------
    row : Series
        A row of `compare_carelessly`.
    did : Series or None
        What failure and recovery did in that world, as `find_gap_part` returns it.

    Returns
    -------
    str
        One or two sentences of Markdown.
    """
    world = f"In the world of the {row['world']}"
    if pd.isna(row["ci_low"]):
        return f"{world} this comparison cannot be made: {row['note']}."
    times = (
        f"recovered customers spending **{row['estimate']:.2f} times** as much as "
        f"customers without a problem (95 % CI {row['ci_low']:.2f} to "
        f"{row['ci_high']:.2f})"
    )
    harm = did is not None and did.ci_high < 0.0
    where = ", where failure and recovery cost spend," if harm else ""
    said = f"{world}{where} this comparison shows {times}."
    if row["ci_low"] > 1.0:
        fakes = "It fakes a paradox." if harm else ""
        gains = did is not None and did.ci_low > 0.0
        fakes = fakes or (
            ""
            if gains
            else "The replay above does not say that recovery had a part in it."
        )
        return f"{said} {fakes}".strip()
    if row["ci_high"] < 1.0:
        return f"{said} Here it shows no paradox."
    return f"{said} It cannot tell a paradox from none."
