"""Limits for how long groups stay that hold where groups or departures are few."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recovery_research.analyses.curves import critical_value
from recovery_research.analyses.survival import (
    StayingCurve,
    estimate_curve,
    restricted_mean,
    share_at,
)

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
