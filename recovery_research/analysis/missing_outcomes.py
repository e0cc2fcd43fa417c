"""Under which values of unknown outcomes what is found turns."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.contrasts import ParadoxEstimate, contrast_known
from recovery_research.analysis.groups import GROUP_COLUMN, two_groups
from recovery_research.analysis.tipping_points import (
    NOWHERE,
    MissingProbe,
    Pair,
    say_tipping,
    tip,
)
from recovery_research.analysis.verdicts import CANNOT_TELL, Bounds, place_interval
from recovery_research.analysis.worst_cases import (
    check_range,
    fill_extremes,
    find_unknown,
)


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
    limits = tuple(
        float(limit) if limit is not None else end
        for limit, end in zip((lowest, highest), seen, strict=True)
    )
    if any(given) and not math.isnan(limits[0] + limits[1]):
        check_range(values, *limits)
    if all(given):
        return limits, "set by the caller"
    half = "the most" if given[0] else "the least" if given[1] else "the range"
    return limits, f"{half} seen"
