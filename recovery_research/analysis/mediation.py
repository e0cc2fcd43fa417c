"""Why a recovery works: how much of its effect goes through what it did to feelings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr, ndtri

from recovery_research.analysis.covariates import Comparison, compare_with_covariates
from recovery_research.analysis.groups import (
    GROUP_COLUMN,
    check_outcome,
    read_outcome,
    rows_of_policy,
)
from recovery_research.analysis.influence import ROUNDING, compare_influences
from recovery_research.analysis.intervals import Interval, check_level, without_interval
from recovery_research.analysis.least_squares import (
    Fit,
    fit_least_squares,
    orthogonalise,
)
from recovery_research.analysis.verdicts import Curve, StudentCurve
from recovery_research.results import Result

ASSUMPTION = (
    "Among customers with the same covariates, who was recovered, and then how "
    "satisfied they were given that, had nothing to do with how loyal they would have "
    "been. The second half cannot be had by any experiment on recovery alone: whatever "
    "makes customers both content and loyal breaks it. The curve shows by how much."
)
CORRELATIONS = tuple(round(0.1 * step, 1) for step in range(-9, 10))


@dataclass(frozen=True, slots=True)
class Mediation(Result):
    """A contrast divided into what goes through a mediator and what does not.

    Attributes
    ----------
    outcome, mediator, policy, treated, control, covariates : str
        What was compared, through what, and what was adjusted for.
    total, total_low, total_high : float
        Adjusted treated minus control, in the outcome's unit.
    direct, direct_low, direct_high : float
        Its part that does not go through the mediator.
    estimate, std_error, ci_low, ci_high, confidence : float
        Its part that does (the indirect effect).
    p_value : float
        Two-sided, of no indirect effect; from the law of the limits.
    effect_on_mediator, effect_of_mediator : float
        The two steps whose product the indirect effect is.
    correlation_at_zero : float
        Correlation of what mediator and outcome leave unexplained at which the
        indirect effect would be nothing: the further from 0, the sturdier.
    n_treated, n_control, n_missing : int
        Customers compared, and left out.
    assumption : str
        What has to be believed.
    note : str
        What is doubtful; empty otherwise.
    curve : DataFrame
        The indirect effect if that correlation were so: `correlation, estimate,
        ci_low, ci_high`.
    """

    outcome: str
    mediator: str
    policy: str | None
    treated: str
    control: str
    covariates: str
    total: float
    total_low: float
    total_high: float
    direct: float
    direct_low: float
    direct_high: float
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    p_value: float
    effect_on_mediator: float
    effect_of_mediator: float
    correlation_at_zero: float
    n_treated: int
    n_control: int
    n_missing: int
    assumption: str
    note: str
    curve: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the division as one row; the curve is a table of its own."""
        row = asdict(replace(self, curve=None))
        del row["curve"]
        return pd.DataFrame([row])


def mediate(
    customers: pd.DataFrame,
    *,
    outcome: str,
    mediator: str = "satisfaction_after",
    covariates: Sequence[str] = (),
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    confidence: float = 0.95,
) -> Mediation:
    """Divide a contrast into the part through a mediator and the rest.

    Parameters
    ----------
    customers, outcome, policy, treated, control, confidence
        As in `paradox.paradox`.
    mediator : str, optional
        A numeric column the recovery changed and that may change the outcome, such
        as ``satisfaction_after`` or ``trust``.
    covariates : sequence of str, optional
        Columns known before the index order.

    Returns
    -------
    Mediation

    Raises
    ------
    ValueError
        As `adjustment.adjust`; also if the mediator does not vary within the groups,
        or there are no more customers than coefficients.

    Notes
    -----
    Straight lines, no interaction: mediator on group and covariates, outcome on group,
    covariates and mediator. With residual variances s1^2 (outcome, mediator left out)
    and s2^2 (mediator) and their correlation r, a correlation c of the two models'
    errors means an effect of the mediator of (s1 / s2) * (r - c * sqrt((1 - r^2) / (1
    - c^2))); at c = 0 it is the regression's, at c = r it is nothing.

    All errors are HC3, those of leaving out one customer (with all rows of the
    customer, where some have several): of the kinds that allow for unequal spreads it
    is the one that does not fall short in small groups. Limits of total and direct part
    are those of `paradox.paradox`, widened to that error. The indirect part is a
    product, which is skewed and, if either step may be nothing, peaked: its limits are
    the quantiles of the product of the two steps' own laws (the distribution of the
    product, computed on a grid).

    ``statsmodels.stats.mediation.Mediation`` gives the same estimate by simulation, at
    70 ms a draw, but with limits that are too wide: it draws each customer's mediator
    with fresh noise for each of the two groups (a test measures it).

    References
    ----------
    Imai, K., Keele, L. and Yamamoto, T. (2010). Identification, inference and
    sensitivity analysis for causal mediation effects. Statistical Science 25, 51-71.
    Long, J. S. and Ervin, L. H. (2000). Using heteroscedasticity consistent standard
    errors in the linear regression model. American Statistician 54, 217-224.
    MacKinnon, D. P., Lockwood, C. M. and Williams, J. (2004). Confidence limits for
    the indirect effect. Multivariate Behavioral Research 39, 99-128.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> recovered = np.repeat([1.0, 0.0], [200, 300])
    >>> content = 4 + 0.5 * recovered + rng.normal(0, 1, 500)
    >>> customers = pd.DataFrame({
    ...     "index_outcome": np.where(recovered == 1, "recovered", "no_failure"),
    ...     "satisfaction_after": content,
    ...     "spend": 50 + 6 * content - 2 * recovered + rng.normal(0, 5, 500)})
    >>> found = mediate(customers, outcome="spend")
    >>> bool(found.ci_low < 3.0 < found.ci_high)
    True
    """
    check_level(confidence)
    data, values, clusters = _read(
        customers,
        outcome=outcome,
        mediator=mediator,
        covariates=covariates,
        policy=policy,
        treated=treated,
        control=control,
    )
    steps = fit_steps(data, values, clusters, confidence)
    indirect = steps.indirect(0.0, confidence)
    return Mediation(
        outcome=outcome,
        mediator=mediator,
        policy=policy,
        treated=treated,
        control=control,
        covariates=", ".join(covariates),
        total=steps.total.estimate,
        total_low=steps.total.ci_low,
        total_high=steps.total.ci_high,
        direct=steps.direct.estimate,
        direct_low=steps.direct.ci_low,
        direct_high=steps.direct.ci_high,
        estimate=indirect.estimate,
        std_error=indirect.std_error,
        ci_low=indirect.ci_low,
        ci_high=indirect.ci_high,
        confidence=confidence,
        p_value=indirect.p_value,
        effect_on_mediator=steps.first.estimate,
        effect_of_mediator=steps.effect,
        correlation_at_zero=steps.correlation,
        n_treated=int(data.treated.sum()),
        n_control=int((~data.treated).sum()),
        n_missing=data.n_missing,
        assumption=ASSUMPTION,
        note=steps.doubt(),
        curve=_curve(steps, confidence),
    )


def _read(
    customers: pd.DataFrame,
    *,
    outcome: str,
    mediator: str,
    covariates: Sequence[str],
    policy: str | None,
    treated: str,
    control: str,
) -> tuple[Comparison, NDArray[np.float64], NDArray[np.int64] | None]:
    check_outcome(customers, mediator)
    if mediator == outcome:
        raise ValueError(
            f"mediator and outcome are both {outcome!r}; name two columns."
        )
    if mediator in covariates:
        raise ValueError(f"{mediator!r} cannot be mediator and covariate at once.")
    check_outcome(customers, outcome)
    both = customers[mediator].notna() & customers[outcome].notna()
    # Make both unknown where one is, so that one call leaves the same customers out.
    made = customers.assign(
        **{name: customers[name].where(both) for name in (mediator, outcome)}
    )
    data = compare_with_covariates(
        made,
        outcome=outcome,
        covariates=covariates,
        policy=policy,
        treated=treated,
        control=control,
        allow_none=True,
    )
    groups = customers[GROUP_COLUMN]
    asked = (groups == treated) | (groups == control)
    used = rows_of_policy(customers, policy)
    used = used & asked.to_numpy(dtype=bool, na_value=False)
    used &= (both & customers[list(covariates)].notna().all(axis=1)).to_numpy()
    return data, read_outcome(made.loc[used, mediator]), data.clusters


def _curve(steps: Steps, confidence: float) -> pd.DataFrame:
    rows = []
    for correlation in CORRELATIONS:
        found = steps.indirect(correlation, confidence)
        rows.append((correlation, found.estimate, found.ci_low, found.ci_high))
    return pd.DataFrame(rows, columns=["correlation", "estimate", "ci_low", "ci_high"])


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
        first=intervals[0],
        total=intervals[1],
        direct=intervals[2],
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
    square, product, other = (float(v) for v in variances)
    free = 1.0 - full.leverage
    scale = np.divide(1.0, free, out=np.zeros_like(free), where=free > 1e-9)
    own = (products - variances) * (scale / len(products))[:, None]
    if clusters is not None:
        own = np.column_stack([np.bincount(clusters, column) for column in own.T])
    return (square, product, other), own
