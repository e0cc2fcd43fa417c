"""An order log in the form that counting by customer needs: sorted, in arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research._checks import did_you_mean

FLAGS = ("failed", "complained", "resolved", "response", "left")


@dataclass(frozen=True, slots=True, eq=False)
class OrderLog:
    """Orders sorted by customer and time.

    Attributes
    ----------
    keys : DataFrame
        One row per customer: ``customer``, and ``policy`` if the log has it.
    code : int64 array, shape (n_orders,)
        Row of `keys` that the order belongs to; rising.
    first : int64 array, shape (n_customers + 1,)
        Where each customer's orders begin; the last entry is their number.
    week, amount : float64 array, shape (n_orders,)
        When, in weeks, rising within a customer; how much.
    outcome : int8 array, shape (n_orders,)
        Place in `OUTCOMES_OF_ORDERS`, -1 if unknown.
    complained, left : int8 array or None
        1 yes, 0 no, -1 unknown; None if the log does not say.
    further : dict of str to Series
        Other columns, in the same order.
    start, end : float
        Weeks between which the log is complete.
    """

    keys: pd.DataFrame
    code: NDArray[np.int64]
    first: NDArray[np.int64]
    week: NDArray[np.float64]
    amount: NDArray[np.float64]
    outcome: Answers
    complained: Answers | None
    left: Answers | None
    further: dict[str, pd.Series]
    start: float
    end: float

    @property
    def n_customers(self) -> int:
        """Return how many customers have an order."""
        return len(self.keys)


def sort_log(
    orders: pd.DataFrame,
    *,
    span: tuple[float, float] | None = None,
    keep: Sequence[str] = (),
) -> OrderLog:
    """Check an order log and sort it by customer and time."""
    require_columns(orders, ["customer", "amount", *keep])
    if len(orders) == 0:
        raise ValueError("the order log has no rows; there is nothing to count.")
    week = read_weeks(orders)
    amount = read_amounts(orders["amount"])
    outcome, flags = read_outcomes(orders)
    code, keys = number_customers(orders)
    complained, left = flags.get("complained"), flags.get("left")
    further = {name: orders[name] for name in keep}
    if not is_sorted(code, week):
        # Orders of one moment stay in the order of the file.
        rank = sort_orders(code, week)
        code, week = code[rank], week[rank]
        amount, outcome = amount[rank], outcome[rank]
        complained = None if complained is None else complained[rank]
        left = None if left is None else left[rank]
        further = {name: values.iloc[rank] for name, values in further.items()}
    sizes = np.bincount(code, minlength=len(keys))
    first = np.concatenate([[0], np.cumsum(sizes)])
    refuse_return(code, week, left, keys)
    start, end = check_span(span, week)
    return OrderLog(
        keys, code, first, week, amount, outcome, complained, left, further, start, end
    )


def refuse_return(
    code: NDArray[np.int64],
    week: NDArray[np.float64],
    left: Answers | None,
    keys: pd.DataFrame,
) -> None:
    """Raise if somebody ordered after the order that is said to be their last."""
    if left is None:
        return
    final = np.full(len(keys), -np.inf)
    np.maximum.at(final, code, week)
    wrong = (left == 1) & (week < final[code])
    if wrong.any():
        which = keys["customer"].iloc[code[int(np.argmax(wrong))]]
        raise ValueError(
            f"{len(np.unique(code[wrong])):,} customers ordered after the order that "
            f"'left' says was their last, the first is {which!r}; 'left' is about an "
            "order, yes for the last of a customer who left. If yours says of the "
            "customer whether they left, take it out, or keep it for their last order."
        )


def require_columns(orders: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise if the log lacks a column, naming those it has."""
    held = [str(name) for name in orders.columns]
    for name in names:
        if name not in orders:
            raise ValueError(
                f"the order log has no column {name!r}; it has {held}."
                f"{did_you_mean(name, held)}"
            )


def read_weeks(orders: pd.DataFrame) -> NDArray[np.float64]:
    """Return when each order was, in weeks; dates count from the first of them."""
    if "week" in orders:
        week = pd.to_numeric(orders["week"]).to_numpy(np.float64, na_value=np.nan)
        name = "week"
    elif "time" in orders:
        name, time = "time", orders["time"]
        if not pd.api.types.is_datetime64_any_dtype(time.dtype):
            raise ValueError(
                f"column 'time' is {time.dtype}; give dates (pandas.to_datetime), or "
                "numbers of weeks in a column 'week'."
            )
        week = ((time - time.min()) / pd.Timedelta(weeks=1)).to_numpy(np.float64)
    else:
        raise ValueError(
            "the order log has neither 'week' (numbers) nor 'time' (dates); it has "
            f"{[str(column) for column in orders.columns]}."
        )
    refuse_unknown(name, ~np.isfinite(week))
    return week


def read_amounts(column: pd.Series) -> NDArray[np.float64]:
    """Return the amounts; none may be unknown or negative."""
    amount = pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
    refuse_unknown("amount", ~np.isfinite(amount))
    if (amount < 0.0).any():
        row = int(np.argmax(amount < 0.0))
        raise ValueError(
            f"order {row} (from 0) has amount {amount[row]:g}; amounts are 0 or more. "
            "Take refunds out of the log, or off the order they belong to."
        )
    return amount


def refuse_unknown(name: str, unknown: NDArray[np.bool_]) -> None:
    """Raise if a value without which an order cannot be counted is not there."""
    if unknown.any():
        raise ValueError(
            f"{int(unknown.sum())} orders have no known {name!r}, the first is order "
            f"{int(np.argmax(unknown))} (from 0); leave such orders out and say so."
        )


def read_outcomes(orders: pd.DataFrame) -> tuple[Answers, dict[str, Answers]]:
    """Return what each order came to, and the yes/no columns there are."""
    flags = {name: read_answers(orders[name]) for name in FLAGS if name in orders}
    if "outcome" in orders:
        return read_named_outcomes(orders["outcome"]), flags
    require_columns(orders, ["failed", "resolved"])
    outcome = classify_outcomes(
        flags["failed"],
        resolved=flags["resolved"],
        complained=flags.get("complained"),
        response=flags.get("response"),
    )
    return outcome, flags


def read_named_outcomes(column: pd.Series) -> Answers:
    """Return places in `OUTCOMES_OF_ORDERS` for outcomes given by name."""
    levels = column.astype("category").cat
    places = dict(zip(OUTCOMES_OF_ORDERS, range(NO_ORDER), strict=True))
    strangers = [str(name) for name in levels.categories if name not in places]
    if strangers:
        raise ValueError(
            f"column 'outcome' holds {strangers[:5]}; allowed are "
            f"{list(OUTCOMES_OF_ORDERS)}.{did_you_mean(strangers[0], places)}"
        )
    table = np.array([places[name] for name in levels.categories] + [-1], np.int8)
    return table[levels.codes.to_numpy()]


def read_answers(column: pd.Series) -> Answers:
    """Return a yes/no column as 1, 0 and -1 for unknown."""
    if column.dtype == np.int8 and column.isin((-1, 0, 1)).all():
        return column.to_numpy()
    if column.dtype == np.bool_:
        return column.to_numpy().astype(np.int8)
    known = column.dropna()
    if not known.isin((0, 1)).all():
        strange = known[~known.isin((0, 1))].unique()[:3].tolist()
        raise ValueError(
            f"column {column.name!r} holds {strange}; yes/no columns are True, False "
            "or missing (a file's own words are translated by read_customers)."
        )
    return column.astype("Float64").fillna(-1).to_numpy(np.float64).astype(np.int8)


def number_customers(orders: pd.DataFrame) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Give customers numbers by name, so that the order of rows plays no part."""
    if orders["customer"].isna().any():
        refuse_unknown("customer", orders["customer"].isna().to_numpy())
    code, names = pd.factorize(orders["customer"], sort=True)
    keys = pd.DataFrame({"customer": names})
    if "policy" not in orders:
        return code.astype(np.int64, copy=False), keys
    policy = orders["policy"].astype("category").cat
    both = policy.codes.to_numpy().astype(np.int64) * len(names) + code
    held, code = np.unique(both, return_inverse=True)
    keys = keys.iloc[held % len(names)].reset_index(drop=True)
    dtype = pd.CategoricalDtype(policy.categories)
    keys.insert(0, "policy", pd.Categorical.from_codes(held // len(names), dtype=dtype))
    return code.astype(np.int64, copy=False), keys


def is_sorted(code: NDArray[np.int64], week: NDArray[np.float64]) -> bool:
    """Return whether the orders are sorted by customer and time already."""
    step = np.diff(code)
    return bool((step >= 0).all() and (np.diff(week)[step == 0] >= 0.0).all())


def sort_orders(code: NDArray[np.int64], week: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows by customer, then by time, then as they come."""
    # What np.lexsort((week, code)) returns. Logs mostly come by time already, and
    # whole numbers of 16 bits are sorted without comparing them, several times faster.
    rank: NDArray[np.intp] | None = None
    if (week[1:] < week[:-1]).any():
        rank = np.argsort(week, kind="stable")
    largest = int(code.max()) if len(code) else 0
    for shift in range(0, max(1, largest.bit_length()), 16):
        piece = (code >> shift).astype(np.uint16)
        if rank is None:
            rank = np.argsort(piece, kind="stable")
        else:
            rank = rank[np.argsort(piece[rank], kind="stable")]
    assert rank is not None, "there is a first shift"
    return rank


def check_span(
    span: tuple[float, float] | None, week: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the weeks of observation, or raise if orders lie outside."""
    seen = (float(week.min()), float(week.max()))
    if span is None:
        return seen
    start, end = (float(value) for value in span)
    if not (math.isfinite(start) and math.isfinite(end) and start < end):
        raise ValueError(f"span is (first week, last week), rising; got {span!r}.")
    if seen[0] < start or seen[1] > end:
        raise ValueError(
            f"orders lie from week {seen[0]:g} to {seen[1]:g}, outside the span "
            f"{start:g} to {end:g}; widen it or leave those orders out."
        )
    return start, end


# The simulation's names and numbers, not imported from it: checking a file should not
# have to load a compiler. A test holds them together.
INDEX_OUTCOMES = ("no_failure", "silent", "recovered", "not_recovered", "no_order")
NO_FAILURE, SILENT, RECOVERED, NOT_RECOVERED, NO_ORDER = range(5)
OUTCOMES_OF_ORDERS = INDEX_OUTCOMES[:NO_ORDER]
# Answers with three values: blank is unknown, never no.
YES, NO, UNKNOWN = 1, 0, -1

Answers = NDArray[np.int8]


def classify_outcomes(
    failed: Answers,
    *,
    resolved: Answers,
    complained: Answers | None = None,
    response: Answers | None = None,
) -> Answers:
    """Say what each order came to.

    Examples
    --------
    >>> import numpy as np
    >>> failed = np.array([0, 1, 1, 1, 1, -1], dtype=np.int8)
    >>> complained = np.array([0, 0, 1, 1, 1, 1], dtype=np.int8)
    >>> resolved = np.array([0, -1, 1, 0, -1, 1], dtype=np.int8)
    >>> classify_outcomes(failed, complained=complained, resolved=resolved).tolist()
    [0, 1, 2, 3, -1, -1]
    """
    if complained is None:
        spoke = np.full(len(failed), YES, dtype=np.int8)
    else:
        spoke = complained.copy()
    if response is not None:
        # Either suffices; neither is known only where both are known.
        spoke = np.where((spoke == NO) | (response == YES), response, spoke)
    codes = np.full(len(failed), UNKNOWN, dtype=np.int8)
    problem = failed == YES
    codes[failed == NO] = NO_FAILURE
    codes[problem & (spoke == NO)] = SILENT
    codes[problem & (spoke == YES) & (resolved == NO)] = NOT_RECOVERED
    codes[problem & (resolved == YES)] = RECOVERED
    return codes
