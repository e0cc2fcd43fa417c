"""What was read of a file, put together as a table of customers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.index_orders import (
    COVARIATES,
    OUTCOMES,
    customers_from_orders,
)
from recovery_research.analysis.order_logs import (
    OUTCOMES_OF_ORDERS,
    UNKNOWN,
    YES,
    Answers,
    classify_outcomes,
)
from recovery_research.customer_data.cells import Cells, name_keys
from recovery_research.customer_data.columns import Reading
from recovery_research.customer_data.dates import COUNTED, read_moment
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import Field, FileMapping
from recovery_research.customer_data.order_lines import (
    add_up_lines,
    count_observed,
    doubt_lines,
    number_orders,
    tell_lines,
)

# How good a recovery was, by the file's own measure.
QUALITY = "recovery_quality"
Made = tuple[pd.DataFrame, pd.DataFrame | None, float | None]


def make_table(reading: Reading) -> Made:
    """Put a table of customers together."""
    if reading.mapping.shape == "orders":
        return make_from_orders(reading)
    if reading.mapping.shape == "complaints":
        return make_from_complaints(reading)
    return make_from_customers(reading)


def make_from_customers(reading: Reading) -> Made:
    """Put a customer table together."""
    code = read_outcome_codes(reading, "problem")
    problem = reading.part("problem")
    if problem is not None:
        column = reading.mapping.columns["problem"]
        reading.set_aside(problem == UNKNOWN, column, f"{column} is unknown")
    role = "group" if "group" in reading.parts else "resolved"
    column = reading.mapping.columns[role]
    what = "the group" if role == "group" else "what came of the problem"
    left_out = (code == UNKNOWN) & (
        np.ones(len(code), bool) if problem is None else problem != UNKNOWN
    )
    reading.set_aside(left_out, column, f"{what} is unknown")
    weeks, end_week = read_weeks(reading)
    columns = start_columns(reading, "customer")
    kept = reading.kept
    columns["index_outcome"] = pd.Categorical.from_codes(
        code[kept], list(OUTCOMES_OF_ORDERS)
    )
    if "severity" in reading.parts:
        columns["index_severity"] = reading.held("severity")[kept]
    if "quality" in reading.parts:
        columns[QUALITY] = reading.held("quality")[kept]
    if "complained" in reading.parts:
        columns["index_complained"] = as_yes_no(reading.held("complained")[kept])
    columns |= weeks | read_fields(reading)
    return pd.DataFrame(columns, copy=False), None, end_week


def make_from_complaints(reading: Reading) -> Made:
    """Put a complaint table together: the answer is the group."""
    answer = reading.parts["answer"]
    # Who complained, where the file says it: several complaints of one customer are
    # no several customers. Else each complaint is a customer of its own.
    role = "customer" if "customer" in reading.parts else "complaint"
    columns = start_columns(reading, role)
    control = reading.mapping.control
    order = [control, *(level for level in answer.levels if level != control)]
    columns["index_outcome"] = pd.Categorical(
        np.array([*answer.levels, None], dtype=object)[answer.content[reading.kept]],
        categories=order,
    )
    return pd.DataFrame(columns | read_fields(reading), copy=False), None, None


def make_from_orders(reading: Reading) -> Made:
    """Put the orders together and make them into customers."""
    rule, kept = reading.mapping.order_rule(), reading.kept
    tell_touched(reading)
    doubt_lines(reading)
    lines = number_orders(reading)
    columns = {"customer": name_keys(reading.parts["customer"], kept)}
    week, span = shift_weeks(reading, reading.held("time"))
    columns |= {"week": week[kept], "amount": reading.held("amount")[kept]}
    codes = read_outcome_codes(reading, "failed")[kept]
    columns["outcome"] = pd.Categorical.from_codes(codes, list(OUTCOMES_OF_ORDERS))
    for role in ("complained", "left"):
        if role in reading.parts:
            columns[role] = reading.held(role)[kept]
    if "severity" in reading.parts:
        columns["severity"] = reading.held("severity")[kept]
    further = [each.name for each in reading.mapping.covariates]
    if "quality" in reading.parts:
        columns[QUALITY] = reading.held("quality")[kept]
        further.append(QUALITY)
    columns |= read_fields(reading)
    orders = pd.DataFrame(columns, copy=False)
    if orders.empty:
        return orders, orders, None
    if lines is not None:
        tell_lines(reading, lines)
        orders = add_up_lines(orders, lines[kept], first=rule.lines == "first")
    try:
        customers = customers_from_orders(
            orders, design=rule.design, followup_weeks=rule.followup_weeks,
            index=rule.index, seed=rule.seed, span=span, day=read_day(reading, week),
            keep=further,
        )  # fmt: skip
    except ValueError as error:
        raise CustomerFileError(f"{reading.raw.name}: {error}") from None
    return customers, orders, span[1]


def read_day(reading: Reading, week: NDArray[np.float64]) -> float | None:
    """Return the week on which groups are formed, None if the mapping names no day."""
    named = reading.mapping.order_rule().day
    if named is None:
        return None
    try:
        moment = read_moment(named, reading.mapping.time)
    except ValueError as error:
        name = reading.mapping.name
        raise CustomerFileError(f"{name}, [orders] day: {error}") from None
    # Weeks may have been counted from the start; the day is counted with them.
    place = int(np.argmax(reading.kept))
    return moment + float(week[place] - reading.held("time")[place])


def read_outcome_codes(reading: Reading, problem: str) -> Answers:
    """Return the place in `OUTCOMES_OF_ORDERS` of each row, -1 if unknown."""
    if "group" in reading.parts:
        cells = reading.parts["group"]
        places = {
            word: OUTCOMES_OF_ORDERS.index(group)
            for group, words in reading.mapping.groups.items()
            for word in words
        }
        table = [places[level] for level in cells.levels]
        return np.array([*table, UNKNOWN], dtype=np.int8)[cells.content]
    return classify_outcomes(
        reading.held(problem),
        resolved=reading.held("resolved"),
        complained=reading.part("complained"),
        response=reading.part("response"),
    )


def start_columns(reading: Reading, role: str) -> dict[str, object]:
    """Return the column of names, if the file has one."""
    if role not in reading.parts:
        return {}
    return {"customer": name_keys(reading.parts[role], reading.kept)}


def read_fields(reading: Reading) -> dict[str, object]:
    """Return outcomes and covariates of the rows kept."""
    kinds = {
        each.name: each.kind
        for each in (*reading.mapping.outcomes, *reading.mapping.covariates)
    }
    kinds |= {each.name_before: each.kind for each in reading.mapping.outcomes}
    return {
        name: as_column(cells, kinds[name], reading.kept)
        for name, cells in reading.fields.items()
    }


def as_column(cells: Cells, kind: str, kept: NDArray[np.bool_]) -> object:
    """Return one column of the table of customers."""
    if kind == "yes_no":
        return as_yes_no(cells.content[kept])
    if kind == "category":
        return pd.Categorical.from_codes(cells.content[kept], list(cells.levels))
    return cells.content[kept]


def as_yes_no(answers: Answers) -> pd.arrays.BooleanArray:
    """Return answers as a nullable yes/no column."""
    return pd.arrays.BooleanArray(answers == YES, answers == UNKNOWN)


def shift_weeks(
    reading: Reading, moment: NDArray[np.float64], *others: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return the first moments counted from the start, and the weeks observed."""
    rule, name = reading.mapping.time, reading.raw.name
    kept = reading.kept
    seen = np.concatenate([m[kept] for m in (moment, *others) if m is not None])
    seen = seen[~np.isnan(seen)]
    if not len(seen):
        return moment, (0.0, 1.0)
    try:
        named, until = (read_moment(each, rule) for each in (rule.start, rule.end))
    except ValueError as error:
        raise CustomerFileError(f"{reading.mapping.name}, [time]: {error}") from None
    first, last = float(seen.min()), float(seen.max())
    for given, wrong, word in (
        (named, named is not None and first < named, "start"),
        (until, until is not None and last > until, "end"),
    ):
        if wrong:
            raise CustomerFileError(
                f"{name}: rows lie before or after the {word} that the mapping names, "
                f"{getattr(rule, word)!r}, by up to "
                f"{max(last - (until or last), (named or first) - first):.1f} weeks; "
                f"correct [time] {word}."
            )
        del given
    start = first if named is None else named
    end = last if until is None else until
    origin = 0.0 if rule.unit in COUNTED else start
    return moment - origin, (start - origin, end - origin)


def read_weeks(reading: Reading) -> tuple[dict[str, NDArray[np.float64]], float | None]:
    """Return index week and leaving week of a customer table, if it has them."""
    if "left" in reading.parts:
        return count_observed(reading)
    order, left = reading.part("order_time"), reading.part("left_time")
    if order is None:
        return {}, None
    week, (_, end) = shift_weeks(reading, order, left)
    columns = {"index_week": week[reading.kept]}
    if left is not None:
        columns["left_week"] = (left - (order - week))[reading.kept]
    return columns, end


def tell_touched(reading: Reading) -> None:
    """Tell how many customers are counted without some of their orders."""
    customer, kept = reading.held("customer"), reading.kept
    lost = pd.unique(customer[~kept])
    lost = lost[lost >= 0] if reading.parts["customer"].levels else lost
    if not len(lost):
        return
    touched = pd.unique(customer[kept & np.isin(customer, lost)])
    if len(touched):
        reading.add_doubt(
            "orders lost",
            reading.mapping.columns["customer"],
            f"{len(touched):,} customers are counted without those of their orders "
            "that were set aside",
            n_rows=len(touched),
        )


def list_fields(
    mapping: FileMapping, customers: pd.DataFrame
) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """Return outcomes and covariates, those counted from an order log included."""
    if mapping.shape != "orders":
        return mapping.outcomes, mapping.covariates
    # Of each of them more is better: spending, ordering, being there still.
    outcomes = tuple(
        Field(name, name, "yes_no", limits=(0.0, 1.0), better="high")
        if name != "followup_spend"
        else Field(name, name, "amount", before=f"{name}_before", better="high")
        for name in OUTCOMES
        if name in customers
    )
    # On a day, having had problems is what tells the groups apart.
    useless = (
        "prior_failures" if mapping.order_rule().design == "customer-based" else ""
    )
    counted = tuple(
        Field(name, name, "number")
        for name in COVARIATES
        if name in customers and name != useless
    )
    return outcomes, counted + mapping.covariates


def count_flow(reading: Reading, customers: pd.DataFrame) -> pd.DataFrame:
    """Account for every row: read, set aside by reason, analysed."""
    units = {"customers": "customers", "orders": "orders", "complaints": "complaints"}
    unit = units[reading.mapping.shape]
    broken = len(reading.raw.broken)
    rows = [(unit, "read", "", len(reading.raw.rows) + broken)]
    if broken:
        rows.append((unit, "set aside", "a row of too many or too few fields", broken))
    counts = np.bincount(reading.reason[~reading.kept], minlength=len(reading.reasons))
    for reason, n in zip(reading.reasons, counts, strict=True):
        if n:
            rows.append((unit, "set aside", reason, int(n)))
    rows.append((unit, "analysed", "", int(reading.kept.sum())))
    if reading.mapping.shape == "orders" and len(customers):
        n_orders = int(customers["n_orders"].sum())
        if n_orders < reading.kept.sum():
            rows.append((unit, "made", "orders, out of their lines", n_orders))
        rows += count_customers(customers, reading.mapping.order_rule().design)
    return pd.DataFrame(rows, columns=["unit", "step", "reason", "n"])


def count_customers(
    customers: pd.DataFrame, design: str
) -> list[tuple[str, str, str, int]]:
    """Account for every customer made from an order log."""
    group = customers["index_outcome"]
    late = int((group == "no_order").sum())
    unknown = int(group.isna().sum())
    rows = [("customers", "made", "from the orders", len(customers))]
    reasons = (
        ("no order before the day, or left before it",
         "what became of their orders before the day is unknown")
        if design == "customer-based"
        else ("no order from the drawn day on",
              "what the index order came to is unknown")
    )  # fmt: skip
    for n, reason in zip((late, unknown), reasons, strict=True):
        if n:
            rows.append(("customers", "not compared", reason, n))
    return [*rows, ("customers", "analysed", "", len(customers) - late - unknown)]
