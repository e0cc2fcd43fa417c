"""Lines of orders, repeats and returns: each counted once, by a rule that is told."""

import itertools

import numpy as np
import pandas as pd
import pytest
from customer_files import write_rows

from recovery_research.analysis.order_logs import OUTCOMES_OF_ORDERS
from recovery_research.customer_data.order_lines import add_up_lines
from recovery_research.customer_data.reading import check_customers, read_customers

HEADER = "customer,time,amount,failed,resolved"
MAPPING = {
    "shape": "orders",
    "columns": {name: name for name in HEADER.split(",")},
    "orders": {"design": "order-based", "index": "first", "followup_weeks": 8.0},
}


def mapped(order="", **rules):
    columns = MAPPING["columns"] | ({"order": order} if order else {})
    return MAPPING | {"columns": columns, "orders": MAPPING["orders"] | rules}


def told(path, mapping):
    return " | ".join(map(str, check_customers(path, mapping=mapping).findings))


def basket(tmp_path):
    """A log of lines: nobody buys again; every second customer's order has three."""
    rows = []
    for c in range(400):
        for line in range(3 if c % 2 else 1):
            failed = line == 0 and c % 8 in (1, 3)
            said = "no," if not failed else "yes,yes" if c % 8 == 1 else "yes,no"
            rows.append(f"c{c},2024-{1 + c % 6:02d}-{1 + c % 28:02d},10,{said}")
    return write_rows(tmp_path / "lines.csv", [*rows, "z,2024-12-30,5,no,"], HEADER)


def test_lines_without_an_order_are_told_and_added_up_when_asked(tmp_path):
    path = basket(tmp_path)
    said = told(path, mapped())
    assert "600 rows share customer and moment with another" in said
    assert 'lines = "sum"' in said
    summed = read_customers(path, mapping=mapped(lines="sum"))
    assert summed.customers["bought_again"].sum() == 0
    assert len(summed.orders) == 401
    assert summed.orders["amount"].sum() == 8005.0
    counts = summed.customers["index_outcome"].value_counts()
    assert (counts["recovered"], counts["not_recovered"]) == (50, 50)
    flow = summed.flow.set_index("step")["n"]
    assert (flow["read"], flow["made"].iloc[0]) == (801, 401)
    assert "share customer and moment" not in told(path, mapped(lines="sum"))
    apart = read_customers(path, mapping=mapped(lines="apart"))
    assert apart.customers["bought_again"].mean() > 0.4
    first = read_customers(path, mapping=mapped(lines="first"))
    assert first.orders["amount"].sum() == 4005.0


def test_a_log_of_orders_is_not_doubted(tmp_path):
    rows = [
        f"{k % 30},2024-{1 + k % 12:02d}-{1 + k % 28:02d},5,no," for k in range(240)
    ]
    assert "share customer" not in told(
        write_rows(tmp_path / "o.csv", rows, HEADER), mapped()
    )


def payments(tmp_path):
    def row(k, n):
        return f"o{k},{k % 40},2024-{1 + k % 12:02d}-{1 + k % 28:02d},30,no,,{n}"

    rows = [row(k, 1) for k in range(300)] + [row(k, 2) for k in range(20)]
    return write_rows(tmp_path / "pay.csv", rows, f"order,{HEADER},payment")


def test_a_repeat_is_a_whole_row(tmp_path):
    path = payments(tmp_path)
    read = read_customers(path, mapping=mapped("order"))
    assert read.orders["amount"].sum() == 9600.0
    assert len(read.orders) == 300
    assert "20 orders have several rows (40 in all)" in told(path, mapped("order"))
    assert "several rows" not in told(path, mapped("order", lines="sum"))
    first = read_customers(path, mapping=mapped("order", lines="first"))
    assert first.orders["amount"].sum() == 9000.0
    # The same line twice, in every column, is a repeat whatever lines are.
    text = path.read_text()
    path.write_text(text + text.splitlines()[1] + "\n")
    again = read_customers(path, mapping=mapped("order", lines="sum"))
    assert again.orders["amount"].sum() == 9600.0
    assert again.excluded["reason"].tolist() == [
        "repeats an earlier row with the same order"
    ]


def test_a_repeat_is_a_whole_row_in_a_database_too(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "pay.sqlite") as base:
        pd.read_csv(payments(tmp_path)).to_sql("pay", base, index=False)
    base.close()
    read = read_customers(tmp_path / "pay.sqlite", mapping=mapped("order"))
    assert read.orders["amount"].sum() == 9600.0


def test_rows_of_one_order_that_contradict_each_other_go(tmp_path):
    rows = [
        "a,1,2024-01-01,5,no,",
        "a,2,2024-01-01,5,no,",
        "b,3,2024-03-20,5,no,",
        "c,3,2024-08-20,5,no,",
    ]
    path = write_rows(tmp_path / "o.csv", rows, f"order,{HEADER}")
    read = read_customers(path, mapping=mapped("order", lines="sum"))
    assert read.excluded["reason"].tolist() == ["order stands in rows that differ"] * 2


WORST = {
    frozenset(["no_failure"]): "no_failure", frozenset(["silent"]): "silent",
    frozenset(["recovered"]): "recovered", frozenset(["silent", "recovered"]): "not_recovered",
}  # fmt: skip


def expect(outcomes):
    """What an order came to, said in words and apart from the code."""
    if "not_recovered" in outcomes or {"silent", "recovered"} <= set(outcomes):
        return "not_recovered"
    if None in outcomes:
        return None
    return WORST[frozenset(set(outcomes) - {"no_failure"}) or frozenset(["no_failure"])]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_what_an_order_came_to_out_of_its_lines(n):
    for outcomes in itertools.product((*OUTCOMES_OF_ORDERS, None), repeat=n):
        orders = pd.DataFrame(
            {"customer": [1] * n + [2], "week": 0.0, "amount": np.arange(n + 1.0),
             "outcome": pd.Categorical([*outcomes, "silent"], list(OUTCOMES_OF_ORDERS))}
        )  # fmt: skip
        made = add_up_lines(orders, np.array([7] * n + [3]), first=False)
        found = made["outcome"].astype(object).where(made["outcome"].notna(), None)
        assert found.tolist() == [expect(outcomes), "silent"]
        assert made["amount"].tolist() == [sum(range(n)), float(n)]


def test_the_order_of_lines_plays_no_part(tmp_path):
    rng = np.random.default_rng(3)
    lines = basket(tmp_path).read_text().splitlines()[1:]
    expected = read_customers(
        tmp_path / "lines.csv", mapping=mapped(lines="sum")
    ).customers
    mixed = write_rows(tmp_path / "mixed.csv", rng.permutation(lines).tolist(), HEADER)
    found = read_customers(mixed, mapping=mapped(lines="sum")).customers
    pd.testing.assert_frame_equal(found, expected)


RETURNS = [
    "a,1,2024-01-01,50,no,", "b,1,2024-02-01,20,no,", "c,2,2024-01-05,20,no,",
    "a,1,2024-02-10,-10,no,", "x,1,2024-03-01,-20,no,", "y,2,2024-01-01,-20,no,",
    "z,2,2024-03-20,8,no,",
]  # fmt: skip


def test_returns_are_taken_off_the_order_they_belong_to(tmp_path):
    path = write_rows(tmp_path / "r.csv", RETURNS, f"order,{HEADER}")
    assert 'write [orders] returns = "match"' in told(path, mapped("order"))
    read = read_customers(path, mapping=mapped("order", returns="match"))
    # By name 50 - 10; by amount 20 - 20; the return before any order finds none.
    assert read.orders["amount"].tolist() == [40.0, 0.0, 20.0, 8.0]
    reasons = dict(zip(read.excluded["row"], read.excluded["reason"], strict=True))
    matched = "a return, taken off the order it belongs to"
    assert reasons == {5: matched, 6: matched, 7: "a return whose order is not found"}
    kept = read_customers(path, mapping=mapped("order"))
    assert kept.orders["amount"].sum() == 98.0
