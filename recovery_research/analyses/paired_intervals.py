"""How sure a difference within pairs is: the same customers, measured twice."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recovery_research.analyses.bootstrap import bootstrap_mean, skewness_of_estimate
from recovery_research.analyses.curves import Curve, PointCurve, StudentCurve
from recovery_research.analyses.interval_notes import note_on_skewness
from recovery_research.analyses.intervals import (
    Interval,
    check_choice,
    check_level,
    with_limits,
    without_interval,
)
from recovery_research.analyses.rounding import ROUNDING, varies


def paired_difference(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    method: str = "paired_t",
) -> Interval:
    """Average the difference within pairs, with a t or a BCa interval.

    Parameters
    ----------
    treated, control : float64 array, shape (n_pairs,)
        The same customers in the same order.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.
    method : {"paired_t", "bca"}, optional
        Which interval.

    Returns
    -------
    Interval
        If every pair differs by the same amount the interval has no width, and a
        note says so: under common luck that is a fact about these customers.

    Raises
    ------
    ValueError
        If the arrays have different lengths.

    Examples
    --------
    >>> difference = paired_difference(np.array([3.0, 5, 8]), np.array([2.0, 3, 5]))
    >>> round(difference.estimate, 3), round(difference.std_error, 3)
    (2.0, 0.577)
    """
    check_level(confidence)
    check_choice(method, ("paired_t", "bca"))
    if treated.shape != control.shape:
        raise ValueError(
            f"pairs need arrays of one length; got {treated.size} and {control.size}. "
            "For different customers use difference_of_means."
        )
    gaps = treated - control
    scale = max(float(np.abs(treated).max()), float(np.abs(control).max()))
    estimate = float(gaps.mean())
    sizes = (gaps.size, gaps.size)
    if gaps.size < 2:
        return without_interval(
            method, estimate, sizes, confidence, "one pair has no spread: no interval"
        )
    if not varies(gaps, scale):
        # All pairs differ by one amount; by rounding, if it is that small.
        alike = abs(estimate) <= ROUNDING * scale
        return _same_for_all(method, 0.0 if alike else estimate, sizes, confidence)
    std_error = float(gaps.std(ddof=1)) / math.sqrt(gaps.size)
    curve: Curve = bootstrap_mean(gaps)
    if method == "paired_t":
        curve = StudentCurve(estimate, std_error, gaps.size - 1)
    note = note_on_skewness(skewness_of_estimate(gaps), gaps.size)
    return with_limits(method, curve, std_error, sizes, confidence, note)


def _same_for_all(
    method: str, estimate: float, sizes: tuple[int, int], confidence: float
) -> Interval:
    note = f"every pair differs by exactly {estimate:g}: the interval has no width"
    curve = PointCurve(estimate)
    certain = with_limits(method, curve, 0.0, sizes, confidence, note)
    return replace(certain, p_value=1.0 if estimate == 0.0 else 0.0)
