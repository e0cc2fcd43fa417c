"""The paradox for one outcome: groups, refusals, degenerate tables, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analysis.paradox import paradox, paradox_by_outcome


def table(**groups):
    """Build a customers table with one outcome, `spend`, from lists per group."""
    parts = [
        pd.DataFrame({"index_outcome": name, "spend": values})
        for name, values in groups.items()
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def customers():
    rng = np.random.default_rng(11)
    sizes = {"recovered": 150, "no_failure": 700, "silent": 40, "not_recovered": 23}
    group = np.repeat(list(sizes), list(sizes.values()))
    lift = pd.Series(group).map(
        {"recovered": 9.0, "no_failure": 0.0, "silent": -20.0, "not_recovered": -35.0}
    )
    frame = pd.DataFrame(
        {
            "policy": pd.Categorical(["service"] * group.size),
            "customer": np.arange(group.size),
            "index_outcome": pd.Categorical(group, categories=[*sizes, "no_order"]),
            "spend": 100 + lift + rng.normal(0, 12, group.size),
            "alive_52w": pd.array(rng.random(group.size) < 0.8, dtype="boolean"),
            "followup_spend": pd.array(
                rng.lognormal(3, 1.2, group.size), dtype="Float64"
            ),
            "left_week": np.where(rng.random(group.size) < 0.3, 12.0, np.nan),
            "region": pd.Categorical(["north"] * group.size),
        }
    )
    frame.loc[frame.index[:5], "followup_spend"] = pd.NA
    frame.loc[frame.index[-3:], "alive_52w"] = pd.NA
    return frame.sample(frac=1, random_state=5)


def test_the_contrast_is_between_the_groups_named(customers):
    found = paradox(customers, outcome="spend", bounds=2)
    spend = customers.set_index("index_outcome")["spend"]
    theirs = stats.ttest_ind(
        spend["recovered"], spend["no_failure"], equal_var=False
    ).confidence_interval()
    assert_allclose([found.ci_low, found.ci_high], [theirs.low, theirs.high])
    assert_allclose(found.mean_treated, spend["recovered"].mean())
    assert (found.n_treated, found.n_control, found.method) == (150, 700, "welch")
    assert found.verdict == "paradox"


def test_the_double_deviation(customers):
    found = paradox(
        customers, outcome="spend", treated="not_recovered", control="silent", bounds=5
    )
    assert found.estimate == pytest.approx(-15, abs=8)
    assert found.verdict == "no paradox"
    assert (found.n_treated, found.n_control) == (23, 40)


def test_methods_follow_the_outcome(customers):
    assert paradox(customers, outcome="alive_52w").method == "clopper_pearson"
    skewed = paradox(customers, outcome="followup_spend")
    assert (skewed.method, skewed.n_missing) == ("bootstrap_t", 5)
    assert (
        paradox(customers, outcome="followup_spend", method="welch").method == "welch"
    )
    small = paradox(customers, outcome="followup_spend", treated="silent")
    assert small.method == "bootstrap_t"
    plain = paradox(customers, outcome="spend", treated="silent")
    assert plain.method == "welch"
    as_numbers = customers.assign(alive_52w=customers["alive_52w"].astype("Float64"))
    assert paradox(as_numbers, outcome="alive_52w").method == "clopper_pearson"


def test_even_groups_take_welch_however_skewed():
    rng = np.random.default_rng(6)
    spend = rng.lognormal(0, 2.0, 1200)
    even = table(recovered=spend[:480], no_failure=spend[480:])
    lopsided = table(recovered=spend[:300], no_failure=spend[300:])
    assert paradox(even, outcome="spend").method == "welch"
    assert paradox(lopsided, outcome="spend").method == "bootstrap_t"


def test_true_false_and_none_from_a_file_are_yes_no():
    frame = table(
        recovered=[True, None, False, True], no_failure=[False, True, False, None]
    )
    found = paradox(frame, outcome="spend")
    assert (found.method, found.n_missing) == ("clopper_pearson", 2)
    assert found.estimate == pytest.approx(2 / 3 - 1 / 3)


def test_shuffling_rows_and_other_groups_change_nothing(customers):
    first = paradox(customers, outcome="followup_spend")
    wild = customers.copy()
    others = wild["index_outcome"].isin(["silent", "not_recovered"])
    wild.loc[others, "followup_spend"] = 1e9
    again = paradox(wild.sample(frac=1, random_state=1), outcome="followup_spend")
    assert_allclose(again.ci_low, first.ci_low, rtol=1e-9)
    assert_allclose(again.ci_high, first.ci_high, rtol=1e-9)


def test_swapping_the_groups_turns_the_sign(customers):
    there = paradox(customers, outcome="followup_spend", bounds=1)
    back = paradox(
        customers,
        outcome="followup_spend",
        treated="no_failure",
        control="recovered",
        bounds=1,
    )
    assert_allclose(
        [back.estimate, back.ci_low, back.ci_high],
        [-there.estimate, -there.ci_high, -there.ci_low],
    )
    assert_allclose(back.p_value_equivalence, there.p_value_equivalence)


def test_verdict_and_equivalence_test_cannot_disagree(customers):
    for bound in (0.5, 3.0, 6.0, 9.0, 14.0, 40.0):
        found = paradox(customers, outcome="spend", bounds=bound)
        within = found.verdict == "no difference worth naming"
        assert within == (found.p_value_equivalence <= 0.025)


def test_several_policies_must_be_told_apart(customers):
    both = pd.concat([customers, customers.assign(policy="silence", spend=1.0)])
    with pytest.raises(ValueError, match=r"\['service', 'silence'\]; say which"):
        paradox(both, outcome="spend")
    alone = paradox(customers, outcome="spend")
    found = paradox(both, outcome="spend", policy="service")
    assert found.ci_low == alone.ci_low
    assert found.policy == "service"
    with pytest.raises(ValueError, match=r"Did you mean 'service'\?"):
        paradox(both, outcome="spend", policy="servise")
    with pytest.raises(ValueError, match="no column 'policy'"):
        paradox(customers.drop(columns="policy"), outcome="spend", policy="service")


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ("spent", r"no column 'spent'; outcomes it has: .*Did you mean 'spend'"),
        ("region", r"'region' is category, .*'spend', 'alive_52w', 'followup_spend'\]"),
        ("left_week", "compares leavers only; use alive_13w"),
        ("index_outcome", "is category"),
        ("customer", "outcomes the table has"),
    ],
)
def test_outcomes_that_cannot_be_averaged(customers, outcome, message):
    with pytest.raises(ValueError, match=message):
        paradox(customers, outcome=outcome)


def test_text_and_dates_are_refused():
    frame = table(recovered=["1", "2"], no_failure=["3", "4"])
    with pytest.raises(ValueError, match="not a number or yes/no"):
        paradox(frame, outcome="spend")
    frame["spend"] = pd.to_datetime("2024-01-01")
    with pytest.raises(ValueError, match="datetime64"):
        paradox(frame, outcome="spend")


def test_bad_options(customers):
    with pytest.raises(ValueError, match=r"use one of .*Did you mean 'newcombe'"):
        paradox(customers, outcome="spend", method="newcomb")
    with pytest.raises(ValueError, match="for outcomes of zeros and ones"):
        paradox(customers, outcome="spend", method="newcombe")
    with pytest.raises(ValueError, match=r"For a 95 % interval write 0.95"):
        paradox(customers, outcome="spend", confidence=95)
    with pytest.raises(ValueError, match=r"both 'silent'; name two groups"):
        paradox(customers, outcome="spend", treated="silent", control="silent")
    with pytest.raises(ValueError, match="no column 'index_outcome'"):
        paradox(customers.drop(columns="index_outcome"), outcome="spend")
    customers["spend"] = np.inf
    with pytest.raises(ValueError, match="infinite"):
        paradox(customers, outcome="spend")


def test_an_empty_group_is_refused_with_the_sizes(customers):
    few = customers[customers["index_outcome"] != "recovered"]
    with pytest.raises(
        ValueError,
        match=r"no customer has index_outcome 'recovered'.*'no_failure': 700",
    ):
        paradox(few, outcome="spend")
    with pytest.raises(ValueError, match=r"Did you mean 'recovered'"):
        paradox(customers, outcome="spend", treated="recoverd")
    with pytest.raises(ValueError, match="no customer has"):
        paradox(customers.iloc[:0], outcome="spend")


@pytest.mark.parametrize(
    ("recovered", "no_failure", "note"),
    [
        ([4.0], [5.0, 6.0, 9.0], "one customer"),
        ([4.0, 7.5], [5.0], "one customer"),
        ([4.0], [5.0], "one customer"),
        ([3.0, 3.0, 3.0], [2.0, 2.0], "without variation"),
        ([np.nan, np.nan], [2.0, 7.0, 4.0], "no known outcome in a group"),
        ([2.0, 7.0, 4.0], [np.nan], "no known outcome in a group"),
        ([np.nan], [np.nan], "no known outcome in a group"),
    ],
)
@pytest.mark.parametrize("method", ["auto", "welch", "bca"])
def test_what_cannot_be_said_is_said(recovered, no_failure, note, method):
    found = paradox(
        table(recovered=recovered, no_failure=no_failure),
        outcome="spend",
        method=method,
    )
    assert note in found.note
    assert note in str(found)
    assert found.verdict == "cannot tell"
    assert math.isnan(found.ci_low)
    assert math.isnan(found.p_value_equivalence)


def test_all_spend_zero():
    # Zeros are a share of yes to the package: 0 of 30 against 0 of 400.
    found = paradox(
        table(recovered=[0.0] * 30, no_failure=[0.0] * 400), outcome="spend"
    )
    assert found.method == "clopper_pearson"
    assert found.ci_low < 0 < found.ci_high
    welch = paradox(
        table(recovered=[0.0] * 30, no_failure=[0.0] * 400),
        outcome="spend",
        method="welch",
    )
    assert "without variation" in welch.note


def test_by_outcome_corrects_only_what_has_a_p_value(customers):
    customers["constant"] = 7.25
    names = ["spend", "constant", "alive_52w", "followup_spend"]
    found = paradox_by_outcome(customers, outcomes=names, bounds={"spend": 2})
    assert found["outcome"].tolist() == names
    raw = found["p_value"].to_numpy()[[0, 2, 3]]
    ranks = raw.argsort().argsort()
    by_hand = [
        min(1.0, max((3 - r) * p for r, p in zip(ranks, raw, strict=True) if r <= own))
        for own in ranks
    ]
    assert_allclose(found["p_value_holm"].to_numpy()[[0, 2, 3]], by_hand)
    assert found.loc[1, ["p_value", "p_value_holm"]].isna().all()
    assert "without variation" in found.loc[1, "note"]
    assert found.loc[0, "equivalence_high"] == 2
    assert found.loc[2, "bounds_source"].startswith("default")


def test_by_outcome_is_holm_and_not_bonferroni():
    rng = np.random.default_rng(2)
    frame = table(recovered=rng.normal(0, 1, 60), no_failure=rng.normal(0, 1, 90))
    frame["gain"] = frame["spend"] + 0.45 * (frame["index_outcome"] == "recovered")
    frame["more"] = frame["spend"] + 0.6 * (frame["index_outcome"] == "recovered")
    found = paradox_by_outcome(frame, outcomes=["gain", "spend", "more"])
    gain, spend, more = found["p_value"]
    assert more < gain < 0.2 < spend
    assert_allclose(found["p_value_holm"], [2 * gain, max(spend, 2 * gain), 3 * more])


def test_by_outcome_refuses(customers):
    with pytest.raises(TypeError, match=r"write \['spend'\]"):
        paradox_by_outcome(customers, outcomes="spend")
    with pytest.raises(ValueError, match="outcomes is empty"):
        paradox_by_outcome(customers, outcomes=[])
    with pytest.raises(ValueError, match=r"\['spend'\] more than once"):
        paradox_by_outcome(customers, outcomes=["spend", "spend"])
    with pytest.raises(ValueError, match=r"bounds name \['trust'\]"):
        paradox_by_outcome(customers, outcomes=["spend"], bounds={"trust": 1})


def test_the_frame_has_one_column_per_field(customers):
    frame = paradox(customers, outcome="alive_52w").to_frame()
    assert list(frame.columns[:6]) == [
        "outcome", "policy", "treated", "control", "method", "estimate",
    ]  # fmt: skip
    assert frame.shape == (1, 22)
    assert not frame.map(lambda cell: isinstance(cell, (list, tuple, np.ndarray))).any(
        axis=None
    )
