"""Before and after the index order: two groups, period by period."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.event_study import (
    MOMENT,
    EventStudy,
    check_periods,
    follow_cohorts,
)
from recovery_research.analysis.groups import observed_levels, require_column
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.pretrends import Cohorts


def study_index(
    orders: pd.DataFrame,
    customers: pd.DataFrame,
    *,
    end_week: float,
    start_week: float = 0.0,
    period_weeks: float = 4.0,
    first: int = -3,
    last: int = 3,
    treated: str = "recovered",
    control: str = "no_failure",
    confidence: float = 0.95,
) -> EventStudy:
    """Follow spend around the index order, treated against control.

    Both groups placed an order then, so that ordering itself is no difference between
    them. Each customer is compared with herself in the period before.

    Parameters
    ----------
    orders : DataFrame
        The order log of one policy: `customer, week, amount`.
    customers : DataFrame
        `customer, index_week, index_outcome`, one row each; from
        `customers_from_orders` in the order-based design with drawn index orders (see
        the notes).
    end_week, start_week : float, optional
        Observation. Customers whose periods do not lie within it whole are left out.
    period_weeks : float, optional
        Length of a period. Period 0 begins with the index order, -1 ends with it; the
        order itself, and others of the same moment, are not counted.
    first, last : int, optional
        Periods to show; `first` is -1 or less.
    treated, control : str, optional
        Index outcomes.
    confidence : float, optional
        Level of the pointwise intervals.

    Returns
    -------
    EventStudy
        Differences in spend per period, treated minus control, both less their own
        period -1, with the limits of `paradox.paradox`. Its pre-trend test (the
        statistic is a T-squared) asks whether the groups were drifting apart before
        anything happened; NaN, and `note` says so, if too little varies.

    Raises
    ------
    ValueError
        If a column is not there, customers repeat or have no order in the log, the
        log holds several policies or unknown weeks or amounts, or a group has fewer
        than two customers whose periods were all observed.

    See Also
    --------
    event_study.study_event : by calendar period, against the never failed.

    Notes
    -----
    Which customers are left out depends on the index week alone.

    Only in the order-based design do the groups differ in nothing but how the index
    order went. Where whoever was *ever* failed is compared, or whoever was failed
    before a day, the groups are chosen by how much they ordered: drawing failures at
    random among orders, so that they did nothing, gave differences of five and more
    standard errors in the periods after, and a pre-trend test that saw nothing.

    The pre-trend test is that of `pretrends.measure_pretrend`: in small groups by
    dealing customers to the groups anew, because a chi-square and, where spend is
    skewed, an F law too reject far too often there.

    Examples
    --------
    >>> orders = pd.DataFrame({
    ...     "customer": [1, 1, 1, 2, 2, 3, 3, 4], "week": [4.0, 8, 9, 4, 8, 5, 8, 8],
    ...     "amount": [10.0, 5, 30, 6, 5, 8, 5, 5]})
    >>> customers = pd.DataFrame({
    ...     "customer": [1, 2, 3, 4], "index_week": 8.0,
    ...     "index_outcome": ["recovered", "recovered", "no_failure", "no_failure"]})
    >>> study = study_index(orders, customers, end_week=12.0, first=-1, last=0)
    >>> study.periods["estimate"].tolist()
    [0.0, 11.0]
    """
    check_level(confidence)
    _check_options(period_weeks, first, last, (treated, control))
    orders = _read_orders(orders, customers)
    chosen = _choose(customers, (treated, control))
    week = chosen["index_week"].to_numpy(np.float64, na_value=np.nan)
    observed = (week + first * period_weeks >= start_week - MOMENT) & (
        week + (last + 1) * period_weeks <= end_week + MOMENT
    )
    n_outside = int((~observed).sum())
    chosen = chosen[observed]
    member = (chosen["index_outcome"] == treated).to_numpy(dtype=bool)
    for name, n in ((treated, member.sum()), (control, (~member).sum())):
        if n < 1:
            raise ValueError(
                f"{n} customers are {name!r} and observed from {-first} periods before "
                f"to {last + 1} after their index order; one at the least. The table "
                f"holds {observed_levels(customers['index_outcome'])}; take fewer or "
                "shorter periods if they are there."
            )
    spend = _add_up(orders, chosen, period_weeks, first, last)
    note = f"{n_outside} customers not observed so long are left out"
    # Every treated customer's event is in the same column, where period 0 is.
    cohorts = Cohorts(spend, np.where(member, -first, -1))
    return follow_cohorts(
        cohorts, first, last, confidence=confidence, notes=[note if n_outside else ""]
    )


def _check_options(
    period_weeks: float, first: int, last: int, groups: tuple[str, str]
) -> None:
    check_periods(first, last)
    if not (math.isfinite(period_weeks) and period_weeks > 0.0):
        raise ValueError(f"period_weeks is a number above 0; got {period_weeks!r}.")
    if groups[0] == groups[1]:
        raise ValueError(f"treated and control are both {groups[0]!r}; name two.")


def _read_orders(orders: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Return who ordered when and for how much, in one policy."""
    for column in ("customer", "week", "amount"):
        require_column(orders, column)
    tables = [table for table in (orders, customers) if "policy" in table]
    policies = {name for table in tables for name in observed_levels(table["policy"])}
    if len(policies) > 1:
        raise ValueError(
            f"orders and customers hold several policies, {sorted(policies)}; choose "
            "one policy's rows of both first."
        )
    numbers = {
        name: orders[name].to_numpy(np.float64, na_value=np.nan)
        for name in ("week", "amount")
    }
    for name, values in numbers.items():
        if not np.isfinite(values).all():
            raise ValueError(
                f"{int((~np.isfinite(values)).sum())} orders have no known {name!r}; "
                "leave such orders out and say so."
            )
    return pd.DataFrame({"customer": orders["customer"].to_numpy(), **numbers})


def _choose(customers: pd.DataFrame, groups: tuple[str, str]) -> pd.DataFrame:
    for column in ("customer", "index_week", "index_outcome"):
        require_column(customers, column)
    chosen = customers.loc[
        customers["index_outcome"].isin(groups),
        ["customer", "index_week", "index_outcome"],
    ]
    if chosen["customer"].duplicated().any():
        raise ValueError("customers repeat; choose one policy's rows first.")
    return chosen


def _add_up(
    orders: pd.DataFrame,
    chosen: pd.DataFrame,
    period_weeks: float,
    first: int,
    last: int,
) -> NDArray[np.float64]:
    """Return spend by customer and period, shape (n_customers, last - first + 1)."""
    place = pd.Index(chosen["customer"]).get_indexer(orders["customer"])
    known = place >= 0
    place = place[known]
    without = len(chosen) - len(np.unique(place))
    if without:
        raise ValueError(
            f"{without} customers have no order in the log, not even their index "
            "order; write their names alike in both (1 is not '1')."
        )
    since = orders["week"].to_numpy()[known]
    since = since - chosen["index_week"].to_numpy(np.float64)[place]
    period = np.floor((since + MOMENT) / period_weeks).astype(np.int64)
    # The index order is what happened, not what came of it.
    counted = (period >= first) & (period <= last) & (np.abs(since) > MOMENT)
    width = last - first + 1
    cell = place[counted] * width + period[counted] - first
    amount = orders["amount"].to_numpy()[known][counted]
    total = np.bincount(cell, weights=amount, minlength=len(chosen) * width)
    return total.reshape(len(chosen), width)
