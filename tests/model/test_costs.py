"""Every line of a firm's costs is charged when the thing happens, and not otherwise."""

import numpy as np
import pytest

import recovery_research as rr
from recovery_research.model import simulation, tables
from recovery_research.model.justice import form_reply

WEEKS, N = 60.0, 400
OWN = rr.RecoveryPolicy("own", apology=1.0, days_to_resolve=3.0)
POLICIES = {
    "says sorry": OWN,
    "a refund": OWN.but("own", compensation=0.5),
    "a gift": OWN.but("own", compensation=0.5, form="gift"),
    "charges": OWN.but("own", compensation=-0.5, form="gift"),
    "invites": OWN.but("own", invitation=2.0),
    "turns away": OWN.but("own", invitation=-2.0),
    "reaches out": OWN.but("own", proactive=1.0),
    "follows up": OWN.but("own", follow_up=0.5),
    "improves": OWN.but("own", improvement=0.5),
    "prevents": OWN.but("own", failure_multiplier=0.25),
    "fails more": OWN.but("own", failure_multiplier=2.0),
    "says nothing": rr.RecoveryPolicy("own", days_to_resolve=3.0),
    "reaches out and says nothing": rr.RecoveryPolicy("own", proactive=1.0),
    "silence": rr.load_policies()["silence"].but("own"),
    "service": rr.load_policies()["service"].but("own"),
    "you owe us": rr.load_policies()["c_you_owe_us"].but("own"),
}
# By hand, in dollars: 5 an answer and 8 more at once; a gift costs half its face.
COSTS = {
    "discount_rate": 0.0, "handling_cost": 5.0, "speed_cost": 8.0, "cost_gift": 0.5,
    "hotline_cost": 0.01, "follow_up_cost": 0.02, "improvement_cost": 0.04,
    "prevention_cost": 0.15,
}  # fmt: skip
RUNNING = {
    "invites": 0.01 * 2.0, "follows up": 0.02 * 0.5, "improves": 0.04 * 0.5,
    "prevents": 0.15 * 0.75, "service": 0.01 * 0.5 + 0.02 * 0.8 + 0.04 * 0.7,
}  # fmt: skip
GIVEN = {"a refund": 0.5, "a gift": 0.25, "charges": -0.5, "service": 0.6,
         "you owe us": -0.2}  # fmt: skip
# Answers at once cost 13, after three days 7, after ten 5 and 8 elevenths.
ANSWER = {"service": 9.0, "you owe us": 5.0 + 8.0 / 11.0, "silence": 0.0,
          "says nothing": 0.0, "reaches out and says nothing": 0.0}  # fmt: skip


def experiment_of(policy, **fields):
    return rr.Experiment(
        world=rr.load_world("evidence").but("priced", **COSTS),
        policies=[policy],
        population=rr.load_population("webshop"),
        n_customers=N,
        weeks=WEEKS,
        seed=6,
        **fields,
    )


@pytest.mark.parametrize("fork", ["as_it_comes", "complained", "silent"])
@pytest.mark.parametrize("name", POLICIES)
def test_costs_of_customers_worked_out_by_hand(name, fork):
    experiment = experiment_of(POLICIES[name], first_order=fork)
    customers = rr.tabulate_customers(rr.simulate(experiment))
    log = rr.tabulate_orders(experiment)
    said = log["outcome"].isin(["recovered", "not_recovered"])
    loss = log["severity"] * log["amount"]
    each = (ANSWER.get(name, 7.0) + GIVEN.get(name, 0.0) * loss).where(said, 0.0)
    own = each.groupby(log["customer"]).sum().reindex(range(N), fill_value=0.0)
    tenure = customers["left_week"].fillna(WEEKS)
    wanted = own.to_numpy() + RUNNING.get(name, 0.0) * tenure.to_numpy()
    np.testing.assert_allclose(customers["recovery_cost"], wanted, atol=1e-9)
    worth = customers["margin"] + customers["referral_value"]
    np.testing.assert_allclose(
        customers["net_value"], worth - customers["recovery_cost"], atol=1e-9
    )
    weeks = rr.tabulate_weeks(rr.simulate(experiment))
    assert weeks["recovery_cost"].sum() == pytest.approx(own.sum(), abs=1e-6)
    # Each line was tried: some were answered, most were not.
    if fork == "complained":
        assert said.sum() >= N / 2
    assert (~said).sum() > 0


def test_who_says_nothing_answers_in_no_days_and_pays_nothing():
    # `silence` paid 5.1 dollars for every complaint that it left unanswered.
    experiment = experiment_of(POLICIES["silence"], first_order="complained")
    log = rr.tabulate_orders(experiment)
    assert log["complained"].any()
    assert log["days"].isna().all()
    assert (rr.tabulate_customers(rr.simulate(experiment))["recovery_cost"] == 0).all()


@pytest.mark.parametrize("name", ["silence", "service", "charges"])
def test_prices_move_money_and_nothing_else(name, monkeypatch):
    experiment = experiment_of(POLICIES[name])
    dear = {"handling_cost": 99.0, "compensation_cost": 9.0, "programme_cost": 3.0}

    def form_dear(policy, world):
        return form_reply(policy, world)._replace(**dear)

    lives = rr.simulate(experiment).customers, rr.tabulate_orders(experiment)
    monkeypatch.setattr(simulation, "form_reply", form_dear)
    monkeypatch.setattr(tables, "form_reply", form_dear)
    others = rr.simulate(experiment).customers, rr.tabulate_orders(experiment)
    assert lives[1].equals(others[1])
    for column, values in lives[0].items():
        same = np.array_equal(values, others[0][column], equal_nan=True)
        assert same == (column != "recovery_cost"), column
