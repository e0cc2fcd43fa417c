"""Before and after: regression to the mean, event studies, known truths."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analyses.before_after import compare_before_after
from recovery_research.analyses.event_study import study_event, tabulate_panel


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


def panel_of(rng, n, *, effect, trend=0.0, periods=10):
    event = np.where(rng.random(n) < 0.3, rng.integers(3, 8, n), np.nan)
    base = rng.normal(20, 5, n) + 2 * ~np.isnan(event)
    grid = np.arange(periods)
    since = grid[None, :] - event[:, None]
    failed = since >= 0
    spend = base[:, None] + 0.5 * grid + rng.normal(0, 2, (n, periods))
    spend = spend + np.where(failed, effect, 0.0)
    spend = spend + trend * np.where(np.isnan(event)[:, None], 0.0, grid)
    return pd.DataFrame(
        {
            "customer": np.repeat(np.arange(n), periods),
            "period": np.tile(grid, n),
            "event_period": np.repeat(event, periods),
            "spend": spend.ravel(),
        }
    )


def test_the_event_study_finds_what_was_put_in():
    panel = panel_of(np.random.default_rng(6), 2000, effect=-3.0)
    study = study_event(
        panel.sample(frac=1, random_state=1), outcome="spend", first=-3, last=2
    )
    table = study.periods.set_index("period")
    truth = np.where(table.index >= 0, -3.0, 0.0)
    shown = table.index != -1
    distance = (table["estimate"] - truth)[shown] / table["std_error"][shown]
    assert distance.abs().max() < 3.5
    assert (table.loc[-1, "estimate"], table.loc[-1, "std_error"]) == (0.0, 0.0)
    assert study.pretrend_periods == 2
    assert study.pretrend_p_value > 0.01


def test_a_trend_before_the_failure_is_seen():
    panel = panel_of(np.random.default_rng(7), 2000, effect=0.0, trend=-0.4)
    study = study_event(panel, outcome="spend", first=-3, last=2)
    assert study.pretrend_p_value < 1e-6


def test_one_cohort_is_a_difference_in_differences_regression():
    panel = panel_of(np.random.default_rng(8), 90, effect=2.0)
    panel = panel[panel["event_period"].isna() | (panel["event_period"] == 4)]
    study = study_event(panel, outcome="spend", first=-2, last=1)
    two = panel[panel["period"].isin([3, 5])].copy()
    two["failed"] = two["event_period"].notna().astype(float)
    two["later"] = (two["period"] == 5).astype(float)
    design = sm.add_constant(
        two.assign(both=two["failed"] * two["later"])[["failed", "later", "both"]]
    )
    fit = sm.OLS(two["spend"], design).fit(
        cov_type="cluster",
        cov_kwds={"groups": two["customer"], "use_correction": False},
    )
    row = study.periods.set_index("period").loc[1]
    assert_allclose(row["estimate"], fit.params["both"])
    assert_allclose(row["std_error"], fit.bse["both"])


def test_panels_that_will_not_do():
    panel = panel_of(np.random.default_rng(9), 60, effect=0.0)
    with pytest.raises(ValueError, match="1 values are missing"):
        study_event(panel.drop(index=5), outcome="spend")
    with pytest.raises(ValueError, match="twice in a period"):
        study_event(pd.concat([panel, panel.iloc[:1]]), outcome="spend")
    with pytest.raises(ValueError, match="0 customers are failed"):
        study_event(panel.assign(event_period=np.nan), outcome="spend")
    with pytest.raises(ValueError, match="0 customers are never failed"):
        study_event(panel.assign(event_period=3), outcome="spend")
    with pytest.raises(ValueError, match="first is -1 or less"):
        study_event(panel, outcome="spend", first=0)
    two = panel.assign(event_period=panel["period"].astype(float))
    with pytest.raises(ValueError, match="two event periods"):
        study_event(two, outcome="spend")
    far = study_event(panel, outcome="spend", first=-9, last=1)
    assert "-9" in far.note


@pytest.mark.parametrize(("n_failed", "doubted"), [(12, True), (60, False)])
def test_an_event_study_of_few_failed_says_so(n_failed, doubted):
    rng = np.random.default_rng(6)
    panel = pd.DataFrame(
        {
            "customer": np.repeat(np.arange(200), 4),
            "period": np.tile(np.arange(4), 200),
            "spend": rng.exponential(20.0, 800),
        }
    )
    panel["event_period"] = np.where(panel["customer"] < n_failed, 2.0, np.nan)
    note = study_event(panel, outcome="spend", first=-2, last=1).note
    assert note.startswith("the smaller group has 12 customers") == doubted


def test_an_order_log_becomes_a_panel():
    orders = pd.DataFrame(
        {
            "customer": [5, 5, 3, 3, 3, 5],
            "week": [1.0, 9.0, 0.0, 3.9, 4.0, 12.5],
            "amount": [10.0, 4.0, 2.0, 3.0, 7.0, 99.0],
            "outcome": [
                "no_failure", "recovered", "no_failure", "silent", "recovered", "silent",
            ],
        }
    )  # fmt: skip
    panel = tabulate_panel(orders, end_week=13.0)
    assert panel["spend"].tolist() == [5.0, 7.0, 0.0, 10.0, 0.0, 4.0]
    assert panel["event_period"].tolist() == [0, 0, 0, 2, 2, 2]
    with pytest.raises(ValueError, match="hold 1 periods"):
        tabulate_panel(orders, end_week=7.0)


def test_an_unknown_outcome_is_no_failure_and_not_none_either():
    # It once dated a failure that nobody had seen.
    orders = pd.DataFrame(
        {
            "customer": [1, 1, 2], "week": [0.5, 5.0, 1.0], "amount": [10.0, 7.0, 3.0],
            "outcome": ["no_failure", None, "no_failure"],
        }
    )  # fmt: skip
    with pytest.raises(ValueError, match="1 orders have no known outcome"):
        tabulate_panel(orders, end_week=8.0)
