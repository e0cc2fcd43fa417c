"""The same customer before and after: change, drift, and regression to the mean."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recovery_research.analyses.groups import (
    GROUP_COLUMN,
    check_outcome,
    observed_levels,
    read_outcome,
    require_column,
    rows_of_policy,
)
from recovery_research.analyses.intervals import check_level


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """How one group changed, and how much of it would have happened anyway.

    Attributes
    ----------
    before, after, policy, group, control
        Columns and groups.
    change, change_ci_low, change_ci_high : float
        Mean of after minus before within the group (t limits).
    drift : float
        Mean change of the control group.
    regression_to_mean : float
        Further change that control customers with the group's starting level would
        be expected to make: a group that starts low rises by itself. It is the
        control group's slope of change on starting level, times how far off the
        group starts.
    estimate, std_error, ci_low, ci_high, confidence : float
        What is left of the change: change - drift - regression_to_mean.
    mean_before, mean_before_control : float
        Starting levels.
    n_treated, n_control, n_missing : int
        Customers with both values known, and left out.
    warning : str
        Says if a plain before-after reading would mislead, and by how much.
    note : str
        What could not be done; empty otherwise.
    """

    before: str
    after: str
    policy: str | None
    group: str
    control: str
    change: float
    change_ci_low: float
    change_ci_high: float
    drift: float
    regression_to_mean: float
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    mean_before: float
    mean_before_control: float
    n_treated: int
    n_control: int
    n_missing: int
    warning: str
    note: str

    def __str__(self) -> str:
        return (
            f"{self.after} minus {self.before}, {self.group}: {self.change:+.4g}, of "
            f"which drift {self.drift:+.4g} and regression to the mean "
            f"{self.regression_to_mean:+.4g}; left {self.estimate:+.4g} "
            f"({self.confidence:.0%} CI {self.ci_low:+.4g} to {self.ci_high:+.4g})"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the contrast as one row, one column per field."""
        return pd.DataFrame([asdict(self)])


def compare_before_after(
    customers: pd.DataFrame,
    *,
    before: str,
    after: str,
    policy: str | None = None,
    group: str = "recovered",
    control: str = "no_failure",
    confidence: float = 0.95,
) -> BeforeAfter:
    """Compare customers with themselves, less what would have changed anyway.

    Parameters
    ----------
    customers : DataFrame
        One row per policy and customer, with `index_outcome`.
    before, after : str
        The same thing measured twice, such as ``satisfaction_before`` and
        ``satisfaction_after``. Customers who lack one are left out and counted.
    policy, confidence
        As in `contrasts.paradox`.
    group, control : str, optional
        Whose change, and who shows what would have happened anyway.

    Returns
    -------
    BeforeAfter

    Raises
    ------
    ValueError
        If a column, policy or group is not there or cannot be averaged, or a group
        has fewer than three customers with both values.

    Notes
    -----
    The estimate is the group's mean of after less the control group's regression line
    at the same before (analysis of covariance with the control group's slope). It is
    right if, given before, being failed and recovered had nothing to do with after.
    Errors allow for unequal variances (influence functions, t limits).

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 3 + ["no_failure"] * 4,
    ...     "was": [2.0, 3.0, 3.5, 3.0, 5.0, 6.0, 4.0],
    ...     "now": [4.0, 4.5, 5.0, 4.0, 5.0, 5.5, 4.5]})
    >>> found = compare_before_after(customers, before="was", after="now")
    >>> round(found.change, 3), round(found.regression_to_mean, 3)
    (1.667, 0.833)
    """
    check_level(confidence)
    pair, n_missing = _both_known(customers, before, after, policy, (group, control))
    (start, end), (start_control, end_control) = pair
    gains, gains_control = end - start, end_control - start_control
    reach = _reach(gains, confidence)
    drift = float(gains_control.mean())
    slope, line = _slope(start_control, gains_control)
    distance = float(start.mean() - start_control.mean())
    estimate = float(gains.mean()) - drift - slope * distance
    error = _error(pair, slope, line, distance)
    freedom = min(len(gains), len(gains_control)) - 2
    wide = error * float(stats.t.ppf(0.5 + confidence / 2.0, freedom))
    pull = slope * distance
    return BeforeAfter(
        before=before,
        after=after,
        policy=policy,
        group=group,
        control=control,
        change=float(gains.mean()),
        change_ci_low=float(gains.mean()) - reach,
        change_ci_high=float(gains.mean()) + reach,
        drift=drift,
        regression_to_mean=pull,
        estimate=estimate,
        std_error=error,
        ci_low=estimate - wide if error > 0.0 else math.nan,
        ci_high=estimate + wide if error > 0.0 else math.nan,
        confidence=confidence,
        mean_before=float(start.mean()),
        mean_before_control=float(start_control.mean()),
        n_treated=gains.size,
        n_control=gains_control.size,
        n_missing=n_missing,
        warning=_warning(pull, drift, wide),
        note="" if error > 0.0 else "nothing varies: no interval",
    )


def _both_known(
    customers: pd.DataFrame,
    before: str,
    after: str,
    policy: str | None,
    names: tuple[str, str],
) -> tuple[list[tuple[NDArray[np.float64], NDArray[np.float64]]], int]:
    if before == after:
        raise ValueError(f"before and after are both {before!r}; name two columns.")
    for column in (before, after):
        check_outcome(customers, column)
    require_column(customers, GROUP_COLUMN)
    rows = rows_of_policy(customers, policy)
    labels = customers[GROUP_COLUMN].to_numpy()
    pair, n_missing = [], 0
    for name in names:
        chosen = customers[rows & (labels == name)]
        values = [read_outcome(chosen[column]) for column in (before, after)]
        known = ~(np.isnan(values[0]) | np.isnan(values[1]))
        n_missing += int((~known).sum())
        if known.sum() < 3:
            raise ValueError(
                f"{int(known.sum())} customers are {name!r} with {before!r} and "
                f"{after!r} known; three are the least. The table holds "
                f"{observed_levels(customers[GROUP_COLUMN])}."
            )
        pair.append((values[0][known], values[1][known]))
    return pair, n_missing


def _reach(gains: NDArray[np.float64], confidence: float) -> float:
    error = float(gains.std(ddof=1)) / math.sqrt(gains.size)
    return error * float(stats.t.ppf(0.5 + confidence / 2.0, gains.size - 1))


def _slope(
    start: NDArray[np.float64], gains: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Regress the control group's gains on where they started."""
    centred = start - start.mean()
    square = float(centred @ centred)
    slope = float(centred @ gains) / square if square > 0.0 else 0.0
    return slope, gains - gains.mean() - slope * centred


def _error(
    pair: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    slope: float,
    line: NDArray[np.float64],
    distance: float,
) -> float:
    """Put the influence of every customer together (variances may differ)."""
    (start, end), (start_control, _) = pair
    own = end - start - slope * start
    treated = (own - own.mean()) / len(own)
    centred = start_control - start_control.mean()
    square = float(centred @ centred)
    lever = 1.0 / len(line)
    if square > 0.0:
        lever = lever + distance * centred / square
    control = lever * line * math.sqrt(len(line) / (len(line) - 2))
    inflate = len(own) / (len(own) - 1)
    return math.sqrt(inflate * float(treated @ treated) + float(control @ control))


def _warning(pull: float, drift: float, wide: float) -> str:
    if abs(pull) + abs(drift) <= 0.1 * wide:
        return ""
    return (
        f"of a plain before-after change {pull:+.3g} is regression to the mean (the "
        f"group did not start where the others did) and {drift:+.3g} happened to "
        "customers who were never failed"
    )
