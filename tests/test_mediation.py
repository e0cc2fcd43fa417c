"""Mediation: statsmodels, regressions, a correlation of errors that is known."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from statsmodels.stats.mediation import Mediation as StatsmodelsMediation

from recovery_research.analyses.mediation import mediate


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
    total = sm.OLS(frame["spend"], base).fit(cov_type="HC1")
    assert_allclose(found.effect_on_mediator, first.params["d"])
    assert_allclose(found.effect_of_mediator, full.params["m"])
    assert_allclose(found.direct, full.params["d"])
    assert_allclose(found.total, found.direct + found.estimate)
    assert_allclose([found.total_low, found.total_high], total.conf_int().loc["d"])


def test_errors_are_those_of_the_jackknife_all_along_the_curve():
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
    assert_allclose(ours.iloc[0], found.std_error, rtol=1e-6)


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


@pytest.mark.slow
def test_coverage_of_the_indirect_effect():
    # 250 customers; 1,000 replications, four Monte Carlo errors of 0.0069.
    rng = np.random.default_rng(9)
    covered = sum(
        found.ci_low <= 3.0 <= found.ci_high
        for found in (ask(draw(rng, 250)) for _ in range(1000))
    )
    assert abs(covered / 1000 - 0.95) < 4 * 0.0069
