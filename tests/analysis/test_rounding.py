"""Rounding is no difference and no variation, in any comparison."""

import math

import numpy as np
import pandas as pd
import pytest

import recovery_research as rr
from recovery_research.analysis.policy_effects import paired_difference
from recovery_research.analysis.rounding import difference_of_averages, varies


def table(treated, control):
    return pd.DataFrame(
        {
            "index_outcome": ["recovered"] * len(treated)
            + ["no_failure"] * len(control),
            "followup_spend": [*treated, *control],
        }
    )


def sums_of_cents(rng, size):
    """The same sum of 3,000 amounts, added up in another order for everybody."""
    amounts = rng.random(3_000)
    return np.array([sum(rng.permutation(amounts).tolist()) for _ in range(size)])


CONSTANT = {
    "seven": (np.full(40, 7.0), np.full(300, 7.0)),
    "a tenth and two": (np.full(30, 0.1 + 0.2), np.full(50, 0.3)),
    "seven and a tenth": (np.full(3, 7.1), np.full(100_000, 7.1)),
    "mixed": (np.array([0.3, 0.1 + 0.2, 0.3]), np.array([0.3, 0.3, 0.1 + 0.2, 0.3])),
    "sums": np.array_split(sums_of_cents(np.random.default_rng(2), 40), [12]),
}


@pytest.mark.parametrize("name", CONSTANT)
@pytest.mark.parametrize("method", ["auto", "welch", "bca", "bootstrap_t"])
def test_equal_up_to_rounding_is_equal(name, method):
    found = rr.paradox(
        table(*CONSTANT[name]), outcome="followup_spend", bounds=0, method=method
    )
    assert found.estimate == 0.0
    assert math.isnan(found.ci_low)
    assert found.verdict == "cannot tell"
    assert "without variation" in found.note


@pytest.mark.parametrize("name", CONSTANT)
def test_ratio_parts_and_pairs_likewise(name):
    treated, control = CONSTANT[name]
    ratio = rr.paradox_ratio(table(treated, control), outcome="followup_spend")
    assert "nothing varies" in ratio.note
    assert math.isnan(ratio.ci_low)
    parts = rr.decompose_spending(table(treated, control))
    assert parts.estimate == 0.0
    assert math.isnan(parts.ci_low)
    assert math.isnan(parts.amount_ci_low)
    size = min(len(treated), len(control))
    pairs = paired_difference(treated[:size], control[:size])
    assert (pairs.estimate, pairs.ci_low, pairs.ci_high) == (0.0, 0.0, 0.0)
    assert pairs.p_value == 1.0


def test_policies_that_differ_by_rounding():
    frame = pd.DataFrame(
        {
            "policy": ["a"] * 3 + ["b"] * 3,
            "customer": [1, 2, 3] * 2,
            "spend": [0.1 + 0.2, 0.3, 0.6, 0.3, 0.3, 0.1 + 0.2 + 0.3],
        }
    )
    found = rr.policy_contrast(
        frame, outcome="spend", treated="a", control="b", paired=True
    )
    assert (found.ci_low, found.ci_high, found.p_value) == (0.0, 0.0, 1.0)


def test_small_true_differences_are_kept():
    assert varies(np.array([1e9, 1e9 + 1.0]))
    assert difference_of_averages(np.array([1e-8, 3e-8]), np.array([1e-8])) == 1e-8
    far = 1e6 + np.array([0.0, 1.0, 2.0])
    assert difference_of_averages(far + 0.001, far) == pytest.approx(0.001, abs=1e-9)
