"""What shared luck is worth: the variance of a policy's advantage, three ways.

*Shared*: the same customers with the same luck under both policies. *Own luck*: the
same customers, but each policy draws its own luck; still paired by customer.
*Strangers*: other customers with other luck under each policy, as in two field trials.
"""

from typing import NamedTuple

import numpy as np

import recovery_research as rr

from .subjects import form_experiment
from .tables import Finding, find
from .timing import time_in_turn

CONTRASTS = (
    ("service", "cost_center"),
    ("service", "silence"),
    ("consistent", "delight_sometimes"),
    ("over_deliver", "g_own_it"),
)
MEASURES = ("net_value", "spend")
SMALLEST_GAIN = 5.0
WIDTH = 0.5  # dollars a customer, from end to end of the 95 % interval
Z = 1.959963984540054


class Spread(NamedTuple):
    """Variance of one customer's difference between policies, by design."""

    shared: float
    own_luck: float
    strangers: float


def value_of(history, measure: str) -> np.ndarray:
    """Return a measure, shape (n_policies, n_customers)."""
    c = history.customers
    if measure == "net_value":
        return c["margin"] + c["referral_value"] - c["recovery_cost"]
    return c[measure]


def spread_of(contrast, measure: str, histories) -> Spread:
    """Return the variances of the difference under the three designs."""
    shared, own, others = (value_of(h, measure) for h in histories)
    return Spread(
        np.var(shared[0] - shared[1], ddof=1),
        np.var(own[0] - own[1], ddof=1),
        np.var(shared[0], ddof=1) + np.var(others[1], ddof=1),
    )


def measure_luck(*, small: bool) -> list[Finding]:
    """Measure how much variance shared luck takes away, and what that saves."""
    n, seeds = (3_000, (0,)) if small else (100_000, (0, 1, 2))
    found = []
    for contrast in CONTRASTS:
        spreads = {measure: [] for measure in MEASURES}
        for seed in seeds:
            shared = form_experiment(n, contrast, seed=seed)
            histories = [
                rr.simulate(shared),
                rr.simulate(shared.but(luck="separate")),
                rr.simulate(shared.but(seed=seed + 1000)),
            ]
            for measure in MEASURES:
                spreads[measure].append(spread_of(contrast, measure, histories))
        seconds = time_in_turn({"": lambda e=shared: rr.simulate(e)}, 3)[""].median
        for measure in MEASURES:
            found += report(contrast, measure, spreads[measure], seconds / n)
    return found


def report(contrast, measure: str, spreads: list[Spread], each: float) -> list[Finding]:
    """Return the two gains and the seconds an interval of a given width takes."""
    what = f"{contrast[0]} minus {contrast[1]}, {measure}"
    first = contrast == CONTRASTS[0] and measure == "net_value"
    needed = [(2.0 * Z / WIDTH) ** 2 * each * np.array(s) for s in spreads]
    width = f"{WIDTH:g} dollars wide"
    return [
        find(
            "luck", f"{what}: strangers over shared",
            [s.strangers / s.shared for s in spreads], "ratio of variances",
            at_least=SMALLEST_GAIN if first else None,
            note="other customers, other luck",
        ),
        find(
            "luck", f"{what}: own luck over shared",
            [s.own_luck / s.shared for s in spreads], "ratio of variances",
            note="same customers, other luck, paired",
        ),
        find("luck", f"{what}: {width}, shared", [x[0] for x in needed], "s"),
        find("luck", f"{what}: {width}, own luck", [x[1] for x in needed], "s"),
        find("luck", f"{what}: {width}, strangers", [x[2] for x in needed], "s"),
    ]  # fmt: skip
