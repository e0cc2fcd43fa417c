"""Lines of orders: found where rows share an order, and added up into orders."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.order_logs import (
    NO_FAILURE,
    NOT_RECOVERED,
    RECOVERED,
    SILENT,
    UNKNOWN,
    YES,
)
from recovery_research.customer_data.columns import Reading, count_rows

# Rows that share customer and moment, as a share of all, that chance explains.
BY_CHANCE = 0.001
# Of longer logs one customer in so many is looked at first.
SAMPLE, ONE_IN = 200_000, 16


def number_orders(reading: Reading) -> NDArray[np.int64] | None:
    """Return which order each row is of, None if every row is one of its own.

    With an order's name rows of one name are lines of it, if they agree in customer
    and moment; without one, rows of one customer and moment are, where the mapping
    says so.
    """
    lines = reading.mapping.order_rule().lines
    if lines == "apart" or ("order" not in reading.parts and not lines):
        return None
    columns = [reading.held("customer"), reading.held("time")]
    if "order" in reading.parts:
        names = reading.held("order")
        nameless = (
            names < 0
            if reading.parts["order"].levels
            else np.zeros(len(names), np.bool_)
        )
        columns = [np.where(nameless, -1 - np.arange(len(names)), names), nameless]
    frame = pd.DataFrame(dict(enumerate(columns)), copy=False)
    return frame.groupby([*frame], sort=False, dropna=False).ngroup().to_numpy()


def doubt_lines(reading: Reading) -> None:
    """Tell rows that share customer and moment and are taken for orders."""
    if reading.mapping.order_rule().lines or "order" in reading.parts:
        return
    customer, time = reading.held("customer"), reading.held("time")
    is_kept = reading.kept
    if np.count_nonzero(is_kept) > SAMPLE:
        # First with some of the customers, whole: most logs need no more.
        some = np.flatnonzero((customer % ONE_IN == 0) & is_kept)
        if share_moment(customer[some], time[some]).sum() <= BY_CHANCE * len(some):
            return
    kept = np.flatnonzero(is_kept)
    again = share_moment(customer[kept], time[kept])
    n = int(again.sum())
    if n <= BY_CHANCE * len(kept):
        return
    reading.add_doubt(
        "lines",
        reading.mapping.columns["time"],
        f"{count_rows(n)} share customer and moment with another. Each is taken for an "
        "order of its own, so that a customer buys again at once; if they are lines of "
        'one order, write [orders] lines = "sum" (they are added up) or lines = '
        '"first" (each repeats the order\'s total), and lines = "apart" if they are '
        "orders",
        place=int(kept[np.argmax(again)]),
        n_rows=n,
    )


def share_moment(customer: NDArray, time: NDArray) -> NDArray[np.bool_]:
    """Mark the rows that share customer and moment with another."""
    keys = pd.DataFrame({"customer": customer, "time": time}, copy=False)
    return keys.duplicated(keep=False).to_numpy()


def tell_lines(reading: Reading, order: NDArray[np.int64]) -> None:
    """Tell how many orders have several rows, and what is done with them."""
    sizes = np.bincount(order[reading.kept])
    several = sizes[sizes > 1]
    if not len(several) or reading.mapping.order_rule().lines:
        return
    reading.add_doubt(
        "summed",
        reading.mapping.columns["order"],
        f"{len(several):,} orders have several rows ({int(several.sum()):,} in all), "
        "not equal: they are taken for its lines or payments and added up. If each row "
        'repeats the order\'s total, write [orders] lines = "first", or lines = "sum" '
        "so that this is not asked again",
        n_rows=int(several.sum()),
    )


def add_up_lines(
    orders: pd.DataFrame, order: NDArray[np.int64], *, first: bool
) -> pd.DataFrame:
    """Return one row an order out of one row a line."""
    if len(np.unique(order)) == len(order):
        return orders
    _, place = np.unique(order, return_index=True)
    rank = pd.factorize(order, sort=True)[0]
    made = orders.groupby(rank, sort=True, observed=True).first()
    made = made[list(orders.columns)]
    for name in orders:
        if isinstance(orders[name].dtype, pd.CategoricalDtype):
            made[name] = pd.Categorical(
                made[name], categories=orders[name].cat.categories
            )
    if not first:
        made["amount"] = np.bincount(rank, weights=orders["amount"])
    codes = orders["outcome"].cat.codes.to_numpy()
    made["outcome"] = pd.Categorical.from_codes(
        join_outcomes(codes, rank, len(place)), orders["outcome"].cat.categories
    )
    for name in ("complained", "left"):
        if name in orders:
            most = np.full(len(place), UNKNOWN, dtype=np.int8)
            np.maximum.at(most, rank, orders[name].to_numpy(np.int8))
            made[name] = most
    if "severity" in orders:
        made["severity"] = orders["severity"].groupby(rank).max()
    # In the order of the file, so that nothing else changes.
    return made.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def join_outcomes(
    codes: NDArray[np.int8], rank: NDArray[np.int64], n_orders: int
) -> NDArray[np.int8]:
    """Return what orders came to whose lines came to several things.

    One line not made good is enough; beside a line of which nobody knows what came of
    it, only that is certain.
    """

    def any_of(code: int) -> NDArray[np.bool_]:
        return np.bincount(rank, weights=codes == code, minlength=n_orders) > 0

    worst = any_of(NOT_RECOVERED)
    silent, good, unknown = any_of(SILENT), any_of(RECOVERED), any_of(UNKNOWN)
    joined = np.full(n_orders, NO_FAILURE, dtype=np.int8)
    joined[good] = RECOVERED
    joined[silent] = SILENT
    joined[unknown] = UNKNOWN
    joined[worst | (silent & good)] = NOT_RECOVERED
    return joined


def match_returns(
    reading: Reading,
) -> Iterator[tuple[NDArray[np.bool_], str, str]]:
    """Take returns, negative rows, off the order that they belong to; yield them.

    The order of the same name, or else the customer's latest order, before, of just
    that amount; each order takes one return. What finds none is set aside.
    """
    if (
        reading.mapping.shape != "orders"
        or reading.mapping.order_rule().returns != "match"
    ):
        return
    amount = reading.held("amount")
    column = reading.mapping.columns["amount"]
    negative = (amount < 0.0) & reading.kept
    if not negative.any():
        return
    customer, week = reading.held("customer"), reading.held("time")
    bought = np.flatnonzero((amount > 0.0) & reading.kept)
    names = reading.part("order")
    places: dict[tuple, list[int]] = {}
    for k in bought[np.argsort(week[bought], kind="stable")].tolist():
        places.setdefault((customer[k], amount[k]), []).append(k)
    by_name = (
        {} if names is None else {(customer[k], names[k]): k for k in bought.tolist()}
    )
    matched = np.zeros(len(amount), dtype=np.bool_)
    returns = np.flatnonzero(negative)
    for k in returns[np.argsort(week[returns], kind="stable")].tolist():
        own = None if names is None else by_name.get((customer[k], names[k]))
        if own is not None and week[own] <= week[k] and amount[own] + amount[k] >= 0.0:
            amount[own] += amount[k]
            matched[k] = True
            continue
        held = places.get((customer[k], -amount[k]), [])
        before = [p for p in held if week[p] <= week[k] and amount[p] == -amount[k]]
        if before:
            amount[before[-1]] = 0.0
            held.remove(before[-1])
            matched[k] = True
    yield matched, column, "a return, taken off the order it belongs to"
    yield negative & ~matched, column, "a return whose order is not found"


# In a week.
MICROSECONDS = 7.0 * 86400.0 * 1e6


def count_observed(
    reading: Reading,
) -> tuple[dict[str, NDArray[np.float64]], float | None]:
    """Return index and leaving weeks of customers observed for so long each.

    All are put at one end: whoever was observed for 7 weeks began 7 before it, and
    left there or was still a customer. Only how long it was is known, and counts.
    """
    weeks, left = reading.part("weeks_observed"), reading.held("left")
    column = reading.mapping.columns.get("weeks_observed", "")
    if weeks is None:
        column = reading.mapping.columns["observed_until"]
        weeks = reading.held("observed_until") - reading.held("order_time")
        # Equal spans of time are equal numbers, from whatever day they are counted.
        weeks = np.round(weeks * MICROSECONDS) / MICROSECONDS
    reading.set_aside(weeks < 0.0, column, "observed for less than no time")
    reading.set_aside(np.isnan(weeks), column, "how long it was observed is unknown")
    name = reading.mapping.columns["left"]
    reading.set_aside(left == UNKNOWN, name, f"{name} is unknown")
    if not reading.kept.any():
        return {}, None
    end = float(weeks[reading.kept].max())
    leaving = np.where(left == YES, end, np.nan)
    columns = {"index_week": end - weeks, "left_week": leaving}
    return {key: values[reading.kept] for key, values in columns.items()}, end
