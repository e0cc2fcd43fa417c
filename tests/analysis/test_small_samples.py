"""Exact margins: shares, and groups in which hardly anybody differs."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from recovery_research.analysis.contrasts import compare
from recovery_research.analysis.groups import TwoGroups
from recovery_research.analysis.intervals import (
    difference_of_means,
    difference_of_proportions,
)
from recovery_research.analysis.small_samples import ExactShare, StudentMean, few_events
from recovery_research.analysis.verdicts import HybridCurve, wilson_limits

Z = stats.norm.ppf(0.975)


def yes(count, size):
    return np.r_[np.ones(count), np.zeros(size - count)]


@pytest.mark.parametrize(("count", "size"), [(0, 7), (7, 7), (1, 5), (23, 400)])
def test_margins_of_a_share_are_clopper_and_pearsons(count, size):
    down, up = ExactShare(count / size, size).reach(Z)
    low, high = proportion_confint(count, size, alpha=0.05, method="beta")
    low, high = (
        (0.0 if count == 0 else low),
        (1.0 if count == size else high),
    )
    share = count / size
    assert_allclose([share - down, share + up], [low, high], rtol=1e-9, atol=1e-12)


def errors_on_each_side(m, n, share, reach):
    """Add up every table's chance: how often the limits leave out no difference."""
    x, y = np.arange(m + 1), np.arange(n + 1)
    chances = stats.binom.pmf(x, m, share), stats.binom.pmf(y, n, share)
    likely = chances[1] > 1e-9
    own = np.array([reach(k / m, m) for k in x])
    other = np.array([reach(k / n, n) for k in y[likely]])
    gap = x[:, None] / m - y[likely] / n
    low = gap - np.hypot(own[:, :1], other[:, 1])
    high = gap + np.hypot(own[:, 1:], other[:, 0])
    weight = chances[0][:, None] * chances[1][likely]
    return float(weight[low > 1e-12].sum()), float(weight[high < -1e-12].sum())


@pytest.mark.parametrize(("m", "n"), [(1, 200), (5, 300), (20, 400), (60, 90)])
def test_exact_margins_keep_the_promise_on_each_side_where_wilsons_do_not(m, n):
    def wilson(share, size):
        low, high = wilson_limits(share, size, Z)
        return share - low, high - share

    shares = (0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.5, 0.9, 0.99)
    exact = [
        errors_on_each_side(m, n, share, lambda p, k: ExactShare(p, k).reach(Z))
        for share in shares
    ]
    assert np.max(exact) <= 0.025
    plain = [errors_on_each_side(m, n, share, wilson) for share in shares]
    assert np.max(plain) > (0.05 if m <= 20 else 0.025)


def test_one_group_of_one_customer_and_shares_of_all_and_none():
    for a, m, b, n in ((1, 1, 0, 30), (0, 1, 30, 30), (1, 1, 1, 1), (0, 9, 0, 4)):
        found = compare(
            TwoGroups(yes(a, m), yes(b, n), 0), method="auto", confidence=0.95
        )
        assert -1 <= found.ci_low <= found.estimate <= found.ci_high <= 1
        assert found.ci_high - found.ci_low > 0.1


def test_a_hybrid_of_two_ts_is_their_square_and_sum():
    # 3 and 4 standard errors with many degrees of freedom: 5 in all.
    curve = HybridCurve(10.0, StudentMean(3.0, 1e9), StudentMean(4.0, 1e9))
    assert_allclose(curve.limits(0.95), [10 - 5 * Z, 10 + 5 * Z], rtol=1e-6)
    assert_allclose(curve.tail(10 - 5 * Z), 0.025, rtol=1e-6)


def test_few_events_by_hand():
    # 2 of 40 above 7 by 1 and 3; the others lie 4 above on average, and 2 below.
    values = np.r_[np.full(38, 7.0), 8.0, 10.0]
    few = few_events(values, np.array([7.0, 11, 11, 5, 7]))
    assert (few.common, few.n_events, few.rise, few.fall) == (7.0, 2, 4.0, 2.0)
    up = few.reach(Z)[1]
    high = proportion_confint(2, 40, method="beta")[1]
    below = proportion_confint(0, 40, method="beta")[1]
    assert_allclose(up, 4 * (high - 0.05))
    assert_allclose(
        few.reach(Z)[0],
        math.hypot(4 * (0.05 - proportion_confint(2, 40, method="beta")[0]), 2 * below),
    )
    assert few_events(np.r_[np.zeros(40), np.arange(1.0, 7.0)], values) is None
    nearly = np.array([0.3, 0.1 + 0.2, 0.3, 0.3])
    assert few_events(nearly, np.array([0.3, 0.6])).n_events == 0


def test_one_buyer_is_no_paradox():
    # 300 with one buyer of 25 against 120 who bought nothing; BCa gave +1e-17 to 0.5.
    one, none = np.r_[np.zeros(299), 25.0], np.zeros(120)
    found = compare(TwoGroups(one, none, 0), method="auto", confidence=0.95)
    assert found.ci_low < -0.3
    assert found.p_value > 0.5
    assert "only 1 of the 300 treated" in found.note
    assert "none of the 120 control" in found.note
    assert "too narrow" in difference_of_means(one, none).note
    bca = difference_of_means(one, none, method="bca")
    assert (bca.p_value < 0.05) == (bca.ci_low > 0.0)
    five = compare(
        TwoGroups(np.r_[np.zeros(295), np.full(5, 25.0)], none, 0),
        method="auto",
        confidence=0.95,
    )
    assert five.ci_low < 0 < five.ci_high
    assert five.p_value > 0.05


@pytest.mark.parametrize("amount", [1.0, 25.0])
def test_a_group_without_an_event_reaches_as_far_as_its_share_may(amount):
    # 0 of 60: up to 6 % may buy (Clopper-Pearson, 0.0596), each for the amount seen.
    control = amount * yes(20, 1940)
    found = difference_of_means(np.zeros(60), control, method="bootstrap_t")
    assert found.ci_high > amount * (0.0596 - 20 / 1940)
    shares = difference_of_proportions(
        np.zeros(60), yes(20, 1940), method="clopper_pearson"
    )
    assert shares.ci_low < 0 < shares.ci_high


@pytest.mark.slow
def test_the_null_with_hardly_any_buyers():
    # 120 against 1,000 with 0.5 % buyers: BCa left out zero in 55 %. 1,000 samples:
    # the Monte Carlo error of 2.5 % is 0.5 points, two of which are allowed.
    rng = np.random.default_rng(4)
    above = below = 0
    for _ in range(1000):
        groups = TwoGroups(
            *(rng.gamma(2, 12, n) * (rng.random(n) < 0.005) for n in (120, 1000)), 0
        )
        found = compare(groups, method="auto", confidence=0.95)
        above += found.ci_low > 0
        below += found.ci_high < 0
    assert above / 1000 < 0.035
    assert below / 1000 < 0.035
