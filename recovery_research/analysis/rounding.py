"""What is a difference between numbers or times, and what is only how they were stored.

A date that became days divided by seven is not exact: thirty days after one date and
after another differ in the sixteenth digit, and so would sixty less thirty.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

# A sum of a million amounts is off by 1e-13 of itself in practice, 1e-10 at worst.
ROUNDING = 1e-10
# Squares of anything smaller vanish.
SMALLEST = 1e-60


def varies(values: NDArray[np.float64], scale: float = 0.0) -> bool:
    """Tell variation from rounding error, and from squares that vanish.

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


# Relative, so that days, weeks and years give the same: the square root of the
# precision of a number, which is what R's `coxph` and `survfit` take (timefix).
SAME_TIME = float(np.sqrt(np.finfo(np.float64).eps))
# What a difference of two times may be off by, as a multiple of the larger.
TIME_ROUNDING = 64.0 * float(np.finfo(np.float64).eps)


def tie_times(
    *times: ArrayLike, scale: float | None = None
) -> tuple[NDArray[np.float64], ...]:
    """Make times equal that differ by rounding alone.

    Parameters
    ----------
    *times : float64 arrays
        Times on one scale; NaN and infinity stay as they are.
    scale : float, optional
        Largest time from which they were computed as differences; by default the
        largest among them.

    Returns
    -------
    tuple of float64 array
        Of the same shapes. Neighbours (in order of time) that differ by less than
        about 1.5e-8 of their size are one moment, and get the earliest's value.

    Notes
    -----
    R does the same before it looks for ties (``survival::aeqSurv``), with the same
    relative tolerance; its absolute one, which depends on the unit, is not used.

    Examples
    --------
    >>> days = np.array([100, 130, 160])
    >>> weeks = days / 7
    >>> bool((weeks[1:] - weeks[:-1])[0] == (weeks[1:] - weeks[:-1])[1])
    False
    >>> (tied,) = tie_times(weeks[1:] - weeks[:-1], scale=weeks.max())
    >>> bool(tied[0] == tied[1])
    True
    """
    arrays = [np.asarray(each, dtype=np.float64) for each in times]
    every = np.concatenate([each.ravel() for each in arrays])
    # Hashed first: a log has a million times, but often few different ones.
    held = np.sort(pd.unique(every[np.isfinite(every)]))
    if not held.size:
        return tuple(arrays)
    largest = max(float(np.abs(held[[0, -1]]).max()), abs(scale or 0.0))
    size = np.abs(held)
    apart = np.diff(held) > SAME_TIME * np.maximum(size[1:], size[:-1]) + (
        TIME_ROUNDING * largest
    )
    if apart.all():
        return tuple(arrays)
    moments = held[np.r_[True, apart]]
    tied = []
    for each in arrays:
        known = np.isfinite(each)
        place = np.searchsorted(moments, each[known], side="right") - 1
        snapped = each.copy()
        snapped[known] = moments[place]
        tied.append(snapped)
    return tuple(tied)


def at_most(times: ArrayLike, limit: ArrayLike) -> NDArray[np.bool_]:
    """Return which times are no later than a limit, but for rounding.

    Examples
    --------
    >>> bool(at_most(0.1 + 0.2, 0.3))
    True
    """
    times, limit = np.asarray(times, np.float64), np.asarray(limit, np.float64)
    size = np.maximum(np.abs(times), np.abs(limit))
    # An infinite limit is its own; inf less inf is none.
    room = np.where(np.isfinite(size), SAME_TIME * size, 0.0)
    return times <= limit + room
