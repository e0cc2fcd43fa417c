"""Confidence limits at every level: one curve per way of being unsure.

An interval, a two-sided p-value and the two one-sided tests against bounds are
readings of one curve, so that they can never contradict each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scipy import stats
from scipy.optimize import brentq

# Its normal probability is 0 in double precision.
FURTHEST_SCORE = 64.0


def critical_value(confidence: float, freedom: float = math.inf) -> float:
    """Return how many standard errors a two-sided interval reaches, normal or t."""
    at = 0.5 + confidence / 2.0
    return float(
        stats.norm.ppf(at) if math.isinf(freedom) else stats.t.ppf(at, freedom)
    )


class Curve(Protocol):
    """Confidence limits at every level, and the p-values that belong to them."""

    @property
    def estimate(self) -> float:
        """Return the value all limits close in on."""

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""


@dataclass(frozen=True, slots=True)
class StudentCurve:
    """Limits of a t statistic: `estimate` plus or minus t times `std_error`."""

    estimate: float
    std_error: float
    freedom: float

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""
        reach = self.std_error * critical_value(confidence, self.freedom)
        return self.estimate - reach, self.estimate + reach

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        return float(
            stats.t.cdf((delta - self.estimate) / self.std_error, self.freedom)
        )


@dataclass(frozen=True, slots=True)
class ScoreCurve:
    """Newcombe's limits for a difference of two shares, and their inversion."""

    share_treated: float
    share_control: float
    n_treated: int
    n_control: int

    @property
    def estimate(self) -> float:
        """Return the difference of the shares."""
        return self.share_treated - self.share_control

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""
        return self._limits_at(critical_value(confidence))

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        if delta == self.estimate:
            return 0.5
        side = 0 if delta < self.estimate else 1
        sign = -1.0 if side == 0 else 1.0
        z = _first_crossing(lambda z: sign * (self._limits_at(z)[side] - delta))
        return float(stats.norm.cdf(sign * z))

    def _limits_at(self, z: float) -> tuple[float, float]:
        p, q = self.share_treated, self.share_control
        p_low, p_high = wilson_limits(p, self.n_treated, z)
        q_low, q_high = wilson_limits(q, self.n_control, z)
        below = math.hypot(p - p_low, q_high - q)
        above = math.hypot(p_high - p, q - q_low)
        return p - q - below, p - q + above


class Margin(Protocol):
    """How far one part may lie below and above what was seen, at every level."""

    def reach(self, z: float) -> tuple[float, float]:
        """Return both distances at a normal score of 0 or more; they grow with it."""


@dataclass(frozen=True, slots=True)
class HybridCurve:
    """Limits of a difference from margins of its two parts, squared and added.

    Newcombe's method 10 with Wilson's margins; Zou and Donner (2008) give the general
    form: each limit takes from each part the margin on the side that moves it there.
    """

    estimate: float
    treated: Margin
    control: Margin

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""
        return self._limits_at(critical_value(confidence))

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        if delta == self.estimate:
            return 0.5
        side = 0 if delta < self.estimate else 1
        sign = -1.0 if side == 0 else 1.0
        z = _first_crossing(lambda z: sign * (self._limits_at(z)[side] - delta))
        return float(stats.norm.cdf(sign * z))

    def _limits_at(self, z: float) -> tuple[float, float]:
        down, up = self.treated.reach(z)
        control_down, control_up = self.control.reach(z)
        return (
            self.estimate - math.hypot(down, control_up),
            self.estimate + math.hypot(up, control_down),
        )


@dataclass(frozen=True, slots=True)
class WidestCurve:
    """The further of several curves' limits on each side.

    The curves have one estimate. A p-value is then the largest of theirs, so that it
    agrees with the limits.
    """

    curves: tuple[Curve, ...]

    @property
    def estimate(self) -> float:
        """Return the value all limits close in on."""
        return self.curves[0].estimate

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""
        limits = [curve.limits(confidence) for curve in self.curves]
        return min(low for low, _ in limits), max(high for _, high in limits)

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        tails = [curve.tail(delta) for curve in self.curves]
        return max(tails) if max(tails) < 0.5 else max(min(tails), 0.5)


def wilson_limits(share: float, size: int, z: float) -> tuple[float, float]:
    """Return Wilson's score limits of one share, z standard errors out.

    Examples
    --------
    >>> low, high = wilson_limits(0.0, 10, 1.96)
    >>> low, round(high, 4)
    (0.0, 0.2775)
    """
    centre = share + z * z / (2.0 * size)
    reach = z * math.sqrt(share * (1.0 - share) / size + z * z / (4.0 * size * size))
    scale = 1.0 + z * z / size
    low, high = (centre - reach) / scale, (centre + reach) / scale
    return (0.0 if share == 0.0 else low), (1.0 if share == 1.0 else high)


def _first_crossing(rising: Callable[[float], float]) -> float:
    """Find the z at which a limit reaches a value; infinite if it never does."""
    if rising(0.0) >= 0.0:  # exact margins have a width even at no confidence
        return 0.0
    far = 1.0
    while rising(far) < 0.0:
        far *= 2.0
        if far > FURTHEST_SCORE:
            return math.inf
    return float(brentq(rising, 0.0, far, xtol=1e-12))


@dataclass(frozen=True, slots=True)
class PointCurve:
    """A difference that is the same in every pair: all limits are that value."""

    estimate: float

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the value twice."""
        return self.estimate, self.estimate

    def tail(self, delta: float) -> float:
        """Return 0 below the value and 1 above; at it, the test decides for it."""
        return 1.0 if delta > self.estimate else 0.0
