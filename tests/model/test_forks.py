"""The fork: what happens is what was asked, and the contrast is within customers."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import recovery_research as rr

WAYS = ["no_failure", "silent", "recovered", "not_recovered"]


@pytest.fixture(scope="module")
def experiment(small_experiment):
    return small_experiment.but(n_customers=700, weeks=60)


@pytest.fixture(scope="module")
def forks(experiment):
    return rr.tabulate_forks(experiment)


@pytest.mark.parametrize("way", WAYS)
def test_the_index_order_goes_the_way_asked_for(forks, way):
    here = forks[forks["way"] == way]
    ordered = here[here["index_outcome"] != "no_order"]
    assert (ordered["index_outcome"] == way).all()
    answered = way in ("recovered", "not_recovered")
    assert (ordered["index_complained"] == answered).all()
    assert (ordered["index_severity"].notna() == (way != "no_failure")).all()


def test_failed_and_complained_leave_the_rest_to_luck(experiment):
    for way, wanted in (
        ("failed", {"silent", "recovered", "not_recovered"}),
        ("complained", {"recovered", "not_recovered"}),
        ("as_it_comes", {"no_failure", "silent", "recovered", "not_recovered"}),
    ):
        table = rr.tabulate_customers(rr.simulate(experiment.but(first_order=way)))
        assert set(table["index_outcome"]) - {"no_order"} == wanted


def test_a_fork_meets_the_same_failure_as_luck_would(experiment):
    # Whoever fails by luck fails the same way by force: severity, kind, and how it
    # ended where the fork asks for the end that luck brought.
    by_luck = rr.tabulate_customers(rr.simulate(experiment))
    by_force = rr.tabulate_customers(rr.simulate(experiment.but(first_order="failed")))
    failed = by_luck["index_outcome"].isin(["silent", "recovered", "not_recovered"])
    assert failed.sum() > 50
    pd.testing.assert_frame_equal(by_luck[failed], by_force[failed])
    fine = by_luck["index_outcome"] == "no_failure"
    none = rr.tabulate_customers(rr.simulate(experiment.but(first_order="no_failure")))
    pd.testing.assert_frame_equal(by_luck[fine], none[fine])


def test_a_forced_end_is_the_distribution_given_that_end(experiment):
    # Among those complaining, satisfaction with recovery: as it comes, given its sign,
    # against the fork. Two-sample tests; the forced sample is everybody.
    logs = {}
    for way in ("complained", "recovered", "not_recovered"):
        forked = experiment.but(
            first_order=way, n_customers=4000, weeks=40,
            policies=rr.choose_policies(["cost_center"]),
            # One severity nearly: else who recovers is also who failed mildly.
            world=experiment.world.but(
                "plain", expectation_severity=0.0, process_share=0.0,
                execution_noise=1.0, expectation_base=-0.6,
            ),
        )  # fmt: skip
        log = rr.tabulate_orders(forked, customers=4000)
        logs[way] = log.loc[log["order"] == 1, "recovery_satisfaction"]
    free = logs["complained"]
    assert 0.2 < (free > 0).mean() < 0.8
    for way, part in (
        ("recovered", free[free > 0]),
        ("not_recovered", free[free <= 0]),
    ):
        assert stats.ks_2samp(logs[way], part).pvalue > 1e-3
        # And by the same uniform: the better by luck is the better by force.
        ranked = np.corrcoef(logs[way].rank(), free.rank())[0, 1]
        assert ranked > 0.999
    assert (logs["recovered"] > 0).all()
    assert (logs["not_recovered"] <= 0).all()


def test_a_later_order_is_the_index_order(experiment):
    later = experiment.but(first_order="silent", later_order=(2, "recovered"))
    table = rr.tabulate_customers(rr.simulate(later))
    log = rr.tabulate_orders(later, customers=700)
    second = log[log["order"] == 2].set_index(["policy", "customer"])
    first = log[log["order"] == 1]
    assert (first["outcome"] == "silent").all()
    assert (second["outcome"] == "recovered").all()
    rows = table.set_index(["policy", "customer"])
    assert ((rows["n_orders"] < 2) == (rows["index_outcome"] == "no_order")).all()
    # One order only: nothing to follow up.
    one = rows[rows["n_orders"] == 1]
    assert len(one) > 50
    assert one[["index_week", "followup_spend", "alive_13w"]].isna().all(axis=None)
    reached = rows.loc[second.index]
    for name, column in (("index_week", "week"), ("trust", "trust")):
        np.testing.assert_array_equal(reached[name], second[column])


def test_only_the_index_order_is_forked(experiment):
    table = rr.tabulate_forks(
        experiment.but(first_order="silent", later_order=(3, "as_it_comes")),
        ways=["no_failure", "not_recovered"],
    )
    for way, own in table.groupby("way", observed=True):
        reached = own[own["index_outcome"] != "no_order"]
        assert (reached["index_outcome"] == way).all()
        assert (own.loc[own["n_orders"] >= 1, "n_failures"] >= 1).all()


def test_the_contrast_is_a_paired_difference(forks):
    for outcome in ("trust", "spend", "alive_13w", "followup_spend"):
        ours = rr.contrast_forks(
            forks, outcome=outcome, treated="not_recovered", control="silent",
            policy="cost_center", confidence=0.9,
        )  # fmt: skip
        own = forks[(forks["policy"] == "cost_center")]
        own = own[own["index_outcome"] != "no_order"]
        sides = [
            own[own["way"] == way].set_index("customer")[outcome].astype("Float64")
            for way in ("not_recovered", "silent")
        ]
        there = sides[0].notna() & sides[1].notna()
        x, y = (side[there].astype(float) for side in sides)
        gain = x - y
        reach = stats.t.ppf(0.95, len(gain) - 1) * stats.sem(gain)
        theirs = (gain.mean() - reach, gain.mean() + reach)
        assert ours.estimate == pytest.approx(gain.mean())
        assert (ours.ci_low, ours.ci_high) == pytest.approx(theirs)
        assert (ours.mean_treated, ours.mean_control) == pytest.approx(
            (x.mean(), y.mean())
        )
        assert (ours.n_pairs, ours.n_missing) == (there.sum(), (~there).sum())
        assert ours.to_frame().loc[0, "std_error"] == ours.std_error
    assert ours.n_missing > 0


def test_swapping_the_ways_only_turns_the_sign(forks):
    there, back = (
        rr.contrast_forks(
            forks, outcome="spend", treated=t, control=c, policy="service"
        )
        for t, c in (("recovered", "silent"), ("silent", "recovered"))
    )
    assert there.estimate == -back.estimate != 0.0
    assert there.ci_low == pytest.approx(-back.ci_high)


def test_evidence_orders_the_four_ways_by_trust(forks):
    # No failure above recovery, silence above a double deviation (Kau & Loh 2006).
    trust = forks.groupby(["policy", "way"], observed=True)["trust"].mean()
    for policy in ("service", "cost_center", "over_deliver"):
        row = trust[policy]
        assert row["no_failure"] > row["recovered"] > row["silent"]
    assert trust["cost_center"]["silent"] > trust["cost_center"]["not_recovered"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"outcome": "spent"}, "got 'spent'. Did you mean 'spend'"),
        ({"outcome": "way"}, "outcome is one of"),
        ({"treated": "recoverd"}, "Did you mean 'recovered'"),
        ({"control": "never"}, "got 'never'"),
        ({"policy": None}, "Name one"),
        ({"policy": "servce"}, "got policy='servce'"),
        ({"confidence": 95}, "strictly between 0 and 1; got 95"),
        ({"confidence": math.nan}, "strictly between"),
    ],
)
def test_what_a_contrast_refuses(forks, options, match):
    with pytest.raises(ValueError, match=match):
        rr.contrast_forks(forks, **{"outcome": "spend", "policy": "service"} | options)


def test_too_few_to_compare(forks):
    one = forks[forks["customer"] == forks["customer"].iloc[1]]
    with pytest.raises(ValueError, match="at least 2"):
        rr.contrast_forks(one, outcome="spend", policy="service")


def test_an_unknown_way(experiment):
    with pytest.raises(ValueError, match=r"way is one of.*Did you mean 'silent'"):
        rr.tabulate_forks(experiment, ways=["silnt"])
