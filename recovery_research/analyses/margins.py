"""How far one group's mean may lie from what was seen, below and above."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import betaincinv, ndtr

from recovery_research.analyses.rounding import ROUNDING

# Of so many values other than the common one, or fewer, a t statistic makes too much.
FEW_EVENTS = 5
# Among the first so many it mostly shows at once that there are more.
SOME = 64


@dataclass(frozen=True, slots=True)
class ExactShare:
    """Clopper's and Pearson's margins of a share: never narrower than promised."""

    share: float
    size: float

    def reach(self, z: float) -> tuple[float, float]:
        """Return both distances at a normal score of 0 or more."""
        yes, no = self.share * self.size, (1.0 - self.share) * self.size
        low = _exact_limit(yes, no, z)
        high = 1.0 - _exact_limit(no, yes, z)
        return max(self.share - low, 0.0), max(high - self.share, 0.0)


def _exact_limit(yes: float, no: float, z: float) -> float:
    """Return the lower Clopper-Pearson limit of the share of yes."""
    if yes <= 0.0:
        return 0.0
    limit = float(betaincinv(yes, no + 1.0, ndtr(-z)))
    return 0.0 if math.isnan(limit) else limit  # NaN where it underflows


@dataclass(frozen=True, slots=True)
class StudentMean:
    """Margins of a mean by Student's t."""

    std_error: float
    freedom: float

    def reach(self, z: float) -> tuple[float, float]:
        """Return both distances at a normal score of 0 or more."""
        distance = -self.std_error * float(stats.t.ppf(ndtr(-z), self.freedom))
        return distance, distance


@dataclass(frozen=True, slots=True)
class FewEvents:
    """Margins of a mean that a handful of values other than a common one decide.

    The mean is the common value, plus the share above it times how far those lie above,
    less the same below. The shares have exact margins; how far is what the values
    seen in either group say, whichever is further.

    Attributes
    ----------
    above, below : ExactShare
        Shares of values above and below the common one.
    rise, fall : float
        How far such values lie from the common one; 0 if neither group has any.
    common : float
        The value that most of the group has.
    n_events : int
        Values other than it.
    """

    above: ExactShare
    below: ExactShare
    rise: float
    fall: float
    common: float
    n_events: int

    def reach(self, z: float) -> tuple[float, float]:
        """Return both distances at a normal score of 0 or more."""
        fewer, more = (self.rise * distance for distance in self.above.reach(z))
        less, further = (self.fall * distance for distance in self.below.reach(z))
        return math.hypot(fewer, further), math.hypot(more, less)


def few_events(
    values: NDArray[np.float64], others: NDArray[np.float64], size: float | None = None
) -> FewEvents | None:
    """Describe a group in which almost everybody has the same value; None if not.

    Parameters
    ----------
    values, others : float64 array, shape (n,)
        The group, and the one it is compared with.
    size : float, optional
        Customers the group counts for, if not one for each value.

    Examples
    --------
    >>> found = few_events(np.r_[np.zeros(99), 30.0], np.array([0.0, 10, 50, 90]))
    >>> found.common, found.n_events, found.rise, found.fall
    (0.0, 1, 50.0, 0.0)
    >>> few_events(np.arange(9.0), np.zeros(4)) is None
    True
    """
    if _many_differ(values[:SOME]):
        return None
    middle = values.size // 2
    common = float(np.partition(values, middle)[middle])
    # What differs by rounding alone is no event, in the other group neither.
    largest = max(float(np.abs(values).max()), float(np.abs(others).max()))
    own = values - common
    own = own[np.abs(own) > ROUNDING * largest]
    if own.size > FEW_EVENTS or 2 * own.size >= values.size:
        return None
    theirs = others - common
    theirs = theirs[np.abs(theirs) > ROUNDING * largest]
    shares, steps = [], []
    for sign in (1.0, -1.0):
        beyond = [sign * gaps[sign * gaps > 0.0] for gaps in (own, theirs)]
        steps.append(max((float(b.mean()) for b in beyond if b.size), default=0.0))
        shares.append(ExactShare(beyond[0].size / values.size, size or values.size))
    return FewEvents(*shares, *steps, common, own.size)


def _many_differ(some: NDArray[np.float64]) -> bool:
    """Say whether more than a few differ whichever value is the common one."""
    ordered = np.sort(some)
    step = ROUNDING * float(np.abs(ordered[[0, -1]]).max())
    edges = np.flatnonzero(np.diff(ordered, prepend=-np.inf, append=np.inf) > step)
    return ordered.size - int(np.diff(edges).max()) > FEW_EVENTS
