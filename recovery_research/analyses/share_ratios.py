"""How sure a ratio of two shares is: Miettinen and Nurminen's score limits."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq
from scipy.special import ndtri

from recovery_research.analyses.intervals import check_level

# In logarithms of the ratio; beyond 1e260 a ratio is none.
FARTHEST = 600.0


def ratio_limits(
    treated: tuple[float, float], control: tuple[float, float], confidence: float
) -> tuple[float, float]:
    """Return score limits of a ratio of two shares (Miettinen and Nurminen).

    Parameters
    ----------
    treated, control : (float, float)
        How many said yes, and of how many; the ratio is the treated's share over the
        control's. Effective numbers need not be whole.
    confidence : float
        Level of the interval, strictly between 0 and 1.

    Returns
    -------
    low, high : float
        `low` is 0 where nobody of the treated said yes; `high` is infinite where
        nobody of the control did: then no ratio is too large for the data.

    Raises
    ------
    ValueError
        If there are not between none and all who said yes, or nobody was asked.

    Notes
    -----
    A ratio r belongs to the interval if the score statistic

        (p1 - r p0) / sqrt((q1 (1 - q1) / n1 + r^2 q0 (1 - q0) / n0) N / (N - 1))

    lies within the normal quantiles, where p are the shares seen, q those most likely
    if the ratio were r, and N all customers of both. It falls in r, so that each limit
    is its one crossing of a quantile.

    References
    ----------
    Miettinen, O. and Nurminen, M. (1985). Comparative analysis of two rates.
    Statistics in Medicine 4, 213-226.

    Examples
    --------
    >>> low, high = ratio_limits((48, 60), (60, 60), 0.95)
    >>> round(low, 4), round(high, 4)
    (0.6816, 0.882)
    >>> ratio_limits((0, 5), (0, 9), 0.95)
    (0.0, inf)
    """
    check_level(confidence)
    for yes, size in (treated, control):
        if not (size > 0.0 and 0.0 <= yes <= size and math.isfinite(size)):
            raise ValueError(
                f"a share is (yes, all) with 0 <= yes <= all and all above 0; got "
                f"({yes!r}, {size!r})."
            )
    z = float(ndtri(0.5 + confidence / 2.0))
    low, high = 0.0, math.inf
    if treated[0] > 0.0:
        low = _crossing(lambda s: score_of_ratio(math.exp(s), treated, control) - z, -1)
    if control[0] > 0.0:
        high = _crossing(lambda s: score_of_ratio(math.exp(s), treated, control) + z, 1)
    return low, high


def score_of_ratio(
    ratio: float, treated: tuple[float, float], control: tuple[float, float]
) -> float:
    """Return the score statistic of a ratio; infinite where no error is left."""
    (x1, n1), (x0, n0) = treated, control
    n = n1 + n0
    # The shares most likely under the ratio solve a quadratic; this form of its
    # smaller root loses no digits where one of the shares is 0 or 1.
    b = ratio * (n1 + x0) + x1 + n0
    inner = max(0.0, b * b - 4.0 * n * ratio * (x1 + x0))
    q0 = min(2.0 * (x1 + x0) / (b + math.sqrt(inner)), 1.0, 1.0 / ratio)
    q1 = min(ratio * q0, 1.0)
    # Fewer than two in all are no customers, but an effective number may be.
    correction = n / (n - 1.0) if n > 2.0 else 2.0
    variance = q1 * (1.0 - q1) / n1 + ratio**2 * q0 * (1.0 - q0) / n0
    gap = x1 / n1 - ratio * x0 / n0
    if variance <= 0.0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / math.sqrt(variance * correction)


def _crossing(falling: Callable[[float], float], side: int) -> float:
    """Return the ratio at which a function of its logarithm crosses zero."""
    # On a limit's own side of the crossing the function has the sign of -side.
    inner, outer = 0.0, 0.0
    while side * falling(outer) > 0.0 and abs(outer) < FARTHEST:
        inner, outer = outer, 2.0 * outer + side
    step = 1.0
    while side * falling(inner) < 0.0 and abs(inner) < FARTHEST:
        outer, inner, step = inner, inner - side * step, 2.0 * step
    return math.exp(float(brentq(falling, inner, outer, xtol=1e-13, rtol=1e-14)))
