"""Risks by state put together: a fit where it can be had, exact limits elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recovery_research.analyses.curves import critical_value
from recovery_research.analyses.few_departures import (
    ExactRatio,
    count_state,
    limit_exactly,
)
from recovery_research.analyses.hazards import (
    check_proportionality,
    cluster_covariance,
    fit_hazards,
)
from recovery_research.analyses.risk_sets import (
    RiskSets,
    form_risk_sets,
    inform,
    merge_spells,
    weigh,
)

ROUNDS = 3
# Of a covariate's largest square; below it, what varies is rounding.
SMALLEST_VARIANCE = 1e-12
Floats = NDArray[np.float64]


@dataclass(slots=True)
class StateFit:
    """What each term does to the risk of leaving; arrays of shape (n_terms,).

    Attributes
    ----------
    estimate, std_error, low, high, p_value, p_value_proportional, n_expected
        Blank where they cannot be had.
    n_left : int64 array
        Leavers in the state.
    limits : list of str
        ``wald``, ``exact``, ``clustered`` or ``none``, a term.
    """

    estimate: Floats
    std_error: Floats
    low: Floats
    high: Floats
    p_value: Floats
    p_value_proportional: Floats
    n_expected: Floats
    n_left: NDArray[np.int64]
    limits: list[str]


@dataclass(frozen=True, slots=True)
class Spells:
    """Spells at risk as arrays: times, leavings, covariates, and who they are of.

    Attributes
    ----------
    start, stop : float64 array, shape (n_spells,)
    left : bool array, shape (n_spells,)
    values : float64 array, shape (n_spells, n_terms)
    stratum : int64 array, shape (n_spells,)
    cluster : int64 array, shape (n_spells,), or None
        The customer, where spells of one depend on one another.
    ties : str
        How leavings at one time are counted.
    """

    start: Floats
    stop: Floats
    left: NDArray[np.bool_]
    values: Floats
    stratum: NDArray[np.int64]
    cluster: NDArray[np.int64] | None
    ties: str


def fit_states(spells: Spells, names: list[str], confidence: float) -> StateFit:
    """Fit the hazards, and set apart the terms for which there is no maximum.

    Raises
    ------
    ValueError
        If no term varies among those at risk, or terms repeat one another.
    """
    values = spells.values - spells.values.mean(axis=0)
    sets = merge_spells(_form_sets(spells, values, ties="breslow"))
    # Alike spells are merged: whether one is in a state is read off its values.
    states = [
        sets.covariates[:, j] > 0.0 if np.isin(column, (0.0, 1.0)).all() else None
        for j, column in enumerate(spells.values.T)
    ]
    varies = _find_varying(sets)
    if not varies.any():
        what, verb = f"none of the terms {names}", "varies"
        if len(names) == 1:
            what, verb = f"term {names[0]!r}", "never varies"
        raise ValueError(
            f"{what} {verb} among those at risk when somebody leaves; leave it "
            "out of terms, or compare across strata (strata=[])."
        )
    found = _start(spells)
    risks = {
        j: count_state(sets, states[j])
        for j in np.flatnonzero(varies)
        if states[j] is not None
    }
    edges = [j for j, risk in risks.items() if risk.at_edge]
    fitted = [j for j in np.flatnonzero(varies) if j not in edges]
    # States without a leaver and the fitted terms find one another in a few rounds.
    for _ in range(ROUNDS if edges and fitted else 1):
        for j in edges:
            risk = count_state(_without(sets, found.estimate, j), states[j])
            found.estimate[j] = limit_exactly(risk, confidence).middle
        if fitted:
            _fit_rest(found, spells, fitted, edges, confidence)
    for j in risks:
        risk = count_state(_without(sets, found.estimate, j), states[j])
        found.n_expected[j] = risk.n_expected
        if j in edges or (risk.is_few and spells.cluster is None):
            _fill_exactly(found, j, limit_exactly(risk, confidence), j in edges)
    return found


def _form_sets(
    spells: Spells, values: Floats, *, ties: str, offset: Floats | None = None
) -> RiskSets:
    return form_risk_sets(
        spells.start, spells.stop, spells.left, values,
        stratum=spells.stratum, offset=offset, ties=ties,
    )  # fmt: skip


def _find_varying(sets: RiskSets) -> NDArray[np.bool_]:
    """Mark the terms that differ between customers at risk when somebody leaves."""
    information = np.diag(inform(weigh(np.zeros(sets.covariates.shape[1]), sets), sets))
    spread = np.abs(sets.covariates).max(axis=0) ** 2
    return information > SMALLEST_VARIANCE * spread * sets.spell.size


def _start(spells: Spells) -> StateFit:
    n_terms = spells.values.shape[1]
    blank = [np.full(n_terms, np.nan) for _ in range(7)]
    return StateFit(
        *blank,
        n_left=(spells.values[spells.left] != 0.0).sum(axis=0),
        limits=["none"] * n_terms,
    )


def _without(sets: RiskSets, estimate: Floats, j: int) -> RiskSets:
    """Return the risk sets with what all terms but one do to each spell."""
    given = np.nan_to_num(estimate)
    given[j] = 0.0
    return replace(sets, offset=sets.covariates @ given)


def _fit_rest(
    found: StateFit,
    spells: Spells,
    fitted: list[int],
    edges: list[int],
    confidence: float,
) -> None:
    """Fit the terms that have a maximum, the others being given."""
    values = spells.values[:, fitted]
    offset = spells.values[:, edges] @ found.estimate[edges]
    fit = fit_hazards(
        spells.start, spells.stop, spells.left, values,
        stratum=spells.stratum, offset=offset, ties=spells.ties,
    )  # fmt: skip
    covariance = fit.covariance
    if spells.cluster is not None:
        sets = _form_sets(spells, values, ties=spells.ties, offset=offset)
        covariance = cluster_covariance(fit, sets, spells.cluster)
    error = np.sqrt(np.diag(covariance))
    z = critical_value(confidence)
    found.estimate[fitted], found.std_error[fitted] = fit.coefficient, error
    found.low[fitted] = fit.coefficient - z * error
    found.high[fitted] = fit.coefficient + z * error
    found.p_value[fitted] = 2.0 * stats.norm.sf(np.abs(fit.coefficient / error))
    found.p_value_proportional[fitted] = check_proportionality(fit)
    for j in fitted:
        found.limits[j] = "wald" if spells.cluster is None else "clustered"


def _fill_exactly(found: StateFit, j: int, ratio: ExactRatio, at_edge: bool) -> None:
    if at_edge:
        found.estimate[j], found.std_error[j] = ratio.middle, ratio.std_error
    found.low[j], found.high[j] = ratio.low, ratio.high
    found.p_value[j] = ratio.p_value
    found.limits[j] = "exact"
