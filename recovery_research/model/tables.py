"""What became of the customers, and every order of some, as tidy tables."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.model import _accounts, _lifetime_loop
from recovery_research.model.experiments import Experiment, check_whole
from recovery_research.model.justice import KINDS, Reply, form_perfect_reply, form_reply
from recovery_research.model.populations import TRAIT_BLOCK, expect_orders
from recovery_research.model.simulation import (
    FOLLOWUP_WEEKS,
    MEASURES,
    YEAR_WEEKS,
    History,
    alive_after,
    live_policy,
    require_memory,
    traits_of_chunk,
    work_through,
)

INDEX_OUTCOMES = ("no_failure", "silent", "recovered", "not_recovered", "no_order")
CODES = ("index_outcome", "last_outcome")  # names in the records: no mean of these
# Outcomes of loyalty that the analyses know by name, with their unit.
OUTCOMES = {
    "satisfaction_after": "points on a scale from 1 to 7",
    "trust": "log of perceived risk at first over perceived risk now",
    "alive_13w": "share of customers",
    "alive_52w": "share of customers",
    "followup_spend": "dollars in 13 weeks",
    "spend": "dollars",
    "n_orders": "orders",
    "mentions_positive": "mentions",
    "mentions_negative": "mentions",
    "margin": "dollars",
    "recovery_cost": "dollars",
    "net_value": "dollars",
}
OUTCOME_NAMES = tuple(OUTCOMES)


def tabulate_customers(history: History) -> pd.DataFrame:
    """Tabulate every customer under every policy.

    Parameters
    ----------
    history : History
        From ``simulate(experiment)``.

    Returns
    -------
    DataFrame
        One row per policy and customer:

        - ``policy``, ``customer``: which; customers count from 0;
        - ``n_orders``, ``spend``: over the whole time; dollars;
        - ``index_week``, ``index_outcome``: the index order, which is the first order
          or the one in ``later_order``; ``no_failure``, ``silent``, ``recovered``,
          ``not_recovered``, ``no_order``;
        - ``followup_spend``: dollars in the 13 weeks after the index order, that order
          excluded; who drops out counts 0;
        - ``alive_13w``, ``alive_52w``: still a customer so long after the index order.
          These three are missing without an index order, and where their own window
          (13 or 52 weeks) runs past the end;
        - ``left_week``: week of dropout, missing if they stayed;
        - ``n_failures, n_complaints, n_recovered``: over the whole time;
        - ``trust``: right after the index order was dealt with;
        - ``satisfaction_before, satisfaction_after``: surveys around it, 1 to 7, of
          loyalty as a whole and not of the answer alone;
        - ``mentions_positive, mentions_negative``: word of mouth, whole time;
        - ``margin, recovery_cost, net_value``: present values in dollars;
          ``net_value`` is ``margin + referral_value - recovery_cost``;
        - ``index_severity, index_kind, index_complained, referral_value``.

    Raises
    ------
    ValueError
        If the history kept only sums.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=5,
    ... )
    >>> customers = rr.tabulate_customers(rr.simulate(experiment))
    >>> len(customers)
    5
    """
    if history.customers is None:
        raise ValueError(
            "this history kept only sums; write simulate(experiment, keep='customers')."
        )
    experiment = history.experiment
    n_policies, n_customers = history.customers["n_orders"].shape
    flat = {name: column.reshape(-1) for name, column in history.customers.items()}
    policy = pd.Categorical.from_codes(
        np.repeat(np.arange(n_policies, dtype=np.int8), n_customers)
        if n_policies < 128
        else np.repeat(np.arange(n_policies, dtype=np.int16), n_customers),
        categories=[each.name for each in experiment.policies],
    )
    ordered = flat["index_outcome"] != _accounts.NO_ORDER
    followed = flat["index_week"] + FOLLOWUP_WEEKS <= experiment.weeks
    columns = {
        "policy": policy,
        "customer": np.tile(np.arange(n_customers), n_policies),
        "n_orders": flat["n_orders"],
        "spend": flat["spend"],
        "index_week": flat["index_week"],
        "index_outcome": pd.Categorical.from_codes(
            flat["index_outcome"], categories=list(INDEX_OUTCOMES)
        ),
        "followup_spend": np.where(followed, flat["followup_spend"], np.nan),
        "alive_13w": stay_or_missing(flat, FOLLOWUP_WEEKS, experiment.weeks),
        "alive_52w": stay_or_missing(flat, YEAR_WEEKS, experiment.weeks),
    }
    for name in ("left_week", "n_failures", "n_complaints", "n_recovered", "trust",
                 "satisfaction_before", "satisfaction_after", "mentions_positive",
                 "mentions_negative", "margin", "recovery_cost"):  # fmt: skip
        columns[name] = flat[name]
    columns["net_value"] = (
        flat["margin"] + flat["referral_value"] - flat["recovery_cost"]
    )
    columns["index_severity"] = flat["index_severity"]
    columns["index_kind"] = name_kinds(flat["index_process"])
    columns["index_complained"] = pd.arrays.BooleanArray(
        flat["index_complained"].astype(bool), ~ordered
    )
    columns["referral_value"] = flat["referral_value"]
    # Without copying: a large table is made of the history's own columns.
    return pd.DataFrame(columns, copy=False)


def stay_or_missing(
    flat: dict[str, NDArray], window: float, weeks: float
) -> pd.arrays.BooleanArray:
    """Return who is still here, missing where the window runs past the end."""
    alive = alive_after(flat["index_week"], flat["left_week"], window, weeks)
    return pd.arrays.BooleanArray(alive == 1.0, np.isnan(alive))


def name_kinds(process: NDArray) -> pd.Categorical:
    """Return the kind of failure by name, missing where nothing failed."""
    codes = np.where(np.isnan(process), -1, process).astype(np.int8)
    return pd.Categorical.from_codes(codes, categories=list(KINDS))


def tabulate_weeks(history: History) -> pd.DataFrame:
    """Tabulate what happened in each week under each policy.

    Parameters
    ----------
    history : History
        From ``simulate``; sums suffice.

    Returns
    -------
    DataFrame
        One row per policy and week: ``policy, week`` (0 is the first), the week's
        ``n_orders, spend, n_failures, n_complaints, n_recovered, n_left,
        mentions_positive, mentions_negative, margin, recovery_cost`` (money as
        present value, spend excepted; running costs of the programme not included),
        and ``n_alive``, ``alive_share`` at the week's end.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=5,
    ...     weeks=4,
    ... )
    >>> rr.tabulate_weeks(rr.simulate(experiment))["week"].tolist()
    [0, 1, 2, 3]
    """
    experiment = history.experiment
    tables = []
    for policy, sums in zip(experiment.policies, history.weekly, strict=True):
        table = pd.DataFrame(sums, columns=list(_accounts.WEEK))
        counts = [name for name in table if name.startswith(("n_", "mentions_"))]
        table[counts] = table[counts].astype(np.int64)
        table.insert(0, "week", np.arange(len(table)))
        table.insert(0, "policy", policy.name)
        table["n_alive"] = experiment.n_customers - table["n_left"].cumsum()
        tables.append(table)
    weeks = pd.concat(tables, ignore_index=True)
    names = [policy.name for policy in experiment.policies]
    weeks["policy"] = pd.Categorical(weeks["policy"], categories=names)
    weeks["alive_share"] = weeks["n_alive"] / experiment.n_customers
    return weeks


def tabulate_groups(history: History) -> pd.DataFrame:
    """Tabulate the mean of every measure by policy and index outcome.

    Parameters
    ----------
    history : History
        From ``simulate``; sums suffice.

    Returns
    -------
    DataFrame
        One row per policy, index outcome and measure: ``policy, index_outcome,
        measure, n, mean, std_dev, std_error``. ``n`` counts customers for whom the
        measure is there; mean and spread are missing where there are too few.
    """
    rows = []
    for policy, by_group in zip(history.experiment.policies, history.sums, strict=True):
        for outcome, by_measure in zip(INDEX_OUTCOMES, by_group, strict=True):
            for name, (n, total, squares) in zip(MEASURES, by_measure, strict=True):
                if name not in CODES:
                    rows.append((policy.name, outcome, name, int(n), total, squares))
    table = pd.DataFrame(
        rows, columns=["policy", "index_outcome", "measure", "n", "total", "squares"]
    )
    n = table["n"].where(table["n"] > 0)
    table["mean"] = table["total"] / n
    spread = (table["squares"] - n * table["mean"] ** 2) / (n - 1).where(n > 1)
    table["std_dev"] = np.sqrt(spread.clip(lower=0.0))
    table["std_error"] = table["std_dev"] / np.sqrt(n)
    return table.drop(columns=["total", "squares"])


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
        loyalty`` (after the order was dealt with) and ``left`` (this was their last).

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


BYTES_A_LOGGED_ORDER = 8 * (len(_accounts.LOG) + 6)


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
    weekly = np.zeros((math.ceil(experiment.weeks), len(_accounts.WEEK)))
    skips = customers - number * TRAIT_BLOCK
    tables = []
    for p, policy in enumerate(experiment.policies):
        reply = form_reply(policy, experiment.world)
        # First to count the orders, then to write them down.
        records = np.empty((len(traits), len(_accounts.RECORD)))
        live_policy(experiment, reply, number, traits, records, weekly, policy=p)
        sizes = records[:, _accounts.N_ORDERS].astype(np.int64)
        unwanted = np.setdiff1d(np.arange(len(traits)), skips)
        sizes[unwanted] = 0
        starts = np.concatenate([[0], np.cumsum(sizes)])
        logs = np.zeros((starts[-1], len(_accounts.LOG)))
        live_policy(
            experiment, reply, number, traits, records, weekly, policy=p, logs=logs,
            log_starts=starts,
        )  # fmt: skip
        tables.append(name_log(logs, np.repeat(customers, sizes[skips])))
    return tables


def name_log(logs: NDArray[np.float64], customers: NDArray[np.int64]) -> pd.DataFrame:
    """Turn the loop's log into a table with names in place of codes."""
    log = dict(zip(_accounts.LOG, logs.T, strict=True))
    outcome = log["outcome"].astype(np.int8)
    answered = (outcome == _accounts.RECOVERED) | (outcome == _accounts.NOT_RECOVERED)
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
            "resolved": outcome == _accounts.RECOVERED,
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


CAUSES = ("anyway", "error", "treatment")


def tabulate_departures(
    source: History | Experiment,
    *,
    threads: int | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate why customers left, by replaying their luck.

    Each customer who left within the time observed is replayed with the same luck,
    once without any failure and once with every failure perfectly treated.

    Parameters
    ----------
    source : History or Experiment
        What was, or is to be, simulated.
    threads : int, optional
        Threads to use; by default as many as there are processors.
    confidence : float, optional
        Coverage of the Wilson interval, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        One row per policy and cause: ``policy, cause, estimate`` (share of those who
        left), ``std_error, ci_low, ci_high, confidence, n_cause, n_left,
        n_customers``. Causes: ``anyway`` (left without failures too), ``error`` (not
        without failures, but although they were perfectly treated), ``treatment``
        (stayed when perfectly treated). Shares are missing where nobody left.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["zero_defects"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=200,
    ... )
    >>> rr.tabulate_departures(experiment)["n_cause"].tolist()[1:]
    [0, 0]
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence lies strictly between 0 and 1; got {confidence}.")
    experiment = source.experiment if isinstance(source, History) else source
    counts = count_causes(experiment, threads)
    rows = [
        share_of_cause(policy.name, cause, n, by_cause.sum(), confidence)
        for policy, by_cause in zip(experiment.policies, counts, strict=True)
        for cause, n in zip(CAUSES, by_cause, strict=True)
    ]
    table = pd.DataFrame(rows)
    table["n_customers"] = experiment.n_customers
    return table


def count_causes(experiment: Experiment, threads: int | None) -> NDArray[np.int64]:
    """Return how many left for each cause, shape (n_policies, 3)."""
    replies = [
        (form_reply(policy, experiment.world),
         form_perfect_reply(policy, experiment.world))
        for policy in experiment.policies
    ]  # fmt: skip
    counts = np.zeros((len(replies), len(CAUSES)), dtype=np.int64)
    chunks = work_through(
        experiment,
        lambda number: count_in_chunk(experiment, replies, number),
        threads=threads,
        label="replaying",
    )
    for _, in_chunk in chunks:
        counts += in_chunk
    return counts


def count_in_chunk(
    experiment: Experiment, replies: list[tuple[Reply, Reply]], number: int
) -> NDArray[np.int64]:
    """Count the causes in one chunk of customers."""
    counts = np.zeros((len(replies), len(CAUSES)), dtype=np.int64)
    for p, (reply, perfect) in enumerate(replies):
        left = [
            replay_chunk(experiment, answer, number, policy=p, replay=replay)
            for answer, replay in (
                (reply, _lifetime_loop.AS_IT_WAS),
                (reply, _lifetime_loop.WITHOUT_FAILURES),
                (perfect, _lifetime_loop.PERFECTLY_TREATED),
            )
        ]
        as_it_was, without_failures, well_treated = left
        counts[p] = (
            (as_it_was & without_failures).sum(),
            (as_it_was & ~without_failures & well_treated).sum(),
            (as_it_was & ~without_failures & ~well_treated).sum(),
        )
    return counts


def replay_chunk(
    experiment: Experiment, reply: Reply, number: int, *, policy: int, replay: int
) -> NDArray[np.bool_]:
    """Return who leaves in one replay of a chunk's luck."""
    traits = traits_of_chunk(experiment, number)
    records = np.empty((len(traits), len(_accounts.RECORD)))
    weekly = np.zeros((math.ceil(experiment.weeks), len(_accounts.WEEK)))
    live_policy(
        experiment, reply, number, traits, records, weekly, policy=policy, replay=replay
    )
    return ~np.isnan(records[:, _accounts.LEFT_WEEK])


def share_of_cause(
    policy: str, cause: str, n: int, n_left: int, confidence: float
) -> dict[str, object]:
    """Return one row: a cause's share of those who left, with its Wilson interval."""
    from statsmodels.stats.proportion import proportion_confint

    share = spread = low = high = math.nan
    if n_left > 0:
        share = n / n_left
        spread = math.sqrt(share * (1.0 - share) / n_left)
        low, high = proportion_confint(
            n, n_left, alpha=1.0 - confidence, method="wilson"
        )
    return {
        "policy": policy, "cause": cause, "estimate": share, "std_error": spread,
        "ci_low": low, "ci_high": high, "confidence": confidence, "n_cause": int(n),
        "n_left": int(n_left),
    }  # fmt: skip
