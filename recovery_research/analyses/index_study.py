"""Before and after the index order: two groups, period by period."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recovery_research.analyses.event_study import EventStudy, measure_pretrend
from recovery_research.analyses.groups import require_column
from recovery_research.analyses.intervals import check_level


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
        `customers_from_orders` with drawn index orders.
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
        period -1. Its pre-trend test asks whether the groups were drifting apart
        before anything happened.

    Raises
    ------
    ValueError
        If a column is not there, customers repeat, or a group has fewer than two
        customers whose periods were all observed.

    See Also
    --------
    event_study.study_event : by calendar period, against the never failed.

    Notes
    -----
    Which customers are left out depends on the index week alone. Errors are from each
    customer's influence and allow for unequal variances.

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
    if not (first <= -1 and last >= 0):
        raise ValueError(
            f"first is -1 or less and last 0 or more; got {first}, {last}."
        )
    chosen = _choose(customers, (treated, control))
    observed = (chosen["index_week"] + first * period_weeks >= start_week) & (
        chosen["index_week"] + (last + 1) * period_weeks <= end_week
    )
    n_outside = int((~observed).sum())
    chosen = chosen[observed]
    member = (chosen["index_outcome"] == treated).to_numpy()
    for name, n in ((treated, member.sum()), (control, (~member).sum())):
        if n < 2:
            raise ValueError(
                f"{n} customers are {name} and observed from {-first} periods before "
                f"to {last + 1} after their index order; two at the least. Take fewer "
                "or shorter periods."
            )
    spend = _add_up(orders, chosen, period_weeks, first, last)
    note = f"{n_outside} customers not observed so long are left out"
    return _compare(spend, member, first, confidence, note if n_outside else "")


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
    for column in ("customer", "week", "amount"):
        require_column(orders, column)
    place = pd.Index(chosen["customer"]).get_indexer(orders["customer"])
    known = place >= 0
    place = place[known]
    since = orders["week"].to_numpy(np.float64)[known]
    since = since - chosen["index_week"].to_numpy(np.float64)[place]
    period = np.floor(since / period_weeks).astype(np.int64)
    # The index order is what happened, not what came of it.
    counted = (period >= first) & (period <= last) & (since != 0.0)
    width = last - first + 1
    cell = place[counted] * width + period[counted] - first
    amount = orders["amount"].to_numpy(np.float64)[known][counted]
    total = np.bincount(cell, weights=amount, minlength=len(chosen) * width)
    return total.reshape(len(chosen), width)


def _compare(
    spend: NDArray[np.float64],
    member: NDArray[np.bool_],
    first: int,
    confidence: float,
    note: str,
) -> EventStudy:
    change = spend - spend[:, [-1 - first]]
    own, other = change[member], change[~member]
    influence = np.zeros_like(change)
    influence[member] = (own - own.mean(axis=0)) / len(own)
    influence[~member] = -(other - other.mean(axis=0)) / len(other)
    table = pd.DataFrame({"period": first + np.arange(spend.shape[1])})
    table["estimate"] = own.mean(axis=0) - other.mean(axis=0)
    table["std_error"] = np.sqrt((influence**2).sum(axis=0))
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    table["ci_low"] = table["estimate"] - z * table["std_error"]
    table["ci_high"] = table["estimate"] + z * table["std_error"]
    table["confidence"] = confidence
    table["n_treated"], table["n_control"] = len(own), len(other)
    statistic, p_value, freedom = measure_pretrend(
        table, influence, np.ones(len(table), dtype=bool)
    )
    return EventStudy(table, statistic, p_value, freedom, note)
