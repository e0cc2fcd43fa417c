"""Student's t for a small group whose shape is read off the larger one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr, ndtri

# Half of the resamples are drawn, the other half are their mirror images: ranks
# counted from the other end. Outcomes turned round then give limits turned round.
HALF_OF_RESAMPLES = 1_500
# Of so many draws or fewer each is made; of more, the body is summed as a normal and
# about FAR_DRAWS of the values furthest from the mean are drawn one by one.
MOST_DRAWN = 96
FAR_DRAWS = 48.0
# With so many customers a group speaks for half of its own shape. Of 100 and 400 the
# second came nearer to 95 % with heavy tails in groups of 100 to 1,000.
OWN_SHAPE = 400.0
SEED = 1993
# Quantiles are kept at these normal scores. Beyond +-2.7 (10 of 3,000 resamples) the
# curve goes on as Student's t does.
SCORES = np.linspace(-2.7, 2.7, 55)
# However rarely a resample falls on one side, limits keep this share of a normal's
# distance, so that they lie on both sides of the estimate.
LEAST_REACH = 0.25
# A smaller group whose skewness falls outside these shares of resamples of the larger
# group's shape is said to have another shape.
ODD_SHAPE = 0.05
FOR_SHAPES = 400


@dataclass(frozen=True, slots=True)
class Sample:
    """One group as the bootstrap needs it.

    Attributes
    ----------
    shape : float64 array, shape (n,)
        Sorted values less their mean, over their spread; empty if nothing varies.
    spread : float
        Standard deviation (divisor n - 1).
    size : int
        Customers.
    """

    shape: NDArray[np.float64]
    spread: float
    size: int


@dataclass(frozen=True, slots=True)
class BootstrapT:
    """Confidence limits from a resampled t statistic, at every level.

    Attributes
    ----------
    estimate, std_error : float
        Difference of the means, and Welch's standard error.
    quantiles : float64 array, shape (55,)
        Quantiles of t at the levels of `SCORES`, rising, 0 in the middle.
    freedom : float
        Welch's degrees of freedom; they shape the far tails.
    shapes : str
        ``"alike"``, or the smaller group is ``"less skewed"`` or ``"more skewed"``
        than resamples of the larger one are.
    """

    estimate: float
    std_error: float
    quantiles: NDArray[np.float64]
    freedom: float
    shapes: str

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""
        low, high = self.reaches(confidence)
        return (
            self.estimate - high * self.std_error,
            self.estimate - low * self.std_error,
        )

    def reaches(self, confidence: float) -> tuple[float, float]:
        """Return the quantiles of t that the two limits rest on."""
        z = float(ndtri(0.5 + confidence / 2.0))
        return self._quantile(-z), self._quantile(z)

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        return float(ndtr(-self._score((self.estimate - delta) / self.std_error)))

    def _quantile(self, z: float) -> float:
        if abs(z) <= SCORES[-1]:
            return float(np.interp(z, SCORES, self.quantiles))
        end, far = (SCORES[0], ndtr(z)) if z < 0.0 else (SCORES[-1], ndtr(-z))
        grown = stats.t.ppf(far, self.freedom) / self._student(-abs(end))
        return float(self.quantiles[0 if z < 0.0 else -1] * grown)

    def _score(self, t: float) -> float:
        if self.quantiles[0] <= t <= self.quantiles[-1]:
            return float(np.interp(t, self.quantiles, SCORES))
        last = self.quantiles[0 if t < 0.0 else -1]
        share = stats.t.cdf(t / last * self._student(SCORES[0]), self.freedom)
        return math.copysign(float(ndtri(share)), t)

    def _student(self, z: float) -> float:
        return float(stats.t.ppf(ndtr(z), self.freedom))


def bootstrap_t(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    covariance: float = 0.0,
) -> BootstrapT:
    """Give the curve of mean(treated) minus mean(control) by a resampled t.

    Parameters
    ----------
    treated, control : float64 array, shape (n,)
        At least two values each, not all equal in both.
    covariance : float, optional
        Of the two means, if some customers stand in both groups.

    Returns
    -------
    BootstrapT

    Notes
    -----
    The bootstrap-t reads limits off the distribution of t = (estimate - truth) / error
    over resamples, instead of off Student's. From ten or twenty skewed amounts that
    distribution cannot be learned: the large amounts that make it are mostly missing.
    So a group of n customers draws n / (n + 400) of each resample from its own values
    and the rest from the other group's, moved and stretched to its own mean and
    spread (or n over the customers of both, if that is more). A group that varies
    less than the other is stretched as if it varied nearly as much: with few customers
    a small spread is what missing large amounts look like.

    That rests on the two groups being distributed alike but for place and scale. Where
    the smaller group's skewness is below what resamples of the larger one show, each
    limit is the further of this one and Welch's.

    Nothing depends on the order of the rows or on an outer seed: resamples are drawn
    from sorted values by one fixed sequence.

    References
    ----------
    Efron, B. and Tibshirani, R. J. (1993). An introduction to the bootstrap. Chapman
    and Hall, chapter 12.

    Examples
    --------
    >>> small = np.array([0.0, 0, 1, 9])
    >>> curve = bootstrap_t(small, np.r_[np.zeros(50), np.arange(1.0, 31.0)])
    >>> low, high = curve.limits(0.95)
    >>> bool(high - curve.estimate > curve.estimate - low)
    True
    """
    pair = (_describe(treated), _describe(control))
    parts = [one.spread**2 / one.size for one in pair]
    error = math.sqrt(max(sum(parts) - 2.0 * covariance, 0.0))
    freedom = welch_freedom(parts, [one.size for one in pair])
    # The first stream of draws is the smaller group's: swapping turns the sign alone.
    first, last = sorted(pair, key=lambda one: (one.size, one.spread))
    sign = 1.0 if first is pair[0] else -1.0
    drawn = _resample_t(first, last)
    shapes = _compare_shapes(first, last)
    student = stats.t.ppf(ndtr(SCORES), freedom) if shapes == "less skewed" else None
    quantiles = _quantiles(sign * drawn, student)
    estimate = float(treated.mean() - control.mean())
    return BootstrapT(estimate, error, quantiles, freedom, shapes)


def welch_freedom(parts: list[float], sizes: list[int] | tuple[int, int]) -> float:
    """Return Welch's degrees of freedom from squared errors and sizes."""
    shares = [part / sum(parts) for part in parts]
    return 1.0 / sum(
        share**2 / (size - 1) for share, size in zip(shares, sizes, strict=True)
    )


def borrowed_skewness(
    treated: NDArray[np.float64], control: NDArray[np.float64]
) -> float:
    """Return the difference's skewness if both groups had the larger one's shape.

    The smaller group's own skewness says little: with its few values it is small
    whatever the truth is.

    Examples
    --------
    >>> amounts = np.r_[np.zeros(60), 1.0, 2.0, 9.0]
    >>> bool(borrowed_skewness(amounts[:3], amounts) > 1.0)
    True
    """
    small, large = sorted((treated, control), key=lambda values: values.size)
    centred = large - large.mean()
    spread = math.sqrt(float(np.mean(centred**2)))
    if spread == 0.0:
        return 0.0
    skewness = float(np.mean((centred / spread) ** 3))
    ratio = max(float(small.std()) / spread, 1.0)
    variance = ratio**2 / small.size + 1.0 / large.size
    third = ratio**3 / small.size**2 - 1.0 / large.size**2
    return (1.0 if small is treated else -1.0) * skewness * third / variance**1.5


def _describe(values: NDArray[np.float64]) -> Sample:
    ordered = np.sort(values)
    spread = float(ordered.std(ddof=1))
    if ordered[0] == ordered[-1] or spread == 0.0:
        return Sample(np.empty(0), 0.0, values.size)
    centred = ordered - ordered.mean()
    return Sample(centred / math.sqrt(float(np.mean(centred**2))), spread, values.size)


def _resample_t(first: Sample, last: Sample) -> NDArray[np.float64]:
    """Draw t for the first group's mean less the last one's."""
    rng = np.random.default_rng(SEED)
    difference = variance = 0.0
    for own, other, sign in ((first, last, 1.0), (last, first, -1.0)):
        weight = max(own.size / (own.size + OWN_SHAPE),
                     own.size / (own.size + other.size))  # fmt: skip
        mean, square = _resample_moments(own, other, weight, rng)
        scale = own.spread
        if scale < other.spread:
            scale = math.sqrt(weight * scale**2 + (1.0 - weight) * other.spread**2)
        difference = difference + sign * scale * mean
        variance = variance + scale**2 * square / own.size
    # Where neither resample varies, t is 0 / 0 or a difference over nothing.
    error = np.sqrt(np.maximum(variance, 1e-24 * max(first.spread, last.spread) ** 2))
    return difference / error


def _resample_moments(
    own: Sample, other: Sample, weight: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw means and variances of one group's resamples, in units of its spread."""
    n_own = round(weight * own.size) if own.shape.size else 0
    if not other.shape.size:
        n_own = own.size
    total = square = np.zeros(2 * HALF_OF_RESAMPLES)
    for shape, n_draws in ((own.shape, n_own), (other.shape, own.size - n_own)):
        if n_draws:
            sums = _resample_sums(shape, n_draws, rng)
            total, square = total + sums[0], square + sums[1]
    n = own.size
    return total / n, np.maximum(square - total**2 / n, 0.0) / (n - 1)


def _resample_sums(
    shape: NDArray[np.float64], n_draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw sums and sums of squares of `n_draws` values of a shape."""
    half = HALF_OF_RESAMPLES
    if n_draws <= MOST_DRAWN:
        drawn = _mirrored(shape, rng.integers(0, shape.size, (half, n_draws)))
        return drawn.sum(axis=1), np.einsum("ij,ij->i", drawn, drawn)
    # Far values are drawn one by one, as many of them as the resample has.
    body, far = _split_by_distance(shape, shape.size * FAR_DRAWS / n_draws)
    n_far = rng.binomial(n_draws, far.size / shape.size, half)
    widest = int(n_far.max())
    ranks = rng.integers(0, max(far.size, 1), (half, widest))
    kept = np.arange(widest) < np.concatenate([n_far, n_far])[:, None]
    drawn = np.where(kept, _mirrored(far, ranks), 0.0) if widest else np.zeros((1, 1))
    # Of near values only the sum and the sum of squares, by the normal they come to.
    n_near = n_draws - np.concatenate([n_far, n_far]).astype(float)
    total, square = _draw_near(body, n_near, rng.standard_normal((2, half)))
    return total + drawn.sum(axis=1), square + np.einsum("ij,ij->i", drawn, drawn)


def _draw_near(
    body: NDArray[np.float64], n_near: NDArray[np.float64], normal: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw sums and sums of squares of many values by their joint normal limit."""
    squares = body**2
    spread = float(body.std())
    slope = rest = 0.0
    if spread > 0.0:
        slope = float(np.mean((body - body.mean()) * squares)) / spread
        rest = math.sqrt(max(float(squares.var()) - slope**2, 0.0))
    first = np.concatenate([normal[0], -normal[0]])
    second = np.concatenate([normal[1], normal[1]])
    root = np.sqrt(n_near)
    total = n_near * float(body.mean()) + root * spread * first
    square = n_near * float(squares.mean()) + root * (slope * first + rest * second)
    return total, np.maximum(square, total**2 / np.maximum(n_near, 1.0))


def _mirrored(
    points: NDArray[np.float64], ranks: NDArray[np.int64]
) -> NDArray[np.float64]:
    return np.concatenate([points[ranks], points[points.size - 1 - ranks]])


def _split_by_distance(
    shape: NDArray[np.float64], wanted: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Part sorted values into the nearest to zero and about `wanted` furthest."""
    n_far = min(max(1, round(wanted)), shape.size - 1)
    distance = np.abs(shape)
    edge = np.partition(distance, shape.size - n_far)[shape.size - n_far]
    far = distance >= edge
    if np.count_nonzero(far) > 2 * n_far:  # many at one distance: they are near
        far = distance > edge
    return shape[~far], shape[far]


def _compare_shapes(small: Sample, large: Sample) -> str:
    """Say whether the smaller group is as skewed as resamples of the larger one."""
    if not (small.shape.size and large.shape.size):
        return "alike"
    rng = np.random.default_rng(SEED + 1)
    n = min(small.size, MOST_DRAWN)
    ranks = rng.integers(0, large.size, (FOR_SHAPES // 2, n))
    drawn = _mirrored(large.shape, ranks)
    drawn = drawn - drawn.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(drawn**2, axis=1))
    varied = spread > 0.0
    skewness = np.mean(drawn[varied] ** 3, axis=1) / spread[varied] ** 3
    if not skewness.size:
        return "alike"
    own = float(np.mean(small.shape**3))
    sign = math.copysign(1.0, float(np.mean(large.shape**3)))
    low, high = np.quantile(sign * skewness, [ODD_SHAPE, 1.0 - ODD_SHAPE])
    if sign * own < low:
        return "less skewed"
    return "more skewed" if sign * own > high else "alike"


def _quantiles(
    drawn: NDArray[np.float64], student: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Read quantiles off the draws: rising, and on either side of zero."""
    found = np.quantile(drawn, ndtr(SCORES))
    least = LEAST_REACH * SCORES if student is None else student
    middle = SCORES.size // 2
    found[:middle] = np.minimum(found, least)[:middle]
    found[middle] = 0.0
    found[middle + 1 :] = np.maximum(found, least)[middle + 1 :]
    # A step in the distribution is a flat stretch here; the curve must have an inverse.
    return np.maximum.accumulate(found) + 1e-9 * SCORES
