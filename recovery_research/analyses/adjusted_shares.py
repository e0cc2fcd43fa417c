"""Limits of differences of adjusted shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import betaincinv, ndtr

from recovery_research.analyses.curves import ScoreCurve, wilson_limits


@dataclass(frozen=True, slots=True)
class AdjustedScoreCurve(ScoreCurve):
    """Newcombe's limits for adjusted shares of groups of an effective size.

    Attributes
    ----------
    share_treated, share_control : float
    n_treated, n_control : float
        How many customers would give a plain share the error that this one has.
    correlation : float
        Of the two shares' errors: both are averages over the same customers.

    References
    ----------
    Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
    measures: a general approach. Statistics in Medicine 27, 1693-1702.
    """

    correlation: float = 0.0

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        low, high = self._limits_at(0.0)
        if low <= delta <= high:
            return 0.5
        # Not super(): a dataclass with slots is another class than the one written.
        return ScoreCurve.tail(self, delta)

    def _limits_at(self, z: float) -> tuple[float, float]:
        p, q, r = self.share_treated, self.share_control, self.correlation
        p_low, p_high = share_limits(p, self.n_treated, z)
        q_low, q_high = share_limits(q, self.n_control, z)
        reaches = [
            math.sqrt(max(a * a + b * b - 2.0 * r * a * b, 0.0))
            for a, b in ((p - p_low, q_high - q), (p_high - p, q - q_low))
        ]
        return p - q - reaches[0], p - q + reaches[1]


def share_limits(share: float, size: float, z: float) -> tuple[float, float]:
    """Return the further of Wilson's and Jeffreys' limits of a share.

    Where one or two of a group say yes, Wilson's lower limit is too high (Brown, Cai
    and DasGupta, section 4.1.1); Jeffreys' upper one is too low where none does.

    References
    ----------
    Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial
    proportion. Statistical Science 16, 101-133.

    Examples
    --------
    >>> low, high = share_limits(0.05, 20.0, 1.96)
    >>> round(low, 4), round(high, 4)
    (0.0054, 0.2361)
    """
    low, high = wilson_limits(share, size, z)
    yes, no, beyond = share * size, (1.0 - share) * size, float(ndtr(-z))
    if share > 0.0:
        low = min(low, share, float(betaincinv(yes + 0.5, no + 0.5, beyond)))
    if share < 1.0:
        high = max(high, share, float(betaincinv(yes + 0.5, no + 0.5, 1.0 - beyond)))
    return low, high
