"""How far unknown outcomes must lie from known ones to turn what is found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from recovery_research.analyses.contrasts import ParadoxEstimate
from recovery_research.analyses.tilts import (
    ALIKE_DOWN,
    ALIKE_UP,
    APART_DOWN,
    APART_UP,
    Pair,
    Tilting,
    find_turn,
)
from recovery_research.analyses.verdicts import CANNOT_TELL, Bounds, place_interval
from recovery_research.results import Result
from recovery_research.said_names import say

NOWHERE = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class MissingProbe(Result):
    """What is found of those whose outcome is known, and where the others turn it.

    Attributes
    ----------
    outcome, policy, treated, control
        What was compared.
    estimate, ci_low, ci_high, confidence : float
        Treated minus control, of those known, with its interval.
    verdict : str
        See `verdicts.decide`.
    place : str
        Where the interval lies against its bounds: ``higher``, ``lower``, ``not
        higher``, ``not lower``, ``no difference worth naming`` or ``cannot tell``
        (`verdicts.place_interval`). Verdicts rest on it.
    n_treated, n_control : int
        Customers whose outcome is known.
    n_missing_treated, n_missing_control : int
        Customers whose outcome is unknown.
    mean_treated, mean_control : float
        Of those known.
    lowest, highest : float
        What an unknown outcome can be.
    limits_source : str
        Who says so.
    worst_low, worst_high : float
        The contrast with all unknown outcomes at the extreme least, or most,
        favourable to the treated.
    worst_ci_low, worst_ci_high : float
        Outer limits of the two.
    turns : bool
        Whether `place` is another for some values of the unknown outcomes: then more
        than a few are unknown, however many they are.
    turns_to : str
        The place just past the turning point; empty if it does not turn.
    tipping_point : float
        How far the unknown must lie from the known, on average and in the outcome's
        unit, for the place to turn: the treated's by this much (with sign), the
        control's by as much the other way. NaN if it never turns.
    tipping_spread : float
        The same in standard deviations of the known outcomes.
    tipping_mean_treated, tipping_mean_control : float
        Mean of each group's unknown outcomes at that point; NaN for a group in which
        none is unknown.
    tipping_alike : float
        How far, with sign, if those of both groups lie off the same way; NaN if the
        place never turns so.
    note : str
        What could not be done; empty otherwise.
    """

    outcome: str
    policy: str | None
    treated: str
    control: str
    estimate: float
    ci_low: float
    ci_high: float
    confidence: float
    verdict: str
    place: str
    n_treated: int
    n_control: int
    n_missing_treated: int
    n_missing_control: int
    mean_treated: float
    mean_control: float
    lowest: float
    highest: float
    limits_source: str
    worst_low: float
    worst_high: float
    worst_ci_low: float
    worst_ci_high: float
    turns: bool
    turns_to: str
    tipping_point: float
    tipping_spread: float
    tipping_mean_treated: float
    tipping_mean_control: float
    tipping_alike: float
    note: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.place}; {say_tipping(self)}"


def tip(
    known: ParadoxEstimate,
    parts: Sequence[NDArray[np.float64]],
    limits: Pair,
    source: str,
    ends: Sequence[ParadoxEstimate] | None,
    note: str,
) -> MissingProbe:
    """Tilt a contrast until what is found turns.

    Parameters
    ----------
    known : ParadoxEstimate
        The contrast, of those known; perhaps an adjusted one, of the same fields.
    parts : two float64 arrays
        The outcomes of treated and control, NaN where unknown.
    limits : (float, float)
        What an unknown outcome can be.
    source : str
        Who says so.
    ends : pair of ParadoxEstimate or None
        The contrast of the tables filled in at either extreme; None to go by the law
        of the tilt alone.
    note : str
        What is to be said.
    """
    tilting = start_tilting(known, parts, limits, ends)
    bounds = Bounds(known.equivalence_low, known.equivalence_high, known.bounds_source)
    apart = alike = None
    if tilting is not None:
        apart = find_turn(tilting, bounds, (APART_DOWN, APART_UP))
        alike = find_turn(tilting, bounds, (ALIKE_DOWN, ALIKE_UP))
    unknown = [int(np.isnan(values).sum()) for values in parts]
    means = [_mean(values) for values in parts]
    shifts = apart.shifts if apart else NOWHERE
    tipped = [
        mean + shift if k else math.nan
        for mean, shift, k in zip(means, shifts, unknown, strict=True)
    ]
    spread = pooled_spread(parts)
    names = ("outcome", "policy", "treated", "control", "estimate", "ci_low", "ci_high",
             "confidence", "verdict")  # fmt: skip
    return MissingProbe(
        **{name: getattr(known, name) for name in names},
        place=place_interval(known.ci_low, known.ci_high, bounds),
        n_treated=parts[0].size - unknown[0],
        n_control=parts[1].size - unknown[1],
        n_missing_treated=unknown[0],
        n_missing_control=unknown[1],
        mean_treated=means[0],
        mean_control=means[1],
        lowest=limits[0],
        highest=limits[1],
        limits_source=source,
        **bound_worst(known, tilting, limits, ends),
        turns=apart is not None,
        turns_to=apart.place if apart else "",
        tipping_point=apart.tilt if apart else math.nan,
        tipping_spread=apart.tilt / spread if apart and spread > 0.0 else math.nan,
        tipping_mean_treated=tipped[0],
        tipping_mean_control=tipped[1],
        tipping_alike=alike.tilt if alike else math.nan,
        note=note,
    )


def start_tilting(
    known: ParadoxEstimate,
    parts: Sequence[NDArray[np.float64]],
    limits: Pair,
    ends: Sequence[ParadoxEstimate] | None,
) -> Tilting | None:
    """Return what is to be tilted; None where there is nothing to tilt."""
    unknown = tuple(float(np.isnan(values).mean()) for values in parts)
    if math.isnan(known.ci_low) or not any(unknown) or not limits[0] < limits[1]:
        return None
    z = float(ndtri(0.5 + known.confidence / 2.0))
    present = [values[~np.isnan(values)] for values in parts]
    worst = tuple((end.ci_low, end.ci_high) for end in ends) if ends else (NOWHERE,) * 2
    return Tilting(
        estimate=known.estimate,
        ci_low=known.ci_low,
        ci_high=known.ci_high,
        z=z,
        means=tuple(float(values.mean()) for values in present),
        sizes=tuple(float(values.size) for values in parts),
        unknown=unknown,
        lowest=limits[0],
        highest=limits[1],
        worst=worst,
    )


def bound_worst(
    known: ParadoxEstimate,
    tilting: Tilting | None,
    limits: Pair,
    ends: Sequence[ParadoxEstimate] | None,
) -> dict[str, float]:
    """Return the contrast at either extreme with outer limits, as fields."""
    if tilting is not None:
        (low, ci_low), (high, ci_high) = (
            (tilting.contrast(way, 1.0), tilting.limits(way, 1.0)[side])
            for side, way in enumerate((APART_DOWN, APART_UP))
        )
    elif ends is not None:
        low, ci_low = ends[0].estimate, ends[0].ci_low
        high, ci_high = ends[1].estimate, ends[1].ci_high
    else:
        low = high = known.estimate
        ci_low, ci_high = known.ci_low, known.ci_high
    if tilting is not None or ends is not None:
        # No difference is beyond what is possible; NaN compares as false.
        reach = limits[1] - limits[0]
        ci_low = ci_low if ci_low > -reach else -reach
        ci_high = ci_high if ci_high < reach else reach
    return {
        "worst_low": low, "worst_high": high, "worst_ci_low": ci_low,
        "worst_ci_high": ci_high,
    }  # fmt: skip


def say_tipping(row: object, *, unit: str = "") -> str:
    """Say in words how many outcomes are unknown, and what they would have to be.

    Parameters
    ----------
    row : MissingProbe or row of its frame
        What was found.
    unit : str, optional
        What the outcome is counted in.
    """
    groups = [
        (say(getattr(row, side)), *(
            getattr(row, f"{field}_{side}")
            for field in ("n", "n_missing", "mean", "tipping_mean")
        ))
        for side in ("treated", "control")
    ]  # fmt: skip
    groups = [group for group in groups if group[2]]
    if not groups:
        return "no outcome is unknown"
    counts = " and ".join(
        f"{missing:,} of {known + missing:,} {name}"
        for name, known, missing, _, _ in groups
    )
    said = f"the outcome is unknown for {counts}"
    if row.place == CANNOT_TELL:
        return said
    if not row.turns:
        return f"{said}; whatever it is, '{row.place}' stays"
    unit = f" {unit}" if unit else ""
    there = " and ".join(
        f"{tipped:.3g} ({name}: {abs(tipped - mean):.3g} "
        f"{'below' if tipped < mean else 'above'} the known)"
        for name, _, _, mean, tipped in groups
    )
    there = f"{there}{unit}"
    said += f"; '{row.place}' turns to '{row.turns_to}' once these average {there}"
    if not math.isnan(row.tipping_spread):
        said += f", {abs(row.tipping_spread):.2g} standard deviations off"
    if len(groups) < 2:
        return said
    if math.isnan(row.tipping_alike):
        return f"{said}; off the same way in both groups, it does not turn"
    return f"{said}; off the same way in both groups, at {row.tipping_alike:+.3g}{unit}"


def pooled_spread(parts: Sequence[NDArray[np.float64]]) -> float:
    """Return the standard deviation within groups of the known; NaN if none is."""
    squares, freedom = 0.0, 0
    for values in parts:
        known = values[~np.isnan(values)]
        if known.size > 1:
            squares += float(((known - known.mean()) ** 2).sum())
            freedom += known.size - 1
    return math.sqrt(squares / freedom) if freedom else math.nan


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
