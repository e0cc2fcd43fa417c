"""Causes of departure: the same luck replayed, and the shares they come to."""

import dataclasses
import math

import numpy as np
import pytest
from one_life import Life
from statsmodels.stats.proportion import proportion_confint

import recovery_research as rr
from recovery_research.model import _accounts, _lifetime_loop
from recovery_research.model.justice import form_perfect_reply
from recovery_research.model.populations import draw_traits
from recovery_research.model.simulation import live_policy

CAUSES = ["anyway", "error", "treatment"]
N = 150


@pytest.fixture(scope="module")
def experiment(claims, webshop):
    """Failures common and felt: every cause occurs among a hundred leavers."""
    return rr.Experiment(
        world=claims.but("harsh", failure_probability=0.35, dropout_link=3.0),
        policies=rr.choose_policies(["cost_center", "over_deliver"]),
        population=webshop.but("brisk", dropout_b=14),
        n_customers=N, weeks=60, seed=13,
    )  # fmt: skip


def leavers(experiment, policy, *, perfect=False):
    traits = draw_traits(experiment.population, seed=experiment.seed, block=0)
    lives = [Life(experiment, policy, i, traits[i], perfect=perfect).live()
             for i in range(experiment.n_customers)]  # fmt: skip
    return np.array([bool(life.orders) and life.orders[-1]["left"] for life in lives])


def perfected(policy, world):
    """The best treatment of the same failures, as the docstring has it."""
    return dataclasses.replace(
        policy, apology=1, days_to_resolve=0, empathy=1, form="refund",
        compensation=world["flat_compensation"], communication=1, follow_up=1,
        accountability=1, empowerment=1, consistency=1,
    )  # fmt: skip


def test_causes_by_hand(experiment):
    table = rr.tabulate_departures(experiment)
    assert table["cause"].tolist() == CAUSES * 2
    for policy in experiment.policies:
        as_it_was = leavers(experiment, policy)
        flawless = policy.but("flawless", failure_multiplier=0)
        without = leavers(experiment, flawless)
        perfect = leavers(experiment, perfected(policy, experiment.world), perfect=True)
        wanted = [
            (as_it_was & without).sum(),
            (as_it_was & ~without & perfect).sum(),
            (as_it_was & ~without & ~perfect).sum(),
        ]
        own = table[table["policy"] == policy.name]
        assert own["n_cause"].tolist() == wanted
        assert (own["n_left"] == as_it_was.sum()).all()
    # The comparison is only worth its name where every cause occurs.
    assert (table.groupby("cause")["n_cause"].sum() > 0).all()


def test_the_perfectly_treated_live_as_by_hand(experiment):
    # Who leaves is a coarse thing to compare: here the whole lives are.
    world = experiment.world.but(
        "lasting", affect_weeks=20, dropout_link=0.3, expectation_base=0.2
    )
    policy = experiment.policies[0]
    asked = experiment.but(world=world, policies=[policy])
    traits = draw_traits(asked.population, seed=asked.seed, block=0)[:N]
    records = np.empty((N, len(_accounts.RECORD)))
    live_policy(
        asked, form_perfect_reply(policy, world), 0, traits, records,
        np.zeros((60, len(_accounts.WEEK))), policy=0,
        replay=_lifetime_loop.PERFECTLY_TREATED,
    )  # fmt: skip
    best = perfected(policy, world)
    lives = [Life(asked, best, i, traits[i], perfect=True).live() for i in range(N)]
    spend = [sum(row["amount"] for row in life.orders) for life in lives]
    np.testing.assert_allclose(records[:, _accounts.SPEND], spend, rtol=1e-11)
    rows = [row for life in lives for row in life.orders]
    failed = [row for row in rows if row["outcome"] != "no_failure"]
    assert {row["outcome"] for row in failed} == {"recovered"}
    assert records[:, _accounts.N_RECOVERED].sum() == len(failed)
    # Both where justice is above expectation and where it is lifted up to it.
    assert {row["satisfaction"] > 0 for row in failed} == {True, False}
    first = [life.orders[0]["surveys"][1] if life.orders else np.nan for life in lives]
    np.testing.assert_allclose(
        records[:, _accounts.SATISFACTION_AFTER], first, rtol=1e-11
    )


def test_forks_are_replayed_too(experiment):
    # With everybody failed and left alone at first, a replay without failures undoes
    # even that.
    forked = experiment.but(first_order="silent")
    policy = forked.policies[0]
    table = rr.tabulate_departures(forked).head(3)
    as_it_was = leavers(forked, policy)
    plain = experiment.but(policies=[policy.but("flawless", failure_multiplier=0)])
    without = leavers(plain, plain.policies[0])
    assert table["n_left"].iloc[0] == as_it_was.sum()
    assert table["n_cause"].iloc[0] == (as_it_was & without).sum()


def test_shares_and_their_wilson_interval(experiment):
    table = rr.tabulate_departures(experiment, confidence=0.9)
    customers = rr.tabulate_customers(rr.simulate(experiment))
    for name, own in table.groupby("policy", sort=False):
        here = customers[customers["policy"] == name]
        assert (own["n_left"] == here["left_week"].notna().sum()).all()
        assert own["estimate"].sum() == pytest.approx(1.0)
    for row in table.itertuples():
        assert row.estimate == row.n_cause / row.n_left
        error = math.sqrt(row.estimate * (1 - row.estimate) / row.n_left)
        assert row.std_error == pytest.approx(error)
        low, high = proportion_confint(row.n_cause, row.n_left, 0.1, method="wilson")
        assert (row.ci_low, row.ci_high) == (low, high)
        assert (row.confidence, row.n_customers) == (0.9, N)


def test_without_failures_everybody_leaves_anyway(experiment, catalogue):
    flawless = experiment.but(policies=[catalogue["zero_defects"]])
    table = rr.tabulate_departures(flawless)
    assert table["n_cause"].tolist() == [table["n_left"].iloc[0], 0, 0]


def test_without_mechanisms_everybody_leaves_anyway(experiment):
    world = experiment.world.without("learning", "disconfirmation", "reciprocity")
    table = rr.tabulate_departures(experiment.but(world=world))
    others = table[table["cause"] != "anyway"]
    assert (others["n_cause"] == 0).all()


def test_worse_treatment_is_blamed_for_more(experiment, catalogue, evidence):
    # Everybody speaks up and is answered: by hand and heart, or with a bill.
    policies = [catalogue["over_deliver"], catalogue["c_you_owe_us"]]
    heard = evidence.but("heard", voice_base=4.0, failure_probability=0.3)
    table = rr.tabulate_departures(
        experiment.but(policies=policies, n_customers=4000, weeks=40, world=heard)
    )
    treated = table[table["cause"] == "treatment"].set_index("policy")["n_cause"]
    assert treated["c_you_owe_us"] > 1.5 * treated["over_deliver"] > 0


def test_a_history_and_its_experiment_give_the_same(experiment):
    ours = rr.tabulate_departures(rr.simulate(experiment))
    assert ours.equals(rr.tabulate_departures(experiment))


def test_shares_are_missing_where_nobody_left(experiment, webshop):
    staying = webshop.but("staying", dropout_a=0.01, dropout_b=1000)
    table = rr.tabulate_departures(
        experiment.but(population=staying, n_customers=5, weeks=1)
    )
    assert (table["n_left"] == 0).all()
    assert table[["estimate", "std_error", "ci_low", "ci_high"]].isna().all(axis=None)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, -0.5, math.nan])
def test_confidence_is_a_share(experiment, confidence):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        rr.tabulate_departures(experiment, confidence=confidence)
