"""What of a file can be set beside simulated customers."""

import pandas as pd
import pytest
from customer_files import MAPPING, ROWS, write_rows

import recovery_research as rr
from recovery_research.customers import beside


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
    assert beside.find_groups(pd.DataFrame({"index_outcome": groups})) == found


def test_outcomes_are_those_the_paradox_can_be_asked_of():
    assert beside.list_outcomes(None) == []
    assert beside.list_outcomes(read("example-complaints")) == []
    table = read("example")
    assert beside.list_outcomes(table) == ["followup_spend", "stayed", "satisfaction"]
    assert beside.list_outcomes(table, kind="amount") == ["followup_spend"]


def test_only_a_log_counts_all_orders():
    assert beside.count_exposure(None) is None
    assert beside.count_exposure(read("example")) is None
    log = read("example-orders")
    assert beside.count_exposure(log) is log.customers
    assert len(rr.group_by_exposure(log.customers)) == len(log.customers)


def test_a_file_is_told_with_what_it_cannot_say(tmp_path):
    assert "No file was given" in beside.tell_file(None)
    assert "660 customers; 11 rows" in beside.tell_file(read("example-orders"))
    said = beside.tell_file(read("example-complaints"))
    assert "1,200 complaints" in said
    assert "everybody in a file of complaints had a problem" in said
    path = write_rows(tmp_path / "mine.csv", ROWS[:4])  # nobody complained
    said = beside.tell_file(rr.read_customers(path, mapping=MAPPING))
    assert "cannot be asked of it:** nobody in it is both" in said
