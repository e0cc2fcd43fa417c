"""How good a recovery must be before the customer is as loyal as one never failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from recovery_research.analyses.groups import (
    GROUP_COLUMN,
    check_outcome,
    observed_levels,
    read_outcome,
    require_column,
    rows_of_policy,
)
from recovery_research.analyses.intervals import check_level

SHAPES = ("linear", "quadratic")
GRID = 400


@dataclass(frozen=True, slots=True)
class ParityPoint:
    """The quality of recovery at which the outcome reaches that of the never failed.

    Attributes
    ----------
    outcome, quality, policy, shape : str
        What was set against what, and the curve fitted.
    estimate, std_error : float
        Quality at parity, in the unit of `quality`; NaN if the curve does not rise to
        parity within the range observed. The error is the delta method's.
    ci_low, ci_high, confidence : float
        Limits by inversion (Fieller's, for a straight line); NaN where the data do
        not bound it within the range observed, and `note` says on which side.
    slope, slope_low, slope_high : float
        Rise of the outcome per unit of quality at the estimate (linear: everywhere).
    mean_control : float
        Mean outcome of the never failed.
    quality_low, quality_high : float
        Range of quality observed.
    n_treated, n_control, n_missing : int
        Failed and never-failed customers used, and left out.
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
    note: str

    def __str__(self) -> str:
        if math.isnan(self.estimate):
            return f"{self.outcome}: no parity with the never failed ({self.note})"
        return (
            f"{self.outcome}: parity at {self.quality} = {self.estimate:.4g} "
            f"({self.confidence:.0%} CI {self.ci_low:.4g} to {self.ci_high:.4g})"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the point as one row, one column per field."""
        return pd.DataFrame([asdict(self)])


@dataclass(frozen=True, slots=True)
class GapCurve:
    """Outcome of the failed, by quality, less the mean of the never failed.

    Attributes
    ----------
    beta : float64 array
        Intercept, slope and, if quadratic, curvature, in centred quality.
    covariance : float64 array
        Of beta (HC1).
    centre : float
        Quality at which the columns are zero.
    control, control_error : float
        Mean of the never failed and its standard error.
    freedom : float
        Degrees of freedom for t limits.
    """

    beta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    centre: float
    control: float
    control_error: float
    freedom: float

    def at(self, quality: float) -> tuple[float, float]:
        """Return the gap at a quality, and its standard error."""
        row = (quality - self.centre) ** np.arange(self.beta.size)
        variance = row @ self.covariance @ row + self.control_error**2
        return float(row @ self.beta) - self.control, math.sqrt(float(variance))

    def slope_at(self, quality: float) -> tuple[float, float]:
        """Return the slope at a quality, and its standard error."""
        moved = quality - self.centre
        row = np.array([0.0, 1.0, 2.0 * moved][: self.beta.size])
        return float(row @ self.beta), math.sqrt(float(row @ self.covariance @ row))


def find_parity(
    customers: pd.DataFrame,
    *,
    outcome: str,
    quality: str,
    among: Sequence[str] = ("recovered", "not_recovered"),
    control: str = "no_failure",
    policy: str | None = None,
    shape: str = "linear",
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
        As in `contrasts.paradox`.
    shape : {"linear", "quadratic"}, optional
        The curve fitted to outcome against quality.

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
    failed" just does not reject (robust errors, HC1), searched within the range
    observed. Beyond that range nothing is claimed. Where quality was chosen by the
    firm, or by how angry the customer was, the curve describes and does not promise.

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
    level, reached, never, n_missing = _read(
        customers, outcome, quality, (tuple(among), control), policy
    )
    curve = fit_gap(level, reached, never, degree=1 + SHAPES.index(shape))
    low, high = float(level.min()), float(level.max())
    estimate, note = _crossing(curve, low, high)
    limits, doubt = _limits(curve, low, high, confidence)
    slope, slope_error = curve.slope_at(
        estimate if math.isfinite(estimate) else curve.centre
    )
    reach = slope_error * float(stats.t.ppf(0.5 + confidence / 2.0, curve.freedom))
    error = math.nan
    if math.isfinite(estimate):
        error = curve.at(estimate)[1] / abs(slope)
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
        quality_low=low,
        quality_high=high,
        n_treated=level.size,
        n_control=never.size,
        n_missing=n_missing,
        note="; ".join(part for part in (note, doubt) if part),
    )


def fit_gap(
    quality: NDArray[np.float64],
    outcome: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    degree: int,
) -> GapCurve:
    """Fit the failed customers' outcome to quality by least squares (HC1 errors)."""
    centre = float(quality.mean())
    design = (quality - centre)[:, None] ** np.arange(degree + 1)
    beta, *_ = np.linalg.lstsq(design, outcome, rcond=None)
    rest = outcome - design @ beta
    bread = np.linalg.inv(design.T @ design)
    meat = (design * rest[:, None]).T @ (design * rest[:, None])
    freedom = quality.size - degree - 1
    covariance = bread @ meat @ bread * quality.size / freedom
    return GapCurve(
        beta=beta,
        covariance=covariance,
        centre=centre,
        control=float(control.mean()),
        control_error=float(control.std(ddof=1)) / math.sqrt(control.size),
        freedom=float(freedom),
    )


def _read(
    customers: pd.DataFrame,
    outcome: str,
    quality: str,
    groups: tuple[tuple[str, ...], str],
    policy: str | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]:
    check_outcome(customers, outcome)
    check_outcome(customers, quality)
    require_column(customers, GROUP_COLUMN)
    rows = rows_of_policy(customers, policy)
    labels = customers[GROUP_COLUMN].to_numpy()
    failed = customers[rows & np.isin(labels, groups[0])]
    level, reached = (read_outcome(failed[name]) for name in (quality, outcome))
    known = ~(np.isnan(level) | np.isnan(reached))
    never = read_outcome(customers.loc[rows & (labels == groups[1]), outcome])
    n_missing = int((~known).sum() + np.isnan(never).sum())
    level, reached, never = level[known], reached[known], never[~np.isnan(never)]
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
    return level, reached, never, n_missing


def _crossing(curve: GapCurve, low: float, high: float) -> tuple[float, str]:
    """Find the lowest quality at which the curve rises through parity."""
    grid = np.linspace(low, high, GRID)
    gaps = np.array([curve.at(q)[0] for q in grid])
    rising = np.flatnonzero((gaps[:-1] < 0.0) & (gaps[1:] >= 0.0))
    if rising.size:
        start = rising[0]
        root = brentq(lambda q: curve.at(q)[0], grid[start], grid[start + 1])
        return float(root), ""
    if gaps[0] >= 0.0:
        return math.nan, (
            f"the curve is at or above parity already at the lowest quality, {low:g}"
        )
    return math.nan, f"the curve does not reach parity by the highest quality, {high:g}"


def _limits(
    curve: GapCurve, low: float, high: float, confidence: float
) -> tuple[tuple[float, float], str]:
    """Find where the test of parity stops and starts rejecting."""
    t = float(stats.t.ppf(0.5 + confidence / 2.0, curve.freedom))

    def excess(quality: float, sign: float) -> float:
        gap, error = curve.at(quality)
        return gap + sign * t * error

    grid = np.linspace(low, high, GRID)
    possible = [excess(q, 1.0) >= 0.0 >= excess(q, -1.0) for q in grid]
    inside = np.flatnonzero(possible)
    if inside.size == 0:
        return (math.nan, math.nan), "no quality observed is compatible with parity"
    ends, doubts = [], []
    for index, step, side in ((inside[0], -1, "below"), (inside[-1], 1, "above")):
        beyond = index + step
        if not 0 <= beyond < GRID:
            ends.append(math.nan)
            doubts.append(f"not bounded {side} within the range observed")
            continue
        sign = 1.0 if excess(grid[beyond], 1.0) < 0.0 else -1.0
        pair = sorted((grid[index], grid[beyond]))
        ends.append(float(brentq(excess, *pair, args=(sign,))))
    if inside.size < inside[-1] - inside[0] + 1:
        doubts.append("the compatible qualities have a gap; the outer limits are given")
    return (ends[0], ends[1]), "; ".join(doubts)
