"""One law a comparison: p-value, interval and equivalence never disagree."""

import math

import numpy as np
import pytest

from recovery_research.analysis.contrasts import METHODS, compare, compare_means
from recovery_research.analysis.groups import TwoGroups
from recovery_research.analysis.intervals import METHODS_FOR_SHARES, difference_of_means
from recovery_research.analysis.verdicts import NO_DIFFERENCE, Bounds, decide

BOUNDS = ((-1.0, 1.0), (-0.5, 0.0), (-2.0, 0.3), (0.0, 0.0))
# Root finding in limits and tails is good to about 1e-10 of a level.
CLOSE = 1e-9


def small_table(rng):
    """Two small groups of whole numbers: ties, zeros, constants, single customers."""
    top = rng.integers(0, 5)
    groups = [
        rng.integers(0, top + 1, rng.integers(1, most)).astype(float)
        for most in (13, 40)
    ]
    for group, chance in zip(groups, (0.3, 0.2), strict=True):
        if rng.random() < chance:
            group[:] = group[0]
    if rng.random() < 0.3:  # hardly anybody buys
        groups[1] *= rng.random(groups[1].size) < 0.1
    return TwoGroups(*groups[:: rng.choice([-1, 1])], 0)


def contradictions(found, confidence):
    """List what the interval says and a p-value denies, or the other way round."""
    wrong, level = [], 1.0 - confidence
    outside = found.ci_low > 0.0 or found.ci_high < 0.0
    if outside and found.p_value > level + CLOSE:
        wrong.append("leaves out zero, p large")
    if not outside and found.p_value < level - CLOSE:
        wrong.append("holds zero, p small")
    if not found.ci_low - 1e-12 <= found.estimate <= found.ci_high + 1e-12:
        wrong.append("estimate outside")
    for low, high in BOUNDS:
        p = found.equivalence_p_value(low, high)
        within = low <= found.ci_low and found.ci_high <= high
        if within != (p <= level / 2) and abs(p - level / 2) > CLOSE:
            wrong.append(f"equivalence {low} {high}")
        verdict = decide(found.ci_low, found.ci_high, Bounds(low, high, ""))
        if (verdict == NO_DIFFERENCE) != within:
            wrong.append("verdict")
    return wrong


@pytest.mark.parametrize("seed", range(6))
def test_they_never_disagree(seed):
    rng = np.random.default_rng([7, seed])
    for _ in range(20):
        groups = small_table(rng)
        for method in METHODS:
            if method in METHODS_FOR_SHARES and not groups.yes_no:
                continue
            confidence = rng.choice([0.5, 0.8, 0.95, 0.999])
            found = compare(groups, method=method, confidence=confidence)
            if math.isnan(found.ci_low):
                assert found.note
                assert math.isnan(found.p_value)
                continue
            wrong = contradictions(found, confidence)
            assert wrong == [], (method, groups, found)


def test_bca_of_a_value_that_only_one_has():
    # The edge of what resamples reach is exactly zero here, and .37 of them are there.
    found = difference_of_means(np.r_[np.zeros(299), 25.0], np.zeros(120), method="bca")
    assert found.ci_low == 0.0
    assert found.p_value > 0.05
    five = difference_of_means(
        np.r_[np.zeros(295), np.full(5, 25.0)], np.zeros(120), method="bca"
    )
    assert (five.p_value < 0.05) == (five.ci_low > 0.0)


def test_a_limit_that_rests_on_a_bound_is_within_it():
    # 1 of 1 against 0 of 27: the difference cannot exceed 1 however sure one wants
    # to be, so that the upper bound of 1 decides nothing.
    groups = TwoGroups(np.ones(1), np.zeros(27), 0)
    for method in ("clopper_pearson", "newcombe"):
        found = compare(groups, method=method, confidence=0.5)
        assert found.ci_high == 1.0
        assert found.equivalence_p_value(-1.0, 1.0) == 0.0


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_group_is_compared_with_nothing(method):
    for groups in (
        TwoGroups(np.array([]), np.ones(3), 2),
        TwoGroups(np.zeros(2), np.array([]), 0),
    ):
        found = compare(groups, method=method, confidence=0.9)
        assert "nothing to compare" in found.note
        assert math.isnan(compare_means(groups, confidence=0.9).p_value)
