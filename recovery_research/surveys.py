"""What a survey of simulated customers would announce, beside what is behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from .analyses.designs import group_by_exposure
from .analyses.paradox import paradox_by_outcome
from .analyses.ratios import paradox_ratio
from .analyses.verdicts import Bounds
from .analyses.wordings import ASKS_PARADOX, word_verdict
from .experiments import Experiment
from .gaps import check_unforked, divide_gap, replay_gap

CANNOT_ASK = "cannot be asked"
# Normal intervals of fewer customers than this cover less often than they say.
FEW = 30


def compare_spend(
    customers: pd.DataFrame, *, outcome: str, groups: Sequence[str], world: str
) -> pd.DataFrame:
    """Compare groups' mean spend with that of customers without a problem.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, with ``index_outcome``.
    outcome : str
        Column of amounts.
    groups : sequence of str
        Groups of `index_outcome` to compare with ``no_failure``.
    world : str
        Where the customers are from; a column of the result.

    Returns
    -------
    DataFrame
        The fields of `RatioEstimate` and ``world``, one row per group; empty if there
        is no group.
    """
    frames = [
        paradox_ratio(customers, outcome=outcome, treated=group).to_frame()
        for group in groups
    ]
    if not frames:
        return pd.DataFrame(columns=["world", "outcome", "treated", "note"])
    return pd.concat(frames, ignore_index=True).assign(world=world)


def announce(
    customers: pd.DataFrame, *, outcomes: Sequence[str], world: str
) -> pd.DataFrame:
    """Say what a survey would announce: recovered minus no failure, by outcome.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, with ``index_outcome``. Of every outcome more is better.
    outcomes : sequence of str
        Columns.
    world : str
        Where the customers are from; a column of the result.

    Returns
    -------
    DataFrame
        The fields of `ParadoxEstimate`, ``p_value_holm``, and ``verdict, reading,
        answer`` as `wordings.word_verdict` has them; where a group has nobody, a row
        whose verdict is that it cannot be asked, and whose ``note`` says why.
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


def split_gaps(
    experiments: Mapping[str, Experiment],
    *,
    groups: Sequence[str] = ("recovered", "not_recovered"),
    outcome: str = "followup_spend",
) -> pd.DataFrame:
    """Split the gap of each group in each world into effect and selection.

    Parameters
    ----------
    experiments : mapping of str to Experiment
        By the name of the world.
    groups : sequence of str, optional
        As in `decompose_gap`.
    outcome : str, optional
        As in `decompose_gap`.

    Returns
    -------
    DataFrame
        The columns of `decompose_gap`, ``world`` and ``note``; three rows for each
        world and group, or one without numbers whose note says why.
    """
    frames = []
    for world, experiment in experiments.items():
        check_unforked(experiment)
        tables = replay_gap(experiment)
        for group in groups:
            try:
                found = divide_gap(*tables, outcome=outcome, group=group)
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


def find_part(
    parts: pd.DataFrame, *, world: str, part: str, group: str = "recovered"
) -> pd.Series | None:
    """Return one row of `split_gaps`, None if it has no numbers."""
    rows = parts[
        (parts["world"] == world) & (parts["group"] == group) & (parts["part"] == part)
    ].dropna(subset=["estimate"])
    return rows.iloc[0] if len(rows) else None


def compare_carelessly(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Compare whole spend by any problem in the whole time, world by world.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Customers, by where they are from.

    Returns
    -------
    DataFrame
        The fields of `RatioEstimate` and ``world``, one row each; where it cannot be
        had, ``note`` says why.
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
