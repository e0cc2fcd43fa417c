"""Unknown outcomes: how many there are, and the worst that they could do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.contrasts import ParadoxEstimate, contrast_known
from recovery_research.analysis.groups import (
    GROUP_COLUMN,
    check_outcome,
    read_outcome,
    require_column,
    rows_of_policy,
    two_groups,
)
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.tipping_points import (
    NOWHERE,
    MissingProbe,
    Pair,
    say_tipping,
    tip,
)
from recovery_research.analysis.verdicts import CANNOT_TELL, Bounds, place_interval
from recovery_research.results import Result


def probe_missing(
    customers: pd.DataFrame,
    *,
    outcome: str,
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    lowest: float | None = None,
    highest: float | None = None,
    bounds: float | tuple[float, float] | None = None,
    method: str = "auto",
    confidence: float = 0.95,
) -> MissingProbe:
    """Ask how unlike the known the unknown outcomes must be to turn what is found.

    A comparison that leaves unknown outcomes out takes them to be, on average, what
    the known ones of the same group are. Where the dissatisfied do not answer they
    are not. This tilts them until the verdict turns (a tipping-point analysis).

    Parameters
    ----------
    customers, outcome, policy, treated, control, bounds, method, confidence
        As in `paradox.paradox`.
    lowest, highest : float, optional
        The least and the most an unknown outcome can be, in the outcome's unit.
        Without them 0 and 1 for yes/no, and else the least and the most seen in the
        two groups.

    Returns
    -------
    MissingProbe

    Raises
    ------
    ValueError
        As `paradox.paradox`; also if a known outcome lies outside the range.

    Notes
    -----
    The unknown of a group average d more than its known ones, so that the group's mean
    is m + u d, u being the share unknown: a pattern-mixture model with one shift a
    group, for yes/no as for numbers. d ends where no outcome can be. What the shift
    does to the interval is told in `tilts.Tilting.limits`; untilted it is that of
    `paradox`, at the extremes that of `bound_worst_case`. Whether a shift so large is
    likely the data cannot say; compare it with differences that are known, such as
    between those who answered at once and those who had to be asked again.

    References
    ----------
    Campbell, G., Pennello, G. and Yue, L. (2011). Missing data in the regulation of
    medical devices. Journal of Biopharmaceutical Statistics 21, 180-195.
    doi:10.1080/10543406.2011.550094
    Liublinska, V. and Rubin, D. B. (2014). Sensitivity analysis for a partially missing
    binary outcome in a two-arm randomized clinical trial. Statistics in Medicine 33,
    4170-4185.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 60 + ["no_failure"] * 60,
    ...     "stayed": pd.array([True] * 38 + [False] * 2 + [None] * 20 +
    ...                        [True] * 34 + [False] * 26, "boolean")})
    >>> found = probe_missing(customers, outcome="stayed", bounds=0)
    >>> found.verdict, found.turns, round(found.tipping_mean_treated, 2)
    ('paradox', True, 0.36)
    """
    known = contrast_known(
        customers, outcome=outcome, policy=policy, treated=treated, control=control,
        bounds=bounds, method=method, confidence=confidence,
    )  # fmt: skip
    return probe_contrast(customers, known, (lowest, highest), method)


def probe_contrast(
    customers: pd.DataFrame,
    known: ParadoxEstimate,
    limits: tuple[float | None, float | None],
    method: str,
) -> MissingProbe:
    """Probe a contrast that has been made of these customers."""
    groups = (known.treated, known.control)
    rows, unknown = find_unknown(
        customers, outcome=known.outcome, policy=known.policy, treated=groups[0],
        control=groups[1],
    )  # fmt: skip
    values = rows[known.outcome].to_numpy()
    found, source = find_range(values, *limits)
    ends, note = None, known.note
    if any(unknown):
        if found[0] < found[1]:
            ends = fill_extremes(
                rows, known.outcome, groups, found, method, known.confidence
            )
        else:
            note = "what an unknown outcome can be is not known: name lowest, highest"
    parts = [values[(rows[GROUP_COLUMN] == name).to_numpy()] for name in groups]
    return tip(known, parts, found, source, ends, note)


def tell_missing(
    customers: pd.DataFrame,
    known: ParadoxEstimate,
    limits: tuple[float | None, float | None],
    method: str,
) -> str:
    """Say where unknown outcomes turn a contrast; empty where they cannot.

    Then few enough are unknown, or nothing was found that could turn.
    """
    bounds = Bounds(known.equivalence_low, known.equivalence_high, "")
    if place_interval(known.ci_low, known.ci_high, bounds) == CANNOT_TELL:
        return ""
    found = probe_contrast(customers, known, limits, method)
    return say_tipping(found) if found.turns else ""


def find_range(
    values: NDArray[np.float64], lowest: float | None, highest: float | None
) -> tuple[Pair, str]:
    """Return what an unknown outcome can be, and who says so; NaN if nobody can."""
    known = values[~np.isnan(values)]
    given = [limit is not None for limit in (lowest, highest)]
    if two_groups(known, known[:0]).yes_no and known.size and not any(given):
        return (0.0, 1.0), "yes or no"
    seen = (float(known.min()), float(known.max())) if known.size else NOWHERE
    low, high = (
        float(limit) if limit is not None else end
        for limit, end in zip((lowest, highest), seen, strict=True)
    )
    limits = (low, high)
    if any(given) and not math.isnan(low + high):
        check_range(values, low, high)
    if all(given):
        return limits, "set by the caller"
    half = "the most" if given[0] else "the least" if given[1] else "the range"
    return limits, f"{half} seen"


@dataclass(frozen=True, slots=True)
class WorstCase(Result):
    """What the contrast can be, whatever the unknown outcomes are.

    Attributes
    ----------
    outcome, policy, treated, control
        What was compared.
    lowest, highest : float
        What an unknown outcome can be.
    bound_low, bound_high : float
        Difference of means if all unknown outcomes were at the extreme least, or
        most, favourable to the treated.
    std_error_low, std_error_high : float
        Standard errors of the two.
    ci_low, ci_high, confidence : float
        Outer limits of the two extremes' intervals, and never beyond what differences
        are possible. They hold the true difference more often than `confidence` says:
        each of its ends is left out in half of what that leaves.
    n_treated, n_control : int
        Customers, known or not.
    n_missing_treated, n_missing_control : int
        Unknown outcomes.
    note : str
        What could not be done; empty otherwise.
    """

    outcome: str
    policy: str | None
    treated: str
    control: str
    lowest: float
    highest: float
    bound_low: float
    bound_high: float
    std_error_low: float
    std_error_high: float
    ci_low: float
    ci_high: float
    confidence: float
    n_treated: int
    n_control: int
    n_missing_treated: int
    n_missing_control: int
    note: str


def bound_worst_case(
    customers: pd.DataFrame,
    *,
    outcome: str,
    lowest: float,
    highest: float,
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    method: str = "auto",
    confidence: float = 0.95,
) -> WorstCase:
    """Bound a contrast when some outcomes are unknown for unknown reasons (Manski).

    Parameters
    ----------
    customers, outcome, policy, treated, control, method, confidence
        As in `paradox.paradox`.
    lowest, highest : float
        The least and the most an unknown outcome can be, in the outcome's unit (0
        and 1 for yes/no). The bounds are as wide as this range is.

    Returns
    -------
    WorstCase

    Raises
    ------
    ValueError
        As `paradox.paradox`; also if a known outcome lies outside the range.

    Notes
    -----
    The limits are those of `paradox.paradox` on the two tables filled in: Newcombe's
    for yes/no. What Imbens and Manski propose for the difference rather than its
    bounds is narrower; these limits decide verdicts, each end by itself, as an
    interval's do.

    References
    ----------
    Imbens, G. W. and Manski, C. F. (2004). Confidence intervals for partially
    identified parameters. Econometrica 72, 1845-1857.
    Manski, C. F. (1990). Nonparametric bounds on treatment effects. American Economic
    Review 80, 319-323.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 4 + ["no_failure"] * 4,
    ...     "stayed": [True, True, None, False, True, True, False, False]})
    >>> found = bound_worst_case(customers, outcome="stayed", lowest=0, highest=1)
    >>> found.bound_low, found.bound_high
    (0.0, 0.25)
    """
    check_level(confidence)
    rows, unknown = find_unknown(
        customers, outcome=outcome, policy=policy, treated=treated, control=control
    )
    check_range(rows[outcome].to_numpy(), lowest, highest)
    ends = fill_extremes(
        rows, outcome, (treated, control), (lowest, highest), method, confidence
    )
    # No difference is beyond these, whatever the spread; where nothing varies they are
    # all that can be said.
    possible = (float(lowest) - float(highest), float(highest) - float(lowest))
    low, high = ends[0].ci_low, ends[1].ci_high
    return WorstCase(
        outcome=outcome,
        policy=policy,
        treated=treated,
        control=control,
        lowest=float(lowest),
        highest=float(highest),
        bound_low=ends[0].estimate,
        bound_high=ends[1].estimate,
        std_error_low=ends[0].std_error,
        std_error_high=ends[1].std_error,
        ci_low=possible[0] if math.isnan(low) else max(low, possible[0]),
        ci_high=possible[1] if math.isnan(high) else min(high, possible[1]),
        confidence=confidence,
        n_treated=ends[0].n_treated,
        n_control=ends[0].n_control,
        n_missing_treated=unknown[0],
        n_missing_control=unknown[1],
        note=ends[0].note or ends[1].note,
    )


def find_unknown(
    customers: pd.DataFrame,
    *,
    outcome: str,
    policy: str | None,
    treated: str,
    control: str,
) -> tuple[pd.DataFrame, tuple[int, int]]:
    """Cut out two groups of a policy, and count each one's unknown outcomes."""
    require_column(customers, GROUP_COLUMN)
    check_outcome(customers, outcome)
    names = [GROUP_COLUMN, *(["customer"] if "customer" in customers else [])]
    compared = customers[GROUP_COLUMN].isin([treated, control]).to_numpy()
    chosen = compared & rows_of_policy(customers, policy)
    rows = customers.loc[chosen, names].assign(
        **{outcome: read_outcome(customers.loc[chosen, outcome])}
    )
    missing = rows[outcome].isna()
    own, other = (
        int((missing & (rows[GROUP_COLUMN] == name)).sum())
        for name in (treated, control)
    )
    return rows, (own, other)


def check_range(values: np.ndarray, lowest: float, highest: float) -> None:
    """Raise unless all known values lie in what an unknown one can be."""
    known = values[~np.isnan(values)]
    inside = not known.size or (lowest <= known.min() and known.max() <= highest)
    if not (lowest < highest and inside and math.isfinite(highest - lowest)):
        seen = f"{known.min()} .. {known.max()}" if known.size else "? .. ?"
        raise ValueError(
            f"unknown outcomes were said to lie in {lowest} .. {highest}, but known "
            f"ones lie in {seen}; write the least and the most that they can be."
        )


def fill_extremes(
    rows: pd.DataFrame,
    outcome: str,
    groups: tuple[str, str],
    limits: tuple[float, float],
    method: str,
    confidence: float,
) -> list[ParadoxEstimate]:
    """Compare groups with unknown outcomes at either extreme: least, then most."""
    treated = (rows[GROUP_COLUMN] == groups[0]).to_numpy()
    values = rows[outcome].to_numpy()
    ends = []
    for for_treated, for_control in (limits, limits[::-1]):
        filling = np.where(treated, float(for_treated), float(for_control))
        filled = np.where(np.isnan(values), filling, values)
        ends.append(
            contrast_known(
                rows.assign(**{outcome: filled}), outcome=outcome, treated=groups[0],
                control=groups[1], bounds=0.0, method=method, confidence=confidence,
            )
        )  # fmt: skip
    return ends
