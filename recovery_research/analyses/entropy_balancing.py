"""Weights moved as little as can be until two groups are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Steps towards calibrated weights; where they exist, far fewer are needed.
MOST_TILTS = 25


def calibrate(
    design: NDArray[np.float64],
    weights: NDArray[np.float64],
    towards: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Move weights as little as can be until they have the target's means.

    Parameters
    ----------
    design : float64 array, shape (n, n_columns)
        A column of ones, then the columns to be alike.
    weights : float64 array, shape (n,)
        Not negative, adding up to one.
    towards : float64 array, shape (n_columns,)
        The means wanted.

    Returns
    -------
    float64 array, shape (n,), or None
        None where no weights on these rows have those means.

    Notes
    -----
    Each weight is multiplied by exp(a linear function of its row): entropy balancing,
    begun at the weights of the propensities. Chances fitted to few treated customers
    cannot follow a curve; means of squares can be made alike all the same.

    References
    ----------
    Hainmueller, J. (2012). Entropy balancing for causal effects. Political Analysis
    20, 25-46.

    Examples
    --------
    >>> design = np.column_stack([np.ones(3), [0.0, 1.0, 2.0]])
    >>> moved = calibrate(design, np.full(3, 1 / 3), np.array([1.0, 1.5]))
    >>> round(float(moved @ design[:, 1]), 9)
    1.5
    """
    rows = np.flatnonzero(weights)
    centred = design[rows, 1:] - towards[1:]
    start = weights[rows]
    tilt = np.zeros(centred.shape[1])
    now, height = start, 0.0
    for _ in range(MOST_TILTS):
        gap = now @ centred
        if np.abs(gap).max(initial=0.0) < 1e-9:
            moved = np.zeros(len(weights))
            moved[rows] = now
            return moved
        curvature = (centred * now[:, None]).T @ centred - np.outer(gap, gap)
        try:
            step = np.linalg.solve(curvature, -gap)
        except np.linalg.LinAlgError:
            return None
        taken = 1.0
        while True:
            power = centred @ (tilt + taken * step)
            top = float(power.max())
            raw = start * np.exp(power - top)
            reached = float(np.log(raw.sum())) + top
            if reached <= height + 1e-12 or taken < 1e-3:
                break
            taken /= 2.0
        tilt, height, now = tilt + taken * step, reached, raw / raw.sum()
    return None
