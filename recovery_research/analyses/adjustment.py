"""The paradox once the groups have been made alike beforehand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from recovery_research.analyses.balance import check_target, diagnose_overlap
from recovery_research.analyses.covariates import Comparison, compare_with_covariates
from recovery_research.analyses.groups import TwoGroups
from recovery_research.analyses.intervals import check_level
from recovery_research.analyses.verdicts import decide, set_bounds
from recovery_research.analyses.weighting import Adjusted, adjust_mean, fit_propensity

METHODS = ("regression", "ipw", "aipw")
# Fewer than this many weighted customers leave the interval to a handful of people.
FEW_EFFECTIVE = 30.0
# A treated customer whose chance of treatment no control customer comes near.
THIN_CHANCE = 0.02


@dataclass(frozen=True, slots=True)
class AdjustedEstimate:
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
    estimate, std_error, ci_low, ci_high, confidence : float
        Adjusted treated minus control, in the outcome's unit.
    unadjusted : float
        The difference of means as it was.
    p_value : float
        Two-sided, of no difference.
    n_treated, n_control, n_missing : int
        Customers compared, and left out for an unknown outcome or covariate.
    mean_treated, mean_control : float
        The two adjusted means.
    effective_treated, effective_control : float
        How many equally weighted customers the weighted groups are worth.
    overlap_low, overlap_high : float
        Smallest and largest estimated chance of being treated.
    share_outside : float
        Share of the target population whose chance of treatment lies outside the
        range found in the other group (in either, for target ``"all"``).
    imbalance_before, imbalance_after : float
        Largest absolute standardised difference of a covariate, unweighted and
        weighted.
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
    mean_treated: float
    mean_control: float
    effective_treated: float
    effective_control: float
    overlap_low: float
    overlap_high: float
    share_outside: float
    imbalance_before: float
    imbalance_after: float
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

    def to_frame(self) -> pd.DataFrame:
        """Return the estimate as one row, one column per field."""
        return pd.DataFrame([asdict(self)])


def adjust(
    customers: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str],
    method: str = "aipw",
    target: str = "treated",
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
        As in `contrasts.paradox`.
    covariates : sequence of str
        Columns known before the index order. Customers with an unknown one are left
        out and counted.
    method : {"regression", "ipw", "aipw"}, optional
        Least squares within each group, inverse propensity weights, or both
        (augmented weights, right if either model is).
    target : {"treated", "all"}, optional
        Whose effect. ``treated`` asks what the recovered would have been like had
        nothing gone wrong and needs only never-failed customers who resemble them.

    Returns
    -------
    AdjustedEstimate

    Raises
    ------
    ValueError
        As `contrasts.paradox`; also if a covariate comes after the failure, does not
        vary or repeats others, or the covariates tell the groups apart exactly.

    Notes
    -----
    Limits are t limits with the smaller effective group size less one as degrees of
    freedom; standard errors are from influence functions and allow for unequal
    variances and estimated propensities. ``TreatmentEffect`` of statsmodels gives the
    same for ``ipw`` and ``regression`` (its AIPW leaves the weights as they are and is
    another estimator), but finds its standard errors by a Nelder-Mead search over all
    coefficients: with 100,000 customers and five covariates 2.4 s for ``ipw`` and 23 s
    for ``aipw``, where this takes 0.1 s (statsmodels 0.15, one machine).

    References
    ----------
    Stefanski, L. A. and Boos, D. D. (2002). The calculus of M-estimation. American
    Statistician 56, 29-38.

    Examples
    --------
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
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; use one of {list(METHODS)}.")
    check_target(target)
    comparison = compare_with_covariates(
        customers,
        outcome=outcome,
        covariates=covariates,
        policy=policy,
        treated=treated,
        control=control,
    )
    propensity = fit_propensity(comparison)
    numbers = diagnose_overlap(comparison, propensity, target=target)
    arms = [
        adjust_mean(comparison, propensity, arm=arm, target=target, method=method)
        for arm in (True, False)
    ]
    smallest = min(numbers["effective_treated"], numbers["effective_control"])
    numbers |= _interval(arms, smallest, confidence)
    groups = _groups(comparison)
    limits = set_bounds(bounds, groups)
    return AdjustedEstimate(
        outcome=outcome,
        policy=policy,
        treated=treated,
        control=control,
        method=method,
        target=target,
        covariates=", ".join(covariates),
        confidence=confidence,
        unadjusted=float(groups.treated.mean() - groups.control.mean()),
        n_treated=groups.treated.size,
        n_control=groups.control.size,
        n_missing=comparison.n_missing,
        **numbers,
        equivalence_low=limits.low,
        equivalence_high=limits.high,
        bounds_source=limits.source,
        verdict=decide(numbers["ci_low"], numbers["ci_high"], limits),
        note=_note(smallest, numbers),
    )


def _interval(
    arms: list[Adjusted], effective: float, confidence: float
) -> dict[str, float]:
    """Subtract the adjusted means, with t limits from the influence functions."""
    estimate = arms[0].mean - arms[1].mean
    influence = arms[0].influence - arms[1].influence
    error = float(np.sqrt((influence**2).mean() / influence.size))
    found = {
        "estimate": estimate,
        "std_error": error,
        "mean_treated": arms[0].mean,
        "mean_control": arms[1].mean,
    }
    if error == 0.0:
        return found | dict.fromkeys(("ci_low", "ci_high", "p_value"), math.nan)
    freedom = max(effective - 1.0, 1.0)
    reach = error * float(stats.t.ppf(0.5 + confidence / 2.0, freedom))
    return found | {
        "ci_low": estimate - reach,
        "ci_high": estimate + reach,
        "p_value": 2.0 * float(stats.t.sf(abs(estimate) / error, freedom)),
    }


def _groups(comparison: Comparison) -> TwoGroups:
    outcome, treated = comparison.outcome, comparison.treated
    return TwoGroups(outcome[treated], outcome[~treated], comparison.n_missing)


def _note(smallest: float, numbers: dict[str, float]) -> str:
    parts = []
    if numbers["std_error"] == 0.0:
        parts.append("the outcome does not vary: no interval")
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
    if numbers["imbalance_after"] > 0.1:
        parts.append(
            "weights leave a standardised difference of "
            f"{numbers['imbalance_after']:.2f}"
        )
    return "; ".join(parts)
