"""How long customers stay: survival curves and the time they add."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.rounding import at_most, tie_times
from recovery_research.analysis.survival import (
    bands,
    check_stays,
    estimate_curve,
    in_order,
    limit_mean_difference,
    limit_share_difference,
    log_rank,
    read_times,
    restricted_mean,
    share_at,
    share_errors,
    staying_times,
)
from recovery_research.analysis.verdicts import critical_value
from recovery_research.results import Result


@dataclass(frozen=True, slots=True)
class SurvivalContrast(Result):
    """Two groups' staying compared.

    Attributes
    ----------
    policy, treated, control
        What was compared.
    horizon : float
        Weeks since the index order up to which time is counted.
    estimate, std_error, ci_low, ci_high, confidence : float
        Weeks more that a treated customer stays within the horizon, on average
        (difference of restricted means). Where a group is small or few left, limits
        are wider than `std_error` says (`survival.limit_mean_difference`).
    weeks_treated, weeks_control : float
        The restricted means.
    share_treated, share_control : float
        Share still there at the horizon.
    share_difference, share_ci_low, share_ci_high : float
        Its difference, with Newcombe's limits from Wilson's of each group.
    log_rank : float
        Chi-square statistic, one degree of freedom, over the whole follow-up.
    p_value : float
        Of the log-rank test.
    n_treated, n_control, n_left_treated, n_left_control : int
        Customers, and those seen to leave.
    note : str
        What could not be done, and how the limits were found where customers or
        departures are few; empty otherwise.
    """

    policy: str | None
    treated: str
    control: str
    horizon: float
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    weeks_treated: float
    weeks_control: float
    share_treated: float
    share_control: float
    share_difference: float
    share_ci_low: float
    share_ci_high: float
    log_rank: float
    p_value: float
    n_treated: int
    n_control: int
    n_left_treated: int
    n_left_control: int
    note: str

    def __str__(self) -> str:
        return (
            f"staying: {self.treated} minus {self.control} = {self.estimate:+.4g} of "
            f"{self.horizon:g} weeks ({self.confidence:.0%} CI {self.ci_low:+.4g} to "
            f"{self.ci_high:+.4g}); log-rank p = {self.p_value:.3g}"
        )


def compare_survival(
    customers: pd.DataFrame,
    *,
    end_week: float,
    horizon: float,
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    confidence: float = 0.95,
) -> SurvivalContrast:
    """Compare how long two groups stay after their index order.

    Parameters
    ----------
    customers : DataFrame
        With `index_outcome`, `index_week` and `left_week` (blank if never seen to
        leave); one row per policy and customer.
    end_week : float
        Week the observation ends: who has not left by then is censored there.
    horizon : float
        Weeks since the index order over which time is averaged. Somebody of each
        group must have been followed that long, or the last one followed have left.
    policy, treated, control, confidence
        As in `paradox.paradox`.

    Returns
    -------
    SurvivalContrast

    Raises
    ------
    ValueError
        If a column or group is not there, a week is impossible, a customer has
        several rows, or the horizon lies beyond the follow-up of a group.

    Notes
    -----
    Weeks equal but for rounding, as of dates divided by seven, are one time, and who
    left at the horizon has left by then.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 3 + ["no_failure"] * 3,
    ...     "index_week": 0.0, "left_week": [None, 7.0, 3.0, 2.0, 4.0, None]})
    >>> found = compare_survival(customers, end_week=10.0, horizon=9.0)
    >>> round(found.weeks_treated, 3), round(found.estimate, 3)
    (6.333, 1.333)
    """
    check_level(confidence)
    check_stays(customers, policy)
    read = [
        in_order(*read_times(customers, group=name, policy=policy, end_week=end_week))
        for name in (treated, control)
    ]
    for name, (weeks, left) in zip((treated, control), read, strict=True):
        # Where the last one followed leaves, nobody is there from then on.
        known = bool(left[weeks == weeks.max()].all()) or at_most(horizon, weeks.max())
        if not (horizon > 0.0 and known):
            raise ValueError(
                f"horizon is {horizon} weeks, but nobody of {name!r} was followed "
                f"beyond {weeks.max():g}; take at most that, and more than 0."
            )
    # Times equal but for rounding are one in both groups, and at the horizon.
    *tied, (end,) = tie_times(read[0][0], read[1][0], [horizon], scale=end_week)
    own, other = ((each, left) for each, (_, left) in zip(tied, read, strict=True))
    curves = [estimate_curve(*times) for times in (own, other)]
    means = [restricted_mean(curve, end) for curve in curves]
    shares = [share_at(curve, end) for curve in curves]
    error = math.hypot(means[0][1], means[1][1])
    limits = limit_mean_difference(own, other, end, confidence)
    share_low, share_high = limit_share_difference(own, other, end, confidence)
    statistic, p_value = log_rank(own, other)
    leavers = [int(left.sum()) for _, left in (own, other)]
    return SurvivalContrast(
        policy=policy,
        treated=treated,
        control=control,
        horizon=float(horizon),
        estimate=means[0][0] - means[1][0],
        std_error=error,
        ci_low=limits.low,
        ci_high=limits.high,
        confidence=confidence,
        weeks_treated=means[0][0],
        weeks_control=means[1][0],
        share_treated=shares[0][0],
        share_control=shares[1][0],
        share_difference=shares[0][0] - shares[1][0],
        share_ci_low=share_low,
        share_ci_high=share_high,
        log_rank=statistic,
        p_value=p_value,
        n_treated=own[0].size,
        n_control=other[0].size,
        n_left_treated=leavers[0],
        n_left_control=leavers[1],
        note=_few_leavers(leavers, limits.drawn),
    )


def tabulate_survival(
    customers: pd.DataFrame,
    *,
    end_week: float,
    groups: Sequence[str] = ("no_failure", "recovered", "not_recovered", "silent"),
    policy: str | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the share still there by week since the index order, with bands.

    Parameters
    ----------
    customers, end_week, policy, confidence
        As in `compare_survival`.
    groups : sequence of str, optional
        Values of `index_outcome`.

    Returns
    -------
    DataFrame
        One row per group and week at which somebody left, week 0 first: `group,
        week, n_at_risk, n_left, estimate, std_error, ci_low, ci_high, confidence`,
        and `followed_to`, the last week in which somebody of the group was followed.
        The pointwise bands are symmetric in log(-log(share)); they are blank where
        nobody has left yet or nobody is left.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 3, "index_week": 0.0,
    ...     "left_week": [None, 7.0, 3.0]})
    >>> table = tabulate_survival(customers, end_week=10.0, groups=["recovered"])
    >>> table["estimate"].round(3).tolist()
    [1.0, 0.667, 0.333]
    """
    check_level(confidence)
    z = critical_value(confidence)
    frames = []
    for name in groups:
        times = staying_times(customers, group=name, policy=policy, end_week=end_week)
        curve = estimate_curve(*times)
        low, high = bands(curve, z)
        frame = pd.DataFrame(
            {
                "week": np.r_[0.0, curve.week],
                "n_at_risk": np.r_[times[0].size, curve.at_risk].astype(np.int64),
                "n_left": np.r_[0, curve.left].astype(np.int64),
                "estimate": np.r_[1.0, curve.share],
                "std_error": np.r_[0.0, share_errors(curve)],
                "ci_low": np.r_[np.nan, low],
                "ci_high": np.r_[np.nan, high],
                "confidence": confidence,
                "followed_to": times[0].max(),
            }
        )
        frame.insert(0, "group", name)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _few_leavers(left: list[int], drawn: bool) -> str:
    if sum(left) == 0:
        return (
            "nobody was seen to leave: nothing to compare; limits are what so many "
            "customers leave open"
        )
    parts = []
    if min(left) < 10:
        parts.append(
            f"only {left[0]} treated and {left[1]} control customers were seen to "
            "leave: limits and p-value are rough"
        )
    if drawn:
        parts.append(
            "a group is small or few of it left: limits of the weeks are drawn from "
            "both groups together where these are wider than the normal law's"
        )
    return "; ".join(parts)
