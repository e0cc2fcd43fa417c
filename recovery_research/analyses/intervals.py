"""How sure a difference is: confidence intervals from two columns of numbers."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.bootstrap import (
    bootstrap_difference,
    bootstrap_mean,
    skewness_of_estimate,
)
from recovery_research.analyses.curves import (
    Curve,
    PointCurve,
    ScoreCurve,
    StudentCurve,
)

# Measured (tests/test_interval_coverage.py): past 0.2 the intervals for a mean of
# skewed spend covered 83 to 93 % instead of 95 %, below it 93 % and more.
SKEWNESS_TO_MENTION = 0.2
FEW_CUSTOMERS = 30


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference with its confidence interval.

    Attributes
    ----------
    method : str
        ``"welch"``, ``"newcombe"``, ``"bca"`` or ``"paired_t"``.
    estimate : float
        Treated minus control, in the outcome's unit.
    std_error : float
        Standard error of the estimate.
    ci_low, ci_high : float
        Limits at `confidence`; NaN if the data allow none, and `note` says why.
    confidence : float
        Level of the interval, between 0 and 1.
    p_value : float
        Two-sided p-value of no difference. It agrees with the interval: below
        1 - confidence exactly when the interval leaves out zero.
    n_treated, n_control : int
        Values behind each mean (pairs, for a paired difference).
    note : str
        What the interval could not do, or where its coverage is known to fall
        short; empty if there is nothing to say.
    """

    method: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    p_value: float
    n_treated: int
    n_control: int
    note: str
    curve: Curve | None = None

    def equivalence_p_value(self, low: float, high: float) -> float:
        """Return the p-value of the two one-sided tests against the bounds.

        Small values say that the difference lies between `low` and `high`. It is
        below (1 - confidence) / 2 exactly when the interval lies between them.
        """
        if self.curve is None:
            return math.nan
        if self.ci_low == self.ci_high:
            return 0.0 if low <= self.estimate <= high else 1.0
        return max(self.curve.tail(low), 1.0 - self.curve.tail(high))

    def to_frame(self) -> pd.DataFrame:
        """Return the interval as one row, one column per field."""
        row = asdict(replace(self, curve=None))
        del row["curve"]
        return pd.DataFrame([row])


def difference_of_means(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    method: str = "welch",
) -> Interval:
    """Compare two means without assuming equal spreads (Welch, or BCa bootstrap).

    Parameters
    ----------
    treated, control : float64 array, shape (n,)
        Finite values, at least one in each group.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.
    method : {"welch", "bca"}, optional
        t interval with Welch's degrees of freedom, or the bias-corrected and
        accelerated bootstrap (computed, not drawn: see `bootstrap`).

    Returns
    -------
    Interval
        Without limits, and a note, if a group has one customer or nothing varies.

    References
    ----------
    Welch, B. L. (1947). The generalization of "Student's" problem when several
    different population variances are involved. Biometrika 34, 28-35.

    Examples
    --------
    >>> difference = difference_of_means(np.array([2.0, 4, 6]), np.array([1.0, 2, 3]))
    >>> round(difference.estimate, 3), round(difference.ci_low, 3)
    (2.0, -2.155)
    """
    check_level(confidence)
    _check_choice(method, ("welch", "bca"))
    estimate = float(treated.mean() - control.mean())
    sizes = (treated.size, control.size)
    missing = _why_no_interval(treated, control)
    if missing:
        return without_interval(method, estimate, sizes, confidence, missing)
    parts = [values.var(ddof=1) / values.size for values in (treated, control)]
    std_error = math.sqrt(sum(parts))
    curve: Curve
    if method == "welch":
        freedom = sum(parts) ** 2 / sum(
            part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True)
        )
        curve = StudentCurve(estimate, std_error, freedom)
    else:
        curve = bootstrap_difference(treated, control)
    note = _coverage_note(skewness_of_estimate(treated, control), min(sizes))
    return _with_limits(method, curve, std_error, sizes, confidence, note)


def difference_of_proportions(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    confidence: float = 0.95,
) -> Interval:
    """Compare two shares of yes by Newcombe's hybrid score interval.

    Parameters
    ----------
    treated, control : float64 array, shape (n,)
        Zeros and ones, at least one value in each group.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.

    Returns
    -------
    Interval
        `std_error` is the ordinary one and is 0 when both groups agree within
        themselves; the limits do not rest on it.

    Notes
    -----
    The limits are those of ``statsmodels.stats.proportion``'s
    ``confint_proportions_2indep(method="newcomb")``, which the tests compare.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between
    independent proportions. Statistics in Medicine 17, 873-890, method 10.

    Examples
    --------
    >>> yes, no = np.ones(5), np.zeros(10)
    >>> difference = difference_of_proportions(np.r_[yes, no], np.r_[yes, no, no])
    >>> round(difference.estimate, 3), difference.ci_low < 0 < difference.ci_high
    (0.133, True)
    """
    check_level(confidence)
    shares = (float(treated.mean()), float(control.mean()))
    sizes = (treated.size, control.size)
    spread = [p * (1.0 - p) / n for p, n in zip(shares, sizes, strict=True)]
    curve = ScoreCurve(*shares, *sizes)
    std_error = math.sqrt(sum(spread))
    return _with_limits("newcombe", curve, std_error, sizes, confidence, "")


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
    _check_choice(method, ("paired_t", "bca"))
    if treated.shape != control.shape:
        raise ValueError(
            f"pairs need arrays of one length; got {treated.size} and {control.size}. "
            "For different customers use difference_of_means."
        )
    gaps = treated - control
    estimate = float(gaps.mean())
    sizes = (gaps.size, gaps.size)
    if gaps.size < 2:
        return without_interval(
            method, estimate, sizes, confidence, "one pair has no spread: no interval"
        )
    if not _varies(gaps, scale=float(np.abs(treated).max())):
        return _same_for_all(method, estimate, sizes, confidence)
    std_error = float(gaps.std(ddof=1)) / math.sqrt(gaps.size)
    curve: Curve = bootstrap_mean(gaps)
    if method == "paired_t":
        curve = StudentCurve(estimate, std_error, gaps.size - 1)
    note = _coverage_note(skewness_of_estimate(gaps), gaps.size)
    return _with_limits(method, curve, std_error, sizes, confidence, note)


def _with_limits(
    method: str,
    curve: Curve,
    std_error: float,
    sizes: tuple[int, int],
    confidence: float,
    note: str,
) -> Interval:
    low, high = curve.limits(confidence)
    below = curve.tail(0.0)
    return Interval(
        method=method,
        estimate=curve.estimate,
        std_error=std_error,
        ci_low=low,
        ci_high=high,
        confidence=confidence,
        p_value=min(1.0, 2.0 * min(below, 1.0 - below)),
        n_treated=sizes[0],
        n_control=sizes[1],
        note=note,
        curve=curve,
    )


def without_interval(
    method: str, estimate: float, sizes: tuple[int, int], confidence: float, note: str
) -> Interval:
    """Give an estimate that has no interval, with the reason as its note."""
    nan = math.nan
    return Interval(method, estimate, nan, nan, nan, confidence, nan, *sizes, note)


def _same_for_all(
    method: str, estimate: float, sizes: tuple[int, int], confidence: float
) -> Interval:
    note = f"every pair differs by exactly {estimate:g}: the interval has no width"
    curve = PointCurve(estimate)
    certain = _with_limits(method, curve, 0.0, sizes, confidence, note)
    return replace(certain, p_value=1.0 if estimate == 0.0 else 0.0)


def _why_no_interval(treated: NDArray[np.float64], control: NDArray[np.float64]) -> str:
    if min(treated.size, control.size) < 2:
        return (
            f"a group of one customer has no spread ({treated.size} treated, "
            f"{control.size} control): no interval"
        )
    if not (_varies(treated) or _varies(control)):
        return (
            f"every treated customer has {treated[0]:g} and every control customer "
            f"{control[0]:g}: without variation there is no interval"
        )
    return ""


def _varies(values: NDArray[np.float64], scale: float = 0.0) -> bool:
    """Tell variation from rounding error, and from squares that vanish."""
    low, high = float(values.min()), float(values.max())
    return high - low > max(1e-12 * max(abs(low), abs(high), scale), 1e-60)


def _coverage_note(skewness: float, smallest: int) -> str:
    if abs(skewness) > SKEWNESS_TO_MENTION:
        return (
            f"skewed: the estimate's own skewness is {skewness:+.2f}, so the interval "
            "may cover less often than it says"
        )
    if smallest < FEW_CUSTOMERS:
        return (
            f"the smaller group has {smallest} customers: the interval leans on the "
            "outcome being roughly bell-shaped"
        )
    return ""


def check_level(confidence: float) -> None:
    """Raise unless a confidence level lies strictly between 0 and 1."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(
            f"confidence is a share strictly between 0 and 1; got {confidence!r}. "
            "For a 95 % interval write 0.95."
        )


def _check_choice(method: str, allowed: tuple[str, ...]) -> None:
    if method not in allowed:
        raise ValueError(f"unknown method {method!r}; use one of {list(allowed)}.")
