"""Whom an index order falls on depends on nobody else."""

import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery_research.analysis.index_orders import (
    customers_from_orders,
    draw_by_id,
    hash_ids,
)
from recovery_research.customer_data.reading import read_customers

SPAN = (0.0, 60.0)


def luck(ids, seed=0, draw=0):
    return draw_by_id(hash_ids(pd.Series(ids)), seed, draw).tolist()


def test_known_draws_stay():
    # Written down when they were first made: a change would redraw every old report.
    assert luck([1, "synthetic-00042", "Zoë"]) == [
        0.025363140651948057, 0.6240784525483858, 0.15739055877118197
    ]  # fmt: skip


@pytest.mark.parametrize(
    "ids",
    [
        [17, -4],
        [17.0, -4.0],
        ["17", "-4"],
        ["17.0", "-4.0"],
        np.array([17, -4], dtype=np.int8),
        pd.array([17, -4], dtype="Int64"),
        [decimal.Decimal("17.00"), decimal.Decimal(-4)],
    ],
)
def test_an_id_is_the_same_however_it_was_read(ids):
    assert luck(ids) == luck(["17", "-4"])


def test_ids_that_differ_have_luck_that_differs():
    ids = [17, "017", "17a", 17.5, 2**60, 2**60 + 1, float("inf"), (1, 7), "1 7", ""]
    drawn = luck(pd.Series(ids, dtype=object))
    assert len(set(drawn)) == len(ids)
    assert all(0.0 < each < 1.0 for each in drawn)


def test_luck_is_uniform_and_seeds_draws_and_neighbours_are_independent():
    hashes = hash_ids(pd.Series(range(100_000)))
    one, other, more = (
        draw_by_id(hashes, *where) for where in ((0, 0), (1, 0), (0, 1))
    )
    cells = np.histogram(one, bins=100, range=(0.0, 1.0))[0]
    # Chi-square on 99 degrees of freedom: 99 +- 14; five of these allowed.
    assert ((cells - 1000.0) ** 2 / 1000.0).sum() < 99.0 + 5.0 * 14.1
    # Correlations of independent numbers vary by 1 / sqrt(n); four allowed.
    for left, right in ((one, other), (one, more), (one[1:], one[:-1])):
        assert abs(np.corrcoef(left, right)[0, 1]) < 4.0 / np.sqrt(1e5)


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, True, "7"])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ValueError, match="seed is a whole number, 0 to"):
        luck([1], seed)


def make_log(n_customers=60, seed=3):
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(n_customers), rng.integers(1, 9, n_customers))
    n = len(customer)
    names = np.array(["no_failure", "silent", "recovered", "not_recovered"])
    return pd.DataFrame(
        {
            "customer": customer,
            "week": rng.random(n) * 60.0,
            "amount": rng.random(n) * 50.0,
            "outcome": names[rng.choice(4, n, p=[0.7, 0.1, 0.1, 0.1])],
        }
    )


LOG = make_log()


@given(kept=st.sets(st.integers(0, 59), min_size=1), seed=st.integers(0, 2**64 - 1))
def test_customers_of_any_part_of_a_log_are_those_of_the_whole(kept, seed):
    part = LOG[LOG["customer"].isin(kept)]
    for design in ("order-based", "ever-failed"):
        whole, mine = (
            customers_from_orders(log, design=design, span=SPAN, seed=seed)
            for log in (LOG, part)
        )
        whole = whole[whole["customer"].isin(kept)].reset_index(drop=True)
        pd.testing.assert_frame_equal(whole, mine)


@pytest.mark.parametrize("kind", [float, str])
def test_a_log_reads_the_same_however_its_ids_are_written(kind):
    written = LOG.assign(customer=LOG["customer"].astype(kind))
    made, other = (
        customers_from_orders(log, design="order-based", span=SPAN)
        for log in (LOG, written)
    )
    other["customer"] = other["customer"].astype(float).astype(np.int64)
    other = other.sort_values("customer", ignore_index=True)
    pd.testing.assert_frame_equal(made, other)


def test_a_customer_has_the_same_luck_under_every_policy():
    twice = pd.concat([LOG.assign(policy="a"), LOG.assign(policy="b")])
    made = customers_from_orders(twice, design="order-based", span=SPAN)
    weeks = [rows["index_week"].tolist() for _, rows in made.groupby("policy")]
    np.testing.assert_array_equal(*weeks)


def test_leaving_out_one_customer_of_the_example_moves_nobody_else():
    # It used to redraw everybody behind her: the gap in spend went from -14.52 to
    # -1.71 without one id, and over 33 ids from -21 to +7.
    read = read_customers("example-orders", mapping="example-orders")
    options = {"design": "order-based", "span": (0.0, read.end_week)}
    ids = sorted(read.orders["customer"].unique())
    whole = customers_from_orders(read.orders, **options)
    for gone in ids[::25]:
        rest = read.orders[read.orders["customer"] != gone]
        found = customers_from_orders(rest, **options)
        expected = whole[whole["customer"] != gone].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected)
