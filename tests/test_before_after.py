"""Before and after: regression to the mean, event studies, known truths."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analyses.before_after import compare_before_after


def draw(rng, n, *, effect, pull):
    """Draw a trait measured twice with noise; a low first measure makes a failure."""
    trait = rng.normal(5, 1, n)
    was = trait + rng.normal(0, 1, n)
    recovered = rng.random(n) < 1 / (1 + np.exp(1.5 + pull * (was - 5)))
    now = trait + 0.3 + effect * recovered + rng.normal(0, 1, n)
    group = np.where(recovered, "recovered", "no_failure")
    return pd.DataFrame({"index_outcome": group, "was": was, "now": now})


def compare(frame, **options):
    return compare_before_after(frame, before="was", after="now", **options)


def test_a_rise_that_is_all_regression_to_the_mean():
    # Nothing happens to anybody but a drift of 0.3; reliability is a half, so a
    # group that starts d below the others rises d / 2 by itself.
    frame = draw(np.random.default_rng(1), 30_000, effect=0.0, pull=1.0)
    found = compare(frame)
    distance = found.mean_before_control - found.mean_before
    assert distance > 0.8
    assert found.change_ci_low > 0.3
    assert abs(found.regression_to_mean - distance / 2) < 0.04
    # The control group's own drift holds its selection on a high start.
    assert abs(found.estimate) < 4 * found.std_error
    assert "regression to the mean" in found.warning


def test_the_parts_add_up_and_equal_two_regressions():
    frame = draw(np.random.default_rng(2), 700, effect=0.8, pull=0.7)
    found = compare(frame)
    assert_allclose(
        found.change, found.drift + found.regression_to_mean + found.estimate
    )
    never = frame[frame["index_outcome"] == "no_failure"]
    line = sm.OLS(never["now"], sm.add_constant(never["was"])).fit()
    some = frame[frame["index_outcome"] == "recovered"]
    expected = line.predict(sm.add_constant(some["was"])).mean()
    assert_allclose(found.estimate, some["now"].mean() - expected)
    gains = stats.ttest_1samp(some["now"] - some["was"], 0).confidence_interval()
    assert_allclose([found.change_ci_low, found.change_ci_high], list(gains))


def test_the_error_is_that_of_the_jackknife():
    # Noise that grows with the start, so that the sign of the lever matters.
    frame = draw(np.random.default_rng(12), 260, effect=0.8, pull=1.2)
    noise = np.random.default_rng(13).normal(0, 1, 260)
    frame["now"] += noise * np.exp(0.8 * (frame["was"] - 5))
    found = compare(frame)
    each = np.array([compare(frame.drop(index=i)).estimate for i in frame.index])
    jackknife = np.sqrt(259 / 260 * ((each - each.mean()) ** 2).sum())
    # High leverage of a few control customers: the jackknife is the larger by some %.
    assert 0.93 < found.std_error / jackknife < 1.03


def test_shifts_and_units_change_nothing_but_the_unit():
    frame = draw(np.random.default_rng(3), 300, effect=0.8, pull=0.7)
    found = compare(frame)
    moved = compare(frame.assign(was=10 + 4 * frame["was"], now=10 + 4 * frame["now"]))
    for name in ("change", "drift", "regression_to_mean", "estimate", "std_error"):
        assert_allclose(getattr(moved, name), 4 * getattr(found, name))


def test_missing_and_refusals():
    frame = draw(np.random.default_rng(4), 200, effect=0.0, pull=1.0)
    frame.loc[[0, 7], "was"] = np.nan
    frame.loc[[7, 9], "now"] = np.nan
    assert compare(frame).n_missing == 3
    with pytest.raises(ValueError, match="0 customers are 'silent'"):
        compare(frame, group="silent")
    with pytest.raises(ValueError, match="both 'was'"):
        compare_before_after(frame, before="was", after="was")
    with pytest.raises(ValueError, match="no column 'were'"):
        compare_before_after(frame, before="were", after="now")
    still = compare(frame.assign(was=2.0, now=3.0))
    assert (still.change, still.estimate, still.note) == (
        1.0, 0.0, "nothing varies: no interval",
    )  # fmt: skip


@pytest.mark.slow
def test_coverage_where_a_plain_reading_is_always_wrong():
    # 60 or so recovered among 400; 2,000 replications, four Monte Carlo errors.
    rng = np.random.default_rng(5)
    covered = plain = 0
    for _ in range(2000):
        found = compare(draw(rng, 400, effect=0.5, pull=0.7))
        covered += found.ci_low <= 0.5 <= found.ci_high
        plain += found.change_ci_low <= 0.5 <= found.change_ci_high
    assert abs(covered / 2000 - 0.95) < 4 * 0.0049
    assert plain < 300
