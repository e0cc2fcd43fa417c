"""How sure a difference within pairs is, of means and of shares."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from recovery_research.analysis.bootstrap import bootstrap_mean, skewness_of_estimate
from recovery_research.analysis.curves import Curve, PointCurve, StudentCurve
from recovery_research.analysis.intervals import (
    Interval,
    check_choice,
    check_level,
    with_limits,
    without_interval,
)
from recovery_research.analysis.rounding import ROUNDING, varies
from recovery_research.analysis.small_samples import note_on_skewness


def paired_difference(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    method: str = "paired_t",
) -> Interval:
    """Average the difference within pairs, with a t or a BCa interval.

    Examples
    --------
    >>> difference = paired_difference(np.array([3.0, 5, 8]), np.array([2.0, 3, 5]))
    >>> round(difference.estimate, 3), round(difference.std_error, 3)
    (2.0, 0.577)
    """
    check_level(confidence)
    check_choice(method, ("paired_t", "bca"))
    if treated.shape != control.shape:
        raise ValueError(
            f"pairs need arrays of one length; got {treated.size} and {control.size}. "
            "For different customers use difference_of_means."
        )
    gaps = treated - control
    scale = max(float(np.abs(treated).max()), float(np.abs(control).max()))
    estimate = float(gaps.mean())
    sizes = (gaps.size, gaps.size)
    if gaps.size < 2:
        return without_interval(
            method, estimate, sizes, confidence, "one pair has no spread: no interval"
        )
    if not varies(gaps, scale):
        # All pairs differ by one amount; by rounding, if it is that small.
        alike = abs(estimate) <= ROUNDING * scale
        return _same_for_all(method, 0.0 if alike else estimate, sizes, confidence)
    std_error = float(gaps.std(ddof=1)) / math.sqrt(gaps.size)
    curve: Curve = bootstrap_mean(gaps)
    if method == "paired_t":
        curve = StudentCurve(estimate, std_error, gaps.size - 1)
    note = note_on_skewness(skewness_of_estimate(gaps), gaps.size)
    return with_limits(method, curve, std_error, sizes, confidence, note)


def _same_for_all(
    method: str, estimate: float, sizes: tuple[int, int], confidence: float
) -> Interval:
    note = f"every pair differs by exactly {estimate:g}: the interval has no width"
    curve = PointCurve(estimate)
    certain = with_limits(method, curve, 0.0, sizes, confidence, note)
    return replace(certain, p_value=1.0 if estimate == 0.0 else 0.0)


@dataclass(frozen=True, slots=True)
class PairedShareCurve:
    """Limits of a difference of shares of yes in pairs, at every level.

    `gained` pairs say yes under the treated alone, `lost` under the control alone, out
    of `size`.
    """

    gained: int
    lost: int
    size: int

    @property
    def estimate(self) -> float:
        """Return the difference of the shares."""
        return (self.gained - self.lost) / self.size

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""
        z = float(stats.norm.isf((1.0 - confidence) / 2.0))
        low, high = -1.0, 1.0
        if self.lost < self.size:
            low = brentq(lambda d: self.score(d) - z, -1.0, self.estimate, xtol=1e-14)
        if self.gained < self.size:
            high = brentq(lambda d: self.score(d) + z, self.estimate, 1.0, xtol=1e-14)
        return float(low), float(high)

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        return float(stats.norm.sf(self.score(delta)))

    def score(self, delta: float) -> float:
        """Return the score statistic of a difference; infinite where it cannot be.

        The share lost is the most likely one under the difference, the root of a
        quadratic (the derivative of the likelihood), in a form that loses no digits.
        """
        n, gap = self.size, self.gained - self.lost - self.size * delta
        if abs(delta) >= 1.0:
            return 0.0 if gap == 0.0 else math.copysign(math.inf, gap)
        b = self.gained + self.lost - (2.0 * n - self.gained + self.lost) * delta
        c = self.lost * delta * (1.0 - delta)
        root = math.sqrt(max(0.0, b * b + 8.0 * n * c))
        lost = (b + root) / (4.0 * n) if b >= 0.0 else 2.0 * c / (root - b)
        lost = max(lost, 0.0, -delta)
        variance = n * (2.0 * lost + delta * (1.0 - delta))
        if variance <= 0.0:
            return 0.0 if gap == 0.0 else math.copysign(math.inf, gap)
        return gap / math.sqrt(variance)


def paired_shares(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    confidence: float = 0.95,
) -> Interval:
    """Compare shares of yes within pairs by the score interval of Tango.

    Parameters
    ----------
    treated, control : float64 array, shape (n_pairs,)
        Zeros and ones of the same customers in the same order; at least one pair.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.

    Returns
    -------
    Interval
        Its limits lie within -1 and 1, and have a width also where every pair agrees;
        its p-value is McNemar's without correction.

    References
    ----------
    Tango, T. (1998). Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design. Statistics in Medicine 17, 891-908.

    Examples
    --------
    >>> found = paired_shares(np.array([1.0, 1, 1, 0]), np.array([1.0, 0, 0, 0]))
    >>> found.estimate, round(found.ci_low, 3), round(found.ci_high, 3)
    (0.5, -0.235, 0.85)
    """
    check_level(confidence)
    n = treated.size
    curve = PairedShareCurve(
        int((treated > control).sum()), int((treated < control).sum()), n
    )
    low, high = curve.limits(confidence)
    spread = (curve.gained + curve.lost) / n - curve.estimate**2
    return Interval(
        method="tango",
        estimate=curve.estimate,
        std_error=math.sqrt(max(spread, 0.0) / n),
        ci_low=low,
        ci_high=high,
        confidence=confidence,
        p_value=min(1.0, 2.0 * float(stats.norm.sf(abs(curve.score(0.0))))),
        n_treated=n,
        n_control=n,
        note="",
        curve=curve,
    )
