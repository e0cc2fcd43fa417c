"""Two groups measured before and after, and the line from one to the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.curves import critical_value
from recovery_research.analyses.groups import (
    GROUP_COLUMN,
    check_outcome,
    customer_clusters,
    observed_levels,
    read_outcome,
    require_column,
    rows_of_policy,
)
from recovery_research.analyses.influences import (
    ROUNDING,
    compare_influences,
    compare_numbers,
)
from recovery_research.analyses.intervals import Interval, without_interval

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
        raise ValueError(f"group and control are both {names[0]!r}; name two groups.")
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
        levels=tuple(float(values[0][some].mean()) for some in (treated, ~treated)),
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
    sizes = tuple(int(some.sum()) for some in pairs.groups)
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
    if line.influence is not None:
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
