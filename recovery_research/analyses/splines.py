"""Curves for covariates: quadratic splines whose ends are straight lines."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recovery_research.analyses.covariates import Covariate
from recovery_research.analyses.regressors import find_repeated

# A curve of so many terms follows what one covariate can plausibly do.
MOST_TERMS = 4
# Customers of the smaller group (or whose outcome is fitted) for each term.
CUSTOMERS_PER_TERM = 10
# Beyond the quartiles by three times their distance (Tukey's outer fence) a curve is
# a straight line: nobody's square may outweigh everybody else's.
FENCE = 3.0


def count_terms(size: int, covariates: Sequence[Covariate]) -> int:
    """Say how many terms each number may have for a group of this size.

    Parameters
    ----------
    size : int
        Customers of the group that limits the fit.
    covariates : sequence of Covariate

    Returns
    -------
    int
        One for every ten customers, shared by the covariates; 1 (a straight line) at
        the least and 4 at the most. Two terms are a parabola, three and four a
        parabola with one and two knots.

    Examples
    --------
    >>> age = Covariate("age", np.arange(50.0))
    >>> [count_terms(n, [age]) for n in (12, 20, 35, 1000)], count_terms(60, [age] * 3)
    ([1, 2, 3, 4], 2)
    """
    curved = sum(not each.levels for each in covariates)
    straight = sum(max(len(each.levels) - 1, 0) for each in covariates)
    room = size // CUSTOMERS_PER_TERM - straight
    return int(np.clip(room // max(curved, 1), 1, MOST_TERMS))


def place_knots(
    values: NDArray[np.float64], treated: NDArray[np.bool_], n_terms: int
) -> NDArray[np.float64]:
    """Place a spline's knots where both groups have customers.

    Parameters
    ----------
    values : float64 array, shape (n,)
    treated : bool array, shape (n,)
    n_terms : int
        Terms wanted, the straight line among them.

    Returns
    -------
    float64 array, shape (at most n_terms,)
        The ends, beyond which the curve is straight, and the knots between them;
        empty if the covariate has too few values to bend. A knot lies at the mean of
        the two groups' quantiles, so that the larger group does not decide alone.

    Examples
    --------
    >>> place_knots(np.arange(9.0), np.arange(9) % 2 == 0, 3).tolist()
    [0.0, 4.0, 8.0]
    """
    low, high = float(values.min()), float(values.max())
    inside = values[(values > low) & (values < high)]
    if n_terms < 2 or inside.size == 0:
        return np.empty(0)
    levels = np.r_[0.25, 0.75, np.arange(1, n_terms - 1) / (n_terms - 1)]
    found = _middle_quantiles(values, treated, levels)
    if found[1] - found[0] <= 0.0:
        # Most have the same value (no earlier order, say): look at the others.
        usual = values != found[0]
        found = _middle_quantiles(values[usual], treated[usual], levels)
        found[:2] = min(found[0], np.median(values)), max(found[1], np.median(values))
    reach = FENCE * (found[1] - found[0])
    ends = max(low, found[0] - reach), min(high, found[1] + reach)
    knots = np.unique(np.clip(np.r_[ends, found[2:]], *ends))
    return knots if knots.size > 1 else np.empty(0)


def bend(
    values: NDArray[np.float64], knots: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Return a covariate's columns: itself, and one per interval between knots.

    A column's second derivative is one within its interval and zero elsewhere, so
    with the straight line they make every quadratic spline with these knots.

    Examples
    --------
    >>> bend(np.array([-1.0, 1.0, 3.0]), np.array([0.0, 2.0]))[1].tolist()
    [0.0, 0.5, 4.0]
    """
    columns = [values]
    for low, high in itertools.pairwise(knots):
        width = high - low
        part = np.clip(values - low, 0.0, width)
        # Half a square within the interval, a straight line of slope `width` beyond.
        beyond = np.maximum(values - high, 0.0)
        columns.append(part * part / 2.0 + width * beyond)
    return columns


def curved_design(
    covariates: Sequence[Covariate], treated: NDArray[np.bool_], n_terms: int
) -> NDArray[np.float64]:
    """Make a design in which every number may bend.

    Parameters
    ----------
    covariates : sequence of Covariate
    treated : bool array, shape (n,)
    n_terms : int
        Terms of each number, from `count_terms`.

    Returns
    -------
    float64 array, shape (n, 1 + n_columns)
        A column of ones, then the columns, centred and of spread one; those that
        follow from others are left out.
    """
    columns = []
    for each in covariates:
        if each.levels:
            columns += [values for _, values in each.expand()]
            continue
        knots = place_knots(each.values, treated, n_terms)
        columns += bend(each.values, knots)
    return standardise(columns, treated.size)


def standardise(
    columns: Sequence[NDArray[np.float64]], size: int
) -> NDArray[np.float64]:
    """Put columns behind one of ones, each centred and of spread one."""
    design = np.empty((size, len(columns) + 1), order="F")
    design[:, 0] = 1.0
    kept = 1
    for values in columns:
        column = design[:, kept]
        np.subtract(values, values.mean(), out=column)
        spread = float(np.sqrt(column @ column / size))
        if spread > 1e-12 * float(np.abs(values).max()):
            column /= spread
            kept += 1
    design = design[:, :kept]
    repeated = find_repeated(design, 1e-9)
    return np.delete(design, repeated, axis=1) if repeated else design


def _middle_quantiles(
    values: NDArray[np.float64],
    treated: NDArray[np.bool_],
    levels: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the mean of the two groups' quantiles; of one, if the other is empty."""
    parts = [values[treated], values[~treated]]
    found = [np.quantile(part, levels) for part in parts if part.size]
    return np.mean(found, axis=0)
