"""Survival curves from weeks under observation: the numbers behind staying."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


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
        share=np.cumprod(staying / at_risk),
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
