"""Each lever moves its own channel, in the direction the model says, and no other."""

import dataclasses
import math

import numpy as np
import pytest
from one_life import judge_by_hand

import recovery_research as rr
from recovery_research.model.justice import Reply, form_perfect_reply, form_reply
from recovery_research.model.policies import FORMS, LEVERS

# A middling policy: every lever inside its range, so that each can move both ways.
MIDDLING = rr.RecoveryPolicy(
    "middling", apology=0.4, days_to_resolve=6.0, empathy=0.35, compensation=0.6,
    improvement=0.3, communication=0.45, follow_up=0.25, accountability=0.15,
    invitation=0.7, empowerment=0.55, consistency=0.65, proactive=0.2,
    failure_multiplier=0.9,
)  # fmt: skip
JUSTICE = {"justice_outcome": +1, "justice_process": +1}
# Lever -> what a rise in it does to the fields of a reply: +1 raises, -1 lowers.
# MODEL.md section 5; every field not named must stay as it was to the last bit.
CHANNELS = {
    "apology": JUSTICE,
    "days_to_resolve": {"justice_outcome": -1, "justice_process": -1,
                        "handling_cost": -1},
    "empathy": JUSTICE,
    "compensation": JUSTICE | {"compensation_cost": +1},
    "improvement": {"prevented": +1, "programme_cost": +1},
    "communication": {"blame_kept": -1},
    "follow_up": {"lesson_weight": +1, "programme_cost": +1},
    "accountability": JUSTICE,
    "invitation": {"voice": +1, "programme_cost": +1},
    "empowerment": JUSTICE,
    "consistency": {"noise": -1},
    "proactive": {"reach": +1},
    "failure_multiplier": {"failure_probability": +1, "programme_cost": -1},
}  # fmt: skip


def moved_fields(before, after):
    return {
        name: int(np.sign(y - x))
        for name, x, y in zip(Reply._fields, before, after, strict=True)
        if x != y
    }


def test_every_lever_has_a_channel():
    numbers = {f.name for f in dataclasses.fields(rr.RecoveryPolicy)}
    assert set(CHANNELS) == set(LEVERS)
    assert numbers - set(LEVERS) == {"name", "form", "description", "source"}


@pytest.mark.parametrize("world", ["claims", "evidence"])
@pytest.mark.parametrize("lever", CHANNELS)
def test_a_lever_moves_its_channel_and_no_other(lever, world):
    world = rr.load_world(world)
    value = getattr(MIDDLING, lever)
    low, high = value * 0.8 if value else -0.1, value * 1.1
    before, after = (
        form_reply(MIDDLING.but("m", **{lever: v}), world) for v in (low, high)
    )
    assert moved_fields(before, after) == CHANNELS[lever]


def test_compensation_beyond_the_loss_obliges(evidence):
    for form in FORMS:
        within, beyond = (
            form_reply(MIDDLING.but("m", form=form, compensation=c), evidence)
            for c in (0.97, 1.31)
        )
        assert within.obligation == 0.0
        wanted = evidence["obligation"] * 0.31 * evidence[f"personal_{form}"]
        assert beyond.obligation == pytest.approx(wanted)
    unmoved = form_reply(
        MIDDLING.but("m", form="gesture", compensation=1.31),
        evidence.without("reciprocity"),
    )
    assert unmoved.obligation == 0.0
    # Without reciprocity nothing else of the reply is changed.
    other = form_reply(MIDDLING.but("m", form="gesture", compensation=1.31), evidence)
    assert moved_fields(unmoved, other) == {"obligation": 1}


@pytest.mark.parametrize("kind", ["outcome", "process"])
@pytest.mark.parametrize("world", ["claims", "evidence"])
def test_justice_by_hand(catalogue, world, kind):
    world = rr.load_world(world)
    edge = [
        MIDDLING.but(f"{form}_{c}", form=form, compensation=c)
        for form in FORMS
        for c in (-0.7, 0.0, 0.3, 0.8, 1.2, 1.5, 2.7)
    ]
    for policy in [*catalogue.values(), *edge]:
        ours = rr.judge_policy(policy, world, kind=kind)
        assert ours == pytest.approx(judge_by_hand(policy, world, kind), rel=1e-13)


def test_distributive_justice_is_concave_neutral_at_parity_and_level_past_the_flat(
    evidence,
):
    given = np.arange(-1.0, 2.0, 0.05)
    policies = [MIDDLING.but(f"c{k}", compensation=c) for k, c in enumerate(given)]
    curve = rr.tabulate_justice(policies, evidence)["distributive"].to_numpy()
    assert np.interp(0.8, given, curve) == pytest.approx(0.0, abs=1e-12)
    steps = np.diff(curve)
    below = given[1:] < 1.5 + 1e-9
    assert (steps[below] > 0).all()
    assert (np.diff(steps[below]) < 0).all()
    assert (curve[given > 1.5 - 1e-9] == 1.0).all()


def test_a_form_that_matches_less_is_worth_less_and_costs_less(evidence):
    replies = {
        form: form_reply(MIDDLING.but("m", form=form), evidence) for form in FORMS
    }
    for form in FORMS[1:]:
        assert evidence[f"match_{form}"] < 1.0
        moved = moved_fields(replies["refund"], replies[form])
        assert moved == {
            "justice_outcome": -1, "justice_process": -1, "compensation_cost": -1,
        }  # fmt: skip
    # What she is charged is a charge in any form.
    charged = [
        form_reply(MIDDLING.but("m", form=form, compensation=-0.4), evidence)
        for form in FORMS
    ]
    assert len({reply.justice_outcome for reply in charged}) == 1


def test_costs_by_hand(evidence):
    reply = form_reply(MIDDLING.but("m", form="discount"), evidence)
    assert reply.handling_cost == pytest.approx(5 + 8 / 7)
    assert reply.compensation_cost == pytest.approx(0.7 * 0.6)
    programme = 0.01 * 0.7 + 0.02 * 0.25 + 0.04 * 0.3 + 0.15 * 0.1
    assert reply.programme_cost == pytest.approx(programme)
    # Turning complaints away saves no running cost, and more failures save none.
    turned = form_reply(
        MIDDLING.but("m", invitation=-2.0, failure_multiplier=1.7), evidence
    )
    assert turned.programme_cost == pytest.approx(0.02 * 0.25 + 0.04 * 0.3)


def test_the_perfect_reply_keeps_failures_and_levers_of_prevention(evidence):
    policy = MIDDLING.but("m", form="gesture", compensation=2.0)
    own, perfect = form_reply(policy, evidence), form_perfect_reply(policy, evidence)
    for name in ("voice", "reach", "failure_probability", "prevented"):
        assert getattr(own, name) == getattr(perfect, name)
    assert perfect.obligation == 0.0
    assert perfect.noise == evidence["residual_noise"]
    assert perfect.blame_kept == 1 - evidence["cause_excused"]
    for other in rr.load_policies().values():
        for kind in ("justice_outcome", "justice_process"):
            best = getattr(form_perfect_reply(other, evidence), kind)
            assert best >= getattr(form_reply(other, evidence), kind), other.name


# What a rise in a lever does to the first order that failed and was answered, on the
# same luck: column of the order log -> direction. Nothing else there may differ.
AT_ONCE = {
    "apology": {"recovery_satisfaction": +1},
    "empathy": {"recovery_satisfaction": +1},
    "accountability": {"recovery_satisfaction": +1},
    "empowerment": {"recovery_satisfaction": +1},
    "days_to_resolve": {"recovery_satisfaction": -1, "days": +1},
    "compensation": {"recovery_satisfaction": +1},
    "consistency": {"recovery_satisfaction": 0},
    "communication": {"trust": +1},
    "follow_up": {"trust": 0},
    "improvement": {},
    "invitation": {},
    "proactive": {},
    "failure_multiplier": {},
}
OF_AN_ORDER = ("week", "amount", "severity", "kind", "loyalty_before", "complained",
               "days", "recovery_satisfaction", "trust")  # fmt: skip


@pytest.mark.parametrize("lever", AT_ONCE)
def test_a_lever_moves_only_its_outcomes_at_the_index_order(lever, evidence, webshop):
    logs = []
    value = getattr(MIDDLING, lever)
    for v in (value * 0.8, value * 1.1):
        experiment = rr.Experiment(
            world=evidence, policies=[MIDDLING.but("m", **{lever: v})],
            population=webshop, n_customers=600, weeks=40, seed=9,
            first_order="complained",
        )  # fmt: skip
        log = rr.tabulate_orders(experiment, customers=600)
        logs.append(log[log["order"] == 1].set_index("customer"))
    less, more = logs
    turned = less["outcome"] != more["outcome"]
    assert turned.mean() < 0.25
    for column in OF_AN_ORDER:
        x, y = less.loc[~turned, column], more.loc[~turned, column]
        if column not in AT_ONCE[lever]:
            assert x.equals(y), column
            continue
        change = (y - x).to_numpy()
        direction = AT_ONCE[lever][column]
        assert (change * direction > 0).all() if direction else (change != 0).any()
    # Where a good lesson weighs more, trust rises; where a bad one does, it falls.
    if lever == "follow_up":
        rise = more["trust"] - less["trust"]
        assert (rise[less["outcome"] == "recovered"] > 0).all()
        assert (rise[less["outcome"] == "not_recovered"] < 0).all()
    if lever == "consistency":
        spread = [log["recovery_satisfaction"].std() for log in logs]
        assert spread[1] < spread[0]


@pytest.mark.parametrize(
    ("lever", "values", "column", "direction"),
    [
        ("improvement", (0.0, 1.0), "n_failures", -1),
        ("failure_multiplier", (0.6, 1.8), "n_failures", +1),
        ("invitation", (-1.0, 1.5), "n_complaints", +1),
        ("proactive", (0.0, 1.0), "n_recovered", +1),
    ],
)
def test_levers_of_counting_in_a_long_run(
    lever, values, column, direction, evidence, webshop
):
    # Loyalty switched off, so that only the lever itself can move the counts.
    experiment = rr.Experiment(
        world=evidence.without("learning", "disconfirmation", "reciprocity"),
        policies=[MIDDLING.but(f"v{v}", **{lever: v}) for v in values],
        population=webshop, n_customers=4000, seed=3,
    )  # fmt: skip
    customers = rr.tabulate_customers(rr.simulate(experiment))
    less, more = (customers[customers["policy"] == f"v{v}"] for v in values)
    change = more[column].to_numpy() - less[column].to_numpy()
    assert (change * direction >= 0).all()
    assert (change != 0).mean() > 0.005
    for same in ("n_orders", "spend", "left_week", "satisfaction_after", "margin"):
        np.testing.assert_array_equal(more[same], less[same])


def test_improvement_works_with_its_time_constant(evidence, webshop):
    # Full improvement prevents half in the end: at week t, half of 1 - exp(-t / 26).
    world = evidence.but("often", failure_probability=0.4).without("learning",
        "disconfirmation", "reciprocity")  # fmt: skip
    experiment = rr.Experiment(
        world=world, policies=[MIDDLING.but("i", improvement=1, failure_multiplier=1)],
        population=webshop, n_customers=30_000, weeks=80, seed=1,
    )  # fmt: skip
    weeks = rr.tabulate_weeks(rr.simulate(experiment))
    for start in (0, 20, 60):
        window = weeks.iloc[start : start + 5]
        n, failed = window["n_orders"].sum(), window["n_failures"].sum()
        mean = np.mean([math.exp(-(start + t) / 26) for t in np.arange(0.05, 5, 0.1)])
        expected = 0.4 * (1 - 0.5 * (1 - mean))
        error = math.sqrt(expected * (1 - expected) / n)
        assert abs(failed / n - expected) < 4 * error
