"""Before and after a failure, period by period, against the never failed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.groups import observed_levels, require_column
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.pretrends import (
    Cohorts,
    doubts_of,
    measure_pretrend,
    read_cohorts,
    tabulate_periods,
)
from recovery_research.results import Result

# With fewer customers the limits rest on what the other group looks like.
FEW = 30
# Weeks: two dates divided by seven are a whole number of weeks apart but for rounding.
MOMENT = 1e-9
# Where almost all of the never failed have an outcome too, it decides nothing.
ALMOST_ALL = 0.99


@dataclass(frozen=True, slots=True)
class EventStudy(Result):
    """Differences from the never failed in each period around the failure.

    Attributes
    ----------
    periods : DataFrame
        One row per period relative to the failure (0 is the period it happened in,
        -1 the one compared with): `period, estimate, std_error, ci_low, ci_high,
        confidence, n_treated, n_control`.
    pretrend_statistic, pretrend_p_value : float
        Joint test (a T-squared) that all periods before -1 are zero; NaN if there are
        none, or nothing varies in them.
    pretrend_periods : int
        Periods tested; those in which nothing varies are left out.
    pretrend_law : str
        What the p-value is from: ``"interval"`` (one period: its own), in small groups
        ``"permutation"``, else ``"F"``.
    note : str
        What could not be done or is doubtful; empty otherwise.
    """

    periods: pd.DataFrame
    pretrend_statistic: float
    pretrend_p_value: float
    pretrend_periods: int
    pretrend_law: str
    note: str

    def to_frame(self) -> pd.DataFrame:
        """Return the periods, with the pre-trend test beside them."""
        return self.periods.assign(
            pretrend_p_value=self.pretrend_p_value, note=self.note
        )


def fit_event_study(
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
        event periods or one that is not whole, nobody was failed in a period that has
        one before it, or everybody was failed.

    Notes
    -----
    A period's estimate is a difference of two means with one number for each customer
    (see `pretrends.changes_at`): the failed customer's change less that of the
    never failed in the same periods, and a never-failed customer's changes averaged
    over the cohorts. Its spread holds what the cohorts' sizes owe to chance, and a
    customer's periods may depend on one another in any way. Limits are those of
    `paradox.paradox`, the pre-trend test is that of `pretrends`.

    In an order log only who orders can be failed. Where that decides who is in which
    group, `note` says so: then differences arise from period 0 on though failures do
    nothing, and `fit_index_event_study` is the analysis to take.

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
    >>> study = fit_event_study(panel, outcome="spend", first=-2, last=0)
    >>> study.periods["estimate"].tolist()
    [-0.5, 0.0, 2.5]
    """
    check_level(confidence)
    check_periods(first, last)
    cohorts, notes = read_cohorts(panel, outcome)
    return follow_cohorts(
        cohorts, first, last, confidence=confidence,
        notes=[*notes, _presupposes(cohorts)],
    )  # fmt: skip


def check_periods(first: int, last: int) -> None:
    """Raise unless periods are whole and lie on both sides of the event."""
    whole = all(isinstance(k, int | np.integer) for k in (first, last))
    if not (whole and first <= -1 and last >= 0):
        raise ValueError(
            f"first is -1 or less and last 0 or more, in whole periods; got {first}, "
            f"{last}."
        )


def follow_cohorts(
    cohorts: Cohorts, first: int, last: int, *, confidence: float, notes: list[str]
) -> EventStudy:
    """Compare every period, test those before, and say what is doubtful."""
    table, found = tabulate_periods(
        cohorts, range(first, last + 1), confidence=confidence
    )
    n_seen = dict(zip(table["period"], table["n_treated"], strict=True))
    pretrend = measure_pretrend(cohorts, first, found)
    missing = [k for k, n in n_seen.items() if not n]
    if missing:
        notes.append(f"nobody was failed early or late enough for periods {missing}")
    shown = table["n_treated"] > 0
    least = int(table.loc[shown, ["n_treated", "n_control"]].min().min())
    if least < FEW:
        notes.append(
            f"the smaller group has {least} customers: limits lean on their being like "
            "the others in all but the event"
        )
    notes += doubts_of(found, n_seen)
    if first < -1 and not pretrend.n_periods:
        notes.append("too little varies before the event for a pre-trend test")
    return EventStudy(
        periods=table,
        pretrend_statistic=pretrend.statistic,
        pretrend_p_value=pretrend.p_value,
        pretrend_periods=pretrend.n_periods,
        pretrend_law=pretrend.law,
        note="; ".join(note for note in notes if note),
    )


def tabulate_panel(
    orders: pd.DataFrame,
    *,
    end_week: float,
    period_weeks: float = 4.0,
    start_week: float = 0.0,
) -> pd.DataFrame:
    """Add up each customer's spend by period, and date the first failure.

    Parameters
    ----------
    orders : DataFrame
        The order log of one policy: `customer, week, amount, outcome`.
    end_week, start_week : float
        Observation; a last period that is not complete is left out.
    period_weeks : float, optional
        Length of a period. An order on the edge of two periods is in the later one,
        also where weeks are days divided by seven and so rounded.

    Returns
    -------
    DataFrame
        One row per customer and period: `customer, period, spend, event_period`
        (blank if never failed). A customer without orders in a period spent 0.

    Raises
    ------
    ValueError
        If a column is not there, an order's outcome, week or amount is unknown, the
        log holds several policies, or there are fewer than two periods.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer": [1, 1, 2], "week": [0.5, 5.0, 1.0],
    ...     "amount": [10.0, 7.0, 3.0], "outcome": ["no_failure", "silent",
    ...     "no_failure"]})
    >>> tabulate_panel(orders, end_week=8.0)["spend"].tolist()
    [10.0, 7.0, 3.0, 0.0]
    """
    _check_log(orders, (start_week, end_week, period_weeks))
    n_periods = math.floor((end_week - start_week + MOMENT) / period_weeks)
    if n_periods < 2:
        raise ValueError(
            f"{start_week} to {end_week} weeks hold {n_periods} periods of "
            f"{period_weeks}; two at the least. Take shorter periods."
        )
    week = orders["week"].astype(np.float64)
    period = np.floor((week - start_week + MOMENT) / period_weeks).astype(int)
    inside = period.between(0, n_periods - 1)
    names = np.sort(orders["customer"].unique())
    grid = pd.MultiIndex.from_product([names, range(n_periods)])
    spend = orders[inside].groupby([orders["customer"], period])["amount"].sum()
    failed = orders["outcome"] != "no_failure"
    events = period[failed].groupby(orders.loc[failed, "customer"]).min()
    panel = spend.reindex(grid, fill_value=0.0).rename("spend").reset_index()
    panel.columns = ["customer", "period", "spend"]
    return panel.assign(event_period=panel["customer"].map(events).astype("Float64"))


def _check_log(orders: pd.DataFrame, times: tuple[float, float, float]) -> None:
    for column in ("customer", "week", "amount", "outcome"):
        require_column(orders, column)
    held = observed_levels(orders["policy"]) if "policy" in orders else []
    if len(held) > 1:
        raise ValueError(
            f"the log holds several policies, {held}; choose one policy's orders first."
        )
    for column in ("outcome", "customer", "week", "amount"):
        unknown = int(orders[column].isna().sum())
        if unknown:
            # Neither a failure nor none: both would be a guess.
            raise ValueError(
                f"{unknown} orders have no known {column}; leave such customers out "
                "and say so."
            )
    start, end, length = times
    if not (math.isfinite(start) and math.isfinite(end) and 0.0 < length < math.inf):
        raise ValueError(
            "start_week and end_week are weeks and period_weeks a number above 0; got "
            f"{start}, {end}, {length}."
        )


def _presupposes(cohorts: Cohorts) -> str:
    """Say if nobody can be failed without an outcome above zero, as with orders."""
    rows = cohorts.treated
    event = cohorts.event[rows]
    own = cohorts.wide[rows, event]
    calm = cohorts.wide[cohorts.event < 0]
    if cohorts.wide.min() < 0.0 or own.min() <= 0.0:
        return ""
    share = float((calm > 0.0).mean(axis=0)[event].mean())
    if share > ALMOST_ALL:
        return ""
    return (
        f"every failed customer has an outcome above 0 in the period of the failure, "
        f"{share:.0%} of the never failed have: who is failed depends on who orders, "
        "so differences from period 0 on, and a drift before, may be of ordering and "
        "not of the failure; fit_index_event_study compares orders with orders"
    )


def fit_index_event_study(
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
    them. Each customer is compared with themselves in the period before.

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
    event_study.fit_event_study : by calendar period, against the never failed.

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
    >>> study = fit_index_event_study(
    ...     orders, customers, end_week=12.0, first=-1, last=0)
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
    return total.astype(np.float64, copy=False).reshape(len(chosen), width)
