"""The resampled t: its law by brute force, its symmetries, its far tails."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analysis.bootstrap import (
    SCORES,
    bootstrap_t,
    borrowed_skewness,
    welch_freedom,
)
from recovery_research.analysis.intervals import difference_of_means
from recovery_research.analysis.small_samples import resample_sums


def skewed(seed, size, buyers=0.6):
    rng = np.random.default_rng(seed)
    return rng.lognormal(3.0, 1.0, size) * (rng.random(size) < buyers)


def brute_t(small, large, draws, rng):
    """The same law by plain resampling, one draw at a time for every customer."""

    def shape(values):
        return (values - values.mean()) / values.std()

    m, n = small.size, large.size
    own = max(m / (m + 400), m / (m + n))
    k = round(own * m)
    spreads = [values.std(ddof=1) for values in (small, large)]
    a = spreads[0]
    if a < spreads[1]:
        a = np.sqrt(own * a**2 + (1 - own) * spreads[1] ** 2)
    x = a * np.hstack(
        [
            rng.choice(shape(small), (draws, k)),
            rng.choice(shape(large), (draws, m - k)),
        ]
    )
    own = max(n / (n + 400), n / (m + n))
    k = round(own * n)
    b = spreads[1]
    if b < spreads[0]:
        b = np.sqrt(own * b**2 + (1 - own) * spreads[0] ** 2)
    y = b * np.hstack(
        [
            rng.choice(shape(large), (draws, k)),
            rng.choice(shape(small), (draws, n - k)),
        ]
    )
    error = np.sqrt(x.var(axis=1, ddof=1) / m + y.var(axis=1, ddof=1) / n)
    return (x.mean(axis=1) - y.mean(axis=1)) / error


@pytest.mark.parametrize(("m", "n"), [(12, 80), (60, 400), (150, 700)])
def test_quantiles_are_those_of_plain_resampling(m, n):
    # 150 and 700 are past the number that is drawn one by one. 4,000 brute draws and
    # ours of 3,000: the level at a quantile has a Monte Carlo error of
    # sqrt(p q (1/4000 + 1/3000)), four of which are allowed.
    small, large = skewed(12, m), skewed(2, n)
    curve = bootstrap_t(small, large)
    assert curve.shapes == "alike"
    drawn = brute_t(small, large, 4_000, np.random.default_rng(3))
    for confidence in (0.5, 0.8, 0.95, 0.98):
        side = (1 - confidence) / 2
        allowed = 4 * np.sqrt(side * (1 - side) * (1 / 4000 + 1 / 3000))
        low, high = curve.reaches(confidence)
        assert abs(np.mean(drawn < low) - side) < allowed
        assert abs(np.mean(drawn > high) - side) < allowed
    # And the law is far from Student's, or the test could not tell.
    assert curve.reaches(0.95)[0] < -2.3


def test_the_larger_groups_shape_is_lent_not_the_smaller_ones():
    # Ten amounts of one size beside a skewed group: the lower quantile is the skewed
    # one's, far beyond Student's with 9 degrees of freedom (-2.26).
    small = np.array([10.0, 11, 12, 10.5, 11.5, 10.2, 11.8, 12.1, 30, 10.9])
    large = skewed(5, 600, buyers=0.3)
    assert bootstrap_t(small, large).reaches(0.95)[0] < -4.0


values = st.lists(st.integers(0, 9), min_size=3, max_size=12)


@settings(max_examples=20, deadline=None)
@given(small=values, large=st.lists(st.integers(0, 9), min_size=8, max_size=60),
       seed=st.integers(0, 99))  # fmt: skip
def test_order_unit_sign_and_swapping(small, large, seed):
    small, large = np.array(small, float), np.array(large, float)
    if np.ptp(small) == 0.0 and np.ptp(large) == 0.0:
        return
    rng = np.random.default_rng(seed)

    def limits(x, y):
        found = difference_of_means(x, y, method="bootstrap_t", confidence=0.9)
        return np.array([found.ci_low, found.ci_high])

    plain = limits(small, large)
    close = {"rtol": 1e-6, "atol": 1e-7}
    assert_allclose(
        limits(rng.permutation(small), rng.permutation(large)), plain, **close
    )
    assert_allclose(limits(large, small), -plain[::-1], **close)
    assert_allclose(limits(-small, -large), -plain[::-1], **close)
    assert_allclose(limits(100 * small, 100 * large), 100 * plain, **close)
    assert_allclose(limits(small + 32, large + 32), plain, **close)


def test_limits_and_tails_are_one_curve_out_to_the_far_tails():
    curve = bootstrap_t(skewed(1, 15), skewed(2, 300))
    for confidence in (0.01, 0.5, 0.95, 0.9946, 0.999, 1 - 1e-9):
        low, high = curve.limits(confidence)
        side = (1 - confidence) / 2
        assert_allclose(curve.tail(low), side, rtol=1e-6)
        assert_allclose(1 - curve.tail(high), side, rtol=1e-5, atol=1e-15)
    assert (np.diff(curve.quantiles) > 0).all()
    # Where quantiles stop, Student's tail goes on without a step.
    ends = stats.norm.cdf(SCORES[-1]) * 2 - 1
    near = [curve.limits(level)[0] for level in (ends - 1e-7, ends + 1e-7)]
    assert_allclose(near[0], near[1], rtol=1e-3)


def test_a_smaller_group_without_the_skewness_has_the_further_of_two_limits():
    rng = np.random.default_rng(8)
    small, large = rng.normal(60, 20, 25), skewed(9, 700, buyers=0.5)
    found = difference_of_means(small, large, method="bootstrap_t")
    plain = difference_of_means(small, large)
    assert "less skewed" in found.note
    # Quantiles are interpolated between 55 scores, within 0.1 % of Student's.
    assert found.ci_low <= plain.ci_low + 2e-3 * plain.std_error
    assert found.ci_high >= plain.ci_high - 2e-3 * plain.std_error


def test_rarer_and_larger_extremes_are_said():
    large = np.random.default_rng(3).normal(50, 10, 400)
    small = np.r_[large[:19], 900.0]
    assert (
        "may cover less often"
        in difference_of_means(small, large, method="bootstrap_t").note
    )


def test_many_draws_of_few_far_values_keep_mean_and_spread():
    # 5,000 draws with replacement of 3,000 values: the sum has mean 0 and spread
    # sqrt(5000); of 3,000 resamples the spread's Monte Carlo error is 1 / sqrt(6000).
    shape = np.sort(skewed(4, 3000))
    shape = (shape - shape.mean()) / shape.std()
    total, square = resample_sums(shape, 5_000, np.random.default_rng(1))
    scale = np.sqrt(5_000)
    assert abs(total.mean()) < 4 * scale / np.sqrt(3_000)
    assert abs(total.std() / scale - 1) < 4 / np.sqrt(6_000)
    assert_allclose(square.mean(), 5_000, rtol=0.02)
    # The sum of squares follows the sum with the shape's skewness.
    direct = np.random.default_rng(2).choice(shape, (2_000, 5_000))
    expected = np.corrcoef(direct.sum(axis=1), (direct**2).sum(axis=1))[0, 1]
    assert abs(np.corrcoef(total, square)[0, 1] - expected) < 0.08


def test_borrowed_skewness_by_hand():
    # Both shaped like (0, 0, 3): skewness 1/sqrt(2); equal spreads, sizes 3 and 6:
    # (1/9 - 1/36) / (1/3 + 1/6)**1.5 times that.
    small, large = np.array([0.0, 0, 3]), np.array([0.0, 0, 0, 0, 3, 3])
    expected = (1 / 9 - 1 / 36) / 0.5**1.5 / np.sqrt(2)
    assert_allclose(borrowed_skewness(small, large), expected)
    assert_allclose(borrowed_skewness(large, small), -expected)
    assert borrowed_skewness(small, np.full(9, 2.0)) == 0.0


def test_degrees_of_freedom_are_welchs():
    assert_allclose(welch_freedom([2.0, 2.0], (11, 11)), 20.0)
    assert_allclose(welch_freedom([3.0, 0.0], (8, 50)), 7.0)
