"""What is a difference between numbers, and what is only how they were stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A sum of a million amounts is off by 1e-13 of itself in practice, 1e-10 at worst.
ROUNDING = 1e-10
# Squares of anything smaller vanish.
SMALLEST = 1e-60


def varies(values: NDArray[np.float64], scale: float = 0.0) -> bool:
    """Tell variation from rounding error, and from squares that vanish.

    Parameters
    ----------
    values : float64 array, shape (n,)
        At least one.
    scale : float, optional
        Size of the numbers that `values` are differences of.

    Examples
    --------
    >>> varies(np.array([0.1 + 0.2, 0.3])), varies(np.array([0.3, 0.31]))
    (False, True)
    """
    low, high = float(values.min()), float(values.max())
    return high - low > max(ROUNDING * max(abs(low), abs(high), scale), SMALLEST)


def difference_of_averages(
    treated: NDArray[np.float64], control: NDArray[np.float64]
) -> float:
    """Subtract two means; what is left of equal ones by rounding is 0.

    Examples
    --------
    >>> difference_of_averages(np.array([0.1 + 0.2]), np.array([0.3]))
    0.0
    """
    gap = float(treated.mean()) - float(control.mean())
    # Of a group that varies the mean is exact to a few units in the last place; of one
    # that does not, no further than its values agree.
    steady = not (varies(treated) or varies(control))
    largest = max(float(np.abs(treated).max()), float(np.abs(control).max()))
    allowed = ROUNDING if steady else 1e-14
    return 0.0 if abs(gap) <= allowed * largest else gap
