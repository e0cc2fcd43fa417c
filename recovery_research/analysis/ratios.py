"""How many times as much: ratios of two means, and of two shares."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from recovery_research.analysis.balance import tell_unlike
from recovery_research.analysis.bootstrap import skewness_of_estimate, welch_freedom
from recovery_research.analysis.contrasts import choose_method
from recovery_research.analysis.groups import TwoGroups, gather_rows, select_groups
from recovery_research.analysis.intervals import check_level, find_laws
from recovery_research.analysis.rounding import varies
from recovery_research.analysis.small_samples import note_on_skewness
from recovery_research.analysis.verdicts import critical_value
from recovery_research.results import Result


@dataclass(frozen=True, slots=True)
class RatioEstimate(Result):
    """One group's mean as a multiple of another's.

    Attributes
    ----------
    outcome : str
        The column compared.
    policy : str or None
        Whose customers.
    treated, control : str
        The two groups of `index_outcome`.
    estimate : float
        Mean of treated divided by mean of control; 1.06 is six per cent more.
    std_error : float
        By the delta method, for orientation; the limits do not rest on it.
    ci_low, ci_high, confidence : float
        Fieller's limits; NaN if there are none (see `note`).
    n_treated, n_control : int
        Customers with a known outcome (rows, where customers have several).
    mean_treated, mean_control : float
        The two means.
    n_missing : int
        Customers of the two groups whose outcome is unknown, left out.
    note : str
        What could not be done or is doubtful; empty otherwise.
    """

    outcome: str
    policy: str | None
    treated: str
    control: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    n_treated: int
    n_control: int
    mean_treated: float
    mean_control: float
    n_missing: int
    note: str

    def __str__(self) -> str:
        head = (
            f"{self.outcome}: {self.treated} over {self.control} = {self.estimate:.4g}"
        )
        if math.isnan(self.ci_low):
            return f"{head} (no interval: {self.note})"
        return (
            f"{head} ({self.confidence:.0%} CI {self.ci_low:.4g} to {self.ci_high:.4g})"
        )


def paradox_ratio(
    customers: pd.DataFrame,
    *,
    outcome: str,
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    confidence: float = 0.95,
) -> RatioEstimate:
    """Compare two groups' mean amounts as a ratio, the way "106 to 100" is quoted.

    Parameters
    ----------
    customers, policy, treated, control, confidence
        As in `paradox.paradox`.
    outcome : str
        A column of amounts or counts, nowhere negative; for shares of yes the
        difference is what `paradox` gives.

    Returns
    -------
    RatioEstimate

    Raises
    ------
    ValueError
        As `paradox.paradox`; also if the outcome is negative somewhere or yes/no.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 3 + ["no_failure"] * 3,
    ...     "spend": [22.0, 24.0, 26.0, 18.0, 20.0, 22.0]})
    >>> print(paradox_ratio(customers, outcome="spend"))
    spend: recovered over no_failure = 1.2 (95% CI 0.9734 to 1.492)
    """
    check_level(confidence)
    groups = select_groups(
        customers, outcome=outcome, policy=policy, treated=treated, control=control
    )
    if groups.yes_no and groups.treated.size and groups.control.size:
        raise ValueError(f"{outcome!r} is yes/no; compare shares with paradox.")
    if min(groups.treated.min(initial=0.0), groups.control.min(initial=0.0)) < 0.0:
        raise ValueError(
            f"{outcome!r} is negative somewhere, so a ratio of means says nothing; "
            "use paradox for the difference."
        )
    gathered = gather_rows(groups)
    ratio, std_error, low, high, note = ratio_of_means(
        gathered.treated,
        gathered.control,
        confidence=confidence,
        covariance=gathered.covariance,
    )
    unlike = tell_unlike(customers, policy=policy, treated=treated, control=control)
    means = [v.mean() if v.size else math.nan for v in (groups.treated, groups.control)]
    return RatioEstimate(
        outcome=outcome,
        policy=policy,
        treated=treated,
        control=control,
        estimate=ratio,
        std_error=std_error,
        # Amounts are never negative, so neither is their ratio.
        ci_low=low if math.isnan(low) else max(low, 0.0),
        ci_high=high,
        confidence=confidence,
        n_treated=groups.treated.size,
        n_control=groups.control.size,
        mean_treated=float(means[0]),
        mean_control=float(means[1]),
        n_missing=groups.n_missing,
        note="; ".join(part for part in (gathered.note, note, unlike) if part),
    )


def ratio_of_means(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    covariance: float = 0.0,
) -> tuple[float, float, float, float, str]:
    """Divide two means, with Fieller's limits for unequal variances.

    Parameters
    ----------
    treated, control : float64 array, shape (n,)
        Finite values.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.
    covariance : float, optional
        Of the two means, if some customers stand in both groups.

    Returns
    -------
    estimate, std_error, ci_low, ci_high : float
        NaN where they cannot be had.
    note : str
        Why not, or what is doubtful; empty otherwise.

    Notes
    -----
    Fieller's limits are the ratios r that a test of mean(treated) - r * mean(control)
    = 0 does not reject. The test is `paradox`'s: Welch's t with the degrees of freedom
    taken at the estimate, or the same t with resampled quantiles where one group is
    small and outcomes are skewed (see `bootstrap`), and exact margins where nearly
    everybody of a group has the same value. The delta method's limits are always
    finite, also where the control mean cannot be told from zero and the truth can be
    any multiple; Fieller's are then unbounded and the note says so. That is why they
    were chosen.

    References
    ----------
    Fieller, E. C. (1954). Some problems in interval estimation. JRSS B 16, 175-185.

    Examples
    --------
    >>> found = ratio_of_means(np.array([22.0, 24, 26]), np.array([18.0, 20, 22]))
    >>> [round(value, 3) for value in found[:4]]
    [1.2, 0.09, 0.973, 1.492]
    """
    nan = math.nan
    if min(treated.size, control.size) == 0:
        return nan, nan, nan, nan, "no known outcome in a group"
    top, bottom = float(treated.mean()), float(control.mean())
    if bottom == 0.0:
        return nan, nan, nan, nan, "the control mean is zero: nothing to divide by"
    ratio = top / bottom
    if min(treated.size, control.size) < 2:
        return ratio, nan, nan, nan, "a group of one customer has no spread"
    if not (varies(treated) or varies(control)):
        return ratio, nan, nan, nan, "nothing varies in either group"
    # In units in which the two means are alike, or the control's is the larger: the
    # spread that a treated group of few lacks is lent by the control.
    unit = max(ratio, 1.0)
    scaled = _Pair(treated, unit * control, unit * covariance)
    parts = scaled.parts()
    share = ratio / unit
    error = parts[0] + share**2 * parts[1] - 2.0 * share * scaled.covariance
    std_error = math.sqrt(max(error, 0.0)) / abs(bottom)
    low, high, note = _invert(scaled, parts, share, confidence)
    if not math.isfinite(low + high):
        return (
            ratio, std_error, nan, nan,
            "the control mean cannot be told from zero: the ratio has no upper limit",
        )  # fmt: skip
    return ratio, std_error, unit * low, unit * high, note


class _Pair(NamedTuple):
    treated: NDArray[np.float64]
    control: NDArray[np.float64]
    covariance: float

    def parts(self) -> list[float]:
        """Return the squared errors of the two means."""
        return [float(v.var(ddof=1)) / v.size for v in (self.treated, self.control)]


def _invert(
    pair: _Pair, parts: list[float], ratio: float, confidence: float
) -> tuple[float, float, str]:
    """Find the ratios that the test of the two groups does not reject."""
    means = (float(pair.treated.mean()), float(pair.control.mean()))
    groups = TwoGroups(pair.treated, pair.control, 0)
    sizes = (pair.treated.size, pair.control.size)
    if choose_method(groups) == "welch":
        shares = [parts[0], ratio**2 * parts[1]]
        t = critical_value(confidence, welch_freedom(shares, sizes))
        low, high = _fieller(means, parts, (-t, t), pair.covariance)
        skewness = skewness_of_estimate(pair.treated, ratio * pair.control)
        return low, high, note_on_skewness(skewness, min(sizes))
    laws = find_laws(*pair)
    limits = []
    if laws.resampled is not None:
        reaches = laws.resampled.reaches(confidence)
        found = _fieller(means, parts, reaches, pair.covariance)
        if not math.isfinite(sum(found)):
            t = critical_value(confidence, sizes[1] - 1)
            found = _fieller_apart(means, parts, reaches, (-t, t))
        limits.append(found)
    if laws.margins is not None:
        z = critical_value(confidence)
        own, other = (margin.reach(z) for margin in laws.margins)
        limits.append(
            (_root(means, own[0], other[1], -1.0), _root(means, own[1], other[0], 1.0))
        )
    lows, highs = zip(*limits, strict=True)
    return float(np.min(lows)), float(np.max(highs)), laws.note


def _fieller(
    means: tuple[float, float],
    parts: list[float],
    reaches: tuple[float, float],
    covariance: float,
) -> tuple[float, float]:
    """Solve for where t, falling in the ratio, is at each of its two quantiles."""
    own, other = (math.sqrt(part) for part in parts)
    low, high = (
        _root(means, abs(reach) * own, abs(reach) * other, side, reach**2 * covariance)
        for reach, side in ((reaches[1], -1.0), (reaches[0], 1.0))
    )
    return low, high


def _fieller_apart(
    means: tuple[float, float],
    parts: list[float],
    reaches: tuple[float, float],
    students: tuple[float, float],
) -> tuple[float, float]:
    """Solve with the quantiles of t for the whole error, and Student's for control.

    Where a small group's shape makes a quantile of t extreme, it is not the control's
    mean that is so uncertain.
    """
    whole, other = math.sqrt(sum(parts)), math.sqrt(parts[1])
    low, high = (
        _root(means, abs(reach) * whole, abs(student) * other, side)
        for reach, student, side in (
            (reaches[1], students[1], -1.0),
            (reaches[0], students[0], 1.0),
        )
    )
    return low, high


def _root(
    means: tuple[float, float],
    own: float,
    other: float,
    side: float,
    shared: float = 0.0,
) -> float:
    """Solve (top - r * bottom)^2 = own^2 - 2 r shared + r^2 other^2 on one side."""
    top, bottom = means
    square = bottom**2 - other**2
    if square <= 0.0:
        return math.nan
    cross = top * bottom - shared
    constant = top**2 - own**2
    reach = math.sqrt(max(cross**2 - square * constant, 0.0))
    return (cross + side * reach) / square


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
