"""Every cell of the table from interval to verdict, ties included."""

import math

import numpy as np
import pytest

from recovery_research.analysis.groups import TwoGroups
from recovery_research.analysis.verdicts import Bounds, decide, set_bounds

BOUNDS = Bounds(-2.0, 3.0, "set by the caller")  # lopsided on purpose


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (3.1, 9.0, "paradox"),
        (3.0, 9.0, "cannot tell"),  # a limit on the bound is within the bounds
        (2.9, 9.0, "cannot tell"),
        (0.1, 3.1, "cannot tell"),
        (-1.0, 3.1, "cannot tell"),
        (-2.0, 3.0, "no difference worth naming"),
        (-1.9, 2.9, "no difference worth naming"),
        (0.5, 2.9, "no difference worth naming"),  # positive for sure, and trifling
        (-1.5, -0.5, "no difference worth naming"),
        (0.0, 0.0, "no difference worth naming"),
        (-2.1, 3.0, "no paradox"),
        (-2.1, 2.9, "no paradox"),
        (-2.1, -0.5, "no paradox"),
        (-9.0, -2.0, "no paradox"),
        (-9.0, -2.1, "no paradox"),
        (-9.0, 3.1, "cannot tell"),
        (math.nan, math.nan, "cannot tell"),
        (-math.inf, math.inf, "cannot tell"),
        (-math.inf, 3.0, "no paradox"),
    ],
)
def test_the_table(low, high, verdict):
    assert decide(low, high, BOUNDS) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 1.0, "paradox"),
        (0.0, 1.0, "cannot tell"),
        (-1.0, 0.0, "no paradox"),
        (-1.0, -0.1, "no paradox"),
        (-1.0, 1.0, "cannot tell"),
        (0.0, 0.0, "no difference worth naming"),
    ],
)
def test_bounds_of_zero_ask_for_the_direction(low, high, verdict):
    assert decide(low, high, Bounds(0.0, 0.0, "set by the caller")) == verdict


def groups(treated, control):
    return TwoGroups(np.array(treated, float), np.array(control, float), 0)


def test_callers_bounds():
    some = groups([1, 2], [3, 4])
    assert set_bounds(2, some) == Bounds(-2.0, 2.0, "set by the caller")
    assert set_bounds((-1, 4), some) == Bounds(-1.0, 4.0, "set by the caller")
    assert set_bounds(0, some) == Bounds(0.0, 0.0, "set by the caller")
    assert set_bounds([0, 4], some) == Bounds(0.0, 4.0, "set by the caller")


@pytest.mark.parametrize(
    "given", [-2, (1, 2), (-2, -1), (2, -1), math.nan, math.inf, (0, math.inf)]
)
def test_bounds_must_have_zero_between_them(given):
    with pytest.raises(ValueError, match="must have zero between them"):
        set_bounds(given, groups([1, 2], [3, 4]))


@pytest.mark.parametrize("given", ["2 EUR", (1, 2, 3), (1,), ("a", "b")])
def test_bounds_must_be_numbers(given):
    with pytest.raises(ValueError, match="a number or a pair"):
        set_bounds(given, groups([1, 2], [3, 4]))


def test_default_bounds_of_each_kind_of_outcome():
    assert set_bounds(None, groups([0, 1, 1], [0, 1])).high == 0.01
    amount = set_bounds(None, groups([7, 9], [0, 80, 160]))
    assert (amount.low, amount.high) == pytest.approx((-1.2, 1.2))
    assert "control mean" in amount.source
    signed = set_bounds(None, groups([-0.5, 9], [0, 8, 16]))
    assert signed.high == pytest.approx(0.8)
    assert "standard deviation" in signed.source


def test_default_bounds_where_there_is_nothing_to_read_them_off():
    assert set_bounds(None, groups([2.5], [])).source.startswith("no default")
    assert set_bounds(None, groups([2.5], [-3])).source.startswith("no default")
    assert set_bounds(None, groups([], [-3, 5])).high == pytest.approx(
        0.565685, rel=1e-5
    )
