"""Limits of a hazard ratio from a handful of departures, or from none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from recovery_research.analyses.risk_sets import RiskSets, sum_at_risk

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
    """Compare those at risk in a state with the others, departure by departure.

    Parameters
    ----------
    sets : RiskSets
        Formed without Efron's fractions; their offset holds what other terms do.
    state : bool array, shape (n_spells,)
        Which spells are in the state.
    """
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
