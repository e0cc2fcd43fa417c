"""The benchmark runs, and its NumPy peer is a second opinion on the compiled loop."""

import importlib

import numpy as np
import pytest
from bench import __main__ as bench
from bench import common_luck, peers, speed, stubs
from bench.subjects import form_experiment, form_rules
from bench.tables import find

import recovery_research as rr

POLICIES = ("service", "cost_center", "over_deliver", "fail_on_purpose", "silence")


@pytest.mark.parametrize("world", ["evidence", "claims"])
@pytest.mark.parametrize("policy", POLICIES)
def test_numpy_lives_every_customer_as_the_compiled_loop_does(world, policy):
    # 4,500 customers are a whole chunk and a part of the next.
    experiment = form_experiment(4_500, (policy,), world=world, seed=2**40 + 11)
    assert peers.compare_customers(experiment) == []


def test_the_comparison_with_numpy_can_fail(monkeypatch):
    rules = peers.form_rules
    wrong = lambda e: rules(e)._replace(amount_sd=rules(e).amount_sd + 1e-6)  # noqa: E731
    monkeypatch.setattr(peers, "form_rules", wrong)
    differ = peers.compare_customers(form_experiment(200))
    assert "spend" in differ
    assert "weekly margin" in differ
    assert "n_orders" not in differ


@pytest.mark.parametrize("name", ["mesa", "simpy"])
def test_an_agent_framework_comes_to_the_same_totals(name):
    pytest.importorskip(name, reason=f"{name} is of the extra 'bench' only")
    shop = importlib.import_module(f"bench.{name}_shop")
    experiment = form_experiment(1_500, seed=5)
    totals = shop.run(shop.build(form_rules(experiment)))
    customers = rr.simulate(experiment).customers
    for measure, theirs in totals.items():
        ours = customers[measure][0]
        # Two independent sums of as many customers; sharing traits makes them closer.
        error = np.sqrt(2.0 * ours.size * ours.var())
        assert abs(theirs - ours.sum()) < 4.0 * error, measure


def test_draws_are_counted_as_the_loop_makes_them():
    history = rr.simulate(form_experiment(600))
    basics, events, answers = speed.count_draws(history)
    c = {name: values[0] for name, values in history.customers.items()}
    # The last wait of who stays ends after the last week, and was drawn too.
    np.testing.assert_array_equal(basics - events, np.isnan(c["left_week"]))
    had_order = c["n_orders"] > 0
    assert (answers[~had_order] == 0).all()
    assert (answers[had_order] >= np.maximum(c["n_failures"], 1)[had_order]).all()


def test_a_stub_that_plants_nothing_is_refused():
    with pytest.raises(LookupError, match="defined 0 times"):
        stubs.take_out("def f():\n    return 1\n", "g", "0")


def test_strangers_differ_more_than_one_customer_with_herself():
    n = 2_000
    shared = form_experiment(n, ("service", "cost_center"))
    others = [shared, shared.but(luck="separate"), shared.but(seed=99)]
    histories = [rr.simulate(experiment) for experiment in others]
    spread = common_luck.spread_of(shared.policies, "spend", histories)
    assert spread.shared < spread.own_luck < spread.strangers


def test_a_finding_says_whether_its_target_was_met():
    assert find("s", "w", [3.0, 1.0, 2.0], "s", at_most=2.0).met == "yes"
    assert find("s", "w", [3.0, 1.0, 2.5], "s", at_most=2.0).met == "no"
    assert find("s", "w", [3.0, 1.0, 2.5], "s", at_least=2.0).met == "yes"


@pytest.mark.parametrize("section", ["speed", "peers", "luck"])
def test_a_section_runs_small(section, tmp_path, capsys):
    asked = [section, "--small", "--reports", str(tmp_path)]
    assert bench.main(asked) == 0
    assert f"| {section} |" in capsys.readouterr().out
    assert (tmp_path / f"{section}-small.csv").stat().st_size > 0


SLOW = ["loop", "memory", "start-up", "reports", "runner", "watch", "history",
        "customers", "analyses"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("section", SLOW)
def test_a_section_with_processes_runs_small(section, tmp_path):
    assert bench.main([section, "--small", "--reports", str(tmp_path)]) == 0
    assert (tmp_path / f"{section}-small.md").is_file()


def test_an_unknown_section_names_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        bench.main(["sped"])
    assert "there are speed, loop, peers" in capsys.readouterr().err
