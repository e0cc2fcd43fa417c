"""Worlds and populations held against what they are there for."""

import pytest

import recovery_research as rr


@pytest.mark.parametrize("name", ["webshop", "cdnow"])
def test_simulator_is_bgnbd_when_effects_are_off(name):
    table = rr.check_customer_base(
        rr.load_population(name), n_customers=20_000, weeks=77.0, seed=21
    )
    assert list(table["quantity"]) == ["orders per customer", "share still a customer"]
    assert (table["errors_apart"].abs() < 4.5).all()  # 1 in 70,000 for each by chance
    assert (table["std_error"] > 0).all()


def test_closed_form_check_would_notice_a_longer_observation():
    population = rr.load_population("webshop")
    table = rr.check_customer_base(population, n_customers=20_000, weeks=77.0, seed=21)
    wrong = rr.expect_orders(population, 90.0)
    assert abs(table["simulated"][0] - wrong) > 4 * table["std_error"][0]


def test_boundary_is_held_on_both_sides():
    below = rr.load_world("evidence")
    above = below.but("above", prior_failure_a=4.3)  # 4.3 > 2 + 2
    assert not rr.check_boundary(below)["algebra_gains"]
    assert rr.check_boundary(below)["trust_gain"] < 0
    assert rr.check_boundary(above)["algebra_gains"]
    assert rr.check_boundary(above)["trust_gain"] > 0


def test_claims_table_has_the_columns_promised():
    table = rr.check_targets(rr.load_world("claims"), n_customers=4000)
    for column in ("moment", "target", "achieved", "miss", "n"):
        assert column in table
    assert len(table) == 6


def test_leader_is_named_with_its_lead():
    experiment = rr.Experiment(
        world=rr.load_world("claims"),
        policies=rr.choose_policies(["silence", "service", "cost_center"]),
        population=rr.load_population("webshop"),
        n_customers=2000,
        seed=4,
    )
    customers = rr.tabulate_customers(rr.simulate(experiment))
    lead = rr.find_best_policy(customers, outcome="alive_52w")
    assert lead.treated == "service"
    assert lead.ci_low > 0
    means = customers.groupby("policy", observed=True)["alive_52w"].mean()
    assert lead.control == means.drop("service").idxmax()
    with pytest.raises(ValueError, match="no column 'alive'"):
        rr.find_best_policy(customers, outcome="alive")
    with pytest.raises(ValueError, match=r"the table holds \['silence'\]"):
        rr.find_best_policy(
            customers[customers["policy"] == "silence"], outcome="spend"
        )
