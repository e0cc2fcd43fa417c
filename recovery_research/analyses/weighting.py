"""Making two groups alike: regression, weights, and both, with their errors.

Every estimate comes with its influence function, one number per customer; the
standard error is the root of its mean square over n, and includes that the
propensities and regressions were themselves estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recovery_research.analyses.covariates import Comparison

# Past it a propensity is 0 or 1 for every purpose: no overlap.
LARGEST_LOGIT = 25.0


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One group's mean, had the target population been in it.

    Attributes
    ----------
    mean : float
    influence : float64 array, shape (n,)
        Influence of each customer on the mean.
    """

    mean: float
    influence: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Propensity:
    """Chance of being treated, from a logistic regression.

    Attributes
    ----------
    chance : float64 array, shape (n,)
    influence : float64 array, shape (n, n_columns)
        Influence of each customer on the coefficients.
    """

    chance: NDArray[np.float64]
    influence: NDArray[np.float64]


def fit_propensity(comparison: Comparison) -> Propensity:
    """Fit the chance of being treated on the covariates (logistic regression).

    Raises
    ------
    ValueError
        If the covariates tell the groups apart exactly.

    Notes
    -----
    ``statsmodels`` ``Logit`` warns of perfect prediction and returns coefficients
    all the same; here that is an error, since no weights exist.
    """
    design, treated = _scaled(comparison.design), comparison.treated.astype(float)
    beta = np.zeros(design.shape[1])
    for _ in range(60):
        chance = _logistic(design @ beta)
        hessian = design.T @ (design * (chance * (1 - chance))[:, None])
        try:
            step = np.linalg.solve(hessian, design.T @ (treated - chance))
        except np.linalg.LinAlgError:
            raise ValueError(_no_overlap(comparison)) from None
        beta = beta + step
        if np.abs(design @ beta).max() > LARGEST_LOGIT:
            raise ValueError(_no_overlap(comparison))
        if np.abs(step).max() < 1e-10:
            break
    chance = _logistic(design @ beta)
    hessian = design.T @ (design * (chance * (1 - chance))[:, None]) / len(design)
    scores = design * (treated - chance)[:, None]
    return Propensity(chance, np.linalg.solve(hessian, scores.T).T)


def weights_for(
    propensity: Propensity, treated: NDArray[np.bool_], *, target: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weigh both groups so that their covariates look like the target's.

    Parameters
    ----------
    propensity : Propensity
    treated : bool array, shape (n,)
    target : {"treated", "all"}
        Whose covariates: the treated group's, or everybody's.

    Returns
    -------
    treated_weights, control_weights : float64 array, shape (n,)
        Zero outside the group.
    """
    p = propensity.chance
    if target == "treated":
        return treated.astype(float), ~treated * p / (1.0 - p)
    return treated / p, ~treated / (1.0 - p)


def adjust_mean(
    comparison: Comparison,
    propensity: Propensity,
    *,
    arm: bool,
    target: str,
    method: str,
) -> Adjusted:
    """Estimate one group's mean outcome over the target's covariates.

    Parameters
    ----------
    comparison : Comparison
    propensity : Propensity
        Of that comparison; not used by regression.
    arm : bool
        True for the treated group's outcome, False for the control group's.
    target : {"treated", "all"}
    method : {"regression", "ipw", "aipw"}
        Regression within the group, predicted for the target; outcomes weighted by
        inverse propensity (weights adding up to one); or the regression plus its
        weighted residuals, right if either of the two models is.

    Returns
    -------
    Adjusted
    """
    n = len(comparison.outcome)
    target_share = (
        comparison.treated.astype(float) if target == "treated" else np.ones(n)
    )
    member = comparison.treated if arm else ~comparison.treated
    mean, influence = 0.0, np.zeros(n)
    design = _scaled(comparison.design)
    fitted, fit_influence = np.zeros(n), None
    if method != "ipw":
        fitted, fit_influence = _regress(design, comparison.outcome, member)
        mean, influence = _average(fitted, target_share)
        gradient = target_share @ design / target_share.sum()
        influence = influence + fit_influence @ gradient
    if method == "regression":
        return Adjusted(mean, influence)
    weights = weights_for(propensity, comparison.treated, target=target)[
        0 if arm else 1
    ]
    residual = comparison.outcome - fitted
    weighted, own = _average(residual, weights)
    influence = influence + own
    slope = _weight_slope(propensity, comparison.treated, arm=arm, target=target)
    pull = (slope * (residual - weighted)) @ design / weights.sum()
    influence = influence + propensity.influence @ pull
    if fit_influence is not None:
        influence = influence - fit_influence @ (weights @ design / weights.sum())
    return Adjusted(mean + weighted, influence)


def effective_size(weights: NDArray[np.float64]) -> float:
    """Return how many equally weighted customers tell as much (Kish).

    Examples
    --------
    >>> effective_size(np.array([1.0, 1.0, 2.0, 0.0]))
    2.6666666666666665
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def _weight_slope(
    propensity: Propensity, treated: NDArray[np.bool_], *, arm: bool, target: str
) -> NDArray[np.float64]:
    """Differentiate a group's weights with respect to the logit."""
    odds = propensity.chance / (1.0 - propensity.chance)
    if not arm:
        return ~treated * odds
    return np.zeros(len(odds)) if target == "treated" else -(treated / odds)


def _average(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    mean = float(weights @ values / weights.sum())
    return mean, weights * (values - mean) / weights.mean()


def _regress(
    design: NDArray[np.float64],
    outcome: NDArray[np.float64],
    member: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit least squares within a group; return fits for all and influence."""
    inside = design[member]
    gram = inside.T @ inside
    if np.linalg.matrix_rank(gram / len(inside), tol=1e-10) < design.shape[1]:
        raise ValueError(
            f"a group of {len(inside)} customers is too small, or too uniform in its "
            "covariates, for a regression; leave covariates out."
        )
    beta = np.linalg.solve(gram, inside.T @ outcome[member])
    fitted = design @ beta
    scores = design * (member * (outcome - fitted))[:, None]
    return fitted, np.linalg.solve(gram / len(design), scores.T).T


def _scaled(design: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre and scale the covariates: the same model, better conditioned."""
    if design.shape[1] == 1:
        return design
    values = design[:, 1:]
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    return np.column_stack([design[:, :1], values])


def _logistic(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-logit))


def _no_overlap(comparison: Comparison) -> str:
    return (
        f"no overlap: the covariates {list(comparison.terms)} tell the two groups "
        "apart (almost) exactly, so nobody can stand in for anybody. Leave out what "
        "decides the group, or compare fewer customers."
    )
