"""Customers to whom no failure and no recovery ever does anything.

They order and leave as the package's simulator lets them with every mechanism switched
off. Whose orders fail, who speaks up and who is made good may be drawn at random or may
follow how much a customer buys; either way it changes nothing that comes after.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import recovery_research as rr
from recovery_research.model.populations import TRAIT_BLOCK, draw_traits

WEEKS = 78.0
START = pd.Timestamp("2023-01-01")
MECHANISMS = ("learning", "disconfirmation", "reciprocity")


@dataclass(frozen=True, slots=True)
class Shop:
    """Who orders, and how failures fall on them.

    Attributes
    ----------
    population : str
        One of the package's populations.
    failure, voice, recovery : float
        Chance that an order fails, that a failed customer complains, that a complaint
        is made good, for a customer of middling order rate.
    failure_slope, voice_slope : float
        What one standard deviation of the order rate (its normal rank) adds to the
        logits of failing and of complaining.
    """

    population: str
    failure: float = 0.10
    voice: float = 0.6
    recovery: float = 0.6
    failure_slope: float = 0.0
    voice_slope: float = 0.0


SHOPS = {
    # Moderate buyers; failures at random.
    "even": Shop("webshop"),
    # Few heavy buyers among many who order once.
    "heavy": Shop("cdnow"),
    # Heavy buyers are failed more often and complain more readily.
    "tied": Shop("webshop", failure_slope=0.6, voice_slope=0.8),
    # A few dozen failed customers in two thousand.
    "rare": Shop("webshop", failure=0.025, voice=0.4),
}


@cache
def _quiet_world() -> rr.World:
    return rr.load_world("evidence").without(*MECHANISMS)


def make_orders(shop: str, n_customers: int, seed: int) -> pd.DataFrame:
    """Return an order log as a shop would export it.

    Parameters
    ----------
    shop : str
        One of `SHOPS`.
    n_customers : int
        Customers in the log.
    seed : int
        Of everything drawn.

    Returns
    -------
    DataFrame
        ``customer, time, amount, failed, complained, resolved, rating, left``.
    """
    rules = SHOPS[shop]
    experiment = rr.Experiment(
        world=_quiet_world(),
        policies=[replace(rr.load_policies()["service"], improvement=0.0)],
        population=rr.load_population(rules.population),
        n_customers=n_customers,
        weeks=WEEKS,
        seed=seed,
    )
    log = rr.tabulate_orders(experiment, customers=n_customers)
    rng = np.random.default_rng([seed, 1])
    rank = normal_rank(order_rates(experiment))[log["customer"].to_numpy()]
    failed = draw_yes(rng, rules.failure, rules.failure_slope * rank)
    complained = failed & draw_yes(rng, rules.voice, rules.voice_slope * rank)
    resolved = complained & draw_yes(rng, rules.recovery, 0.0 * rank)
    rating = np.clip(np.rint(rng.normal(4.0, 1.2, len(log))), 1, 7)
    return pd.DataFrame(
        {
            "customer": "c" + log["customer"].astype(str),
            "time": START + pd.to_timedelta((log["week"] * 10_080).round(), unit="min"),
            "amount": log["amount"].round(2),
            "failed": failed,
            "complained": complained,
            "resolved": pd.array(resolved, dtype="boolean").copy(),
            "rating": np.where(complained, rating, np.nan),
            "left": log["left"],
        }
    )


def make_survey(shop: str, n_customers: int, seed: int) -> pd.DataFrame:
    """Return a table of customers as a survey would bring it home.

    Satisfaction, before and after, follows a liking that has to do with how often a
    customer orders, and with nothing that went wrong.

    Returns
    -------
    DataFrame
        ``customer, problem, complained, resolved, rating, spend, spend_before, stayed,
        satisfaction, satisfaction_before, orders_before, weeks_known, region``.
    """
    orders = make_orders(shop, n_customers, seed)
    orders["outcome"] = np.select(
        [~orders["failed"], ~orders["complained"], orders["resolved"].astype(bool)],
        ["no_failure", "silent", "recovered"], "not_recovered",
    )  # fmt: skip
    orders["week"] = (orders["time"] - START) / pd.Timedelta(weeks=1)
    counted = rr.customers_from_orders(
        orders[["customer", "week", "amount", "outcome", "left", "rating"]],
        design="order-based", span=(0.0, WEEKS), keep=["rating"], seed=seed,
    )  # fmt: skip
    counted = counted[counted["index_outcome"] != "no_order"].reset_index(drop=True)
    rng = np.random.default_rng([seed, 2])
    liking = rng.normal(0.0, 0.7, len(counted)) + np.log1p(counted["prior_orders"]) / 3
    group = counted["index_outcome"]
    spoke = group.isin(["recovered", "not_recovered"])
    return pd.DataFrame(
        {
            "customer": counted["customer"],
            "problem": group != "no_failure",
            "complained": spoke,
            "resolved": pd.Series(pd.array(group == "recovered", "boolean")).where(
                group != "no_failure"
            ),
            "rating": counted["rating"].where(spoke),
            "spend": counted["followup_spend"],
            "spend_before": counted["followup_spend_before"],
            "stayed": counted["alive_13w"],
            "satisfaction": rate(liking, rng),
            "satisfaction_before": rate(liking, rng),
            "orders_before": counted["prior_orders"],
            "weeks_known": counted["weeks_known"],
            "region": rng.choice(["north", "south", "west"], len(counted)),
        }
    )


def make_complaints(shop: str, n_customers: int, seed: int) -> pd.DataFrame:
    """Return complaints whose answers have nothing to do with what follows."""
    orders = make_orders(shop, n_customers, seed)
    told = orders[orders["complained"]].reset_index(drop=True)
    rng = np.random.default_rng([seed, 3])
    return pd.DataFrame(
        {
            "complaint": np.arange(len(told)),
            "answer": rng.choice(["none", "sorry", "money"], len(told), p=[0.6, 0.3, 0.1]),
            "disputed": rng.random(len(told)) < 0.15,
            "amount": told["amount"],
        }
    )  # fmt: skip


def order_rates(experiment: rr.Experiment) -> NDArray[np.float64]:
    """Return every customer's order rate a week, as the simulator draws it."""
    n_blocks = -(-experiment.n_customers // TRAIT_BLOCK)
    blocks = [
        draw_traits(experiment.population, seed=experiment.seed, block=block)[:, 0]
        for block in range(n_blocks)
    ]
    return np.concatenate(blocks)[: experiment.n_customers]


def normal_rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each value's rank as a normal score."""
    from scipy.special import ndtri

    return ndtri((values.argsort().argsort() + 0.5) / len(values))


def draw_yes(
    rng: np.random.Generator, chance: float, shift: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Draw yes or no with a chance moved in logits."""
    odds = chance / (1.0 - chance) * np.exp(shift)
    return rng.random(len(shift)) < odds / (1.0 + odds)


def rate(felt: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Return ratings from 1 to 7 of what is felt, with noise of their own."""
    return (5.0 + felt + rng.normal(0.0, 1.0, len(felt))).clip(1.0, 7.0).round()
