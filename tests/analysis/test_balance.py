"""Groups that were unlike beforehand, and designs that are never fair, are told."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import recovery_research as rr
from recovery_research.analysis.balance import tell_unlike
from recovery_research.customer_data import answers, questions
from recovery_research.customer_data.mapping import read_mapping
from recovery_research.customer_data.questions import (
    HEAVY_FAILED,
    NEVER_FAIR,
    NO_PAST,
    doubt_groups,
)

GROUPS = {"policy": None, "treated": "recovered", "control": "no_failure"}


def table_of(treated, control, **further):
    return pd.DataFrame(
        {
            "index_outcome": ["recovered"] * len(treated)
            + ["no_failure"] * len(control),
            "prior_orders": [*treated, *control],
        }
        | further
    )


def test_the_difference_by_hand():
    # Means 4 and 2; variances 4 and 1: 2 / sqrt(2.5) = 1.2649.
    said = tell_unlike(table_of([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]), **GROUPS)
    assert (
        said == "unlike beforehand: prior_orders differed by +1.26 standard deviations"
    )


def test_groups_turned_round_turn_the_sign():
    turned = {"policy": None, "treated": "no_failure", "control": "recovered"}
    assert "-1.26" in tell_unlike(table_of([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]), **turned)


@pytest.mark.parametrize(
    ("treated", "control"),
    [
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]),
        ([0.1 + 0.2] * 3, [0.3] * 4),
        ([np.nan] * 3, [1.0, 2.0]),
        ([5.0], [1.0, 2.0]),
    ],
)
def test_alike_rounding_unknown_and_alone_say_nothing(treated, control):
    assert tell_unlike(table_of(treated, control), **GROUPS) == ""


def test_constant_groups_that_differ_are_unlike():
    assert "prior_orders" in tell_unlike(table_of([2.0] * 3, [1.0] * 3), **GROUPS)


def test_levels_and_the_worst_column_are_named():
    table = table_of([1.0, 2.0] * 4, [1.0, 2.0] * 4, region=["a"] * 8 + ["a", "b"] * 4)
    said = tell_unlike(table, **GROUPS, columns=["prior_orders", "region", "absent"])
    assert "region a differed by" in said


@pytest.mark.slow
def test_paradox_of_an_order_log_says_that_heavy_buyers_are_failed_more():
    orders = rr.tabulate_orders(
        rr.Experiment(
            world=rr.load_world("evidence"), policies=rr.choose_policies(["service"]),
            population=rr.load_population("webshop"), n_customers=3_000, seed=4,
        ),
        customers=3_000,
    )  # fmt: skip
    table = rr.customers_from_orders(
        orders[["customer", "week", "amount", "outcome"]], design="customer-based"
    )
    asked = {"outcome": "followup_spend", "treated": "recovered"}
    assert "unlike beforehand: " in rr.paradox(table, **asked).note
    assert "unlike beforehand" in rr.paradox_ratio(table, **asked).note
    assert "unlike beforehand" in rr.decompose_spending(table).note


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "naive", "adjusted"),
    [
        ("customer-based", HEAVY_FAILED, ""),
        ("ever-failed", NEVER_FAIR, NEVER_FAIR),
        ("order-based", "", ""),
    ],
)
def test_every_difference_of_a_file_carries_what_its_design_does(
    design, naive, adjusted
):
    mapping = read_mapping("example-orders")
    mapping = replace(mapping, orders=replace(mapping.orders, design=design))
    read = rr.read_customers("example-orders", mapping=mapping)
    said = (HEAVY_FAILED, NEVER_FAIR)
    found = questions.contrast_groups(read)
    for note in found.loc[found["estimate"].notna(), "note"]:
        assert all((each in note) == (each == naive) for each in said)
    table = answers.adjust_groups(read)
    notes = table.loc[table["view"] == "adjusted (aipw)", "note"]
    assert all((NEVER_FAIR in note) == bool(adjusted) for note in notes)
    assert not any(HEAVY_FAILED in note for note in notes)


def test_a_first_order_has_no_past_whatever_is_adjusted_for():
    mapping = read_mapping("example-orders")
    mapping = replace(mapping, orders=replace(mapping.orders, index="first"))
    read = rr.read_customers("example-orders", mapping=mapping)
    for adjusted in (False, True):
        said = doubt_groups(read, "recovered", "no_failure", adjusted=adjusted)
        assert NO_PAST in said


@pytest.mark.slow
def test_a_survey_is_looked_at_by_its_mapped_covariates():
    read = rr.read_customers("example", mapping="example")
    notes = questions.contrast_groups(read)["note"]
    assert any("unlike beforehand" in note for note in notes)
