"""Confidence limits at every level, and the verdicts that are read from them.

An interval, a two-sided p-value and the two one-sided tests against bounds are
readings of one curve, so that they can never contradict each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from recovery_research.analysis.groups import TwoGroups

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
    n_treated: float
    n_control: float

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


def wilson_limits(share: float, size: float, z: float) -> tuple[float, float]:
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


PARADOX = "paradox"
NO_PARADOX = "no paradox"
NO_DIFFERENCE = "no difference worth naming"
CANNOT_TELL = "cannot tell"
# Where an interval lies against its bounds, whichever way is better.
HIGHER, LOWER = "higher", "lower"
NOT_HIGHER, NOT_LOWER = "not higher", "not lower"

# A quarter of what the practitioners claim: 6 % of spend, 4 points of retention.
SHARE_OF_MEAN = 0.015
SHARE_OF_YES = 0.01
# No claim exists on other scales; a convention of this package, not of the literature.
SHARE_OF_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Bounds:
    """The largest differences not worth naming, in the outcome's own unit.

    Attributes
    ----------
    low, high : float
        `low` is at most 0 and `high` at least 0.
    source : str
        Who set them.
    """

    low: float
    high: float
    source: str


def decide(ci_low: float, ci_high: float, bounds: Bounds) -> str:
    """Turn an interval and bounds into one of four words.

    Parameters
    ----------
    ci_low, ci_high : float
        Confidence limits of treated minus control; NaN if there are none.
    bounds : Bounds
        Differences from `low` to `high`, both included, are not worth naming.

    Returns
    -------
    str
        The first row that holds:

        =============================  ==============================
        the interval                   verdict
        =============================  ==============================
        is not there (NaN)             ``cannot tell``
        lies above ``high``            ``paradox``
        lies within ``low .. high``    ``no difference worth naming``
        ends at or below ``high``      ``no paradox``
        anything else                  ``cannot tell``
        =============================  ==============================

    Notes
    -----
    A limit that equals a bound counts as within the bounds, so `paradox` needs
    ``ci_low > high``. `no paradox` says that a paradox worth naming is ruled out:
    the interval reaches below ``low``, so the treated may be as loyal or less.
    Read with a 95 % interval, each of `paradox`, `no difference worth naming` and
    `no paradox` is announced wrongly in at most 2.5 % of samples; the verdict of no
    difference is the two one-sided tests at 2.5 % each, stricter than the 5 % in
    common use, so that one printed interval decides everything.

    Examples
    --------
    >>> decide(-0.2, 0.3, Bounds(-0.5, 0.5, "set by the caller"))
    'no difference worth naming'
    """
    place = place_interval(ci_low, ci_high, bounds)
    return {
        HIGHER: PARADOX, LOWER: NO_PARADOX, NOT_HIGHER: NO_PARADOX,
        NOT_LOWER: CANNOT_TELL,
    }.get(place, place)  # fmt: skip


def place_interval(ci_low: float, ci_high: float, bounds: Bounds) -> str:
    """Say where an interval lies against its bounds.

    Examples
    --------
    >>> place_interval(0.4, 9.0, Bounds(-0.5, 0.5, "set by the caller"))
    'not lower'
    """
    if math.isnan(ci_low) or math.isnan(ci_high):
        return CANNOT_TELL
    if ci_low > bounds.high:
        return HIGHER
    if ci_high < bounds.low:
        return LOWER
    if ci_low >= bounds.low:
        return NO_DIFFERENCE if ci_high <= bounds.high else NOT_LOWER
    return NOT_HIGHER if ci_high <= bounds.high else CANNOT_TELL


def set_bounds(given: float | tuple[float, float] | None, groups: TwoGroups) -> Bounds:
    """Take the caller's bounds, or the package's default for this kind of outcome.

    Examples
    --------
    >>> groups = TwoGroups(np.array([90.0, 120.0]), np.array([80.0, 120.0]), 0)
    >>> set_bounds(None, groups)
    Bounds(low=-1.5, high=1.5, source='default: 1.5 % of the control mean')
    """
    if given is not None:
        low, high = _as_pair(given)
        return Bounds(low, high, "set by the caller")
    reach, source = _default_reach(groups)
    return Bounds(-reach, reach, source)


def _as_pair(given: Any) -> tuple[float, float]:
    """Check the caller's bounds, which may be anything yet."""
    alone = bool(np.isscalar(given))
    try:
        pair = (-given, given) if alone else tuple(given)
        low, high = (float(bound) for bound in pair)
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds is a number or a pair (low, high) in the outcome's unit; "
            f"got {given!r}."
        ) from None
    if not (low <= 0.0 <= high and math.isfinite(high - low)):
        raise ValueError(
            f"bounds must have zero between them, low <= 0 <= high, and be finite; "
            f"got {given!r}. For 'less than 2 is not worth naming' write bounds=2."
        )
    return low + 0.0, high + 0.0


def _default_reach(groups: TwoGroups) -> tuple[float, str]:
    control = groups.control
    if groups.yes_no:
        return SHARE_OF_YES, "default: 1 percentage point"
    if control.size == 0:
        return 0.0, "no default: the control group is empty"
    if min(control.min(), groups.treated.min(initial=0.0)) >= 0.0:
        reach = SHARE_OF_MEAN * float(control.mean())
        return reach, "default: 1.5 % of the control mean"
    if control.size == 1:
        return 0.0, "no default: the control group is one customer"
    reach = SHARE_OF_SPREAD * float(control.std(ddof=1))
    return reach, "default: a tenth of the control group's standard deviation"


# What is asked. Only the first is about a paradox.
ASKS_PARADOX = "paradox"
ASKS_MADE_GOOD = "made good"
ASKS_FAILED_RECOVERY = "failed recovery"
ASKS_SILENT = "silent"
ASKS_ANSWER = "answer"
TOPICS = (
    ASKS_PARADOX, ASKS_MADE_GOOD, ASKS_FAILED_RECOVERY, ASKS_SILENT, ASKS_ANSWER,
)  # fmt: skip
DIRECTIONS = ("high", "low", "")

BETTER_OFF, WORSE_OFF = "better off", "worse off"
NOT_BETTER_OFF, NOT_WORSE_OFF = "not better off", "not worse off"
READINGS = {
    "high": {
        HIGHER: BETTER_OFF, LOWER: WORSE_OFF,
        NOT_HIGHER: NOT_BETTER_OFF, NOT_LOWER: NOT_WORSE_OFF,
    },
    "low": {
        LOWER: BETTER_OFF, HIGHER: WORSE_OFF,
        NOT_LOWER: NOT_BETTER_OFF, NOT_HIGHER: NOT_WORSE_OFF,
    },
    "": {},
}  # fmt: skip
VERDICTS_OF_PARADOX = {
    BETTER_OFF: PARADOX, WORSE_OFF: NO_PARADOX,
    NOT_BETTER_OFF: NO_PARADOX, NOT_WORSE_OFF: CANNOT_TELL,
}  # fmt: skip
SURE = (HIGHER, LOWER, BETTER_OFF, WORSE_OFF)
# What a question's own answer begins with, by what is found.
BEGINNINGS = {
    ASKS_PARADOX: {
        BETTER_OFF: "a paradox: ", WORSE_OFF: "no paradox: ",
        NOT_BETTER_OFF: "no paradox: ",
        NOT_WORSE_OFF: "these data cannot tell a paradox from none: ",
    },
    ASKS_MADE_GOOD: {
        **dict.fromkeys(SURE, "whether it was made good matters: "),
        NO_DIFFERENCE: "whether it was made good matters little: ",
    },
    ASKS_FAILED_RECOVERY: {
        WORSE_OFF: "yes: ", BETTER_OFF: "no: ", NOT_WORSE_OFF: "no: ",
    },
    ASKS_SILENT: {},
    ASKS_ANSWER: {},
}  # fmt: skip
# Of answers to complaints: where it lies, and then which way that is.
WHICH_IS = {BETTER_OFF: ", which is better", WORSE_OFF: ", which is worse"}
NOBODY_SAYS = "; whether that is better, the mapping does not say"


@dataclass(frozen=True, slots=True)
class Wording:
    """What may be said of one difference.

    Attributes
    ----------
    verdict : str
        In a word, for tables: ``paradox``, ``no paradox``, ``no difference worth
        naming`` and ``cannot tell`` where a paradox is asked for and a direction is
        known; else ``higher``, ``lower``, ``not higher``, ``not lower``, ``no
        difference worth naming`` and ``cannot tell``.
    reading : str
        ``better off``, ``worse off``, ``not better off`` or ``not worse off``; empty
        where neither can be said, or nobody said which way is better.
    answer : str
        The answer to the question, in words of that question.
    """

    verdict: str
    reading: str
    answer: str


def word_verdict(
    topic: str, ci_low: float, ci_high: float, bounds: Bounds, better: str
) -> Wording:
    """Word what an interval says to a question.

    Examples
    --------
    >>> bounds = Bounds(-0.01, 0.01, "set by the caller")
    >>> word_verdict("answer", -0.24, -0.11, bounds, "low").answer
    'lower by more than is worth naming, which is better'
    >>> word_verdict("paradox", -0.24, -0.11, bounds, "").verdict
    'lower'
    """
    if topic not in TOPICS or better not in DIRECTIONS:
        raise ValueError(
            f"a verdict is on one of {list(TOPICS)}, better one of "
            f"{list(DIRECTIONS)}; got {topic!r} and {better!r}."
        )
    place = place_interval(ci_low, ci_high, bounds)
    reading = READINGS[better].get(place, "")
    verdict = place
    if topic == ASKS_PARADOX and better:
        verdict = VERDICTS_OF_PARADOX.get(reading, place)
    return Wording(verdict, reading, say_answer(topic, place, reading, better))


def say_answer(topic: str, place: str, reading: str, better: str) -> str:
    """Return the answer to a question, from where the interval lies and what it is."""
    found = place if topic == ASKS_ANSWER or not reading else reading
    begin = BEGINNINGS[topic].get(found, "")
    if place == CANNOT_TELL:
        return f"{begin}these data cannot tell"
    if place == NO_DIFFERENCE:
        return f"{begin}no difference worth naming, either way"
    # Where less is better both are said, so that a minus before it is no surprise.
    both = f", that is {place}," if better == "low" and found == reading else ""
    much = "by more than is" if found in SURE else "by anything"
    end = WHICH_IS.get(reading, "") if topic == ASKS_ANSWER else ""
    end = end or (NOBODY_SAYS if not better and found in SURE else "")
    return f"{begin}{found}{both} {much} worth naming{end}"
