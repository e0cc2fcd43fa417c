"""Before and after a failure, period by period, against the never failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recovery_research.analyses.groups import require_column
from recovery_research.analyses.intervals import check_level

# Limits are normal: with fewer customers they cover less often than they say.
FEW = 30


@dataclass(frozen=True, slots=True)
class EventStudy:
    """Differences from the never failed in each period around the failure.

    Attributes
    ----------
    periods : DataFrame
        One row per period relative to the failure (0 is the period it happened in,
        -1 the one compared with): `period, estimate, std_error, ci_low, ci_high,
        confidence, n_treated, n_control`.
    pretrend_statistic, pretrend_p_value : float
        Joint chi-square test that all periods before -1 are zero; NaN if there are
        none.
    pretrend_periods : int
        Its degrees of freedom.
    note : str
        What could not be done; empty otherwise.
    """

    periods: pd.DataFrame
    pretrend_statistic: float
    pretrend_p_value: float
    pretrend_periods: int
    note: str

    def to_frame(self) -> pd.DataFrame:
        """Return the periods, with the pre-trend test beside them."""
        return self.periods.assign(
            pretrend_p_value=self.pretrend_p_value, note=self.note
        )


def study_event(
    panel: pd.DataFrame,
    *,
    outcome: str,
    first: int = -4,
    last: int = 8,
    confidence: float = 0.95,
) -> EventStudy:
    """Follow customers around their failure, compared with the never failed.

    Each group of customers failed in the same period is compared, in each period,
    with the never failed in the same calendar period, both less their own period
    before the failure; groups are averaged by their size. Customers failed earlier
    never serve as comparison for those failed later.

    Parameters
    ----------
    panel : DataFrame
        One row per `customer` and `period` (whole numbers, every customer in every
        period), with the outcome and `event_period` (blank for the never failed).
    outcome : str
        A numeric column.
    first, last : int, optional
        Periods relative to the failure to show; `first` is -1 or less.
    confidence : float, optional
        Level of the pointwise intervals.

    Returns
    -------
    EventStudy

    Raises
    ------
    ValueError
        If a column is not there, the panel has holes or repeats, a customer has two
        event periods, or nobody was failed in time, or never failed.

    Notes
    -----
    Errors come from each customer's influence on each period, so that a customer's
    periods may depend on one another in any way (the customer is the cluster).

    References
    ----------
    Callaway, B. and Sant'Anna, P. (2021). Difference-in-differences with multiple
    time periods. J. Econometrics 225, 200-230.

    Examples
    --------
    >>> panel = pd.DataFrame({
    ...     "customer": np.repeat([1, 2, 3, 4], 3), "period": [0, 1, 2] * 4,
    ...     "event_period": np.repeat([2.0, 2.0, None, None], 3),
    ...     "spend": [5.0, 5, 9, 4, 6, 9, 2, 3, 4, 3, 3, 4]})
    >>> study = study_event(panel, outcome="spend", first=-2, last=0)
    >>> study.periods["estimate"].tolist()
    [-0.5, 0.0, 2.5]
    """
    check_level(confidence)
    if not (first <= -1 and last >= 0):
        raise ValueError(
            f"first is -1 or less and last 0 or more; got {first}, {last}."
        )
    wide, events = _spread(panel, outcome)
    relative = range(first, last + 1)
    rows, influences = [], []
    for k in relative:
        estimate, influence, sizes = _one_period(wide, events, k)
        rows.append((k, estimate, *sizes))
        influences.append(influence)
    table = pd.DataFrame(rows, columns=["period", "estimate", "n_treated", "n_control"])
    influence = np.column_stack(influences)
    table["std_error"] = np.sqrt((influence**2).sum(axis=0))
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    table["ci_low"] = table["estimate"] - z * table["std_error"]
    table["ci_high"] = table["estimate"] + z * table["std_error"]
    table["confidence"] = confidence
    shown = table["estimate"].notna().to_numpy()
    statistic, p_value, freedom = measure_pretrend(table, influence, shown)
    notes = []
    if not shown.all():
        missing = table.loc[~shown, "period"].tolist()
        notes.append(f"nobody was failed early or late enough for periods {missing}")
    least = int(table.loc[shown, ["n_treated", "n_control"]].min().min())
    if least < FEW:
        notes.append(
            f"the smaller group has {least} customers: limits and the pre-trend test "
            "lean on many"
        )
    columns = ["period", "estimate", "std_error", "ci_low", "ci_high", "confidence"]
    return EventStudy(
        periods=table[[*columns, "n_treated", "n_control"]],
        pretrend_statistic=statistic,
        pretrend_p_value=p_value,
        pretrend_periods=freedom,
        note="; ".join(notes),
    )


def tabulate_panel(
    orders: pd.DataFrame,
    *,
    end_week: float,
    period_weeks: float = 4.0,
    start_week: float = 0.0,
) -> pd.DataFrame:
    """Add up each customer's spend by period, and date her first failure.

    Parameters
    ----------
    orders : DataFrame
        The order log of one policy: `customer, week, amount, outcome`.
    end_week, start_week : float
        Observation; a last period that is not complete is left out.
    period_weeks : float, optional
        Length of a period.

    Returns
    -------
    DataFrame
        One row per customer and period: `customer, period, spend, event_period`
        (blank if she was never failed). A customer without orders in a period spent 0.

    Raises
    ------
    ValueError
        If a column is not there, an order's outcome is unknown, or there are fewer than
        two periods.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer": [1, 1, 2], "week": [0.5, 5.0, 1.0],
    ...     "amount": [10.0, 7.0, 3.0], "outcome": ["no_failure", "silent",
    ...     "no_failure"]})
    >>> tabulate_panel(orders, end_week=8.0)["spend"].tolist()
    [10.0, 7.0, 3.0, 0.0]
    """
    for column in ("customer", "week", "amount", "outcome"):
        require_column(orders, column)
    unknown = int(orders["outcome"].isna().sum())
    if unknown:
        # Neither a failure nor none: both would be a guess.
        raise ValueError(
            f"{unknown} orders have no known outcome; leave such customers out and say "
            "so."
        )
    n_periods = int((end_week - start_week) // period_weeks)
    if n_periods < 2:
        raise ValueError(
            f"{start_week} to {end_week} weeks hold {n_periods} periods of "
            f"{period_weeks}; two at the least. Take shorter periods."
        )
    period = ((orders["week"] - start_week) // period_weeks).astype(int)
    inside = period.between(0, n_periods - 1)
    names = np.sort(orders["customer"].unique())
    grid = pd.MultiIndex.from_product([names, range(n_periods)])
    spend = orders[inside].groupby([orders["customer"], period])["amount"].sum()
    failed = orders["outcome"] != "no_failure"
    events = period[failed].groupby(orders.loc[failed, "customer"]).min()
    panel = spend.reindex(grid, fill_value=0.0).rename("spend").reset_index()
    panel.columns = ["customer", "period", "spend"]
    return panel.assign(event_period=panel["customer"].map(events).astype("Float64"))


def _spread(
    panel: pd.DataFrame, outcome: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn the panel into one row per customer, periods from 0, and event periods."""
    for column in ("customer", "period", "event_period", outcome):
        require_column(panel, column)
    if panel.duplicated(["customer", "period"]).any():
        raise ValueError("a customer appears twice in a period; add up first.")
    # pivot_table would average repeats and drop blanks without a word.
    wide = panel.pivot(  # noqa: PD010
        index="customer", columns="period", values=outcome
    )
    holes = int(wide.isna().to_numpy().sum())
    steps = np.diff(wide.columns.to_numpy(dtype=np.float64))
    if holes or (steps != 1.0).any():
        raise ValueError(
            f"every customer needs every period; {holes} values are missing, periods "
            f"run {wide.columns.min()} to {wide.columns.max()}. No orders is 0, not "
            "blank."
        )
    by_customer = panel.groupby("customer")["event_period"]
    if (by_customer.max() > by_customer.min()).any():
        raise ValueError("a customer has two event periods; keep her first failure.")
    events = by_customer.first().reindex(wide.index).astype("Float64")
    numbers = events.to_numpy(dtype=np.float64, na_value=np.nan) - wide.columns.min()
    for name, some in (
        ("failed", ~np.isnan(numbers)),
        ("never failed", np.isnan(numbers)),
    ):
        if some.sum() < 2:
            raise ValueError(
                f"{int(some.sum())} customers are {name}; two at the least."
            )
    return wide.to_numpy(dtype=np.float64), numbers


def _one_period(
    wide: NDArray[np.float64], events: NDArray[np.float64], k: int
) -> tuple[float, NDArray[np.float64], tuple[int, int]]:
    """Average the cohorts' differences in differences at one relative period."""
    n, n_periods = wide.shape
    never = np.isnan(events)
    influence, estimate = np.zeros(n), 0.0
    cohorts = [
        int(g)
        for g in np.unique(events[~never])
        if 1 <= g < n_periods and 0 <= g + k < n_periods
    ]
    total = sum(int((events == g).sum()) for g in cohorts)
    if total == 0:
        return np.nan, np.full(n, np.nan), (0, int(never.sum()))
    for g in cohorts:
        change = wide[:, g + k] - wide[:, g - 1]
        member = events == g
        share = member.sum() / total
        own, other = change[member].mean(), change[never].mean()
        estimate += share * (own - other)
        influence[member] += (change[member] - own) / total
        influence[never] -= share * (change[never] - other) / never.sum()
    return float(estimate), influence, (total, int(never.sum()))


def measure_pretrend(
    table: pd.DataFrame, influence: NDArray[np.float64], shown: NDArray[np.bool_]
) -> tuple[float, float, int]:
    """Test jointly that nothing happened before period -1.

    Returns
    -------
    statistic, p_value : float
        Chi-square; NaN if there are no such periods or they do not vary.
    n_periods : int
        Its degrees of freedom.
    """
    before = (table["period"].to_numpy() < -1) & shown
    if not before.any():
        return np.nan, np.nan, 0
    values = table["estimate"].to_numpy()[before]
    covariance = influence[:, before].T @ influence[:, before]
    if np.linalg.matrix_rank(covariance) < before.sum():
        return np.nan, np.nan, 0
    statistic = float(values @ np.linalg.solve(covariance, values))
    return statistic, float(stats.chi2.sf(statistic, before.sum())), int(before.sum())
