"""Every order of some customers, written down as they live again."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import _books
from .experiments import Experiment, check_whole
from .justice import form_reply
from .outcomes import INDEX_OUTCOMES, name_kinds
from .populations import TRAIT_BLOCK, expect_orders
from .simulation import History, live_policy, require_memory, traits_of_chunk


def tabulate_orders(
    source: History | Experiment, *, customers: int | Iterable[int] | None = None
) -> pd.DataFrame:
    """Tabulate every order of some customers.

    Parameters
    ----------
    source : History or Experiment
        What was, or is to be, simulated. Customers are simulated again with their
        orders written down; their luck being addressed, they live the same life.
    customers : int or iterable of int, optional
        How many customers, from the first; or the numbers of those wanted. By
        default the first 1,000, or all if there are fewer.

    Returns
    -------
    DataFrame
        One row per policy, customer and order: ``policy, customer, order`` (1 is the
        first), ``week, amount, outcome, severity, kind, complained, resolved, days``
        (from complaint to resolution, missing where nothing was answered, as by a
        policy that answers nobody, whose complaints are ``not_recovered``),
        ``recovery_satisfaction``, ``loyalty_before``, ``trust, affect, obligation,
        loyalty`` (after the order was dealt with) and ``left`` (this was her last).

    Raises
    ------
    MemoryError
        Before anything runs, if the log would not fit into memory.
    ValueError, TypeError
        If a customer is not in the experiment, or is no whole number.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=100,
    ... )
    >>> orders = rr.tabulate_orders(experiment, customers=[7])
    >>> set(orders["customer"])
    {7}
    """
    experiment = source.experiment if isinstance(source, History) else source
    wanted = choose_customers(experiment, customers)
    check_log_size(experiment, len(wanted))
    days = [policy.days_to_resolve for policy in experiment.policies]
    tables = []
    for number in np.unique(wanted // TRAIT_BLOCK):
        here = wanted[wanted // TRAIT_BLOCK == number]
        for p, rows in enumerate(log_chunk(experiment, int(number), here)):
            rows.insert(0, "policy", np.int16(p))
            answered = rows["answered"] & experiment.policies[p].answers
            rows["days"] = np.where(answered, days[p], np.nan)
            tables.append(rows.drop(columns="answered"))
    orders = pd.concat(tables, ignore_index=True)
    names = [policy.name for policy in experiment.policies]
    orders["policy"] = pd.Categorical.from_codes(orders["policy"], categories=names)
    return orders.sort_values(["policy", "customer", "order"], ignore_index=True)


def choose_customers(
    experiment: Experiment, customers: int | Iterable[int] | None
) -> NDArray[np.int64]:
    """Return the numbers of the customers asked for, or say who is not there."""
    most = experiment.n_customers
    if customers is None:
        return np.arange(min(most, 1000))
    if isinstance(customers, str) or not isinstance(
        customers, int | np.integer | Iterable
    ):
        raise TypeError(
            f"customers is a whole number or a list of them; got {customers!r}. For "
            "the first ten write 10, for one of them [7]."
        )
    if isinstance(customers, int | np.integer):
        check_whole("customers", customers, 1, most)
        check_log_size(experiment, int(customers))
        return np.arange(customers)
    chosen = list(customers)
    if not chosen:
        raise ValueError("customers is empty; name at least one, such as [0].")
    for number in chosen:
        check_whole("each of customers", number, 0, most - 1)
    return np.unique(np.array(chosen, dtype=np.int64))


BYTES_A_LOGGED_ORDER = 8 * (len(_books.LOG) + 6)


def check_log_size(experiment: Experiment, n_customers: int) -> None:
    """Refuse an order log that would not fit into memory."""
    each = expect_orders(experiment.population, experiment.weeks)
    # Written once by the loop and once as a table; loyalty may add orders.
    size = 2.5 * BYTES_A_LOGGED_ORDER * each * n_customers * len(experiment.policies)
    require_memory(
        int(size),
        f"about {each * n_customers * len(experiment.policies):,.0f} orders of "
        f"{n_customers:,} customers",
        "Ask for fewer customers: tabulate_orders(..., customers=1000).",
    )


def log_chunk(
    experiment: Experiment, number: int, customers: NDArray[np.int64]
) -> list[pd.DataFrame]:
    """Return the orders of some customers of one chunk, one table a policy."""
    traits = traits_of_chunk(experiment, number)
    weekly = np.zeros((math.ceil(experiment.weeks), len(_books.WEEK)))
    skips = customers - number * TRAIT_BLOCK
    tables = []
    for p, policy in enumerate(experiment.policies):
        reply = form_reply(policy, experiment.world)
        # First to count the orders, then to write them down.
        records = np.empty((len(traits), len(_books.RECORD)))
        live_policy(experiment, reply, number, traits, records, weekly, policy=p)
        sizes = records[:, _books.N_ORDERS].astype(np.int64)
        unwanted = np.setdiff1d(np.arange(len(traits)), skips)
        sizes[unwanted] = 0
        starts = np.concatenate([[0], np.cumsum(sizes)])
        logs = np.zeros((starts[-1], len(_books.LOG)))
        live_policy(
            experiment, reply, number, traits, records, weekly, policy=p, logs=logs,
            log_starts=starts,
        )  # fmt: skip
        tables.append(name_log(logs, np.repeat(customers, sizes[skips])))
    return tables


def name_log(logs: NDArray[np.float64], customers: NDArray[np.int64]) -> pd.DataFrame:
    """Turn the loop's log into a table with names in place of codes."""
    log = dict(zip(_books.LOG, logs.T, strict=True))
    outcome = log["outcome"].astype(np.int8)
    answered = (outcome == _books.RECOVERED) | (outcome == _books.NOT_RECOVERED)
    return pd.DataFrame(
        {
            "customer": customers,
            "order": log["order"].astype(np.int64) + 1,
            "week": log["week"],
            "amount": log["amount"],
            "outcome": pd.Categorical.from_codes(
                outcome, categories=list(INDEX_OUTCOMES[:4])
            ),
            "severity": log["severity"],
            "kind": name_kinds(log["process"]),
            "complained": log["complained"] == 1.0,
            "resolved": outcome == _books.RECOVERED,
            "days": np.nan,
            "recovery_satisfaction": log["recovery"],
            "loyalty_before": log["loyalty_before"],
            "trust": log["trust"],
            "affect": log["affect"],
            "obligation": log["obligation"],
            "loyalty": log["loyalty"],
            "left": log["left"] == 1.0,
            "answered": answered,
        }
    )
