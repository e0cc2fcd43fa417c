"""What a study should have found: the same customers and luck, without the failure."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.model import _accounts, _lifetime_loop, _random
from recovery_research.model.experiments import Experiment
from recovery_research.model.justice import Reply, form_reply
from recovery_research.model.populations import TRAIT_BLOCK
from recovery_research.model.simulation import (
    FOLLOWUP_WEEKS,
    ORDER_LIMIT,
    YEAR_WEEKS,
    form_coefficients,
    simulate,
    traits_of_chunk,
)
from recovery_research.model.tables import tabulate_customers
from recovery_research.studies.design import Study
from recovery_research.studies.performance import Truth
from recovery_research.studies.samples import SLICE, ask_slice, derive_seed

WEEK, AMOUNT, LEFT = (_accounts.LOG.index(name) for name in ("week", "amount", "left"))


class Sums(NamedTuple):
    """Count, sum and sum of squares of customers' effects."""

    n: int
    total: float
    squares: float


def find_truth(study: Study, *, n_customers: int = 100_000, seed: int = 0) -> Truth:
    """Find the effect that a study is after, by replaying customers' own luck.

    Parameters
    ----------
    study : Study
        Its estimand is in the description of `Study.sampled`.
    n_customers : int, optional
        Customers simulated, rounded up to whole slices of 8,192. The effect is the
        mean over those the estimand is about, who may be few.
    seed : int, optional
        Other customers than any sample of the same seed.

    Returns
    -------
    Truth

    Raises
    ------
    ValueError
        If fewer than two customers are in question.
    """
    sums = [sum_effects(study, seed, k) for k in range(count_slices(n_customers))]
    return form_truth(study, sums)


def count_slices(n_customers: int) -> int:
    """Return how many slices hold so many customers."""
    return math.ceil(n_customers / SLICE)


def sum_effects(study: Study, seed: int, number: int) -> Sums:
    """Sum the effects on the customers of one slice that are in question."""
    effects = replay_slice(study, derive_seed(seed, 2, number))
    return Sums(len(effects), float(effects.sum()), float((effects**2).sum()))


def form_truth(study: Study, sums: list[Sums]) -> Truth:
    """Return the mean effect over slices, with its Monte Carlo error."""
    n, total, squares = (math.fsum(column) for column in zip(*sums, strict=True))
    if n < 2:
        raise ValueError(
            f"{n:g} of {len(sums) * SLICE:,} customers are in question in a study with "
            f"sampled={study.sampled!r}; take more truth_customers, or a policy under "
            "which there are more."
        )
    mean = total / n
    variance = max(squares - n * mean**2, 0.0) / (n - 1.0)
    return Truth(mean, math.sqrt(variance / n), int(n))


def replay_slice(study: Study, seed: int) -> NDArray[np.float64]:
    """Return the effect on each customer of a slice that is in question."""
    experiment = study.form_experiment(n_customers=SLICE, seed=seed)
    if study.sampled == "trial":
        return contrast_policies(study, experiment)
    customers = ask_slice(study, seed)
    asked = customers[customers["in_question"] & customers[study.outcome].notna()]
    actual = asked[study.outcome].astype("Float64").to_numpy(dtype=np.float64)
    if study.uses_log:
        other = replay_each(study, experiment, asked)
    else:
        way = "not_recovered" if study.sampled == "complainers" else "no_failure"
        forked = simulate(experiment.but(first_order=way), threads=1)
        column = tabulate_customers(forked)[study.outcome]
        other = column.astype("Float64").to_numpy(dtype=np.float64)[asked["customer"]]
    return actual - other


def contrast_policies(study: Study, experiment: Experiment) -> NDArray[np.float64]:
    """Return each customer's outcome under the first policy less under the second."""
    customers = tabulate_customers(simulate(experiment, threads=1))
    customers = customers[customers["index_outcome"] != "no_order"]
    values = customers[study.outcome].astype("Float64").astype(float)
    sides = [
        values[customers["policy"] == name].to_numpy()
        for name in (study.treated, study.control)
    ]
    effects = sides[0] - sides[1]
    return effects[~np.isnan(effects)]


class Life(NamedTuple):
    """What the loop needs to let one customer of a slice live again."""

    experiment: Experiment
    reply: Reply
    coefficients: tuple
    traits: NDArray[np.float64]


def replay_each(
    study: Study, experiment: Experiment, asked: pd.DataFrame
) -> NDArray[np.float64]:
    """Return the outcome of each customer, had what is in question not happened."""
    traits = [
        traits_of_chunk(experiment, number)
        for number in range(math.ceil(experiment.n_customers / TRAIT_BLOCK))
    ]
    life = Life(
        experiment,
        form_reply(experiment.policies[0], experiment.world),
        form_coefficients(experiment.world),
        np.concatenate(traits),
    )
    outcomes = np.empty(len(asked))
    on_day = study.sampled == "customer_based"
    places = asked["prior_orders"].to_numpy(dtype=np.int64)
    starts = np.full(len(asked), study.survey_week)
    if not on_day:
        starts = asked["index_week"].to_numpy()
    for i, customer in enumerate(asked["customer"].to_numpy()):
        if on_day:
            log = live_without_problems(life, customer, study.survey_week)
            later = log[log[:, WEEK] >= starts[i]]
        else:
            log = live_without_this(life, customer, places[i], study.sampled)
            later = log[places[i] + 1 :]
        outcomes[i] = follow_up(study.outcome, later, log, starts[i], on_day=on_day)
    return outcomes


def live_without_this(
    life: Life, customer: int, place: int, sampled: str
) -> NDArray[np.float64]:
    """Return a customer's orders, had the order in question gone otherwise."""
    if sampled == "ever_failed":
        return live_again(life, customer, replay=_lifetime_loop.WITHOUT_FAILURES)
    forks = np.zeros(place + 1, dtype=np.int8)
    forks[place] = (
        _lifetime_loop.FORCE_NO_RECOVERY
        if sampled == "complainers"
        else _lifetime_loop.FORCE_NO_FAILURE
    )
    return live_again(life, customer, forks=forks)


def live_without_problems(life: Life, customer: int, day: float) -> NDArray[np.float64]:
    """Return a customer's orders, had none failed before the day."""
    # How many orders that are is known only once they have lived without failures.
    spotless = live_again(life, customer, replay=_lifetime_loop.WITHOUT_FAILURES)
    n_before = int((spotless[:, WEEK] < day).sum())
    forks = np.full(n_before + 1, _lifetime_loop.FORCE_NO_FAILURE, dtype=np.int8)
    forks[n_before] = _lifetime_loop.AS_IT_COMES
    return live_again(life, customer, forks=forks)


AS_IT_COMES = np.zeros(1, dtype=np.int8)


def live_again(
    life: Life,
    customer: int,
    *,
    forks: NDArray[np.int8] = AS_IT_COMES,
    replay: int = _lifetime_loop.AS_IT_WAS,
) -> NDArray[np.float64]:
    """Return the log of one customer's orders, lived again with the same luck."""
    experiment = life.experiment
    run = _lifetime_loop.Run(
        source=_random.source_of(experiment.seed),
        weeks=experiment.weeks,
        amount_sd=experiment.population["amount_sd_within"],
        index_order=0,
        followup_weeks=FOLLOWUP_WEEKS,
        replay=replay,
        order_limit=ORDER_LIMIT,
    )
    record = np.empty((1, len(_accounts.RECORD)))
    weekly = np.zeros((math.ceil(experiment.weeks), len(_accounts.WEEK)))
    trait = life.traits[customer : customer + 1]
    n_rows = 64
    while True:
        log = np.zeros((n_rows, len(_accounts.LOG)))
        _lifetime_loop.live(
            customer, trait, run, life.coefficients, life.reply, forks, record, weekly,
            log, np.array([0, n_rows], dtype=np.int64),
        )  # fmt: skip
        n_orders = int(record[0, _accounts.N_ORDERS])
        if n_orders <= n_rows:
            return log[:n_orders]
        n_rows = n_orders


def follow_up(
    outcome: str,
    later: NDArray[np.float64],
    log: NDArray[np.float64],
    start: float,
    *,
    on_day: bool,
) -> float:
    """Return one outcome of a customer's later orders, as a study measures it."""
    if outcome in ("alive_13w", "alive_52w"):
        window = FOLLOWUP_WEEKS if outcome == "alive_13w" else YEAR_WEEKS
        gone = len(log) > 0 and log[-1, LEFT] == 1.0
        return float(not (gone and log[-1, WEEK] <= start + window))
    end = start + FOLLOWUP_WEEKS
    inside = (
        later[:, WEEK] < end if on_day else later[:, WEEK] - start <= FOLLOWUP_WEEKS
    )
    if outcome == "followup_spend":
        return float(later[inside, AMOUNT].sum())
    n_orders = int(inside.sum())
    return float(n_orders > 0) if outcome == "bought_again" else float(n_orders)
