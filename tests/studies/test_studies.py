"""What a study sees, what it is after, and that the replay is the life it replays."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import recovery_research as rr
from recovery_research.studies import estimands
from recovery_research.studies.design import LOG_OUTCOMES, SAMPLINGS
from recovery_research.studies.estimands import follow_up, live_again, replay_slice
from recovery_research.studies.samples import SLICE, ask_slice, draw_samples


def study_of(evidence, webshop, sampled="order_based", **changes):
    names = ["g_own_it", "cost_center"] if sampled == "trial" else ["g_own_it"]
    fields = {"policies": rr.choose_policies(names), "n_customers": 400, **changes}
    return rr.Study(sampled=sampled, world=evidence, population=webshop, **fields)


@pytest.mark.parametrize("sampled", sorted(set(SAMPLINGS) - {"complainers"}))
def test_a_study_sees_its_columns_and_no_more(evidence, webshop, sampled):
    study = study_of(evidence, webshop, sampled)
    seen = rr.draw_sample(study, seed=3)
    group = "policy" if sampled == "trial" else "index_outcome"
    assert list(seen) == [group, "followup_spend", *study.adjusts_for]
    assert len(seen) == 400
    assert seen.notna().all(axis=None)
    assert {study.treated, study.control} <= set(seen[group])


def test_who_answers(evidence, webshop):
    def groups(sampled, **changes):
        return set(
            rr.draw_sample(study_of(evidence, webshop, sampled, **changes))[
                "index_outcome"
            ]
        )

    everybody = {"no_failure", "silent", "recovered", "not_recovered"}
    assert groups("order_based", n_customers=2000) == everybody
    assert groups("satisfied_complainers", n_customers=2000) == {
        "no_failure",
        "recovered",
    }
    assert groups("complainers", n_customers=60) == {"recovered", "not_recovered"}
    assert groups("customer_based") == {
        "no_failure", "silent", "recovered", "not_recovered",
    }  # fmt: skip


def test_survivors_are_still_there(evidence, webshop):
    study = study_of(evidence, webshop, "survivors", outcome="alive_13w")
    assert rr.draw_sample(study)["alive_13w"].all()
    everybody = rr.draw_sample(study.but(sampled="order_based", n_customers=2000))
    assert not everybody["alive_13w"].all()


def test_quotas(evidence, webshop):
    study = study_of(evidence, webshop, treated_share=0.2, n_customers=50)
    counts = rr.draw_sample(study)["index_outcome"].value_counts()
    assert (counts["recovered"], counts["no_failure"]) == (10, 40)
    trial = study_of(
        evidence, webshop, "trial", treated_share=0.2, n_customers=4000, outcome="trust"
    )
    share = (rr.draw_sample(trial)["policy"] == "g_own_it").mean()
    assert abs(share - 0.2) < 4 * math.sqrt(0.2 * 0.8 / 4000)


def test_samples_are_fresh_customers_and_the_same_again(evidence, webshop):
    study = study_of(evidence, webshop, n_customers=300)
    first = list(draw_samples(study, 3, seed=5))
    again = list(draw_samples(study, 3, seed=5))
    for one, same in zip(first, again, strict=True):
        assert one.equals(same)
    spent = np.concatenate([s["prior_spend"][s["prior_spend"] > 0] for s in first])
    assert len(np.unique(spent)) == len(spent)
    # A study more changes no other study.
    more = list(draw_samples(study, 5, seed=5))
    assert all(a.equals(b) for a, b in zip(first, more, strict=False))
    assert not next(draw_samples(study, 1, seed=5, batch=1)).equals(first[0])


@pytest.mark.parametrize("sampled", ["order_based", "ever_failed"])
@pytest.mark.parametrize("outcome", LOG_OUTCOMES)
def test_a_replay_of_what_happened_is_what_happened(
    evidence, webshop, sampled, outcome, monkeypatch
):
    # With nothing forked the replayed outcome is the observed one, for every outcome.
    monkeypatch.setattr(
        estimands, "live_without_this", lambda life, who, *_: live_again(life, who)
    )
    study = study_of(evidence, webshop, sampled, outcome=outcome)
    effects = replay_slice(study, 17)
    assert len(effects) > 50
    assert_allclose(effects, 0.0, atol=1e-9)


def test_no_problems_before_the_day_and_those_that_come_after_it(
    evidence, webshop, monkeypatch
):
    # The 6 % of orders that fail do so again from the first order after the day on.
    logs, real = [], estimands.live_without_problems

    def listen(*given):
        logs.append(real(*given))
        return logs[-1]

    monkeypatch.setattr(estimands, "live_without_problems", listen)
    replay_slice(study_of(evidence, webshop, "customer_based"), 17)
    outcome, week = rr_log("outcome"), estimands.WEEK
    firsts = []
    for log in logs:
        before = log[:, week] < 52.0
        assert (log[before, outcome] == 0).all()
        firsts.extend(log[~before][:1, outcome] > 0)
    share, n = np.mean(firsts), len(firsts)
    assert n > 300
    assert abs(share - 0.06) < 4 * math.sqrt(0.06 * 0.94 / n)


def rr_log(column):
    return estimands._accounts.LOG.index(column)


@pytest.mark.parametrize("outcome", LOG_OUTCOMES[:3])
def test_a_replay_of_the_day_is_the_day(evidence, webshop, outcome, monkeypatch):
    monkeypatch.setattr(
        estimands,
        "live_without_problems",
        lambda life, who, _: live_again(life, who),
    )
    study = study_of(evidence, webshop, "customer_based", outcome=outcome)
    effects = replay_slice(study, 17)
    assert len(effects) > 300
    assert_allclose(effects, 0.0, atol=1e-9)


def test_follow_up_by_hand():
    log = np.zeros((4, 14))
    log[:, estimands.WEEK] = [2.0, 7.0, 15.0, 16.5]
    log[:, estimands.AMOUNT] = [30.0, 11.0, 5.0, 2.0]
    log[3, estimands.LEFT] = 1.0
    later = log[1:]
    measured = [follow_up(o, later, log, 2.0, on_day=False) for o in LOG_OUTCOMES]
    assert measured == [16.0, 2.0, 1.0, 1.0, 0.0]
    # On a day the end is left out: week 15 is not within 13 weeks from day 2.
    assert follow_up("followup_spend", later, log, 2.0, on_day=True) == 11.0
    assert follow_up("alive_13w", later, log, 3.5, on_day=False) == 0.0


def test_the_truth_of_a_first_order_is_that_of_the_gap(evidence, webshop):
    # The same customers, by code of another room.
    study = study_of(evidence, webshop, index="first")
    experiment = study.form_experiment(n_customers=SLICE, seed=23)
    effects = replay_slice(study, 23)
    gap = rr.decompose_gap(experiment).set_index("part").loc["recovery"]
    assert len(effects) == gap["n_group"]
    assert_allclose(effects.mean(), gap["estimate"], rtol=1e-12)


def test_trust_after_a_first_recovery_has_a_closed_form(evidence, webshop):
    world = evidence.but("plain", recovery_weight=1.3)
    policy = rr.load_policies()["g_own_it"].but(
        "bare", communication=0.0, follow_up=0.0
    )
    study = study_of(world, webshop, index="first", outcome="trust", policies=[policy])
    truth = rr.find_truth(study, n_customers=1)
    a_f, b_f, a_r, b_r = (
        world[f"prior_{name}"]
        for name in ("failure_a", "failure_b", "recovery_a", "recovery_b")
    )
    total = a_f + b_f
    no_failure = -math.log(a_f / (total + 1) / (a_f / total))
    risk = (a_f + 1) / (total + 1) * b_r / (a_r + 1.3 + b_r)
    recovered = -math.log(risk / (a_f / total * b_r / (a_r + b_r)))
    assert_allclose(truth.estimate, recovered - no_failure, rtol=1e-12)
    assert truth.std_error < 1e-7


def test_the_truth_of_a_trial_is_each_customer_under_both(evidence, webshop):
    study = study_of(evidence, webshop, "trial", outcome="satisfaction_after")
    effects = replay_slice(study, 5)
    history = rr.simulate(study.form_experiment(n_customers=SLICE, seed=5))
    paired = rr.policy_contrast(
        rr.tabulate_customers(history), outcome="satisfaction_after", paired=True,
        treated="g_own_it", control="cost_center",
    )  # fmt: skip
    assert_allclose(effects.mean(), paired.estimate, rtol=1e-12)
    assert len(effects) == paired.n_treated


def test_without_any_effect_the_truth_is_nothing(evidence, webshop):
    inert = evidence.without("learning", "disconfirmation", "reciprocity")
    for sampled in sorted(SAMPLINGS):
        truth = rr.find_truth(study_of(inert, webshop, sampled), n_customers=1)
        # Sums of spends in another order differ in their last digits.
        assert abs(truth.estimate) + truth.std_error < 1e-9, sampled
        assert truth.n_used > 50


def test_who_is_in_question(evidence, webshop):
    study = study_of(evidence, webshop, "satisfied_complainers")
    asked = ask_slice(study, 9)
    wanted = asked[asked["in_question"]]
    assert set(wanted["index_outcome"]) == {"recovered", "not_recovered"}
    assert wanted["index_complained"].all()
    assert set(asked.loc[asked["answers"], "index_outcome"]) == {
        "no_failure",
        "recovered",
    }


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"sampled": "order_bsed"}, ValueError, "order_based"),
        ({"sampled": "trial"}, ValueError, r"takes 2 policies; got \['g_own_it'\]"),
        ({"outcome": "trust"}, ValueError, "followup_spend"),
        ({"sampled": "customer_based", "weeks": 20.0}, ValueError, "observe longer"),
        ({"outcome": "alive_52w", "weeks": 52.0}, ValueError, "observe longer"),
        ({"covariates": "prior_orders"}, TypeError, r"write \['prior_orders'\]"),
        ({"treated_share": 40}, ValueError, "between 0 and 1"),
        ({"n_customers": 5}, ValueError, "10 to 10000000"),
        ({"world": "evidence"}, TypeError, "load_world"),
    ],
)
def test_a_study_that_cannot_be_done(evidence, webshop, changes, error, message):
    fields = {"sampled": "order_based", "world": evidence, "population": webshop,
              "policies": rr.choose_policies(["g_own_it"])} | changes  # fmt: skip
    with pytest.raises(error, match=message):
        rr.Study(**fields)


def test_what_a_study_cannot_know_or_find(evidence, webshop, monkeypatch):
    with pytest.raises(ValueError, match=r"cannot know \['voice'\]"):
        rr.draw_sample(study_of(evidence, webshop, covariates=["voice"]))
    monkeypatch.setattr("recovery_research.studies.samples.MOST_SLICES", 1)
    # It answers, and fails less often than our luck has steps.
    flawless = rr.load_policies()["zero_defects"].but("rare", failure_multiplier=1e-9)
    nobody = study_of(evidence, webshop, "complainers", policies=[flawless])
    with pytest.raises(ValueError, match=r"met \{'all': 0\}"):
        rr.draw_sample(nobody)
    with pytest.raises(ValueError, match="in question"):
        rr.find_truth(nobody, n_customers=1)
