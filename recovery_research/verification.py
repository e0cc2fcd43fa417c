"""Does a world do what it is there for? Its stored coefficients put to the test."""

import numpy as np
import pandas as pd

from .claims import compare_moments, list_targets
from .experiments import Experiment, check_choice
from .forks import contrast_forks, tabulate_forks
from .moments import measure_claims
from .outcomes import tabulate_customers
from .patterns import check_pattern
from .policies import load_policies
from .populations import Population, expect_alive, expect_orders, load_population
from .simulation import simulate
from .worlds import MECHANISMS, WORLD_NAMES, World, load_world

DEFAULT_CUSTOMERS = {"claims": 400_000, "evidence": 20_000}


def check_targets(
    world: World,
    *,
    against: str | None = None,
    n_customers: int | None = None,
    population: Population | None = None,
    seed: int = 1,
    threads: int | None = None,
) -> pd.DataFrame:
    """Put a world's stored coefficients to the test again by simulation.

    The seed is not the one the coefficients were fitted with, and there are many more
    customers, so this is a test and no repetition. Every customer's index order fails,
    or does not: a survey that waits for failures cannot tell at any size one can wait
    for.

    Parameters
    ----------
    world : World
        The world to test.
    against : str, optional
        ``claims``, the practitioners' figures, or ``evidence``, the pattern of the
        reviewed studies; by default the world's own name.
    n_customers : int, optional
        Customers in each simulation; by default 400,000 for ``claims``, whose figures
        have narrow targets, and 20,000 for ``evidence``.
    population : Population, optional
        By default ``webshop``.
    seed : int, optional
        Seed of the simulations.
    threads : int, optional
        As in `simulate`.

    Returns
    -------
    DataFrame
        For ``claims`` that of `claims.compare_moments`, where `n` is the size of the
        smallest group behind the figure and ``verdict`` is ``met``, ``missed`` or
        ``cannot tell``. For ``evidence``: ``statement, holds, estimate, ci_low,
        ci_high, confidence, n, unit``.

    Raises
    ------
    ValueError
        If it is not said what a world of another name is to be held against.

    Examples
    --------
    >>> from recovery_research.worlds import load_world
    >>> table = check_targets(load_world("evidence"), n_customers=4000)
    >>> table.columns[:2].tolist()
    ['statement', 'holds']
    """
    against = world.name if against is None else against
    check_choice("against", against, WORLD_NAMES)
    if n_customers is None:
        n_customers = DEFAULT_CUSTOMERS[against]
    options = {"n_customers": n_customers, "population": population, "seed": seed,
               "threads": threads}  # fmt: skip
    if against == "evidence":
        return check_pattern(world, **options)
    moments = measure_claims(world, **options)
    return compare_moments(list_targets(), moments)


def check_customer_base(
    population: Population, *, n_customers: int, weeks: float = 104.0, seed: int = 0
) -> pd.DataFrame:
    """Hold the simulator, every effect off, against the BG/NBD closed forms.

    Parameters
    ----------
    population : Population
        Whose customers.
    n_customers : int
        How many are simulated.
    weeks : float, optional
        Length of observation.
    seed : int, optional
        Seed of the simulation.

    Returns
    -------
    DataFrame
        Two rows: ``population, quantity, closed_form, simulated, std_error,
        errors_apart`` (simulated minus closed form, in standard errors).
    """
    experiment = Experiment(
        world=load_world("evidence").without(*MECHANISMS),
        policies=[load_policies()["consistent"]], population=population,
        n_customers=n_customers, weeks=weeks, seed=seed,
    )  # fmt: skip
    customers = tabulate_customers(simulate(experiment))
    quantities = {
        "orders per customer": (expect_orders, customers["n_orders"]),
        "share still a customer": (expect_alive, customers["left_week"].isna()),
    }
    rows = [
        (population.name, name, expect(population, weeks), float(values.mean()),
         float(values.std(ddof=1) / np.sqrt(n_customers)))
        for name, (expect, values) in quantities.items()
    ]  # fmt: skip
    columns = ["population", "quantity", "closed_form", "simulated", "std_error"]
    table = pd.DataFrame(rows, columns=columns)
    miss = table["simulated"] - table["closed_form"]
    return table.assign(errors_apart=miss / table["std_error"])


def check_boundary(
    world: World, *, n_customers: int = 1000, seed: int = 0
) -> dict[str, object]:
    """Hold the algebra of trust after a first failure against the simulation.

    Parameters
    ----------
    world : World
        Gives the beliefs.
    n_customers : int, optional
        How many are simulated; the contrast is the same for each.
    seed : int, optional
        Seed of the simulation.

    Returns
    -------
    dict
        ``world, taken_for_granted`` (a_f w), ``known`` (a_r + b_r), ``algebra_gains``
        (the first exceeds the second) and ``trust_gain`` (simulated: recovered minus
        no failure, the cause not explained and no follow-up).
    """
    plain = load_policies()["g_own_it"].but("plain", communication=0.0, follow_up=0.0)
    experiment = Experiment(
        world=world, policies=[plain], population=load_population("webshop"),
        n_customers=n_customers, seed=seed,
    )  # fmt: skip
    forks = tabulate_forks(experiment, ways=["no_failure", "recovered"])
    granted = world["prior_failure_a"] * world["recovery_weight"]
    known = world["prior_recovery_a"] + world["prior_recovery_b"]
    return {
        "world": world.name,
        "taken_for_granted": granted,
        "known": known,
        "algebra_gains": granted > known,
        "trust_gain": contrast_forks(forks, outcome="trust").estimate,
    }
