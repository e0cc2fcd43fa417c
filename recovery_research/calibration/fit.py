"""Fitting a world to published figures by simulated moments, and how far that goes."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research._checks import did_you_mean
from recovery_research.atomic_files import making_whole
from recovery_research.calibration.claims import (
    Moment,
    Target,
    compare_moments,
    list_targets,
    measure_claims,
)
from recovery_research.model.populations import Population, load_population
from recovery_research.model.worlds import World, load_world
from recovery_research.results import Result
from recovery_research.spreadsheet_cells import write_csv
from recovery_research.texts import bare_stream

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


# What is searched, and within which range. The rest of the world keeps its values.
SEARCHED = {
    "failure_probability": (0.02, 0.35),
    "voice_base": (-4.5, 0.0),
    "expectation_base": (-0.8, 0.8),
    "prior_failure_a": (0.5, 8.0),
    "prior_recovery_a": (0.1, 3.0),
    "prior_recovery_b": (0.1, 3.0),
    "silence_weight": (0.0, 1.0),
    "trust_weight": (0.1, 2.0),
    "hurt": (0.0, 4.0),
    "delight": (0.0, 1.5),
    "double_deviation": (0.0, 3.0),
    "affect_weeks": (2.0, 26.0),
    "loyalty_gain_bound": (0.3, 3.0),
    "purchase_link": (0.0, 0.6),
    "dropout_link": (0.3, 5.0),
}
# Where the search begins: what a wider search (256 starts, four refined) had come to.
# It is not read from the world, so that fitting again gives the same again.
START = {
    "failure_probability": 0.09,
    "voice_base": -3.92,
    "expectation_base": -0.7,
    "prior_failure_a": 7.0,
    "prior_recovery_a": 0.24,
    "prior_recovery_b": 0.13,
    "silence_weight": 0.29,
    "trust_weight": 1.22,
    "hurt": 2.75,
    "delight": 1.12,
    "double_deviation": 2.44,
    "affect_weeks": 18.0,
    "loyalty_gain_bound": 0.65,
    "purchase_link": 0.007,
    "dropout_link": 2.55,
}


@dataclass(frozen=True, slots=True, eq=False)
class Calibration(Result):
    """A world fitted to published figures, and what the fit does and does not settle.

    Attributes
    ----------
    world : World
        The best world found.
    fit : DataFrame
        As `claims.compare_moments` gives it, ``verdict`` included.
    acceptable : DataFrame
        One row for every world found whose figures are as good: the coefficients
        searched, the figures, and ``loss``. The first row is the best.
    pinned : DataFrame
        One row per coefficient searched: ``coefficient, value, acceptable_low,
        acceptable_high, search_low, search_high, share_of_range, pinned_down``
        (the acceptable worlds found span less than a quarter of the range searched;
        a longer walk could find more, so pinned down is said too often, if wrongly).
    trade_offs : DataFrame
        The figures of the best fit to all targets, and of the best fit with each
        missed target left out: ``left_out, moment, target, achieved, std_error,
        ci_low, ci_high, met, verdict, n``.
    n_trials : int
        Worlds simulated.
    """

    world: World
    fit: pd.DataFrame
    acceptable: pd.DataFrame
    pinned: pd.DataFrame
    trade_offs: pd.DataFrame
    n_trials: int

    def to_frame(self) -> pd.DataFrame:
        """Return the fit table: target, achieved and miss of each figure."""
        return self.fit


def calibrate(
    targets: Sequence[Target] | None = None,
    *,
    world: World | None = None,
    free: Mapping[str, tuple[float, float]] | None = None,
    population: Population | None = None,
    n_customers: int = 16_384,
    n_starts: int = 64,
    n_refined: int = 1,
    n_explored: int = 500,
    seed: int = 0,
    threads: int | None = None,
) -> Calibration:
    """Fit a world to published figures by simulated moments.

    Every world tried lives under the same luck, so that a difference between two
    worlds' figures is due to their coefficients. The search starts from a Latin
    hypercube, descends from the best starts by least squares, and walks away from the
    best fit as far as the figures stay as good.

    Parameters
    ----------
    targets : sequence of Target, optional
        By default the practitioners' figures, `claims.list_targets`.
    world : World, optional
        Where the other coefficients come from; by default ``claims``.
    free : mapping of str to (float, float), optional
        Coefficients searched and their ranges; by default `SEARCHED`.
    population : Population, optional
        By default ``webshop``.
    n_customers : int, optional
        Customers in each simulation.
    n_starts, n_refined, n_explored : int, optional
        Starts of the hypercube, how many of the best are refined, and steps of the
        walk through acceptable fits.
    seed : int, optional
        Seed of the customers' luck and of the search.
    threads : int, optional
        As in `simulate`.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        If a coefficient to be searched is unknown, a range is empty or leaves the
        coefficient's own, or there is no target.

    References
    ----------
    McFadden, D. (1989). A method of simulated moments for estimation of discrete
    response models without numerical integration. Econometrica, 57(5), 995-1026.
    """
    targets = list_targets() if targets is None else list(targets)
    world = load_world("claims") if world is None else world
    free = dict(SEARCHED if free is None else free)
    check_search(targets, world, free)
    population = load_population("webshop") if population is None else population

    def measure(tried: World) -> dict[str, Moment]:
        return measure_claims(
            tried, n_customers=n_customers, population=population, seed=seed,
            threads=threads,
        )  # fmt: skip

    search = Search(world, targets, free, measure, START)
    best = find_best(search, n_starts=n_starts, n_refined=n_refined, seed=seed)
    acceptable = explore(search, best, n_steps=n_explored, seed=seed)
    table = tabulate_trials(search, acceptable)
    return Calibration(
        world=search.world_at(best.position),
        fit=compare_moments(targets, best.moments),
        acceptable=table,
        pinned=tabulate_pinned(search, table),
        trade_offs=trade_off(search, best),
        n_trials=len(search.trials),
    )


def check_search(
    targets: Sequence[Target], world: World, free: Mapping[str, tuple[float, float]]
) -> None:
    """Refuse a search without a target, or outside the coefficients' ranges."""
    if not targets:
        raise ValueError("there is no target; give at least one figure to fit.")
    for name, (low, high) in free.items():
        if name not in world.ledger:
            raise ValueError(
                f"there is no coefficient {name!r} to search."
                f"{did_you_mean(name, world.ledger)}"
            )
        own = world.ledger[name]
        if not own.low <= low < high <= own.high:
            raise ValueError(
                f"{name} is searched within {own.low:g} to {own.high:g}, from low to "
                f"high; got {(low, high)}."
            )


def tabulate_trials(search: Search, trials: Sequence[Trial]) -> pd.DataFrame:
    """Return one row a world: its coefficients, its figures, and the loss."""
    rows = []
    for trial in trials:
        world = search.world_at(trial.position)
        row = {name: world[name] for name in search.names}
        row |= {name: moment.value for name, moment in trial.moments.items()}
        rows.append(row | {"loss": trial.loss})
    return pd.DataFrame(rows)


def tabulate_pinned(search: Search, acceptable: pd.DataFrame) -> pd.DataFrame:
    """Return how far each coefficient may go while the figures stay as good."""
    rows = []
    for name, low, high in zip(search.names, search.low, search.high, strict=True):
        values = acceptable[name]
        share = float(values.max() - values.min()) / float(high - low)
        rows.append(
            {
                "coefficient": name,
                "value": float(values.iloc[0]),
                "acceptable_low": float(values.min()),
                "acceptable_high": float(values.max()),
                "search_low": float(low),
                "search_high": float(high),
                "share_of_range": share,
                "pinned_down": share < 0.25,
            }
        )
    return pd.DataFrame(rows)


def trade_off(search: Search, best: Trial) -> pd.DataFrame:
    """Return what the figures could be if each missed one were given up.

    A figure that is missed together with others, and whose absence lets these be met,
    cannot be true at once with them in this model.
    """
    tables = [describe_trial(search, best, "none")]
    fit = compare_moments(search.targets, best.moments)
    for name in fit.loc[~fit["met"], "moment"]:
        trial = search.refine(best.position, without=name)
        tables.append(describe_trial(search, trial, name))
    return pd.concat(tables, ignore_index=True)


def describe_trial(search: Search, trial: Trial, left_out: str) -> pd.DataFrame:
    """Return the figures of one world with the target that was given up for it."""
    table = compare_moments(search.targets, trial.moments)
    table.insert(0, "left_out", left_out)
    columns = ["left_out", "moment", "target", "achieved", "std_error", "ci_low",
               "ci_high", "met", "verdict", "n"]  # fmt: skip
    return table[columns]


def write_calibration(calibration: Calibration, folder: Path) -> list[Path]:
    """Write a fitted world's coefficients and what the fit does and does not settle."""
    name = calibration.world.name
    searched = set(calibration.pinned["coefficient"])
    world = calibration.world.ledger.to_frame().rename(columns={"name": "coefficient"})
    fitted = world["coefficient"].isin(searched)
    world.loc[fitted, "evidence_class"] = "calibrated"
    world.loc[fitted, "source"] = f"fitted to data/claims.csv; see data/fit-{name}.csv"
    tables = {
        f"world-{name}.csv": world[
            ["coefficient", "value", "evidence_class", "source"]
        ],
        f"fit-{name}.csv": calibration.fit,
        f"fit-{name}-pinned.csv": calibration.pinned,
        f"fit-{name}-trade-offs.csv": calibration.trade_offs,
    }
    written = []
    for file, table in tables.items():
        with making_whole(folder / file) as fresh:
            write_csv(table, fresh)
        written.append(folder / file)
    return written
