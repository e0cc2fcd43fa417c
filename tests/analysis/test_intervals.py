"""Intervals against R, statsmodels, scipy, hand cases, and their own symmetries."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from recovery_research.analysis.bootstrap import (
    bootstrap_difference,
    skewness_of_estimate,
)
from recovery_research.analysis.intervals import (
    difference_of_means,
    difference_of_proportions,
)
from recovery_research.analysis.policy_effects import paired_difference

# Both sides are double-precision sums of fewer than 300 terms; root finding in t and
# normal quantiles is good to about 1e-12.
RTOL = 1e-9
TREATED = np.array([12.5, 0, 3.2, 41, 7.7, 0, 18.9])
CONTROL = np.array([5.1, 2.2, 9.4, 0, 1.3, 30.2, 4.4, 6.6, 2.9, 0.7, 11.8])
BEFORE = np.array([4, 5, 3.5, 6, 2, 7, 5.5])


@pytest.fixture(scope="module")
def reference():
    path = Path(__file__).parents[1] / "reference" / "intervals.csv"
    return pd.read_csv(path).set_index("name")["value"]


def yes(count, size):
    return np.r_[np.ones(count), np.zeros(size - count)]


def test_welch_is_that_of_r(reference):
    found = difference_of_means(TREATED, CONTROL)
    assert_allclose(found.ci_low, reference["welch_low"], rtol=RTOL)
    assert_allclose(found.ci_high, reference["welch_high"], rtol=RTOL)
    assert_allclose(found.p_value, reference["welch_p"], rtol=RTOL)


def test_equivalence_is_the_worse_of_two_one_sided_tests(reference):
    found = difference_of_means(TREATED, CONTROL)
    above = reference["welch_greater_than_minus_9"]
    below = reference["welch_less_than_21"]
    assert above != below
    assert_allclose(found.equivalence_p_value(-9, 21), max(above, below), rtol=RTOL)
    assert_allclose(found.equivalence_p_value(-9, 90), above, rtol=RTOL)


def test_equivalence_is_that_of_statsmodels():
    ours = difference_of_means(TREATED, CONTROL).equivalence_p_value(-2.5, 13)
    theirs = CompareMeans(DescrStatsW(TREATED), DescrStatsW(CONTROL)).ttost_ind(
        -2.5, 13, usevar="unequal"
    )[0]
    assert_allclose(ours, theirs, rtol=RTOL)


def test_pairs_are_those_of_r(reference):
    found = paired_difference(TREATED, BEFORE, confidence=0.9)
    assert_allclose(found.ci_low, reference["pair_low"], rtol=RTOL)
    assert_allclose(found.ci_high, reference["pair_high"], rtol=RTOL)
    assert_allclose(found.p_value, reference["pair_p"], rtol=RTOL)


@pytest.mark.parametrize(
    ("a", "n", "b", "m", "level"),
    [(7, 34, 1, 34, 0.95), (0, 16, 15, 72, 0.95), (29, 31, 211, 260, 0.8)],
)
def test_newcombe_is_that_of_wilson_intervals_by_r(a, n, b, m, level, reference):
    found = difference_of_proportions(yes(a, n), yes(b, m), confidence=level)
    key = f"{a}_{n}_{b}_{m}"
    assert_allclose(found.ci_low, reference[f"newcombe_low_{key}"], rtol=RTOL)
    assert_allclose(found.ci_high, reference[f"newcombe_high_{key}"], rtol=RTOL)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 40),
    m=st.integers(1, 400),
    p=st.floats(0, 1),
    q=st.floats(0, 1),
    level=st.floats(0.5, 0.999),
)
def test_newcombe_is_that_of_statsmodels(n, m, p, q, level):
    a, b = round(p * n), round(q * m)
    found = difference_of_proportions(yes(a, n), yes(b, m), confidence=level)
    low, high = confint_proportions_2indep(
        a, n, b, m, method="newcomb", alpha=1 - level
    )
    assert_allclose([found.ci_low, found.ci_high], [low, high], atol=1e-9)
    assert -1 <= found.ci_low <= found.estimate <= found.ci_high <= 1


@pytest.mark.parametrize("method", ["welch", "bca", "newcombe", "paired_t"])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_p_values_are_the_interval_read_backwards(method, confidence):
    if method == "newcombe":
        found = difference_of_proportions(
            yes(9, 31), yes(20, 170), confidence=confidence
        )
    elif method == "paired_t":
        found = paired_difference(TREATED, BEFORE, confidence=confidence)
    else:
        found = difference_of_means(
            TREATED, CONTROL, method=method, confidence=confidence
        )
    side = (1 - confidence) / 2
    assert_allclose(found.curve.tail(found.ci_low), side, rtol=1e-7)
    assert_allclose(1 - found.curve.tail(found.ci_high), side, rtol=1e-7)
    assert_allclose(
        found.equivalence_p_value(found.ci_low, found.ci_high), side, rtol=1e-7
    )


def test_newcombe_p_values_where_a_limit_is_never_reached():
    # 3 of 4 against 1 of 5: the lower limit cannot fall below
    # .55 - sqrt(.75**2 + .8**2) = -.5466 however sure one wants to be.
    found = difference_of_proportions(yes(3, 4), yes(1, 5))
    assert found.curve.tail(-0.6) == 0.0
    assert found.curve.tail(0.55) == 0.5
    assert found.curve.tail(0.999) == pytest.approx(1.0, abs=0.05)


def test_bca_is_that_of_scipy():
    # scipy draws: the 2.5 % quantile of 200,000 resamples has a Monte Carlo error of
    # sqrt(.025 * .975 / 200000) / .0584 = 0.006 standard errors. Its acceleration is
    # jackknifed, ours the closed form; they differ by the factor (n - 2) / n at most.
    rng = np.random.default_rng(20)
    treated = rng.lognormal(0, 1.0, 60)
    control = rng.lognormal(0, 0.8, 150) * (rng.random(150) < 0.6)
    drawn = stats.bootstrap(
        (treated, control),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        n_resamples=200_000,
        batch=10_000,
        method="BCa",
        rng=rng,
    )
    found = difference_of_means(treated, control, method="bca")
    limits = drawn.confidence_interval
    assert abs(found.ci_low - limits.low) < 0.04 * found.std_error
    assert abs(found.ci_high - limits.high) < 0.04 * found.std_error
    # and the correction is far larger than that tolerance, so it cannot be missing
    plain = difference_of_means(treated, control)
    assert found.ci_low - plain.ci_low > 0.12 * found.std_error


def test_bootstrap_tail_is_that_of_all_resamples():
    # Seven values have 7**7 = 823,543 resamples: the distribution can be counted. The
    # saddlepoint form is within 0.015 standard deviations of it at n = 7; without the
    # skewness (about 0.4) it would be off by a sixth of that, 0.07.
    values = np.array([0.3, 1.1, 1.9, 2.2, 4.7, 5.9, 11.3])
    totals = np.array([0.0])
    for _ in range(7):
        totals = (totals[:, None] + values[None, :]).ravel()
    means = totals / 7
    curve = bootstrap_difference(values, np.array([0.0, 0.0]) + 0.5)
    for level in (0.01, 0.1, 0.4, 0.75, 0.99):
        point = np.quantile(means, level)
        score = curve._level(point - 0.5)
        assert abs(score - stats.norm.ppf(level)) < 0.02


def test_bootstrap_tail_has_no_seam_at_the_estimate():
    # There the tail is taken from its limit, Phi(skewness / 6), not from 0 / 0.
    curve = bootstrap_difference(TREATED, CONTROL)
    step = 0.002 * curve.spread
    levels = [curve._level(curve.estimate + k * step) for k in (-1, 0, 1)]
    assert_allclose(levels[1], curve.skewness / 6, rtol=1e-9)
    assert_allclose(np.diff(levels), 0.002, rtol=0.1)


def test_skewness_of_a_difference_by_hand():
    # Offsets of (0, 0, 3) are (-1, -1, 2): second moment 2, third 2; alone
    # 2 / 9 / (2 / 3)**1.5 = .4082. Against itself the tails cancel.
    values = np.array([0.0, 0.0, 3.0])
    assert_allclose(skewness_of_estimate(values), 2 / 9 / (2 / 3) ** 1.5)
    assert skewness_of_estimate(values, values) == 0.0
    one = skewness_of_estimate(values)
    assert_allclose(skewness_of_estimate(values, -values), one / math.sqrt(2))


@pytest.mark.parametrize("method", ["welch", "bca"])
def test_swapping_shifting_and_scaling(method):
    found = difference_of_means(TREATED, CONTROL, method=method)
    turned = difference_of_means(CONTROL, TREATED, method=method)
    moved = difference_of_means(TREATED + 17, CONTROL + 17, method=method)
    larger = difference_of_means(TREATED * 3, CONTROL * 3, method=method)
    tight = {"rtol": 1e-7}
    assert_allclose(
        [turned.ci_low, turned.ci_high], [-found.ci_high, -found.ci_low], **tight
    )
    assert_allclose(
        [moved.ci_low, moved.ci_high], [found.ci_low, found.ci_high], **tight
    )
    assert_allclose(
        [larger.ci_low, larger.ci_high], [3 * found.ci_low, 3 * found.ci_high], **tight
    )
    assert_allclose(turned.p_value, found.p_value, **tight)


@settings(max_examples=80, deadline=None)
@given(
    values=st.lists(st.floats(0, 1e6), min_size=2, max_size=12),
    others=st.lists(st.floats(0, 1e6), min_size=2, max_size=12),
    method=st.sampled_from(["welch", "bca"]),
)
def test_no_data_make_a_nan_without_a_note(values, others, method):
    found = difference_of_means(np.array(values), np.array(others), method=method)
    if math.isnan(found.ci_low) or math.isnan(found.p_value):
        assert "no interval" in found.note
        assert math.isnan(found.ci_low)
        assert math.isnan(found.p_value)
    else:
        assert found.ci_low <= found.estimate + 1e-6
        assert found.estimate <= found.ci_high + 1e-6


def test_one_customer_and_nothing_varying():
    one = difference_of_means(np.array([3.0]), CONTROL)
    assert math.isnan(one.ci_low)
    assert "one customer" in one.note
    zero = difference_of_means(np.zeros(4), np.zeros(9))
    assert zero.estimate == 0.0
    assert math.isnan(zero.ci_high)
    assert "without variation" in zero.note
    assert math.isnan(zero.equivalence_p_value(-1, 1))


def test_rounding_error_is_not_variation():
    nearly = np.array([0.1 + 0.2, 0.3, 0.3])
    found = difference_of_means(nearly, nearly + 1)
    assert "without variation" in found.note
    pairs = paired_difference(nearly, np.full(3, 0.3))
    assert "no width" in pairs.note
    tiny = difference_of_means(np.array([0.0, 0.0, 1e-55]), np.zeros(4))
    assert tiny.ci_low < 0 < tiny.ci_high


def test_one_constant_group_still_has_an_interval():
    # One-sample t: mean 5, s**2 / n = 28 / 3 / 4, t(.975, 3) = 3.182.
    found = difference_of_means(np.array([2.0, 4, 5, 9]), np.full(6, 3.0))
    reach = stats.t.ppf(0.975, 3) * math.sqrt(np.var([2, 4, 5, 9], ddof=1) / 4)
    assert_allclose([found.ci_low, found.ci_high], [2 - reach, 2 + reach])


def test_pairs_that_all_differ_alike_have_a_point():
    same = paired_difference(TREATED + 0.25, TREATED + 0.25)
    assert (same.ci_low, same.ci_high, same.p_value) == (0.0, 0.0, 1.0)
    assert same.equivalence_p_value(0.0, 0.0) == 0.0
    assert same.equivalence_p_value(-2.0, 0.0) == 0.0
    more = paired_difference(np.array([3.0, 4, 7]), np.array([1.0, 2, 5]))
    assert (more.ci_low, more.ci_high, more.p_value) == (2.0, 2.0, 0.0)
    assert more.equivalence_p_value(-1.0, 1.0) == 1.0
    assert "no width" in more.note


def test_notes_on_doubtful_coverage():
    rng = np.random.default_rng(3)
    plenty = rng.normal(5, 1, 400)
    assert difference_of_means(plenty, plenty[:90] + 1).note == ""
    assert "bell-shaped" in difference_of_means(plenty, plenty[:29]).note
    spend = np.r_[np.zeros(70), rng.lognormal(3, 1.5, 30)]
    assert "skewed" in difference_of_means(spend, plenty).note


def test_bca_limits_stay_within_what_resamples_can_reach():
    found = difference_of_means(
        np.array([1.0, 2.0]), np.array([0.0, 0.5]), method="bca", confidence=0.999
    )
    assert (found.ci_low, found.ci_high) == (0.5, 2.0)


def test_bad_options():
    with pytest.raises(ValueError, match=r"got 95. For a 95 % interval write 0.95"):
        difference_of_means(TREATED, CONTROL, confidence=95)
    with pytest.raises(ValueError, match=r"unknown method 'wald'; use one of"):
        difference_of_means(TREATED, CONTROL, method="wald")
    with pytest.raises(ValueError, match="got 7 and 11"):
        paired_difference(TREATED, CONTROL)


def test_frames_hold_numbers_and_words_only():
    frame = difference_of_means(TREATED, CONTROL).to_frame()
    assert frame.shape == (1, 10)
    assert {"estimate", "std_error", "ci_low", "ci_high", "confidence"} < set(frame)
