"""The experiments that the benchmark runs, and their parts."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import recovery_research as rr
from recovery_research.model import _customer
from recovery_research.model.justice import Reply, form_reply
from recovery_research.model.simulation import form_coefficients, traits_of_chunk

WEEKS = 104.0


class Rules(NamedTuple):
    """What a peer is told: coefficients, the policy's reply, and the customers."""

    c: _customer.Coefficients
    reply: Reply
    traits: NDArray[np.float64]
    weeks: float
    amount_sd: float
    seed: int


def form_experiment(
    n_customers: int,
    policies: tuple[str, ...] = ("service",),
    *,
    world: str = "evidence",
    seed: int = 0,
    luck: str = "shared",
) -> rr.Experiment:
    """Return the experiment of the benchmark: the web shop over two years."""
    return rr.Experiment(
        world=rr.load_world(world),
        policies=rr.choose_policies(list(policies)),
        population=rr.load_population("webshop"),
        n_customers=n_customers,
        weeks=WEEKS,
        seed=seed,
        luck=luck,
    )


def form_rules(experiment: rr.Experiment) -> Rules:
    """Return what a peer needs to know of an experiment of one chunk or more."""
    n_chunks = -(-experiment.n_customers // 4096)
    traits = np.concatenate([traits_of_chunk(experiment, k) for k in range(n_chunks)])
    return Rules(
        c=form_coefficients(experiment.world),
        reply=form_reply(experiment.policies[0], experiment.world),
        traits=traits,
        weeks=experiment.weeks,
        amount_sd=experiment.population["amount_sd_within"],
        seed=experiment.seed,
    )
