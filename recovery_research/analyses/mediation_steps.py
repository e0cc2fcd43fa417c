"""The two steps of a mediation, and the law of their product."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr, ndtri

from recovery_research.analyses.covariates import Comparison
from recovery_research.analyses.curves import Curve, StudentCurve
from recovery_research.analyses.influences import ROUNDING, compare_influences
from recovery_research.analyses.intervals import Interval, without_interval
from recovery_research.analyses.least_squares import (
    Fit,
    fit_least_squares,
    orthogonalise,
)

# Levels at which each law is read: levels of a product are then right to 0.004 (a test
# compares them with integration).
LEVELS = (np.arange(160) + 0.5) / 160
NORMAL = ndtri(LEVELS)
# Scores of the second law, wide enough for any sum of two of those.
SCORES = np.linspace(-6.0, 6.0, 241)


@dataclass(frozen=True, slots=True)
class Steps:
    """A contrast's two steps, whole and rest, each with every customer's influence.

    Attributes
    ----------
    first, total, direct : Interval
        Group on mediator; group on outcome; the same with the mediator held fixed.
    ahead : float64 array, shape (n_levels,), or None
        The first step's one-sided limits at `LEVELS`.
    effect : float
        Mediator on outcome.
    variances : (float, float, float)
        Mean square of the mediator's residuals, mean product, mean square of the
        outcome's.
    covariance : float64 array, shape (5, 5)
        Of the first step, the effect and the three above: products of the customers'
        influences.
    freedom : float
        Degrees of freedom of the effect.
    n_deciding : int
        Customers who alone decide a coefficient.
    """

    first: Interval
    total: Interval
    direct: Interval
    ahead: NDArray[np.float64] | None
    effect: float
    variances: tuple[float, float, float]
    covariance: NDArray[np.float64]
    freedom: float
    n_deciding: int

    @property
    def correlation(self) -> float:
        """Return the correlation of the two regressions' residuals."""
        scale = self.variances[0] * self.variances[2]
        return self.variances[1] / math.sqrt(scale) if scale > 0.0 else 0.0

    def second(self, error: float) -> tuple[float, NDArray[np.float64]]:
        """Give the mediator's effect at a correlation of errors, and its slopes.

        The slopes are along the rows of `covariance`.
        """
        own, cross, other = self.variances
        left = own * other - cross**2
        unexplained = math.sqrt(left) if left > ROUNDING * own * other else 0.0
        factor = error / math.sqrt(1.0 - error**2)
        less = factor * unexplained / own
        slopes = np.array([less / own, 0.0, 0.0])
        if unexplained > 0.0:
            slopes += (
                factor
                / (2.0 * unexplained * own)
                * np.array([-other, 2.0 * cross, -own])
            )
        return self.effect - less, np.array([0.0, 1.0, *slopes])

    def indirect(self, error: float, confidence: float) -> Interval:
        """Multiply the two steps, with the quantiles of the product as limits."""
        effect, slopes = self.second(error)
        first = self.first.estimate
        sizes = (self.first.n_treated, self.first.n_control)
        if self.ahead is None or self.total.curve is None:
            note = self.first.note if self.ahead is None else self.total.note
            return without_interval("product", first * effect, sizes, confidence, note)
        along = self.covariance @ slopes
        parts = [float(self.covariance[0, 0]), max(float(slopes @ along), 0.0)]
        both = float(along[0])
        variance = effect**2 * parts[0] + first**2 * parts[1] + parts[0] * parts[1]
        variance += 2.0 * first * effect * both
        curve = StudentCurve(effect, math.sqrt(parts[1]), self.freedom)
        scale = math.sqrt(parts[0] * parts[1])
        law = multiply_laws(self.ahead, curve, both / scale if scale > 0.0 else 0.0)
        low, high = np.interp(
            [0.5 - confidence / 2.0, 0.5 + confidence / 2.0], law.level, law.value
        )
        below = float(np.interp(0.0, law.value, law.level, left=0.0, right=1.0))
        return Interval(
            "product", first * effect, math.sqrt(max(variance, 0.0)), float(low),
            float(high), confidence, min(1.0, 2.0 * min(below, 1.0 - below)), *sizes,
            "",
        )  # fmt: skip

    def doubt(self) -> str:
        """Say what is doubtful about the parts."""
        parts = []
        if self.n_deciding:
            parts.append(
                f"{self.n_deciding} customers alone decide a covariate's part, and the "
                "errors know nothing of them"
            )
        error = math.sqrt(float(self.covariance[1, 1]))
        steps = ((self.first.estimate, self.first.std_error), (self.effect, error))
        if any(abs(value) < 2.0 * spread for value, spread in steps):
            parts.append(
                "one of the two steps may be nothing: the part through the mediator is "
                "skewed, and its limits are not as far on both sides"
            )
        parts += [self.total.note, self.first.note]
        return "; ".join(dict.fromkeys(part for part in parts if part))


@dataclass(frozen=True, slots=True)
class Law:
    """A law as values and the levels below which they are."""

    value: NDArray[np.float64]
    level: NDArray[np.float64]


def multiply_laws(ahead: NDArray[np.float64], second: Curve, correlation: float) -> Law:
    """Return the law of a product, one factor as its limits, the other as a curve.

    The correlation is that of their normal scores.
    """
    score = correlation * NORMAL[:, None] + (
        math.sqrt(max(1.0 - correlation**2, 0.0)) * NORMAL[None, :]
    )
    behind = np.interp(score, SCORES, quantiles(second, ndtr(SCORES)))
    value = np.sort((ahead[:, None] * behind).ravel())
    return Law(value, (np.arange(value.size) + 0.5) / value.size)


def quantiles(curve: Curve, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Read a curve's one-sided limits at levels between 0 and 1."""
    if isinstance(curve, StudentCurve):
        return curve.estimate + curve.std_error * stats.t.ppf(levels, curve.freedom)
    lower = levels[levels < 0.5]
    limits = np.array([curve.limits(1.0 - 2.0 * level) for level in lower])
    return np.concatenate([limits[:, 0], limits[::-1, 1]])


def fit_steps(
    data: Comparison,
    mediator: NDArray[np.float64],
    clusters: NDArray[np.int64] | None,
    confidence: float,
) -> Steps:
    """Regress mediator and outcome on group and covariates, outcome on all three."""
    base = np.column_stack([data.design, data.treated.astype(np.float64)])
    n, width = base.shape
    if n <= width + 1:
        raise ValueError(
            f"{n} customers for {width + 1} coefficients; a mediation needs one more "
            "customer than coefficients at the least. Take fewer covariates."
        )
    group = _left_over(base[:, -1], data.design)
    if float(np.abs(group).max()) < 1e-4:
        raise ValueError("the covariates tell the groups apart; nothing is left.")
    through = fit_least_squares(base, mediator, clusters)
    if float(np.abs(through.rest).max()) <= 1e-6 * float(np.abs(mediator).max()):
        raise ValueError(
            "the mediator does not vary within the groups; it cannot carry a part."
        )
    whole = fit_least_squares(base, data.outcome, clusters)
    full = fit_least_squares(np.column_stack([base, mediator]), data.outcome, clusters)
    treated = data.treated
    if clusters is not None:
        treated = np.bincount(clusters, weights=treated) > 0.0
    sizes = [float(np.abs(values).max()) for values in (mediator, data.outcome)]
    intervals = [
        _coefficient(fit, width - 1, treated, size, confidence)
        for fit, size in ((through, sizes[0]), (whole, sizes[1]), (full, sizes[1]))
    ]
    variances, products = _products(through, whole, full, clusters)
    influences = np.column_stack(
        [through.influence[:, width - 1], full.influence[:, width], products]
    )
    curve = intervals[0].curve
    nothing = abs(float(full.beta[width])) * sizes[0] <= ROUNDING * sizes[1]
    rows = n if clusters is None else int(clusters.max()) + 1
    return Steps(
        *intervals,
        ahead=None if curve is None else quantiles(curve, LEVELS),
        effect=0.0 if nothing else float(full.beta[width]),
        variances=variances,
        covariance=influences.T @ influences,
        freedom=float(max(rows - width - 1, 1)),
        n_deciding=full.n_deciding,
    )


def _left_over(
    values: NDArray[np.float64], design: NDArray[np.float64]
) -> NDArray[np.float64]:
    basis = orthogonalise(design)[0]
    return values - basis @ (basis.T @ values)


def _coefficient(
    fit: Fit, column: int, treated: NDArray[np.bool_], size: float, confidence: float
) -> Interval:
    estimate = float(fit.beta[column])
    if abs(estimate) <= ROUNDING * size:
        estimate = 0.0
    return compare_influences(
        estimate, fit.influence[:, column], treated, size=size, confidence=confidence
    )


def _products(
    through: Fit, whole: Fit, full: Fit, clusters: NDArray[np.int64] | None
) -> tuple[tuple[float, float, float], NDArray[np.float64]]:
    """Return the residuals' mean products, and what each customer does to them."""
    products = np.column_stack(
        [through.rest**2, through.rest * whole.rest, whole.rest**2]
    )
    variances = products.mean(axis=0)
    free = 1.0 - full.leverage
    scale = np.divide(1.0, free, out=np.zeros_like(free), where=free > 1e-9)
    own = (products - variances) * (scale / len(products))[:, None]
    if clusters is not None:
        own = np.column_stack([np.bincount(clusters, column) for column in own.T])
    return tuple(float(v) for v in variances), own
