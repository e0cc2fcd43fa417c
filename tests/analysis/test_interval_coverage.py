"""How often the intervals cover the truth, in designs chosen to hurt.

Monte Carlo error of a 95 % coverage over 2,000 replications is
sqrt(.95 * .05 / 2000) = 0.0049; four of them are allowed, 0.02.
"""

import numpy as np
import pandas as pd
import pytest

from recovery_research.analysis.contrasts import compare
from recovery_research.analysis.groups import TwoGroups
from recovery_research.analysis.intervals import difference_of_proportions
from recovery_research.analysis.policy_effects import paired_difference
from recovery_research.analysis.spending import decompose_spending

REPLICATIONS = 2_000
ALLOWED = 4 * np.sqrt(0.95 * 0.05 / REPLICATIONS)


def misses(draw, interval, truth, replications=REPLICATIONS):
    """Share of intervals above the truth, and below it."""
    rng = np.random.default_rng(8)
    above = below = 0
    for _ in range(replications):
        found = interval(*draw(rng))
        above += found.ci_low > truth
        below += found.ci_high < truth
    return above / replications, below / replications


def by(method):
    return lambda x, y: compare(TwoGroups(x, y, 0), method=method, confidence=0.95)


def spend(rng, size, sigma, buyers):
    """Skewed spend with mean 1: zero for those who did not buy."""
    amount = rng.lognormal(-(sigma**2) / 2, sigma, size) / buyers
    return amount * (rng.random(size) < buyers)


@pytest.mark.slow
def test_welch_with_unequal_sizes_and_spreads():
    # A pooled variance would cover 79.5 % here.
    high, low = misses(
        lambda rng: (rng.normal(11, 4, 25), rng.normal(10, 1, 60)), by("auto"), 1.0
    )
    assert abs(1 - high - low - 0.95) < ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "p", "m", "q"), [(30, 0.92, 900, 0.88), (250, 0.01, 2500, 0.02)]
)
def test_newcombe_with_rare_events_and_unequal_sizes(n, p, m, q):
    # Shares of a few customers make coverage lumpy; Newcombe's is known to stay near
    # the level on average, here within 2.5 points, and never far below it.
    def draw(rng):
        return (
            (rng.random(n) < p).astype(float),
            (rng.random(m) < q).astype(float),
        )

    high, low = misses(draw, difference_of_proportions, p - q)
    assert 0.95 - 0.015 - ALLOWED < 1 - high - low < 0.985


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", ["welch", "bca", pytest.param("auto", marks=pytest.mark.certify)]
)
def test_mild_skewness_in_lopsided_groups(method, record_property):
    # 400 against 4,000 and a coefficient of variation near 1.2.
    high, low = misses(
        lambda rng: (spend(rng, 400, 0.8, 0.8), spend(rng, 4000, 0.8, 0.8)),
        by(method),
        0.0,
        replications=1_000,
    )
    record_property("covered of 95 %", float(1 - high - low))
    assert abs(1 - high - low - 0.95) < ALLOWED * np.sqrt(2)


# How few, and how skewed: a coefficient of variation near 1.2, 2 and 3.9 (that of the
# CDNOW log). Welch covers 90, 88 and 76 % of these, and misses on one side alone.
FEW = [(10, 0.8, 0.8), (20, 1.0, 0.5), (20, 1.3, 0.3), (40, 1.3, 0.3)]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "sigma", "buyers"), FEW)
def test_few_skewed_amounts_miss_as_often_as_promised_on_each_side(size, sigma, buyers):
    # 1,000 samples: the Monte Carlo error of 2.5 % is 0.5 points, three are allowed.
    # Too wide is no fault where the smaller group has five buyers or fewer.
    high, low = misses(
        lambda rng: (spend(rng, size, sigma, buyers), spend(rng, 700, sigma, buyers)),
        by("auto"),
        0.0,
        replications=1_000,
    )
    assert high < 0.04
    assert low < 0.04
    assert 1 - high - low > 0.93


@pytest.mark.slow
def test_welch_misses_on_one_side_where_the_resampled_t_does_not():
    def draw(rng):
        return spend(rng, 20, 1.0, 0.5), spend(rng, 700, 1.0, 0.5)

    high, low = misses(draw, by("welch"), 0.0, replications=500)
    assert low > 0.07
    assert high < 0.01


@pytest.mark.slow
def test_a_symmetric_group_beside_a_skewed_one():
    # What the resampled t alone covers at 91.5 %: the shape lent is not the group's.
    high, low = misses(
        lambda rng: (rng.normal(1, 1, 20), rng.lognormal(-0.5, 1, 700)),
        by("auto"),
        0.0,
        replications=1_000,
    )
    assert 1 - high - low > 0.95 - 3 * 0.007


@pytest.mark.slow
def test_rarer_extremes_in_the_smaller_group_cover_less_and_say_so():
    # 60 with 70 % zeros and heavy tails beside 700 of the mild kind: nothing in the data
    # but the few extremes themselves tells, and where they are seen the note says it.
    def draw(rng):
        return spend(rng, 60, 1.3, 0.3), spend(rng, 700, 0.8, 0.8)

    high, low = misses(draw, by("auto"), 0.0, replications=500)
    old_high, old_low = misses(draw, by("welch"), 0.0, replications=500)
    assert 0.86 < 1 - high - low < 0.94
    assert high + low < old_high + old_low - 0.04
    rng = np.random.default_rng(9)
    warned = ["cover less often" in by("auto")(*draw(rng)).note for _ in range(100)]
    assert np.mean(warned) > 0.3


@pytest.mark.slow
def test_even_groups_keep_welch():
    high, low = misses(
        lambda rng: (spend(rng, 40, 1.3, 0.3), spend(rng, 50, 1.3, 0.3)),
        by("auto"),
        0.0,
        replications=1_000,
    )
    assert 1 - high - low > 0.95 - 2 * 0.007


@pytest.mark.slow
@pytest.mark.parametrize(("m", "share", "other"), [(20, 0.05, 0.3), (40, 0.6, 0.5)])
def test_the_parts_of_spending(m, share, other):
    # Buyers, amounts of buyers and all spend: 600 samples, two Monte Carlo errors of
    # 0.9 points below 95 %; shares and very few buyers may cover more.
    rng = np.random.default_rng(10)
    truth = {"share": share - other, "amount": 0.0, "all": 30.0 * (share - other)}
    missed = dict.fromkeys(truth, 0)
    for _ in range(600):
        frame = pd.DataFrame(
            {"index_outcome": ["recovered"] * m + ["no_failure"] * 700}
        )
        chance = np.where(frame["index_outcome"] == "recovered", share, other)
        amount = rng.gamma(1.5, 20.0, m + 700)
        frame["followup_spend"] = amount * (rng.random(m + 700) < chance)
        parts = decompose_spending(frame)
        found = {
            "share": (parts.share_ci_low, parts.share_ci_high),
            "amount": (parts.amount_ci_low, parts.amount_ci_high),
            "all": (parts.ci_low, parts.ci_high),
        }
        for name, (low, high) in found.items():
            missed[name] += low > truth[name] or high < truth[name]
    assert {
        name: n / 600 < 0.05 + 0.018 for name, n in missed.items()
    } == dict.fromkeys(truth, True), missed


@pytest.mark.slow
def test_paired_t_with_skewed_differences():
    # Exponential differences, n = 400: skewness of the mean is 2 / 20 = 0.1.
    high, low = misses(
        lambda rng: (rng.exponential(2, 400), np.zeros(400)), paired_difference, 2.0
    )
    assert abs(1 - high - low - 0.95) < ALLOWED
