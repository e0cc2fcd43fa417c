"""Rows that cannot be: set aside with their reason, never repaired."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.order_logs import NO, YES
from recovery_research.customer_data.columns import Reading
from recovery_research.customer_data.order_lines import match_returns

# Moments in the order in which they must come, by shape.
ORDER_OF_EVENTS = (
    ("complaint_time", "order_time", "complained before the order"),
    ("complaint_time", "time", "complained before the order"),
    ("resolved_time", "complaint_time", "resolved before the complaint"),
    ("resolved_time", "order_time", "resolved before the order"),
    ("resolved_time", "time", "resolved before the order"),
    ("left_time", "order_time", "left before the order"),
)


# Rows that cannot be, the column that says so, and the reason.
Impossible = tuple[NDArray[np.bool_], str, str]


def set_aside_impossible(reading: Reading) -> None:
    """Set aside the rows that cannot be, or that cannot be told apart."""
    for find in (
        find_unknown,
        find_contradictions,
        find_disorder,
        match_returns,
        find_amounts,
        find_beyond_limits,
        find_repeats,
    ):
        # One after another: some look only at the rows that are left by then.
        for wrong, column, reason in find(reading):
            reading.set_aside(wrong, column, reason)


def find_unknown(reading: Reading) -> Iterator[Impossible]:
    """Find rows without a value that nothing can be said without."""
    need = {"orders": ("customer", "time", "amount"), "complaints": ("answer",)}
    for role in need.get(reading.mapping.shape, ()):
        values = reading.part(role)
        if values is None:
            continue
        is_number = values.dtype.kind == "f"
        if is_number or reading.parts[role].levels:
            unknown = np.isnan(values) if is_number else values < 0
            yield unknown, reading.mapping.columns[role], f"{role} is unknown"


def find_contradictions(reading: Reading) -> Iterator[Impossible]:
    """Find problems' consequences without a problem."""
    columns = reading.mapping.columns
    problem = "problem" if "problem" in columns else "failed"
    failed = reading.part(problem)
    if failed is None:
        return
    for role in ("resolved", "complained", "response"):
        said = reading.part(role)
        if said is not None:
            name = {"response": "answered"}.get(role, role)
            wrong = (failed == NO) & (said == YES)
            yield wrong, columns[role], f"{name} without a problem"
    severity = reading.part("severity")
    if severity is not None:
        wrong = (failed == NO) & (severity > 0.0)
        yield wrong, columns["severity"], "severity without a problem"


def find_disorder(reading: Reading) -> Iterator[Impossible]:
    """Find rows whose moments come in an order that cannot be."""
    if reading.mapping.shape == "complaints":
        doubt_disorder(reading)
        return
    for later, earlier, reason in ORDER_OF_EVENTS:
        after, before = reading.part(later), reading.part(earlier)
        if after is not None and before is not None:
            column = reading.mapping.columns[later]
            yield after < before, column, reason


def doubt_disorder(reading: Reading) -> None:
    """Tell answers dated before their complaint; nothing is computed from dates."""
    after, before = reading.part("answer_time"), reading.part("complaint_time")
    if after is None or before is None or not (after < before).any():
        return
    wrong = after < before
    reading.add_doubt(
        "dates unused",
        reading.mapping.columns["answer_time"],
        f"{int(wrong.sum())} rows are dated before their complaint; they are kept, no "
        "analysis here uses the dates",
        place=int(np.argmax(wrong)),
        n_rows=int(wrong.sum()),
    )


def find_amounts(reading: Reading) -> Iterator[Impossible]:
    """Find negative amounts, and shares outside 0 to 1."""
    mapping = reading.mapping
    amounts = {
        each.column: reading.fields[each.name].content
        for each in (*mapping.outcomes, *mapping.covariates)
        if each.kind == "amount"
    }
    for each in mapping.outcomes:
        if each.kind == "amount" and each.before:
            amounts[each.before] = reading.fields[each.name_before].content
    if "amount" in mapping.columns:
        amounts[mapping.columns["amount"]] = reading.held("amount")
    for column, values in amounts.items():
        negative = (values < 0.0) & reading.kept
        yield values < 0.0, column, f"{column} is negative"
        if reading.mapping.shape == "orders" and negative.any():
            reading.add_doubt(
                "returns",
                column,
                "negative amounts are set aside, and what was spent before stays as it "
                'is. If they are returns, write [orders] returns = "match": each is '
                "taken off the order it belongs to",
                n_rows=int(negative.sum()),
            )
    severity = reading.part("severity")
    if severity is not None:
        wrong = (severity < 0.0) | (severity > 1.0)
        column = mapping.columns["severity"]
        yield wrong, column, f"{column} is outside 0 to 1"


def find_beyond_limits(reading: Reading) -> Iterator[Impossible]:
    """Find outcomes that are beyond what the mapping says they can be."""
    for each in reading.mapping.outcomes:
        if each.limits is None or each.kind == "yes_no":
            continue
        low, high = each.limits
        columns = {each.name: each.column, each.name_before: each.before}
        for name, column in columns.items():
            if name in reading.fields:
                values = reading.fields[name].content
                beyond = (values < low) | (values > high)
                reason = f"{column} is outside {low:g} to {high:g}"
                yield beyond, column, reason


def find_repeats(reading: Reading) -> Iterator[Impossible]:
    """Find rows that repeat the name of another.

    Equal rows: all but the first. Rows that differ: all, since none can be trusted
    more than the others.
    """
    roles = {"customers": "customer", "orders": "order", "complaints": "complaint"}
    role = roles[reading.mapping.shape]
    names = reading.part(role)
    if names is None:
        return
    column = reading.mapping.columns[role]
    known = names >= 0 if reading.parts[role].levels else np.ones(len(names), bool)
    if not known.all():
        tell_nameless(reading, column, known)
    places = np.flatnonzero(known & reading.kept)
    repeated = pd.Series(names[places]).duplicated(keep=False).to_numpy()
    places = places[repeated]
    if not len(places):
        return
    same = find_same(reading, names[places], places)
    differs = ~same_group(names[places], same)
    if role == "order" and reading.mapping.order_rule().lines != "apart":
        differs &= ~are_lines(reading, names[places], places)
    for chosen, reason in (
        (same, f"repeats an earlier row with the same {column}"),
        (differs, f"{column} stands in rows that differ"),
    ):
        wrong = np.zeros(len(names), dtype=bool)
        wrong[places[chosen]] = True
        yield wrong & reading.kept, column, reason


def are_lines(
    reading: Reading, names: NDArray, places: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mark the rows of orders whose rows agree in customer and moment."""
    agree = np.ones(len(places), dtype=bool)
    for role in ("customer", "time"):
        values = pd.Series(reading.held(role)[places]).groupby(names)
        agree &= (values.transform("min") == values.transform("max")).to_numpy()
    return agree


def find_same(
    reading: Reading, names: NDArray, places: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mark the rows that equal, in all columns there are, the first of their name."""
    marks = mark_rows(reading, places)
    same = pd.Series(marks).groupby(names).transform("first").to_numpy() == marks
    return same & pd.Series(names).duplicated().to_numpy()


def mark_rows(reading: Reading, places: NDArray[np.int64]) -> NDArray:
    """Return a number for each row that is the same where all its columns are."""
    raw = reading.raw
    if raw.marks is not None:
        return raw.marks[places]
    # Also the columns that no part of the mapping reads: two payments are two.
    whole = raw.whole() if raw.whole is not None else raw
    table = whole.table.take(places).to_pandas().astype(object)
    return pd.util.hash_pandas_object(
        table.fillna("").astype(str), index=False
    ).to_numpy()


def same_group(names: NDArray, same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the rows of names of which all rows after the first equal the first."""
    first = ~pd.Series(names).duplicated().to_numpy()
    alike = pd.Series(same | first).groupby(names).transform("all")
    return alike.to_numpy()


def tell_nameless(reading: Reading, column: str, known: NDArray[np.bool_]) -> None:
    """Tell that some rows have no name, so that repeats among them go unseen."""
    reading.add_doubt(
        "nameless",
        column,
        f"{int((~known).sum()):,} rows have none; whether they repeat one another "
        "cannot be seen, and they are kept",
        place=int(np.argmin(known)),
        n_rows=int((~known).sum()),
    )
