"""Who is at risk when somebody leaves: the sums behind a proportional hazards fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.times import tie_times

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
    """Sort the events, and find for each spell (start, stop] those it is at risk for.

    Raises
    ------
    ValueError
        If a time is unknown, a spell does not end after it began, or `ties` is no
        method.
    """
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
        weight=np.bincount(group, sets.weight),
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
