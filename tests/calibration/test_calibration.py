"""Fitting: it finds what is there to find, says what is not settled, and repeats."""

import numpy as np
import pandas as pd
import pytest

import recovery_research as rr
from recovery_research.calibration.claims import (
    Moment,
    Target,
    list_targets,
    measure_claims,
)
from recovery_research.calibration.fit import (
    START,
    Search,
    calibrate,
    explore,
    find_best,
    is_as_good,
    tabulate_pinned,
    weigh_misses,
    write_calibration,
)
from recovery_research.model.coefficients import load_ledger
from recovery_research.paths import data_path


def linear(world):
    """A world measured without simulation: only the sum of two coefficients shows."""
    value = world["hurt"] + 2.0 * world["delight"]
    return {"sum": Moment(value, 0.0, 1000)}


FREE = {"hurt": (0.0, 4.0), "delight": (0.0, 1.5)}
SUM = [Target("sum", 2.6, 2.5, 2.7, "hurt plus twice delight")]


@pytest.fixture
def search():
    return Search(rr.load_world("evidence"), SUM, FREE, linear, begin={"hurt": 0.3})


def test_search_finds_the_only_figure_there_is(search):
    best = find_best(search, n_starts=5, n_refined=1, seed=4)
    assert best.moments["sum"].value == pytest.approx(2.6, abs=0.02)


def test_walk_finds_that_two_coefficients_are_not_told_apart(search):
    best = find_best(search, n_starts=5, n_refined=1, seed=4)
    walked = explore(search, best, n_steps=400, seed=4)
    assert walked[0] is best
    assert all(2.5 <= t.moments["sum"].value <= 2.7 for t in walked)
    rows = [
        {n: search.world_at(t.position)[n] for n in FREE} | {"loss": t.loss}
        for t in walked
    ]
    pinned = tabulate_pinned(search, pd.DataFrame(rows)).set_index("coefficient")
    # 2.6 = hurt + 2 delight is met by every delight from 0 to 1.3.
    assert not pinned["pinned_down"].any()
    assert pinned.loc["delight", "acceptable_high"] < 1.36


def test_every_world_is_simulated_once(search):
    calls = []
    search.measure = lambda world: calls.append(world) or linear(world)
    position = np.array([0.3, 0.7])
    assert search.attempt(position) is search.attempt(position.copy())
    assert len(calls) == 1


def test_what_is_tried_is_what_can_be_written_down(search):
    value = search.world_at(np.array([1 / 3, 0.5]))["hurt"]
    assert value == float(f"{value:.4g}") == 1.333


def test_misses_are_compressed_and_signed():
    target = [Target("x", 0.4, 0.3, 0.6, "")]
    for value, width in ((0.5, 0.5), (0.35, -0.5), (20.4, 100.0)):
        misses = weigh_misses(target, {"x": Moment(value, 0.0, 9)})
        assert misses[0] == pytest.approx(np.arcsinh(width))
    nothing = weigh_misses(target, {"x": Moment(np.nan, np.nan, 0)})
    assert nothing[0] == pytest.approx(np.arcsinh(1000.0))


def test_hardly_anyone_complaining_is_held_against_a_fit():
    moments = {
        "x": Moment(0.4, 0.0, 9),
        "complained_of_failed": Moment(0.025, 0.0, 9),
        "recovered_of_answered": Moment(0.9, 0.0, 9),
    }
    misses = weigh_misses([Target("x", 0.4, 0.3, 0.6, "")], moments)
    # Half of the floor of 0.05 is missing: ten times a twentieth of it.
    assert misses == pytest.approx([0.0, np.arcsinh(10.0), 0.0])


def test_as_good_means_met_or_missed_hardly_more():
    def trial(*misses):
        return type("T", (), {"misses": np.array(misses)})()

    best = trial(0.8, 2.0)
    assert is_as_good(trial(np.arcsinh(0.99), 2.4), best)
    assert not is_as_good(trial(np.arcsinh(1.01), 2.0), best)
    assert not is_as_good(trial(0.1, 2.6), best)


@pytest.mark.slow
def test_calibration_by_simulation_meets_a_figure_it_can_meet_and_repeats():
    # A figure taken from a known world must be met again from another start.
    truth = rr.load_world("claims").but("claims", failure_probability=0.21)
    shown = measure_claims(truth, n_customers=2048, seed=5)["treatment_share"].value
    options = {
        "free": {"failure_probability": (0.02, 0.35)},
        "n_customers": 2048,
        "n_starts": 3,
        "n_refined": 1,
        "n_explored": 3,
        "seed": 5,
    }
    target = [Target("treatment_share", shown, shown - 0.02, shown + 0.02, "known")]
    first, again = calibrate(target, **options), calibrate(target, **options)
    assert first.fit["met"].all()
    assert first.world["failure_probability"] == pytest.approx(0.21, abs=0.03)
    assert first.to_frame().equals(again.fit)
    assert first.acceptable.equals(again.acceptable)


def test_search_outside_the_ranges_is_refused():
    with pytest.raises(
        ValueError, match=r"no coefficient 'hurts'.*Did you mean 'hurt'"
    ):
        calibrate(free={"hurts": (0.0, 1.0)})
    with pytest.raises(ValueError, match="hurt is searched within 0 to 5"):
        calibrate(free={"hurt": (0.0, 9.0)})
    with pytest.raises(ValueError, match="no target"):
        calibrate([])


def test_what_is_written_is_read_again(tmp_path, search):
    best = find_best(search, n_starts=2, n_refined=1, seed=4)
    table = pd.DataFrame([{n: search.world_at(best.position)[n] for n in FREE}])
    fit = pd.DataFrame({"moment": ["sum"]})
    pinned = tabulate_pinned(search, table)
    world = search.world_at(best.position)
    written = write_calibration(
        rr.Calibration(world, fit, table, pinned, fit, 1), tmp_path
    )
    assert {path.name for path in written} == {path.name for path in tmp_path.iterdir()}
    again = load_ledger(data_path("coefficients.csv"), tmp_path / "world-evidence.csv")
    assert again.values_by_name() == world.ledger.values_by_name()
    assert again["hurt"].evidence_class == "calibrated"
    assert again["phi" if "phi" in again else "margin_rate"].evidence_class == "assumed"


@pytest.mark.slow
def test_the_stored_world_shows_the_stored_fit():
    # data/ was written by `make calibrate`; the same luck must give the same figures.
    # Another processor's mathematics may turn a decision of one customer in thousands.
    stored = pd.read_csv(data_path("fit-claims.csv")).set_index("moment")
    moments = measure_claims(rr.load_world("claims"), n_customers=16_384, seed=0)
    for target in list_targets():
        row = stored.loc[target.moment]
        assert moments[target.moment].value == pytest.approx(row["achieved"], rel=1e-3)
        assert row["target"] == pytest.approx(target.value)


def test_start_names_what_is_searched():
    from recovery_research.calibration.fit import SEARCHED

    assert set(START) == set(SEARCHED)
    assert all(SEARCHED[n][0] <= v <= SEARCHED[n][1] for n, v in START.items())


@pytest.mark.slow
def test_the_claims_are_met_with_other_luck_as_a_survey_would_count():
    # 400,000 customers leave a standard error of about 0.03 on the smallest group's
    # spend ratio, wider than its target; a figure counts as met if its interval of
    # four errors reaches what counts as met.
    table = rr.check_targets(rr.load_world("claims"))
    slack = 4 * table["std_error"]
    assert (table["achieved"] + slack >= table["low"]).all()
    assert (table["achieved"] - slack <= table["high"]).all()
