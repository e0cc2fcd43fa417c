"""What of a file can be set beside simulated customers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from customer_files import MAPPING, ROWS, write_rows

import recovery_research as rr
from recovery_research.customer_data import comparison
from recovery_research.customer_data.questions import contrast_over_draws, find_start


def read(name):
    return rr.read_customers(name, mapping=name)


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        (["no_failure", "recovered"] * 2, ["recovered"]),
        (["no_failure", "recovered", "recovered"], []),
        (["no_failure", "no_failure", "recovered", "silent", "silent"], ["silent"]),
        ([], []),
    ],
)
def test_groups_of_two_can_be_compared(groups, found):
    assert comparison.find_groups(pd.DataFrame({"index_outcome": groups})) == found


def test_outcomes_are_those_the_paradox_can_be_asked_of():
    assert comparison.list_outcomes(None) == []
    assert comparison.list_outcomes(read("example-complaints")) == []
    table = read("example")
    assert comparison.list_outcomes(table) == [
        "followup_spend",
        "stayed",
        "satisfaction",
    ]
    assert comparison.list_outcomes(table, kind="amount") == ["followup_spend"]


def test_only_a_log_counts_all_orders():
    assert comparison.count_exposure(None) is None
    assert comparison.count_exposure(read("example")) is None
    log = read("example-orders")
    assert comparison.count_exposure(log) is log.customers
    assert len(rr.group_by_exposure(log.customers)) == len(log.customers)


def test_a_file_is_told_with_what_it_cannot_say(tmp_path):
    assert "No file was given" in comparison.tell_file(None)
    assert "660 customers; 11 rows" in comparison.tell_file(read("example-orders"))
    said = comparison.tell_file(read("example-complaints"))
    assert "1,200 complaints" in said
    assert "everybody in a file of complaints had a problem" in said
    path = write_rows(tmp_path / "mine.csv", ROWS[:4])  # nobody complained
    said = comparison.tell_file(rr.read_customers(path, mapping=MAPPING))
    assert "cannot be asked of it:** nobody is recovered." in said


def few_orders(tmp_path, **columns):
    """Return a log of 40 customers who all ordered three times in a year."""
    k = np.arange(120)
    frame = pd.DataFrame(
        {
            "who": k // 3,
            "week": 12.0 + (k % 3) * 9.0 + k / 1000.0,
            "amount": 5.0 + k % 7,
            "failed": np.where(k % 4 == 1, "yes", "no"),
            "resolved": np.where(k % 4 == 1, np.where(k % 8 == 1, "yes", "no"), ""),
        }
    )
    path = tmp_path / "orders.csv"
    frame.assign(**columns).to_csv(path, index=False)
    mapping = {
        "shape": "orders",
        "columns": {
            "customer": "who", "time": "week", "amount": "amount", "failed": "failed",
            "resolved": "resolved",
        },
        "time": {"unit": "weeks", "start": 0.0, "end": 52.0},
        "orders": {"design": "order-based"},
    }  # fmt: skip
    return rr.read_customers(path, mapping=mapping)


def test_amounts_without_a_ratio_are_told_and_not_asked_for(tmp_path):
    # The report 03 once ended at "'followup_spend' is yes/no".
    log = few_orders(tmp_path, amount=0.0)
    assert "followup_spend" in comparison.list_outcomes(log)
    assert comparison.list_outcomes(log, kind="amount") == []
    assert "No ratio of means can be had of followup\\_spend." in comparison.tell_file(
        log
    )
    assert comparison.list_outcomes(few_orders(tmp_path), kind="amount") != []


def test_exposure_is_not_asked_of_a_log_without_one_of_its_groups(tmp_path):
    assert comparison.count_exposure(few_orders(tmp_path)) is not None
    # Each has a problem that was made good and one that was not.
    k = np.arange(120)
    failed = np.where(k % 3 > 0, "yes", "no")
    resolved = np.where(k % 3 == 2, "yes", np.where(k % 3 == 1, "no", ""))
    log = few_orders(tmp_path, failed=failed, resolved=resolved)
    assert comparison.list_outcomes(log) != []
    assert comparison.count_exposure(log) is None


def test_many_draws_are_of_the_time_that_the_mapping_says(tmp_path):
    log = few_orders(tmp_path)
    assert log.orders["week"].min() == 12.0
    assert find_start(log) == 0.0
    assert find_start(read("example-orders")) == 0.0
    unsaid = replace(log.mapping, time=replace(log.mapping.time, start=None))
    assert find_start(replace(log, mapping=unsaid)) == 12.0
    assert contrast_over_draws(log)["n_draws"].dropna().eq(200).all()
