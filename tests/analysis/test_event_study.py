"""Event studies: known truths, hand counts, cohorts of one, edges, nothing happening."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analysis.contrasts import compare
from recovery_research.analysis.event_study import fit_event_study, tabulate_panel
from recovery_research.analysis.groups import TwoGroups
from recovery_research.analysis.pretrends import Cohorts, measure_pretrend


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
    study = fit_event_study(
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
    study = fit_event_study(panel, outcome="spend", first=-3, last=2)
    # As far as 1,999 deals go.
    assert study.pretrend_p_value == 1 / 2000


def test_one_cohort_is_a_difference_in_differences_regression():
    panel = panel_of(np.random.default_rng(8), 90, effect=2.0)
    panel = panel[panel["event_period"].isna() | (panel["event_period"] == 4)]
    study = fit_event_study(panel, outcome="spend", first=-2, last=1)
    two = panel[panel["period"].isin([3, 5])].copy()
    two["failed"] = two["event_period"].notna().astype(float)
    two["later"] = (two["period"] == 5).astype(float)
    design = sm.add_constant(
        two.assign(both=two["failed"] * two["later"])[["failed", "later", "both"]]
    )
    fit = sm.OLS(two["spend"], design).fit()
    row = study.periods.set_index("period").loc[1]
    assert_allclose(row["estimate"], fit.params["both"])
    change = two.pivot_table(index="customer", columns="later", values="spend")
    change = (change[1.0] - change[0.0]).to_numpy()
    failed = two.groupby("customer")["failed"].first().to_numpy() == 1.0
    welch = stats.ttest_ind(change[failed], change[~failed], equal_var=False)
    assert_allclose(row["estimate"] / row["std_error"], welch.statistic)
    # The limits are those of any two groups of changes.
    known = compare(
        TwoGroups(change[failed], change[~failed], 0), method="auto", confidence=0.95
    )
    assert_allclose([row["ci_low"], row["ci_high"]], [known.ci_low, known.ci_high])


def test_panels_that_will_not_do():
    panel = panel_of(np.random.default_rng(9), 60, effect=0.0)
    with pytest.raises(ValueError, match="1 values are missing"):
        fit_event_study(panel.drop(index=5), outcome="spend")
    with pytest.raises(ValueError, match="twice in a period"):
        fit_event_study(pd.concat([panel, panel.iloc[:1]]), outcome="spend")
    with pytest.raises(ValueError, match="0 customers are failed"):
        fit_event_study(panel.assign(event_period=np.nan), outcome="spend")
    with pytest.raises(ValueError, match="0 customers are never failed"):
        fit_event_study(panel.assign(event_period=3), outcome="spend")
    with pytest.raises(ValueError, match="first is -1 or less"):
        fit_event_study(panel, outcome="spend", first=0)
    two = panel.assign(event_period=panel["period"].astype(float))
    with pytest.raises(ValueError, match="two event periods"):
        fit_event_study(two, outcome="spend")
    far = fit_event_study(panel, outcome="spend", first=-9, last=1)
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
    note = fit_event_study(panel, outcome="spend", first=-2, last=1).note
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


def test_an_order_on_the_edge_is_in_the_later_period():
    # 28 / 7 is 4 exactly, but 203 / 7 - 1 / 7 is a little less than 28 + 6 / 7, and
    # 34 days in every 28 days' period would be early by one.
    days = np.arange(0, 57 * 28, 28)
    for start in (0, 1, 3, 5):
        orders = pd.DataFrame(
            {
                "customer": 1,
                "week": (days + start) / 7.0,
                "amount": 1.0,
                "outcome": "no_failure",
            }
        )
        orders.loc[len(orders)] = [2, start / 7.0, 5.0, "silent"]
        panel = tabulate_panel(
            orders, start_week=start / 7.0, end_week=(start + 57 * 28) / 7.0
        )
        assert panel["period"].max() == 56
        assert (panel.loc[panel["customer"] == 1, "spend"] == 1.0).all()


def test_those_without_a_period_before_are_counted_and_said():
    panel = panel_of(np.random.default_rng(14), 200, effect=-3.0)
    some = panel["event_period"].notna()
    first = panel["customer"].isin(panel.loc[some, "customer"].unique()[:5])
    late = panel["customer"].isin(panel.loc[some, "customer"].unique()[5:8])
    moved = panel.assign(
        event_period=panel["event_period"].mask(first, 0.0).mask(late, 12.0)
    )
    found = fit_event_study(moved, outcome="spend", first=-2, last=1)
    assert "5 customers failed in the first period, or before" in found.note
    assert "3 customers failed after the last period are left out" in found.note
    without = fit_event_study(panel[~(first | late)], outcome="spend", first=-2, last=1)
    pd.testing.assert_frame_equal(found.periods, without.periods)
    with pytest.raises(ValueError, match="0 customers are failed in a period that has"):
        fit_event_study(moved[first | ~some], outcome="spend")


def test_the_estimate_and_its_error_by_loops():
    # Cohorts of three, two and one; each customer's number by the definition.
    rng = np.random.default_rng(15)
    event = np.array([2, 2, 2, 3, 3, 5, -1, -1, -1, -1])
    wide = rng.normal(10, 3, (10, 7))
    panel = pd.DataFrame(
        {
            "customer": np.repeat(np.arange(10), 7),
            "period": np.tile(np.arange(7), 10),
            "event_period": np.repeat(np.where(event < 0, np.nan, event), 7),
            "y": wide.ravel(),
        }
    )
    study = fit_event_study(panel, outcome="y", first=-3, last=2).periods
    for row in study.itertuples():
        k = row.period
        seen = [i for i in range(6) if 0 <= event[i] + k < 7]
        change = [wide[i, event[i] + k] - wide[i, event[i] - 1] for i in seen]
        others = np.array(
            [[wide[j, event[i] + k] - wide[j, event[i] - 1] for i in seen]
             for j in range(6, 10)]
        )  # fmt: skip
        own = np.array(change) - others.mean(axis=0)
        assert_allclose(row.estimate, own.mean(), atol=1e-12)
        assert row.n_treated == len(seen)
        if k != -1:
            calm = others.mean(axis=1)
            error = np.sqrt(own.var(ddof=1) / len(own) + calm.var(ddof=1) / 4)
            assert_allclose(row.std_error, error)


def test_rows_and_units_play_no_part_in_the_pretrend_test():
    panel = panel_of(np.random.default_rng(16), 60, effect=0.0)
    found = fit_event_study(panel, outcome="spend", first=-4, last=1)
    assert found.pretrend_law == "permutation"
    names = np.random.default_rng(1).permutation(60)
    moved = panel.assign(
        spend=7.0 * panel["spend"] - 3.0, customer=names[panel["customer"]]
    ).sample(frac=1, random_state=3)
    again = fit_event_study(moved, outcome="spend", first=-4, last=1)
    assert again.pretrend_p_value == found.pretrend_p_value
    assert_allclose(again.pretrend_statistic, found.pretrend_statistic)


def test_the_pretrend_test_of_large_groups_is_hotellings():
    panel = panel_of(np.random.default_rng(17), 19_000, effect=0.0, periods=6)
    panel = panel[panel["event_period"].isna() | (panel["event_period"] == 4)]
    study = fit_event_study(panel, outcome="spend", first=-4, last=0)
    wide = panel.pivot_table(index="customer", columns="period", values="spend")
    failed = panel.groupby("customer")["event_period"].first().notna()
    change = wide[[0, 1, 2]].sub(wide[3], axis=0)
    own, other = change[failed], change[~failed]
    gap = own.mean() - other.mean()
    cov = own.cov() / len(own) + other.cov() / len(other)
    assert_allclose(study.pretrend_statistic, gap @ np.linalg.solve(cov, gap))
    # Hundreds of customers: close to a chi-square.
    p_value = stats.chi2.sf(study.pretrend_statistic, 3)
    assert study.pretrend_law == "F"
    assert study.pretrend_p_value == pytest.approx(p_value, abs=0.01)


def test_all_deals_of_few_customers_give_the_permutation_p_value():
    # One treated of nine: the p-value is a rank among nine.
    rng = np.random.default_rng(18)
    wide = rng.exponential(5.0, (9, 4))
    wide[0] += [0.0, 30.0, 0.0, 0.0]
    found = measure_pretrend(Cohorts(wide, np.where(np.arange(9) == 0, 3, -1)), -3, {})
    assert (found.n_periods, found.law) == (2, "permutation")
    assert found.p_value == pytest.approx(1 / 9, abs=0.03)


def test_periods_in_which_nothing_varies_are_not_tested():
    panel = panel_of(np.random.default_rng(19), 60, effect=0.0)
    panel = panel[panel["event_period"].isna() | (panel["event_period"] == 5)]
    still = panel.assign(spend=panel["spend"].where(panel["period"] > 3, 4.0))
    study = fit_event_study(still.assign(spend=4.0), outcome="spend", first=-3, last=1)
    assert np.isnan(study.pretrend_p_value)
    assert "too little varies before the event" in study.note
    assert (study.periods["estimate"] == 0.0).all()
    assert study.periods.set_index("period")["ci_low"].drop(-1).isna().all()
    # Periods 2 and 3 differ from period 4 by the same in everybody: one is tested.
    assert (
        fit_event_study(still, outcome="spend", first=-3, last=1).pretrend_periods == 1
    )


def test_where_ordering_decides_who_can_be_failed_the_note_says_so():
    rng = np.random.default_rng(20)
    n = 400
    spend = rng.exponential(20.0, (n, 6)) * (rng.random((n, 6)) < 0.4)
    ordered = spend > 0.0
    failed = ordered & (rng.random((n, 6)) < 0.15)
    event = np.where(failed.any(axis=1), failed.argmax(axis=1), np.nan)
    panel = pd.DataFrame(
        {
            "customer": np.repeat(np.arange(n), 6),
            "period": np.tile(np.arange(6), n),
            "event_period": np.repeat(event, 6),
            "spend": spend.ravel(),
        }
    )
    study = fit_event_study(panel, outcome="spend", first=-2, last=1)
    # Failures did nothing, and period 0 announces a rise.
    assert study.periods.set_index("period").loc[0, "ci_low"] > 0.0
    assert "who is failed depends on who orders" in study.note


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"week": [0.5, None, 1.0]}, "1 orders have no known week"),
        ({"amount": [1.0, None, 1.0]}, "1 orders have no known amount"),
        ({"policy": ["a", "b", "a"]}, r"several policies, \['a', 'b'\]"),
    ],
)
def test_logs_that_will_not_do(change, message):
    orders = pd.DataFrame(
        {"customer": [1, 1, 2], "week": [0.5, 5.0, 1.0], "amount": [10.0, 7.0, 3.0],
         "outcome": "no_failure"}
    ).assign(**change)  # fmt: skip
    with pytest.raises(ValueError, match=message):
        tabulate_panel(orders, end_week=8.0)


def test_periods_that_will_not_do():
    orders = pd.DataFrame(
        {"customer": [1], "week": [0.5], "amount": [1.0], "outcome": ["no_failure"]}
    )
    for times in ({"period_weeks": 0.0}, {"start_week": np.nan}):
        with pytest.raises(ValueError, match="a number above 0"):
            tabulate_panel(orders, end_week=8.0, **times)


def test_events_that_are_not_whole_or_only_in_some_rows_are_refused():
    panel = panel_of(np.random.default_rng(21), 60, effect=0.0)
    with pytest.raises(ValueError, match="event_period is a whole number"):
        fit_event_study(panel.assign(event_period=panel["event_period"] + 0.5),
                    outcome="spend")  # fmt: skip
    half = panel["event_period"].where(panel["period"] > 1)
    with pytest.raises(ValueError, match="one in some rows and none in others"):
        fit_event_study(panel.assign(event_period=half), outcome="spend")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "periods"),
    [(200, 52), pytest.param(100, 12, marks=pytest.mark.certify)],
)
def test_failures_spread_over_many_periods(n, periods, record_property):
    # Cohorts of one have no spread of their own: without the influence of the cohorts'
    # shares 78 % and 64 % were covered, and the pre-trend test found 34 % and 64 %.
    # 250 panels of 5 or more intervals: four Monte Carlo errors of 1.4 points each.
    rng = np.random.default_rng(22)
    covered, found = [], 0
    for _ in range(250):
        event = np.where(np.arange(n) < n // 5, rng.integers(1, periods, n), np.nan)
        spend = rng.normal(20, 5, n)[:, None] + rng.normal(0, 2, (n, periods))
        panel = pd.DataFrame(
            {
                "customer": np.repeat(np.arange(n), periods),
                "period": np.tile(np.arange(periods), n),
                "event_period": np.repeat(event, periods),
                "spend": spend.ravel(),
            }
        )
        study = fit_event_study(panel, outcome="spend", first=-3, last=2)
        table = study.periods[study.periods["period"] != -1]
        covered.append(((table["ci_low"] <= 0) & (table["ci_high"] >= 0)).mean())
        found += study.pretrend_p_value < 0.05
    record_property("covered of 95 %", float(np.mean(covered)))
    assert abs(np.mean(covered) - 0.95) < 0.03
    assert abs(found / 250 - 0.05) < 0.055
