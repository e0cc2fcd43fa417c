"""An order log made into customers: against the simulation, by hand, and by design."""

import numpy as np
import pandas as pd
import pytest

import recovery_research as rr
from recovery_research.analysis import index_orders, order_logs
from recovery_research.analysis.index_orders import customers_from_orders
from recovery_research.analysis.order_logs import classify_outcomes
from recovery_research.model import simulation, tables

# Three customers, lopsided on purpose. Anna's second order is at her first's window's
# very end (13 weeks), her third beyond; Berta orders once, late; Cora was failed twice.
BY_HAND = pd.DataFrame(
    {
        "customer": ["cora", "anna", "cora", "anna", "berta", "cora", "anna", "cora"],
        "week": [3.0, 1.0, 4.5, 14.0, 30.0, 9.0, 14.25, 28.5],
        "amount": [7.0, 11.0, 13.0, 17.0, 19.0, 23.0, 29.0, 31.0],
        "failed": [False, True, True, False, False, True, False, False],
        "complained": [False, True, False, False, False, True, False, False],
        "resolved": [False, True, False, False, False, False, False, False],
    }
)


@pytest.fixture(scope="module")
def small_log(small_history):
    return rr.tabulate_orders(small_history, customers=5000)


def test_names_and_numbers_are_those_of_the_simulation():
    assert order_logs.INDEX_OUTCOMES == tables.INDEX_OUTCOMES
    assert index_orders.FOLLOWUP_WEEKS == simulation.FOLLOWUP_WEEKS
    assert index_orders.YEAR_WEEKS == simulation.YEAR_WEEKS


def test_first_orders_give_the_simulations_own_table(small_log, small_history):
    weeks = small_history.experiment.weeks
    made = customers_from_orders(
        small_log, design="order-based", index="first", span=(0.0, weeks)
    )
    known = rr.tabulate_customers(small_history)
    known = known[known["index_outcome"] != "no_order"].reset_index(drop=True)
    shared = [name for name in made if name in known]
    assert len(shared) == 16
    for name in shared:
        pd.testing.assert_series_equal(
            made[name], known[name], check_exact=True, check_dtype=False
        )


def test_yes_no_columns_tell_the_outcomes_apart(small_log, small_history):
    # The log says nothing of proactive answers but that there was one: `days`.
    told = small_log.assign(
        failed=small_log["outcome"] != "no_failure",
        response=small_log["days"].notna() | small_log["complained"],
    ).drop(columns="outcome")
    options = {"design": "order-based", "index": "first"}
    one = customers_from_orders(told, **options)
    other = customers_from_orders(small_log, **options)
    pd.testing.assert_frame_equal(one, other)


def test_by_hand():
    made = customers_from_orders(BY_HAND, design="order-based", index="first")
    made = made.set_index("customer")
    assert made["index_outcome"].astype(str).to_dict() == {
        "anna": "recovered", "berta": "no_failure", "cora": "no_failure",
    }  # fmt: skip
    # Anna: the order exactly 13 weeks later counts, the one after it does not.
    # Berta: the log ends with her order, her window is not whole. Cora: 13 + 23.
    np.testing.assert_array_equal(made["followup_spend"], [17.0, np.nan, 36.0])
    np.testing.assert_array_equal(made["followup_orders"], [1.0, np.nan, 2.0])
    assert made["bought_again"].tolist() == [True, pd.NA, True]
    assert made["n_orders"].tolist() == [3, 1, 4]
    assert made["n_failures"].tolist() == [1, 0, 2]
    assert made["n_complaints"].tolist() == [1, 0, 1]
    assert made["prior_orders"].tolist() == [0.0, 0.0, 0.0]


def test_the_ever_failed_index_is_the_first_problem():
    made = customers_from_orders(BY_HAND, design="ever-failed").set_index("customer")
    cora = made.loc["cora"]
    assert cora["index_outcome"] == "silent"
    assert (cora["index_week"], cora["index_amount"]) == (4.5, 13.0)
    assert (cora["prior_orders"], cora["prior_spend"], cora["weeks_known"]) == (
        1,
        7,
        1.5,
    )
    assert cora["prior_failures"] == 0
    assert cora["followup_spend"] == 23.0
    assert made.loc["berta", "index_outcome"] == "no_failure"


def test_dates_give_what_weeks_give():
    # 13 weeks are 91 days: the window's last day must count though days over seven
    # are not exact numbers.
    start = pd.Timestamp("2024-02-29")
    for shift in range(40):
        days = np.array([shift, shift + 91, shift + 92, shift + 200])
        orders = pd.DataFrame(
            {
                "customer": 1,
                "time": start + pd.to_timedelta(days, unit="D"),
                "amount": [1.0, 2.0, 4.0, 8.0],
                "outcome": "no_failure",
            }
        )
        first = pd.DataFrame(
            {"customer": 2, "time": [start], "amount": 1.0, "outcome": "no_failure"}
        )
        made = customers_from_orders(
            pd.concat([first, orders]), design="order-based", index="first"
        )
        assert made["followup_spend"].tolist()[0] == 2.0


def test_the_order_of_rows_plays_no_part(small_log):
    one = small_log[small_log["policy"] == "service"]
    shuffled = one.sample(frac=1.0, random_state=3)
    for design in index_orders.DESIGNS:
        made = [
            customers_from_orders(log, design=design, seed=5) for log in (one, shuffled)
        ]
        pd.testing.assert_frame_equal(*made)


def test_luck_is_seeded_and_used(small_log):
    one = small_log[small_log["policy"] == "service"]
    weeks = [
        customers_from_orders(one, design="order-based", seed=seed)["index_week"]
        for seed in (1, 1, 2)
    ]
    pd.testing.assert_series_equal(weeks[0], weeks[1])
    assert (weeks[0] != weeks[2]).mean() > 0.5


def test_a_drawn_day_leaves_a_whole_window_before_the_end(small_log):
    one = small_log[small_log["policy"] == "service"]
    made = customers_from_orders(one, design="order-based")
    index = made["index_week"].dropna()
    assert made.loc[made["index_outcome"] == "no_order", "index_week"].isna().all()
    assert index.between(one["week"].min(), one["week"].max()).all()
    # Nearly all first orders after the drawn day are followed to the end.
    assert made["followup_spend"].notna().sum() > 0.9 * len(index)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"design": "both"},
            r"design is one of \['order-based', .*'ever-failed'\]; got 'both'",
        ),
        ({"index": "last"}, "index is one of"),
        ({"followup_weeks": 0.0}, "followup_weeks is above 0"),
        ({"followup_weeks": 40.0, "index": "drawn"}, "no more than a follow-up of 40"),
        ({"span": (0.0, 20.0)}, "outside the span 0 to 20"),
        ({"span": (5.0, 1.0)}, "first week, last week"),
        ({"day": 20.0}, "day=20.0 belongs to design='customer-based'"),
        ({"design": "customer-based", "day": 30.0}, "day 30 leaves no past, or no"),
        ({"design": "customer-based", "day": 0.0}, "day 0 leaves no past"),
    ],
)
def test_options_are_checked(change, message):
    options = {"design": "order-based", "index": "first"} | change
    with pytest.raises(ValueError, match=message):
        customers_from_orders(BY_HAND, **options)


def test_a_design_must_be_chosen():
    with pytest.raises(TypeError, match="design"):
        customers_from_orders(BY_HAND)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("amount", -3.0, r"order 4 \(from 0\) has amount -3"),
        ("amount", np.nan, "1 orders have no known 'amount', the first is order 4"),
        ("week", np.inf, "1 orders have no known 'week'"),
        ("customer", None, "1 orders have no known 'customer'"),
    ],
)
def test_orders_that_cannot_be_counted_are_refused(column, value, message):
    broken = BY_HAND.copy()
    broken.loc[4, column] = value
    with pytest.raises(ValueError, match=message):
        customers_from_orders(broken, design="order-based", index="first")


def test_missing_columns_and_strange_words_are_named():
    with pytest.raises(ValueError, match="no column 'resolved'"):
        customers_from_orders(BY_HAND.drop(columns="resolved"), design="order-based")
    strange = BY_HAND.assign(outcome="recoverd")
    with pytest.raises(ValueError, match="Did you mean 'recovered'"):
        customers_from_orders(strange, design="order-based")
    with pytest.raises(ValueError, match="no rows"):
        customers_from_orders(BY_HAND.iloc[:0], design="order-based")


def test_what_cannot_be_said_is_unknown():
    yes, no, unknown = 1, 0, -1
    cases = {
        # failed, complained, resolved, answered: outcome
        (no, no, no, no): 0,
        (yes, no, no, no): 1,
        (yes, no, unknown, no): 1,
        (yes, no, no, yes): 3,
        (yes, no, unknown, yes): -1,
        (yes, no, no, unknown): -1,
        (yes, yes, yes, unknown): 2,
        (yes, no, yes, yes): 2,
        (yes, yes, no, no): 3,
        (yes, yes, unknown, yes): -1,
        (yes, unknown, no, no): -1,
        (yes, unknown, no, yes): 3,
        (unknown, yes, yes, yes): -1,
    }
    columns = np.array(list(cases), dtype=np.int8).T
    found = classify_outcomes(
        columns[0], complained=columns[1], resolved=columns[2], response=columns[3]
    )
    assert dict(zip(cases, found.tolist(), strict=True)) == cases


def test_nobody_orders_after_her_last_order():
    # Such a file once ended in "left before it", far from what was wrong with it.
    log = pd.DataFrame(
        {
            "customer": ["a", "a", "a", "b"],
            "week": [1.0, 4.0, 4.0, 30.0],
            "amount": 3.0,
            "outcome": "no_failure",
            "left": [False, True, False, False],
        }
    )
    # At one moment nobody can tell which came last.
    customers_from_orders(log, design="order-based")
    log.loc[0, "left"] = True
    with pytest.raises(ValueError, match=r"1 customers ordered after.*first is 'a'"):
        customers_from_orders(log, design="order-based")
