"""Risk sets, and the sums and fit of proportional hazards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recovery_research.analysis.rounding import tie_times

TIES = ("efron", "breslow")


@dataclass(frozen=True, slots=True)
class RiskSets:
    """For each spell the events it is at risk for; for each event who ties with it.

    Attributes
    ----------
    enters, leaves : int64 array, shape (n_spells,)
        The spell is at risk at the distinct event times from `enters` up to, without,
        `leaves`.
    weight : float64 array, shape (n_spells,)
        How many spells it stands for.
    covariates : float64 array, shape (n_spells, n_terms)
        Their values.
    offset : float64 array, shape (n_spells,)
        Logarithm of a hazard ratio that is given.
    spell : int64 array, shape (n_events,)
        Row of the spell that ended with the event.
    tie : int64 array, shape (n_events,)
        Number of the distinct time (within its stratum) it happened at.
    time : float64 array, shape (n_events,)
        When.
    fraction : float64 array, shape (n_events,)
        Share of those tied that are counted as gone: Efron's 0, 1/d, 2/d ..., or 0.
    """

    enters: NDArray[np.int64]
    leaves: NDArray[np.int64]
    weight: NDArray[np.float64]
    covariates: NDArray[np.float64]
    offset: NDArray[np.float64]
    spell: NDArray[np.int64]
    tie: NDArray[np.int64]
    time: NDArray[np.float64]
    fraction: NDArray[np.float64]

    @property
    def n_distinct(self) -> int:
        """Return at how many different times somebody left."""
        return int(self.tie[-1]) + 1 if self.tie.size else 0


def form_risk_sets(
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    event: NDArray[np.bool_],
    values: NDArray[np.float64],
    *,
    stratum: NDArray[np.int64] | None = None,
    offset: NDArray[np.float64] | None = None,
    ties: str = "efron",
) -> RiskSets:
    """Sort the events, and find those that each spell (start, stop] is at risk for."""
    if ties not in TIES:
        raise ValueError(f"ties are counted by {list(TIES)}; got {ties!r}.")
    start, stop = tie_times(start, stop)
    wrong = ~(start < stop)
    if wrong.any():
        raise ValueError(
            f"{int(wrong.sum())} spells do not stop after they start, or the times are "
            f"unknown, the first is row {int(np.argmax(wrong))} (from 0): "
            f"{start[wrong][0]:g} to {stop[wrong][0]:g}."
        )
    block = np.zeros(start.size, np.int64) if stratum is None else stratum
    # Strata follow one another on one axis of whole numbers.
    place, moments = pd.factorize(np.concatenate([start, stop]), sort=True)
    from_place, to_place = place[: start.size], place[start.size :]
    opened, closed = (block * moments.size + each for each in (from_place, to_place))
    spell = np.flatnonzero(event)
    spell = spell[np.argsort(closed[spell], kind="stable")]
    distinct, first, tie, counts = np.unique(
        closed[spell], return_index=True, return_inverse=True, return_counts=True
    )
    order = np.arange(spell.size) - first[tie]
    return RiskSets(
        enters=np.searchsorted(distinct, opened, side="right"),
        leaves=np.searchsorted(distinct, closed, side="right"),
        weight=np.ones(start.size),
        covariates=values,
        offset=np.zeros(start.size) if offset is None else offset,
        spell=spell,
        tie=tie,
        time=stop[spell],
        fraction=order / counts[tie] if ties == "efron" else np.zeros(spell.size),
    )


def merge_spells(sets: RiskSets) -> RiskSets:
    """Let one spell stand for all that are alike, and drop those never at risk.

    A log has few different states and order numbers: a million spells become some
    hundred, and the sums are the same.
    """
    code = sets.enters * (int(sets.leaves.max()) + 1) + sets.leaves
    size = float(sets.leaves.max() + 1) ** 2
    for column in (*sets.covariates.T, sets.offset):
        place, levels = pd.factorize(column, sort=True)
        size *= levels.size
        if size > 2.0**62 or levels.size > len(column) / 4:
            return sets
        code = code * levels.size + place
    group, held = pd.factorize(code, sort=True)
    first = np.empty(held.size, dtype=np.int64)
    first[group[::-1]] = np.arange(code.size - 1, -1, -1)
    return RiskSets(
        enters=sets.enters[first],
        leaves=sets.leaves[first],
        weight=np.bincount(group, sets.weight).astype(np.float64, copy=False),
        covariates=sets.covariates[first],
        offset=sets.offset[first],
        spell=group[sets.spell],
        tie=sets.tie,
        time=sets.time,
        fraction=sets.fraction,
    )


def sum_at_risk(amount: NDArray[np.float64], sets: RiskSets) -> NDArray[np.float64]:
    """Sum an amount over those at risk at each event, ties counted as the sets say."""
    size = sets.n_distinct + 1
    whole = amount * sets.weight
    change = np.bincount(sets.enters, whole, minlength=size)
    change = change - np.bincount(sets.leaves, whole, minlength=size)
    at_risk = np.cumsum(change)[sets.tie]
    tied = np.bincount(sets.tie, amount[sets.spell])[sets.tie]
    return at_risk - sets.fraction * tied


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The partial likelihood at some coefficients.

    Attributes
    ----------
    value : float
        Its logarithm.
    total : float64 array, shape (n_events,)
        Sum of the risks of those at risk at each event.
    mean : float64 array, shape (n_events, n_terms)
        Covariates expected of the one who leaves.
    weight : float64 array, shape (n_spells,)
        Risk of each spell.
    """

    value: float
    total: NDArray[np.float64]
    mean: NDArray[np.float64]
    weight: NDArray[np.float64]


def weigh(beta: NDArray[np.float64], sets: RiskSets) -> Likelihood:
    """Work out the partial likelihood, and what is expected of those who leave."""
    score = sets.covariates @ beta + sets.offset
    weight = np.exp(score)
    total = sum_at_risk(weight, sets)
    mean = (
        np.column_stack(
            [sum_at_risk(weight * column, sets) / total for column in sets.covariates.T]
        )
        if sets.covariates.shape[1]
        else np.zeros((total.size, 0))
    )
    value = float((score[sets.spell] - np.log(total)).sum())
    return Likelihood(value, total, mean, weight)


def inform(found: Likelihood, sets: RiskSets) -> NDArray[np.float64]:
    """Return the information at the coefficients a likelihood was worked out for."""
    n_terms = sets.covariates.shape[1]
    information = np.empty((n_terms, n_terms))
    for i in range(n_terms):
        for j in range(i, n_terms):
            product = found.weight * sets.covariates[:, i] * sets.covariates[:, j]
            second = sum_at_risk(product, sets) / found.total
            information[i, j] = information[j, i] = float(
                (second - found.mean[:, i] * found.mean[:, j]).sum()
            )
    return information


SMALLEST_EIGENVALUE = 1e-10
# Newton's steps double the digits: a dozen do. Where there is no maximum each goes as
# far as the last.
MOST_STEPS = 40


class NoMaximumError(ValueError):
    """The likelihood rises without end: a term tells leavers from the rest exactly."""


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
        Partial log likelihood.
    event_time : float64 array, shape (n_events,)
        In order within each stratum.
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
    *,
    stratum: NDArray[np.int64] | None = None,
    offset: NDArray[np.float64] | None = None,
    ties: str = "efron",
) -> HazardFit:
    """Fit proportional hazards to spells (start, stop].

    Parameters
    ----------
    start, stop : float64 array, shape (n_spells,)
        ``start < stop``, in any unit. Times equal but for rounding are ties.
    event : bool array, shape (n_spells,)
        Whether the spell ended by leaving.
    values : float64 array, shape (n_spells, n_terms)
        Covariates, constant within a spell, in any units.
    stratum : int64 array, shape (n_spells,), optional
        Spells are compared with those of the same number alone.
    offset : float64 array, shape (n_spells,), optional
        Logarithm of a hazard ratio that is given, not fitted.
    ties : {"efron", "breslow"}, optional
        How leavings at one time are counted.

    Returns
    -------
    HazardFit

    Raises
    ------
    ValueError
        If a time is unknown, or the terms repeat one another among those at risk.
    NoMaximumError
        If the likelihood has no maximum (nobody, or everybody, leaves in a state).

    Notes
    -----
    The sums over those at risk are differences of cumulative sums, so that a step
    costs a few passes over the spells. ``statsmodels.duration.PHReg`` takes spells
    through its ``entry`` argument, but counts a spell as at risk at the moment it
    opens. A customer cut in two at week 5 is then at risk twice for somebody who
    leaves in week 5, and coefficients are wrong where weeks tie (a test shows it: 0.49
    for 0.66). R's ``coxph`` and this function count the customer once.

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
    # Steps are taken on covariates of spread 1, so that no unit plays a part.
    centre, spread = values.mean(axis=0), values.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    moved = (values - centre) / spread
    sets = merge_spells(
        form_risk_sets(
            start, stop, event, moved, stratum=stratum, offset=offset, ties=ties
        )
    )
    beta = climb(sets)
    found = weigh(beta, sets)
    covariance = np.linalg.inv(inform(found, sets)) / np.outer(spread, spread)
    # A tie's residuals share the tie's average expectation, as in R.
    counts = np.bincount(sets.tie)
    expected = np.column_stack(
        [(np.bincount(sets.tie, m) / counts)[sets.tie] for m in found.mean.T]
    )
    residual = (sets.covariates[sets.spell] - expected) * spread
    return HazardFit(beta / spread, covariance, found.value, sets.time, residual)


def climb(sets: RiskSets) -> NDArray[np.float64]:
    """Return the coefficients at which the partial likelihood is greatest."""
    beta = np.zeros(sets.covariates.shape[1])
    inside = sets.covariates[sets.spell].sum(axis=0)
    found = weigh(beta, sets)
    information = inform(found, sets)
    _refuse_repetition(information)
    for _ in range(MOST_STEPS):
        step = np.linalg.solve(information, inside - found.mean.sum(axis=0))
        for _ in range(30):
            # A step far too long overflows; NaN is no improvement, and it is halved.
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                trial = weigh(beta + step, sets)
            if trial.value >= found.value - 1e-11 * (1.0 + abs(found.value)):
                break
            step = step / 2.0
        beta, found = beta + step, trial
        if not np.isfinite(found.value):
            break
        if np.abs(step).max() < 1e-9 * (1.0 + np.abs(beta).max()):
            return beta
        information = inform(found, sets)
        if np.linalg.eigvalsh(information).min() <= 0.0:
            break
    raise NoMaximumError(
        "the likelihood has no maximum: the terms together tell those who leave from "
        "those who stay (almost) exactly. Merge states or leave a term out."
    )


def check_proportionality(fit: HazardFit) -> NDArray[np.float64]:
    """Test each term for an effect that changes over time.

    Parameters
    ----------
    fit : HazardFit
        A fitted model.

    Returns
    -------
    float64 array, shape (n_terms,)
        p-values of no trend of the scaled Schoenfeld residuals over the rank of the
        time of leaving (chi-square, one degree of freedom); small says the hazard
        ratio is not constant. NaN if all left at one time.

    Notes
    -----
    This is the test as Grambsch and Therneau published it, with the average of the
    information over the events, and as ``cox.zph`` of R's survival had it before
    version 3.0. Since then `cox.zph` is a score test with each event's own
    information; where states get more frequent over time the older one is the more
    cautious of the two.

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


def cluster_covariance(
    fit: HazardFit, sets: RiskSets, cluster: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the coefficients' covariance where spells of a cluster depend on another.

    Parameters
    ----------
    fit : HazardFit
        A fitted model.
    sets : RiskSets
        Of the same spells, none merged, with values as they came.
    cluster : int64 array, shape (n_spells,)
        Number of the cluster, such as the customer.

    Returns
    -------
    float64 array, shape (n_terms, n_terms)
        The sandwich of the score residuals summed by cluster, as ``coxph(cluster=)``
        of R's survival has it, without a correction for few clusters.

    References
    ----------
    Lin, D. Y. and Wei, L. J. (1989). The robust inference for the Cox proportional
    hazards model. JASA 84, 1074-1078.
    """
    values = sets.covariates - sets.covariates.mean(axis=0)
    found = weigh(fit.coefficient, replace(sets, covariates=values))
    each = 1.0 / found.total
    risk = found.weight
    summed = _sum_over_time(each, sets)
    tied = np.bincount(sets.tie, sets.fraction * each)[sets.tie]
    counts = np.bincount(sets.tie)
    clustered = np.empty((int(cluster.max()) + 1, values.shape[1]))
    for j, column in enumerate(values.T):
        mean = found.mean[:, j]
        score = -risk * (column * summed - _sum_over_time(mean * each, sets))
        shared = (np.bincount(sets.tie, mean) / counts)[sets.tie]
        # Of those tied with a leaver, Efron counts each a part less at risk.
        spared = column[sets.spell] * tied
        spared -= np.bincount(sets.tie, sets.fraction * mean * each)[sets.tie]
        own = column[sets.spell] - shared + risk[sets.spell] * spared
        score += np.bincount(sets.spell, own, minlength=score.size)
        clustered[:, j] = np.bincount(cluster, score, minlength=len(clustered))
    return fit.covariance @ (clustered.T @ clustered) @ fit.covariance


def _sum_over_time(amount: NDArray[np.float64], sets: RiskSets) -> NDArray[np.float64]:
    """Sum an amount of each event over the events that each spell is at risk for."""
    until = np.r_[0.0, np.cumsum(np.bincount(sets.tie, amount))]
    return until[sets.leaves] - until[sets.enters]


def _refuse_repetition(information: NDArray[np.float64]) -> None:
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
    alone = bool((size > 0.0).all())
    if alone:
        scaled = information / np.outer(size, size)
        # Below it, what is left of the information is rounding.
        alone = bool(np.linalg.eigvalsh(scaled).min() > SMALLEST_EIGENVALUE)
    if not alone:
        raise ValueError(
            "the terms repeat one another, or one never varies among those at risk; "
            "leave it out."
        )
