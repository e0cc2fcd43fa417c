"""Staying: curves, restricted means and log-rank against R and statsmodels."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from recovery_research.analysis.retention import (
    compare_survival,
    staying_times,
    tabulate_survival,
)
from recovery_research.analysis.survival import log_rank

REFERENCE = Path(__file__).parents[1] / "reference" / "staying.csv"


@pytest.fixture(scope="module")
def reference():
    lines = [line[2:] for line in REFERENCE.read_text().splitlines() if line[0] == "#"]
    return {name: float(value) for name, value in (line.split(",") for line in lines)}


@pytest.fixture(scope="module")
def raw():
    return pd.read_csv(REFERENCE, comment="#")


def test_all_is_as_in_r(raw, reference):
    found = compare_survival(raw, end_week=60, horizon=25)
    # R rounds the weeks to six digits; sums of 90 terms of that size.
    close = {"rtol": 1e-6}
    assert_allclose(found.weeks_treated, reference["weeks_recovered"], **close)
    assert_allclose(found.weeks_control, reference["weeks_no_failure"], **close)
    error = math.hypot(reference["error_recovered"], reference["error_no_failure"])
    assert_allclose(found.std_error, error, **close)


def test_bands_are_those_of_r(raw, reference):
    table = tabulate_survival(raw, end_week=60, groups=["no_failure"])
    row = table[table["week"] <= 12 + 1e-9].iloc[-1]
    for ours, theirs in (
        ("estimate", "share"), ("std_error", "error12"), ("ci_low", "low"), ("ci_high", "high"),
    ):  # fmt: skip
        assert_allclose(row[ours], reference[f"{theirs}_no_failure"], rtol=1e-6)


def rounded(raw, group):
    weeks, left = staying_times(raw, group=group, policy=None, end_week=60)
    return np.round(weeks, 6), left


def test_log_rank_is_that_of_r_and_of_statsmodels(raw, reference):
    pair = [rounded(raw, name) for name in ("recovered", "no_failure")]
    statistic, p_value = log_rank(*pair)
    assert_allclose(statistic, reference["log_rank"], rtol=1e-9)
    weeks, left = (np.concatenate(parts) for parts in zip(*pair, strict=True))
    label = np.repeat([1, 0], [pair[0][0].size, pair[1][0].size])
    theirs = survdiff(weeks, left.astype(int), label)
    assert_allclose([statistic, p_value], theirs, rtol=1e-9)


def test_the_curve_is_that_of_statsmodels(raw):
    weeks, left = rounded(raw, "recovered")
    theirs = SurvfuncRight(weeks, left.astype(int))
    frame = pd.DataFrame(
        {
            "index_outcome": "recovered",
            "index_week": 0.0,
            "left_week": np.where(left, weeks, np.nan),
        }
    )
    ours = tabulate_survival(frame, end_week=weeks.max(), groups=["recovered"])[1:]
    # Customers censored before the end have to be given their own frame: here all
    # are, so only the weeks before the first censoring can be compared.
    first = weeks[~left].min()
    early = ours["week"].to_numpy() < first
    assert_allclose(ours["estimate"][early], theirs.surv_prob[: early.sum()])
    assert_allclose(ours["std_error"][early], theirs.surv_prob_se[: early.sum()])


def test_by_hand():
    # Weeks 2, 3+, 5, 9+ : shares 3/4 after 2, 3/8 after 5. Up to 8 weeks:
    # 2 * 1 + 3 * .75 + 3 * .375 = 5.375.
    frame = pd.DataFrame(
        {
            "index_outcome": ["recovered"] * 4 + ["no_failure"] * 2,
            "index_week": [1.0, 10, 3, 4, 2, 0],
            "left_week": [3.0, np.nan, 8, np.nan, np.nan, 12],
        }
    )
    found = compare_survival(frame, end_week=13, horizon=8)
    assert_allclose(found.weeks_treated, 5.375)
    assert_allclose(found.share_treated, 0.375)
    # Greenwood at 2: 1 / (4 * 3), at 5: 1 / (2 * 1); areas beyond 3.375 and 1.125.
    variance = 3.375**2 / 12 + 1.125**2 / 2
    assert_allclose(found.std_error, math.sqrt(variance))
    assert (found.n_left_treated, found.n_left_control) == (2, 1)
    assert "rough" in found.note


def test_nobody_leaves_and_everybody_leaves():
    frame = pd.DataFrame(
        {
            "index_outcome": ["recovered"] * 3 + ["no_failure"] * 3,
            "index_week": 0.0,
            "left_week": np.nan,
        }
    )
    found = compare_survival(frame, end_week=30, horizon=20)
    assert (found.estimate, found.std_error) == (0.0, 0.0)
    assert "nobody was seen to leave" in found.note
    assert math.isnan(found.p_value)
    frame["left_week"] = [3.0, 4, 9, 8, 9, 10]
    table = tabulate_survival(frame, end_week=30, groups=["recovered", "no_failure"])
    assert table["estimate"].iloc[-1] == 0.0
    assert table["ci_low"].isna().sum() == 4
    gone = compare_survival(frame, end_week=30, horizon=9)
    assert gone.share_treated == 0.0


def test_swapping_and_stretching(raw):
    there = compare_survival(raw, end_week=60, horizon=25)
    back = compare_survival(
        raw, end_week=60, horizon=25, treated="no_failure", control="recovered"
    )
    assert_allclose([back.estimate, back.ci_low], [-there.estimate, -there.ci_high])
    assert_allclose(back.log_rank, there.log_rank)
    slow = raw.assign(index_week=3 * raw["index_week"], left_week=3 * raw["left_week"])
    long = compare_survival(slow, end_week=180, horizon=75)
    assert_allclose(long.estimate, 3 * there.estimate, rtol=1e-9)


def test_refusals(raw):
    with pytest.raises(ValueError, match="nobody of 'recovered' was followed beyond"):
        compare_survival(raw, end_week=60, horizon=200)
    with pytest.raises(ValueError, match="have no index_week, one after end_week=10"):
        compare_survival(raw, end_week=10, horizon=5)
    with pytest.raises(ValueError, match=r"holds \['no_failure', 'recovered'\]"):
        compare_survival(raw, end_week=60, horizon=5, treated="silent")
    with pytest.raises(ValueError, match="no column 'left_week'"):
        compare_survival(raw.drop(columns="left_week"), end_week=60, horizon=5)


@pytest.mark.certify
def test_coverage_of_the_restricted_mean(record_property):
    # Exponential lives of 20 and 30 weeks, 60 against 240 customers, staggered entry:
    # mean up to 26 weeks is m (1 - exp(-26 / m)). 2,000 replications, four errors.
    rng = np.random.default_rng(1)
    truth = 20 * (1 - math.exp(-26 / 20)) - 30 * (1 - math.exp(-26 / 30))
    covered = 0
    for _ in range(2000):
        index = rng.uniform(0, 30, 300)
        life = np.r_[rng.exponential(20, 60), rng.exponential(30, 240)]
        frame = pd.DataFrame(
            {
                "index_outcome": np.repeat(["recovered", "no_failure"], [60, 240]),
                "index_week": index,
                "left_week": index + life,
            }
        )
        found = compare_survival(frame, end_week=60, horizon=26)
        covered += found.ci_low <= truth <= found.ci_high
    record_property("covered of 95 %", float(covered / 2000))
    assert abs(covered / 2000 - 0.95) < 4 * 0.0049
