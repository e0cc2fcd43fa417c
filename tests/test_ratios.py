"""Ratios of means: the test they invert, unbounded cases, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from recovery_research.analyses.ratios import paradox_ratio, ratio_of_means

TREATED = np.array([22.0, 31.0, 4.5, 18.0, 55.0, 27.5])
CONTROL = np.array([12.0, 20.5, 9.0, 17.0, 28.0, 16.0, 19.5, 11.0, 14.0])


def table(treated, control):
    return pd.DataFrame(
        {
            "index_outcome": ["recovered"] * len(treated)
            + ["no_failure"] * len(control),
            "spend": [*treated, *control],
        }
    )


def test_limits_are_where_the_test_just_does_not_reject():
    ratio, _, low, high, note = ratio_of_means(TREATED, CONTROL, confidence=0.9)
    assert "6 customers" in note
    assert ratio == pytest.approx(TREATED.mean() / CONTROL.mean())
    scores = [
        (TREATED.mean() - r * CONTROL.mean())
        / math.sqrt(TREATED.var(ddof=1) / 6 + r**2 * CONTROL.var(ddof=1) / 9)
        for r in (low, high)
    ]
    assert_allclose(scores[0], -scores[1])
    # Welch's degrees of freedom at the estimate lie between 5 and 13.
    assert 1.77 < scores[0] < 2.02


def test_precise_groups_give_the_delta_interval():
    rng = np.random.default_rng(1)
    x, y = rng.normal(106, 40, 40_000), rng.normal(100, 40, 90_000)
    ratio, error, low, high, _ = ratio_of_means(x, y)
    assert_allclose(
        [low, high], [ratio - 1.96 * error, ratio + 1.96 * error], rtol=2e-5
    )


def test_scale_free_and_reversed():
    found = ratio_of_means(TREATED, CONTROL)
    assert_allclose(ratio_of_means(7 * TREATED, 7 * CONTROL)[:4], found[:4])
    assert_allclose(ratio_of_means(3 * TREATED, CONTROL)[:4], 3 * np.array(found[:4]))


def test_a_control_mean_near_zero_has_no_upper_limit():
    ratio, error, low, _, note = ratio_of_means(TREATED, np.array([0.0, 0, 0, 5]))
    assert ratio > 0
    assert error > 0
    assert math.isnan(low)
    assert "no upper limit" in note


@pytest.mark.parametrize(
    ("treated", "control", "note"),
    [
        ([2.5], [3.5, 4.5], "one customer"),
        ([2.5, 3.5], [0.0, 0.0], "control mean is zero"),
        ([2.5, 2.5], [3.5, 3.5], "nothing varies"),
        ([np.nan], [3.5, 4.0], "no known outcome"),
    ],
)
def test_what_cannot_be_had_has_its_reason(treated, control, note):
    found = paradox_ratio(table(treated, control), outcome="spend")
    assert note in found.note
    assert note in str(found)
    assert math.isnan(found.ci_low)


def test_refusals():
    with pytest.raises(ValueError, match="negative somewhere"):
        paradox_ratio(table([2.0, -1.0], [3.0, 4.0]), outcome="spend")
    with pytest.raises(ValueError, match="is yes/no"):
        paradox_ratio(table([True, False], [True, True]), outcome="spend")
    with pytest.raises(ValueError, match="both 'recovered'"):
        paradox_ratio(table([2.5], [3.0]), outcome="spend", control="recovered")


def test_the_frame():
    frame = paradox_ratio(table(TREATED, CONTROL), outcome="spend").to_frame()
    assert frame.shape == (1, 15)
    assert frame["mean_control"].item() == pytest.approx(CONTROL.mean())


@pytest.mark.slow
def test_coverage_with_unequal_groups():
    # 2,000 replications, Monte Carlo error 0.0049, four allowed.
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(2000):
        found = ratio_of_means(rng.normal(106, 90, 40), rng.normal(100, 40, 25))
        covered += found[2] <= 1.06 <= found[3]
    assert abs(covered / 2000 - 0.95) < 4 * 0.0049
