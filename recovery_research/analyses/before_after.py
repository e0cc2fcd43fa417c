"""The same customer before and after: change, drift, and regression to the mean."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from recovery_research.analyses.influences import ROUNDING
from recovery_research.analyses.intervals import Interval, check_level
from recovery_research.analyses.pairs import (
    PARALLEL,
    Line,
    Pairs,
    ask_at_slope,
    correct_line,
    fit_line,
    limit_gain,
    outer_limits,
    read_pairs,
)
from recovery_research.results import Result

# Standardised differences up to this are called balance elsewhere too.
ALIKE = 0.1
GAIN_LIMITS = ("change_ci_low", "change_ci_high")
OUTER = ("ci_low", "ci_high", "p_value")
PARTS = {"": "estimate", "_low": "ci_low", "_high": "ci_high"}


@dataclass(frozen=True, slots=True)
class BeforeAfter(Result):
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
        group starts. 0, and `note` says so, if the control group all start alike.
    estimate, std_error : float
        What is left of the change: change - drift - regression_to_mean.
    ci_low, ci_high, confidence : float
        The outer limits of both ways of asking, below: from the lower of their lower
        limits to the higher of their higher ones.
    p_value : float
        The larger of both ways' two-sided p-values, 1 if they differ in sign: below
        1 - confidence exactly where the interval leaves out zero.
    did, did_low, did_high : float
        Difference in differences: change - drift.
    lagged, lagged_low, lagged_high : float
        Analysis of covariance with before as the covariate: the estimate, but for the
        correction by `reliability`.
    bracket_low, bracket_high : float
        The lower and the higher of `did` and `estimate`.
    reliability : float
        Share of the spread of before that is no noise, given or estimated; NaN if
        unknown, which leaves the estimate uncorrected.
    imbalance : float
        How far off the group starts, in standard deviations (both groups' pooled).
    mean_before, mean_before_control : float
        Starting levels.
    n_treated, n_control, n_missing : int
        Customers (rows) with both values known, and left out.
    warning : str
        Says if a plain before-after reading would mislead, and by how much.
    note : str
        What is doubtful, or could not be done; empty otherwise.
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
    p_value: float
    did: float
    did_low: float
    did_high: float
    lagged: float
    lagged_low: float
    lagged_high: float
    bracket_low: float
    bracket_high: float
    reliability: float
    imbalance: float
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


def compare_before_after(
    customers: pd.DataFrame,
    *,
    before: str,
    after: str,
    policy: str | None = None,
    group: str = "recovered",
    control: str = "no_failure",
    confidence: float = 0.95,
    reliability: float | None = None,
    again: str | None = None,
) -> BeforeAfter:
    """Compare customers with themselves, less what would have changed anyway.

    Parameters
    ----------
    customers : DataFrame
        One row per policy and customer, with `index_outcome`. Where some customers
        have several rows, errors are clustered by `customer`.
    before, after : str
        The same thing measured twice, such as ``satisfaction_before`` and
        ``satisfaction_after``. Customers who lack one are left out and counted.
    policy, confidence
        As in `paradox.paradox`.
    group, control : str, optional
        Whose change, and who shows what would have happened anyway.
    reliability : float, optional
        Share of the spread of `before`, among the control group, that is no noise of
        measuring: above 0, at most 1. Give it, or `again`, only if groups came about
        by what was measured, not by the number on the page.
    again : str, optional
        A second measure of the same thing at the time of `before`, from which the
        reliability is estimated.

    Returns
    -------
    BeforeAfter

    Raises
    ------
    ValueError
        If a column, policy or group is not there or cannot be averaged, a group
        has fewer than three customers with both values, or the reliability is not
        above 0 and at most 1.

    Notes
    -----
    Two ways of asking, of which neither is always right. Difference in differences is
    right if the groups would have changed alike; analysis of covariance (the control
    group's line of after on before) is right if, given the measured before, being
    failed and recovered had nothing to do with after. Where customers were chosen by
    something lasting of which before is a noisy measure, the second corrects too
    little; where by something passing, the first corrects too much. If either holds,
    and the control group's line is not steeper than 1, the truth lies between the two
    (Ding and Li, 2019); so the interval is the outer one of both. Where noise is known
    by its reliability, the slope is divided by it, as in a regression with errors in
    the variable. Limits are those of `paradox.paradox`.

    References
    ----------
    Ding, P. and Li, F. (2019). A bracketing relationship between
    difference-in-differences and lagged-dependent-variable adjustment. Political
    Analysis 27, 605-615.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 3 + ["no_failure"] * 4,
    ...     "was": [2.0, 3.0, 3.5, 3.0, 5.0, 6.0, 4.0],
    ...     "now": [4.0, 4.5, 5.0, 4.0, 5.0, 5.5, 4.5]})
    >>> found = compare_before_after(customers, before="was", after="now")
    >>> round(found.change, 3), round(found.regression_to_mean, 3)
    (1.667, 0.833)
    >>> round(found.did, 3), round(found.lagged, 3)
    (1.417, 0.583)
    """
    check_level(confidence)
    pairs, n_missing = read_pairs(
        customers, (before, after, again), policy, (group, control)
    )
    line = fit_line(pairs, reliability)
    did = ask_at_slope(pairs, PARALLEL, confidence)
    lagged = ask_at_slope(pairs, line, confidence)
    right = correct_line(pairs, line)
    found = lagged if right is line else ask_at_slope(pairs, right, confidence)
    gains = pairs.after - pairs.before
    change, drift = (float(gains[some].mean()) for some in pairs.groups)
    limits = outer_limits(did, found)
    pull = change - drift - found.estimate
    return BeforeAfter(
        before=before,
        after=after,
        policy=policy,
        group=group,
        control=control,
        change=change,
        **dict(zip(GAIN_LIMITS, limit_gain(pairs, confidence), strict=True)),
        drift=drift,
        regression_to_mean=pull,
        estimate=found.estimate,
        std_error=found.std_error,
        **dict(zip(OUTER, limits, strict=True)),
        confidence=confidence,
        **{f"did{part}": getattr(did, name) for part, name in PARTS.items()},
        **{f"lagged{part}": getattr(lagged, name) for part, name in PARTS.items()},
        bracket_low=min(did.estimate, found.estimate),
        bracket_high=max(did.estimate, found.estimate),
        reliability=line.reliability,
        imbalance=pairs.imbalance,
        mean_before=pairs.levels[0],
        mean_before_control=pairs.levels[1],
        n_treated=int(pairs.treated.sum()),
        n_control=int((~pairs.treated).sum()),
        n_missing=n_missing,
        warning=_warning(pull, drift, limits, pairs.size),
        note=_note(pairs, line, did, found),
    )


def _warning(
    pull: float, drift: float, limits: tuple[float, float, float], size: float
) -> str:
    wide = (limits[1] - limits[0]) / 2.0
    least = max(0.1 * wide if wide > 0.0 else 0.0, ROUNDING * size)
    if not abs(pull) + abs(drift) > least:
        return ""
    return (
        f"of a plain before-after change {drift:+.3g} happened to the control group "
        f"too and {pull:+.3g} is regression to the mean (the group did not start where "
        "the others did); less, if what made it start there lasts"
    )


def _note(pairs: Pairs, line: Line, did: Interval, found: Interval) -> str:
    parts = [line.note]
    if abs(pairs.imbalance) > ALIKE:
        parts.append(
            f"the group started {pairs.imbalance:+.2f} standard deviations from the "
            f"control group: difference in differences says {did.estimate:+.3g}, "
            f"analysis of covariance {found.estimate:+.3g}; the interval is the outer "
            "one of both"
        )
    if did.estimate * found.estimate < 0.0:
        parts.append("the two differ in sign, so that nothing can be told")
    if line.slope > 1.0 and abs(pairs.imbalance) > ALIKE:
        parts.append(
            f"the control group's after rises {line.slope:.2f} for 1 of before: the "
            "truth need not lie between the two"
        )
    parts += [did.note, found.note]
    return "; ".join(dict.fromkeys(part for part in parts if part))
