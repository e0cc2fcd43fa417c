"""Does a world do what it is there for? Its stored coefficients put to the test."""

import pandas as pd

from .claims import compare_moments, list_targets, measure_claims
from .experiments import check_choice
from .patterns import check_pattern
from .populations import Population
from .worlds import WORLD_NAMES, World

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

    The seed is not the one the coefficients were fitted with, and customers are
    counted as a survey would count them, so this is a test and no repetition.

    Parameters
    ----------
    world : World
        The world to test.
    against : str, optional
        ``claims``, the practitioners' figures, or ``evidence``, the pattern of the
        reviewed studies; by default the world's own name.
    n_customers : int, optional
        Customers in each simulation; by default 400,000 for ``claims``, whose groups
        are small, and 20,000 for ``evidence``, whose customers are forked.
    population : Population, optional
        By default ``webshop``.
    seed : int, optional
        Seed of the simulations.
    threads : int, optional
        As in `simulate`.

    Returns
    -------
    DataFrame
        For ``claims``: ``moment, target, achieved, miss, std_error, low, high, met, n,
        meaning``, where `n` is the size of the smallest group behind the figure. For
        ``evidence``: ``statement, holds, estimate, ci_low, ci_high, confidence, n,
        unit``.

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
    moments = measure_claims(world, fork=False, **options)
    return compare_moments(list_targets(), moments)
