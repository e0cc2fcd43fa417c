"""Shares of yes within pairs: against a likelihood searched, McNemar and coverage."""

import itertools

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

import recovery_research as rr
from recovery_research.analysis.policy_effects import PairedShareCurve, paired_shares


def searched_score(gained, lost, n, delta):
    """The score with the share lost found by a search of the likelihood."""

    def loss(share):
        parts = ((gained, share + delta), (lost, share),
                 (n - gained - lost, 1.0 - 2.0 * share - delta))  # fmt: skip
        return -sum(k * np.log(max(p, 1e-300)) for k, p in parts if k)

    ends = max(0.0, -delta), (1.0 - delta) / 2.0
    found = optimize.minimize_scalar(
        loss, bounds=ends, method="bounded", options={"xatol": 1e-13}
    )
    shares = [found.x, *ends]
    share = min(shares, key=loss)
    return (gained - lost - n * delta) / np.sqrt(n * (2 * share + delta * (1 - delta)))


def test_all_small_tables_against_the_likelihood_searched():
    z = stats.norm.ppf(0.975)
    for n in (1, 2, 5, 9):
        for gained, lost in itertools.product(range(n + 1), repeat=2):
            if gained + lost > n:
                continue
            curve = PairedShareCurve(gained, lost, n)
            low, high = curve.limits(0.95)
            assert -1.0 <= low <= curve.estimate <= high <= 1.0
            assert low < high
            # The search is good to about 1e-6 in the share.
            if lost < n:
                assert_allclose(searched_score(gained, lost, n, low), z, atol=2e-3)
            if gained < n:
                assert_allclose(searched_score(gained, lost, n, high), -z, atol=2e-3)
            turned = PairedShareCurve(lost, gained, n).limits(0.95)
            assert_allclose(turned, (-high, -low), atol=1e-12)


def test_pairs_that_all_agree_by_hand():
    squared = stats.norm.ppf(0.975) ** 2
    low, high = PairedShareCurve(0, 0, 20).limits(0.95)
    assert_allclose((low, high), (-squared / (20 + squared), squared / (20 + squared)))
    found = paired_shares(np.ones(20), np.ones(20))
    assert (found.estimate, found.p_value, found.std_error) == (0.0, 1.0, 0.0)


def test_the_p_value_is_mcnemars_and_says_what_the_limits_say():
    rng = np.random.default_rng(1)
    for _ in range(100):
        n = rng.integers(1, 60)
        pair = (rng.random((2, n)) < rng.random((2, 1))).astype(float)
        found = paired_shares(*pair)
        gained, lost = (pair[0] > pair[1]).sum(), (pair[0] < pair[1]).sum()
        if gained + lost:
            mcnemar = (gained - lost) ** 2 / (gained + lost)
            assert_allclose(found.p_value, stats.chi2.sf(mcnemar, 1))
        assert (found.p_value < 0.05) == (found.ci_low > 0 or found.ci_high < 0)
        assert found.equivalence_p_value(-1.0, 1.0) <= 0.5


def test_policies_are_compared_so_where_the_outcome_is_yes_or_no():
    lives = pd.DataFrame({
        "policy": np.repeat(["a", "b"], 6), "customer": list(range(6)) * 2,
        "stayed": pd.array([True, True, True, True, None, False,
                            False, True, False, True, True, False], "boolean"),
    })  # fmt: skip
    found = rr.policy_contrast(
        lives, outcome="stayed", treated="a", control="b", paired=True
    )
    assert (found.method, found.estimate, found.n_missing) == ("tango", 0.4, 1)
    assert_allclose(
        (found.ci_low, found.ci_high), PairedShareCurve(2, 0, 5).limits(0.95)
    )
    # Student's t went from -0.28 to 1.08.
    assert found.ci_high < 1.0


@pytest.mark.slow
def test_coverage_counted_over_all_tables():
    # Every table of 30 pairs, weighed by its chance; no Monte Carlo error.
    for gained, lost in ((0.3, 0.3), (0.05, 0.05), (0.4, 0.1), (0.02, 0.0)):
        covered = announced = 0.0
        for one, other in itertools.product(range(31), repeat=2):
            if one + other > 30:
                continue
            chance = stats.multinomial.pmf(
                [one, other, 30 - one - other], 30, [gained, lost, 1 - gained - lost]
            )
            if chance > 1e-9:
                low, high = PairedShareCurve(one, other, 30).limits(0.95)
                covered += chance * (low <= gained - lost <= high)
                announced += chance * (low > 0 or high < 0)
        assert 0.93 < covered < 1.0
        assert gained != lost or announced < 0.06
