"""Spend in two parts: sums, symmetries, clustered errors against statsmodels."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from numpy.testing import assert_allclose

from recovery_research.analysis.paradox import paradox
from recovery_research.analysis.spending import decompose_spending


@pytest.fixture
def customers():
    rng = np.random.default_rng(9)
    n = 600
    group = rng.choice(["recovered", "no_failure", "silent"], n, p=[0.2, 0.7, 0.1])
    chance = np.where(group == "recovered", 0.55, 0.4)
    branch = rng.integers(0, 45, n)
    amount = rng.gamma(2, 10, n) + 4 * (branch % 3)
    spend = np.where(rng.random(n) < chance, amount, 0.0)
    return pd.DataFrame(
        {"index_outcome": group, "followup_spend": spend, "branch": branch}
    )


def test_parts_add_up_to_the_difference_of_means(customers):
    parts = decompose_spending(customers)
    assert_allclose(parts.from_share + parts.from_amount, parts.estimate)
    whole = paradox(customers, outcome="followup_spend")
    assert_allclose([parts.ci_low, parts.ci_high], [whole.ci_low, whole.ci_high])
    assert_allclose(parts.share_treated * parts.amount_treated, whole.mean_treated)


def test_by_hand():
    frame = pd.DataFrame(
        {
            "index_outcome": ["recovered"] * 5 + ["no_failure"] * 4,
            "followup_spend": [0, 0, 30, 24, 27, 0, 0, 0, 13.0],
        }
    )
    # Shares .6 and .25, amounts 27 and 13: .35 * 20 = 7 and 14 * .425 = 5.95.
    parts = decompose_spending(frame)
    assert_allclose([parts.from_share, parts.from_amount], [7.0, 5.95])
    assert_allclose(parts.estimate, 16.2 - 3.25)
    assert (parts.n_buyers_treated, parts.n_buyers_control) == (3, 1)
    assert math.isnan(parts.amount_ci_low)
    assert "amounts: a group of one customer" in parts.note


def test_swapping_turns_every_sign(customers):
    there = decompose_spending(customers)
    back = decompose_spending(customers, treated="no_failure", control="recovered")
    for name in ("share_difference", "amount_difference", "from_share", "from_amount"):
        assert_allclose(getattr(back, name), -getattr(there, name))
    assert_allclose(back.ci_low, -there.ci_high)


def test_clustered_errors_are_those_of_statsmodels(customers):
    frame = customers[customers["index_outcome"] != "silent"].copy()
    frame["d"] = (frame["index_outcome"] == "recovered").astype(float)
    fit = smf.ols("followup_spend ~ d", frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame["branch"]}, use_t=True
    )
    parts = decompose_spending(customers, clusters="branch")
    assert_allclose(parts.std_error, fit.bse["d"])
    assert_allclose([parts.ci_low, parts.ci_high], fit.conf_int().loc["d"])
    assert parts.n_clusters == 45
    assert parts.std_error != decompose_spending(customers).std_error


def test_each_customer_a_cluster_is_almost_the_plain_error(customers):
    # CR1 with one customer a cluster is HC1: factor n / (n - 2), against n_k / (n_k -
    # 1) in each group for Welch; with 120 and 420 customers that is under 0.5 %.
    alone = customers.assign(branch=np.arange(len(customers)))
    clustered = decompose_spending(alone, clusters="branch").std_error
    assert_allclose(clustered, decompose_spending(customers).std_error, rtol=5e-3)


def test_nobody_buys():
    frame = pd.DataFrame(
        {
            "index_outcome": ["recovered"] * 3 + ["no_failure"] * 4,
            "followup_spend": [0, 0, 0, 5, 7, 0, 12.0],
        }
    )
    parts = decompose_spending(frame)
    assert "nobody among the treated" in parts.note
    assert math.isnan(parts.amount_difference)
    assert_allclose(parts.from_share + parts.from_amount, parts.estimate)
    nobody = decompose_spending(frame.assign(followup_spend=0.0))
    assert nobody.estimate == 0.0
    assert "treated and control" in nobody.note
    assert "without variation" in nobody.note


def test_refusals(customers):
    with pytest.raises(ValueError, match="negative somewhere"):
        decompose_spending(customers.assign(followup_spend=-1.0))
    with pytest.raises(ValueError, match="unknown for a whole group"):
        decompose_spending(customers.assign(followup_spend=np.nan))
    with pytest.raises(ValueError, match="no column 'shop'"):
        decompose_spending(customers, clusters="shop")
    with pytest.raises(ValueError, match="2 clusters"):
        decompose_spending(
            customers.assign(branch=customers["branch"] % 2), clusters="branch"
        )
    hole = customers.assign(branch=customers["branch"].astype("Float64"))
    hole.loc[hole.index[:600], "branch"] = pd.NA
    with pytest.raises(ValueError, match="customers have no 'branch'"):
        decompose_spending(hole, clusters="branch")
    few = customers.assign(branch=customers["branch"] % 7)
    assert "only 7 clusters" in decompose_spending(few, clusters="branch").note
