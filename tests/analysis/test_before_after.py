"""Before and after: regression to the mean, event studies, known truths."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analysis.before_after import compare_before_after


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
    # Chosen by the number itself: the other way is wrong, and the interval holds both.
    assert abs(found.did - distance / 2) < 0.04
    assert found.ci_low <= 0.0 <= found.did_low
    assert "difference in differences says" in found.note


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
    frame = draw(np.random.default_rng(12), 120, effect=0.8, pull=1.2)
    noise = np.random.default_rng(13).normal(0, 1, 120)
    frame["now"] += noise * np.exp(0.8 * (frame["was"] - 5))
    found = compare(frame)
    each = np.array([compare(frame.drop(index=i)).estimate for i in frame.index])
    jackknife = np.sqrt(119 / 120 * ((each - each.mean()) ** 2).sum())
    # High leverage of a few control customers: the jackknife is the larger by some %.
    assert 0.95 < found.std_error / jackknife < 1.05


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
        compare(frame, treated="silent")
    with pytest.raises(ValueError, match="both 'was'"):
        compare_before_after(frame, before="was", after="was")
    with pytest.raises(ValueError, match="no column 'were'"):
        compare_before_after(frame, before="were", after="now")
    still = compare(frame.assign(was=2.0, now=3.0))
    assert (still.change, still.estimate) == (1.0, 0.0)
    assert np.isnan([still.ci_low, still.did_low, still.lagged_low]).all()
    assert "without variation there is no interval" in still.note


@pytest.mark.slow
def test_coverage_where_a_plain_reading_is_always_wrong():
    # 60 or so recovered among 400, chosen by the number itself: then analysis of
    # covariance is right. 1,000 replications, four Monte Carlo errors.
    rng = np.random.default_rng(5)
    covered = plain = 0
    for _ in range(1000):
        found = compare(draw(rng, 400, effect=0.5, pull=0.7))
        covered += found.lagged_low <= 0.5 <= found.lagged_high
        plain += found.change_ci_low <= 0.5 <= found.change_ci_high
    assert abs(covered / 1000 - 0.95) < 4 * 0.0069
    assert plain < 150


def mood(rng, n, n_failed, *, persists=1.0, noise=1.0):
    """Draw customers chosen by a mood of which before is a noisy measure; no effect."""
    trait = rng.normal(0.0, 1.0, n)
    chosen = np.argsort(rng.gumbel(size=n) - 1.5 * trait)[-n_failed:]
    later = persists * trait + np.sqrt(1.0 - persists**2) * rng.normal(0.0, 1.0, n)
    group = np.full(n, "no_failure", dtype=object)
    group[chosen] = "recovered"
    columns = {
        name: 4.0 + what + noise * rng.normal(0.0, 1.0, n)
        for name, what in (("was", trait), ("was_too", trait), ("now", later))
    }
    return pd.DataFrame({"index_outcome": group, **columns})


def test_difference_in_differences_is_welchs_on_the_gains():
    frame = draw(np.random.default_rng(20), 90, effect=0.4, pull=0.7)
    found = compare(frame)
    gains = frame["now"] - frame["was"]
    some = frame["index_outcome"] == "recovered"
    welch = stats.ttest_ind(gains[some], gains[~some], equal_var=False)
    limits = welch.confidence_interval()
    assert_allclose(found.did, found.change - found.drift)
    assert_allclose([found.did_low, found.did_high], list(limits), rtol=1e-9)
    assert found.ci_low == min(found.did_low, found.lagged_low)
    assert found.ci_high == max(found.did_high, found.lagged_high)


@pytest.mark.parametrize("seed", range(12))
def test_p_value_and_interval_never_disagree(seed):
    rng = np.random.default_rng([30, seed])
    frame = draw(rng, 80, effect=rng.normal(0, 1.5), pull=rng.normal(0, 1.2))
    found = compare(frame)
    outside = found.ci_low > 0.0 or found.ci_high < 0.0
    assert (found.p_value < 0.05) == outside
    # Nearer to certainty 1 - p is rounded too far.
    if 1e-9 < found.p_value < 1.0:
        edge = compare(frame, confidence=1.0 - found.p_value)
        # There the nearer limit is zero.
        reach = min(abs(edge.ci_low), abs(edge.ci_high))
        assert reach < 1e-6 * found.std_error


def test_where_both_differ_in_sign_nothing_is_told():
    found = compare(draw(np.random.default_rng(21), 4000, effect=-0.25, pull=1.0))
    assert found.did * found.estimate < 0.0
    assert (found.p_value, found.did_low > 0.0, found.lagged_high < 0.0) == (
        1.0, True, True,
    )  # fmt: skip
    assert found.ci_low < 0.0 < found.ci_high
    assert "differ in sign" in found.note


def test_a_known_reliability_takes_the_noise_out():
    frame = mood(np.random.default_rng(22), 40_000, 4000, persists=0.7)
    plain = compare(frame)
    assert plain.lagged_high < -0.2
    assert plain.did_low > 0.1
    told, twice = compare(frame, reliability=0.5), compare(frame, again="was_too")
    # Among the others, of whom the unhappiest are gone, a little less is no noise.
    assert_allclose(twice.reliability, 0.48, atol=0.02)
    for found in (told, twice):
        assert abs(found.estimate) < 0.06
        assert found.lagged == plain.lagged
        assert found.bracket_low == min(found.did, found.estimate)
    assert compare(frame, reliability=1.0).estimate == plain.lagged


def test_the_error_with_a_second_measure_is_that_of_the_jackknife():
    frame = mood(np.random.default_rng(23), 200, 40)
    found = compare(frame, again="was_too")
    each = np.array(
        [compare(frame.drop(index=i), again="was_too").estimate for i in frame.index]
    )
    jackknife = np.sqrt(199 / 200 * ((each - each.mean()) ** 2).sum())
    assert_allclose(found.std_error, jackknife, rtol=0.1)


def test_rows_of_one_customer_are_no_new_customers():
    frame = draw(np.random.default_rng(24), 120, effect=0.4, pull=0.7)
    frame["customer"] = np.arange(120)
    once = compare(frame)
    thrice = compare(pd.concat([frame] * 3, ignore_index=True))
    for name in ("estimate", "did", "change"):
        assert_allclose(getattr(thrice, name), getattr(once, name))
    for name in ("std_error", "did_low", "did_high", "change_ci_low"):
        assert_allclose(getattr(thrice, name), getattr(once, name), rtol=0.02)
    alone = compare(frame.assign(customer=np.arange(120)[::-1]))
    assert alone == once


@pytest.mark.parametrize("value", [7.0, 0.1, 1e9 + 0.1])
def test_rounding_is_no_effect(value):
    rng = np.random.default_rng(25)
    frame = draw(rng, 60, effect=0.0, pull=0.0)
    same = compare(frame.assign(was=value, now=value))
    assert (same.estimate, same.did, same.lagged, same.change) == (0.0,) * 4
    assert np.isnan([same.ci_low, same.ci_high, same.p_value]).all()
    assert same.warning == ""
    # The same gain for all, but for rounding, is none that differs.
    gain = compare(frame.assign(was=frame["was"] + value, now=frame["was"] + value + 3))
    assert np.isnan([gain.did_low, gain.lagged_low]).all()
    assert (gain.did, gain.estimate) == (0.0, 0.0)


def test_what_starts_alike_in_the_control_group_shows_no_line():
    frame = draw(np.random.default_rng(26), 80, effect=0.5, pull=0.7)
    calm = frame["index_outcome"] == "no_failure"
    found = compare(frame.assign(was=frame["was"].where(~calm, 5.0)))
    assert np.isnan([found.lagged_low, found.ci_low, found.p_value]).all()
    assert not np.isnan(found.did_low)
    assert "control group all start at 5" in found.note
    alike = compare(frame.assign(was=5.0))
    assert (alike.ci_low, alike.ci_high) == (alike.did_low, alike.did_high)


def test_options_that_will_not_do():
    frame = mood(np.random.default_rng(27), 60, 20)
    for reliability in (0.0, 1.2, float("nan")):
        with pytest.raises(ValueError, match="a share above 0 and at most 1"):
            compare(frame, reliability=reliability)
    with pytest.raises(ValueError, match="give reliability or again"):
        compare(frame, reliability=0.5, again="was_too")
    with pytest.raises(ValueError, match="a second measure has its own"):
        compare(frame, again="was")
    with pytest.raises(ValueError, match="both 'recovered'"):
        compare(frame, control="recovered")
    odd = compare(frame.assign(was_too=-frame["was"]), again="was_too")
    assert "no reliability" in odd.note
    assert odd.estimate == odd.lagged


@pytest.mark.slow
@pytest.mark.parametrize(("n_failed", "persists"), [(30, 1.0), (300, 1.0), (300, 0.5)])
def test_coverage_where_a_mood_chose_and_before_is_noisy(n_failed, persists):
    # Analysis of covariance alone covered 12 %, none and 6 %. 300 draws: four Monte
    # Carlo errors of 1.3 points; nothing to fear from above, an outer interval is wide.
    rng = np.random.default_rng(28)
    covered = 0
    for _ in range(300):
        found = compare(mood(rng, 1000, n_failed, persists=persists))
        covered += found.ci_low <= 0.0 <= found.ci_high
    assert covered / 300 > 0.95 - 4 * 0.0126
