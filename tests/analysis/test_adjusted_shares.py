"""Limits of adjusted shares: the further of two known ones, turned round as they are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from recovery_research.analysis.influence import AdjustedScoreCurve, share_limits

Z = float(stats.norm.ppf(0.975))


@pytest.mark.parametrize("size", [5, 20, 300])
def test_the_further_of_wilson_and_jeffreys(size):
    for yes in range(size + 1):
        low, high = share_limits(yes / size, float(size), Z)
        wilson = proportion_confint(yes, size, method="wilson")
        jeffreys = proportion_confint(yes, size, method="jeffreys")
        assert_allclose(
            low, min(wilson[0], jeffreys[0]) if yes else 0.0, rtol=1e-9, atol=1e-12
        )
        assert_allclose(high, max(wilson[1], jeffreys[1]) if yes < size else 1.0)


@pytest.mark.parametrize("p", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("q", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("r", [0.0, 0.4, -0.4])
def test_limits_stay_possible_and_p_values_agree_with_them(p, q, r):
    curve = AdjustedScoreCurve(p, q, 17.0, 230.0, r)
    for level in (0.5, 0.9, 0.99):
        low, high = curve.limits(level)
        assert -1.0 - 1e-12 <= low <= p - q <= high <= 1.0 + 1e-12
        for delta, end in ((low - 1e-6, -1), (low + 1e-6, 1)):
            beyond = curve.tail(delta) < (1.0 - level) / 2.0
            assert beyond == (end < 0) or low == -1.0 or low == p - q
        turned = AdjustedScoreCurve(q, p, 230.0, 17.0, r).limits(level)
        assert_allclose(turned, (-high, -low), atol=1e-12)


def test_uncorrelated_shares_are_newcombes_combination():
    curve = AdjustedScoreCurve(0.3, 0.1, 40.0, 90.0)
    (p_low, p_high), (q_low, q_high) = (
        share_limits(0.3, 40.0, Z), share_limits(0.1, 90.0, Z)
    )  # fmt: skip
    low, high = curve.limits(0.95)
    assert_allclose(low, 0.2 - np.hypot(0.3 - p_low, q_high - 0.1))
    assert_allclose(high, 0.2 + np.hypot(p_high - 0.3, 0.1 - q_low))
