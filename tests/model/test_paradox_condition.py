"""When a recovered customer trusts more than one never failed: a closed form.

For a first failure, well recovered with weight w and no communicated cause, after any
number of good orders, trust ends above the never-failed customer's if and only if
``a_f * w > a_r + b_r``.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recovery_research as rr

# Fails less often than our luck has steps, so that only the fork fails; explains
# nothing, follows up nobody.
PLAIN = rr.RecoveryPolicy(
    "plain", compensation=0.9, apology=0.7, failure_multiplier=1e-9
)
FOLLOWED = PLAIN.but("followed", follow_up=0.6)
WAYS = ("no_failure", "recovered")


def world_of(a_f, a_r, b_r, w, b_f=17.0, **others):
    return rr.load_world("evidence").but(
        "condition", prior_failure_a=a_f, prior_failure_b=b_f, prior_recovery_a=a_r,
        prior_recovery_b=b_r, recovery_weight=w, **others,
    )  # fmt: skip


def trust_gap(world, *, policy=PLAIN, order=1, n=6):
    """Trust on the recovered way less trust on the never-failed way, by contrast."""
    experiment = rr.Experiment(
        world=world,
        policies=[policy],
        # Everybody orders often and nobody leaves early.
        population=rr.load_population("webshop").but(
            "loyal", order_shape=20, order_scale=10, dropout_a=0.01, dropout_b=1000
        ),
        n_customers=n,
        weeks=30,
        seed=6,
        later_order=None if order == 1 else (order, "as_it_comes"),
    )
    forks = rr.tabulate_forks(experiment, ways=WAYS, threads=1)
    assert (forks["index_outcome"] != "no_order").all()
    contrast = rr.contrast_forks(forks, outcome="trust")
    assert contrast.n_pairs == n
    # Trust is about beliefs, not luck: the same for every customer.
    assert contrast.std_error < 1e-12
    return contrast.estimate


def by_hand(a_f, a_r, b_r, w, b_f, order):
    """The gap from the two risks, each with `order` orders behind it."""
    good = b_f + order - 1

    def risk(a, b, lessons):
        return a / (a + b) * b_r / (a_r + b_r + lessons)

    return math.log(risk(a_f, good + 1, 0.0) / risk(a_f + 1, good, w))


@pytest.mark.parametrize("order", [1, 2, 4, 7])
@pytest.mark.parametrize(
    ("a_f", "a_r", "b_r", "w"),
    [(2.3, 0.9, 1.3, 1.1), (0.7, 0.2, 0.3, 0.9), (5.3, 3.1, 1.7, 1.0)],
)
def test_above_the_line_is_a_paradox(a_f, a_r, b_r, w, order):
    assert a_f * w > a_r + b_r
    gap = trust_gap(world_of(a_f, a_r, b_r, w), order=order)
    assert gap > 1e-3
    assert gap == pytest.approx(by_hand(a_f, a_r, b_r, w, 17.0, order), rel=1e-9)


@pytest.mark.parametrize("order", [1, 2, 4, 7])
@pytest.mark.parametrize(
    ("a_f", "a_r", "b_r", "w"),
    [(2.3, 0.9, 1.9, 1.1), (0.7, 0.4, 0.3, 0.9), (4.3, 3.1, 1.7, 1.0)],
)
def test_below_the_line_is_none(a_f, a_r, b_r, w, order):
    assert a_f * w < a_r + b_r
    gap = trust_gap(world_of(a_f, a_r, b_r, w), order=order)
    assert gap < -1e-3
    assert gap == pytest.approx(by_hand(a_f, a_r, b_r, w, 17.0, order), rel=1e-9)


@pytest.mark.parametrize("order", [1, 3, 8])
@pytest.mark.parametrize(
    ("a_f", "a_r", "b_r", "w"),
    # All binary fractions, so that the two sides are equal to the last bit.
    [(2.0, 1.25, 1.75, 1.5), (4.0, 0.375, 2.625, 0.75), (0.25, 0.125, 0.5, 2.5)],
)
def test_on_the_line_it_makes_no_difference(a_f, a_r, b_r, w, order):
    assert a_f * w == a_r + b_r
    # Two logarithms near one another: a few roundings of numbers below 5.
    assert abs(trust_gap(world_of(a_f, a_r, b_r, w), order=order)) < 1e-14


def test_follow_up_raises_the_weight_and_moves_the_line():
    # Plain weight 1.2 is below 2.9 / 2.3 = 1.26; follow-up makes it 1.2 * 1.3 = 1.56.
    world = world_of(2.3, 1.1, 1.8, 1.2, follow_up_weight=0.5)
    assert trust_gap(world) < 0 < trust_gap(world, policy=FOLLOWED)
    wanted = by_hand(2.3, 1.1, 1.8, 1.2 * 1.3, 17.0, 1)
    assert trust_gap(world, policy=FOLLOWED) == pytest.approx(wanted, rel=1e-9)


COEFFICIENT = st.floats(0.06, 15.0)


@given(
    a_f=COEFFICIENT, a_r=COEFFICIENT, b_r=COEFFICIENT, w=st.floats(0.0, 10.0),
    b_f=st.floats(0.6, 150.0), order=st.integers(1, 9),
)  # fmt: skip
def test_everywhere(a_f, a_r, b_r, w, b_f, order):
    gap = trust_gap(world_of(a_f, a_r, b_r, w, b_f), order=order, n=3)
    margin = a_f * w - (a_r + b_r)
    assert gap == pytest.approx(by_hand(a_f, a_r, b_r, w, b_f, order), abs=1e-12)
    if abs(margin) > 1e-9:
        assert np.sign(gap) == np.sign(margin)


def test_no_policy_of_the_catalogue_is_above_the_line_in_the_evidence_world(
    catalogue, evidence
):
    prior = evidence["prior_recovery_a"] + evidence["prior_recovery_b"]
    for policy in catalogue.values():
        follow_up = 1 + evidence["follow_up_weight"] * policy.follow_up
        weight = evidence["recovery_weight"] * follow_up
        assert evidence["prior_failure_a"] * weight < prior, policy.name
