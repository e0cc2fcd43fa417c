"""No coefficients within their ranges make a customer run away, or stop making sense.

Random corners of the whole ledger, and those that ought to hurt most, taken on purpose.
"""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import recovery_research as rr
from recovery_research.model.policies import FORMS, LEVERS, why_no_recovery
from recovery_research.model.populations import draw_traits
from recovery_research.model.simulation import RunawayError

LEDGER = rr.load_world("evidence").ledger
FORKS = ("as_it_comes", "failed", "silent", "recovered", "not_recovered")
# What loyalty at its highest makes of the order rate, whatever else happens.
MOST = math.exp(LEDGER["purchase_link"].high * LEDGER["loyalty_gain_bound"].high)


def bounds_of(name):
    return LEDGER[name].low, LEDGER[name].high


def live(world, policy, *, population="webshop", n=40, weeks=104, fork="as_it_comes"):
    """Live under errors for every floating-point accident that Python sees."""
    if isinstance(population, str):
        population = rr.load_population(population)
    experiment = rr.Experiment(
        world=world, policies=[policy], population=population, n_customers=n,
        weeks=weeks, seed=23, first_order=fork,
    )  # fmt: skip
    with np.errstate(all="raise", under="ignore"):
        history = rr.simulate(experiment, threads=1)
        customers = rr.tabulate_customers(history)
        orders = rr.tabulate_orders(experiment)
    check_sane(experiment, customers, orders)
    return customers


def check_sane(experiment, customers, orders):
    ordered = customers[customers["n_orders"] > 0]
    always = ["spend", "margin", "recovery_cost", "net_value", "referral_value"]
    assert np.isfinite(customers[always]).all(axis=None)
    once = ["trust", "satisfaction_before", "satisfaction_after", "index_week"]
    assert np.isfinite(ordered[once]).all(axis=None)
    assert ordered["satisfaction_after"].between(1, 7).all()
    felt = ["amount", "trust", "affect", "obligation", "loyalty", "loyalty_before"]
    assert np.isfinite(orders[felt]).all(axis=None)
    answered = orders["outcome"].isin(["recovered", "not_recovered"])
    assert np.isfinite(orders.loc[answered, "recovery_satisfaction"]).all()
    failed = orders["outcome"] != "no_failure"
    assert orders.loc[failed, "severity"].between(0, 1).all()
    assert (orders["amount"] > 0).all()
    assert (orders["obligation"] >= 0).all()
    world = experiment.world
    high, low = world["loyalty_gain_bound"], -world["loyalty_loss_bound"]
    assert orders["loyalty"].between(low, high).all()
    # The bound: no customer orders faster than her own rate times exp(link * bound).
    # Five standard deviations of a Poisson count, and a few, above it.
    traits = draw_traits(experiment.population, seed=23, block=0)
    rate = traits[: experiment.n_customers, 0]
    most = rate * math.exp(world["purchase_link"] * high) * experiment.weeks
    assert (customers["n_orders"] <= most + 5 * np.sqrt(most) + 12).all()


@st.composite
def policies(draw):
    levers = {
        name: draw(st.floats(lever.low, lever.high) | st.sampled_from([lever.low, lever.high]))
        for name, lever in LEVERS.items()
    }  # fmt: skip
    return rr.RecoveryPolicy("any", form=draw(st.sampled_from(FORMS)), **levers)


@st.composite
def worlds(draw):
    values = {
        name: draw(st.floats(*bounds_of(name)) | st.sampled_from(bounds_of(name)))
        for name in LEDGER
    }
    return rr.load_world("evidence").but("any", **values)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(), policy=policies(), fork=st.sampled_from(FORKS))
def test_anywhere_in_the_ranges(world, policy, fork):
    if fork == "recovered" and why_no_recovery(policy):
        with pytest.raises(ValueError, match="recover"):
            live(world, policy, n=25, fork=fork)
        return
    live(world, policy, n=25, fork=fork)


def extreme(**sides):
    """A world with every coefficient that is named at one end of its range."""
    values = {name: bounds_of(name)[side] for name, side in sides.items()}
    return rr.load_world("evidence").but("extreme", **values)


LOW, HIGH = 0, 1
GAINS = {
    "purchase_link": HIGH, "loyalty_gain_bound": HIGH, "purchase_gain_ratio": HIGH,
    "dropout_link": HIGH, "dropout_gain_ratio": HIGH, "trust_weight": HIGH,
    "delight": HIGH, "affect_weeks": HIGH, "obligation": HIGH, "obligation_weeks": HIGH,
    "prior_failure_a": HIGH, "prior_failure_b": LOW, "prior_recovery_a": LOW,
    "prior_recovery_b": LOW, "recovery_weight": HIGH, "expectation_base": LOW,
    "expectation_severity": LOW, "distributive_weight": HIGH,
    "interactional_weight": HIGH, "synergy_weight": HIGH, "voice_base": HIGH,
}  # fmt: skip
LOSSES = {
    "failure_probability": HIGH, "hurt": HIGH, "loss_aversion": HIGH, "delight": HIGH,
    "double_deviation": HIGH, "affect_weeks": HIGH, "complaint_aggravation": HIGH,
    "aggravation_weeks": HIGH, "relationship_buffer": LOW, "relationship_orders": LOW,
    "expectation_base": HIGH, "expectation_severity": HIGH, "loyalty_loss_bound": HIGH,
    "dropout_link": LOW, "repeat_weight": HIGH, "recovery_weight": HIGH,
    "prior_failure_a": LOW, "prior_failure_b": HIGH, "prior_recovery_a": HIGH,
    "prior_recovery_b": LOW, "voice_base": HIGH, "severity_mild": HIGH,
    "severity_grave": LOW,
}  # fmt: skip
# A reply as unjust as can be against noise as small as can be: the chance of a good
# recovery is smaller than any number there is, and the fork asks for one all the same.
HOPELESS = {
    "parity_compensation": HIGH, "flat_compensation": LOW, "distributive_curve": HIGH,
    "distributive_weight": HIGH, "residual_noise": LOW, "execution_noise": LOW,
    "expectation_base": HIGH, "expectation_severity": HIGH, "process_match": HIGH,
}  # fmt: skip
GENEROUS = rr.RecoveryPolicy(
    "generous", apology=1, days_to_resolve=0, empathy=1, compensation=5,
    form="gesture", follow_up=1, accountability=1, invitation=5, empowerment=1,
    communication=1, failure_multiplier=10,
)  # fmt: skip
HOSTILE = rr.RecoveryPolicy(
    "hostile", days_to_resolve=365, compensation=-1, accountability=-1, invitation=5,
    failure_multiplier=10,
)  # fmt: skip


def test_the_most_loyal_customers_possible():
    # Nobody drops out, everybody is delighted, trust without end feeds the rate.
    customers = live(extreme(**GAINS), GENEROUS, n=150)
    plain = live(rr.load_world("evidence"), GENEROUS, n=150)
    assert customers["n_orders"].sum() > 5 * plain["n_orders"].sum()
    assert customers["n_orders"].max() < 0.25 * 20_000


def test_the_webshop_stays_far_from_the_limit_whatever_the_coefficients():
    # The quickest of a million webshop customers, as loyal as a ledger can make her.
    rates = [
        draw_traits(rr.load_population("webshop"), seed=0, block=k)[:, 0].max()
        for k in range(245)
    ]
    assert max(rates) * MOST * 104 < 0.9 * 20_000


@pytest.mark.parametrize("fork", FORKS)
def test_the_worst_treated_customers_possible(fork):
    customers = live(extreme(**LOSSES), HOSTILE, n=150, fork=fork)
    assert (customers["n_failures"] == customers["n_orders"]).all()


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("policy", [GENEROUS, HOSTILE], ids=lambda p: p.name)
def test_a_recovery_that_cannot_be_and_is_demanded(fork, policy):
    live(extreme(**HOPELESS), policy, n=80, fork=fork)
    live(extreme(**HOPELESS | LOSSES), policy, n=80, fork=fork)


def test_a_failed_recovery_that_cannot_be_and_is_demanded():
    certain = extreme(**GAINS | {"residual_noise": LOW, "execution_noise": LOW,
        "procedural_weight": HIGH, "empathy_weight": HIGH, "apology_weight": HIGH,
        "accountability_weight": HIGH, "interactional_offset": LOW})  # fmt: skip
    customers = live(certain, GENEROUS, n=80, fork="not_recovered")
    ordered = customers[customers["n_orders"] > 0]
    assert (ordered["index_outcome"] == "not_recovered").all()


@pytest.mark.parametrize("side", [LOW, HIGH])
def test_every_coefficient_at_one_end(side):
    values = {name: bounds_of(name)[side] for name in LEDGER}
    world = rr.load_world("evidence").but("end", **values)
    for policy in (GENEROUS, HOSTILE):
        for fork in FORKS:
            live(world, policy, n=40, fork=fork)


@pytest.mark.parametrize("name", list(LEDGER))
def test_each_coefficient_at_each_end(name):
    for value in bounds_of(name):
        world = rr.load_world("claims").but("end", **{name: value})
        live(world, GENEROUS, n=15, weeks=60)


@pytest.mark.parametrize(
    "traits",
    [
        {"order_shape": 0.05, "order_scale": 0.1},
        {"dropout_a": 0.01, "dropout_b": 0.01},
        {"dropout_a": 50, "dropout_b": 0.01},
        {"dropout_a": 0.01, "dropout_b": 1000},
        {"amount_mean": 1e5, "amount_sd_between": 3, "amount_sd_within": 3},
        {"voice_sd": 5, "voice_rate_correlation": -0.95},
        {"order_shape": 0.05, "order_scale": 500, "voice_rate_correlation": 0.95},
    ],
)
def test_populations_at_the_ends(traits):
    population = rr.load_population("webshop").but("end", **traits)
    drawn = draw_traits(population, seed=23, block=0)
    assert np.isfinite(drawn).all()
    assert (drawn[:, :3] >= 0).all()
    for policy in (GENEROUS, HOSTILE):
        live(rr.load_world("claims"), policy, population=population, n=60, weeks=52)


@pytest.mark.parametrize("weeks", [1e-9, 0.3, 1, 1.5, 5200])
def test_any_length_of_observation(weeks):
    customers = live(rr.load_world("evidence"), GENEROUS, n=30, weeks=weeks)
    if weeks < 0.01:
        assert (customers["n_orders"] == 0).all()


def test_a_real_runaway_is_an_error_that_names_the_coefficients():
    # Two hundred orders a week of people who never leave: past the limit in two years.
    mad = rr.load_population("webshop").but(
        "mad", order_shape=20, order_scale=0.1, dropout_a=0.01, dropout_b=1000
    )
    experiment = rr.Experiment(
        world=extreme(**GAINS), policies=[GENEROUS.but("flawless", failure_multiplier=0)],
        population=mad, n_customers=3,
    )  # fmt: skip
    named = r"customer \d passed 20,000 orders.*order_shape.*purchase_link.*bound"
    for run in (rr.simulate, rr.tabulate_orders, rr.tabulate_departures):
        with pytest.raises(RunawayError, match=named):
            run(experiment)
