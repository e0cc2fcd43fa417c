"""Sensitivity: confounders built to be exactly as strong as the value says."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import optimize, stats

from recovery_research.analysis.sensitivity import (
    check_placebo,
    e_value,
    probe_confounding,
    robustness_value,
)
from recovery_research.analysis.worst_cases import bound_worst_case


def draw(n=220, seed=3, effect=4.0):
    rng = np.random.default_rng(seed)
    tenure = rng.normal(0, 1, n)
    age = rng.normal(40, 9, n)
    recovered = rng.random(n) < 1 / (1 + np.exp(1.2 - 0.9 * tenure))
    spend = 30 + 5 * tenure + 0.1 * age + effect * recovered + rng.normal(0, 7, n)
    return pd.DataFrame(
        {
            "index_outcome": np.where(recovered, "recovered", "no_failure"),
            "tenure": tenure,
            "age": age,
            "spend": spend,
            "spend_before": 20 + 3 * tenure + rng.normal(0, 4, n),
        }
    )


def with_confounder(frame, strength, of_outcome=None, seed=0):
    """Refit with something that explains so much of treatment and outcome."""
    of_outcome = strength if of_outcome is None else of_outcome
    group = (frame["index_outcome"] == "recovered").to_numpy(float)
    design = np.column_stack([np.ones(len(frame)), frame[["tenure", "age"]]])
    unit = lambda v: v / np.linalg.norm(v)  # noqa: E731
    clean = lambda v, x: v - x @ np.linalg.lstsq(x, v, rcond=None)[0]  # noqa: E731
    d = unit(clean(group, design))
    e = unit(clean(frame["spend"].to_numpy(), np.column_stack([design, group])))
    noise = np.random.default_rng(seed).normal(size=len(frame))
    basis = np.column_stack([design, group, e])
    rest = unit(clean(noise, basis))
    z = math.sqrt(of_outcome) * e + math.sqrt(1 - of_outcome) * rest
    z = z + math.sqrt(strength / (1 - strength)) * d
    return sm.OLS(frame["spend"], np.column_stack([group, design, z])).fit()


def test_a_confounder_of_that_strength_takes_the_estimate_to_zero():
    frame = draw()
    probe = probe_confounding(frame, outcome="spend", covariates=["tenure", "age"])
    fit = with_confounder(frame, probe.robustness_value)
    assert abs(fit.params.iloc[0]) < 1e-9
    assert with_confounder(frame, 0.9 * probe.robustness_value).params.iloc[0] > 0.2


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_and_one_of_the_other_strength_takes_the_limit_to_zero(confidence):
    frame = draw()
    probe = probe_confounding(
        frame, outcome="spend", covariates=["tenure", "age"], confidence=confidence
    )
    fit = with_confounder(frame, probe.robustness_value_ci)
    limits = fit.conf_int(1 - confidence).loc[fit.params.index[0]]
    assert abs(limits.iloc[0]) < 1e-8
    assert limits.iloc[1] > 1


def test_the_regression_is_that_of_statsmodels():
    frame = draw()
    probe = probe_confounding(frame, outcome="spend", covariates=["tenure", "age"])
    group = (frame["index_outcome"] == "recovered").astype(float)
    fit = sm.OLS(
        frame["spend"], sm.add_constant(frame[["tenure", "age"]].assign(d=group))
    ).fit()
    assert_allclose(probe.estimate, fit.params["d"])
    assert_allclose(probe.std_error, fit.bse["d"])
    assert_allclose([probe.ci_low, probe.ci_high], fit.conf_int().loc["d"])
    t = fit.tvalues["d"]
    assert_allclose(probe.partial_r2, t**2 / (t**2 + fit.df_resid))
    assert probe.strongest_covariate == "tenure"
    t = fit.tvalues["tenure"]
    assert_allclose(probe.strongest_r2_outcome, t**2 / (t**2 + fit.df_resid))


def test_robustness_value_by_hand_and_at_its_ends():
    assert_allclose(robustness_value(2.0, 100), (math.sqrt(0.0016 + 0.16) - 0.04) / 2)
    assert robustness_value(0.0, 50) == 0.0
    assert robustness_value(1.9, 100, confidence=0.95) == 0.0
    assert robustness_value(-5.0, 100) == robustness_value(5.0, 100)
    values = [robustness_value(t, 9, confidence=0.95) for t in (3, 5, 8, 20, 400)]
    assert values == sorted(values)
    assert values[-1] < 1.0


@pytest.mark.parametrize("freedom", [2, 9, 1_000_000])
@pytest.mark.parametrize("t", [1e-160, 1e-12, 0.3, 20.0, 1e4, 1e8, 1e10, 1e150])
def test_robustness_value_is_the_closed_form_however_large_t(t, freedom):
    # With so many digits nothing is lost where the formula subtracts.
    with localcontext(prec=1000):
        square = Decimal(t) ** 2 / freedom
        exact = float(((square**2 + 4 * square).sqrt() - square) / 2)
    # Six operations, each of them right to half a unit in the last place, 1.1e-16.
    assert_allclose(robustness_value(t, freedom), exact, rtol=7e-16)


def hardest(f, c, strength):
    """Return the largest f that a confounder of no more than so much undoes."""
    harm = lambda y: math.sqrt(y * strength) + c * math.sqrt(1 - y)  # noqa: E731
    found = optimize.minimize_scalar(
        lambda y: -harm(y), bounds=(0.0, strength), options={"xatol": 1e-12}
    )
    return max(-found.fun, harm(strength)) / math.sqrt(1 - strength)


@pytest.mark.parametrize("t", [2.5, 3.6, 3.8, 12.0, 60.0])
def test_no_confounder_of_less_than_the_value_can_do_it(t):
    # With 9 degrees of freedom the two cases meet at f c = 1, that is t = 3.68.
    c = stats.t.ppf(0.975, 8) / math.sqrt(8)
    value = robustness_value(t, 9, confidence=0.95)
    # Near the maximum harm is flat: xatol 1e-12 leaves far less than this.
    assert_allclose(hardest(t / 3, c, value), t / 3, rtol=1e-9)
    assert hardest(t / 3, c, 0.98 * value) < t / 3 * (1 - 1e-4)


def test_a_small_clear_study_is_undone_by_explaining_less_of_the_outcome():
    frame = draw(n=13, seed=5, effect=150.0)
    probe = probe_confounding(frame, outcome="spend", covariates=["tenure", "age"])
    c = stats.t.ppf(0.975, 8) / math.sqrt(8)
    assert c * probe.estimate / probe.std_error / 3 > 1
    value = probe.robustness_value_ci
    nearer = with_confounder(frame, value, value / (c**2 + value))
    limits = nearer.conf_int().loc[nearer.params.index[0]]
    assert abs(limits.iloc[0]) < 1e-8 * limits.iloc[1]
    same = with_confounder(frame, value)
    assert same.conf_int().loc[same.params.index[0]].iloc[0] > 1


def test_e_values():
    # 3.9 gives 7.26 (VanderWeele and Ding's first example), and so does its inverse.
    assert e_value(3.9) == pytest.approx(7.263, abs=5e-4)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value(1.0) == 1.0
    with pytest.raises(ValueError, match="above 0"):
        e_value(0.0)


def test_e_value_of_a_mean_difference():
    frame = draw(n=400)
    probe = probe_confounding(frame, outcome="spend", covariates=["tenure", "age"])
    groups = [g["spend"] for _, g in frame.groupby("index_outcome")]
    spread = math.sqrt(sum((len(g) - 1) * g.var() for g in groups) / (len(frame) - 2))
    d, se = probe.estimate / spread, probe.std_error / spread
    assert_allclose(probe.e_value, e_value(math.exp(0.91 * d)))
    t = stats.t.ppf(0.975, len(frame) - 4)
    assert_allclose(probe.e_value_ci, e_value(math.exp(0.91 * (d - t * se))))
    # The authors round 0.91 times 1.96 to 1.78.
    assert_allclose(
        probe.e_value_ci, e_value(math.exp(0.91 * d - 1.78 * se)), rtol=0.01
    )


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.999, 0.999999])
def test_the_e_value_of_the_limit_is_one_where_the_interval_holds_zero(confidence):
    # The limit was once the one of 95 % whatever the level.
    probe = probe_confounding(
        draw(n=200, effect=1.2), outcome="spend", covariates=["tenure"],
        confidence=confidence,
    )  # fmt: skip
    holds = probe.ci_low <= 0.0 <= probe.ci_high
    assert holds == (probe.e_value_ci == 1.0) == (probe.robustness_value_ci == 0.0)


def test_e_value_of_shares_and_when_the_interval_holds_zero():
    rng = np.random.default_rng(8)
    frame = draw(n=900)
    chance = np.where(frame["index_outcome"] == "recovered", 0.9, 0.6)
    frame["stayed"] = rng.random(900) < chance
    probe = probe_confounding(frame, outcome="stayed", covariates=["tenure"])
    assert probe.e_value == pytest.approx(e_value(0.9 / 0.6), abs=0.25)
    assert 1 < probe.e_value_ci < probe.e_value
    none = probe_confounding(draw(effect=0.0), outcome="spend", covariates=["tenure"])
    assert none.e_value_ci == 1.0
    assert none.robustness_value_ci == 0.0


def test_placebo_sees_selection_only_without_the_covariate():
    frame = draw(n=900)
    passed = check_placebo(frame, before="spend_before", covariates=["tenure"])
    assert passed["passed"].item()
    assert "verdict" not in passed
    failed = check_placebo(frame, before="spend_before", covariates=["age"])
    assert not failed["passed"].item()
    with pytest.raises(ValueError, match="hold the outcome"):
        check_placebo(frame, before="tenure", covariates=["tenure"])


def test_worst_cases_by_hand():
    frame = pd.DataFrame(
        {
            "index_outcome": ["recovered"] * 5 + ["no_failure"] * 4,
            "stayed": pd.array(
                [True, None, None, False, True, True, None, False, False], "boolean"
            ),
        }
    )
    found = bound_worst_case(frame, outcome="stayed", lowest=0, highest=1)
    # Recovered 2/5 to 4/5, never failed 1/4 to 2/4.
    assert_allclose(found.bound_low, 2 / 5 - 2 / 4)
    assert_allclose(found.bound_high, 4 / 5 - 1 / 4)
    assert (found.n_missing_treated, found.n_missing_control) == (2, 1)
    assert (found.n_treated, found.n_control) == (5, 4)
    assert found.ci_low < found.bound_low < found.bound_high < found.ci_high
    with pytest.raises(ValueError, match=r"known ones lie in 0.0 .. 1.0"):
        bound_worst_case(frame, outcome="stayed", lowest=0.2, highest=1)


def test_nothing_unknown_makes_the_bounds_meet():
    frame = draw()
    found = bound_worst_case(frame, outcome="spend", lowest=-100, highest=200)
    assert found.bound_low == found.bound_high
    frame["spend"] = np.nan
    nothing = bound_worst_case(frame, outcome="spend", lowest=1, highest=2.5)
    assert (nothing.bound_low, nothing.bound_high) == (-1.5, 1.5)


def test_refusals():
    frame = draw()
    frame["same"] = frame["tenure"] * 2
    with pytest.raises(ValueError, match="follows exactly"):
        probe_confounding(frame, outcome="same", covariates=["tenure"])
    frame["d"] = (frame["index_outcome"] == "recovered").astype(int)
    with pytest.raises(ValueError, match="leave nothing"):
        probe_confounding(frame, outcome="spend", covariates=["d"])
