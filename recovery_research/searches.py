"""Looking for worlds that show given figures, and for all that show them as well."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .claims import Moment, Target
from .terminal_texts import bare_stream
from .worlds import World

# A fit in which hardly anyone complains or hardly anyone is recovered would meet the
# figures on a handful of customers. These are floors, not targets.
GUARDS = {"complained_of_failed": 1 / 20, "recovered_of_answered": 1 / 5}
# How strongly a search is drawn to where it began, in target widths per whole range;
# it decides among coefficients the figures do not tell apart.
PULL = 0.1
# What a figure that cannot be measured at all counts as, in target widths.
UNMEASURED = 1000.0

Measure = Callable[[World], Mapping[str, Moment]]


class Trial(NamedTuple):
    """One world that was tried: where, what it showed, and how far off that is."""

    position: NDArray[np.float64]
    moments: Mapping[str, Moment]
    misses: NDArray[np.float64]

    @property
    def loss(self) -> float:
        """Return the sum of squares of the compressed misses."""
        return float(self.misses @ self.misses)


class Search:
    """Worlds tried on the way to a fit; every one is simulated once and kept.

    Parameters
    ----------
    world : World
        Gives the coefficients that are not searched.
    targets : sequence of Target
        What the world should show.
    free : mapping of str to (float, float)
        Coefficients searched and their ranges.
    measure : callable
        From a world to its moments, always with the same luck.
    begin : mapping of str to float
        Where the search begins.
    """

    def __init__(
        self,
        world: World,
        targets: Sequence[Target],
        free: Mapping[str, tuple[float, float]],
        measure: Measure,
        begin: Mapping[str, float],
    ) -> None:
        self.world = world
        self.targets = list(targets)
        self.names = list(free)
        self.low = np.array([low for low, _ in free.values()])
        self.high = np.array([high for _, high in free.values()])
        self.measure = measure
        self.begin = begin
        self.trials: dict[bytes, Trial] = {}

    def world_at(self, position: NDArray[np.float64]) -> World:
        """Return the world at a position, each coordinate 0 to 1 of its range.

        Values have four digits, so that what is written down is what was tried.
        """
        values = self.low + np.clip(position, 0.0, 1.0) * (self.high - self.low)
        named = {
            name: float(f"{value:.4g}")
            for name, value in zip(self.names, values, strict=True)
        }
        return self.world.but(self.world.name, **named)

    def start(self) -> NDArray[np.float64]:
        """Return where the search begins: at `begin`, else the world's own values."""
        values = [self.begin.get(name, self.world[name]) for name in self.names]
        return np.clip((np.array(values) - self.low) / (self.high - self.low), 0.0, 1.0)

    def attempt(self, position: NDArray[np.float64]) -> Trial:
        """Simulate the world at a position, unless that was done before."""
        key = np.asarray(position, dtype=np.float64).tobytes()
        if key not in self.trials:
            moments = self.measure(self.world_at(position))
            misses = weigh_misses(self.targets, moments)
            self.trials[key] = Trial(np.array(position), moments, misses)
        return self.trials[key]

    def refine(
        self, start: NDArray[np.float64], *, without: str | None = None
    ) -> Trial:
        """Descend from a position by least squares, some target left out if asked."""
        from scipy.optimize import least_squares

        kept = np.array([target.moment != without for target in self.targets])
        kept = np.concatenate([kept, np.ones(len(GUARDS), dtype=bool)])

        def misses(position: NDArray[np.float64]) -> NDArray[np.float64]:
            trial = self.attempt(position)
            return np.concatenate([trial.misses[kept], PULL * (position - start)])

        # Steps of a twentieth: with the same luck the figures move in small jumps,
        # which finer differences would take for slopes.
        result = least_squares(
            misses, np.clip(start, 0.01, 0.99), bounds=(0.0, 1.0), diff_step=0.05,
            max_nfev=30,
        )  # fmt: skip
        return self.attempt(result.x)


def weigh_misses(
    targets: Sequence[Target], moments: Mapping[str, Moment]
) -> NDArray[np.float64]:
    """Return misses in half widths of what counts as met, large ones compressed.

    The inverse hyperbolic sine is linear for small misses and logarithmic for large,
    so that one hopeless figure does not drown the others.
    """
    misses = []
    for target in targets:
        miss = moments[target.moment].value - target.value
        width = target.high - target.value if miss > 0 else target.value - target.low
        misses.append(miss / width if np.isfinite(miss) else UNMEASURED)
    for name, floor in GUARDS.items():
        value = moments[name].value if name in moments else floor
        short = (floor - value) / (0.05 * floor)
        misses.append(max(short, 0.0) if np.isfinite(value) else UNMEASURED)
    return np.arcsinh(np.array(misses))


def find_best(search: Search, *, n_starts: int, n_refined: int, seed: int) -> Trial:
    """Return the best world: Latin hypercube first, then least squares."""
    from scipy.stats import qmc
    from tqdm import tqdm

    points = qmc.LatinHypercube(len(search.names), rng=seed).random(n_starts)
    starts = [search.start(), *points]
    shown = {"file": bare_stream(sys.stderr), "disable": not sys.stderr.isatty()}
    tried = [search.attempt(point) for point in
             tqdm(starts, desc="starts", leave=False, **shown)]  # fmt: skip
    tried.sort(key=lambda trial: trial.loss)
    chosen = [search.attempt(starts[0]), *tried[:n_refined]]
    refined = [search.refine(trial.position) for trial in
               tqdm(chosen, desc="refining", leave=False, **shown)]  # fmt: skip
    return min([*tried, *refined], key=lambda trial: trial.loss)


def is_as_good(trial: Trial, best: Trial) -> bool:
    """Return whether a world's figures are met where the best world's are.

    Where the best world itself misses a figure, another may miss it by half a width
    more (0.5 in compressed widths).
    """
    met, missed = np.arcsinh(1.0), np.abs(best.misses)
    allowed = np.where(missed <= met, met, missed + 0.5)
    return bool((np.abs(trial.misses) <= allowed).all())


def explore(search: Search, best: Trial, *, n_steps: int, seed: int) -> list[Trial]:
    """Walk at random through worlds whose figures are as good as the best.

    Steps are long in the directions that the figures hardly notice, as seen from the
    best world, longer after success and shorter after failure. Every acceptable world
    met anywhere in the search is returned too.
    """
    from tqdm import tqdm

    generator = np.random.default_rng(seed)
    here, reach = best, 0.5
    stretch = find_loose_directions(search, best)
    shown = {"file": bare_stream(sys.stderr), "disable": not sys.stderr.isatty()}
    for _ in tqdm(range(n_steps), desc="exploring", leave=False, **shown):
        step = stretch @ generator.standard_normal(len(search.names))
        position = np.clip(here.position + reach * step, 0.0, 1.0)
        trial = search.attempt(position)
        accepted = is_as_good(trial, best)
        here = trial if accepted else here
        reach = float(np.clip(reach * (1.3 if accepted else 0.9), 0.05, 2.0))
    others = [trial for trial in search.trials.values()
              if trial is not best and is_as_good(trial, best)]  # fmt: skip
    return [best, *sorted(others, key=lambda trial: trial.loss)]


def find_loose_directions(search: Search, best: Trial) -> NDArray[np.float64]:
    """Return the matrix that turns a round cloud of steps into one the figures allow.

    It is the square root of the inverse of J'J, J being how the misses change with
    each coordinate; no direction is stretched over a quarter of the whole range.
    """
    step = 0.05
    columns = []
    for k in range(len(search.names)):
        moved = best.position.copy()
        moved[k] += step if moved[k] < 0.5 else -step
        trial = search.attempt(moved)
        columns.append((trial.misses - best.misses) / (moved[k] - best.position[k]))
    slopes = np.column_stack(columns)
    sizes, axes = np.linalg.eigh(slopes.T @ slopes)
    lengths = np.minimum(1.0 / np.sqrt(np.maximum(sizes, 1e-12)), 0.25)
    return (axes * lengths) @ axes.T
