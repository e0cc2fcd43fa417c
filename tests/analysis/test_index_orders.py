"""Which order, or which day, decides a customer's group."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recovery_research.analysis.index_orders import customers_from_orders
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping import read_mapping
from recovery_research.customer_data.reading import read_customers
from recovery_research.customer_data.sentences import list_limits

ON_A_DAY = pd.DataFrame(
    [
        # Before day 20 all made good; its last problem was mild, in week 9.
        ("made good", 2.0, 10.0, "recovered", 0.9, False),
        ("made good", 9.0, 20.0, "recovered", 0.2, False),
        ("made good", 19.0, 40.0, "no_failure", 0.0, False),
        ("made good", 20.0, 80.0, "not_recovered", 0.5, False),
        ("made good", 33.0, 5.0, "no_failure", 0.0, False),
        ("made good", 33.1, 7.0, "no_failure", 0.0, False),
        ("never", 6.9, 1.0, "no_failure", 0.0, False),
        ("never", 7.0, 2.0, "no_failure", 0.0, False),
        ("half", 3.0, 1.0, "recovered", 0.1, False),
        ("half", 4.0, 1.0, "silent", 0.1, False),
        ("kept silent", 3.0, 1.0, "silent", 0.1, False),
        ("kept silent", 4.0, 1.0, "silent", 0.1, False),
        ("in vain", 3.0, 1.0, "not_recovered", 0.1, False),
        ("in vain", 4.0, 1.0, None, np.nan, False),
        ("who knows", 3.0, 1.0, "recovered", 0.1, False),
        ("who knows", 4.0, 1.0, None, np.nan, False),
        ("gone", 4.0, 1.0, "no_failure", 0.0, True),
        ("later", 20.0, 1.0, "recovered", 0.1, False),
    ],
    columns=["customer", "week", "amount", "outcome", "severity", "left"],
)


def test_on_a_day_customers_are_grouped_by_the_problems_before_it():
    made = customers_from_orders(
        ON_A_DAY, design="customer-based", day=20.0, span=(0.0, 40.0)
    ).set_index("customer")
    groups = made["index_outcome"].cat.add_categories("unknown").fillna("unknown")
    assert groups.astype(str).to_dict() == {
        "made good": "recovered", "never": "no_failure", "half": "not_recovered",
        "kept silent": "silent", "in vain": "not_recovered", "who knows": "unknown",
        "gone": "no_order", "later": "no_order",
    }  # fmt: skip
    one = made.loc["made good"]
    # From the day on, 13 weeks, both ends counted; what came before, all of it.
    assert (one["index_week"], one["followup_spend"]) == (20.0, 85.0)
    assert (one["prior_orders"], one["prior_spend"], one["prior_failures"]) == (
        3,
        70,
        2,
    )
    assert (one["weeks_known"], one["weeks_since_order"]) == (18.0, 1.0)
    # Of the latest order the amount, of the last problem how grave it was.
    assert (one["index_amount"], one["index_severity"]) == (40.0, 0.2)
    # The window before opens at week 7.
    assert one["followup_spend_before"] == 60.0
    assert made.loc["never", "followup_spend_before"] == 2.0
    assert np.isnan(made.loc["later", "index_week"])


def test_the_day_is_the_middle_unless_given():
    made = customers_from_orders(ON_A_DAY, design="customer-based", span=(0.0, 40.0))
    assert set(made["index_week"].dropna()) == {20.0}


def correlation(made):
    failed = (made["index_outcome"] != "no_failure").astype(float)
    return np.corrcoef(failed, made["prior_orders"] / (1.0 + made["weeks_known"]))[0, 1]


def test_having_a_problem_depends_on_buying_in_all_but_the_order_based_design():
    # Orders at very different rates, each failing with the same chance whatever came
    # before. Correlations of independent things vary by 1 / sqrt(n); allow four.
    rng = np.random.default_rng(8)
    rate = rng.gamma(0.5, 1.0, 4000)
    sizes = rng.poisson(104.0 * rate) + 1
    customer = np.repeat(np.arange(4000), sizes)
    failed = rng.random(len(customer)) < 0.05
    orders = pd.DataFrame(
        {
            "customer": customer,
            "week": rng.random(len(customer)) * 104.0,
            "amount": 10.0,
            "outcome": np.where(failed, "recovered", "no_failure"),
        }
    )
    fair = customers_from_orders(orders, design="order-based")
    fair = fair[fair["index_outcome"] != "no_order"]
    assert abs(correlation(fair)) < 4.0 / np.sqrt(len(fair))
    for design in ("customer-based", "ever-failed"):
        by_size = customers_from_orders(orders, design=design)
        by_size = by_size[by_size["index_outcome"] != "no_order"]
        failed = by_size["index_outcome"] != "no_failure"
        assert np.corrcoef(failed, by_size["n_orders"])[0, 1] > 0.3
    # The same orders compared by the number she ends up with: nothing in the fair one.
    size = np.corrcoef(fair["index_outcome"] != "no_failure", fair["n_orders"])
    assert abs(size[0, 1]) < 4.0 / np.sqrt(len(fair))


def with_orders(**rule):
    mapping = read_mapping("example-orders")
    return replace(mapping, orders=replace(mapping.orders, **rule))


def test_a_mapping_names_the_day_as_its_times_are_written():
    rule = {"design": "customer-based", "day": "2023-08-05"}
    read = read_customers("example-orders", mapping=with_orders(**rule))
    # The mapping's start is 2022-12-31, 217 days earlier.
    assert set(read.customers["index_week"].dropna()) == {217 / 7}
    assert "weeks_since_order" in [each.name for each in read.covariates]
    assert "prior_failures" not in [each.name for each in read.covariates]
    said = list_limits(read)
    assert any("A fair comparison as they come" in line for line in said)


def test_a_day_that_is_none_or_does_not_belong_is_refused():
    for day, message in (
        ("in August", r"\[orders\] day: .*in August"),
        ("2024-03-25", r"day 64.* leaves no past, or no whole follow-up"),
    ):
        rule = {"design": "customer-based", "day": day}
        with pytest.raises(CustomerFileError, match=message):
            read_customers("example-orders", mapping=with_orders(**rule))
    mapping = {
        "shape": "orders",
        "columns": {
            "customer": "a", "time": "b", "amount": "c", "failed": "d", "resolved": "e",
        },
        "orders": {"design": "order-based", "day": "2023-08-05"},
    }  # fmt: skip
    with pytest.raises(CustomerFileError, match='day belongs to design = "customer-ba'):
        read_mapping(mapping)
