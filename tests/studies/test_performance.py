"""Measures of performance against closed forms; sample sizes against arithmetic."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import recovery_research as rr
from recovery_research.analysis.sample_size import solve_student
from recovery_research.studies.performance import MEASURES

N = 40_000
Z = stats.norm.ppf(0.975)


def normal_studies(truth, *, std_error=1.0, shift=0.0, shrink=1.0, n=N):
    """Estimates of a known truth; `shift` biases them, `shrink` narrows intervals."""
    found = np.random.default_rng(11).normal(truth + shift, std_error, n)
    reach = shrink * Z * std_error
    return found, found - reach, found + reach


def exaggeration(truth):
    """E|estimate| given significance over |truth|, for a normal with unit error."""
    up, down = Z - truth, -Z - truth  # in units of the error, about the truth
    power = stats.norm.sf(up) + stats.norm.cdf(down)
    above = truth * stats.norm.sf(up) + stats.norm.pdf(up)
    below = -(truth * stats.norm.cdf(down) - stats.norm.pdf(down))
    return (above + below) / power / abs(truth), stats.norm.cdf(down) / power, power


def test_closed_forms_of_a_normal_estimator():
    truth = 0.7
    type_m, type_s, power = exaggeration(truth)
    measures = rr.measure_performance(
        *normal_studies(truth), truth=rr.Truth(truth, 0.0, 1)
    )
    expected = {"bias": 0.0, "rmse": 1.0, "empirical_sd": 1.0, "coverage": 0.95,
                "power": power, "type_s": type_s, "type_m": type_m,
                "announced_above": power * (1 - type_s),
                "announced_below": power * type_s}  # fmt: skip
    assert tuple(measures) == MEASURES
    for name, value in expected.items():
        # Four of its own Monte Carlo errors; a wrong error is caught below.
        assert abs(measures[name].estimate - value) < 4 * measures[name].std_error, name
        assert measures[name].ci_low < measures[name].estimate < measures[name].ci_high


def test_a_biased_estimator_with_narrow_intervals():
    measures = rr.measure_performance(
        *normal_studies(-3.0, shift=0.4, shrink=0.6), truth=rr.Truth(-3.0, 0.0, 1)
    )
    covered = stats.norm.cdf(0.6 * Z - 0.4) - stats.norm.cdf(-0.6 * Z - 0.4)
    assert abs(measures["bias"].estimate - 0.4) < 4 / math.sqrt(N)
    assert_allclose(measures["rmse"].estimate, math.hypot(1, 0.4), atol=0.02)
    spread = math.sqrt(covered * (1 - covered) / N)
    assert abs(measures["coverage"].estimate - covered) < 4 * spread


def test_monte_carlo_errors_are_what_they_say():
    # 300 diagnoses of 60 replications each: the spread of a measure over them is its
    # Monte Carlo error. A spread from 300 has a relative error of 1/sqrt(600) = 4 %;
    # four of them, and 4 % for the errors' own averages over skewed squares.
    values, errors = {}, {}
    for block in np.split(np.arange(18_000), 300):
        found, low, high = (v[block] for v in normal_studies(1.6, n=18_000))
        measures = rr.measure_performance(found, low, high, truth=rr.Truth(1.6, 0.0, 1))
        for name in ("bias", "rmse", "empirical_sd", "coverage", "power", "type_m"):
            values.setdefault(name, []).append(measures[name].estimate)
            errors.setdefault(name, []).append(measures[name].std_error)
    for name, estimates in values.items():
        typical = math.sqrt(np.mean(np.square(errors[name])))
        assert_allclose(np.std(estimates, ddof=1), typical, rtol=0.2, err_msg=name)


def test_the_truths_own_error_is_carried():
    studies = normal_studies(2.0, n=500)
    exact = rr.measure_performance(*studies, truth=rr.Truth(2.0, 0.0, 1))
    rough = rr.measure_performance(*studies, truth=rr.Truth(2.0, 0.3, 1))
    assert_allclose(
        rough["bias"].std_error, math.hypot(exact["bias"].std_error, 0.3), rtol=1e-12
    )
    assert_allclose(
        rough["type_m"].std_error,
        math.hypot(exact["type_m"].std_error, exact["type_m"].estimate * 0.15),
        rtol=1e-12,
    )
    assert rough["coverage"].std_error > exact["coverage"].std_error
    assert rough["power"] == exact["power"]
    assert rough["coverage"].ci_low < exact["coverage"].ci_low


def test_type_errors_need_a_truth_that_is_not_zero():
    for truth in (rr.Truth(0.0, 0.0, 1), rr.Truth(0.4, 0.3, 100)):
        measures = rr.measure_performance(*normal_studies(0.0), truth=truth)
        for name in ("type_s", "type_m"):
            assert math.isnan(measures[name].estimate)
            assert "zero" in measures[name].note


def test_too_few_replications_and_unfinished_fits():
    one = np.array([1.0])
    measures = rr.measure_performance(one, one - 1, one + 1, truth=rr.Truth(0, 0, 1))
    assert all(math.isnan(m.estimate) and "at least 2" in m.note
               for m in measures.values())  # fmt: skip
    with pytest.raises(ValueError, match="leave out failed fits"):
        rr.measure_performance(
            np.array([1.0, np.nan]), np.zeros(2), np.ones(2), truth=rr.Truth(0, 0, 1)
        )


@pytest.mark.parametrize(
    ("variation", "per_group"), [(1.0, 4360), (1.5, 9811), (2.0, 17_442)]
)
def test_the_six_percent_takes_this_many(variation, per_group):
    # $106 against $100: the figures of the evidence, to the customer.
    needed = rr.sample_size_for_means(6.0, std_dev=100.0 * variation)
    assert round(needed.n_treated) == per_group


def test_the_six_percent_in_a_real_log_and_in_retention():
    log = rr.sample_size_for_means(6.0, std_dev=385.0)
    assert abs(log.n_treated - 64_600) < 50  # "about", printed to three digits
    kept = rr.sample_size_for_proportions(0.92, 0.88)
    assert abs(kept.n_treated - 880) < 5


def test_sample_sizes_against_the_formulas_by_hand():
    z, b = stats.norm.ppf(0.99), stats.norm.ppf(0.9)
    means = rr.sample_size_for_means(
        -3.0, std_dev=11.0, power=0.9, confidence=0.98, ratio=4.0
    )
    by_hand = (z + b) ** 2 * (11 / 3) ** 2 * (1 + 1 / 4)
    # The far tail, which the formula leaves out, is below 1e-8 here.
    assert_allclose(means.n_treated, by_hand, rtol=1e-6)
    assert means.n_control == 4.0 * means.n_treated
    shares = rr.sample_size_for_proportions(
        0.31, 0.24, power=0.9, confidence=0.98, ratio=4.0
    )
    pooled = (0.31 + 4 * 0.24) / 5
    null = math.sqrt(pooled * (1 - pooled) * (1 + 1 / 4))
    alternative = math.sqrt(0.31 * 0.69 + 0.24 * 0.76 / 4)
    by_hand = ((z * null + b * alternative) / 0.07) ** 2
    assert_allclose(shares.n_treated, by_hand, rtol=1e-9)


def test_large_effects_take_two_customers_and_say_what_student_takes():
    # Seen: NaN. R's power.t.test says 3.07001 for three standard deviations.
    few = rr.sample_size_for_means(3.0, std_dev=1.0)
    assert (few.n_treated, few.n_control) == (2.0, 2.0)
    assert "by Student's t it takes 3.07 treated and 3.07 control" in few.note
    # And 27.4331939 here, where the normal approximation says 26.
    assert_allclose(solve_student(1.0, 0.9, 0.98, 1.0, 2.0), 27.4331939, rtol=1e-5)
    some = rr.sample_size_for_means(1.0, std_dev=1.0, power=0.9, confidence=0.98)
    assert 26.0 < some.n_treated < 26.1
    assert "takes 27.4 treated" in some.note
    lopsided = rr.sample_size_for_means(1e300, std_dev=1e-6, ratio=0.1)
    assert (lopsided.n_treated, lopsided.n_control) == (20.0, 2.0)
    assert rr.sample_size_for_means(0.5, std_dev=1.0).note == ""


def test_every_plan_has_a_number_with_the_power_asked_for():
    z = stats.norm
    for effect, power, confidence, ratio in itertools.product(
        (1e-100, 1e-3, 0.4, 1.0, 30.0, 1e200), (0.051, 0.5, 0.8, 1 - 1e-12),
        (0.95, 1 - 1e-9), (1e-3, 1.0, 70.0),
    ):  # fmt: skip
        found = rr.sample_size_for_means(
            -effect * 7.0, std_dev=7.0, power=power, confidence=confidence, ratio=ratio
        )
        assert found.n_control == ratio * found.n_treated
        assert min(found.n_treated, found.n_control) >= 2.0 - 1e-12
        if not found.note and found.n_treated > 30:
            away = effect * math.sqrt(found.n_treated / (1.0 + 1.0 / ratio))
            line = z.isf((1.0 - confidence) / 2.0)
            assert_allclose(z.cdf(away - line) + z.cdf(-away - line), power, atol=1e-9)
        shares = rr.sample_size_for_proportions(
            0.01, 0.5, power=power, confidence=confidence, ratio=ratio
        )
        assert min(shares.n_treated, shares.n_control) >= 1.0 - 1e-12
    with pytest.raises(ValueError, match="no number of customers shows"):
        rr.sample_size_for_means(1e-300, std_dev=1.0)


@pytest.mark.slow
def test_the_power_promised_is_the_power_had():
    # 3,000 pairs of samples of the size asked for; error sqrt(.8 * .2 / 3000) = 0.0073.
    needed = rr.sample_size_for_means(1.0, std_dev=4.0, ratio=2.0)
    sizes = math.ceil(needed.n_treated), math.ceil(needed.n_control)
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(3000):
        pair = rng.normal(1.0, 4.0, sizes[0]), rng.normal(0.0, 4.0, sizes[1])
        seen += stats.ttest_ind(*pair, equal_var=False).pvalue < 0.05
    assert abs(seen / 3000 - 0.8) < 4 * 0.0073


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rr.sample_size_for_means(0.0, std_dev=1.0), "other than 0"),
        (lambda: rr.sample_size_for_means(1.0, std_dev=0.0), "above 0; got 0.0"),
        (lambda: rr.sample_size_for_means(1.0, std_dev=1.0, power=80), "write 0.8"),
        (lambda: rr.sample_size_for_means(1, std_dev=1, ratio=-2.0), "ratio"),
        (lambda: rr.sample_size_for_proportions(92.0, 0.88), "write 0.88"),
        (lambda: rr.sample_size_for_proportions(0.9, 0.9), "other than 0"),
    ],
)
def test_a_plan_that_cannot_be_one(call, message):
    with pytest.raises(ValueError, match=message):
        call()
