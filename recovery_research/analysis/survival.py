"""Survival curves of how long customers stay, and their limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recovery_research._checks import did_you_mean
from recovery_research.analysis.groups import (
    GROUP_COLUMN,
    customer_clusters,
    observed_levels,
    require_column,
    rows_of_policy,
)
from recovery_research.analysis.rounding import at_most, tie_times
from recovery_research.analysis.verdicts import critical_value


def staying_times(
    customers: pd.DataFrame, *, group: str, policy: str | None, end_week: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read one group's weeks under observation, and whether they ended by leaving."""
    check_stays(customers, policy)
    weeks, left = read_times(customers, group=group, policy=policy, end_week=end_week)
    return tie_times(weeks, scale=end_week)[0], left


def check_stays(customers: pd.DataFrame, policy: str | None) -> None:
    """Raise unless the table says of each customer once how long they stayed."""
    for column in (GROUP_COLUMN, "index_week", "left_week"):
        require_column(customers, column)
    _refuse_repeats(customers[rows_of_policy(customers, policy)])


def in_order(
    weeks: NDArray[np.float64], left: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Put customers in order of their weeks: what looks for weeks finds them sooner."""
    order = np.argsort(weeks, kind="stable")
    return weeks[order], left[order]


def read_times(
    customers: pd.DataFrame, *, group: str, policy: str | None, end_week: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read one group's weeks as they stand, ties not looked for."""
    labels = customers[GROUP_COLUMN]
    mine = rows_of_policy(customers, policy)
    rows = mine & (labels == group).to_numpy(dtype=bool, na_value=False)
    if not rows.any():
        held = observed_levels(labels)
        raise ValueError(
            f"no customer has {GROUP_COLUMN} {group!r}; the table holds {held}."
            f"{did_you_mean(group, held)}"
        )
    start, leaving = (
        pd.to_numeric(customers.loc[rows, name]).to_numpy(np.float64, na_value=np.nan)
        for name in ("index_week", "left_week")
    )
    left = at_most(leaving, end_week)
    end = np.where(left, leaving, end_week)
    weeks = end - start
    # Who left on the day of the order may have left before it by rounding.
    weeks = np.where((weeks < 0.0) & at_most(start, end), 0.0, weeks)
    if np.isnan(weeks).any() or (weeks < 0.0).any():
        raise ValueError(
            f"{int((~(weeks >= 0.0)).sum())} customers of {group!r} have no "
            f"index_week, one after end_week={end_week}, or left before it."
        )
    return weeks, left


def _refuse_repeats(customers: pd.DataFrame) -> None:
    """Raise if a customer has several rows: one leaves once, however often counted."""
    grouped = customers[customers[GROUP_COLUMN].notna()]
    if customer_clusters(grouped) is None:
        return
    counts = grouped["customer"].value_counts()
    raise ValueError(
        f"{int((counts > 1).sum()):,} customers have several rows, the first is "
        f"{counts.index[0]!r}; each leaves once, so keep one row of each (such as the "
        "first) and say which."
    )


@dataclass(frozen=True, slots=True)
class StayingCurve:
    """Kaplan-Meier estimate of the share still there.

    Attributes
    ----------
    week : float64 array
        Weeks since the index order at which somebody left, in order.
    at_risk, left : float64 array
        Customers observed to be there just before, and leaving at, that week.
    share : float64 array
        Share still there just after.
    variance : float64 array
        Greenwood's variance of log(share); infinite once nobody is left.
    """

    week: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    left: NDArray[np.float64]
    share: NDArray[np.float64]
    variance: NDArray[np.float64]


def estimate_curve(weeks: NDArray[np.float64], left: NDArray[np.bool_]) -> StayingCurve:
    """Estimate the share still there (Kaplan-Meier, Greenwood).

    Examples
    --------
    >>> curve = estimate_curve(np.array([3.0, 7, 10]), np.array([True, True, False]))
    >>> curve.share.round(3).tolist()
    [0.667, 0.333]
    """
    event_weeks, counts = np.unique(weeks[left], return_counts=True)
    ordered = np.sort(weeks)
    at_risk = (weeks.size - np.searchsorted(ordered, event_weeks)).astype(np.float64)
    gone = counts.astype(np.float64)
    staying = at_risk - gone
    terms = np.full(gone.size, np.inf)
    np.divide(gone, at_risk * staying, out=terms, where=staying > 0.0)
    return StayingCurve(
        week=event_weeks,
        at_risk=at_risk,
        left=gone,
        share=np.cumprod(staying / at_risk).astype(np.float64, copy=False),
        variance=np.cumsum(terms),
    )


def restricted_mean(curve: StayingCurve, horizon: float) -> tuple[float, float]:
    """Return mean weeks stayed up to the horizon, and its standard error."""
    inside = curve.week < horizon
    steps = np.diff(np.r_[0.0, curve.week[inside], horizon])
    areas = steps * np.r_[1.0, curve.share[inside]]
    beyond = areas[::-1].cumsum()[::-1][1:]
    at_risk, gone = curve.at_risk[inside], curve.left[inside]
    staying = at_risk - gone
    last = staying > 0.0
    terms = beyond[last] ** 2 * gone[last] / (at_risk[last] * staying[last])
    return float(areas.sum()), math.sqrt(float(terms.sum()))


def share_at(curve: StayingCurve, week: float) -> tuple[float, float]:
    """Return the share still there after a week, and its standard error."""
    position = int(np.searchsorted(curve.week, week, side="right")) - 1
    if position < 0:
        return 1.0, 0.0
    return float(curve.share[position]), float(share_errors(curve)[position])


def log_rank(
    one: tuple[NDArray[np.float64], NDArray[np.bool_]],
    other: tuple[NDArray[np.float64], NDArray[np.bool_]],
) -> tuple[float, float]:
    """Return the log-rank chi-square of two groups and its p-value."""
    weeks, left = (np.concatenate(parts) for parts in zip(one, other, strict=True))
    events = np.unique(weeks[left])
    risk = [w.size - np.searchsorted(np.sort(w), events) for w in (weeks, one[0])]
    gone = [_count_at(events, w[e]) for w, e in ((weeks, left), one)]
    share = risk[1] / risk[0]
    surprise = float((gone[1] - gone[0] * share).sum())
    several = risk[0] > 1
    variance = (
        gone[0] * share * (1 - share) * (risk[0] - gone[0]) / np.maximum(risk[0] - 1, 1)
    )[several].sum()
    if variance <= 0.0:
        return math.nan, math.nan
    statistic = surprise**2 / float(variance)
    return statistic, float(stats.chi2.sf(statistic, 1))


def _count_at(
    events: NDArray[np.float64], weeks: NDArray[np.float64]
) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(events, weeks), minlength=events.size)


def share_errors(curve: StayingCurve) -> NDArray[np.float64]:
    """Return Greenwood's standard error of each share; 0 once nobody is left."""
    errors = np.zeros(curve.share.size)
    some = curve.share > 0.0
    errors[some] = curve.share[some] * np.sqrt(curve.variance[some])
    return errors


def bands(
    curve: StayingCurve, z: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pointwise limits, symmetric in log(-log(share)); NaN at 0 and 1."""
    low = np.full(curve.share.size, np.nan)
    high = low.copy()
    some = (curve.share > 0.0) & (curve.share < 1.0)
    log_share = np.log(curve.share[some])
    factor = np.exp(z * np.sqrt(curve.variance[some]) / np.abs(log_share))
    low[some] = np.exp(log_share * factor)
    high[some] = np.exp(log_share / factor)
    return low, high


# A group is drawn anew if it has no more customers than this, or no more than MANY and
# fewer than FEW_LEFT who left; beyond, the normal law is as good.
SMALL, MANY, FEW_LEFT = 200, 1000, 30
N_DRAWS = 2000
SEED = 20_240_607

Times = tuple[NDArray[np.float64], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Interval:
    """Limits of a difference, and whether they are wider than the normal law's."""

    low: float
    high: float
    drawn: bool


def limit_mean_difference(
    treated: Times, control: Times, horizon: float, confidence: float
) -> Interval:
    """Return limits of the difference of restricted means, treated minus control.

    Notes
    -----
    A small group in which few left has a standard error that is too small exactly
    when its mean is large. The law of the difference over its standard error is
    therefore drawn: groups of the same sizes are drawn from all customers together (a
    large group's error is normal), and the quantiles of the ratio take the place of
    the normal law's where they are further out. If neither group has an error, as
    where nobody left, as much as Wilson's interval leaves open for a share of the
    customers may have stayed for any time up to the horizon.

    References
    ----------
    Ditzhaus, M., Yu, M. and Xu, J. (2023). Studentized permutation method for
    comparing two restricted mean survival times with small sample from randomized
    trials. Statistics in Medicine 42, 2226-2240.
    """
    means = [
        restricted_mean(estimate_curve(*each), horizon) for each in (treated, control)
    ]
    gap = means[0][0] - means[1][0]
    error = math.hypot(means[0][1], means[1][1])
    z = critical_value(confidence)
    sizes = treated[0].size, control[0].size
    if error == 0.0:
        # Of n customers n / (n + z * z) are taken to be like those seen.
        open_ = [z * z / (size + z * z) for size in sizes]
        room = [
            (m[0] * o, (horizon - m[0]) * o) for m, o in zip(means, open_, strict=True)
        ]
        low = gap - math.hypot(room[0][0], room[1][1])
        return Interval(low, gap + math.hypot(room[0][1], room[1][0]), drawn=True)
    anew = [_is_small(each, horizon) for each in (treated, control)]
    if not any(anew):
        return Interval(gap - z * error, gap + z * error, drawn=False)
    ratios = draw_ratios(treated, control, anew, [m[1] for m in means], horizon)
    tails = [0.5 - confidence / 2.0, 0.5 + confidence / 2.0]
    low, high = np.quantile(ratios, tails)
    return Interval(
        gap - max(float(high), z) * error, gap - min(float(low), -z) * error, drawn=True
    )


def _is_small(times: Times, horizon: float) -> bool:
    weeks, left = times
    few = int((left & (weeks < horizon)).sum()) < FEW_LEFT
    return weeks.size <= SMALL or (few and weeks.size <= MANY)


def draw_ratios(
    treated: Times,
    control: Times,
    anew: list[bool],
    errors: list[float],
    horizon: float,
) -> NDArray[np.float64]:
    """Draw the difference of restricted means over its error, were groups alike."""
    weeks, left = (np.concatenate(pair) for pair in zip(treated, control, strict=True))
    # So that the order of rows plays no part, and leavers come first among equals.
    rank = np.lexsort((~left, weeks))
    weeks, left = weeks[rank], left[rank]
    centre, _ = restricted_mean(estimate_curve(weeks, left), horizon)
    generator = np.random.default_rng(SEED)
    sizes = [treated[0].size, control[0].size]
    drawn: list[tuple[NDArray, NDArray]] = [(np.empty(0), np.empty(0))] * 2
    # The smaller first, so that exchanging the groups only turns the sign.
    for k in (0, 1) if sizes[0] <= sizes[1] else (1, 0):
        if anew[k]:
            chosen = generator.integers(0, weeks.size, (N_DRAWS, sizes[k]))
            chosen.sort(axis=1)
            drawn[k] = mean_of_rows(weeks[chosen], left[chosen], horizon)
        else:
            noise = errors[k] * generator.standard_normal(N_DRAWS)
            drawn[k] = centre + noise, np.full(N_DRAWS, errors[k] ** 2)
    gap = drawn[0][0] - drawn[1][0]
    error = np.sqrt(drawn[0][1] + drawn[1][1])
    ratios = np.zeros(N_DRAWS)
    np.divide(gap, error, out=ratios, where=error > 0.0)
    return np.r_[ratios, -ratios] if sizes[0] == sizes[1] else ratios


def mean_of_rows(
    weeks: NDArray[np.float64], left: NDArray[np.bool_], horizon: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each row's restricted mean and its variance.

    Rows are sorted by week, leavers first among equals. Those tied are counted one
    after the other; over the tie products and sums are the same.
    """
    at_risk = np.arange(weeks.shape[1], 0.0, -1.0)
    gone = left & (weeks < horizon)
    share = np.cumprod(np.where(gone, 1.0 - 1.0 / at_risk, 1.0), axis=1)
    ends = np.minimum(weeks, horizon)
    widths = np.diff(ends, axis=1, append=horizon)
    beyond = np.cumsum((share * widths)[:, ::-1], axis=1)[:, ::-1]
    each = 1.0 / np.maximum(at_risk * (at_risk - 1.0), 1.0)
    terms = np.where(gone & (at_risk > 1.0), beyond**2 * each, 0.0)
    return ends[:, 0] + beyond[:, 0], terms.sum(axis=1)


def limit_share(times: Times, week: float, z: float) -> tuple[float, float]:
    """Return Wilson's limits of the share still there after a week.

    The number of customers they are worth is the one at which a share of customers
    all followed would have Greenwood's error; where all or none are still there that
    error is 0, and they are worth those followed so long, or those who were worth it
    just before the last one left.
    """
    curve = estimate_curve(*times)
    share, error = share_at(curve, week)
    worth = _count_worth(curve, week)
    if worth is None:
        worth = float((times[0] >= week).sum())
    elif 0.0 < share < 1.0:
        worth = share * (1.0 - share) / error**2
    middle = (share + z * z / (2.0 * worth)) / (1.0 + z * z / worth)
    spread = share * (1.0 - share) / worth + (z / (2.0 * worth)) ** 2
    half = z * math.sqrt(spread) / (1.0 + z * z / worth)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _count_worth(curve: StayingCurve, week: float) -> float | None:
    """Return what customers were worth before the last one left; None before any."""
    last = int(np.searchsorted(curve.week, week, side="right")) - 1
    if last < 0:
        return None
    if last == 0:
        return float(curve.at_risk[0])
    share, variance = curve.share[last - 1], curve.variance[last - 1]
    return float((1.0 - share) / (share * variance))


def limit_share_difference(
    treated: Times, control: Times, week: float, confidence: float
) -> tuple[float, float]:
    """Return limits of the difference of the shares still there (Newcombe).

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent
    proportions: comparison of eleven methods. Statistics in Medicine 17, 873-890.
    """
    z = critical_value(confidence)
    (one, _), (other, _) = (
        share_at(estimate_curve(*each), week) for each in (treated, control)
    )
    (low, high), (low_other, high_other) = (
        limit_share(each, week, z) for each in (treated, control)
    )
    gap = one - other
    return (
        gap - math.hypot(one - low, high_other - other),
        gap + math.hypot(high - one, other - low_other),
    )
