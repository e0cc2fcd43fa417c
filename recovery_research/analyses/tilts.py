"""A contrast if those whose outcome is unknown differ from those who are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from recovery_research.analyses.verdicts import CANNOT_TELL, Bounds, place_interval

Pair = tuple[float, float]
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
        return tuple(
            max(0.0, mean - self.lowest if side < 0 else self.highest - mean)
            if unknown
            else 0.0
            for mean, side, unknown in zip(self.means, way, self.unknown, strict=True)
        )

    def shifts(self, way: tuple[int, int], far: float) -> Pair:
        """Return by how much the unknown are moved, `far` of the way, with sign."""
        rooms = self.rooms(way)
        reach = far * max(rooms)
        return tuple(
            side * min(reach, room) for side, room in zip(way, rooms, strict=True)
        )

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

        # What all unknown outcomes at their worst do not turn, no milder ones do.
        apart = way in (APART_DOWN, APART_UP)
        far = (
            None
            if apart and place(1.0) == now
            else _first_turn(lambda part, place=place: place(part) != now)
        )
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
