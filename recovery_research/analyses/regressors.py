"""Columns of a regression: which repeat one another, and what they leave."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def find_repeated(design: NDArray[np.float64], tolerance: float = 1e-10) -> list[int]:
    """Return the columns that follow from those before them, the ones first.

    Examples
    --------
    >>> x = np.arange(4.0)
    >>> find_repeated(np.column_stack([np.ones(4), x, 3 - 2 * x, x**2]))
    [2]
    """
    n, width = design.shape
    if width < 3:
        return []
    centre = design.mean(axis=0)
    spread = design.std(axis=0)
    spread[0] = 1.0
    # Spread 0 is a constant beside the ones.
    flat = spread <= 1e-12 * np.abs(centre)
    gram = design.T @ design / n - np.outer(centre, centre)
    if (spread < 1e-4 * np.abs(centre)).any():
        # The shortcut would subtract two numbers that are nearly equal.
        shifted = design - centre
        gram = shifted.T @ shifted / n
    spread = np.where(flat, 1.0, spread)
    gram = gram / np.outer(spread, spread)
    repeated = []
    for k in range(1, width):
        if flat[k] or gram[k, k] < tolerance:
            repeated.append(k)
            continue
        column = gram[:, k].copy()
        gram -= np.outer(column, column) / column[k]
    return repeated


def take_residuals(
    values: NDArray[np.float64], design: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what a least-squares fit on the design leaves of the values.

    Examples
    --------
    >>> take_residuals(np.array([1.0, 2.0, 6.0]), np.ones((3, 1))).tolist()
    [-2.0, -1.0, 3.0]
    """
    scaled = design / np.sqrt((design**2).mean(axis=0))
    gram = scaled.T @ scaled
    # The second pass takes away what rounding left in the first.
    for _ in range(2):
        values = values - scaled @ np.linalg.solve(gram, scaled.T @ values)
    return values
