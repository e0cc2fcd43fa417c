"""Estimators held against the truth: right ones found right, wrong ones wrong."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from sample_studies import same, study_of

import recovery_research as rr
from recovery_research.studies import replications
from recovery_research.studies.replications import apply_estimator
from recovery_research.studies.samples import draw_samples


@pytest.fixture(scope="session")
def inert(evidence):
    """A world where neither failure nor recovery does anything: every truth is 0."""
    return evidence.without("learning", "disconfirmation", "reciprocity").but("inert")


@pytest.fixture(scope="session")
def harmful(evidence):
    """A world where recovery delights nobody and teaches nothing but the failure."""
    return evidence.but(
        "harmful", delight=0.0, recovery_weight=0.0, obligation=0.0, trust_weight=1.0,
        purchase_link=0.5,
    )  # fmt: skip


def limits(estimate, reach=1.0):
    return SimpleNamespace(
        estimate=estimate, ci_low=estimate - reach, ci_high=estimate + reach
    )


def ten_too_much(sample):
    """Find the difference of means, and ten dollars more."""
    found = rr.paradox(sample, outcome="followup_spend", method="welch")
    return limits(found.estimate + 10.0)


def fails_on_a_whim(sample):
    """Give up on samples whose first customer spent nothing."""
    if sample["followup_spend"].iloc[0] == 0.0:
        raise ArithmeticError("the first customer spent nothing")
    if sample["followup_spend"].iloc[1] == 0.0:
        return SimpleNamespace(
            estimate=1.0, ci_low=math.nan, ci_high=math.nan, note="no limits"
        )
    return limits(1.0)


def test_every_interval_covers_a_truth_known_beforehand(inert, webshop):
    # Nothing has any effect, so the truth is 0 exactly; few treated, skewed spend.
    # 150 trials: the error of a coverage is sqrt(.95 * .05 / 150) = 0.018; four.
    study = study_of(inert, webshop, "trial", treated_share=0.25)
    for found in rr.compare_estimators(
        study, ["naive", "welch", "bca"], n_replications=150, seed=2, processes=1,
        truth_customers=1,
    ):  # fmt: skip
        assert abs(found.truth.estimate) < 1e-9
        assert abs(found.coverage.estimate - 0.95) < 4 * 0.018, found.estimator
        assert abs(found.bias.estimate) < 4 * found.bias.std_error
        assert math.isnan(found.type_s.estimate)
        assert found.n_failed == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampled", "share", "estimators"),
    [
        ("trial", 0.2, ["naive", "welch", "bca"]),
        ("order_based", 0.2, ["naive", "welch", "bca", "regression", "ipw", "aipw"]),
    ],
)
def test_coverage_over_many_studies(inert, webshop, sampled, share, estimators):
    # 2,000 studies of 600 with 120 treated; sqrt(.95 * .05 / 2000) = 0.0049; four.
    study = study_of(
        inert, webshop, sampled, treated_share=share, n_customers=600,
        policies=rr.choose_policies(["g_own_it", "cost_center"]
                                    if sampled == "trial" else ["service"]),
    )  # fmt: skip
    for found in rr.compare_estimators(
        study, estimators, n_replications=2000, seed=6, truth=rr.Truth(0.0, 0.0, 1)
    ):
        assert abs(found.coverage.estimate - 0.95) < 4 * 0.0049, str(found)
        assert found.n_failed == 0


def test_a_wrong_estimator_is_found_biased(inert, webshop):
    study = study_of(inert, webshop, "trial")
    study = study.but(outcome="followup_spend", policies=study.policies)

    def of_the_trial(sample):
        return ten_too_much(sample.rename(columns={"policy": "index_outcome"}).assign(
            index_outcome=lambda t: np.where(t["index_outcome"] == "g_own_it",
                                             "recovered", "no_failure")))  # fmt: skip

    wrong, right = rr.compare_estimators(
        study, [of_the_trial, "welch"], n_replications=40, processes=1,
        truth=rr.Truth(0.0, 0.0, 1),
    )  # fmt: skip
    assert abs(wrong.bias.estimate - 10.0 - right.bias.estimate) < 1e-9
    assert wrong.bias.ci_low > 0.0
    assert wrong.coverage.estimate < 0.5
    assert wrong.estimator == "of_the_trial"


def test_failed_fits_are_counted_and_are_not_insignificant(evidence, webshop):
    study = study_of(evidence, webshop, index="first", n_customers=50)
    found = rr.diagnose(
        study, fails_on_a_whim, n_replications=40, seed=9, processes=1,
        truth=rr.Truth(1.0, 0.0, 1),
    )  # fmt: skip
    spent = [s["followup_spend"].to_numpy() for s in draw_samples(study, 40, seed=9)]
    raised = sum(s[0] == 0.0 for s in spent)
    unlimited = sum(s[0] != 0.0 and s[1] == 0.0 for s in spent)
    assert 0 < raised < 40
    assert found.failures == {
        "ArithmeticError: the first customer spent nothing": raised,
        "no limits": unlimited,
    }
    assert found.n_failed == raised + unlimited
    # The others' intervals end at zero: none is significant, and none was dropped.
    assert found.power.n_used == 40 - found.n_failed
    assert found.bias.estimate == 0.0
    frame = found.to_frame()
    assert (frame["n_failed"] == found.n_failed).all()
    assert len(found.replications) == 40


def test_a_study_too_small_for_its_groups_shows_it(evidence, webshop):
    # Ten customers rarely hold two recovered ones.
    found = rr.diagnose(
        study_of(evidence, webshop, index="first", n_customers=10), "naive",
        n_replications=50, processes=1, truth_customers=1,
    )  # fmt: skip
    assert found.n_failed > 25
    assert any("no customer has index_outcome" in reason for reason in found.failures)


@pytest.mark.slow
def test_the_same_whatever_the_processes(evidence, webshop):
    study = study_of(evidence, webshop, "customer_based", n_customers=200)
    options = {"n_replications": 110, "seed": 4, "truth_customers": 40_000}
    alone, together = (
        rr.compare_estimators(
            study, ["naive", "regression", ten_too_much], processes=n, **options
        )
        for n in (1, 2)
    )
    assert all(map(same, alone, together))
    assert not same(alone[0], alone[1])


def test_interrupted_work_goes_on_where_it_stopped(
    evidence, webshop, tmp_path, monkeypatch
):
    study = study_of(evidence, webshop, index="first", n_customers=100)
    options = {"n_replications": 130, "seed": 4, "truth_customers": 40_000,
               "processes": 1}  # fmt: skip
    whole = rr.diagnose(study, "welch", **options)
    real, done = replications.do_task, []

    def until_the_third(job, task):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(task)
        return real(job, task)

    monkeypatch.setattr(
        "recovery_research.studies.replications.do_task", until_the_third
    )
    with pytest.raises(KeyboardInterrupt):
        rr.diagnose(study, "welch", resume=tmp_path, **options)
    assert len(list(tmp_path.rglob("*.batch"))) == 3
    again = []
    monkeypatch.setattr(
        "recovery_research.studies.replications.do_task",
        lambda job, task: again.append(task) or real(job, task),
    )
    assert same(rr.diagnose(study, "welch", resume=tmp_path, **options), whole)
    assert again
    assert set(again).isdisjoint(done)
    again.clear()
    assert same(rr.diagnose(study, "welch", resume=tmp_path, **options), whole)
    assert again == []
    # Anything else that goes into it makes it other work.
    for other, estimator in (
        (study.but(n_customers=101), "welch"),
        (study.but(world=evidence.but("evidence", hurt=0.9)), "welch"),
        (study, "naive"),
    ):
        again.clear()
        rr.diagnose(other, estimator, resume=tmp_path, **options)
        assert len(again) == 5
    again.clear()
    rr.diagnose(study, "welch", resume=tmp_path, **{**options, "seed": 5})
    assert len(again) == 5
    assert not list(tmp_path.rglob(".part*"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"estimator": "aipv"}, ValueError, "aipw"),
        ({"estimator": 7}, TypeError, "function of a table"),
        ({"n_replications": 1}, ValueError, "n_replications"),
        ({"confidence": 95}, ValueError, "0.95"),
        ({"processes": 2, "estimator": lambda t: t}, ValueError, "processes=1"),
    ],
)
def test_what_cannot_be_diagnosed(evidence, webshop, options, error, message):
    study = study_of(evidence, webshop, index="first")
    options = {"estimator": "naive", "n_replications": 2, **options}
    with pytest.raises(error, match=message):
        rr.diagnose(study, options.pop("estimator"), **options)
    with pytest.raises(TypeError, match="Study"):
        rr.diagnose("order_based", "naive")
    trial = study_of(evidence, webshop, "trial")
    with pytest.raises(ValueError, match="nothing to adjust for"):
        rr.diagnose(trial, "regression")


@pytest.mark.slow
def test_a_firm_that_improves_makes_even_the_study_by_order_unfair(evidence, webshop):
    # `service` prevents more failures as time goes by, so that those failed are those
    # who ordered early: quick buyers. When she ordered is known, and repairs it.
    study = study_of(
        evidence, webshop, index="first", n_customers=1000,
        policies=rr.choose_policies(["service"]),
    )  # fmt: skip
    naive, adjusted = rr.compare_estimators(
        study, ["naive", "regression"], n_replications=2000, seed=4,
        truth_customers=400_000,
    )  # fmt: skip
    assert naive.bias.ci_low > 1.0
    assert abs(adjusted.bias.estimate) < 4 * adjusted.bias.std_error


def test_tables_of_diagnoses(evidence, webshop):
    study = study_of(evidence, webshop, "customer_based", n_customers=200)
    found = rr.compare_estimators(
        study, ["naive", "regression"], n_replications=20, truth_customers=1
    )
    wide = rr.tabulate_diagnoses(found)
    assert wide["estimator"].tolist() == ["naive", "regression"]
    assert wide["bias"].tolist() == [one.bias.estimate for one in found]
    assert wide["coverage_std_error"].tolist() == [
        one.coverage.std_error for one in found
    ]
    findings = rr.tabulate_findings(found)
    assert findings["view"].tolist() == ["truth", "naive", "adjusted"]
    for one, row in zip(found, findings.iloc[1:].itertuples(), strict=True):
        assert abs(row.estimate - one.truth.estimate - one.bias.estimate) < 1e-9
        between = one.replications["estimate"].between(row.low, row.high)
        assert between.sum() == 18


def centre(harmful, webshop, sampled, estimators, **options):
    study = study_of(harmful, webshop, sampled, n_customers=2000)
    return rr.compare_estimators(study, estimators, seed=8, **options)


def test_every_recovery_harms_and_the_naive_comparison_shows_a_paradox(
    harmful, webshop
):
    # The centre: one in twenty-five adjusted studies may err by chance alone; of
    # 30 none to five announcing is what a share of 0.05 gives (0.3 % beyond five).
    naive, *adjusted = centre(
        harmful, webshop, "customer_based", ["naive", "regression", "aipw"],
        n_replications=30, truth_customers=60_000,
    )  # fmt: skip
    assert naive.truth.estimate + 3 * naive.truth.std_error < 0.0
    assert naive.announced_above.estimate > 0.8
    assert naive.bias.ci_low > 3 * abs(naive.truth.estimate)
    for found in adjusted:
        assert found.announced_above.estimate <= 5 / 30
        assert abs(found.bias.estimate) < 0.35 * naive.bias.estimate


def harms_in_every_way(harmful, webshop):
    forks = rr.tabulate_forks(
        rr.Experiment(
            world=harmful, policies=rr.choose_policies(["g_own_it"]),
            population=webshop, n_customers=20_000, seed=1,
        ),
        ways=["no_failure", "recovered"],
    )  # fmt: skip
    outcomes = ("trust", "satisfaction_after", "followup_spend", "alive_52w")
    return [rr.contrast_forks(forks, outcome=name) for name in outcomes]


def test_in_that_world_recovery_harms_every_outcome(harmful, webshop):
    assert all(found.ci_high < 0.0 for found in harms_in_every_way(harmful, webshop))


@pytest.mark.slow
def test_what_adjustment_repairs_and_what_only_another_design_does(harmful, webshop):
    options = {"n_replications": 300, "truth_customers": 400_000}
    estimators = ["naive", "regression", "ipw", "aipw"]
    naive, *adjusted = centre(harmful, webshop, "customer_based", estimators, **options)
    assert naive.announced_above.estimate > 0.9
    for found in adjusted:
        assert found.announced_above.ci_high < 0.05
        assert found.bias.estimate < 0.25 * naive.bias.estimate
        # No paradox is announced, but part of the harm stays hidden, save by weights
        # alone: they leave a bias of +1.4 with a Monte Carlo error of 1.1.
        assert found.bias.ci_low > 0.0 or found.estimator == "ipw"
    # Never failed is known only afterwards: nothing known before makes up for that.
    ever = centre(harmful, webshop, "ever_failed", estimators, **options)
    assert all(found.announced_above.ci_low > 0.5 for found in ever)
    study = study_of(harmful, webshop, n_customers=2000, treated_share=0.1)
    for found in rr.compare_estimators(study, estimators, seed=8, **options):
        assert found.announced_above.ci_high < 0.02
        assert abs(found.bias.estimate) < 4 * found.bias.std_error


def test_named_estimators_are_the_analyses_themselves(evidence, webshop):
    study = study_of(evidence, webshop, "customer_based", n_customers=800)
    sample = rr.draw_sample(study, seed=2)
    naive = rr.paradox(sample, outcome="followup_spend", bounds=0.0)
    assert apply_estimator(study, "naive", sample, 0.95) == naive
    adjusted = rr.adjust(
        sample, outcome="followup_spend", covariates=list(study.adjusts_for),
        method="ipw", bounds=0.0, confidence=0.9,
    )  # fmt: skip
    assert apply_estimator(study, "ipw", sample, 0.9) == adjusted
