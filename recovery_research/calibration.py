"""Fitting a world to published figures by simulated moments, and how far that goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recovery_research.results import Result

from .claims import Moment, Target, compare_moments, list_targets
from .moments import measure_claims
from .near_names import did_you_mean
from .populations import Population, load_population
from .searches import Search, Trial, explore, find_best
from .table_cells import write_csv
from .whole_files import making_whole
from .worlds import World, load_world

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
    """Write a fitted world's coefficients and what the fit does and does not settle.

    Parameters
    ----------
    calibration : Calibration
        The fit.
    folder : Path
        The package's ``data`` folder, or another one.

    Returns
    -------
    list of Path
        ``world-claims.csv``, ``fit-claims.csv``, ``fit-claims-pinned.csv`` and
        ``fit-claims-trade-offs.csv``, each put in place whole.
    """
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
