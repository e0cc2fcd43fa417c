"""How far unknown outcomes would have to lean to turn a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from recovery_research.analysis.contrasts import ParadoxEstimate
from recovery_research.analysis.verdicts import CANNOT_TELL, Bounds, place_interval
from recovery_research.results import Result
from recovery_research.texts import say

Pair = tuple[float, float]
# What is tilted: a contrast, or as much of an adjusted one as a probe needs.
Known = ParadoxEstimate | SimpleNamespace
# How the unknown of (treated, control) are moved: apart, which moves the contrast
# most, or both the same way.
APART_DOWN, APART_UP = (-1, 1), (1, -1)
ALIKE_DOWN, ALIKE_UP = (-1, -1), (1, 1)
# What is found is looked up this often between no tilt and the largest one possible; a
# turn is then found by halving the step in which it lies.
STEPS = 64
HALVINGS = 48
# What it turns to is looked up a hair further, off the point at which a limit equals 0.
PAST = 1e-6
# Half of the way the end is felt by a sixteenth.
LATE = 4


@dataclass(frozen=True, slots=True)
class Tilting:
    """A contrast with its interval, and what is needed to tilt it.

    Values of treated and control stand in pairs.

    Attributes
    ----------
    estimate, ci_low, ci_high : float
        The contrast of those known.
    z : float
        Normal quantile of the interval's level.
    means : (float, float)
        Of those known.
    sizes, unknown : (float, float)
        All customers, and the share of them whose outcome is unknown.
    lowest, highest : float
        What an outcome can be.
    worst : tuple of (float, float)
        Limits of the contrast with all unknown outcomes at the extreme that moves it
        down, and up; NaN to go by the law of `limits` alone.
    """

    estimate: float
    ci_low: float
    ci_high: float
    z: float
    means: Pair
    sizes: Pair
    unknown: Pair
    lowest: float
    highest: float
    worst: tuple[Pair, Pair]

    def rooms(self, way: tuple[int, int]) -> Pair:
        """Return how far each group's unknown can lie from its known ones."""
        own, other = (
            max(0.0, mean - self.lowest if side < 0 else self.highest - mean)
            if unknown
            else 0.0
            for mean, side, unknown in zip(self.means, way, self.unknown, strict=True)
        )
        return own, other

    def shifts(self, way: tuple[int, int], far: float) -> Pair:
        """Return by how much the unknown are moved, `far` of the way, with sign."""
        rooms = self.rooms(way)
        reach = far * max(rooms)
        return way[0] * min(reach, rooms[0]), way[1] * min(reach, rooms[1])

    def contrast(self, way: tuple[int, int], far: float) -> float:
        """Return the contrast of everybody, known and unknown."""
        shifts = self.shifts(way, far)
        return self.estimate + self.unknown[0] * shifts[0] - self.unknown[1] * shifts[1]

    def limits(self, way: tuple[int, int], far: float) -> Pair:
        """Return limits of the contrast of everybody.

        A group's mean is m + u d, with m of the known, u the share unknown and d the
        shift; m has the error it had, and u its own, u (1 - u) / N. Untilted the
        limits are the contrast's own. Where the shift has come to what is possible it
        is no longer what it was said to be but ends there, so that towards the end
        the limits become those of the table filled in, if these are known.
        """
        middle = self.contrast(way, far)
        low, high = self._arms(way, far)
        moved = middle - self.estimate
        end = self.worst[0 if moved < 0.0 or (moved == 0.0 and way[0] < 0) else 1]
        if not math.isnan(end[0]):
            last, arms = self.contrast(way, 1.0), self._arms(way, 1.0)
            low *= _blend(last - end[0], arms[0], far)
            high *= _blend(end[1] - last, arms[1], far)
        return middle - low, middle + high

    def _arms(self, way: tuple[int, int], far: float) -> Pair:
        of_shares = sum(
            shift**2 * unknown * (1.0 - unknown) / size
            for shift, unknown, size in zip(
                self.shifts(way, far), self.unknown, self.sizes, strict=True
            )
        )
        below, above = (
            math.hypot(arm, self.z * math.sqrt(of_shares))
            for arm in (self.estimate - self.ci_low, self.ci_high - self.estimate)
        )
        return below, above


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a finding turns, and to what.

    `tilt` is how far the treated's unknown lie off, with sign; `shifts` is how far
    each group's do, which is less where no more is possible.
    """

    shifts: Pair
    tilt: float
    place: str


def find_turn(
    tilting: Tilting, bounds: Bounds, ways: tuple[tuple[int, int], ...]
) -> Turn | None:
    """Return the smallest tilt of some kinds that turns what is found; None if none.

    What is found is where the interval lies (`verdicts.place_interval`), which is finer
    than any verdict. That one cannot tell announces nothing that could turn.
    """
    now = place_interval(tilting.ci_low, tilting.ci_high, bounds)
    if now == CANNOT_TELL:
        return None
    turns = []
    for way in ways:
        if max(tilting.rooms(way)) == 0.0:
            continue

        def place(part: float, way: tuple[int, int] = way) -> str:
            return place_interval(*tilting.limits(way, part), bounds)

        def turned(part: float, place: Callable[[float], str] = place) -> bool:
            return place(part) != now

        # What all unknown outcomes at their worst do not turn, no milder ones do.
        apart = way in (APART_DOWN, APART_UP)
        far = None if apart and place(1.0) == now else _first_turn(turned)
        if far is not None:
            shifts = tilting.shifts(way, far)
            tilt = way[0] * max(abs(shift) for shift in shifts)
            turns.append(Turn(shifts, tilt, place(min(1.0, far + PAST))))
    return min(turns, key=lambda turn: abs(turn.tilt), default=None)


def _first_turn(turned: Callable[[float], bool]) -> float | None:
    """Return the smallest part of the way, from 0 to 1, at which something is so."""
    for step in range(1, STEPS + 1):
        if turned(step / STEPS):
            break
    else:
        return None
    low, high = (step - 1) / STEPS, step / STEPS
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if turned(middle) else (middle, high)
    return high


def _blend(end: float, arm: float, far: float) -> float:
    """Return what an arm is multiplied by on the way to its length at the end."""
    return 1.0 + far**LATE * (end / arm - 1.0) if arm > 0.0 else 1.0


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
    known: Known,
    parts: Sequence[NDArray[np.float64]],
    limits: Pair,
    source: str,
    ends: Sequence[ParadoxEstimate] | None,
    note: str,
) -> MissingProbe:
    """Tilt a contrast until what is found turns."""
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
    known: Known,
    parts: Sequence[NDArray[np.float64]],
    limits: Pair,
    ends: Sequence[ParadoxEstimate] | None,
) -> Tilting | None:
    """Return what is to be tilted; None where there is nothing to tilt."""
    unknown = _pair(float(np.isnan(values).mean()) for values in parts)
    if math.isnan(known.ci_low) or not any(unknown) or not limits[0] < limits[1]:
        return None
    z = float(ndtri(0.5 + known.confidence / 2.0))
    present = [values[~np.isnan(values)] for values in parts]
    worst = (NOWHERE, NOWHERE)
    if ends:
        down, up = ends
        worst = ((down.ci_low, down.ci_high), (up.ci_low, up.ci_high))
    return Tilting(
        estimate=known.estimate,
        ci_low=known.ci_low,
        ci_high=known.ci_high,
        z=z,
        means=_pair(float(values.mean()) for values in present),
        sizes=_pair(float(values.size) for values in parts),
        unknown=unknown,
        lowest=limits[0],
        highest=limits[1],
        worst=worst,
    )


def _pair(values: Iterable[float]) -> Pair:
    own, other = values
    return own, other


class Extremes(TypedDict):
    """The contrast at either extreme, as fields of a probe."""

    worst_low: float
    worst_high: float
    worst_ci_low: float
    worst_ci_high: float


def bound_worst(
    known: Known,
    tilting: Tilting | None,
    limits: Pair,
    ends: Sequence[ParadoxEstimate] | None,
) -> Extremes:
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


def say_tipping(row: MissingProbe, *, unit: str = "") -> str:
    """Say in words how many outcomes are unknown, and what they would have to be."""
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
