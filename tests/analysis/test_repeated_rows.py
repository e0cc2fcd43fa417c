"""Several rows of one customer: clustered errors, against statsmodels and pairs."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from numpy.testing import assert_allclose

import recovery_research as rr
from recovery_research.analysis.contrasts import compare
from recovery_research.analysis.groups import TwoGroups, gather_rows
from recovery_research.analysis.policy_effects import paired_difference


def draw(rng, customers, rows, *, failed=0.3):
    """Rows of customers whose habit is most of the spread; nothing has an effect."""
    ids = np.repeat(np.arange(customers), rows)
    group = np.where(rng.random(customers) < failed, "recovered", "no_failure")[ids]
    habit = rng.lognormal(3.0, 0.6, customers)
    return pd.DataFrame(
        {
            "customer": ids,
            "index_outcome": group,
            "spend": habit[ids] + rng.normal(0, 3, ids.size),
            "stayed": rng.random(ids.size) < np.clip(habit[ids] / 40, 0.05, 0.95),
        }
    )


@pytest.fixture
def table():
    return draw(np.random.default_rng(1), 120, np.tile([1, 2, 5], 40))


def test_errors_are_those_of_statsmodels(table):
    # Ours has the factor G / (G - 1) in each group; statsmodels one for all, left out.
    treated = (table["index_outcome"] == "recovered").astype(float)
    fit = smf.ols("spend ~ d", table.assign(d=treated)).fit(
        cov_type="cluster",
        cov_kwds={"groups": table["customer"], "use_correction": False},
    )
    found = rr.paradox(table, outcome="spend", method="welch")
    own = gather_rows(
        TwoGroups(
            *(table.loc[treated == k, "spend"].to_numpy() for k in (1.0, 0.0)), 0,
            *(table.loc[treated == k, "customer"].to_numpy() for k in (1.0, 0.0)),
        )
    )  # fmt: skip
    sizes = own.treated.size, own.control.size
    parts = [v.var() / v.size for v in (own.treated, own.control)]
    assert_allclose(math.sqrt(sum(parts)), fit.bse["d"], rtol=1e-10)
    corrected = sum(p * g / (g - 1) for p, g in zip(parts, sizes, strict=True))
    assert_allclose(found.std_error, math.sqrt(corrected), rtol=1e-10)
    assert_allclose(found.estimate, fit.params["d"])
    assert f"{len(table)} rows of 120 customers" in found.note
    assert found.n_treated + found.n_control == len(table)
    blind = rr.paradox(table.drop(columns="customer"), outcome="spend", method="welch")
    assert found.std_error > 1.2 * blind.std_error


@pytest.mark.parametrize("outcome", ["spend", "stayed"])
@pytest.mark.parametrize("method", ["auto", "welch"])
def test_every_row_twice_says_no_more_than_once(outcome, method):
    once = draw(np.random.default_rng(2), 90, np.ones(90, int))
    twice = pd.concat([once, once], ignore_index=True)
    a, b = (rr.paradox(t, outcome=outcome, method=method) for t in (once, twice))
    assert_allclose([b.ci_low, b.ci_high], [a.ci_low, a.ci_high], rtol=1e-9)
    assert b.n_treated == 2 * a.n_treated
    assert a.note == "" or "rows of" not in a.note
    blind = rr.paradox(twice.drop(columns="customer"), outcome=outcome, method=method)
    assert blind.ci_high - blind.ci_low < 0.9 * (a.ci_high - a.ci_low)


def test_customers_in_both_groups_are_pairs():
    rng = np.random.default_rng(3)
    habit = rng.normal(50, 20, 40)
    treated, control = habit + rng.normal(2, 3, 40), habit + rng.normal(0, 3, 40)
    ids = np.arange(40)
    groups = TwoGroups(treated, control, 0, ids, ids)
    found = compare(groups, method="welch", confidence=0.95)
    pairs = paired_difference(treated, control)
    assert_allclose(found.std_error, pairs.std_error, rtol=1e-9)
    assert "40 of whom stand in both groups" in found.note
    with pytest.raises(ValueError, match="40 customers stand in both groups"):
        compare(groups, method="bca", confidence=0.95)
    alike = compare(
        TwoGroups(habit + 1, habit, 0, ids, ids), method="auto", confidence=0.95
    )
    assert math.isnan(alike.ci_low)
    assert "no interval" in alike.note


def test_other_analyses_cluster_too(table):
    ratio = rr.paradox_ratio(table, outcome="spend")
    blind = rr.paradox_ratio(table.drop(columns="customer"), outcome="spend")
    assert ratio.estimate == pytest.approx(blind.estimate)
    assert ratio.ci_high - ratio.ci_low > 1.2 * (blind.ci_high - blind.ci_low)
    assert "rows of 120 customers" in ratio.note
    spend = table.assign(followup_spend=table["spend"].clip(lower=20) - 20)
    parts = rr.decompose_spending(spend)
    alone = rr.decompose_spending(spend.drop(columns="customer"))
    assert parts.n_clusters == 120
    assert alone.n_clusters == 0
    for name in ("ci", "share_ci", "amount_ci"):
        width = [
            getattr(p, f"{name}_high") - getattr(p, f"{name}_low")
            for p in (parts, alone)
        ]
        assert width[0] > width[1]


def test_policies_of_different_people_with_several_rows():
    frame = draw(np.random.default_rng(4), 60, np.full(60, 3))
    frame["policy"] = np.where(frame["index_outcome"] == "recovered", "a", "b")
    # The same numbers under both policies are different people, if not paired.
    frame["customer"] %= 25
    options = {"outcome": "spend", "treated": "a", "control": "b", "paired": False}
    found = rr.policy_contrast(frame, **options)
    blind = rr.policy_contrast(frame.drop(columns="customer"), **options)
    assert found.std_error > 1.1 * blind.std_error
    assert "errors are by customer" in found.note
    assert "both groups" not in found.note


def test_blank_ids_and_unknown_outcomes(table):
    known = table.assign(spend=table["spend"].where(~table.duplicated("customer")))
    # Each customer's other rows are unknown: nobody has two left.
    found = rr.paradox(known, outcome="spend")
    assert "rows of" not in found.note
    blank = table.assign(customer=table["customer"].where(table["customer"] < 3))
    assert (
        f"rows of {len(table) - 5} customers" in rr.paradox(blank, outcome="spend").note
    )


@pytest.mark.slow
@pytest.mark.parametrize("outcome", ["spend", "stayed"])
def test_coverage_with_five_rows_each(outcome):
    # 700 samples: the Monte Carlo error of 95 % is 0.8 points, three are allowed below
    # (blind to customers the interval covers less than 75 %).
    rng = np.random.default_rng(5)
    covered = sum(
        found.ci_low <= 0.0 <= found.ci_high
        for found in (
            rr.paradox(draw(rng, 150, np.full(150, 5)), outcome=outcome)
            for _ in range(700)
        )
    )
    assert covered / 700 > 0.95 - 0.025
