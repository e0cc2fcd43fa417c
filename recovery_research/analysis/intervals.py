"""How sure a difference is: confidence intervals."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.bootstrap import (
    BootstrapT,
    bootstrap_difference,
    bootstrap_t,
    skewness_of_estimate,
    welch_freedom,
)
from recovery_research.analysis.rounding import difference_of_averages
from recovery_research.analysis.small_samples import (
    NEARLY_CONSTANT,
    ExactShare,
    StudentMean,
    few_events,
    note_on_borrowed_shape,
    note_on_skewness,
    why_no_interval,
)
from recovery_research.analysis.verdicts import (
    Curve,
    HybridCurve,
    Margin,
    ScoreCurve,
    StudentCurve,
    WidestCurve,
)
from recovery_research.results import Result


@dataclass(frozen=True, slots=True)
class Laws:
    """What is known of the error of a comparison of two means; one or both of two.

    Attributes
    ----------
    resampled : BootstrapT or None
        The resampled t; None where the larger group hardly varies and has no shape to
        lend.
    margins : (Margin, Margin) or None
        Each group's own, where nearly everybody of a group has the same value.
    note : str
        What is doubtful; empty otherwise.
    """

    resampled: BootstrapT | None
    margins: tuple[Margin, Margin] | None
    note: str


def find_laws(
    treated: NDArray[np.float64], control: NDArray[np.float64], covariance: float = 0.0
) -> Laws:
    """Resample t, and find exact margins if hardly anybody of a group differs.

    Examples
    --------
    >>> laws = find_laws(np.zeros(20), np.r_[np.zeros(90), np.arange(10.0)])
    >>> laws.resampled is None, laws.margins is None
    (False, False)
    """
    pair = (treated, control)
    rare = (few_events(treated, control), few_events(control, treated))
    largest = max(values.size for values in pair)
    lenders = [few for few, v in zip(rare, pair, strict=True) if v.size == largest]
    resampled = None
    if None in lenders:
        resampled = bootstrap_t(treated, control, covariance)
    shapes = "alike" if resampled is None else resampled.shapes
    note = note_on_borrowed_shape(shapes, (treated.size, control.size), rare)
    if rare == (None, None):
        return Laws(resampled, None, note)
    margins = [
        StudentMean(math.sqrt(values.var(ddof=1) / values.size), values.size - 1)
        if few is None
        else few
        for few, values in zip(rare, pair, strict=True)
    ]
    return Laws(resampled, (margins[0], margins[1]), note)


METHODS_FOR_MEANS = ("welch", "bootstrap_t", "bca")
METHODS_FOR_SHARES = ("newcombe", "clopper_pearson")


@dataclass(frozen=True, slots=True)
class Interval(Result):
    """A difference with its confidence interval.

    Attributes
    ----------
    method : str
        ``"welch"``, ``"bootstrap_t"``, ``"bca"``, ``"newcombe"``,
        ``"clopper_pearson"`` or ``"paired_t"``.
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
        # Bounds are included, and a limit may rest on one however sure one wants to be.
        below, above = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)
        return max(self.curve.tail(below), 1.0 - self.curve.tail(above))

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
    covariance: float = 0.0,
) -> Interval:
    """Compare two means without assuming equal spreads.

    Parameters
    ----------
    treated, control : float64 array, shape (n,)
        Finite values, at least one in each group.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.
    method : {"welch", "bootstrap_t", "bca"}, optional
        t interval with Welch's degrees of freedom; the same t with its law resampled,
        a small group's from the larger one's shape (see `bootstrap`), and with exact
        margins where nearly everybody of a group has the same value (see
        `small_samples`); or the bias-corrected and accelerated bootstrap (see
        `bootstrap`).
    covariance : float, optional
        Of the two means, if some customers stand in both groups (not for BCa).

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
    check_choice(method, METHODS_FOR_MEANS)
    estimate = difference_of_averages(treated, control)
    sizes = (treated.size, control.size)
    missing = why_no_interval(treated, control, covariance)
    if missing:
        return without_interval(method, estimate, sizes, confidence, missing)
    parts = [values.var(ddof=1) / values.size for values in (treated, control)]
    std_error = math.sqrt(sum(parts) - 2.0 * covariance)
    skewness = skewness_of_estimate(treated, control)
    note = note_on_skewness(skewness, min(sizes))
    if few_events(treated, control) or few_events(control, treated):
        note = NEARLY_CONSTANT
    curve: Curve
    if method == "welch":
        curve = StudentCurve(estimate, std_error, welch_freedom(parts, sizes))
    elif method == "bca":
        curve = bootstrap_difference(treated, control)
    else:
        curve, note = _resample(treated, control, estimate, covariance)
    return with_limits(method, curve, std_error, sizes, confidence, note)


def _resample(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    estimate: float,
    covariance: float,
) -> tuple[Curve, str]:
    laws = find_laws(treated, control, covariance)
    curves: list[Curve] = []
    if laws.resampled is not None:
        curves.append(replace(laws.resampled, estimate=estimate))
    if laws.margins is not None:
        curves.append(HybridCurve(estimate, *laws.margins))
    return (curves[0] if len(curves) == 1 else WidestCurve(tuple(curves))), laws.note


def difference_of_proportions(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    method: str = "newcombe",
    worth: tuple[float, float] | None = None,
) -> Interval:
    """Compare two shares of yes by Newcombe's hybrid of two intervals.

    Parameters
    ----------
    treated, control : float64 array, shape (n,)
        Zeros and ones, at least one value in each group.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.
    method : {"newcombe", "clopper_pearson"}, optional
        Whose limits of each share are combined: Wilson's score limits, as Newcombe
        did, or Clopper's and Pearson's exact ones. With few yes (or few no) in the
        smaller group the first leave out zero, on the side of more yes, in up to 15 %
        of samples without a difference; the second in 2.5 % at most.
    worth : (float, float), optional
        How many independent customers each group is worth, where some have several
        rows.

    Returns
    -------
    Interval
        `std_error` is the ordinary one and is 0 when both groups agree within
        themselves; the limits do not rest on it.

    Notes
    -----
    The limits by ``newcombe`` are those of ``statsmodels.stats.proportion``'s
    ``confint_proportions_2indep(method="newcomb")``, which the tests compare.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between
    independent proportions. Statistics in Medicine 17, 873-890, method 10.

    Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
    measures: a general approach. Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> yes, no = np.ones(5), np.zeros(10)
    >>> difference = difference_of_proportions(np.r_[yes, no], np.r_[yes, no, no])
    >>> round(difference.estimate, 3), difference.ci_low < 0 < difference.ci_high
    (0.133, True)
    """
    check_level(confidence)
    check_choice(method, METHODS_FOR_SHARES)
    shares = (float(treated.mean()), float(control.mean()))
    sizes = (treated.size, control.size)
    worth = sizes if worth is None else worth
    spread = [p * (1.0 - p) / n for p, n in zip(shares, worth, strict=True)]
    curve: Curve = ScoreCurve(*shares, *worth)
    if method == "clopper_pearson":
        exact = (ExactShare(p, n) for p, n in zip(shares, worth, strict=True))
        curve = HybridCurve(shares[0] - shares[1], *exact)
    return with_limits(method, curve, math.sqrt(sum(spread)), sizes, confidence, "")


def with_limits(
    method: str,
    curve: Curve,
    std_error: float,
    sizes: tuple[int, int],
    confidence: float,
    note: str,
) -> Interval:
    """Read limits and p-value off a curve."""
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


def check_level(confidence: float) -> None:
    """Raise unless a confidence level lies strictly between 0 and 1."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(
            f"confidence is a share strictly between 0 and 1; got {confidence!r}. "
            "For a 95 % interval write 0.95."
        )


def check_choice(method: str, allowed: tuple[str, ...]) -> None:
    """Raise unless a method is one of those allowed."""
    if method not in allowed:
        raise ValueError(f"unknown method {method!r}; use one of {list(allowed)}.")
