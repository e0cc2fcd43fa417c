"""The risk of leaving: Cox fits against R and statsmodels, spells by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from statsmodels.duration.hazard_regression import PHReg

from recovery_research.analysis.cox import fit_cox, tabulate_spells
from recovery_research.analysis.hazards import fit_hazards

REFERENCE = Path(__file__).parents[1] / "reference" / "leaving.csv"


@pytest.fixture(scope="module")
def spells():
    frame = pd.read_csv(REFERENCE, comment="#")
    return frame.assign(left=frame["left"].astype(bool))


@pytest.fixture(scope="module")
def reference():
    lines = [line[2:] for line in REFERENCE.read_text().splitlines() if line[0] == "#"]
    return {name: float(value) for name, value in (line.split(",") for line in lines)}


def test_the_fit_is_that_of_r(spells, reference):
    table = fit_cox(spells, terms=["failed", "x"]).coefficients.set_index("term")
    # Newton steps below 1e-9 on one side, a relative change of 1e-12 on the other.
    for term in ("failed", "x"):
        row = table.loc[term]
        assert_allclose(row["estimate"], reference[term], rtol=1e-7)
        assert_allclose(row["std_error"], reference[f"error_{term}"], rtol=1e-7)
        assert_allclose(row["p_value_proportional"], reference[f"p_{term}"], rtol=1e-6)


def statsmodels_fit(spells, entry):
    return PHReg(
        spells["stop"],
        spells[["failed", "x"]],
        status=spells["left"].astype(int),
        entry=entry,
        ties="efron",
    ).fit()


def test_the_fit_is_that_of_statsmodels(spells):
    # Its risk sets hold spells that open at the very time of an event; opening them a
    # millionth later gives those of R.
    later = spells["start"] + 1e-6 * (spells["start"] > 0)
    theirs = statsmodels_fit(spells, later)
    model = fit_cox(spells, terms=["failed", "x"])
    assert_allclose(model.coefficients["estimate"], theirs.params, rtol=1e-6)
    assert_allclose(model.coefficients["std_error"], theirs.bse, rtol=1e-6)


def test_statsmodels_counts_a_cut_customer_twice_at_ties(spells, reference):
    # If this fails, PHReg has changed its mind and the note in hazards can go.
    theirs = statsmodels_fit(spells, spells["start"])
    assert theirs.params[0] < 0.5 < 0.66 < reference["failed"]


def test_log_likelihood_and_shifts(spells, reference):
    arrays = [spells[name].to_numpy(float) for name in ("start", "stop")]
    values = spells[["failed", "x"]].to_numpy(float)
    fit = fit_hazards(*arrays, spells["left"].to_numpy(), values)
    assert_allclose(fit.log_likelihood, reference["loglik"], rtol=1e-10)
    moved = fit_hazards(*arrays, spells["left"].to_numpy(), 3 * values - 100)
    assert_allclose(moved.coefficient, fit.coefficient / 3, rtol=1e-7)
    assert abs(fit.residual.sum()) < 1e-8


def simulate(rng, n, ratio):
    """Customers who leave between orders at 0.05 a week, times `ratio` once recovered.

    Every second customer's second order is recovered, the others' go well.
    """
    second, failed = rng.exponential(12, n), rng.random(n) < 0.5
    before = rng.exponential(20, n)
    after = second + rng.exponential(20 / np.where(failed, ratio, 1.0))
    leave = np.where(before < second, before, after)
    orders = pd.DataFrame(
        {"customer": np.r_[np.arange(n), np.arange(n)], "week": np.r_[np.zeros(n), second],
         "outcome": np.r_[np.full(n, "no_failure"),
                          np.where(failed, "recovered", "no_failure")]}
    )  # fmt: skip
    orders = orders[np.r_[np.zeros(n), second] <= np.r_[leave, leave]]
    return orders, pd.DataFrame({"customer": np.arange(n), "left_week": leave})


def test_a_known_hazard_ratio_comes_back():
    orders, customers = simulate(np.random.default_rng(2), 4000, 0.6)
    spells = tabulate_spells(orders, customers, end_week=52.0)
    row = fit_cox(spells, terms=["recovered"]).coefficients.iloc[0]
    assert abs(row["estimate"] - np.log(0.6)) < 4 * row["std_error"]
    assert row["std_error"] < 0.05
    assert row["p_value_proportional"] > 0.001


def test_ever_recovered_as_a_fixed_group_is_the_wrong_question():
    # With no effect at all, those who stay longer have more time to be failed: taken
    # as a fixed group the recovered seem to stay; as a state they do not.
    orders, customers = simulate(np.random.default_rng(6), 3000, 1.0)
    spells = tabulate_spells(orders, customers, end_week=52.0)
    state = fit_cox(spells, terms=["recovered"]).coefficients.iloc[0]
    assert abs(state["estimate"]) < 4 * state["std_error"]
    ever = spells.groupby("customer").agg(
        start=("start", "min"), left=("left", "any"), ever=("recovered", "max"),
    ).reset_index()  # fmt: skip
    ever["stop"] = customers["left_week"].clip(upper=52.0)[ever["customer"]].to_numpy()
    fixed = fit_cox(ever, terms=["ever"]).coefficients.iloc[0]
    assert fixed["estimate"] < -0.4


def test_a_hazard_that_is_not_proportional_is_seen():
    rng = np.random.default_rng(5)
    group = np.repeat([0, 1], 400)
    stop = np.where(group == 1, rng.weibull(0.6, 800), rng.weibull(2.0, 800)) * 20
    spells = pd.DataFrame(
        {
            "customer": np.arange(800),
            "start": 0.0,
            "stop": stop,
            "left": True,
            "g": group,
        }
    )
    model = fit_cox(spells, terms=["g"])
    assert model.coefficients["p_value_proportional"].item() < 1e-6
    assert "changes over time" in model.note


def test_refusals(spells):
    with pytest.raises(ValueError, match="nobody was seen to leave"):
        fit_cox(spells.assign(left=False), terms=["failed"])
    with pytest.raises(ValueError, match="'flat' never varies"):
        fit_cox(spells.assign(flat=1.0), terms=["flat"])
    with pytest.raises(ValueError, match="no column 'silent'"):
        fit_cox(spells)
    with pytest.raises(ValueError, match=r"repeat one another|no maximum"):
        fit_cox(spells.assign(twice=2 * spells["x"]), terms=["x", "twice"])


@pytest.mark.certify
def test_coverage_of_the_hazard_ratio(record_property):
    # 150 customers, ratio 0.7; 1,000 replications, four Monte Carlo errors of 0.0069.
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(1000):
        spells = tabulate_spells(*simulate(rng, 150, 0.7), end_week=52.0)
        row = fit_cox(spells, terms=["recovered"]).coefficients.iloc[0]
        covered += row["ci_low"] <= np.log(0.7) <= row["ci_high"]
    record_property("covered of 95 %", float(covered / 1000))
    assert abs(covered / 1000 - 0.95) < 4 * 0.0069


def test_where_all_leave_at_one_moment_proportionality_is_not_tested():
    # A log in which everybody ordered once: who left did so with her first order.
    spells = pd.DataFrame(
        {
            "customer": range(40), "start": 0.0, "stop": [1e-6] * 20 + [9.0] * 20,
            "left": [True] * 20 + [False] * 20, "recovered": [0, 1, 1, 0, 1] * 8,
        }
    )  # fmt: skip
    model = fit_cox(spells, terms=["recovered"])
    assert model.coefficients["estimate"].notna().all()
    assert model.coefficients["p_value_proportional"].isna().all()
    assert "cannot be tested" in model.note


def test_terms_that_repeat_one_another_at_risk_are_refused_and_not_rounded():
    # Nobody who was never failed is at risk when somebody leaves: the three states add
    # up to one, and the information is singular but for rounding.
    rng = np.random.default_rng(6)
    n = 200
    state = rng.integers(0, 3, n)
    spells = pd.DataFrame(
        {"customer": range(n), "start": 10.0, "stop": rng.uniform(11, 99, n)}
    )
    for k, name in enumerate(("silent", "recovered", "not_recovered")):
        spells[name] = (state == k).astype(int)
    never = pd.DataFrame(
        {"customer": range(n, 2 * n), "start": 0.0, "stop": rng.uniform(1, 10, n),
         "silent": 0, "recovered": 0, "not_recovered": 0}
    )  # fmt: skip
    spells = pd.concat([spells, never], ignore_index=True).assign(left=False)
    spells.loc[: n - 1, "left"] = rng.random(n) < 0.8
    with pytest.raises(ValueError, match="repeat one another"):
        fit_cox(spells, terms=["silent", "recovered", "not_recovered"])
