"""Lives of single customers, against a second, plain account of the same model.

`one_life.Life` works each life out from the model's text and the draws at their
addresses. Together the lives below take every branch of the loop; a test insists.
"""

import dataclasses
import math

import numpy as np
import pytest
from one_life import Life

import recovery_research as rr
from recovery_research.model import justice
from recovery_research.model.policies import FORMS
from recovery_research.model.populations import draw_traits

# Sums of at most some hundreds of terms in double precision, and two formulas for the
# same quantile of the normal that agree to 2e-15: a thousand roundings are allowed.
RTOL = 1e-11

# Nothing equal, nothing halved, nothing 0 or 1; failures common and feelings lasting.
LOPSIDED = {
    "failure_probability": 0.37, "severity_mild": 1.7, "severity_grave": 2.3,
    "process_share": 0.31, "improvement_effect": 0.63, "improvement_weeks": 17.0,
    "voice_base": -0.4, "voice_severity": 1.9, "proactive_reach": 0.71,
    "parity_compensation": 0.77, "flat_compensation": 1.43, "distributive_curve": 1.31,
    "distributive_weight": 0.57, "procedural_weight": 0.23,
    "interactional_weight": 0.41, "synergy_weight": 0.29, "resolution_days": 6.1,
    "empowerment_speed": 0.43, "empowerment_justice": 0.17, "apology_weight": 0.53,
    "empathy_weight": 0.67, "accountability_weight": 0.39, "interactional_offset": 0.7,
    "process_match": 0.61, "match_discount": 0.83, "match_gift": 0.79,
    "match_gesture": 0.73, "execution_noise": 0.47, "residual_noise": 0.13,
    "expectation_base": 0.11, "expectation_severity": 0.83,
    "expectation_learning": 0.37, "prior_failure_a": 2.7, "prior_failure_b": 23.0,
    "prior_recovery_a": 1.3, "prior_recovery_b": 0.7, "recovery_weight": 1.4,
    "follow_up_weight": 0.6, "silence_weight": 0.35, "repeat_weight": 0.8,
    "cause_excused": 0.3, "trust_weight": 0.6, "hurt": 0.9, "delight": 0.7,
    "loss_aversion": 2.2, "double_deviation": 0.3, "affect_weeks": 7.0,
    "relationship_buffer": 0.35, "relationship_orders": 6.0,
    "complaint_aggravation": 0.65, "aggravation_weeks": 9.0, "obligation": 0.55,
    "obligation_weeks": 5.0, "personal_refund": 0.21, "personal_gift": 0.81,
    "personal_gesture": 0.93, "loyalty_gain_bound": 1.2, "loyalty_loss_bound": 2.1,
    "purchase_link": 0.33, "purchase_gain_ratio": 0.7, "dropout_link": 1.3,
    "dropout_gain_ratio": 0.6, "satisfaction_base": 0.9, "satisfaction_link": 1.1,
    "satisfaction_gain_ratio": 0.8, "satisfaction_noise": 0.45,
    "mention_positive_base": -1.3, "mention_positive_link": 0.7,
    "mention_negative_base": -1.7, "mention_negative_link": 0.9,
    "mention_gain_ratio": 0.3, "margin_rate": 0.29, "discount_rate": 0.13,
}  # fmt: skip
OVER_DELIVER = rr.RecoveryPolicy(
    "over", apology=0.83, days_to_resolve=1.7, empathy=0.77, compensation=1.37,
    form="gesture", improvement=0.45, communication=0.6, follow_up=0.55,
    accountability=0.7, invitation=0.4, empowerment=0.65, consistency=0.35,
    proactive=0.57, failure_multiplier=1.2,
)  # fmt: skip
GRUDGING = rr.RecoveryPolicy(
    "grudging", apology=0.1, days_to_resolve=11.0, compensation=0.43, form="discount",
    accountability=-0.6, invitation=-0.3, consistency=0.8, failure_multiplier=1.1,
)  # fmt: skip
FORKS = ("as_it_comes", "no_failure", "failed", "silent", "complained", "recovered",
         "not_recovered")  # fmt: skip
N = 24
EVERY_BRANCH = {
    "never orders", "time is over", "leaves at once", "leaves later", "no failure",
    "silent first", "silent again", "recovered first", "recovered again",
    "not_recovered first", "not_recovered again", "reached proactively", "obliged",
    "obliged only once", "sore from a complaint", "waits calmly",
    "waits with feelings", "feelings outlast her time",
}  # fmt: skip


@pytest.fixture(scope="module")
def lopsided(evidence):
    return evidence.but("lopsided", **LOPSIDED)


@pytest.fixture(scope="module")
def experiment(lopsided, webshop):
    return rr.Experiment(
        world=lopsided,
        policies=[OVER_DELIVER, GRUDGING],
        population=webshop.but("brisk", dropout_a=0.9, dropout_b=9, order_scale=7.3),
        n_customers=N,
        weeks=37.3,
        seed=2**40 + 77,
    )


def lives(experiment, policy):
    traits = draw_traits(experiment.population, seed=experiment.seed, block=0)
    return [Life(experiment, policy, i, traits[i]).live() for i in range(N)]


def check_log(experiment, lives, policy):
    """Compare the order log of a policy with the lives worked out by hand."""
    log = rr.tabulate_orders(experiment, customers=N)
    log = log[log["policy"] == policy.name]
    rows = [
        dict(row, customer=i) for i, life in enumerate(lives) for row in life.orders
    ]
    assert len(log) == len(rows)
    for name in ("customer", "order", "outcome", "complained", "left"):
        assert log[name].tolist() == [row[name] for row in rows], name
    kinds = [row["kind"] for row in rows]
    assert [k if isinstance(k, str) else None for k in log["kind"]] == kinds
    for name, ours in {
        "week": "week", "amount": "amount", "severity": "severity", "trust": "trust",
        "recovery_satisfaction": "satisfaction", "affect": "affect",
        "obligation": "obligation", "loyalty_before": "before", "loyalty": "after",
    }.items():  # fmt: skip
        wanted = np.array([row[ours] for row in rows], dtype=float)
        np.testing.assert_allclose(
            log[name], wanted, rtol=RTOL, atol=RTOL, err_msg=name
        )
    answered = [
        policy.answers and row["outcome"] in ("recovered", "not_recovered")
        for row in rows
    ]
    days = np.where(answered, policy.days_to_resolve, np.nan)
    np.testing.assert_array_equal(log["days"], days)
    assert log["resolved"].tolist() == [row["outcome"] == "recovered" for row in rows]


def sums_by_hand(experiment, policy, life):
    """A customer's row of the table, from her orders as worked out by hand."""
    w, orders = experiment.world, life.orders
    weekly_rate = (1.0 + w["discount_rate"]) ** (1.0 / 52.0)
    in_full = policy.form == "refund" or policy.compensation < 0.0
    cost_of_face = 1.0 if in_full else w[f"cost_{policy.form}"]
    answer = w["handling_cost"] + w["speed_cost"] / (1.0 + policy.days_to_resolve)
    answer = answer if policy.answers else 0.0
    sums = dict.fromkeys(
        ("n_orders", "spend", "n_failures", "n_complaints", "n_recovered",
         "mentions_positive", "mentions_negative", "margin", "recovery_cost",
         "referral_value"), 0.0
    )  # fmt: skip
    for row in orders:
        now = weekly_rate ** -row["week"]
        sums["n_orders"] += 1
        sums["spend"] += row["amount"]
        sums["n_failures"] += row["outcome"] != "no_failure"
        sums["n_complaints"] += row["complained"]
        sums["n_recovered"] += row["outcome"] == "recovered"
        sums["mentions_positive"] += row["said"] == 1
        sums["mentions_negative"] += row["said"] == -1
        sums["margin"] += w["margin_rate"] * row["amount"] * now
        worth = {1: w["referral_value"], -1: -w["detraction_cost"], 0: 0.0}
        sums["referral_value"] += worth[row["said"]] * now
        if row["outcome"] in ("recovered", "not_recovered"):
            given = policy.compensation * row["severity"] * row["amount"]
            sums["recovery_cost"] += (answer + cost_of_face * given) * now
    left = orders[-1]["week"] if orders and orders[-1]["left"] else math.nan
    tenure = experiment.weeks if math.isnan(left) else left
    programme = (
        w["hotline_cost"] * max(policy.invitation, 0)
        + w["follow_up_cost"] * policy.follow_up
        + w["improvement_cost"] * policy.improvement
        + w["prevention_cost"] * max(1 - policy.failure_multiplier, 0)
    )
    r = math.log(weekly_rate)
    sums["recovery_cost"] += programme * (1 - math.exp(-r * tenure)) / r
    sums["net_value"] = sums["margin"] + sums["referral_value"] - sums["recovery_cost"]
    index = orders[0] if orders else None
    sums["left_week"] = left
    sums["trust"] = index["trust"] if index else math.nan
    for k, when in enumerate(("before", "after")):
        sums[f"satisfaction_{when}"] = index["surveys"][k] if index else math.nan
    sums["index_week"] = index["week"] if index else math.nan
    sums["index_severity"] = index["severity"] if index else math.nan
    return sums


@pytest.mark.parametrize("policy", [OVER_DELIVER, GRUDGING], ids=lambda p: p.name)
@pytest.mark.parametrize("fork", FORKS)
def test_lives(experiment, policy, fork):
    forked = experiment.but(first_order=fork, policies=[policy])
    by_hand = lives(forked, policy)
    check_log(forked, by_hand, policy)
    table = rr.tabulate_customers(rr.simulate(forked))
    rows = [sums_by_hand(forked, policy, life) for life in by_hand]
    for name in rows[0]:
        wanted = np.array([row[name] for row in rows], dtype=float)
        ours = table[name].to_numpy(dtype=float)
        np.testing.assert_allclose(ours, wanted, rtol=RTOL, atol=RTOL, err_msg=name)


def test_a_later_fork_and_separate_luck(experiment):
    forked = experiment.but(
        first_order="silent", later_order=(3, "recovered"), luck="separate"
    )
    for policy in forked.policies:
        by_hand = lives(forked, policy)
        assert any(len(life.orders) > 2 for life in by_hand)
        check_log(forked, by_hand, policy)


@pytest.mark.parametrize(
    "switched_off", [("learning",), ("disconfirmation",), ("reciprocity",)]
)
def test_mechanisms_switched_off(experiment, switched_off):
    less = experiment.but(world=experiment.world.without(*switched_off))
    check_log(less, lives(less, OVER_DELIVER), OVER_DELIVER)


@pytest.mark.parametrize("world", ["claims", "evidence"])
def test_the_worlds_as_shipped(experiment, webshop, world):
    policies = rr.choose_policies(["service", "silence"])
    shipped = experiment.but(
        world=rr.load_world(world), population=webshop, policies=policies, weeks=104
    )
    for policy in policies:
        check_log(shipped, lives(shipped, policy), policy)


def test_the_lives_take_every_branch(experiment):
    taken = set()
    for fork in FORKS:
        forked = experiment.but(first_order=fork)
        for policy in forked.policies:
            taken.update(*(life.branches for life in lives(forked, policy)))
    assert taken == EVERY_BRANCH


def test_the_lives_read_every_coefficient(experiment):
    # A coefficient that the second account ignored would not be held to anything.
    read = set()

    class Reading:
        name, switched_off = "reading", frozenset()

        def __getitem__(self, name):
            read.add(name)
            return experiment.world[name]

    watched = dataclasses.replace(experiment)
    object.__setattr__(watched, "world", Reading())
    for policy in (OVER_DELIVER, GRUDGING):
        for form in FORMS:
            each = policy.but(policy.name, form=form)
            for life in lives(watched, each):
                sums_by_hand(watched, each, life)
    assert read == set(experiment.world.ledger)
    assert justice.KINDS == ("outcome", "process")
