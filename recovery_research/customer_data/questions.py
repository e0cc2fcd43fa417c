"""What must be said of every difference between two groups of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recovery_research._checks import did_you_mean
from recovery_research.analysis.averaged_draws import paradox_over_draws
from recovery_research.analysis.balance import KNOWN_BEFORE, tell_unlike
from recovery_research.analysis.groups import read_outcome
from recovery_research.analysis.index_orders import OUTCOMES
from recovery_research.analysis.paradox import paradox_by_outcome
from recovery_research.analysis.verdicts import (
    ASKS_ANSWER,
    ASKS_FAILED_RECOVERY,
    ASKS_MADE_GOOD,
    ASKS_PARADOX,
    ASKS_SILENT,
    Bounds,
    word_verdict,
)
from recovery_research.customer_data.doubts import LEAK
from recovery_research.customer_data.issues import TURNS, Finding
from recovery_research.customer_data.mapping_rules import FileMapping
from recovery_research.customer_data.reading import Customers

NEVER_FAIR = (
    "in the ever-failed design those who order more are failed more, which nothing "
    "makes up for: no difference here says what failure or recovery did"
)
NO_PAST = (
    "a first order has no past: nobody can say whether the groups were alike beforehand"
)
HEAVY_FAILED = (
    "in the customer-based design those who order more are failed more: as they come "
    "the groups differ for that alone"
)

# How a note begins that tells what in the file may turn the answer.
DOUBTFUL = "doubtful: "


def doubt_file(
    read: Customers, outcome: str | None = None, *, adjusted: bool = True
) -> list[str]:
    """Say what in a file may turn an answer: the doubts that do, in a clause each."""
    grave = [each for each in read.findings if each.turns]
    told = [each for each in grave if bears_on(each, read, outcome, adjusted=adjusted)]
    return list(dict.fromkeys(map(say_doubt, told)))


def bears_on(
    finding: Finding, read: Customers, outcome: str | None, *, adjusted: bool
) -> bool:
    """Return whether a doubt is about what an answer is made of."""
    if outcome is None or finding.column in ("", *read.mapping.columns.values()):
        return True  # the whole file, or who is in which group
    asked = [each for each in read.outcomes if each.name == outcome]
    columns = [column for each in asked for column in (each.column, each.before)]
    if adjusted:
        columns += [each.column for each in read.covariates]
    return finding.column in columns


def say_doubt(finding: Finding) -> str:
    """Return a doubt that turns answers in one clause, with where it was found."""
    where = [f"column {finding.column!r}"] if finding.column else []
    if finding.n_rows:
        where.append("1 row" if finding.n_rows == 1 else f"{finding.n_rows:,} rows")
    found = f" ({', '.join(where)})" if where else ""
    return f"{DOUBTFUL}{TURNS[finding.kind]}{found}"


def doubt_groups(
    read: Customers, treated: str, control: str, *, adjusted: bool = False
) -> str:
    """Say why a difference between two groups may not be what a problem did."""
    rule = read.mapping.orders
    design = rule.design if rule else ""
    if design == "ever-failed":
        return NEVER_FAIR
    first = rule is not None and rule.index == "first" and design == "order-based"
    if adjusted:
        return NO_PAST if first else ""
    # What a table made of an order log knows; what the mapping of another names.
    names = list(KNOWN_BEFORE)
    if read.mapping.orders is None:
        names = [each.name for each in read.covariates]
        names += [each.name_before for each in read.outcomes if each.before]
    said = [HEAVY_FAILED] if design == "customer-based" else []
    if first:
        said.append(NO_PAST)
    said.append(
        tell_unlike(
            read.customers, policy=None, treated=treated, control=control, columns=names
        )
    )
    return "; ".join(part for part in said if part)


def add_doubts(
    read: Customers, table: pd.DataFrame, *, adjusted: bool = False
) -> pd.DataFrame:
    """Return a table of differences with what is doubtful in every row's note.

    That is what in the file may turn it (`doubt_file`), and `doubt_groups`.
    """
    notes = []
    for row in table.to_dict("records"):
        note = row["note"] if isinstance(row.get("note"), str) else ""
        answered = any(
            not pd.isna(row.get(name, float("nan")))
            for name in ("estimate", "bound_low")
        )
        if answered:
            alike = str(row.get("view", "")).startswith("adjusted") or adjusted
            doubt = doubt_groups(read, row["treated"], row["control"], adjusted=alike)
            # The analyses of groups as they come may have said a part of it already.
            parts = [each for each in doubt.split("; ") if each not in note]
            file = doubt_file(read, row.get("outcome"), adjusted=alike)
            note = "; ".join(part for part in (*file, note, *parts) if part)
        notes.append(note)
    return table.assign(note=notes) if notes else table


CANNOT_ASK = "cannot be asked"
QUESTIONS = (
    ("recovered", "no_failure", "is there a recovery paradox?"),
    ("recovered", "not_recovered", "does it matter whether it was made good?"),
    ("not_recovered", "silent", "is a failed recovery worse than none asked for?"),
    ("silent", "no_failure", "what of those who never complained?"),
)
SHOWN = (
    "estimate", "std_error", "ci_low", "ci_high", "confidence", "mean_treated",
    "mean_control", "n_treated", "n_control", "n_missing", "method", "equivalence_high",
    "equivalence_low", "bounds_source", "p_value", "p_value_holm", "better", "verdict",
    "reading", "answer", "note",
)  # fmt: skip
TOPIC_OF = dict(
    zip(
        (question for _, _, question in QUESTIONS),
        (ASKS_PARADOX, ASKS_MADE_GOOD, ASKS_FAILED_RECOVERY, ASKS_SILENT),
        strict=True,
    )
)


def list_questions(read: Customers) -> pd.DataFrame:
    """List the comparisons of groups that a file allows, and those it does not.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.

    Returns
    -------
    DataFrame
        ``question, treated, control, n_treated, n_control, asked, note``, one row a
        comparison; `asked` is false and `note` says why where a group is empty or the
        file has no such group.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.list_questions(read)["treated"].tolist()
    ['recovered', 'recovered', 'not_recovered', 'silent']
    """
    counts = read.customers["index_outcome"].value_counts()
    if read.shape == "complaints":
        rows = [(QUESTIONS[0][2], "", "", 0, 0, False,
                 "everybody in a file of complaints had a problem: there is nobody to "
                 "compare a recovered customer with")]  # fmt: skip
        control = read.mapping.control
        pairs = [
            (name, control, f"what follows {name}, against {control}?")
            for name in read.customers["index_outcome"].cat.categories
            if name != control and counts[name]
        ]
    else:
        rows, pairs = [], list(QUESTIONS)
    for treated, control, question in pairs:
        sizes = [int(counts.get(name, 0)) for name in (treated, control)]
        empty = [n for n, k in zip((treated, control), sizes, strict=True) if k == 0]
        note = f"nobody is {' or '.join(empty)}" if empty else ""
        rows.append((question, treated, control, *sizes, not empty, note))
    columns = [
        "question", "treated", "control", "n_treated", "n_control", "asked", "note"
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def main_questions(read: Customers) -> pd.DataFrame:
    """Return what the file is mainly asked: the paradox, or each answer's strength.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.

    Returns
    -------
    DataFrame
        Rows of `list_questions` that can be asked; none if the main one cannot.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.main_questions(read)["question"].tolist()
    ['is there a recovery paradox?']
    """
    asked = list_questions(read)
    asked = asked[asked["asked"]]
    if read.shape == "complaints":
        return asked
    return asked[asked["question"] == QUESTIONS[0][2]]


def describe_groups(read: Customers) -> pd.DataFrame:
    """Tabulate each group's size and mean outcomes, as the file has them.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.

    Returns
    -------
    DataFrame
        ``group, n`` and for each outcome its mean, in its unit, and ``…_known``, of how
        many it is known.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.describe_groups(read)["group"].tolist()
    ['no_failure', 'silent', 'recovered', 'not_recovered']
    """
    names = [each.name for each in read.outcomes]
    values = pd.DataFrame({n: read_outcome(read.customers[n]) for n in names})
    groups = values.groupby(read.customers["index_outcome"].to_numpy(), sort=False)
    order = list(read.customers["index_outcome"].cat.categories)
    sizes = read.customers["index_outcome"].value_counts().reindex(order)
    table = pd.DataFrame({"group": order, "n": sizes.to_numpy()})
    means, known = groups.mean().reindex(order), groups.count().reindex(order)
    for name in names:
        table[name] = means[name].to_numpy()
        table[f"{name}_known"] = known[name].fillna(0).to_numpy().astype(np.int64)
    return table[table["n"] > 0].reset_index(drop=True)


def read_bounds(texts: Sequence[str], read: Customers) -> dict[str, float]:
    """Return bounds by outcome: those of the mapping, and those given as texts.

    Parameters
    ----------
    texts : sequence of str
        Such as ``satisfaction:0.1``, in the outcome's unit; ``mapping`` adds none.
    read : Customers
        As from `read_customers`.

    Returns
    -------
    dict of str to float
        By outcome the largest difference not worth naming.

    Raises
    ------
    ValueError
        If a text names no outcome, or no finite number of 0 or more.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.read_bounds(["satisfaction:0.5"], read)["satisfaction"]
    0.5
    """
    bounds = {e.name: e.bounds for e in read.outcomes if e.bounds is not None}
    return bounds | read_given([each.name for each in read.outcomes], texts)


def read_given(names: Sequence[str], texts: Sequence[str]) -> dict[str, float]:
    """Return the bounds that texts give to outcomes of these names."""
    bounds = {}
    for text in texts:
        if text == "mapping":
            continue
        name, _, number = text.partition(":")
        if name.strip() not in names:
            raise ValueError(
                f"bounds: {text!r} names no outcome; outcomes are {list(names)}. Write "
                f"{[*names, 'satisfaction'][0]}:1.5.{did_you_mean(name, names)}"
            )
        bounds[name.strip()] = read_reach(text, name.strip(), number)
    return bounds


def check_asked(mapping: FileMapping, *, bounds: Sequence[str], through: str) -> None:
    """Refuse bounds, or an outcome to go through, that no file so mapped can have."""
    names = [each.name for each in mapping.outcomes]
    names = list(OUTCOMES) if mapping.shape == "orders" else names
    read_given(names, bounds)
    check_name(through, names)


def read_reach(text: str, name: str, number: str) -> float:
    """Return the number of a text such as ``satisfaction:0.1``: finite, 0 or more."""
    try:
        reach = float(number)
    except ValueError:
        raise ValueError(
            f"bounds: {text!r} has no number behind the colon; write {name}:1.5."
        ) from None
    if not 0.0 <= reach < float("inf"):
        raise ValueError(
            f"bounds: {text!r} is the largest difference not worth naming, a finite "
            f"number of 0 or more; write {name}:1.5, or {name}:0 to ask for the "
            "direction alone."
        )
    return reach


def check_through(through: str, read: Customers) -> None:
    """Raise unless a text is ``none`` or names an outcome that others go through.

    Parameters
    ----------
    through : str
        ``none``, or an outcome.
    read : Customers
        As from `read_customers`.

    Raises
    ------
    ValueError
        If the file has no such outcome.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.check_through("satisfaction", read)
    """
    check_name(through, [each.name for each in read.outcomes])


def check_name(through: str, names: Sequence[str]) -> None:
    """Raise unless a text is ``none`` or one of these outcomes."""
    if through != "none" and through not in names:
        raise ValueError(
            f"through: {through!r} is no outcome; write none or one of {list(names)}."
            f"{did_you_mean(through, names)}"
        )


def contrast_groups(
    read: Customers,
    *,
    questions: pd.DataFrame | None = None,
    bounds: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare groups as they come, on every outcome, for every question.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    questions : DataFrame, optional
        Rows of `list_questions`; by default all.
    bounds : mapping of str to float, optional
        By outcome the largest difference not worth naming, in the outcome's unit; by
        default the mapping's, or a default that is named.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each outcome and question that is asked: groups, estimate, interval,
        counts, p-values, verdict (also in words) and `note`. Estimates are treated
        minus control, in the outcome's unit. ``cannot be asked`` and a note for the
        others.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> main = rr.customer_data.main_questions(read)
    >>> rr.customer_data.contrast_groups(read, questions=main)["outcome"].tolist()
    ['followup_spend', 'stayed', 'satisfaction']
    """
    asked = list_questions(read) if questions is None else questions
    names = [each.name for each in read.outcomes]
    frames = [
        pd.DataFrame(columns=["question", "treated", "control", "outcome", *SHOWN])
    ]
    for row in asked.itertuples():
        if not row.asked:
            frames.append(pd.DataFrame([{
                "question": row.question, "treated": row.treated,
                "control": row.control, "verdict": CANNOT_ASK, "note": row.note,
            }]))  # fmt: skip
            continue
        found = paradox_by_outcome(
            read.customers, outcomes=names, treated=row.treated, control=row.control,
            bounds={k: v for k, v in (bounds or {}).items() if k in names},
            tell_unknown=False, confidence=confidence,
        )  # fmt: skip
        frames.append(judge(read, found.assign(question=row.question)))
    table = pd.concat([f for f in frames[1:] if len(f)] or frames, ignore_index=True)
    return count_whole(table.reindex(columns=frames[0].columns))


def judge(read: Customers, table: pd.DataFrame) -> pd.DataFrame:
    """Word every row of a table of differences: here, and nowhere else."""
    fields = {each.name: each for each in read.outcomes}
    leaks = {f.column for f in read.findings if LEAK in f.message}
    worded, notes = [], []
    for row in table.itertuples():
        ends, note = (row.ci_low, row.ci_high), _text(row.note)
        if fields[row.outcome].column in leaks:
            ends = (np.nan, np.nan)
            said = f"{row.outcome} and the groups: {LEAK}, a difference says nothing"
            note = f"{said}; {note}" if note else said
        low, high = (float("nan") if pd.isna(end) else float(end) for end in ends)
        topic = TOPIC_OF.get(row.question, ASKS_ANSWER)
        worded.append(
            word_verdict(topic, low, high, bounds_of(row), fields[row.outcome].better)
        )
        notes.append(note)
    table = table.assign(note=notes)
    return add_doubts(read, table).assign(
        better=[fields[name].better for name in table["outcome"]],
        verdict=[each.verdict for each in worded],
        reading=[each.reading for each in worded],
        answer=[each.answer for each in worded],
    )


def bounds_of(row: Any) -> Bounds:
    """Return the bounds of a row; without any, only the direction counts."""
    low, high = (
        0.0 if pd.isna(end) else float(end)
        for end in (row.equivalence_low, row.equivalence_high)
    )
    return Bounds(low, high, "")


def _text(note: object) -> str:
    return note if isinstance(note, str) else ""


def count_whole(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose counts are whole numbers also where some are missing."""
    counts = [name for name in table if str(name).startswith("n_")]
    return table.astype(dict.fromkeys(counts, "Int64"))


def knows_leaving(read: Customers) -> bool:
    """Return whether a file says who left and when."""
    return {"index_week", "left_week"} <= set(read.customers.columns)


def why_not_before(read: Customers) -> str:
    """Return why a file's groups cannot be followed from before to after, if so.

    Failures drawn at random among orders, which did nothing, made differences of five
    and more standard errors from before to after in both of these designs, with a
    pre-trend test that saw nothing.
    """
    rule = read.mapping.orders if read.shape == "orders" else None
    if rule is None:
        return ""
    if rule.design == "order-based":
        first = "the index order is each customer's first; nothing was before it"
        return first if rule.index == "first" else ""
    why = {
        "customer-based": "groups are formed by problems before a day, so that what "
        "was before the day is not what was before the problem",
        "ever-failed": "whether a customer was ever failed depends on how much they "
        "ordered before and after",
    }[rule.design]
    return f"in the {rule.design} design {why}; follow the order-based one"


OVER_DRAWS = "over many draws"
# A draw of a million orders takes a twentieth of a second for each outcome.
DRAWS, LARGE_LOG, DRAWS_OF_LARGE = 200, 200_000, 20


def is_drawn(read: Customers) -> bool:
    """Return whether the index orders of a file were drawn by chance."""
    rule = read.mapping.orders
    if read.orders is None or rule is None:
        return False
    return rule.design == "order-based" and rule.index == "drawn"


def contrast_over_draws(
    read: Customers,
    *,
    bounds: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare the groups of an order log over many draws of index orders.

    Which of a customer's orders is the index order is drawn, once, for every other
    analysis of a file; another seed would be another answer. This takes the chance of
    the drawing out, and uses more of the log.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    bounds : mapping of str to float, optional
        By outcome the largest difference not worth naming, in the outcome's unit; by
        default the mapping's, or a default that is named.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each outcome of the main questions: the fields of `DrawnParadox`,
        `question`, `view` and the verdict in words. Estimates are treated minus
        control, in the outcome's unit. Empty if the file's index orders were not drawn
        by chance.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> len(rr.customer_data.contrast_over_draws(read))
    0
    """
    if not is_drawn(read):
        return pd.DataFrame()
    rule, rows = read.mapping.order_rule(), []
    assert read.orders is not None, "the shape is orders"
    options: dict[str, Any] = {
        "followup_weeks": rule.followup_weeks, "seed": rule.seed,
        "span": (find_start(read), read.end_week), "confidence": confidence,
        "draws": DRAWS if len(read.orders) <= LARGE_LOG else DRAWS_OF_LARGE,
    }  # fmt: skip
    for row in main_questions(read).itertuples():
        for each in read.outcomes:
            known = {
                "outcome": each.name, "treated": row.treated, "control": row.control,
            }  # fmt: skip
            bound = (bounds or {}).get(each.name)
            try:
                drawn = paradox_over_draws(
                    read.orders, bounds=bound, **known, **options
                )
                found = drawn.to_frame().iloc[0].to_dict()
            except ValueError as error:
                found = known | {"note": str(error).rstrip(".")}
            rows.append(found | {"question": row.question, "view": OVER_DRAWS})
    if not rows:
        return pd.DataFrame()
    needed = [
        "question", "view", "outcome", "treated", "control", "estimate", "std_error",
        "ci_low", "ci_high", "n_treated", "n_control", "equivalence_low",
        "equivalence_high", "note",
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    table = table.reindex(columns=list(dict.fromkeys([*needed, *table.columns])))
    return judge(read, count_whole(table))


def find_start(read: Customers) -> float:
    """Return the first week of observation: dates count from it, weeks name it."""
    rule = read.mapping.time
    if rule.unit == "dates":
        return 0.0
    assert read.orders is not None, "the shape is orders"
    first = float(read.orders["week"].min())
    return first if rule.start is None else float(rule.start)
