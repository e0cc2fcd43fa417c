"""An order log cut into spells at risk: one an order, in the state it ended in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.groups import FAILED, observed_levels, require_column
from recovery_research.analyses.times import at_most

ENDINGS = ("no_failure", *FAILED)
CLOCKS = ("orders", "weeks")
# Weeks (ten minutes). Somebody who leaves with an order leaves just after it, in the
# state it ended in.
JUST_AFTER = 1e-3


def tabulate_spells(
    orders: pd.DataFrame,
    customers: pd.DataFrame,
    *,
    end_week: float,
    clock: str | None = None,
) -> pd.DataFrame:
    """Cut each customer's time into spells, one an order, each in one state.

    Parameters
    ----------
    orders : DataFrame
        The order log: `customer`, `week`, `outcome` (``no_failure``, ``silent``,
        ``recovered``, ``not_recovered``; blank if unknown); one policy. If it has
        `left`, a blank there for a customer's last order says that nobody knows.
    customers : DataFrame
        `customer`, `left_week` (blank if never seen to leave); one row each.
    end_week : float
        Week the observation ends.
    clock : {"orders", "weeks"}, optional
        What risk is counted against. ``orders`` where customers leave with an order,
        the week of leaving being that of the last order: then there is one risk an
        order, and the clock is the number of the order. ``weeks`` where they leave
        between orders: then the clock is the weeks since the latest order. By default
        ``orders`` if everybody seen to leave left with an order.

    Returns
    -------
    DataFrame
        One row per order: `customer, order` (1 is the first), `start, stop`, `left`
        (after this order, before another), and the state, this order included, as
        0/1: `silent`, `recovered`, `not_recovered` (how the customer's last failure
        ended; all 0 before the first) and `repeat_failure` (whether it was not the
        first); then `failed` (this order) and `weeks_known` (since the first order).
        With ``orders`` a row goes from ``order - 1`` to ``order``; with ``weeks`` from
        0 to the weeks until the next order, leaving or the end. The state is blank at
        an order whose outcome is unknown; later states are those of what is known.

    Raises
    ------
    ValueError
        If a column or a customer is not there, an outcome or week is impossible, a
        customer ordered after leaving, or ``clock="orders"`` and somebody left
        between orders.

    Notes
    -----
    Whoever orders more often is failed more often, and has more occasions to leave.
    Against the calendar the state of being failed therefore goes with leaving where
    failures do nothing at all (hazard ratios of 1.5 in such worlds). Among customers
    with the same number of orders how many of these failed is chance, whatever each
    customer's own rate of buying and of leaving: `fit_leaving` compares within that
    number.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer": [1, 1, 1], "week": [0.0, 3.0, 5.0],
    ...                        "outcome": ["no_failure", "recovered", "no_failure"]})
    >>> customers = pd.DataFrame({"customer": [1], "left_week": [5.0]})
    >>> spells = tabulate_spells(orders, customers, end_week=20.0)
    >>> spells[["start", "stop", "left", "recovered"]].to_numpy().tolist()
    [[0.0, 1.0, False, 0], [1.0, 2.0, False, 1], [2.0, 3.0, True, 1]]
    """
    _check_log(orders, customers, end_week)
    log, ids = _sort_orders(orders, end_week)
    code, week = log["code"].to_numpy(), log["week"].to_numpy(np.float64)
    opening = np.diff(code, prepend=-1) != 0
    last = np.diff(code, append=-1) != 0
    first = np.maximum.accumulate(np.where(opening, np.arange(len(log)), 0))
    leaving = _find_leaving(ids, customers)[code]
    gone = at_most(leaving, end_week)
    _refuse_return(ids, code, week, leaving)
    between = gone & last & ~at_most(leaving, week)
    number = np.arange(len(log)) - first + 1
    spells = pd.DataFrame({"customer": ids.take(code), "order": number})
    if choose_clock(clock, ids.take(code[between])) == "orders":
        spells["start"], spells["stop"] = number - 1.0, number.astype(np.float64)
    else:
        after = np.where(gone, leaving, end_week)
        until = np.where(last, after, np.r_[week[1:], 0.0])
        spells["start"] = 0.0
        spells["stop"] = np.maximum(until - week, JUST_AFTER)
    spells["left"] = gone & last
    if "left" in log:
        unknown = log["left"].isna().to_numpy() & last & ~gone
        if unknown.any():
            spells["left"] = spells["left"].astype("boolean").mask(unknown)
    states = _name_states(log["ending"].to_numpy(), first)
    spells = pd.concat([spells, states], axis=1)
    return spells.assign(weeks_known=week - week[first])


def choose_clock(clock: str | None, between: NDArray) -> str:
    """Return the clock: that of orders, unless customers left between orders."""
    if clock not in (None, *CLOCKS):
        raise ValueError(f"clock is one of {list(CLOCKS)} or None; got {clock!r}.")
    if clock == "orders" and len(between):
        raise ValueError(
            f"{len(between):,} customers left later than their last order, the first "
            f"is {between[0]!r}: they were at risk between orders. Write "
            "clock='weeks'."
        )
    return clock or ("weeks" if len(between) else "orders")


def _sort_orders(
    orders: pd.DataFrame, end_week: float
) -> tuple[pd.DataFrame, pd.Index]:
    """Sort orders by customer and time; those of one moment by what came of them.

    Customers become places in a sorted list, which is returned too, and outcomes
    places in `ENDINGS`, -1 if unknown.
    """
    log = orders[at_most(orders["week"], end_week)]
    code, ids = pd.factorize(log["customer"], sort=True)
    place, names = pd.factorize(log["outcome"])
    ranks = np.array([*(ENDINGS.index(name) for name in names), -1], dtype=np.int8)
    week, ending = log["week"].to_numpy(np.float64), ranks[place]
    rank = np.lexsort((ending, week, code))
    columns = {"code": code[rank], "week": week[rank], "ending": ending[rank]}
    if "left" in log:
        columns["left"] = log["left"].array.take(rank)
    return pd.DataFrame(columns), pd.Index(ids)


def _find_leaving(ids: pd.Index, customers: pd.DataFrame) -> NDArray[np.float64]:
    """Return the week each customer of the log left, NaN if never seen to."""
    leaving = pd.to_numeric(customers["left_week"]).to_numpy(
        np.float64, na_value=np.nan
    )
    place = pd.Index(customers["customer"]).get_indexer(ids)
    if (place < 0).any():
        raise ValueError(
            f"{int((place < 0).sum())} customers of the order log are not in the "
            "customers table."
        )
    return leaving[place]


def _name_states(ending: NDArray[np.int8], first: NDArray[np.int64]) -> pd.DataFrame:
    """Return how each customer's last failure ended, and whether it was a repeat."""
    place, failed = np.arange(ending.size), ending > 0
    last = np.maximum.accumulate(np.where(failed, place, -1))
    state = np.where(last >= first, ending[np.maximum(last, 0)], 0)
    so_far = np.cumsum(failed)
    number = so_far - so_far[first] + failed[first]
    columns = {name: state == ENDINGS.index(name) for name in FAILED}
    columns |= {"repeat_failure": number > 1, "failed": failed}
    states = pd.DataFrame(columns).astype(np.int64)
    unknown = ending < 0
    if unknown.any():
        states = states.astype(np.float64)
        states.loc[unknown] = np.nan
    return states


def _refuse_return(
    ids: pd.Index,
    code: NDArray[np.int64],
    week: NDArray[np.float64],
    leaving: NDArray[np.float64],
) -> None:
    known = ~np.isnan(leaving)
    wrong = known & ~at_most(week, np.where(known, leaving, 0.0))
    if wrong.any():
        culprit = ids[code[wrong][0]]
        raise ValueError(f"customer {culprit} ordered after she had left.")


def _check_log(orders: pd.DataFrame, customers: pd.DataFrame, end_week: float) -> None:
    for column in ("customer", "week", "outcome"):
        require_column(orders, column)
    for column in ("customer", "left_week"):
        require_column(customers, column)
    if not np.isfinite(end_week):
        raise ValueError(f"end_week is the week the observation ends; got {end_week}.")
    if "policy" in orders and len(observed_levels(orders["policy"])) > 1:
        raise ValueError("the order log holds several policies; choose one first.")
    if customers["customer"].duplicated().any():
        raise ValueError("customers repeat; choose one policy's rows first.")
    strange = sorted(set(map(str, orders["outcome"].dropna().unique())) - {*ENDINGS})
    if strange:
        raise ValueError(f"unknown outcomes {strange}; allowed are {sorted(ENDINGS)}.")
    for column in ("customer", "week"):
        if orders[column].isna().any():
            raise ValueError(
                f"{int(orders[column].isna().sum())} orders have no known {column!r}; "
                "leave such orders out and say so."
            )
