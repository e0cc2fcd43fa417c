"""An order log cut into spells at risk: one an order, in the state it ended in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.groups import FAILED, observed_levels, require_column
from recovery_research.analyses.times import at_most

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
    log = _sort_orders(orders, end_week)
    opening = ~log["customer"].duplicated().to_numpy()
    last = ~log["customer"].duplicated(keep="last").to_numpy()
    week = log["week"].to_numpy(np.float64)
    first = np.maximum.accumulate(np.where(opening, np.arange(len(log)), 0))
    ends = customers.set_index("customer")["left_week"].reindex(log["customer"])
    leaving = pd.to_numeric(ends).to_numpy(np.float64, na_value=np.nan)
    gone = at_most(leaving, end_week)
    _refuse_return(log["customer"], week, leaving)
    between = gone & last & ~at_most(leaving, week)
    number = np.arange(len(log)) - first + 1
    spells = pd.DataFrame({"customer": log["customer"].to_numpy(), "order": number})
    if choose_clock(clock, log["customer"].to_numpy()[between]) == "orders":
        spells["start"], spells["stop"] = number - 1.0, number.astype(np.float64)
    else:
        after = np.where(gone, leaving, end_week)
        until = np.where(last, after, np.r_[week[1:], 0.0])
        spells["start"] = 0.0
        spells["stop"] = np.maximum(until - week, JUST_AFTER)
    left = pd.Series(gone & last)
    if (
        "left" in log
        and (unknown := log["left"].isna().to_numpy() & last & ~gone).any()
    ):
        left = left.astype("boolean").mask(unknown)
    spells["left"] = left
    states = _name_states(log["outcome"], first)
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


def _sort_orders(orders: pd.DataFrame, end_week: float) -> pd.DataFrame:
    """Sort orders by customer and time; those of one moment by what came of them."""
    columns = [
        name for name in ("customer", "week", "outcome", "left") if name in orders
    ]
    log = orders.loc[at_most(orders["week"], end_week), columns]
    rank = {name: place for place, name in enumerate(("no_failure", *FAILED))}
    place = log["outcome"].astype(object).map(rank).fillna(-1.0)
    log = log.assign(place=place.astype(np.float64))
    return log.sort_values(
        ["customer", "week", "place"], kind="stable", ignore_index=True
    )


def _name_states(outcome: pd.Series, first: NDArray[np.int64]) -> pd.DataFrame:
    """Return how each customer's last failure ended, and whether it was a repeat."""
    place = np.arange(len(outcome))
    known = outcome.notna().to_numpy()
    failed = outcome.isin(FAILED).to_numpy()
    last = np.maximum.accumulate(np.where(failed, place, -1))
    ever = last >= first
    ending = outcome.astype(object).to_numpy()[np.maximum(last, 0)]
    so_far = np.cumsum(failed)
    number = so_far - so_far[first] + failed[first]
    columns = {name: ever & (ending == name) for name in FAILED}
    columns |= {"repeat_failure": number > 1, "failed": failed}
    states = pd.DataFrame(columns).astype(np.int64)
    if known.all():
        return states
    states = states.astype(np.float64)
    states.loc[~known] = np.nan
    return states


def _refuse_return(
    customer: pd.Series, week: NDArray[np.float64], leaving: NDArray[np.float64]
) -> None:
    wrong = ~np.isnan(leaving) & ~at_most(
        week, np.where(np.isnan(leaving), 0.0, leaving)
    )
    if wrong.any():
        culprit = customer.to_numpy()[wrong][0]
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
    known = {"no_failure", *FAILED}
    strange = sorted(set(map(str, orders["outcome"].dropna().unique())) - known)
    if strange:
        raise ValueError(f"unknown outcomes {strange}; allowed are {sorted(known)}.")
    for column in ("customer", "week"):
        if orders[column].isna().any():
            raise ValueError(
                f"{int(orders[column].isna().sum())} orders have no known {column!r}; "
                "leave such orders out and say so."
            )
    strangers = ~orders["customer"].isin(customers["customer"])
    if strangers.any():
        raise ValueError(
            f"{orders.loc[strangers, 'customer'].nunique()} customers of the order log "
            "are not in the customers table."
        )
