"""Ratios of means: the test they invert, unbounded cases, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from recovery_research.analysis.paradox import paradox
from recovery_research.analysis.ratios import paradox_ratio, ratio_of_means

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


def test_a_treated_group_that_bought_nothing_has_an_upper_limit():
    # "Nothing varies in either group" was said here; the control's amounts do vary.
    rng = np.random.default_rng(6)
    control = rng.gamma(2, 10, 400) * (rng.random(400) < 0.5)
    ratio, _, low, high, note = ratio_of_means(np.zeros(40), control)
    # Up to 8.8 % of 40 may buy (Clopper-Pearson), for what the others' buyers pay.
    least = 0.0881 * control[control > 0].mean() / control.mean()
    assert (ratio, low) == (0.0, 0.0)
    assert high > 0.95 * least
    assert "none of the 40 treated" in note
    known = paradox_ratio(table(np.full(6, 12.0), CONTROL), outcome="spend")
    assert known.ci_low < known.estimate < known.ci_high


def test_skewed_amounts_are_noted_and_have_uneven_limits():
    rng = np.random.default_rng(7)
    amounts = rng.lognormal(3, 1.2, 720) * (rng.random(720) < 0.4)
    ratio, _, low, high, note = ratio_of_means(amounts[:20], amounts[20:])
    assert high - ratio > 1.5 * (ratio - low)
    assert "20 customers" in note or "skewed" in note or "20 treated" in note
    even = ratio_of_means(amounts[:300], amounts[300:700])
    assert even[4] == "" or "skewed" in even[4]


def test_a_ratio_holds_one_when_the_difference_holds_zero():
    # At a ratio of one the two tests are the same t; degrees of freedom and shapes are
    # taken at the estimate, so that they may part where a limit is within a hair.
    rng = np.random.default_rng(8)
    for _ in range(40):
        frame = table(
            rng.lognormal(3, 1, 15) * rng.choice([0.4, 1, 2.5]),
            rng.lognormal(3, 1, 200),
        )
        ratio = paradox_ratio(frame, outcome="spend")
        gap = paradox(frame, outcome="spend")
        if abs(gap.p_value - 0.05) > 0.02:
            assert (ratio.ci_low > 1 or ratio.ci_high < 1) == (gap.p_value < 0.05)


def test_limits_are_never_negative():
    found = paradox_ratio(
        table([0.0, 0, 0, 4], [5.0, 7, 0, 9, 6, 3, 8, 11]), outcome="spend"
    )
    assert found.ci_low == 0.0


@pytest.mark.slow
def test_coverage_of_a_few_skewed_amounts():
    # 1,000 samples, Monte Carlo error 0.7 points, three allowed; Welch's t in Fieller's
    # formula covers 89 %.
    rng = np.random.default_rng(9)
    missed = np.zeros(2)
    for _ in range(1000):
        pair = [rng.lognormal(3, 1, n) * (rng.random(n) < 0.5) for n in (20, 700)]
        _, _, low, high, _ = ratio_of_means(*pair)
        missed += [low > 1.0, high < 1.0]
    assert (missed / 1000 < 0.025 + 3 * 0.005).all()
    assert missed.sum() / 1000 < 0.05 + 3 * 0.007
