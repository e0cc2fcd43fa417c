"""How good a recovery must be before the customer is as loyal as one never failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.groups import (
    GROUP_COLUMN,
    check_outcome,
    customer_clusters,
    observed_levels,
    read_outcome,
    require_column,
    rows_of_policy,
)
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.quality_curves import (
    GapCurve,
    find_compatible,
    find_roots,
    fit_gap,
    measure_fit,
)
from recovery_research.analysis.verdicts import critical_value
from recovery_research.results import Result

SHAPES = ("spline", "linear", "quadratic")
NAMES = {"spline": "spline", "linear": "straight line", "quadratic": "parabola"}
# A curve that fits is said not to in one file of twenty.
POOR_FIT = 0.05


@dataclass(frozen=True, slots=True)
class ParityPoint(Result):
    """The quality of recovery at which the outcome reaches that of the never failed.

    Attributes
    ----------
    outcome, quality, policy, shape : str
        What was set against what, and the curve fitted.
    estimate, std_error : float
        Quality at parity, in the unit of `quality`; NaN if the curve does not rise to
        parity within the range observed. The error is the delta method's.
    ci_low, ci_high, confidence : float
        Limits by inversion (as Fieller's, for a straight line); NaN where the data do
        not bound it within the range observed, and `note` says on which side.
    slope, slope_low, slope_high : float
        Rise of the outcome per unit of quality at the estimate (linear: everywhere).
    mean_control : float
        Mean outcome of the never failed.
    quality_low, quality_high : float
        Range of quality observed.
    n_treated, n_control, n_missing : int
        Failed and never-failed customers (rows) used, and left out.
    p_value_fit : float
        Of a test that the curve fits, against one that bends more; NaN if it follows
        every value of quality already.
    note : str
        What could not be done; empty otherwise.
    """

    outcome: str
    quality: str
    policy: str | None
    shape: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    slope: float
    slope_low: float
    slope_high: float
    mean_control: float
    quality_low: float
    quality_high: float
    n_treated: int
    n_control: int
    n_missing: int
    p_value_fit: float
    note: str

    def __str__(self) -> str:
        if math.isnan(self.estimate):
            return f"{self.outcome}: no parity with the never failed ({self.note})"
        return (
            f"{self.outcome}: parity at {self.quality} = {self.estimate:.4g} "
            f"({self.confidence:.0%} CI {self.ci_low:.4g} to {self.ci_high:.4g})"
        )


def find_parity(
    customers: pd.DataFrame,
    *,
    outcome: str,
    quality: str,
    among: Sequence[str] = ("recovered", "not_recovered"),
    control: str = "no_failure",
    policy: str | None = None,
    shape: str = "spline",
    confidence: float = 0.95,
) -> ParityPoint:
    """Find how good a recovery must be for the outcome of a customer never failed.

    Parameters
    ----------
    customers : DataFrame
        One row per policy and customer, with `index_outcome`.
    outcome : str
        A numeric or yes/no column.
    quality : str
        A numeric column that says how good the recovery was: compensation as a share
        of the loss, satisfaction with the recovery, days saved. More must be better.
    among : sequence of str, optional
        Groups of failed customers whose quality is known.
    control, policy, confidence
        As in `paradox.paradox`.
    shape : {"spline", "linear", "quadratic"}, optional
        The curve fitted to outcome against quality: a natural cubic spline with three
        knots to twelve, the more customers the more (a knot at each value where there
        are few), a straight line or a parabola. `note` says where it does not fit.

    Returns
    -------
    ParityPoint

    Raises
    ------
    ValueError
        If a column, policy or group is not there, quality does not vary enough for
        the shape, or too few customers are left.

    Notes
    -----
    The limits are the qualities at which a test of "outcome equals that of the never
    failed" just does not reject (errors by leaving out one customer, HC3, and t limits
    with Satterthwaite's degrees of freedom), found as roots within the range observed.
    The fit is tested against a spline with about twice as many knots. Beyond that range
    nothing is claimed. Where quality was chosen by the firm, or by how angry the
    customer was, the curve describes and does not promise. Where some customers have
    several rows, errors are clustered by `customer`.

    References
    ----------
    Fieller, E. C. (1954). Some problems in interval estimation. JRSS B 16, 175-185.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> paid = rng.uniform(0, 1.5, 400)
    >>> customers = pd.DataFrame({
    ...     "index_outcome": np.repeat(["recovered", "no_failure"], [400, 600]),
    ...     "paid": np.r_[paid, np.full(600, np.nan)],
    ...     "spend": np.r_[60 + 50 * paid, np.full(600, 100.0)]
    ...     + rng.normal(0, 5, 1000)})
    >>> point = find_parity(customers, outcome="spend", quality="paid")
    >>> bool(point.ci_low < 0.8 < point.ci_high)
    True
    """
    check_level(confidence)
    if shape not in SHAPES:
        raise ValueError(f"unknown shape {shape!r}; use one of {list(SHAPES)}.")
    data = _read(customers, outcome, quality, (tuple(among), control), policy)
    level, reached = data.level, data.reached
    curve = fit_gap(level, reached, data.control, shape=shape, clusters=data.clusters)
    estimate, notes = _crossing(curve)
    limits, doubts = _limits(curve, find_compatible(curve, confidence))
    at = estimate if math.isfinite(estimate) else float(level.mean())
    slope, slope_error = curve.slope_at(at)
    reach = slope_error * critical_value(confidence, curve.freedom)
    error = math.nan
    if math.isfinite(estimate) and slope != 0.0:
        error = curve.at(estimate)[1] / abs(slope)
    fits = measure_fit(curve, level, reached, data.clusters)
    return ParityPoint(
        outcome=outcome,
        quality=quality,
        policy=policy,
        shape=shape,
        estimate=estimate,
        std_error=error,
        ci_low=limits[0],
        ci_high=limits[1],
        confidence=confidence,
        slope=slope,
        slope_low=slope - reach,
        slope_high=slope + reach,
        mean_control=curve.control,
        quality_low=curve.basis.low,
        quality_high=curve.basis.high,
        n_treated=level.size,
        n_control=data.n_control,
        n_missing=data.n_missing,
        p_value_fit=fits,
        note="; ".join([*notes, *doubts, *_doubt_fit(shape, fits, curve)]),
    )


def _doubt_fit(shape: str, p_value: float, curve: GapCurve) -> list[str]:
    notes = []
    if p_value < POOR_FIT:
        instead = "" if shape == "spline" else "; take shape='spline'"
        notes.append(
            f"the {NAMES[shape]} does not fit (p = {p_value:.2g}): parity and its "
            f"limits may lie elsewhere{instead}"
        )
    if curve.fit.n_deciding:
        notes.append(
            f"{curve.fit.n_deciding} customers alone decide a part of the curve, and "
            "the errors know nothing of them"
        )
    return notes


@dataclass(frozen=True, slots=True)
class _Read:
    """Quality and outcome of the failed, and the mean of the never failed."""

    level: NDArray[np.float64]
    reached: NDArray[np.float64]
    clusters: NDArray[np.int64] | None
    control: tuple[float, float, float]
    n_control: int
    n_missing: int


def _read(
    customers: pd.DataFrame,
    outcome: str,
    quality: str,
    groups: tuple[tuple[str, ...], str],
    policy: str | None,
) -> _Read:
    check_outcome(customers, outcome)
    check_outcome(customers, quality)
    require_column(customers, GROUP_COLUMN)
    rows = rows_of_policy(customers, policy)
    labels = customers[GROUP_COLUMN].to_numpy()
    used = [name for name in (outcome, quality, "customer") if name in customers]
    failed = customers.loc[rows & np.isin(labels, groups[0]), used]
    level, reached = (read_outcome(failed[name]) for name in (quality, outcome))
    known = ~(np.isnan(level) | np.isnan(reached))
    calm = customers.loc[rows & (labels == groups[1]), used]
    never = read_outcome(calm[outcome])
    there = ~np.isnan(never)
    n_missing = int((~known).sum() + (~there).sum())
    level, reached, never = level[known], reached[known], never[there]
    distinct = np.unique(level).size
    if distinct < 3 or level.size < 8 or never.size < 2:
        raise ValueError(
            f"{level.size} failed customers of {list(groups[0])} with {distinct} "
            f"different values of {quality!r}, {never.size} of {groups[1]!r}: too few "
            "for a curve (8 with 3 values, and 2). The table holds "
            f"{observed_levels(customers[GROUP_COLUMN])}."
        )
    if reached.min() == reached.max() and never.min() == never.max():
        raise ValueError(f"{outcome!r} does not vary: there is no curve to find.")
    return _Read(
        level,
        reached,
        customer_clusters(failed[known]),
        _mean(never, customer_clusters(calm[there])),
        never.size,
        n_missing,
    )


def _mean(
    values: NDArray[np.float64], clusters: NDArray[np.int64] | None
) -> tuple[float, float, float]:
    """Return a mean, its standard error (by customer) and its degrees of freedom."""
    rest = values - values.mean()
    if clusters is not None:
        rest = np.bincount(clusters, weights=rest)
    free = max(rest.size - 1, 1)
    error = math.sqrt(float(rest @ rest) * rest.size / free) / values.size
    return float(values.mean()), error, float(free)


def _crossing(curve: GapCurve) -> tuple[float, list[str]]:
    """Find the lowest quality at which the curve rises through (or to) parity."""
    points = curve.points()
    low, high = points[0], points[-1]
    gap = curve.along(points)[0]
    roots = find_roots(lambda q: curve.along(q)[0], points)
    step = 1e-6 * (high - low)
    below = [q == low or curve.at(q - step)[0] < 0.0 for q in roots]
    rising = [q for q, is_below in zip(roots, below, strict=True) if is_below]
    notes = []
    if len(roots) > 1 and not np.all(gap == 0.0):
        places = ", ".join(f"{q:.4g}" for q in roots)
        notes.append(f"the curve meets parity {len(roots)} times, at {places}")
    if np.all(gap == 0.0):
        return math.nan, ["the curve is at parity at every quality observed"]
    if rising:
        return rising[0], notes
    if roots:
        notes.append(
            f"the curve falls through parity at {roots[0]:.4g}: there more quality "
            "goes with less"
        )
    elif gap[0] > 0.0:
        notes.append(
            f"the curve is at or above parity already at the lowest quality, {low:g}"
        )
    else:
        notes.append(
            f"the curve does not reach parity by the highest quality, {high:g}"
        )
    return math.nan, notes


def _limits(
    curve: GapCurve, stretches: list[tuple[float, float]]
) -> tuple[tuple[float, float], list[str]]:
    """Return the outer limits, NaN where the range ends first, and say so."""
    if not stretches:
        return (math.nan, math.nan), ["no quality observed is compatible with parity"]
    low, high = stretches[0][0], stretches[-1][1]
    notes = []
    # A limit at the very end of the range is one only if parity itself is there.
    gap, error, _ = curve.along(np.array([curve.basis.low, curve.basis.high]))
    exact = (gap == 0.0) & (error == 0.0)
    if low == curve.basis.low and not exact[0]:
        low = math.nan
        notes.append("not bounded below within the range observed")
    if high == curve.basis.high and not exact[1]:
        high = math.nan
        notes.append("not bounded above within the range observed")
    if len(stretches) > 1:
        parts = " and ".join(f"{a:.4g} to {b:.4g}" for a, b in stretches)
        notes.append(
            f"the compatible qualities are {parts}; the outer limits are given"
        )
    return (low, high), notes
