"""Mediation: statsmodels, regressions, a correlation of errors that is known."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.mediation import Mediation as StatsmodelsMediation

from recovery_research.analysis import mediation
from recovery_research.analysis.least_squares import fit_least_squares
from recovery_research.analysis.mediation import (
    LEVELS,
    mediate,
    multiply_laws,
    quantiles,
)
from recovery_research.analysis.verdicts import StudentCurve


def draw(rng, n, *, first=0.6, second=5.0, direct=-3.0, correlation=0.0):
    tenure = rng.normal(0, 1, n)
    recovered = (rng.random(n) < 1 / (1 + np.exp(1.1 - 0.6 * tenure))).astype(float)
    noise = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], n)
    content = 4 + first * recovered + 0.3 * tenure + 1.2 * noise[:, 0]
    spend = 40 + direct * recovered + second * content + 2 * tenure + 7 * noise[:, 1]
    return pd.DataFrame(
        {
            "index_outcome": np.where(recovered == 1, "recovered", "no_failure"),
            "tenure": tenure,
            "satisfaction_after": content,
            "spend": spend,
        }
    )


def ask(frame, **options):
    return mediate(frame, outcome="spend", covariates=["tenure"], **options)


def test_parts_are_those_of_two_regressions():
    frame = draw(np.random.default_rng(1), 300)
    found = ask(frame)
    group = (frame["index_outcome"] == "recovered").astype(float)
    base = sm.add_constant(frame[["tenure"]].assign(d=group))
    first = sm.OLS(frame["satisfaction_after"], base).fit()
    full = sm.OLS(frame["spend"], base.assign(m=frame["satisfaction_after"])).fit()
    total = sm.OLS(frame["spend"], base).fit(cov_type="HC3")
    rest = sm.OLS(frame["spend"], base.assign(m=frame["satisfaction_after"])).fit(
        cov_type="HC3"
    )
    assert_allclose(found.effect_on_mediator, first.params["d"])
    assert_allclose(found.effect_of_mediator, full.params["m"])
    assert_allclose(found.direct, full.params["d"])
    assert_allclose(found.total, found.direct + found.estimate)
    # HC3 in both, and the t law of some 70 recovered customers at the least.
    for low, high, fit in (
        (found.total_low, found.total_high, total),
        (found.direct_low, found.direct_high, rest),
    ):
        reach = (high - low) / 2.0 / fit.bse["d"]
        assert 1.96 < reach < 2.0
        assert_allclose((high + low) / 2.0, fit.params["d"])


@pytest.mark.slow
def test_errors_are_those_of_the_jackknife_all_along_the_curve(monkeypatch):
    monkeypatch.setattr(mediation, "CORRELATIONS", (-0.6, 0.0, 0.5))
    # Leaving out each of 220 customers knows nothing of influence functions; the two
    # differ by a term of order (number of coefficients) / n, some 3 %.
    frame = draw(np.random.default_rng(10), 220)
    found = ask(frame)
    left_out = [ask(frame.drop(index=i)) for i in frame.index]
    names = [0.0, -0.6, 0.5]
    curves = np.array(
        [f.curve.set_index("correlation").loc[names, "estimate"] for f in left_out]
    )
    jackknife = np.sqrt(219 / 220 * ((curves - curves.mean(axis=0)) ** 2).sum(axis=0))
    curve = found.curve.set_index("correlation").loc[names]
    ours = (curve["ci_high"] - curve["ci_low"]) / 2 / 1.959964
    assert_allclose(ours, jackknife, rtol=0.04)
    assert_allclose(jackknife[0], found.std_error, rtol=0.04)


@pytest.mark.slow
def test_statsmodels_agrees_but_for_the_noise_it_adds():
    # It draws each customer's mediator twice, with and without recovery, with fresh
    # noise each time: that adds 2 (b s2)^2 / n to the variance of the effect, 36 % here.
    # 400 draws: the mean has a Monte Carlo error of 1/20 of the standard error, the
    # width (of its 2.5 % and 97.5 % quantiles) about 6 %.
    frame = draw(np.random.default_rng(2), 300)
    data = frame.assign(d=(frame["index_outcome"] == "recovered").astype(float))
    theirs = StatsmodelsMediation(
        sm.OLS.from_formula("spend ~ d + tenure + satisfaction_after", data),
        sm.OLS.from_formula("satisfaction_after ~ d + tenure", data),
        "d",
        "satisfaction_after",
    ).fit(n_rep=400, rng=np.random.default_rng(3))
    row = theirs.summary().loc["ACME (average)"]
    found = ask(frame)
    assert abs(found.estimate - row["Estimate"]) < 0.2 * found.std_error
    noise = found.effect_of_mediator * 1.2 * np.sqrt(2 / 300)
    wide = 2 * 1.96 * np.hypot(found.std_error, noise)
    assert_allclose(row["Upper CI bound"] - row["Lower CI bound"], wide, rtol=0.12)
    assert wide > 1.1 * (found.ci_high - found.ci_low)


def test_the_curve_gives_the_truth_at_the_true_correlation():
    frame = draw(np.random.default_rng(4), 40_000, correlation=0.4)
    found = ask(frame)
    curve = found.curve.set_index("correlation")
    row = curve.loc[0.4]
    assert row["ci_low"] < 0.6 * 5.0 < row["ci_high"]
    assert found.ci_low > 3.2
    assert_allclose(curve.loc[0.0, "estimate"], found.estimate)
    assert curve["estimate"].is_monotonic_decreasing


def test_at_its_own_correlation_nothing_is_left():
    frame = draw(np.random.default_rng(5), 500)
    found = ask(frame)
    curve = found.curve.set_index("correlation")["estimate"]
    above = curve[curve.index > found.correlation_at_zero]
    below = curve[curve.index < found.correlation_at_zero]
    assert above.max() < 0 < below.min()


def test_units_and_missing():
    frame = draw(np.random.default_rng(6), 200)
    found = ask(frame)
    moved = ask(
        frame.assign(
            spend=3 * frame["spend"] - 9,
            satisfaction_after=10 * frame["satisfaction_after"] + 2,
        )
    )
    for name in ("estimate", "std_error", "direct", "total_high"):
        assert_allclose(getattr(moved, name), 3 * getattr(found, name))
    holes = frame.copy()
    holes.loc[[0, 1], "spend"] = np.nan
    holes.loc[[1, 2], "satisfaction_after"] = np.nan
    assert ask(holes).n_missing == 3
    assert_allclose(ask(holes).estimate, ask(frame.drop(index=[0, 1, 2])).estimate)


def test_without_covariates_and_refusals():
    frame = draw(np.random.default_rng(7), 200)
    assert mediate(frame, outcome="spend").covariates == ""
    with pytest.raises(ValueError, match="both 'spend'"):
        mediate(frame, outcome="spend", mediator="spend")
    with pytest.raises(ValueError, match="mediator and covariate at once"):
        ask(frame, mediator="tenure")
    flat = frame.assign(satisfaction_after=frame["index_outcome"] == "recovered")
    with pytest.raises(ValueError, match="does not vary within the groups"):
        ask(flat)
    weak = ask(draw(np.random.default_rng(8), 120, first=0.0))
    assert "may be nothing" in weak.note
    assert "nothing to do with" in weak.assumption


def test_the_errors_are_hc3_and_customers_rows_are_left_out_together():
    # HC3 by another package; a customer of several rows against leaving it out.
    rng = np.random.default_rng(21)
    design = np.column_stack(
        [np.ones(40), rng.exponential(1, 40), rng.normal(0, 1, 40)]
    )
    outcome = rng.normal(0, 1, 40) * (1 + design[:, 1])
    fit = fit_least_squares(design, outcome)
    theirs = sm.OLS(outcome, design).fit(cov_type="HC3")
    assert_allclose(fit.covariance, theirs.cov_params(), rtol=1e-9)
    clusters = np.sort(rng.integers(0, 12, 40))
    clusters = np.unique(clusters, return_inverse=True)[1]
    grouped = fit_least_squares(design, outcome, clusters)
    for each in range(clusters.max() + 1):
        kept = clusters != each
        without = np.linalg.lstsq(design[kept], outcome[kept], rcond=None)[0]
        assert_allclose(grouped.influence[each], grouped.beta - without, atol=1e-10)


def test_rows_of_one_customer_are_no_new_customers():
    frame = draw(np.random.default_rng(22), 120).assign(customer=np.arange(120))
    once, thrice = ask(frame), ask(pd.concat([frame] * 3, ignore_index=True))
    for name in ("total", "direct", "estimate"):
        assert_allclose(getattr(thrice, name), getattr(once, name))
    for name in ("std_error", "total_low", "direct_high", "ci_low"):
        assert_allclose(getattr(thrice, name), getattr(once, name), rtol=0.02)


def test_the_law_of_a_product_is_that_of_integration():
    first, second = StudentCurve(0.6, 0.3, 9.0), StudentCurve(5.0, 2.0, 30.0)
    law = multiply_laws(quantiles(first, LEVELS), second, 0.0)
    for value in (-1.0, 0.0, 2.0, 6.0):
        a = np.linspace(-12, 12, 400_001)
        a = a[a != 0.0]
        density = stats.t.pdf((a - 0.6) / 0.3, 9) / 0.3
        below = stats.t.cdf((value / a - 5.0) / 2.0, 30)
        share = np.where(a > 0, below, 1 - below) @ density * (a[1] - a[0])
        assert np.interp(value, law.value, law.level) == pytest.approx(share, abs=0.004)
    # Common luck of the two steps makes the product more skewed to the right.
    alike = multiply_laws(quantiles(first, LEVELS), second, 0.8)
    assert alike.value[-500:].min() > law.value[-500:].min()


def test_corners_end_in_words_not_in_divisions_by_zero():
    rng = np.random.default_rng(23)
    small = pd.DataFrame(
        {
            "index_outcome": ["recovered"] * 2 + ["no_failure"] * 2,
            "satisfaction_after": [3.0, 5.0, 2.0, 4.0],
            "spend": [10.0, 12.0, 9.0, 8.0],
            "tenure": [1.0, 2.0, 3.0, 5.0],
        }
    )
    tiny = mediate(small, outcome="spend")
    assert (tiny.n_treated, tiny.n_control) == (2, 2)
    assert_allclose(tiny.total, 2.5)
    with pytest.raises(ValueError, match="4 customers for 4 coefficients"):
        mediate(small, outcome="spend", covariates=["tenure"])
    frame = draw(rng, 60)
    still = ask(frame.assign(spend=7.0))
    assert (still.total, still.estimate) == (0.0, 0.0)
    assert np.isnan([still.total_low, still.direct_low, still.ci_low]).all()
    assert "nothing varies" in still.note
    exact = ask(frame.assign(spend=2.0 * frame["satisfaction_after"]))
    assert exact.ci_low < exact.estimate < exact.ci_high
    assert np.isnan(exact.direct_low)
    with pytest.raises(ValueError, match="does not vary within the groups"):
        ask(frame.assign(satisfaction_after=0.1))


@pytest.mark.slow
@pytest.mark.parametrize("n_treated", [10, 40])
def test_coverage_of_total_and_direct_in_small_groups(n_treated, monkeypatch):
    monkeypatch.setattr(mediation, "CORRELATIONS", (0.0,))
    # Normal limits covered 81 % (10 and 10). 300 draws: four errors of 1.3 points; from
    # above there is room for HC3's care.
    rng = np.random.default_rng(24)
    covered = np.zeros(3)
    treated = np.arange(2 * n_treated) < n_treated
    for _ in range(300):
        content = 4.0 + 0.6 * treated + rng.normal(0, 1, treated.size)
        frame = pd.DataFrame(
            {
                "index_outcome": np.where(treated, "recovered", "no_failure"),
                "satisfaction_after": content,
                "spend": 3.0 * content - treated + rng.normal(0, 5, treated.size),
            }
        )
        found = mediate(frame, outcome="spend")
        covered += [
            found.total_low <= 0.8 <= found.total_high,
            found.direct_low <= -1.0 <= found.direct_high,
            found.ci_low <= 1.8 <= found.ci_high,
        ]
    assert (np.abs(covered / 300 - 0.955) < 4 * 0.0126).all()


@pytest.mark.slow
def test_coverage_of_the_indirect_effect(monkeypatch):
    # 250 customers; 500 replications, four Monte Carlo errors of 0.0097.
    monkeypatch.setattr(mediation, "CORRELATIONS", (0.0,))
    rng = np.random.default_rng(9)
    covered = sum(
        found.ci_low <= 3.0 <= found.ci_high
        for found in (ask(draw(rng, 250)) for _ in range(500))
    )
    assert abs(covered / 500 - 0.95) < 4 * 0.0097
