"""Policies against each other: pairing by customer, and refusing to."""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analysis.policy_effects import policy_contrast, policy_contrasts


@pytest.fixture
def customers():
    rng = np.random.default_rng(4)
    n = 37
    luck = rng.normal(50, 20, n)
    group = rng.choice(["no_failure", "silent", "recovered"], n, p=[0.6, 0.1, 0.3])
    frames = [
        pd.DataFrame(
            {
                "policy": name,
                "customer": np.arange(n),
                "index_outcome": group,
                "spend": luck + lift + rng.normal(0, 2, n),
                "stayed": rng.random(n) < 0.7,
            }
        )
        for name, lift in (("refund", 3.0), ("none", 0.0), ("gift", 5.0))
    ]
    return pd.concat(frames, ignore_index=True).sample(frac=1, random_state=2)


def values(customers, policy, column="spend"):
    rows = customers[customers["policy"] == policy]
    return rows.sort_values("customer")[column].to_numpy(float)


def contrast(customers, **options):
    given = {"outcome": "spend", "treated": "refund", "control": "none", **options}
    return policy_contrast(customers, **given)


def test_pairs_follow_the_customer_not_the_row(customers):
    found = contrast(customers, paired=True)
    a, b = values(customers, "refund"), values(customers, "none")
    theirs = stats.ttest_rel(a, b).confidence_interval()
    assert_allclose([found.ci_low, found.ci_high], [theirs.low, theirs.high])
    assert_allclose(found.correlation, np.corrcoef(a, b)[0, 1])
    assert (found.n_treated, found.n_control, found.method) == (37, 37, "paired_t")
    wide = contrast(customers, paired=False)
    assert wide.estimate == pytest.approx(found.estimate)
    assert wide.std_error > 5 * found.std_error
    assert math.isnan(wide.correlation)


def test_unpaired_takes_exact_limits_for_yes_no(customers):
    found = contrast(customers, outcome="stayed", paired=False)
    assert found.method == "clopper_pearson"


def test_missing_outcomes_take_their_pair_with_them(customers):
    customers = customers.reset_index(drop=True)
    for policy, customer in (("refund", 3), ("none", 3), ("none", 8)):
        row = (customers["policy"] == policy) & (customers["customer"] == customer)
        customers.loc[row, "spend"] = np.nan
    found = contrast(customers, paired=True)
    assert (found.n_treated, found.n_missing) == (35, 2)
    found = contrast(customers, paired=False)
    assert (found.n_treated, found.n_control, found.n_missing) == (36, 35, 3)
    nobody = contrast(customers.assign(spend=np.nan), paired=True)
    assert "no pair" in nobody.note
    assert math.isnan(nobody.estimate)


def test_only_those_who_failed(customers):
    failed = values(customers, "none", "customer")[
        customers[customers["policy"] == "none"].sort_values("customer")[
            "index_outcome"
        ]
        != "no_failure"
    ].astype(int)
    found = contrast(customers, paired=True, failed_only=True)
    gaps = values(customers, "refund")[failed] - values(customers, "none")[failed]
    assert_allclose(found.estimate, gaps.mean())
    assert found.n_treated == failed.size
    assert "failed under one" not in found.note


def test_failures_that_depend_on_the_policy_are_counted(customers):
    customers = customers.reset_index(drop=True)
    rows = customers.index[
        (customers["policy"] == "refund") & (customers["index_outcome"] == "recovered")
    ]
    customers.loc[rows[:2], "index_outcome"] = "no_failure"
    found = contrast(customers, paired=True, failed_only=True)
    assert "2 customers failed under one policy only" in found.note


def test_the_same_outcome_under_both_policies():
    same = pd.DataFrame(
        {"policy": ["a", "a", "b", "b"], "customer": [1, 2, 2, 1], "x": [4.0, 7, 7, 4]}
    )
    found = policy_contrast(same, outcome="x", treated="a", control="b", paired=True)
    assert (found.estimate, found.ci_low, found.ci_high) == (0.0, 0.0, 0.0)
    assert "no width" in found.note


def test_pairing_refused(customers):
    with pytest.raises(ValueError, match="1 appear under one only"):
        contrast(
            customers[
                ~((customers["policy"] == "none") & (customers["customer"] == 5))
            ],
            paired=True,
        )
    others = customers.copy()
    others.loc[others["policy"] == "none", "customer"] += 2
    with pytest.raises(ValueError, match="4 appear under one only"):
        contrast(others, paired=True)
    twice = pd.concat([customers, customers[customers["customer"] == 7]])
    with pytest.raises(ValueError, match="1 appear more often, for example 7"):
        contrast(twice, paired=True)
    with pytest.raises(ValueError, match="no column 'customer'"):
        contrast(customers.drop(columns="customer"), paired=True)
    assert contrast(customers.drop(columns="customer"), paired=False).n_treated == 37
    with pytest.raises(ValueError, match="Did you mean 'refund'"):
        contrast(customers, treated="refnd", paired=True)
    with pytest.raises(ValueError, match="name two policies"):
        contrast(customers, treated="none", paired=True)
    with pytest.raises(ValueError, match="index_outcome"):
        contrast(customers.drop(columns="index_outcome"), paired=True, failed_only=True)


def test_every_policy_against_one(customers):
    found = policy_contrasts(
        customers, outcomes=["spend", "stayed"], control="none", paired=True
    )
    assert found[["outcome", "treated"]].to_numpy().tolist() == [
        ["spend", "gift"], ["spend", "refund"], ["stayed", "gift"], ["stayed", "refund"],
    ]  # fmt: skip
    one = contrast(customers, paired=True)
    assert found.loc[1, "ci_low"] == one.ci_low
    with pytest.raises(ValueError, match="nothing to compare"):
        policy_contrasts(
            customers[customers["policy"] == "none"],
            outcomes=["spend"],
            control="none",
            paired=True,
        )
