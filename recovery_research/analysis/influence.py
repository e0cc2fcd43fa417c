"""From each customer's influence on an estimate to its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr

from recovery_research.analysis.bootstrap import BootstrapT, bootstrap_t
from recovery_research.analysis.contrasts import compare_means
from recovery_research.analysis.groups import TwoGroups
from recovery_research.analysis.intervals import Interval, without_interval
from recovery_research.analysis.propensity import Adjusted
from recovery_research.analysis.verdicts import (
    Curve,
    ScoreCurve,
    StudentCurve,
    wilson_limits,
)

# Below this share of the outcome's size an error is the rounding of its sums.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class MovedCurve:
    """Limits that have the shape of another curve, around another estimate.

    Attributes
    ----------
    curve : Curve
        Whose shape.
    estimate : float
        Where it is moved to.
    scale : float
        How many times as wide it is made.
    """

    curve: Curve
    estimate: float
    scale: float

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""
        low, high = self.curve.limits(confidence)
        centre = self.curve.estimate
        return (
            self.estimate + self.scale * (low - centre),
            self.estimate + self.scale * (high - centre),
        )

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        return self.curve.tail(
            self.curve.estimate + (delta - self.estimate) / self.scale
        )


def compare_numbers(
    own: NDArray[np.float64], other: NDArray[np.float64], *, confidence: float
) -> Interval:
    """Compare two means by the law of `paradox`, as numbers even if all are 0 or 1.

    Changes that happen to be 0 and 1 are no shares: limits for shares depend on the
    unit and would give 50 customers who all spent nothing an interval in dollars.
    """
    return compare_means(TwoGroups(own, other, 0), confidence=confidence)


def compare_influences(
    estimate: float,
    influence: NDArray[np.float64],
    treated: NDArray[np.bool_],
    *,
    size: float,
    confidence: float,
    clusters: NDArray[np.int64] | None = None,
) -> Interval:
    """Turn influences of the customers of two groups into an interval."""
    if clusters is not None:
        treated = np.bincount(clusters, weights=treated) > 0.0
        influence = np.bincount(clusters, weights=influence).astype(
            np.float64, copy=False
        )
    error = math.sqrt(float(influence @ influence))
    sizes = (int(treated.sum()), int((~treated).sum()))
    if not error > ROUNDING * size:
        note = "nothing varies: no interval"
        return without_interval("influence", estimate, sizes, confidence, note)
    parts = [influence[treated] * sizes[0], influence[~treated] * sizes[1]]
    # A group whose own influence is rounding has none.
    parts = [
        np.zeros(part.size) if np.abs(part).max() <= ROUNDING * size else part
        for part in parts
    ]
    own, other = (part - part.mean() for part in parts)
    found = compare_numbers(own, -other, confidence=confidence)
    if found.curve is None:
        return without_interval("influence", estimate, sizes, confidence, found.note)
    curve = MovedCurve(found.curve, estimate, error / found.std_error)
    low, high = curve.limits(confidence)
    below = curve.tail(0.0)
    return Interval(
        "influence", estimate, error, low, high, confidence,
        min(1.0, 2.0 * min(below, 1.0 - below)), *sizes, found.note, curve,
    )  # fmt: skip


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


# Differences smaller than this share of the outcome's spread are rounding.
SPREAD_ROUNDING = 1e-9
# A group in which fewer customers differ from the rest says little of its own spread.
FEW_DIFFERENT = 5
# An estimate less skewed than this has Student's limits.
HARDLY_SKEWED = 0.05
# Effective sizes above it are cut off where shapes are drawn from.
MOST_SHAPES = 20_000


@dataclass(frozen=True, slots=True)
class AdjustedInterval:
    """An adjusted difference with the law of its error.

    Attributes
    ----------
    estimate, std_error : float
    means : (float, float)
        The two adjusted means.
    sizes : (float, float)
        How many customers, weighted alike, each is worth.
    curve : Curve or None
        Limits at every level; None if nothing varies.
    note : str
    """

    estimate: float
    std_error: float
    means: tuple[float, float]
    sizes: tuple[float, float]
    curve: Curve | None
    note: str

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the limits, not a number if there are none."""
        return self.curve.limits(confidence) if self.curve else (math.nan, math.nan)

    @property
    def p_value(self) -> float:
        """Return the two-sided p-value of no difference, of the limits' own law."""
        if self.curve is None:
            return math.nan
        below = self.curve.tail(0.0)
        return min(1.0, 2.0 * min(below, 1.0 - below))


@dataclass(frozen=True, slots=True)
class Part:
    """What the rows of one group add to the error of an adjusted difference.

    Attributes
    ----------
    residuals : float64 array, shape (n_customers,)
        What each customer would be off, counted alone.
    shares : float64 array, shape (n_customers,)
        How much each counts, not negative, adding up to one.
    variance : float
        Of the group's sum.
    size : float
        How many customers, weighted alike, the group is worth.
    """

    residuals: NDArray[np.float64]
    shares: NDArray[np.float64]
    variance: float
    size: float

    def moment(self, power: int) -> float:
        """Return a central moment of the residuals."""
        centre = float(self.shares @ self.residuals)
        return float(self.shares @ (self.residuals - centre) ** power)

    @property
    def skewness(self) -> float:
        """Return the residuals' skewness; 0 if they do not vary."""
        spread = self.moment(2)
        return self.moment(3) / spread**1.5 if spread > 0.0 else 0.0

    def alike(self) -> NDArray[np.float64]:
        """Return residuals that all count alike, as many as the group is worth.

        They lie at equal steps of the weighted distribution: where all weights are
        alike they are the residuals themselves, whatever the order of the rows.
        """
        n = max(2, round(min(self.size, MOST_SHAPES)))
        order = np.argsort(self.residuals, kind="stable")
        reached = np.cumsum(self.shares[order])
        reached /= reached[-1]
        places = np.searchsorted(reached, (np.arange(n) + 0.5) / n)
        return self.residuals[order][np.minimum(places, len(order) - 1)]

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give values a mean of zero and this variance of their mean."""
        centred = values - values.mean()
        spread = float(centred.std(ddof=1))
        if spread == 0.0:
            return centred
        return centred / spread * math.sqrt(self.variance * values.size)


def find_interval(
    arms: tuple[Adjusted, Adjusted],
    outcome: NDArray[np.float64],
    treated: NDArray[np.bool_],
    clusters: NDArray[np.int64] | None,
) -> AdjustedInterval:
    """Subtract two adjusted means and say how unsure the difference is.

    Parameters
    ----------
    arms : (Adjusted, Adjusted)
        Treated and control.
    outcome : float64 array, shape (n,)
    treated : bool array, shape (n,)
    clusters : int64 array, shape (n,), or None
        Which customer each row is of, where some have several: their influences are
        summed before they are squared.

    Returns
    -------
    AdjustedInterval

    Notes
    -----
    Yes/no outcomes have Newcombe's limits: the further of Wilson's and Jeffreys' for
    each adjusted share, at the size of a plain sample with its error, but no more than
    its weights are worth. Others have `bootstrap`'s on the residuals of the two
    groups, or Student's where their shape makes no difference. A group in which fewer
    than five customers differ from all the rest has at least the other's spread.
    """
    sizes = tuple(
        1.0 / float(np.square(_by_customer(arm.weights, clusters)).sum())
        for arm in arms
    )
    if bool(((outcome == 0.0) | (outcome == 1.0)).all()):
        return _compare_shares(arms, clusters, (sizes[0], sizes[1]))
    spread = float(outcome.max() - outcome.min())
    largest = float(np.abs(outcome).max())
    found = AdjustedInterval(
        arms[0].mean - arms[1].mean, 0.0, (arms[0].mean, arms[1].mean),
        (sizes[0], sizes[1]), None, "",
    )  # fmt: skip
    if spread <= max(1e-12 * largest, 1e-60):
        means = (float(outcome[0]),) * 2
        note = "the outcome does not vary: no interval"
        return replace(found, estimate=0.0, means=means, note=note)
    parts, covariance = _divide(arms, treated, clusters)
    error = math.sqrt(max(sum(p.variance for p in parts) - 2.0 * covariance, 0.0))
    rounding = max(SPREAD_ROUNDING * spread, 1e-12 * largest)
    if error <= rounding:
        estimate = 0.0 if abs(found.estimate) <= rounding else found.estimate
        note = "the outcome follows exactly from group and covariates: no interval"
        return replace(found, estimate=estimate, note=note)
    parts, borrowed, note = _lend(parts, outcome, treated)
    curve = _curve(found.estimate, parts, covariance, borrowed)
    return replace(found, std_error=curve.std_error, curve=curve, note=note)


def _by_customer(
    values: NDArray[np.float64], clusters: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    if clusters is None:
        return values
    return np.bincount(clusters, weights=values).astype(np.float64, copy=False)


def _compare_shares(
    arms: tuple[Adjusted, Adjusted],
    clusters: NDArray[np.int64] | None,
    sizes: tuple[float, float],
) -> AdjustedInterval:
    """Give adjusted shares Newcombe's limits."""
    n = len(arms[0].influence)
    influences = [_by_customer(arm.influence, clusters) / n for arm in arms]
    variances = [float(v @ v) for v in influences]
    if clusters is not None:
        variances = [
            v * size / max(size - 1.0, 1.0)
            for v, size in zip(variances, sizes, strict=True)
        ]
    covariance = float(influences[0] @ influences[1])
    shares = [min(max(arm.mean, 0.0), 1.0) for arm in arms]
    worth = []
    for share, variance, size in zip(shares, variances, sizes, strict=True):
        plain = share * (1.0 - share)
        worth.append(min(plain / variance, size) if plain and variance else size)
    scale = math.sqrt(variances[0] * variances[1])
    correlation = covariance / scale if scale > 0.0 else 0.0
    curve = AdjustedScoreCurve(shares[0], shares[1], worth[0], worth[1], correlation)
    error = math.sqrt(max(sum(variances) - 2.0 * covariance, 0.0))
    return AdjustedInterval(
        curve.estimate, error, (shares[0], shares[1]), sizes, curve, ""
    )


def _divide(
    arms: tuple[Adjusted, Adjusted],
    treated: NDArray[np.bool_],
    clusters: NDArray[np.int64] | None,
) -> tuple[list[Part], float]:
    """Divide the error into what comes from treated and from control rows.

    The covariance is that of two means of which the second is taken off; it is there
    only if some customers have rows in both groups.
    """
    n = len(treated)
    influence = (arms[0].influence - arms[1].influence) / n
    parts, sums = [], []
    for rows, arm in ((treated, arms[0]), (~treated, arms[1])):
        own, shares = influence[rows], np.abs(arm.weights[rows])
        correction = 1.0
        if clusters is not None:
            sums.append(np.bincount(clusters, weights=influence * rows))
            _, codes = np.unique(clusters[rows], return_inverse=True)
            own, shares = (_by_customer(v, codes) for v in (own, shares))
        counted = shares > 1e-12 * shares.max()
        size = float(shares.sum() ** 2 / (shares @ shares))
        if clusters is not None:
            correction = size / max(size - 1.0, 1.0)
        residuals = own[counted] / shares[counted]
        parts.append(Part(residuals, shares[counted] / shares[counted].sum(),
                          correction * float(own @ own), size))  # fmt: skip
    covariance = -float(sums[0] @ sums[1]) if sums else 0.0
    return parts, covariance


def _lend(
    parts: list[Part], outcome: NDArray[np.float64], treated: NDArray[np.bool_]
) -> tuple[list[Part], int | None, str]:
    """Lend a group that hardly varies the other group's spread."""
    for k, values in enumerate((outcome[treated], outcome[~treated])):
        n_different = int((values != np.median(values)).sum())
        if n_different >= min(FEW_DIFFERENT, values.size / 2.0):
            continue
        own, other = parts[k], parts[1 - k]
        lent = other.variance * other.size / own.size
        if lent > own.variance:
            changed = list(parts)
            changed[k] = replace(own, variance=lent)
            note = (
                f"only {n_different} of a group's {values.size} customers differ from "
                "the rest: its spread is taken from the other group"
            )
            return changed, k, note
    return parts, None, ""


def _curve(
    estimate: float, parts: list[Part], covariance: float, borrowed: int | None
) -> StudentCurve | BootstrapT:
    """Return the law of the difference: resampled where the shape matters."""
    variance = sum(part.variance for part in parts) - 2.0 * covariance
    # The smaller group's own skewness says little.
    shape = max(parts, key=lambda part: part.size).skewness
    third = sum(
        sign * shape * part.variance**1.5 / math.sqrt(part.size)
        for sign, part in zip((1.0, -1.0), parts, strict=True)
    )
    if abs(third) <= HARDLY_SKEWED * variance**1.5:
        return StudentCurve(estimate, math.sqrt(variance), _satterthwaite(parts))
    shapes = [part.alike() for part in parts]
    if borrowed is not None:
        size = max(2, round(parts[borrowed].size))
        shapes[borrowed] = replace(parts[1 - borrowed], size=size).alike()
    values = [part.scaled(v) for part, v in zip(parts, shapes, strict=True)]
    return bootstrap_t(values[0] + estimate, values[1], covariance)


def _satterthwaite(parts: list[Part]) -> float:
    """Return the degrees of freedom of a difference of two means."""
    total = sum(part.variance for part in parts)
    squares = sum(part.variance**2 / max(part.size - 1.0, 1.0) for part in parts)
    return max(total**2 / squares, 1.0)
