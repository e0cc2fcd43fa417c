"""Worst cases of unknown outcomes: the tables filled in, and nothing impossible."""

import itertools

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from statsmodels.stats.proportion import confint_proportions_2indep

import recovery_research as rr


def table(treated, control):
    """Customers of two groups, each as (yes, no, unknown)."""
    rows = [
        (name, answer)
        for name, (yes, no, unknown) in (
            ("recovered", treated),
            ("no_failure", control),
        )
        for answer in [True] * yes + [False] * no + [None] * unknown
    ]
    return pd.DataFrame(rows, columns=["index_outcome", "stayed"]).astype(
        {"stayed": "boolean"}
    )


def test_yes_no_is_newcombe_on_the_tables_filled_in():
    counts = [(0, 3, 2), (3, 0, 2), (2, 2, 1), (0, 0, 4), (5, 0, 0), (1, 0, 0)]
    for treated, control in itertools.product(counts, counts):
        found = rr.bound_worst_case(
            table(treated, control), outcome="stayed", lowest=0, highest=1,
            method="newcombe",
        )  # fmt: skip
        n, m = sum(treated), sum(control)
        worst = (treated[0], n, control[0] + control[2], m)
        best = (treated[0] + treated[2], n, control[0], m)
        for counted, end, side in ((worst, "low", 0), (best, "high", 1)):
            limits = confint_proportions_2indep(
                *counted, method="newcomb", compare="diff"
            )
            assert_allclose(getattr(found, f"ci_{end}"), limits[side], atol=1e-9)
            share = counted[0] / n - counted[2] / m
            assert_allclose(getattr(found, f"bound_{end}"), share, atol=1e-15)
        assert -1.0 <= found.ci_low <= found.bound_low + 1e-15
        assert found.bound_high - 1e-15 <= found.ci_high <= 1.0
        assert (found.n_treated, found.n_control) == (n, m)
        assert found.n_missing_treated == treated[2]
        assert found.n_missing_control == control[2]


def test_by_default_it_is_the_paradox_of_the_tables_filled_in():
    treated, control = (21, 9, 6), (300, 200, 40)
    found = rr.bound_worst_case(
        table(treated, control), outcome="stayed", lowest=0, highest=1
    )
    low = rr.paradox(table((21, 15, 0), (340, 200, 0)), outcome="stayed")
    high = rr.paradox(table((27, 9, 0), (300, 240, 0)), outcome="stayed")
    assert (found.bound_low, found.bound_high) == (low.estimate, high.estimate)
    assert (found.ci_low, found.ci_high) == (low.ci_low, high.ci_high)
    assert (found.std_error_low, found.std_error_high) == (
        low.std_error,
        high.std_error,
    )


@pytest.mark.parametrize("unknown", [0, 1, 5])
def test_no_limit_is_beyond_what_is_possible(unknown):
    rows = [1.0, 7.0] + [np.nan] * unknown
    frame = pd.DataFrame({
        "index_outcome": ["recovered"] * len(rows) + ["no_failure"] * 3,
        "satisfaction": [*rows, 1.0, 1.0, 7.0],
    })  # fmt: skip
    found = rr.bound_worst_case(frame, outcome="satisfaction", lowest=1, highest=7)
    assert -6.0 <= found.ci_low < found.bound_low
    assert found.bound_high < found.ci_high <= 6.0


def test_where_nothing_varies_all_that_is_possible_is_said():
    frame = pd.DataFrame({
        "index_outcome": ["recovered"] * 3 + ["no_failure"] * 4,
        "satisfaction": [7.0, np.nan, 7.0, 7.0, 7.0, 7.0, 7.0],
    })  # fmt: skip
    nobody = frame.assign(satisfaction=np.nan)
    found = rr.bound_worst_case(nobody, outcome="satisfaction", lowest=1, highest=7)
    assert (found.bound_low, found.bound_high) == (-6.0, 6.0)
    assert (found.ci_low, found.ci_high) == (-6.0, 6.0)
    # The bound is known to the customer; the limits hold whatever else may vary.
    found = rr.bound_worst_case(frame, outcome="satisfaction", lowest=1, highest=7)
    assert (found.bound_low, found.bound_high) == (-2.0, 0.0)
    assert -6.0 <= found.ci_low <= -2.0
    assert 0.0 <= found.ci_high <= 6.0


def test_the_groups_are_those_of_the_policy_in_any_order():
    frame = pd.concat([
        table((4, 3, 2), (5, 5, 1)).assign(policy="a"),
        table((1, 9, 3), (2, 2, 2)).assign(policy="b"),
    ])  # fmt: skip
    options = {"outcome": "stayed", "lowest": 0, "highest": 1}
    alone = rr.bound_worst_case(table((4, 3, 2), (5, 5, 1)), **options)
    among = rr.bound_worst_case(
        frame.sample(frac=1.0, random_state=2), policy="a", **options
    )
    assert (
        among.to_frame()
        .drop(columns="policy")
        .equals(alone.to_frame().drop(columns="policy"))
    )
    with pytest.raises(ValueError, match="say which one"):
        rr.bound_worst_case(frame, **options)
    with pytest.raises(ValueError, match="no customer has index_outcome 'silent'"):
        rr.bound_worst_case(frame, policy="a", treated="silent", **options)


@pytest.mark.parametrize(
    "limits", [(0.2, 1), (0, 0.5), (1, 0), (0, 0), (0, np.inf), (np.nan, 1)]
)
def test_a_range_that_cannot_be_is_refused(limits):
    with pytest.raises(
        ValueError, match=r"known ones lie in 0.0 .. 1.0; write the least"
    ):
        rr.bound_worst_case(
            table((4, 3, 2), (5, 5, 1)), outcome="stayed", lowest=limits[0],
            highest=limits[1],
        )  # fmt: skip
