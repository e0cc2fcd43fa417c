"""How wrong the adjustment would have to be: confounding that nobody saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.adjustment import adjust
from recovery_research.analysis.covariates import (
    Comparison,
    compare_with_covariates,
    take_residuals,
)
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.least_squares import fit_least_squares
from recovery_research.analysis.verdicts import critical_value
from recovery_research.results import Result

# Standardised differences beyond it are of no risk ratio that a computer can write.
LARGEST_POWER = 700.0
# Errors that much larger than the probe's own are told.
FAR_LARGER = 1.2


@dataclass(frozen=True, slots=True)
class ConfoundingProbe(Result):
    """How strong something unseen must be to explain a contrast away.

    Attributes
    ----------
    outcome, policy, treated, control, covariates
        What was compared, and what was adjusted for.
    estimate, std_error, ci_low, ci_high, confidence : float
        Least-squares coefficient of being treated, with the ordinary standard error
        that the robustness value is defined by.
    n_treated, n_control, n_missing : int
        Customers compared, and left out.
    partial_r2 : float
        Share of the outcome's remaining variance that being treated explains.
    robustness_value : float
        Share of the remaining variance of both treatment and outcome that something
        unseen must explain to bring the estimate to zero (Cinelli and Hazlett).
    robustness_value_ci : float
        The same for bringing the interval's nearer limit to zero; 0 if zero is in it.
    strongest_covariate : str
        The covariate that explains most of the treatment's remaining variance,
        to compare with.
    strongest_r2_treated, strongest_r2_outcome : float
        What it explains of treatment and outcome beyond the other covariates.
    e_value, e_value_ci : float
        Risk ratio that something unseen must have with both treatment and outcome to
        explain the estimate, or the interval's nearer limit, away (VanderWeele and
        Ding); 1 says nothing is needed.
    note : str
        What could not be done; empty otherwise.
    """

    outcome: str
    policy: str | None
    treated: str
    control: str
    covariates: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    n_treated: int
    n_control: int
    n_missing: int
    partial_r2: float
    robustness_value: float
    robustness_value_ci: float
    strongest_covariate: str
    strongest_r2_treated: float
    strongest_r2_outcome: float
    e_value: float
    e_value_ci: float
    note: str


def probe_confounding(
    customers: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str],
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    confidence: float = 0.95,
) -> ConfoundingProbe:
    """Ask how strong an unseen cause of both must be to explain a contrast away.

    Parameters
    ----------
    customers, outcome, covariates, policy, treated, control, confidence
        As in `adjustment.adjust`.

    Returns
    -------
    ConfoundingProbe

    Raises
    ------
    ValueError
        As `adjustment.adjust`.

    Notes
    -----
    All figures are those of ordinary least squares, as the authors have them. Where
    errors for unequal spreads (HC3, by customer; t with the smaller group's size less
    one as degrees of freedom) say something else, the note gives their limits.

    For outcomes that are not yes/no the E-value rests on reading a standardised
    difference d as a risk ratio of exp(0.91 d), and its limits likewise; at 95 % these
    are, but for t instead of 1.96, the authors' exp(0.91 d -+ 1.78 se). For yes/no the
    ratio is that of the two adjusted shares, its limit the difference's limit added to
    the control share.

    References
    ----------
    Cinelli, C. and Hazlett, C. (2020). Making sense of sensitivity. JRSS B 82, 39-67.
    VanderWeele, T. J. and Ding, P. (2017). Sensitivity analysis in observational
    research: introducing the E-value. Annals of Internal Medicine 167, 268-274.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> customers = pd.DataFrame({
    ...     "index_outcome": np.repeat(["recovered", "no_failure"], [50, 150]),
    ...     "tenure": rng.normal(size=200), "spend": rng.normal(size=200)})
    >>> probe = probe_confounding(customers, outcome="spend", covariates=["tenure"])
    >>> 0 <= probe.robustness_value_ci <= probe.robustness_value <= 1
    True
    """
    check_level(confidence)
    data = compare_with_covariates(
        customers,
        outcome=outcome,
        covariates=covariates,
        policy=policy,
        treated=treated,
        control=control,
    )
    group = data.treated.astype(float)
    estimate, error, freedom = _coefficient(data, group, outcome)
    reach = error * critical_value(confidence, freedom)
    statistic = estimate / error
    doubt = _doubt_errors(data, group, (estimate, error, reach), confidence)
    name, r2_treated, r2_outcome = _strongest(data, group)
    e_values = _e_values(data, estimate, reach)
    return ConfoundingProbe(
        outcome=outcome,
        policy=policy,
        treated=treated,
        control=control,
        covariates=", ".join(covariates),
        estimate=estimate,
        std_error=error,
        ci_low=estimate - reach,
        ci_high=estimate + reach,
        confidence=confidence,
        n_treated=int(group.sum()),
        n_control=int(len(group) - group.sum()),
        n_missing=data.n_missing,
        partial_r2=statistic**2 / (statistic**2 + freedom),
        robustness_value=robustness_value(statistic, freedom),
        robustness_value_ci=robustness_value(statistic, freedom, confidence=confidence),
        strongest_covariate=name,
        strongest_r2_treated=r2_treated,
        strongest_r2_outcome=r2_outcome,
        e_value=e_values[0],
        e_value_ci=e_values[1],
        note="; ".join(part for part in (doubt, e_values[2]) if part),
    )


def check_placebo(
    customers: pd.DataFrame,
    *,
    before: str,
    covariates: Sequence[str],
    **options: Any,
) -> pd.DataFrame:
    """Compare the groups on something the failure cannot have changed.

    Parameters
    ----------
    customers : DataFrame
        As in `adjustment.adjust`.
    before : str
        An outcome measured before the index order, not among the covariates.
    covariates : sequence of str
        What is adjusted for.
    **options
        Further options of `adjustment.adjust` (method, target, policy, ...).

    Returns
    -------
    DataFrame
        The row of `adjust`, without a verdict, and `passed`: whether the interval
        holds zero. A difference that is there before the failure is selection, and
        says the adjustment has not removed it; passing does not prove that it has.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> customers = pd.DataFrame({
    ...     "index_outcome": np.repeat(["recovered", "no_failure"], [50, 150]),
    ...     "tenure": rng.normal(size=200), "spend_before": rng.normal(size=200)})
    >>> check_placebo(customers, before="spend_before", covariates=["tenure"]
    ... )["passed"].item()
    True
    """
    found = adjust(customers, outcome=before, covariates=covariates, **options)
    frame = found.to_frame().drop(columns="verdict")
    # Where there is no interval, nothing was passed and nothing failed.
    there = not math.isnan(found.ci_low)
    return frame.assign(passed=found.ci_low <= 0.0 <= found.ci_high if there else None)


def _coefficient(
    data: Comparison, group: NDArray[np.float64], outcome: str
) -> tuple[float, float, int]:
    """Regress the outcome on group and covariates; coefficient, error, freedom."""
    freedom = len(group) - data.design.shape[1] - 1
    left_outcome, left_group = (
        take_residuals(v, data.design) for v in (data.outcome, group)
    )
    variation = left_group @ left_group
    if freedom < 2 or variation < 1e-9 * len(group):
        raise ValueError(
            f"{len(group)} customers and covariates {list(data.terms)} leave nothing "
            "of the groups to compare; leave covariates out."
        )
    estimate = float(left_group @ left_outcome / variation)
    rest = left_outcome - estimate * left_group
    if float(rest @ rest) <= 1e-18 * float(data.outcome @ data.outcome):
        raise ValueError(f"{outcome!r} follows exactly from the covariates; no probe.")
    return estimate, math.sqrt(float(rest @ rest) / freedom / variation), freedom


def _doubt_errors(
    data: Comparison,
    group: NDArray[np.float64],
    plain: tuple[float, float, float],
    confidence: float,
) -> str:
    """Say where errors for unequal spreads and customers' rows tell another story."""
    estimate, error, reach = plain
    fit = fit_least_squares(
        np.column_stack([data.design, group]), data.outcome, data.clusters
    )
    careful = math.sqrt(float(fit.covariance[-1, -1]))
    smaller = min(int(data.treated.sum()), int((~data.treated).sum()))
    if data.clusters is not None:
        rows = (data.treated, ~data.treated)
        smaller = min(np.unique(data.clusters[each]).size for each in rows)
    far = careful * critical_value(confidence, max(smaller - 1, 1))
    if careful <= FAR_LARGER * error and (abs(estimate) > far) == (
        abs(estimate) > reach
    ):
        return ""
    return (
        "the probe's own errors take spreads to be equal and rows to be customers of "
        f"their own: without that the limits are {estimate - far:+.3g} to "
        f"{estimate + far:+.3g}"
    )


def _strongest(
    data: Comparison, group: NDArray[np.float64]
) -> tuple[str, float, float]:
    """Find the covariate that explains most of the treatment beyond the others."""
    of_treated = _partial_r2(data.design, group)
    of_outcome = _partial_r2(np.column_stack([data.design, group]), data.outcome)
    best = int(np.argmax(of_treated[1:]))
    return data.terms[best], float(of_treated[1 + best]), float(of_outcome[1 + best])


def _partial_r2(
    design: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the share of what the others leave that each column explains."""
    scaled = design / np.sqrt((design**2).mean(axis=0))
    inverse = np.linalg.inv(scaled.T @ scaled)
    beta = inverse @ (scaled.T @ values)
    rest = values - scaled @ beta
    return beta**2 / (beta**2 + np.diag(inverse) * float(rest @ rest))


def _e_values(
    data: Comparison, estimate: float, reach: float
) -> tuple[float, float, str]:
    near = estimate - math.copysign(min(reach, abs(estimate)), estimate)
    if np.isin(data.outcome, (0.0, 1.0)).all():
        share = float(data.outcome.mean()) - estimate * float(data.treated.mean())
        if share <= 0.0 or share + estimate <= 0.0:
            return math.nan, math.nan, "an adjusted share is not above 0: no E-value"
        return e_value((share + estimate) / share), e_value((share + near) / share), ""
    treated = data.outcome[data.treated], data.outcome[~data.treated]
    spread = math.sqrt(
        sum(v.var(ddof=1) * (v.size - 1) for v in treated) / (data.outcome.size - 2)
    )
    d, limit = 0.91 * estimate / spread, 0.91 * near / spread
    if max(abs(d), abs(limit)) > LARGEST_POWER:
        note = "the difference is beyond any ratio of risks: no E-value"
        return math.nan, math.nan, note
    return e_value(math.exp(d)), e_value(math.exp(limit)), ""


def robustness_value(
    statistic: float, freedom: float, *, confidence: float = 0.0
) -> float:
    """Give the confounding, as a share of variance, that undoes a t statistic.

    Parameters
    ----------
    statistic, freedom : float
        The coefficient's t statistic and residual degrees of freedom.
    confidence : float, optional
        0 for bringing the estimate to zero; a level for bringing the nearer limit of
        that interval to zero.

    Returns
    -------
    float
        Between 0 and 1.

    Notes
    -----
    In units of f = |t| / sqrt(freedom), something that explains the shares y of the
    outcome and d of the treatment takes the limit to zero if

        f sqrt(1 - d) = sqrt(y d) + c sqrt(1 - y),

    c being t(freedom - 1) / sqrt(freedom - 1), or 0 for the estimate itself. With
    y = d = RV this is RV = (sqrt(g^4 + 4 g^2) - g^2) / 2, g = f - c. But what explains
    more of the outcome also narrows the interval: if f c is above 1, the most harmful
    share y is not RV but d / (c^2 + d), less than it, and RV = (f^2 - c^2) / (1 + f^2).

    References
    ----------
    Cinelli, C. and Hazlett, C. (2020). Making sense of sensitivity. JRSS B 82, 39-67.
    The Python package PySensemakr has the same two cases.

    Examples
    --------
    >>> round(robustness_value(2.0, 100), 4)
    0.181
    """
    f = abs(statistic) / math.sqrt(freedom)
    critical = 0.0
    if confidence > 0.0:
        critical = critical_value(confidence, freedom - 1.0)
        critical /= math.sqrt(freedom - 1.0)
    if f <= critical:
        return 0.0
    if f * critical > 1.0:
        scale = math.hypot(1.0, f)
        return (f - critical) / scale * ((f + critical) / scale)
    # The formula of the notes, multiplied out: as it stands there, it subtracts two
    # numbers that are nearly equal if f is large.
    return 2.0 / (1.0 + math.hypot(1.0, 2.0 / (f - critical)))


def e_value(ratio: float) -> float:
    """Give the risk ratio an unseen cause must have with both to explain a ratio.

    Examples
    --------
    >>> round(e_value(3.9), 2)
    7.26
    """
    if not ratio > 0.0:
        raise ValueError(f"a risk ratio is above 0; got {ratio!r}.")
    above = max(ratio, 1.0 / ratio)
    return above + math.sqrt(above * (above - 1.0))
