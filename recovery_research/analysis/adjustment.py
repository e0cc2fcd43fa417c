"""The paradox once the groups have been made alike beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recovery_research.analysis.balance import Overlap, diagnose_overlap
from recovery_research.analysis.covariates import Comparison, compare_with_covariates
from recovery_research.analysis.groups import TwoGroups
from recovery_research.analysis.influence import AdjustedInterval, find_interval
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.overlap import (
    ONLY_LINES,
    TARGETS,
    TERMS,
    Prepared,
    prepare,
)
from recovery_research.analysis.propensity import METHODS, Adjusted, Sample, adjust_mean
from recovery_research.analysis.verdicts import decide, set_bounds
from recovery_research.results import Result


@dataclass(frozen=True, slots=True)
class AdjustedEstimate(Result):
    """The contrast of two groups after adjustment for covariates.

    Attributes
    ----------
    outcome, policy, treated, control : str
        What was compared (policy None if the table has only one).
    method : str
        ``"regression"``, ``"ipw"`` or ``"aipw"``.
    target : str
        ``"treated"``: the effect on customers like the treated; ``"all"``: on both
        groups together.
    covariates : str
        Their names, separated by commas.
    terms : str
        ``"flexible"`` or ``"linear"``: whether numbers may bend.
    estimate, std_error, ci_low, ci_high, confidence : float
        Adjusted treated minus control, in the outcome's unit.
    unadjusted : float
        The difference of means as it was.
    p_value : float
        Two-sided, of no difference.
    n_treated, n_control, n_missing : int
        Customers compared, and left out for an unknown outcome or covariate.
    n_missing_covariates : int
        Those of them whose outcome is known.
    missing_covariates : str
        Which covariates are unknown for how many of those.
    n_set_aside_treated, n_set_aside_control : int
        Customers left out because the other group has nobody to compare them with.
    n_clusters : int
        Customers compared: fewer than rows where some have several.
    mean_treated, mean_control : float
        The two adjusted means.
    effective_treated, effective_control : float
        How many equally weighted customers the groups are worth, by the weights that
        the method gives their outcomes.
    overlap_low, overlap_high : float
        Smallest and largest estimated chance of being treated.
    share_outside : float
        Share of the target population whose chance of treatment lies outside the
        range found in the other group (in either, for target ``"all"``).
    imbalance_before, imbalance_after : float
        Largest absolute standardised difference of a covariate or of a number's
        square, unweighted and weighted.
    variance_ratio_after : float
        Weighted variance of a number among the treated over that among the control,
        of the number where it is furthest from 1; 1 if there is no number.
    equivalence_low, equivalence_high, bounds_source, verdict
        As in `contrasts.ParadoxEstimate`.
    note : str
        What is doubtful; empty otherwise.
    """

    outcome: str
    policy: str | None
    treated: str
    control: str
    method: str
    target: str
    covariates: str
    terms: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    unadjusted: float
    p_value: float
    n_treated: int
    n_control: int
    n_missing: int
    n_missing_covariates: int
    missing_covariates: str
    n_set_aside_treated: int
    n_set_aside_control: int
    n_clusters: int
    mean_treated: float
    mean_control: float
    effective_treated: float
    effective_control: float
    overlap_low: float
    overlap_high: float
    share_outside: float
    imbalance_before: float
    imbalance_after: float
    variance_ratio_after: float
    equivalence_low: float
    equivalence_high: float
    bounds_source: str
    verdict: str
    note: str

    def __str__(self) -> str:
        return (
            f"{self.outcome}: {self.treated} minus {self.control} = "
            f"{self.estimate:+.4g} ({self.confidence:.0%} CI {self.ci_low:+.4g} to "
            f"{self.ci_high:+.4g}) by {self.method}, {self.unadjusted:+.4g} before "
            f"adjustment; {self.verdict}"
        )


def adjust(
    customers: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str],
    method: str = "aipw",
    target: str = "treated",
    terms: str = "flexible",
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    bounds: float | tuple[float, float] | None = None,
    confidence: float = 0.95,
) -> AdjustedEstimate:
    """Compare two groups of customers as if their covariates had been alike.

    Right only if, among customers with the same covariates, who was failed and
    recovered had nothing to do with how loyal they would have been anyway. No data
    can show that; `sensitivity` asks how wrong it would have to be.

    Parameters
    ----------
    customers, outcome, policy, treated, control, bounds, confidence
        As in `paradox.paradox`.
    covariates : sequence of str
        Columns known before the index order. Customers with an unknown one are left
        out and counted.
    method : {"regression", "ipw", "aipw"}, optional
        Least squares within each group, inverse propensity weights, or both
        (augmented weights, right if either model is).
    target : {"treated", "all"}, optional
        Whose effect. ``treated`` asks what the recovered would have been like had
        nothing gone wrong and needs only never-failed customers who resemble them.
    terms : {"flexible", "linear"}, optional
        How numbers enter. ``flexible``: as quadratic splines with up to four terms
        each, one term per ten customers of the smaller group, shared by the
        covariates (of the group that is fitted, in regressions); customers without
        any counterpart are set aside and counted. ``linear``: as straight lines, on
        everybody for whom weights exist, as other packages do.

    Returns
    -------
    AdjustedEstimate

    Raises
    ------
    ValueError
        As `paradox.paradox`; also if a covariate comes after the failure, none
        varies, or the covariates tell the groups apart exactly.

    Notes
    -----
    Errors are from influence functions and allow for unequal variances and estimated
    propensities; residuals in them are those of fits without the row, so that they
    come near the jackknife's. Rows of one customer are summed first (column
    ``customer``, where ids repeat). The residuals that ``aipw`` weighs are of fits
    without the row as well: cross-fitting (Chernozhukov and others) in as many folds as
    there are rows. With ``terms="linear"`` ``TreatmentEffect`` of statsmodels has the
    same estimates for ``ipw`` and ``regression`` (its AIPW leaves the weights as they
    are and is another estimator), and the plain influence functions' errors.

    Limits are t limits with Satterthwaite's degrees of freedom; for yes/no outcomes
    Newcombe's, at effective sizes, within -1 and 1. Curves are added up: where two
    covariates matter only together, neither they nor the note would show it.

    References
    ----------
    Chernozhukov, V. and others (2018). Double/debiased machine learning for treatment
    and structural parameters. Econometrics Journal 21, C1-C68.
    MacKinnon, J. G. and White, H. (1985). Some heteroskedasticity-consistent
    covariance matrix estimators with improved finite sample properties. Journal of
    Econometrics 29, 305-325.
    Stefanski, L. A. and Boos, D. D. (2002). The calculus of M-estimation. American
    Statistician 56, 29-38.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> tenure = rng.normal(0, 1, 800)
    >>> failed = rng.random(800) < 1 / (1 + np.exp(2 - tenure))
    >>> customers = pd.DataFrame({
    ...     "index_outcome": np.where(failed, "recovered", "no_failure"),
    ...     "tenure": tenure, "spend": 100 + 20 * tenure + rng.normal(0, 1, 800)})
    >>> found = adjust(customers, outcome="spend", covariates=["tenure"])
    >>> bool(abs(found.estimate) < 0.5 < found.unadjusted)
    True
    """
    check_level(confidence)
    for name, value, allowed in (("method", method, METHODS),
                                 ("target", target, TARGETS),
                                 ("terms", terms, TERMS)):  # fmt: skip
        if value not in allowed:
            raise ValueError(f"unknown {name} {value!r}; use one of {list(allowed)}.")
    comparison = compare_with_covariates(
        customers,
        outcome=outcome,
        covariates=covariates,
        policy=policy,
        treated=treated,
        control=control,
    )
    ready = prepare(comparison, (treated, control), target=target, terms=terms)
    arms = adjust_arms(ready, method=method, target=target, terms=terms)
    interval = find_interval(
        arms,
        ready.comparison.outcome,
        ready.comparison.treated,
        ready.comparison.clusters,
    )
    weights = (arms[0].weights, arms[1].weights)
    numbers = diagnose_overlap(
        ready.comparison, ready.propensity, weights, target=target
    )
    limits = set_bounds(bounds, _groups(ready.comparison))
    found = _describe_interval(interval, confidence) | _count(comparison, ready)
    return AdjustedEstimate(
        outcome=outcome,
        policy=policy,
        treated=treated,
        control=control,
        method=method,
        target=target,
        covariates=", ".join(covariates),
        terms=terms,
        confidence=confidence,
        unadjusted=_difference(comparison),
        **found,
        **numbers,
        equivalence_low=limits.low,
        equivalence_high=limits.high,
        bounds_source=limits.source,
        verdict=decide(found["ci_low"], found["ci_high"], limits),
        note=note_adjustment(ready, interval, numbers, terms=terms),
    )


def _describe_interval(interval: AdjustedInterval, confidence: float) -> dict[str, Any]:
    """Return what an interval says as fields of the estimate."""
    low, high = interval.limits(confidence)
    return {
        "estimate": interval.estimate,
        "std_error": interval.std_error,
        "ci_low": low,
        "ci_high": high,
        "p_value": interval.p_value,
        "mean_treated": interval.means[0],
        "mean_control": interval.means[1],
        "effective_treated": interval.sizes[0],
        "effective_control": interval.sizes[1],
    }


def _count(comparison: Comparison, ready: Prepared) -> dict[str, Any]:
    """Return who was compared and who was not as fields of the estimate."""
    groups, clusters = _groups(ready.comparison), ready.comparison.clusters
    n = groups.treated.size + groups.control.size
    return {
        "n_treated": groups.treated.size,
        "n_control": groups.control.size,
        "n_missing": comparison.n_missing,
        "n_missing_covariates": comparison.n_missing_covariates,
        "missing_covariates": comparison.missing_covariates,
        "n_set_aside_treated": ready.n_set_aside[0],
        "n_set_aside_control": ready.n_set_aside[1],
        "n_clusters": n if clusters is None else int(clusters.max()) + 1,
    }


def adjust_arms(
    ready: Prepared, *, method: str, target: str, terms: str
) -> tuple[Adjusted, Adjusted]:
    """Adjust the treated and the control group's mean."""
    sample = Sample(
        ready.comparison.outcome,
        ready.comparison.treated,
        ready.design,
        crossed=terms == "flexible",
    )
    treated, control = (
        adjust_mean(sample, ready.propensity, arm=arm, target=target, method=method)
        for arm in (True, False)
    )
    return treated, control


def _difference(comparison: Comparison) -> float:
    groups = _groups(comparison)
    return float(groups.treated.mean() - groups.control.mean())


def _groups(comparison: Comparison) -> TwoGroups:
    outcome, treated = comparison.outcome, comparison.treated
    return TwoGroups(outcome[treated], outcome[~treated], comparison.n_missing)


# Fewer than this many weighted customers leave the interval to a handful of people.
FEW_EFFECTIVE = 30.0
# A treated customer whose chance of treatment no control customer comes near.
THIN_CHANCE = 0.02
# Standardised differences and variance ratios beyond which groups are not alike.
FAR_APART = 0.1
UNEQUAL = 2.0


def note_adjustment(
    ready: Prepared,
    interval: AdjustedInterval,
    numbers: Overlap,
    *,
    terms: str,
) -> str:
    """Say what is doubtful about an adjustment; empty if nothing is."""
    parts = [interval.note, *_left_out(ready)]
    smallest = min(interval.sizes)
    if smallest < FEW_EFFECTIVE:
        parts.append(
            f"the weighted groups are worth {smallest:.0f} customers at the least, so "
            "the interval may cover less often than it says"
        )
    if numbers["share_outside"] > THIN_CHANCE:
        parts.append(
            f"{numbers['share_outside']:.0%} of the customers asked about have no "
            "counterpart in the other group: their part is extrapolated"
        )
    parts += _unlike(ready, numbers, terms=terms)
    return "; ".join(part for part in parts if part)


def _left_out(ready: Prepared) -> list[str]:
    """Say who was left out, and which covariates."""
    said, comparison = [], ready.comparison
    if comparison.n_missing_covariates:
        compared = len(comparison.treated) + sum(ready.n_set_aside)
        known = compared + comparison.n_missing_covariates
        said.append(
            f"{comparison.n_missing_covariates} of {known} customers are left out, a "
            f"covariate being unknown ({comparison.missing_covariates})"
        )
    said += [f"left out: {remark}" for remark in comparison.remarks]
    said += ready.remarks
    return said


def _unlike(ready: Prepared, numbers: Overlap, *, terms: str) -> list[str]:
    """Say where the weighted groups are not alike, and what a line cannot see."""
    said = []
    if numbers["imbalance_after"] > FAR_APART:
        said.append(
            "weights leave a standardised difference of "
            f"{numbers['imbalance_after']:.2f}"
        )
    ratio = numbers["variance_ratio_after"]
    if not 1.0 / UNEQUAL <= ratio <= UNEQUAL:
        said.append(f"weights leave a ratio of variances of {ratio:.2g}")
    if (
        terms == "flexible"
        and not ready.curved[1]
        and ONLY_LINES not in ready.remarks
        and any(not each.levels for each in ready.comparison.covariates)
    ):
        said.append(
            "the groups are too small for curves: covariates are adjusted for as "
            "straight lines"
        )
    if ready.propensity.penalised:
        said.append(
            "the covariates tell some of the customers apart almost exactly: their "
            "chances of treatment are held back by a penalty"
        )
    return said
