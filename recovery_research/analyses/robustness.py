"""How strong something unseen must be: robustness values and E-values."""

from __future__ import annotations

import math

from recovery_research.analyses.curves import critical_value


def robustness_value(
    statistic: float, freedom: float, *, confidence: float = 0.0
) -> float:
    """Give the confounding, as a share of variance, that undoes a t statistic.

    Parameters
    ----------
    statistic, freedom : float
        The coefficient's t statistic and residual degrees of freedom.
    confidence : float, optional
        0 for bringing the estimate to zero; a level for bringing the nearer limit of
        that interval to zero.

    Returns
    -------
    float
        Between 0 and 1.

    Notes
    -----
    In units of f = |t| / sqrt(freedom), something that explains the shares y of the
    outcome and d of the treatment takes the limit to zero if

        f sqrt(1 - d) = sqrt(y d) + c sqrt(1 - y),

    c being t(freedom - 1) / sqrt(freedom - 1), or 0 for the estimate itself. With
    y = d = RV this is RV = (sqrt(g^4 + 4 g^2) - g^2) / 2, g = f - c. But what explains
    more of the outcome also narrows the interval: if f c is above 1, the most harmful
    share y is not RV but d / (c^2 + d), less than it, and RV = (f^2 - c^2) / (1 + f^2).

    References
    ----------
    Cinelli, C. and Hazlett, C. (2020). Making sense of sensitivity. JRSS B 82, 39-67.
    The Python package PySensemakr has the same two cases.

    Examples
    --------
    >>> round(robustness_value(2.0, 100), 4)
    0.181
    """
    f = abs(statistic) / math.sqrt(freedom)
    critical = 0.0
    if confidence > 0.0:
        critical = critical_value(confidence, freedom - 1.0)
        critical /= math.sqrt(freedom - 1.0)
    if f <= critical:
        return 0.0
    if f * critical > 1.0:
        scale = math.hypot(1.0, f)
        return (f - critical) / scale * ((f + critical) / scale)
    # The formula of the notes, multiplied out: as it stands there, it subtracts two
    # numbers that are nearly equal if f is large.
    return 2.0 / (1.0 + math.hypot(1.0, 2.0 / (f - critical)))


def e_value(ratio: float) -> float:
    """Give the risk ratio an unseen cause must have with both to explain a ratio.

    Examples
    --------
    >>> round(e_value(3.9), 2)
    7.26
    """
    if not ratio > 0.0:
        raise ValueError(f"a risk ratio is above 0; got {ratio!r}.")
    above = max(ratio, 1.0 / ratio)
    return above + math.sqrt(above * (above - 1.0))
