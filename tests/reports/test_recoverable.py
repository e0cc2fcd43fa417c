"""What cannot occur under a policy is not asked of it: nobody answered, nobody failed."""

import pytest

import recovery_research as rr
from recovery_research.model.policies import list_recovering, why_no_recovery
from recovery_research.reports.checked_parameters import check_value
from recovery_research.reports.declared_parameters import (
    ParameterError,
    read_declarations,
)

LINE = 'policy = "service"  # whose recoveries {recovering policy names}'


def experiment_of(policy, **fields):
    return rr.Experiment(
        world=rr.load_world("claims"),
        policies=[policy],
        population=rr.load_population("webshop"),
        n_customers=4000,
        seed=5,
        **fields,
    )


def test_the_policies_that_can_be_asked():
    everybody = set(rr.load_policies())
    assert everybody - set(list_recovering()) == {"silence", "zero_defects"}
    with pytest.raises(ValueError, match="Did you mean 'silence'"):
        why_no_recovery("silense")


@pytest.mark.parametrize("name", sorted(rr.load_policies()))
def test_recovery_is_asked_of_a_policy_exactly_if_it_happens(name):
    # No fork: customers as they come, whose complaints are answered or are not.
    policy = rr.load_policies()[name].but(name, invitation=5.0)
    customers = rr.tabulate_customers(rr.simulate(experiment_of(policy)))
    assert (customers["n_recovered"].sum() > 0) == (why_no_recovery(policy) == "")


@pytest.mark.parametrize("name", ["silence", "zero_defects"])
def test_a_fork_that_cannot_occur_is_refused(name):
    # It used to announce a paradox on all five outcomes.
    policy = rr.load_policies()[name]
    said = r"'service'.*"
    with pytest.raises(ValueError, match=said):
        rr.tabulate_forks(experiment_of(policy), ways=["no_failure", "recovered"])
    with pytest.raises(ValueError, match=said):
        experiment_of(policy, first_order="silent", later_order=(2, "recovered"))
    with pytest.raises(ValueError, match=said):
        rr.Study(sampled="order_based", world=rr.load_world("claims"),
                 policies=[policy], population=rr.load_population("webshop"))  # fmt: skip
    # What can occur, or is done to it by force, is as before.
    rr.tabulate_forks(experiment_of(policy), ways=["no_failure", "silent"])


def test_a_policy_of_ones_own_is_judged_by_its_levers():
    mute = rr.RecoveryPolicy("mute")
    assert why_no_recovery(mute) == (
        "'mute' answers nobody, and what nobody answers cannot be recovered"
    )
    assert why_no_recovery(mute.but("kind", apology=0.1)) == ""


def test_a_parameter_refuses_before_anything_runs_and_says_why():
    declared = read_declarations(LINE)["policy"]
    assert check_value(declared, "service") == "service"
    with pytest.raises(
        ParameterError,
        match=r"^policy: 'silence' answers nobody.*; allowed are a_sorry",
    ):
        check_value(declared, "silence")
    with pytest.raises(ParameterError, match=r"^policy: 'zero_defects' never fails"):
        check_value(declared, "zero_defects")
    with pytest.raises(ParameterError, match=r"'serv' is not allowed.*Did you mean"):
        check_value(declared, "serv")


def test_a_list_may_ask_for_two_names_or_more():
    line = 'policies = ["service", "silence"]  # compared {2 or more policy names}'
    declared = read_declarations(line)["policies"]
    assert check_value(declared, ["service", "silence"]) == ["service", "silence"]
    for given in (["service"], ["service", "silence", "service"]):
        with pytest.raises(ParameterError, match="2 or more names, each once; got"):
            check_value(declared, given)
