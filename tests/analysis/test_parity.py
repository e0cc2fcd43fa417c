"""The parity point: Fieller by hand, statsmodels, unbounded cases, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analysis.parity import find_parity
from recovery_research.analysis.quality_curves import fit_gap, make_basis, measure_fit
from recovery_research.model.justice import judge_distributive
from recovery_research.model.worlds import load_world


def draw(
    rng, n_failed=260, n_never=900, *, parity=0.8, slope=40.0, noise=15.0, bend=0.0
):
    paid = rng.uniform(0, 1.5, n_failed)
    reached = 100 + slope * (paid - parity) + bend * (paid - parity) ** 2
    return pd.DataFrame(
        {
            "index_outcome": ["recovered"] * (n_failed // 2)
            + ["not_recovered"] * (n_failed - n_failed // 2)
            + ["no_failure"] * n_never,
            "paid": np.r_[paid, np.full(n_never, np.nan)],
            "spend": np.r_[reached + rng.normal(0, noise, n_failed) * (0.5 + paid),
                           100 + rng.normal(0, 20, n_never)],
        }
    )  # fmt: skip


def find(frame, **options):
    return find_parity(frame, outcome="spend", quality="paid", **options)


def test_limits_are_where_the_test_just_rejects():
    frame = draw(np.random.default_rng(1))
    found = find(frame, shape="linear")
    failed = frame[frame["paid"].notna()]
    fit = sm.OLS(failed["spend"], sm.add_constant(failed["paid"])).fit(cov_type="HC3")
    never = frame.loc[frame["paid"].isna(), "spend"]
    (a, b), cov = fit.params, fit.cov_params().to_numpy()
    assert_allclose(found.estimate, (never.mean() - a) / b, rtol=1e-8)
    other = never.var() / len(never)
    for limit in (found.ci_low, found.ci_high):
        row = np.array([1.0, limit])
        own = row @ cov @ row
        # Satterthwaite's degrees of freedom of a sum of two variances.
        freedom = (own + other) ** 2 / (own**2 / 258 + other**2 / 899)
        t = (row @ fit.params - never.mean()) / math.sqrt(own + other)
        assert_allclose(2 * stats.t.sf(abs(t), freedom), 0.05, rtol=1e-6)
    assert_allclose(found.slope, b)
    wide = stats.t.ppf(0.975, len(failed) - 2) * math.sqrt(cov[1, 1])
    assert_allclose([found.slope_low, found.slope_high], [b - wide, b + wide])
    assert (found.n_treated, found.n_control, found.n_missing) == (260, 900, 0)
    assert found.note == ""


def test_a_bent_curve():
    frame = draw(np.random.default_rng(2), 1500, 3000, bend=-25.0, noise=6.0)
    bent = find(frame, shape="quadratic")
    assert abs(bent.estimate - 0.8) < 4 * bent.std_error
    assert bent.std_error < 0.03
    assert bent.slope == pytest.approx(40, abs=4)


def test_units():
    frame = draw(np.random.default_rng(3))
    found = find(frame)
    moved = find(frame.assign(paid=100 * frame["paid"], spend=5 + 3 * frame["spend"]))
    for name in ("estimate", "std_error", "ci_low", "ci_high"):
        assert_allclose(getattr(moved, name), 100 * getattr(found, name), rtol=1e-6)


def test_no_parity_within_what_was_seen():
    never = find(draw(np.random.default_rng(4), parity=4.0))
    assert math.isnan(never.estimate)
    assert "does not reach parity by the highest" in never.note
    assert "no quality observed is compatible" in never.note
    always = find(draw(np.random.default_rng(4), parity=-3.0))
    assert "already at the lowest" in always.note
    flat = find(draw(np.random.default_rng(7), 24, slope=2.0, parity=0.7, noise=40))
    assert "not bounded" in flat.note
    assert math.isnan(flat.ci_low) or math.isnan(flat.ci_high)


def test_refusals():
    frame = draw(np.random.default_rng(5))
    with pytest.raises(ValueError, match="unknown shape 'cubic'"):
        find(frame, shape="cubic")
    with pytest.raises(ValueError, match="0 failed customers of"):
        find(frame, among=["silent"])
    with pytest.raises(ValueError, match="1 different values of 'paid'"):
        find(frame.assign(paid=frame["paid"] * 0 + 1))
    with pytest.raises(ValueError, match="does not vary"):
        find(frame.assign(spend=3.0))
    with pytest.raises(ValueError, match="no column 'pay'"):
        find_parity(frame, outcome="spend", quality="pay")
    holes = frame.copy()
    holes.loc[[0, 1, 700], "spend"] = np.nan
    assert find(holes).n_missing == 3


def test_the_spline_is_natural_and_its_slope_its_own():
    quality = np.random.default_rng(6).exponential(1.0, 200)
    basis = make_basis(quality, "spline", 5)
    assert basis.columns(quality).shape == (200, 5)
    grid = np.linspace(quality.min(), quality.max(), 4001)
    columns, step = basis.columns(grid), grid[1] - grid[0]
    # In the middle of each step, to the square of its width.
    middle = (grid[1:] + grid[:-1]) / 2
    assert_allclose(np.diff(columns, axis=0) / step, basis.slopes(middle), atol=1e-3)
    bend = np.diff(columns, 2, axis=0) / step**2
    assert np.abs(bend[[0, -1]]).max() < 0.01 * np.abs(bend).max()


def concave(rng, n_failed, n_never=600, noise=15.0):
    """Draw the model's own curve of compensation, parity at 0.8."""
    world = load_world("evidence")
    paid = rng.uniform(0.0, 1.5, n_failed)
    reached = 100 + 30 * np.array([judge_distributive(p, world) for p in paid])
    frame = draw(rng, n_failed, n_never)
    frame.loc[frame["paid"].notna(), "spend"] = reached + rng.normal(0, noise, n_failed)
    frame.loc[frame["paid"].notna(), "paid"] = paid
    return frame, world["parity_compensation"]


def test_a_straight_line_that_does_not_fit_says_so():
    frame, _ = concave(np.random.default_rng(9), 2000)
    line, curve = find(frame, shape="linear"), find(frame)
    assert line.p_value_fit < 1e-4
    assert "the straight line does not fit" in line.note
    assert "take shape='spline'" in line.note
    assert curve.p_value_fit > 0.05
    assert "does not fit" not in curve.note
    straight = find(draw(np.random.default_rng(10), 2000), shape="linear")
    assert straight.p_value_fit > 0.05


@pytest.mark.parametrize("shape", ["spline", "linear", "quadratic"])
@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
def test_precise_data_have_limits(shape, noise):
    # A grid of 400 points lost them: "no quality observed is compatible with parity".
    rng = np.random.default_rng(11)
    paid = np.r_[np.linspace(0.0, 1.0, 50), rng.uniform(0, 1, 50)]
    frame = pd.DataFrame(
        {
            "index_outcome": np.repeat(["recovered", "no_failure"], [100, 60]),
            "paid": np.r_[paid, np.full(60, np.nan)],
            "spend": np.r_[80 + 40 * paid + noise * rng.normal(0, 1, 100),
                           100 + noise * rng.normal(0, 1, 60)],
        }
    )  # fmt: skip
    found = find(frame, shape=shape)
    assert_allclose(found.estimate, 0.5, atol=noise + 1e-9)
    assert found.ci_low <= found.estimate <= found.ci_high
    assert found.ci_high - found.ci_low <= noise + 1e-9
    assert found.ci_high > found.ci_low or noise == 0.0


def test_the_test_of_fit_is_that_of_a_larger_regression():
    rng = np.random.default_rng(16)
    quality = rng.uniform(0.0, 2.0, 90)
    outcome = quality**2 + rng.normal(0, 1 + quality, 90)
    curve = fit_gap(quality, outcome, (1.0, 0.1, 50.0), shape="linear")
    ours = measure_fit(curve, quality, outcome, None)
    columns = make_basis(quality, "spline", 4).columns(quality)
    larger = sm.OLS(outcome, columns).fit(cov_type="HC3", use_t=True)
    assert columns.shape == (90, 4)
    assert_allclose(ours, larger.f_test(np.eye(4)[2:]).pvalue, rtol=1e-6)


def level_at(paid, heights, *, noise=0.5, seed=12):
    rng = np.random.default_rng(seed)
    n = len(paid)
    return pd.DataFrame(
        {
            "index_outcome": ["recovered"] * n + ["no_failure"] * 500,
            "paid": np.r_[paid, np.full(500, np.nan)],
            "spend": np.r_[heights + rng.normal(0, noise, n),
                           100 + rng.normal(0, noise, 500)],
        }
    )  # fmt: skip


def test_several_crossings_are_told_and_their_limits_kept_apart():
    paid = np.linspace(0.0, 1.0, 1000)
    waves = find(level_at(paid, 100 - 5 * np.cos(3 * np.pi * paid)))
    assert_allclose(waves.estimate, 1 / 6, atol=0.02)
    assert "meets parity 3 times" in waves.note
    assert "the compatible qualities are" in waves.note
    assert waves.note.count(" to ") == 3
    falls = find(level_at(paid, 105 - 10 * paid))
    assert math.isnan(falls.estimate)
    assert "falls through parity at 0.5" in falls.note
    assert falls.ci_low < 0.5 < falls.ci_high


def test_parity_at_the_ends_of_the_range():
    paid = np.linspace(0.2, 0.9, 200)
    for where in (0.2, 0.9):
        frame = level_at(paid, 100 + 10 * (paid - where), noise=0.0)
        found = find(frame, shape="linear")
        assert_allclose([found.estimate, found.ci_low, found.ci_high], where, rtol=1e-7)
    flat = find(level_at(paid, 100 + 0 * paid))
    assert "not bounded" in flat.note
    with_three = find(
        level_at(np.tile([0.0, 0.5, 1.0], 40), np.tile([90, 96, 101], 40))
    )
    assert 0.5 < with_three.estimate < 1.0
    assert math.isnan(with_three.p_value_fit)


def test_a_step_is_told_to_be_no_smooth_curve():
    paid = np.random.default_rng(13).uniform(0, 1, 3000)
    step = find(level_at(paid, 98.0 + 4.0 * (paid > 0.6), noise=2.0))
    assert step.ci_low < 0.65
    assert "the spline does not fit" in step.note


def test_rows_of_one_customer_are_no_new_customers():
    frame = draw(np.random.default_rng(14)).assign(customer=np.arange(1160))
    once = find(frame, shape="quadratic")
    thrice = find(pd.concat([frame] * 3, ignore_index=True), shape="quadratic")
    for name in ("estimate", "std_error", "ci_low", "ci_high", "slope_low"):
        assert_allclose(getattr(thrice, name), getattr(once, name), rtol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("n_failed", [pytest.param(60, marks=pytest.mark.certify), 300])
def test_coverage_on_the_models_own_curve(n_failed, record_property):
    # A straight line covers half. 1,000 draws: four Monte Carlo errors of 0.7 points, and
    # room above for HC3. An end that is not bounded covers.
    rng = np.random.default_rng(15)
    covered = 0
    for _ in range(1000):
        frame, parity = concave(rng, n_failed)
        found = find(frame)
        low = -math.inf if math.isnan(found.ci_low) else found.ci_low
        high = math.inf if math.isnan(found.ci_high) else found.ci_high
        covered += low <= parity <= high
    record_property("covered of 95 %", float(covered / 1000))
    assert abs(covered / 1000 - 0.955) < 4 * 0.0069


@pytest.mark.slow
def test_coverage_with_few_failed_and_uneven_noise():
    # 60 failed, noise that grows with quality; 500 replications, four Monte Carlo
    # errors of 0.0097. An end that is not bounded covers.
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(500):
        found = find(draw(rng, 60, 300))
        low = -math.inf if math.isnan(found.ci_low) else found.ci_low
        high = math.inf if math.isnan(found.ci_high) else found.ci_high
        covered += low <= 0.8 <= high
    assert abs(covered / 500 - 0.95) < 4 * 0.0097
