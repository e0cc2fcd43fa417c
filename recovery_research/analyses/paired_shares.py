"""How sure a difference of two shares is within pairs: Tango's score interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from recovery_research.analyses.intervals import Interval, check_level


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
