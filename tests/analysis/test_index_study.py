"""Spend around the index order: by hand, against Welch, and where nothing happens."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analysis.contrasts import compare_means
from recovery_research.analysis.event_study import fit_index_event_study
from recovery_research.analysis.groups import TwoGroups
from recovery_research.analysis.index_orders import customers_from_orders

ORDERS = pd.DataFrame(
    [
        # Recovered, index at week 8: 7 in the period before, 30 after; 99 is the order.
        (1, 5.0, 7.0), (1, 8.0, 99.0), (1, 9.0, 10.0), (1, 11.9, 20.0),
        (2, 4.0, 1.0), (2, 7.9, 2.0), (2, 8.0, 99.0), (2, 12.0, 50.0),
        # Not failed, index at week 9; nothing, and 4, before.
        (3, 9.0, 99.0), (3, 12.99, 8.0),
        (4, 5.0, 4.0), (4, 9.0, 99.0), (4, 4.9, 3.0),
        # Somebody else, and one who is not followed long enough.
        (5, 8.0, 99.0), (5, 9.0, 1000.0), (6, 15.0, 99.0), (6, 15.5, 1000.0),
    ],
    columns=["customer", "week", "amount"],
)  # fmt: skip
CUSTOMERS = pd.DataFrame(
    {
        "customer": [1, 2, 3, 4, 5, 6],
        "index_week": [8.0, 8.0, 9.0, 9.0, 8.0, 15.0],
        "index_outcome": [
            "recovered", "recovered", "no_failure", "no_failure", "silent", "recovered",
        ],
    }
)  # fmt: skip


def test_by_hand():
    study = fit_index_event_study(ORDERS, CUSTOMERS, end_week=17.0, first=-2, last=1)
    table = study.periods.set_index("period")
    # Changes against period -1: recovered 30 - 7 and 0 - 3; never failed 8 and 0 - 4.
    assert table.loc[0, "estimate"] == (23 - 3) / 2 - (8 - 4) / 2
    assert table.loc[1, "estimate"] == (-7 + 47) / 2 - (0 - 4) / 2
    assert table.loc[-2, "estimate"] == (-7 - 3) / 2 - (0 - 1) / 2
    assert (table["n_treated"] == 2).all()
    assert (table["n_control"] == 2).all()
    assert study.note.startswith("1 customers not observed so long are left out; ")
    # Two customers a group are too few for much, and it says so.
    assert "smaller group has 2 customers" in study.note
    # Four customers can be dealt to two groups of two in six ways.
    assert study.pretrend_p_value > 0.1
    lonely = CUSTOMERS[CUSTOMERS["customer"] != 2]
    one = fit_index_event_study(ORDERS, lonely, end_week=17.0, first=-2, last=1)
    assert one.periods["n_treated"].tolist() == [1, 1, 1, 1]
    assert one.periods.set_index("period").loc[0, "estimate"] == 23 - (8 - 4) / 2
    assert "a group of one customer has no spread" in one.note


def log_of(seed, effect=0.0, n=400):
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.5, 0.4, n)
    counts = rng.poisson(rate * 60.0) + 1
    customer = np.repeat(np.arange(n), counts)
    orders = pd.DataFrame(
        {
            "customer": customer,
            "week": rng.uniform(0.0, 60.0, len(customer)),
            # Skewed, and dearer for those who order often.
            "amount": rng.lognormal(3.0, 0.8, len(customer)) * (1 + rate[customer]),
            "outcome": np.where(
                rng.random(len(customer)) < 0.15, "recovered", "no_failure"
            ),
        }
    )
    customers = customers_from_orders(
        orders, design="order-based", span=(0.0, 60.0), seed=seed
    )
    if effect:
        index = customers.set_index("customer")
        week = orders["customer"].map(index["index_week"])
        failed = orders["customer"].map(index["index_outcome"]) == "recovered"
        later = failed & (orders["week"] > week) & (orders["week"] <= week + 4.0)
        orders["amount"] += effect * later
    return orders, customers


def test_each_period_is_a_comparison_of_the_changes():
    orders, customers = log_of(3)
    study = fit_index_event_study(orders, customers, end_week=60.0, first=-2, last=1)
    chosen = customers[
        customers["index_outcome"].isin(["recovered", "no_failure"])
        & customers["index_week"].between(8.0, 52.0)
    ].set_index("customer")
    own = orders[orders["customer"].isin(chosen.index)]
    since = own["week"] - own["customer"].map(chosen["index_week"])
    for row in study.periods.itertuples():
        if row.period == -1:
            assert (row.estimate, row.std_error) == (0.0, 0.0)
            continue

        def spent(k):
            inside = (since >= 4 * k) & (since < 4 * (k + 1)) & (since != 0)
            total = own[inside].groupby("customer")["amount"].sum()
            return total.reindex(chosen.index, fill_value=0.0)

        change = spent(row.period) - spent(-1)
        recovered = (chosen["index_outcome"] == "recovered").to_numpy()
        welch = stats.ttest_ind(change[recovered], change[~recovered], equal_var=False)
        # Sums of hundreds of amounts in double precision, in another order.
        assert_allclose(row.estimate / row.std_error, welch.statistic, rtol=1e-9)
        pair = (change[recovered].to_numpy(), change[~recovered].to_numpy())
        law = compare_means(TwoGroups(*pair, 0), confidence=0.95)
        assert_allclose([row.ci_low, row.ci_high], [law.ci_low, law.ci_high], rtol=1e-9)


def test_an_effect_is_found_where_it_was_put():
    plain, raised = (
        fit_index_event_study(*log_of(5, effect), end_week=60.0).periods
        for effect in (0.0, 9.0)
    )
    moved = (raised["estimate"] - plain["estimate"]).to_numpy()
    after = raised["period"].to_numpy() == 0
    # Nine dollars an order of four weeks' orders, more than one on average.
    assert (moved[after] > 9.0).all()
    assert_allclose(moved[~after], 0.0, atol=1e-9)


@pytest.mark.slow
def test_few_customers_do_not_make_a_clear_difference_of_chance():
    # Five recovered customers among 200; errors by the whole sum and normal limits
    # covered 85 % here, and a chi-square found a drift in 28 %.
    # 150 draws: a standard error of 1.8 points at 5 %; three of them.
    rng = np.random.default_rng(12)
    outcome = np.where(np.arange(200) < 5, "recovered", "no_failure")
    customers = pd.DataFrame(
        {"customer": np.arange(200), "index_week": 12.0, "index_outcome": outcome}
    )
    week = np.tile([1.0, 5.0, 9.0, 12.0, 13.0], 200)
    customer = np.repeat(np.arange(200), 5)
    left_out, drifting = 0, 0
    for _ in range(150):
        amount = rng.normal(10.0, 1.0, len(week))
        orders = pd.DataFrame({"customer": customer, "week": week, "amount": amount})
        study = fit_index_event_study(orders, customers, end_week=16.0, last=0)
        after = study.periods.iloc[-1]
        left_out += not after["ci_low"] <= 0.0 <= after["ci_high"]
        drifting += study.pretrend_p_value < 0.05
    assert abs(left_out / 150 - 0.05) < 0.054
    assert abs(drifting / 150 - 0.05) < 0.054


def test_the_pretrend_test_of_one_period_is_welchs():
    study = fit_index_event_study(*log_of(3), end_week=60.0, first=-2)
    row = study.periods.iloc[0]
    assert_allclose(study.pretrend_statistic, (row.estimate / row.std_error) ** 2)
    # The p-value is that of the interval: it is below 1 - level where the interval of
    # that level leaves zero out, and equal where it ends there.
    level = 1.0 - study.pretrend_p_value
    edge = fit_index_event_study(*log_of(3), end_week=60.0, first=-2, confidence=level)
    limits = edge.periods.iloc[0][["ci_low", "ci_high"]].abs().to_numpy()
    assert limits.min() < 1e-9 * abs(row.estimate)


def test_dates_divided_by_seven_fall_into_the_period_they_belong_to():
    # 163 / 7 - 135 / 7 is a little less than 4, 149 / 7 - 121 / 7 a little more.
    index = np.arange(100.0, 200.0)
    customers = pd.DataFrame(
        {
            "customer": np.arange(100),
            "index_week": index / 7.0,
            "index_outcome": ["recovered", "no_failure"] * 50,
        }
    )
    here = {"customer": np.tile(np.arange(100), 2)}
    here["week"] = np.concatenate([index, index + 28.0]) / 7.0
    here["amount"] = np.repeat([50.0, 3.0], 100)
    study = fit_index_event_study(
        pd.DataFrame(here), customers, end_week=40.0, first=-1, last=1
    )
    assert study.periods["estimate"].tolist() == [0.0, 0.0, 0.0]
    # Nobody's spend varies: all of it is 3 in period 1, none in period 0.
    assert study.periods["ci_low"].isna().tolist() == [False, True, True]
    assert "every treated customer has 0" in study.note


def test_orders_of_another_policy_are_not_added_to_those_of_this_one():
    both = pd.concat([ORDERS.assign(policy="kind"), ORDERS.assign(policy="cheap")])
    with pytest.raises(ValueError, match=r"several policies, \['cheap', 'kind'\]"):
        fit_index_event_study(
            both, CUSTOMERS.assign(policy="kind"), end_week=17.0, first=-2
        )
    kind = CUSTOMERS.assign(policy="kind")
    with pytest.raises(ValueError, match="several policies"):
        fit_index_event_study(
            ORDERS.assign(policy="cheap"), kind, end_week=17.0, first=-2
        )


@pytest.mark.parametrize(
    ("orders", "options", "message"),
    [
        (ORDERS.assign(amount=np.nan), {}, "no known 'amount'"),
        (ORDERS.assign(week=np.nan), {}, "no known 'week'"),
        (ORDERS.assign(customer=ORDERS["customer"].astype(str)), {}, "1 is not '1'"),
        (ORDERS, {"period_weeks": 0.0}, "above 0; got 0.0"),
        (ORDERS, {"treated": "no_failure"}, "both 'no_failure'"),
        (ORDERS, {"treated": "recoverd"}, r"'recoverd'.*holds \['no_failure'"),
    ],
)
def test_what_would_be_counted_wrong_is_refused(orders, options, message):
    with pytest.raises(ValueError, match=message):
        fit_index_event_study(
            orders, CUSTOMERS, end_week=17.0, first=-2, last=1, **options
        )


@pytest.mark.certify
def test_where_nothing_drifts_the_pretrend_test_is_honest(record_property):
    p_values = np.array(
        [
            fit_index_event_study(*log_of(seed), end_week=60.0).pretrend_p_value
            for seed in range(400)
        ]
    )
    record_property("rejected of 5 %", float((p_values < 0.05).mean()))
    # 400 draws at 5 %: four Monte Carlo errors of 1.1 points.
    assert abs((p_values < 0.05).mean() - 0.05) < 0.044


def test_what_cannot_be_studied_says_why():
    with pytest.raises(ValueError, match="first is -1 or less"):
        fit_index_event_study(ORDERS, CUSTOMERS, end_week=17.0, first=0)
    with pytest.raises(ValueError, match="0 customers are 'recovered' and observed"):
        fit_index_event_study(ORDERS, CUSTOMERS, end_week=17.0, last=5)
    twice = pd.concat([CUSTOMERS, CUSTOMERS])
    with pytest.raises(ValueError, match="customers repeat"):
        fit_index_event_study(ORDERS, twice, end_week=17.0)
    with pytest.raises(ValueError, match="index_week"):
        fit_index_event_study(
            ORDERS, CUSTOMERS.drop(columns="index_week"), end_week=17.0
        )
