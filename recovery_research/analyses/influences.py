"""From each customer's influence on an estimate to its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recovery_research.analyses.comparisons import compare_means
from recovery_research.analyses.curves import Curve
from recovery_research.analyses.groups import TwoGroups
from recovery_research.analyses.intervals import Interval, without_interval

# Below this share of the outcome's size an error is the rounding of its sums.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class MovedCurve:
    """Limits that have the shape of another curve, around another estimate.

    Attributes
    ----------
    curve : Curve
        Whose shape.
    estimate : float
        Where it is moved to.
    scale : float
        How many times as wide it is made.
    """

    curve: Curve
    estimate: float
    scale: float

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""
        low, high = self.curve.limits(confidence)
        centre = self.curve.estimate
        return (
            self.estimate + self.scale * (low - centre),
            self.estimate + self.scale * (high - centre),
        )

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        return self.curve.tail(
            self.curve.estimate + (delta - self.estimate) / self.scale
        )


def compare_numbers(
    own: NDArray[np.float64], other: NDArray[np.float64], *, confidence: float
) -> Interval:
    """Compare two means by the law of `paradox`, as numbers even if all are 0 or 1.

    Changes that happen to be 0 and 1 are no shares: limits for shares depend on the
    unit and would give 50 customers who all spent nothing an interval in dollars.
    """
    return compare_means(TwoGroups(own, other, 0), confidence=confidence)


def compare_influences(
    estimate: float,
    influence: NDArray[np.float64],
    treated: NDArray[np.bool_],
    *,
    size: float,
    confidence: float,
    clusters: NDArray[np.int64] | None = None,
) -> Interval:
    """Turn influences of the customers of two groups into an interval.

    Parameters
    ----------
    estimate : float
        Treated minus control, adjusted in whatever way.
    influence : float64 array, shape (n_rows,)
        By how much the estimate would fall without that row.
    treated : bool array, shape (n_rows,)
        Whose rows.
    size : float
        Largest absolute value behind the estimate: errors within its rounding are
        none.
    confidence : float
        Level of the interval.
    clusters : int64 array, shape (n_rows,), optional
        Which customer each row is of, where some have several. A customer with rows
        in both groups counts as treated.

    Returns
    -------
    Interval
        Its error is the root of the customers' squared influences (HC3, where they
        are those of leaving out one customer in a regression). Its law is that of a
        comparison of two means of as many, and as skewed, numbers.
    """
    if clusters is not None:
        treated = np.bincount(clusters, weights=treated) > 0.0
        influence = np.bincount(clusters, weights=influence)
    error = math.sqrt(float(influence @ influence))
    sizes = (int(treated.sum()), int((~treated).sum()))
    if not error > ROUNDING * size:
        note = "nothing varies: no interval"
        return without_interval("influence", estimate, sizes, confidence, note)
    parts = [influence[treated] * sizes[0], influence[~treated] * sizes[1]]
    # A group whose own influence is rounding has none.
    parts = [
        np.zeros(part.size) if np.abs(part).max() <= ROUNDING * size else part
        for part in parts
    ]
    own, other = (part - part.mean() for part in parts)
    found = compare_numbers(own, -other, confidence=confidence)
    if found.curve is None:
        return without_interval("influence", estimate, sizes, confidence, found.note)
    curve = MovedCurve(found.curve, estimate, error / found.std_error)
    low, high = curve.limits(confidence)
    below = curve.tail(0.0)
    return Interval(
        "influence", estimate, error, low, high, confidence,
        min(1.0, 2.0 * min(below, 1.0 - below)), *sizes, found.note, curve,
    )  # fmt: skip
