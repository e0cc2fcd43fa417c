"""The same customer before and after: change, drift, and regression to the mean."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

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
from recovery_research.analysis.influence import (
    ROUNDING,
    compare_influences,
    compare_numbers,
)
from recovery_research.analysis.intervals import Interval, check_level, without_interval
from recovery_research.analysis.verdicts import critical_value
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
    treated: str = "recovered",
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
    treated, control : str, optional
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
        customers, (before, after, again), policy, (treated, control)
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
        group=treated,
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


# A customer with more leverage alone decides a line; the error knows nothing of it.
DECIDES = 1.0 - 1e-9


@dataclass(frozen=True, slots=True)
class Pairs:
    """What is known of two groups' customers before and after.

    Attributes
    ----------
    before, after : float64 array, shape (n_rows,)
    again : float64 array or None
        A second measure of before.
    treated : bool array, shape (n_rows,)
    clusters : int64 array or None
        Which customer each row is of, where some have several.
    size : float
        Largest absolute value, by which rounding is judged.
    levels : (float, float)
        Both groups' mean before.
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    again: NDArray[np.float64] | None
    treated: NDArray[np.bool_]
    clusters: NDArray[np.int64] | None
    size: float
    levels: tuple[float, float]

    @property
    def groups(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the rows of the treated, and of the control group."""
        return self.treated, ~self.treated

    @property
    def distance(self) -> float:
        """Return how far from the control group the treated start."""
        gap = self.levels[0] - self.levels[1]
        return gap if abs(gap) > ROUNDING * self.size else 0.0

    @property
    def imbalance(self) -> float:
        """Return that distance in (pooled) standard deviations."""
        spread = [float(self.before[some].var(ddof=1)) for some in self.groups]
        scale = math.sqrt(sum(spread) / 2.0)
        if scale > ROUNDING * self.size:
            return self.distance / scale
        return math.nan if self.distance else 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """How much of a difference before is still there after.

    Attributes
    ----------
    slope : float
        NaN if it cannot be known.
    influence : float64 array, shape (n_control,), or None
        By how much the slope would fall without that control row, but for leverage;
        None if the slope is not estimated.
    leverage : float64 array, shape (n_control,), or None
    reliability : float
        Of before, in the control group; NaN if unknown.
    note : str
    """

    slope: float
    influence: NDArray[np.float64] | None
    leverage: NDArray[np.float64] | None
    reliability: float
    note: str


# Difference in differences: all of it.
PARALLEL = Line(1.0, None, None, math.nan, "")


def read_pairs(
    customers: pd.DataFrame,
    columns: tuple[str, str, str | None],
    policy: str | None,
    names: tuple[str, str],
) -> tuple[Pairs, int]:
    """Read before, after and perhaps again in two groups, where all are known."""
    before, after, again = columns
    used = [name for name in columns if name is not None]
    if len(set(used)) < len(used):
        raise ValueError(
            "before, after and again are different columns; before and after are both "
            f"{before!r}."
            if before == after
            else f"again is {again!r}, as is another; a second measure has its own."
        )
    if names[0] == names[1]:
        raise ValueError(f"treated and control are both {names[0]!r}; name two groups.")
    for column in used:
        check_outcome(customers, column)
    require_column(customers, GROUP_COLUMN)
    labels = customers[GROUP_COLUMN].to_numpy()
    members = [labels == name for name in names]
    rows = rows_of_policy(customers, policy) & (members[0] | members[1])
    values = [read_outcome(customers.loc[rows, column]) for column in used]
    known = ~np.isnan(values).any(axis=0)
    treated = members[0][rows][known]
    for name, n in zip(names, (treated.sum(), (~treated).sum()), strict=True):
        if n < 3:
            raise ValueError(
                f"{n} customers are {name!r} with {before!r} and {after!r} known; "
                "three are the least. The table holds "
                f"{observed_levels(customers[GROUP_COLUMN])}."
            )
    values = [each[known] for each in values]
    clusters = None
    if "customer" in customers:
        clusters = customer_clusters(customers.loc[rows, ["customer"]][known])
    found = Pairs(
        before=values[0],
        after=values[1],
        again=values[2] if again else None,
        treated=treated,
        clusters=clusters,
        size=max(float(np.abs(v).max()) for v in values[:2]),
        levels=(float(values[0][treated].mean()), float(values[0][~treated].mean())),
    )
    return found, int((~known).sum())


def fit_line(pairs: Pairs, reliability: float | None) -> Line:
    """Regress after on before in the control group."""
    if reliability is not None and not 0.0 < reliability <= 1.0:
        raise ValueError(
            "reliability is a share above 0 and at most 1 (no noise at all); got "
            f"{reliability!r}."
        )
    if reliability is not None and pairs.again is not None:
        raise ValueError("give reliability or again, from which it is estimated.")
    start, end = (v[~pairs.treated] for v in (pairs.before, pairs.after))
    centred = start - start.mean()
    if np.ptp(start) <= ROUNDING * pairs.size:
        return _no_line(pairs, start)
    square = float(centred @ centred)
    slope = float(centred @ (end - end.mean())) / square
    rest = end - end.mean() - slope * centred
    known = math.nan if reliability is None else reliability
    note = ""
    if pairs.again is not None:
        second = pairs.again[~pairs.treated]
        known = float(centred @ (second - second.mean())) / square
        if known <= 0.0:
            note = "the two measures before do not rise together: no reliability"
            known = math.nan
    return Line(
        slope, centred * rest / square, 1.0 / start.size + centred**2 / square,
        min(known, 1.0), note,
    )  # fmt: skip


def _no_line(pairs: Pairs, start: NDArray[np.float64]) -> Line:
    if not pairs.distance:
        return PARALLEL
    return replace(
        PARALLEL,
        slope=math.nan,
        note=f"the control group all start at {start[0]:g}, the group elsewhere: what "
        "that does by itself cannot be seen; only difference in differences is there",
    )


def correct_line(pairs: Pairs, line: Line) -> Line:
    """Divide the slope by the reliability of before, where it is known."""
    if line.influence is None or math.isnan(line.reliability):
        return line
    slope = line.slope / line.reliability
    influence = line.influence / line.reliability
    if pairs.again is not None and line.reliability < 1.0:
        # The reliability is estimated as well: an instrument's slope.
        start, end, second = (
            v[~pairs.treated] - v[~pairs.treated].mean()
            for v in (pairs.before, pairs.after, pairs.again)
        )
        influence = start * (end - slope * second) / float(start @ second)
    return replace(line, slope=slope, influence=influence)


def ask_at_slope(pairs: Pairs, line: Line, confidence: float) -> Interval:
    """Compare after, less that much of before, between the groups."""
    own_rows, other_rows = pairs.groups
    sizes = (int(own_rows.sum()), int(other_rows.sum()))
    if math.isnan(line.slope):
        found = ask_at_slope(pairs, PARALLEL, confidence)
        return without_interval("line", found.estimate, sizes, confidence, line.note)
    left = pairs.after - line.slope * pairs.before
    means = [float(left[some].mean()) for some in pairs.groups]
    estimate = means[0] - means[1]
    if abs(estimate) <= ROUNDING * pairs.size:
        estimate = 0.0
    if line.influence is None and pairs.clusters is None:
        own, other = (_level(left[some], pairs.size) for some in pairs.groups)
        return compare_numbers(own, other, confidence=confidence)
    influence = np.empty(left.size)
    for sign, some, mean, n in zip((1, -1), pairs.groups, means, sizes, strict=True):
        influence[some] = sign * (left[some] - mean) / n / (1.0 - 1.0 / n)
    if line.influence is not None and line.leverage is not None:
        own = (left[~pairs.treated] - means[1]) / sizes[1]
        free = line.leverage < DECIDES
        part = np.zeros(sizes[1])
        pull = own + pairs.distance * line.influence
        part[free] = -pull[free] / (1.0 - line.leverage[free])
        influence[~pairs.treated] = part
    return compare_influences(
        estimate, influence, pairs.treated, size=pairs.size, confidence=confidence,
        clusters=pairs.clusters,
    )  # fmt: skip


def _level(values: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Return values that differ by rounding only as one, and rounding as nothing."""
    if np.ptp(values) <= ROUNDING * size:
        values = np.full(values.size, values.mean())
    return np.where(np.abs(values) <= ROUNDING * size, 0.0, values)


def outer_limits(one: Interval, other: Interval) -> tuple[float, float, float]:
    """Return the outer limits of two intervals, and the p-value that goes with them."""
    limits = (one.ci_low, one.ci_high, other.ci_low, other.ci_high)
    if any(math.isnan(limit) for limit in limits):
        return math.nan, math.nan, math.nan
    alike = one.estimate * other.estimate > 0.0
    p_value = max(one.p_value, other.p_value) if alike else 1.0
    return min(limits), max(limits), p_value


def limit_gain(pairs: Pairs, confidence: float) -> tuple[float, float]:
    """Return t limits of the treated group's own mean change."""
    gains = (pairs.after - pairs.before)[pairs.treated]
    rest = gains - gains.mean()
    if pairs.clusters is not None:
        _, own = np.unique(pairs.clusters[pairs.treated], return_inverse=True)
        rest = np.bincount(own, weights=rest)
    if rest.size < 2:
        return math.nan, math.nan
    error = math.sqrt(float(rest @ rest) * rest.size / (rest.size - 1)) / gains.size
    reach = error * critical_value(confidence, rest.size - 1)
    return float(gains.mean()) - reach, float(gains.mean()) + reach
