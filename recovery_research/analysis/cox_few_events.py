"""Hazard ratios from a handful of departures, or from none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from recovery_research.analysis.hazards import (
    RiskSets,
    check_proportionality,
    cluster_covariance,
    fit_hazards,
    form_risk_sets,
    inform,
    merge_spells,
    sum_at_risk,
    weigh,
)
from recovery_research.analysis.verdicts import critical_value

# With fewer departures in a state the normal law is too rough.
FEW = 10
# Logarithm of the largest ratio that is looked at.
FURTHEST = 60.0


@dataclass(frozen=True, slots=True)
class StateRisk:
    """How many leave in a state, and the odds that each leaver is in it.

    Attributes
    ----------
    n_left : int
        Departures in the state, of those where somebody in it and somebody not in it
        were at risk.
    n_informative : int
        Those departures, of whoever.
    odds : float64 array, shape (n_informative,)
        For each the risk of all in the state over that of all others at risk, did the
        state itself make no difference.
    """

    n_left: int
    n_informative: int
    odds: NDArray[np.float64]

    @property
    def n_expected(self) -> float:
        """Return the departures in the state that one would expect of no effect."""
        return float((self.odds / (1.0 + self.odds)).sum())

    @property
    def at_edge(self) -> bool:
        """Return whether nobody, or everybody, of the leavers was in the state."""
        return self.n_left in (0, self.n_informative)

    @property
    def is_few(self) -> bool:
        """Return whether too few left in the state, or too few others."""
        return min(self.n_left, self.n_informative - self.n_left) < FEW


def count_state(sets: RiskSets, state: NDArray[np.bool_]) -> StateRisk:
    """Compare those at risk in a state with the others, departure by departure."""
    risk = np.exp(sets.offset)
    inside = sum_at_risk(risk * state, sets)
    whole = sum_at_risk(risk, sets)
    # What is left of a sum of all the others by rounding is nobody.
    some = (inside > 1e-9 * whole) & (inside < (1.0 - 1e-9) * whole)
    return StateRisk(
        n_left=int(state[sets.spell][some].sum()),
        n_informative=int(some.sum()),
        odds=inside[some] / (whole[some] - inside[some]),
    )


@dataclass(frozen=True, slots=True)
class ExactRatio:
    """The logarithm of a hazard ratio with exact limits.

    Attributes
    ----------
    middle, std_error : float
        Ratio for which more and fewer departures are equally likely, and the error
        from the information there; for where there is no likeliest ratio.
    low, high : float
        Limits; -inf where nobody left in the state, inf where everybody did.
    p_value : float
        Of a ratio of 1, two-sided.
    """

    middle: float
    std_error: float
    low: float
    high: float
    p_value: float


def limit_exactly(state: StateRisk, confidence: float) -> ExactRatio:
    """Find the hazard ratios under which so few departures are not surprising.

    Notes
    -----
    Each leaver is in the state with probability ``odds r / (1 + odds r)`` at hazard
    ratio r, whoever left before; the number in it is a sum of independent yes/no
    draws, and its tails are those of Clopper and Pearson, who had one probability for
    all draws. Other terms are held at their estimates. The p-value is twice the
    smaller tail at ratio 1, so that it and the limits never disagree.

    References
    ----------
    Clopper, C. J. and Pearson, E. S. (1934). The use of confidence or fiducial limits
    illustrated in the case of the binomial. Biometrika 26, 404-413.

    Examples
    --------
    >>> found = limit_exactly(StateRisk(0, 30, np.full(30, 0.1)), 0.95)
    >>> found.low, bool(found.high > 0.0)
    (-inf, True)
    """
    if state.n_left > state.n_informative - state.n_left:
        others = StateRisk(
            state.n_informative - state.n_left, state.n_informative, 1.0 / state.odds
        )
        turned = limit_exactly(others, confidence)
        return ExactRatio(
            -turned.middle, turned.std_error, -turned.high, -turned.low, turned.p_value
        )
    tail = 0.5 * (1.0 - confidence)
    ways = count_ways(state.odds, state.n_left)

    def at_most(log_ratio: float) -> float:
        return float(np.exp(_log_sum(ways, log_ratio, state.odds)))

    def at_least(log_ratio: float) -> float:
        return float(-np.expm1(_log_sum(ways[:-1], log_ratio, state.odds)))

    low = _cross(lambda b: at_least(b) - tail) if state.n_left else -np.inf
    high = _cross(lambda b: at_most(b) - tail)
    # With none in the state "at least none" is certain: the middle is where none is
    # as likely as some.
    middle = _cross(
        lambda b: (at_least(b) if state.n_left else 1.0 - at_most(b)) - at_most(b)
    )
    share = 1.0 / (1.0 + np.exp(-(np.log(state.odds) + middle)))
    both = min(at_most(0.0), at_least(0.0) if state.n_left else 1.0)
    return ExactRatio(
        middle=middle,
        std_error=float(1.0 / np.sqrt((share * (1.0 - share)).sum())),
        low=low,
        high=high,
        p_value=float(min(1.0, 2.0 * both)),
    )


def count_ways(odds: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Return logarithms of the summed products of 0, 1 ... `most` of the odds.

    Pairs of departures are multiplied out as polynomials, cut off at `most`.
    """
    scale = float(odds.max())
    rows = np.zeros((odds.size, most + 1))
    rows[:, 0] = 1.0
    if most:
        rows[:, 1] = odds / scale
    while len(rows) > 1:
        if len(rows) % 2:
            rows = np.vstack([rows, np.eye(1, most + 1)])
        one, other = rows[::2], rows[1::2]
        product = np.zeros_like(one)
        for k in range(most + 1):
            product[:, k:] += one[:, k : k + 1] * other[:, : most + 1 - k]
        rows = product
    with np.errstate(divide="ignore"):
        return np.log(rows[0]) + np.arange(most + 1) * np.log(scale)


def _log_sum(
    ways: NDArray[np.float64], log_ratio: float, odds: NDArray[np.float64]
) -> float:
    """Return the log probability that as many as `ways` covers, or fewer, are in it."""
    if not ways.size:
        return -np.inf
    terms = ways + log_ratio * np.arange(ways.size)
    whole = np.logaddexp(0.0, np.log(odds) + log_ratio).sum()
    return min(float(np.logaddexp.reduce(terms) - whole), 0.0)


def _cross(rises: Callable[[float], float]) -> float:
    return float(optimize.brentq(rises, -FURTHEST, FURTHEST, xtol=1e-12))


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
    """Fit the hazards, and set apart the terms for which there is no maximum."""
    values = spells.values - spells.values.mean(axis=0)
    sets = merge_spells(_form_sets(spells, values, ties="breslow"))
    # Alike spells are merged: whether one is in a state is read off its values.
    states = {
        j: sets.covariates[:, j] > 0.0
        for j, column in enumerate(spells.values.T)
        if np.isin(column, (0.0, 1.0)).all()
    }
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
    varying = [int(j) for j in np.flatnonzero(varies)]
    risks = {j: count_state(sets, states[j]) for j in varying if j in states}
    edges = [j for j, risk in risks.items() if risk.at_edge]
    fitted = [j for j in varying if j not in edges]
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
    blank = np.full((7, n_terms), np.nan)
    return StateFit(
        estimate=blank[0],
        std_error=blank[1],
        low=blank[2],
        high=blank[3],
        p_value=blank[4],
        p_value_proportional=blank[5],
        n_expected=blank[6],
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
