"""A gap is what was done and who was there, exactly."""

import numpy as np
import pytest

import recovery_research as rr


@pytest.fixture(scope="module")
def experiment():
    return rr.Experiment(
        world=rr.load_world("evidence").but("loud", voice_base=0.5),
        policies=rr.choose_policies(["delight_sometimes"]),
        population=rr.load_population("webshop"),
        n_customers=30_000,
        seed=8,
    )


def parts_of(experiment, **options):
    return rr.decompose_gap(experiment, **options).set_index("part")


def test_parts_sum_to_the_gap_exactly(experiment):
    for outcome in ("followup_spend", "alive_52w", "satisfaction_after"):
        parts = parts_of(experiment, outcome=outcome)["estimate"]
        assert parts["gap"] == pytest.approx(parts["recovery"] + parts["who"], abs=1e-9)


def test_the_gap_is_the_contrast_a_survey_sees(experiment):
    customers = rr.tabulate_customers(rr.simulate(experiment))
    seen = rr.paradox(customers, outcome="followup_spend", method="welch")
    gap = parts_of(experiment).loc["gap"]
    assert gap["estimate"] == pytest.approx(seen.estimate, rel=1e-12)
    assert gap["std_error"] == pytest.approx(seen.std_error, rel=1e-9)
    assert (gap["n_group"], gap["n_no_failure"]) == (seen.n_treated, seen.n_control)


def test_what_recovery_did_is_the_group_compared_with_itself(experiment):
    actual = rr.tabulate_customers(rr.simulate(experiment))
    unfailed = rr.tabulate_customers(
        rr.simulate(experiment.but(first_order="no_failure"))
    )
    group = (actual["index_outcome"] == "recovered") & actual["followup_spend"].notna()
    gained = (actual["followup_spend"] - unfailed["followup_spend"])[group]
    part = parts_of(experiment).loc["recovery"]
    assert part["estimate"] == pytest.approx(gained.mean(), rel=1e-12)
    assert part["std_error"] == pytest.approx(gained.sem(), rel=1e-12)


def test_who_was_there_is_nothing_if_nothing_selects(experiment):
    # Readiness to complain has nothing to do with ordering here, and one order of
    # each customer counts: four standard errors.
    who = parts_of(experiment).loc["who"]
    assert abs(who["estimate"]) < 4 * who["std_error"]


def test_loud_frequent_buyers_are_found_in_who_and_not_in_what_was_done(experiment):
    population = experiment.population.but("louder", voice_rate_correlation=0.8)
    parts = parts_of(experiment.but(population=population))
    assert parts.loc["who", "ci_low"] > 0
    assert parts.loc["recovery", "ci_high"] < 1.0  # dollars; the gap is tens of them


def test_what_cannot_be_split_is_refused(experiment):
    two = experiment.but(policies=rr.choose_policies(["service", "silence"]))
    with pytest.raises(ValueError, match=r"one policy.*\['service', 'silence'\]"):
        rr.decompose_gap(two)
    with pytest.raises(ValueError, match=r"as they come.*'failed'"):
        rr.decompose_gap(experiment.but(first_order="failed"))
    with pytest.raises(ValueError, match="outcome is one of"):
        rr.decompose_gap(experiment, outcome="followupspend")
    for name in ("silence", "zero_defects"):
        nobody = experiment.but(policies=rr.choose_policies([name]), n_customers=300)
        with pytest.raises(ValueError, match=rf"'{name}' .* recover.* ask one of"):
            rr.decompose_gap(nobody)
    few = experiment.but(policies=rr.choose_policies(["service"]), n_customers=3)
    with pytest.raises(ValueError, match="customers of 'service' are recovered"):
        rr.decompose_gap(few)
    with pytest.raises(ValueError, match="strictly between 0 and 1; got 95"):
        rr.decompose_gap(experiment, confidence=95)


def test_exposure_fakes_a_paradox_where_failure_harms(experiment):
    # More orders are more chances to fail. The truth is a loss; the careless
    # comparison must show a large gain all the same.
    customers = rr.tabulate_customers(rr.simulate(experiment))
    grouped = rr.group_by_exposure(customers)
    assert rr.paradox_ratio(grouped, outcome="spend").ci_low > 1.3
    harm = parts_of(experiment).loc["recovery"]
    assert harm["estimate"] < 0


def test_exposure_groups_by_hand():
    import pandas as pd

    customers = pd.DataFrame(
        {
            "n_orders": [0, 4, 7, 7, 2],
            "n_failures": [0, 0, 2, 2, 1],
            "n_recovered": [0, 0, 2, 1, 0],
        },
        index=[10, 11, 12, 13, 14],
    )
    groups = rr.group_by_exposure(customers)["index_outcome"]
    assert groups.to_dict() == {
        11: "no_failure",
        12: "recovered",
        13: "not_recovered",
        14: "not_recovered",
    }
    assert np.array_equal(groups.index, [11, 12, 13, 14])
