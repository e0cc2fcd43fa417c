"""What a file of customers is asked, and the answers; one that cannot be is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from recovery_research.analyses.groups import read_outcome
from recovery_research.analyses.paradox import paradox_by_outcome
from recovery_research.analyses.verdicts import Bounds
from recovery_research.analyses.wordings import (
    ASKS_ANSWER,
    ASKS_FAILED_RECOVERY,
    ASKS_MADE_GOOD,
    ASKS_PARADOX,
    ASKS_SILENT,
    word_verdict,
)
from recovery_research.customers.doubts import LEAK
from recovery_research.customers.group_doubts import add_doubts
from recovery_research.customers.mapping_rules import FileMapping
from recovery_research.customers.order_customers import OUTCOMES
from recovery_research.customers.reading import Customers
from recovery_research.near_names import did_you_mean

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
        From `customers.read_customers`.

    Returns
    -------
    DataFrame
        ``question, treated, control, n_treated, n_control, asked, note``. A file of
        complaints has nobody without a failure: the paradox cannot be asked of it,
        and answers are compared with the control answer instead.
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
    """Return what the file is mainly asked: the paradox, or each answer's strength."""
    asked = list_questions(read)
    asked = asked[asked["asked"]]
    if read.shape == "complaints":
        return asked
    return asked[asked["question"] == QUESTIONS[0][2]]


def describe_groups(read: Customers) -> pd.DataFrame:
    """Tabulate each group's size and mean outcomes, as the file has them.

    Returns
    -------
    DataFrame
        One row per group: ``group, n``, then the mean of each outcome over those
        for whom it is known, and ``NAME_known``, how many those are.
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
        ``mapping`` for those of the mapping alone, or ``outcome:number``, which wins.
    read : Customers
        Whose outcomes.

    Raises
    ------
    ValueError
        If a text is neither, or names no outcome.
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
    """Refuse bounds, or an outcome to go through, that no file so mapped can have.

    Parameters
    ----------
    mapping : FileMapping
        What is known before the file is read.
    bounds : sequence of str
        As for `read_bounds`.
    through : str
        As for `check_through`.

    Raises
    ------
    ValueError
        If one names no outcome, or a bound is no number of 0 or more.
    """
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
    """Raise unless a text is ``none`` or names an outcome that others go through."""
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
        The file.
    questions : DataFrame, optional
        Rows of `list_questions`; by default all of them.
    bounds : mapping, optional
        As in `paradox.paradox_by_outcome`.
    confidence : float, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        One row per question and outcome, with the fields of `ParadoxEstimate` that
        matter, and the words of `judge`; p-values by Holm within a question. Where a
        question cannot be asked the verdict says so and ``note`` why.
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
    """Word every row of a table of differences: here, and nowhere else.

    Parameters
    ----------
    read : Customers
        The file.
    table : DataFrame
        Rows with ``question, outcome, ci_low, ci_high, equivalence_low,
        equivalence_high`` and ``note``.

    Returns
    -------
    DataFrame
        With ``better`` (which way, empty if the mapping does not say), and
        ``verdict, reading, answer`` as `wordings.word_verdict` has them. Of an outcome
        that is the group by another name nothing can be told.
    """
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


def bounds_of(row: object) -> Bounds:
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
        "ever-failed": "whether a customer was ever failed depends on how much she "
        "ordered before and after",
    }[rule.design]
    return f"in the {rule.design} design {why}; follow the order-based one"
