"""The parity point: Fieller by hand, statsmodels, unbounded cases, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analyses.thresholds import find_parity, fit_gap


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


def test_limits_are_fiellers():
    frame = draw(np.random.default_rng(1))
    found = find(frame)
    failed = frame[frame["paid"].notna()]
    fit = sm.OLS(failed["spend"], sm.add_constant(failed["paid"])).fit(cov_type="HC1")
    never = frame.loc[frame["paid"].isna(), "spend"]
    a, b = fit.params
    cov = fit.cov_params().to_numpy()
    v = cov[0, 0] + never.var() / len(never)
    assert_allclose(found.estimate, (never.mean() - a) / b, rtol=1e-8)
    t = stats.t.ppf(0.975, len(failed) - 2)
    # (a - m + b q)^2 = t^2 (v + 2 q c + q^2 w), a quadratic in q.
    gap = a - never.mean()
    roots = np.roots(
        [
            b**2 - t**2 * cov[1, 1],
            2 * (gap * b - t**2 * cov[0, 1]),
            gap**2 - t**2 * v,
        ]
    )
    assert_allclose([found.ci_low, found.ci_high], sorted(roots), rtol=1e-8)
    assert_allclose(found.slope, b)
    wide = stats.t.ppf(0.975, len(failed) - 2) * math.sqrt(cov[1, 1])
    assert_allclose([found.slope_low, found.slope_high], [b - wide, b + wide])
    assert (found.n_treated, found.n_control, found.n_missing) == (260, 900, 0)


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


def test_hc1_is_that_of_statsmodels():
    rng = np.random.default_rng(6)
    x, y = rng.uniform(0, 2, 50), rng.normal(0, 1, 50)
    curve = fit_gap(x, y, np.array([0.1, 0.4, 0.2]), degree=2)
    design = (x - x.mean())[:, None] ** np.arange(3)
    fit = sm.OLS(y, design).fit(cov_type="HC1")
    assert_allclose(curve.covariance, fit.cov_params(), rtol=1e-8)


@pytest.mark.slow
def test_coverage_with_few_failed_and_uneven_noise():
    # 60 failed, noise that grows with quality; 2,000 replications, four Monte Carlo
    # errors of 0.0049. An end that is not bounded covers.
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(2000):
        found = find(draw(rng, 60, 300))
        low = -math.inf if math.isnan(found.ci_low) else found.ci_low
        high = math.inf if math.isnan(found.ci_high) else found.ci_high
        covered += low <= 0.8 <= high
    assert abs(covered / 2000 - 0.95) < 4 * 0.0049
