"""The bootstrap of a difference of means, computed; Student's t for small groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq, minimize_scalar
from scipy.special import ndtr, ndtri

from recovery_research.analysis.small_samples import (
    HALF_OF_RESAMPLES,
    mirrored,
    resample_sums,
)

# Below this tilt (in standard errors) log(v/w)/w is a ratio of rounding errors, and
# its limit, a sixth of the skewness, is right to better than the tilt itself.
SMALL_TILT = 1e-3
LARGEST_TILT = 1e5
# Beyond this score the normal's tail is 1e-23, and nothing is to be told apart.
FURTHEST_SCORE = 10.0


@dataclass(frozen=True, slots=True)
class Resampled:
    """One sample as its distinct values: what a bootstrap of its mean can draw.

    Attributes
    ----------
    offsets : float64 array
        Distinct values less their mean, turned round for the control group.
    shares : float64 array
        Share of the sample that has each value; they add up to 1.
    size : int
        Customers in the sample.
    lowest, highest : float
        The furthest values themselves, turned round likewise.
    """

    offsets: NDArray[np.float64]
    shares: NDArray[np.float64]
    size: int
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class BootstrapCurve:
    """BCa confidence limits of a sum of independent means, at every level.

    The bootstrap distribution of a mean has a known cumulant generating function,
    so its tail follows from the saddlepoint formula of Lugannani and Rice (in
    Barndorff-Nielsen's form) and nothing is drawn: no seed, no Monte Carlo error,
    and a million rows cost a few passes over the data instead of 10^10 indices.

    Attributes
    ----------
    samples : tuple of Resampled
        The groups whose means are added (the control group turned round).
    estimate : float
        The sum of the means.
    spread : float
        Standard deviation of the bootstrap distribution (divisor n, not n - 1).
    skewness : float
        Skewness of the bootstrap distribution. The acceleration and the bias
        correction of BCa are both a sixth of it for a mean.
    """

    samples: tuple[Resampled, ...]
    estimate: float
    spread: float
    skewness: float

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided BCa limits at a level between 0 and 1."""
        z = float(ndtri(0.5 + confidence / 2.0))
        return self._quantile(-z), self._quantile(z)

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        level = self._level(delta)
        if math.isinf(level):
            return float(ndtr(level))
        correction = self.skewness / 6.0
        pull = 1.0 + correction * (level - correction)
        if pull <= 0.0:
            return 1.0 if level > 0.0 else 0.0
        return float(ndtr((level - correction) / pull - correction))

    def _quantile(self, z: float) -> float:
        correction = self.skewness / 6.0
        shift = correction + z
        push = 1.0 - correction * shift
        if push <= 0.0:
            return self._edge(math.copysign(1.0, shift))
        wanted = correction + shift / push
        side = math.copysign(1.0, wanted)
        turn, furthest = self._turning_point(side)
        if side * wanted > side * furthest:
            return self._edge(side)
        centre = self._normal_score(0.0)
        if centre == wanted:
            return self.estimate
        # On the other side of the estimate, if the skewness has moved it that far.
        if side * centre > side * wanted:
            turn, furthest = self._turning_point(-side)
            if side * furthest > side * wanted:
                return self._edge(-side)
        tilt = brentq(
            lambda t: self._normal_score(t) - wanted, 0.0, turn, xtol=1e-10, rtol=1e-12
        )
        return self.estimate + self._cumulants(tilt)[1] * self.spread

    def _level(self, delta: float) -> float:
        """Return the normal score of `delta` in the bootstrap distribution."""
        distance = (delta - self.estimate) / self.spread
        side = math.copysign(1.0, distance)
        if side * (delta - self._edge(side)) > 0.0:
            return side * math.inf
        turn, furthest = self._turning_point(side)
        tilt = _bracketed_root(lambda t: self._cumulants(t)[1] - distance)
        if tilt is None or abs(tilt) >= abs(turn):
            return furthest
        return self._normal_score(tilt)

    def _turning_point(self, side: float) -> tuple[float, float]:
        """Return the tilt up to which scores grow, and the score there.

        Where a sample has few distinct values the formula's scores turn back near the
        furthest one, and a p-value read there would contradict the limits. What lies
        beyond the turning point is as far as anything resampled can be told.
        """
        tilts, scores = [0.0], [self._normal_score(0.0)]
        while abs(scores[-1]) < FURTHEST_SCORE and abs(tilts[-1]) < LARGEST_TILT:
            tilts.append(side * max(0.5, 2.0 * abs(tilts[-1])))
            scores.append(self._normal_score(tilts[-1]))
            if not side * scores[-1] > side * scores[-2]:
                break
        else:
            return tilts[-1], scores[-1]
        found = minimize_scalar(
            lambda t: -side * self._normal_score(t),
            bounds=sorted((tilts[max(len(tilts) - 3, 0)], tilts[-1])),
            method="bounded",
            options={"xatol": 1e-9},
        )
        return float(found.x), self._normal_score(float(found.x))

    def _normal_score(self, tilt: float) -> float:
        if abs(tilt) < SMALL_TILT:
            return tilt + self.skewness / 6.0
        total, slope, curvature = self._cumulants(tilt)
        w = math.copysign(math.sqrt(2.0 * max(tilt * slope - total, 0.0)), tilt)
        v = tilt * math.sqrt(curvature)
        if w == 0.0 or v == 0.0:
            return math.copysign(math.inf, tilt)
        return w + math.log(v / w) / w

    def _cumulants(self, tilt: float) -> tuple[float, float, float]:
        """Cumulant generating function and two derivatives, in units of spread."""
        total = slope = curvature = 0.0
        for sample in self.samples:
            step = sample.offsets / (sample.size * self.spread)
            power = tilt * step
            top = float(power.max())
            weight = sample.shares * np.exp(power - top)
            mass = float(weight.sum())
            mean = float(weight @ step) / mass
            square = float(weight @ (step - mean) ** 2) / mass
            total += sample.size * (top + math.log(mass))
            slope += sample.size * mean
            curvature += sample.size * square
        return total, slope, curvature

    def _edge(self, side: float) -> float:
        """Furthest value any resample can reach, upwards or downwards."""
        return float(sum(s.highest if side > 0 else s.lowest for s in self.samples))


def bootstrap_difference(
    treated: NDArray[np.float64], control: NDArray[np.float64]
) -> BootstrapCurve:
    """Give the BCa curve of mean(treated) minus mean(control).

    Parameters
    ----------
    treated, control : float64 array, shape (n,)
        At least two values each, not all equal in both.

    Returns
    -------
    BootstrapCurve

    References
    ----------
    Efron, B. (1987). Better bootstrap confidence intervals. JASA 82, 171-185.
    Lugannani, R. and Rice, S. (1980). Saddle point approximation for the
    distribution of the sum of independent random variables. Advances in Applied
    Probability 12, 475-490.

    Examples
    --------
    >>> curve = bootstrap_difference(np.array([0.0, 0, 0, 1, 9]), np.array([1.0, 2, 3]))
    >>> low, high = curve.limits(0.95)
    >>> bool(low < curve.estimate < high)
    True
    """
    return _curve(_resampled(treated, 1.0), _resampled(control, -1.0))


def bootstrap_mean(values: NDArray[np.float64]) -> BootstrapCurve:
    """Give the BCa curve of one mean (of differences within customers, say)."""
    return _curve(_resampled(values, 1.0))


def skewness_of_estimate(
    treated: NDArray[np.float64], control: NDArray[np.float64] | None = None
) -> float:
    """Return the skewness of the difference of means over repeated samples.

    It is what decides how far a symmetric interval can be trusted: opposite tails
    cancel when the groups have the same size, and it falls with the root of n.

    Examples
    --------
    >>> bool(skewness_of_estimate(np.array([0.0, 0, 0, 1, 9])) > 0)
    True
    """
    groups = [(treated, 1.0)] if control is None else [(treated, 1.0), (control, -1.0)]
    variance = third = 0.0
    for values, sign in groups:
        offsets = values - values.mean()
        squares = offsets * offsets
        variance += float(squares.mean()) / values.size
        # A product of two is many times as fast as a third power.
        third += sign * float(squares @ offsets) / values.size**3
    return third / variance**1.5 if variance > 0.0 else 0.0


def _resampled(values: NDArray[np.float64], sign: float) -> tuple[Resampled, float]:
    distinct, counts = np.unique(values, return_counts=True)
    mean = float(values.mean())
    shares = counts / values.size
    ends = sorted((sign * float(distinct[0]), sign * float(distinct[-1])))
    offsets = sign * (distinct - mean)
    return Resampled(offsets, shares, values.size, *ends), sign * mean


def _curve(*parts: tuple[Resampled, float]) -> BootstrapCurve:
    samples = tuple(sample for sample, _ in parts)
    moments = [
        [float(s.shares @ s.offsets**power) / s.size ** (power - 1) for s in samples]
        for power in (2, 3)
    ]
    variance, third = (sum(moment) for moment in moments)
    return BootstrapCurve(
        samples=samples,
        estimate=sum(mean for _, mean in parts),
        spread=math.sqrt(variance),
        skewness=third / variance**1.5,
    )


def _bracketed_root(rising) -> float | None:
    """Find where a rising function crosses zero; None if it never does."""
    side = 1.0 if rising(0.0) < 0.0 else -1.0
    near, far = 0.0, side
    while rising(far) * side < 0.0:
        near, far = far, far * 2.0
        if abs(far) > LARGEST_TILT:
            return None
    return float(brentq(rising, near, far, xtol=1e-10, rtol=1e-12))


# With so many customers a group speaks for half of its own shape. Of 100 and 400 the
# second came nearer to 95 % with heavy tails in groups of 100 to 1,000.
OWN_SHAPE = 400.0
# And so many where its shape is seen to be another, with rarer and larger extremes.
ODD_OWN_SHAPE = 40.0
SEED = 1993
# Quantiles are kept at these normal scores. Beyond +-2.7 (10 of 3,000 resamples) the
# curve goes on as Student's t does.
SCORES = np.linspace(-2.7, 2.7, 55)
# However rarely a resample falls on one side, limits keep this share of a normal's
# distance, so that they lie on both sides of the estimate.
LEAST_REACH = 0.25
# A resample's error is at least a hundredth of what it is on average.
LEAST_VARIANCE = 1e-4
# A smaller group whose skewness falls outside these shares of resamples of the larger
# group's shape is said to have another shape.
ODD_SHAPE = 0.05
FOR_SHAPES = 400
# Larger groups speak for their own shape.
MOST_FOR_SHAPES = 500


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
        z = float(ndtri((1.0 - confidence) / 2.0))
        return self._quantile(z), self._quantile(-z)

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
    the smaller group's skewness is outside of what resamples of the larger one show,
    each limit is the further of this one and Welch's; where it is above, also of one
    that draws n / (n + 40) of the smaller group's resamples from its own values.

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
    treated_first = _resample_t(*pair) if pair[0].size <= pair[1].size else None
    control_first = _resample_t(*pair[::-1]) if pair[1].size <= pair[0].size else None
    # The smaller group has the first stream of draws, and of two groups of one size
    # each has it once: swapping the groups then turns the sign, and does no more.
    drawn = [
        sign * each
        for each, sign in ((treated_first, 1.0), (control_first, -1.0))
        if each is not None
    ]
    small, large = sorted(pair, key=lambda one: one.size)
    shapes = "alike" if len(drawn) == 2 else _compare_shapes(small, large)
    student = None if shapes == "alike" else stats.t.ppf(ndtr(SCORES), freedom)
    quantiles = _quantiles(np.concatenate(drawn), student)
    if shapes == "more skewed":
        own = _resample_t(small, large, own_shape=ODD_OWN_SHAPE)
        sign = 1.0 if small is pair[0] else -1.0
        quantiles = _furthest(quantiles, _quantiles(sign * own, student))
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
    squares = centred * centred
    spread = math.sqrt(float(squares.mean()))
    if spread == 0.0:
        return 0.0
    skewness = float(squares @ centred) / large.size / spread**3
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


def _resample_t(
    first: Sample, last: Sample, own_shape: float = OWN_SHAPE
) -> NDArray[np.float64]:
    """Draw t for the first group's mean less the last one's."""
    rng = np.random.default_rng(SEED)
    difference = variance = np.zeros(2 * HALF_OF_RESAMPLES)
    nominal = 0.0
    for own, other, sign in ((first, last, 1.0), (last, first, -1.0)):
        weight = max(own.size / (own.size + own_shape),
                     own.size / (own.size + other.size))  # fmt: skip
        mean, square = _resample_moments(own, other, weight, rng)
        scale = own.spread
        if scale < other.spread:
            scale = math.sqrt(weight * scale**2 + (1.0 - weight) * other.spread**2)
        difference = difference + sign * scale * mean
        variance = variance + scale**2 * square / own.size
        nominal += scale**2 / own.size
    # Where neither resample varies, t would be 0 / 0 or a difference over nothing.
    return difference / np.sqrt(np.maximum(variance, LEAST_VARIANCE * nominal))


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
            sums = resample_sums(shape, n_draws, rng)
            total, square = total + sums[0], square + sums[1]
    n = own.size
    return total / n, np.maximum(square - total**2 / n, 0.0) / (n - 1)


def _compare_shapes(small: Sample, large: Sample) -> str:
    """Say whether the smaller group is as skewed as resamples of the larger one."""
    if not (small.shape.size and large.shape.size) or small.size > MOST_FOR_SHAPES:
        return "alike"
    rng = np.random.default_rng(SEED + 1)
    ranks = rng.integers(0, large.size, (FOR_SHAPES // 2, small.size))
    drawn = mirrored(large.shape, ranks)
    drawn -= drawn.mean(axis=1, keepdims=True)
    squares = drawn * drawn
    spread = np.sqrt(squares.mean(axis=1))
    third = np.einsum("ij,ij->i", squares, drawn) / small.size
    # A resample of one value over and over is as unlike the smaller group as can be.
    skewness = np.divide(third, spread**3, out=np.zeros_like(third), where=spread > 0.0)
    own = float(np.mean(small.shape**3))
    sign = math.copysign(1.0, float(np.mean(large.shape**3)))
    # Ties within rounding count for the smaller group on either side.
    if np.mean(np.abs(skewness) >= abs(own) - 1e-6) < ODD_SHAPE:
        return "more skewed"
    odd = np.mean(sign * skewness <= sign * own + 1e-6) < ODD_SHAPE
    return "less skewed" if odd else "alike"


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


def _furthest(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Take the further of two laws' quantiles on each side of zero."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.where(SCORES < 0.0, low, np.where(SCORES > 0.0, high, first))
