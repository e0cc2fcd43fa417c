"""Proportional hazards for spells: the numbers behind leaving, on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LARGEST_COEFFICIENT = 20.0
SMALLEST_EIGENVALUE = 1e-10


@dataclass(frozen=True, slots=True)
class HazardFit:
    """A fitted proportional hazards model.

    Attributes
    ----------
    coefficient : float64 array, shape (n_terms,)
        Logarithms of the hazard ratios.
    covariance : float64 array, shape (n_terms, n_terms)
        Inverse of the information.
    log_likelihood : float
        Partial log likelihood (Efron).
    event_time : float64 array, shape (n_events,)
        In order.
    residual : float64 array, shape (n_events, n_terms)
        Schoenfeld residuals: the leaver's values less what was expected of those at
        risk.
    """

    coefficient: NDArray[np.float64]
    covariance: NDArray[np.float64]
    log_likelihood: float
    event_time: NDArray[np.float64]
    residual: NDArray[np.float64]


def fit_hazards(
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    event: NDArray[np.bool_],
    values: NDArray[np.float64],
) -> HazardFit:
    """Fit proportional hazards to spells (start, stop] with Efron's ties.

    Parameters
    ----------
    start, stop : float64 array, shape (n_spells,)
        ``start < stop``.
    event : bool array, shape (n_spells,)
        Whether the spell ended by leaving.
    values : float64 array, shape (n_spells, n_terms)
        Covariates, constant within a spell.

    Returns
    -------
    HazardFit

    Raises
    ------
    ValueError
        If the likelihood has no maximum (nobody, or everybody, leaves in a state).

    Notes
    -----
    The sums over those at risk are differences of cumulative sums, so that a step
    costs a few passes over the spells. ``statsmodels.duration.PHReg`` takes spells
    through its ``entry`` argument, but counts a spell as at risk at the moment it
    opens. A customer cut in two at week 5 is then at risk twice for somebody who
    leaves in week 5, and coefficients are wrong where weeks tie (a test shows it: 0.49
    for 0.66). R's ``coxph`` and this function count her once.

    References
    ----------
    Efron, B. (1977). The efficiency of Cox's likelihood function for censored data.
    JASA 72, 557-565.

    Examples
    --------
    >>> fit = fit_hazards(np.zeros(4), np.array([3.0, 5, 6, 9]), np.full(4, True),
    ...                   np.array([[1.0], [0], [1], [0]]))
    >>> fit.coefficient.round(3).tolist()
    [0.941]
    """
    centre = values.mean(axis=0)
    moved = values - centre
    ties = _order_events(start, stop, event)
    beta = np.zeros(values.shape[1])
    value, gradient, information, residual = _likelihood(beta, moved, ties)
    for _ in range(50):
        step = _solve(information, gradient)
        for _ in range(30):
            # A step far too long overflows; NaN is no improvement, and it is halved.
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                trial = _likelihood(beta + step, moved, ties)
            if trial[0] >= value - 1e-12:
                break
            step = step / 2.0
        beta = beta + step
        value, gradient, information, residual = trial
        if not np.isfinite(value) or np.abs(beta).max() > LARGEST_COEFFICIENT:
            raise ValueError(
                "the likelihood has no maximum: in some state nobody, or everybody, "
                "leaves. Merge states or leave the term out."
            )
        if np.abs(step).max() < 1e-9:
            break
    covariance = np.linalg.inv(information)
    return HazardFit(beta, covariance, value, ties.time, residual)


def check_proportionality(fit: HazardFit) -> NDArray[np.float64]:
    """Test each term for an effect that changes over time.

    Returns
    -------
    float64 array, shape (n_terms,)
        p-values of no trend of the scaled Schoenfeld residuals over the rank of the
        time (chi-square, one degree of freedom); small says the hazard ratio is not
        constant. NaN if all left at one moment.

    References
    ----------
    Grambsch, P. M. and Therneau, T. M. (1994). Proportional hazards tests and
    diagnostics based on weighted residuals. Biometrika 81, 515-526.
    """
    n_events = fit.event_time.size
    rank = stats.rankdata(fit.event_time)
    trend = rank - rank.mean()
    if not trend.any():
        return np.full(fit.coefficient.size, np.nan)
    scaled = n_events * fit.residual @ fit.covariance
    spread = n_events * np.diag(fit.covariance) * float(trend @ trend)
    return stats.chi2.sf((trend @ scaled) ** 2 / spread, 1)


@dataclass(frozen=True, slots=True)
class _Events:
    """For each spell the events it is at risk for; for each event who ties with it."""

    enters: NDArray[np.int64]
    leaves: NDArray[np.int64]
    n_distinct: int
    spell: NDArray[np.int64]
    time: NDArray[np.float64]
    tie: NDArray[np.int64]
    fraction: NDArray[np.float64]


def _order_events(
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    event: NDArray[np.bool_],
) -> _Events:
    spell = np.flatnonzero(event)
    spell = spell[np.argsort(stop[spell], kind="stable")]
    time = stop[spell]
    distinct, first, tie, counts = np.unique(
        time, return_index=True, return_inverse=True, return_counts=True
    )
    place = np.arange(time.size) - first[tie]
    return _Events(
        enters=np.searchsorted(distinct, start, side="right"),
        leaves=np.searchsorted(distinct, stop, side="right"),
        n_distinct=distinct.size,
        spell=spell,
        time=time,
        tie=tie,
        fraction=place / counts[tie],
    )


def _likelihood(
    beta: NDArray[np.float64], values: NDArray[np.float64], ties: _Events
) -> tuple[float, NDArray, NDArray, NDArray]:
    """Give log likelihood, gradient, information and Schoenfeld residuals."""
    score = values @ beta
    weight = np.exp(score)
    n_terms = values.shape[1]
    inside = values[ties.spell]
    total = _expect(weight, ties)
    mean = np.column_stack(
        [_expect(weight * values[:, j], ties) / total for j in range(n_terms)]
    )
    information = np.empty((n_terms, n_terms))
    for i in range(n_terms):
        for j in range(i, n_terms):
            second = _expect(weight * values[:, i] * values[:, j], ties) / total
            information[i, j] = information[j, i] = (
                second - mean[:, i] * mean[:, j]
            ).sum()
    value = float((score[ties.spell] - np.log(total)).sum())
    # A tie's residuals share the tie's average expectation, as in R.
    counts = np.bincount(ties.tie)
    expected = np.column_stack(
        [(np.bincount(ties.tie, mean[:, j]) / counts)[ties.tie] for j in range(n_terms)]
    )
    return value, (inside - mean).sum(axis=0), information, inside - expected


def _expect(amount: NDArray[np.float64], ties: _Events) -> NDArray[np.float64]:
    """Sum an amount over those at risk at each event, ties counted by Efron."""
    size = ties.n_distinct + 1
    change = np.bincount(ties.enters, amount, minlength=size)
    change = change - np.bincount(ties.leaves, amount, minlength=size)
    at_risk = np.cumsum(change)[ties.tie]
    tied = np.bincount(ties.tie, amount[ties.spell])[ties.tie]
    return at_risk - ties.fraction * tied


def _solve(
    information: NDArray[np.float64], gradient: NDArray[np.float64]
) -> NDArray[np.float64]:
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
    alone = size > 0.0
    if alone.all():
        scaled = information / np.outer(size, size)
        # Below it, what is left of the information is rounding.
        alone = np.linalg.eigvalsh(scaled).min() > SMALLEST_EIGENVALUE
    if not np.all(alone):
        raise ValueError(
            "the terms repeat one another, or one never varies among those at risk; "
            "leave it out."
        )
    return np.linalg.solve(information, gradient)
