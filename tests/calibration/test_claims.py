"""The practitioners' figures: read, turned into targets, measured two ways."""

import numpy as np
import pytest

import recovery_research as rr
from recovery_research.calibration import claims
from recovery_research.calibration.claims import (
    Moment,
    Target,
    compare_moments,
    list_targets,
    measure_claims,
)
from recovery_research.model.coefficients import LedgerError


def test_the_seven_figures_are_there_with_their_provenance():
    published = rr.load_claims()
    values = {name: row.value for name, row in published.items()}
    assert values.pop("complained_before_leaving") == pytest.approx(1 / 26)
    assert values == {
        "spend_no_problem": 100,
        "spend_not_resolved": 20,
        "spend_resolved": 106,
        "retention_flawless": 0.88,
        "retention_handled_greatly": 0.92,
        "left_over_treatment": 0.68,
    }
    assert all(row.provenance for row in published.values())


def test_targets_follow_the_figures_and_the_widths_asked_for():
    targets = {t.moment: t for t in list_targets()}
    assert targets["spend_ratio_recovered"].value == pytest.approx(1.06)
    assert targets["spend_ratio_recovered"].high == pytest.approx(1.08)
    assert targets["spend_ratio_not_recovered"].low == pytest.approx(0.18)
    assert targets["retention_recovered"].low == pytest.approx(0.91)
    assert (targets["complaint_share"].low, targets["complaint_share"].high) == (
        1 / 32,
        1 / 20,
    )
    assert targets["treatment_share"].high == pytest.approx(0.71)


def test_a_missing_figure_is_named(tmp_path, monkeypatch):
    text = claims.data_path("claims.csv").read_text().splitlines(keepends=True)
    kept = [line for line in text if not line.startswith("retention_flawless")]
    (tmp_path / "claims.csv").write_text("".join(kept))
    monkeypatch.setattr(claims, "data_path", lambda name: tmp_path / name)
    with pytest.raises(LedgerError, match="no claim 'retention_flawless'"):
        list_targets()


def test_forked_figures_are_those_a_survey_would_count():
    # The fork has every first order fail and weighs by the chance of a complaint; a
    # survey waits for failures and complaints. Same estimand, so the difference is
    # Monte Carlo error: within 4.5 of its standard errors for each of eight figures.
    world = rr.load_world("claims").but("louder", voice_base=-1.0)
    forked = measure_claims(world, n_customers=16_000, seed=11)
    counted = measure_claims(world, n_customers=60_000, seed=12, fork=False)
    for name, moment in forked.items():
        other = counted[name]
        error = np.hypot(moment.std_error, other.std_error)
        assert abs(moment.value - other.value) < 4.5 * error, name


def test_forked_figures_are_much_more_precise():
    world = rr.load_world("claims")
    forked = measure_claims(world, n_customers=8192, seed=3)
    counted = measure_claims(world, n_customers=8192, seed=3, fork=False)
    for name in ("spend_ratio_not_recovered", "retention_recovered"):
        assert forked[name].n > 4 * counted[name].n


def test_a_figure_nobody_stands_behind_is_missing_and_not_met():
    # Nobody fails, so nobody is recovered and nobody left after a failure.
    world = rr.load_world("claims").but("flawless", failure_probability=0.0)
    moments = measure_claims(world, n_customers=500, seed=1, fork=False)
    assert np.isnan(moments["spend_ratio_recovered"].value)
    assert np.isnan(moments["complaint_share"].value)
    assert moments["complaint_share"].n == 0
    table = compare_moments(list_targets(), moments).set_index("moment")
    assert not table.loc["spend_ratio_recovered", "met"]
    assert not table.loc["complaint_share", "met"]


def test_comparison_by_hand():
    target = Target("x", 0.4, 0.3, 0.6, "a figure")
    rows = [
        compare_moments([target], {"x": Moment(value, 0.01, 7)}).iloc[0]
        for value in (0.31, 0.29, 0.61)
    ]
    assert [row["met"] for row in rows] == [True, False, False]
    assert rows[0]["miss"] == pytest.approx(-0.09)
    assert rows[0]["n"] == 7


def test_a_figure_is_met_missed_or_cannot_be_told():
    target = Target("x", 0.4, 0.3, 0.6, "a figure")
    said = [
        compare_moments([target], {"x": Moment(value, error, 7)}).iloc[0]
        for value, error in (
            (0.45, 0.01), (0.31, 0.01), (0.29, 0.01), (0.2, 0.01), (0.7, 0.01),
            (0.45, 0.2), (np.nan, np.nan),
        )
    ]  # fmt: skip
    assert [row["verdict"] for row in said] == [
        "met", "cannot tell", "cannot tell", "missed", "missed", "cannot tell",
        "cannot tell",
    ]  # fmt: skip
    assert said[0]["ci_low"] == pytest.approx(0.45 - 1.959964 * 0.01)
    assert said[0]["confidence"] == 0.95
