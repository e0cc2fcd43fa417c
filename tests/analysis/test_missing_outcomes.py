"""Tilted unknown outcomes: where what is found turns, and what the limits cover."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import recovery_research as rr
from recovery_research.analysis.tipping_points import (
    APART_DOWN,
    APART_UP,
    say_tipping,
    start_tilting,
)
from recovery_research.analysis.verdicts import CANNOT_TELL, Bounds, place_interval


def customers(treated, control):
    """Two groups' outcomes, NaN where unknown."""
    names = ["recovered"] * len(treated) + ["no_failure"] * len(control)
    return pd.DataFrame({"index_outcome": names, "y": np.r_[treated, control]})


def draw(seed=1, *, n=(300, 900), missing=(0.3, 0.1), gap=0.5):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(5.0 + shift, 1.2, size)
             for shift, size in zip((gap, 0.0), n, strict=True)]  # fmt: skip
    for values, share in zip(parts, missing, strict=True):
        values[rng.random(values.size) < share] = np.nan
    return customers(*parts)


def dissatisfied(rng, n=(120, 500)):
    """No difference; a third of the recovered, the dissatisfied first, do not answer."""
    y = np.clip(np.round(rng.normal(5.0, 1.3, sum(n))), 1.0, 7.0)
    quiet = np.arange(y.size) < n[0]
    quiet &= rng.random(y.size) < 1.0 / (1.0 + np.exp(1.2 * (y - 4.2)))
    return customers(*np.split(np.where(quiet, np.nan, y), [n[0]])), quiet[
        : n[0]
    ].mean()


def test_whoever_does_not_answer_because_dissatisfied_is_seen_through():
    # The case: nearly every such table announces a difference that is not
    # there, and every one that does says under which tilt it turns.
    rng = np.random.default_rng(8)
    announced = shares = 0
    for _ in range(40):
        frame, share = dissatisfied(rng)
        shares += share / 40
        found = rr.probe_missing(frame, outcome="y", lowest=1, highest=7, bounds=0)
        if found.place in ("higher", "lower"):
            announced += 1
            assert found.turns
            assert found.tipping_point < 0.0
            assert abs(found.tipping_spread) < 2.0
            assert 1.0 <= found.tipping_mean_treated < found.mean_treated
        assert found.worst_ci_low <= 0.0 <= found.worst_ci_high
    assert 0.3 < shares < 0.38
    assert announced > 20


def test_the_turning_point_by_hand_where_only_the_treated_are_unknown():
    frame = draw(missing=(0.3, 0.0))
    found = rr.probe_missing(frame, outcome="y", lowest=-90, highest=90, bounds=0)
    y = frame["y"].to_numpy()[:300]
    known, u = y[~np.isnan(y)], np.isnan(y).mean()
    gap = known.mean() - frame["y"].to_numpy()[300:].mean()
    arm = gap - found.ci_low
    z = stats.norm.ppf(0.975)
    d = found.tipping_point
    # So wide a range is hardly felt at the turning point.
    assert_allclose(
        gap + u * d, math.hypot(arm, z * math.sqrt(d * d * u * (1 - u) / 300)),
        rtol=1e-4,
    )  # fmt: skip
    assert_allclose(found.tipping_mean_treated, known.mean() + d)
    assert math.isnan(found.tipping_mean_control)
    assert_allclose(found.tipping_alike, found.tipping_point)
    assert_allclose(found.tipping_spread, d / np.sqrt(np.average(
        [known.var(ddof=1), frame["y"].to_numpy()[300:].var(ddof=1)],
        weights=[known.size - 1, 899])))  # fmt: skip


def tilting_of(frame, limits=(0.0, 1.0)):
    known = rr.paradox(frame, outcome="y", bounds=0.0)
    parts = [frame.loc[frame["index_outcome"] == name, "y"].to_numpy()
             for name in ("recovered", "no_failure")]  # fmt: skip
    filled = [customers(*(np.nan_to_num(values, nan=limits[side])
                          for values, side in zip(parts, sides, strict=True)))
              for sides in ((0, 1), (1, 0))]  # fmt: skip
    ends = [rr.paradox(each, outcome="y", bounds=0.0) for each in filled]
    return start_tilting(known, parts, limits, ends), known, ends


def test_limits_begin_with_the_known_and_end_with_the_tables_filled_in():
    answers = [[1.0] * 9 + [0.0] * 4 + [np.nan] * 5, [1.0] * 8 + [np.nan] * 3,
               [0.0] * 12 + [np.nan] * 2, [1.0] * 7 + [0.0] * 30]  # fmt: skip
    for treated, control in itertools.permutations(answers, 2):
        tilting, known, ends = tilting_of(customers(treated, control))
        for way, end in zip((APART_DOWN, APART_UP), ends, strict=True):
            assert_allclose(tilting.limits(way, 0.0), (known.ci_low, known.ci_high))
            assert_allclose(tilting.contrast(way, 1.0), end.estimate, atol=1e-12)
            if end.estimate != known.estimate:
                assert_allclose(tilting.limits(way, 1.0), (end.ci_low, end.ci_high),
                                atol=1e-12)  # fmt: skip


@pytest.mark.slow
def test_it_turns_exactly_where_the_worst_case_does():
    # All of the small tables of two groups of which some are unknown.
    shapes = [(a, b, c) for a in (0, 15) for b in (0, 4, 20) for c in (0, 1, 9)
              if a + b]  # fmt: skip
    turned = 0
    for one, other in itertools.product(shapes, shapes):
        frame = customers(*([1.0] * a + [0.0] * b + [np.nan] * c
                            for a, b, c in (one, other)))  # fmt: skip
        found = rr.probe_missing(frame, outcome="y", bounds=0.1)
        ends = rr.bound_worst_case(frame, outcome="y", lowest=0, highest=1)
        assert (found.worst_ci_low <= found.worst_low) | math.isnan(found.ci_low)
        assert_allclose((found.worst_low, found.worst_high),
                        (ends.bound_low, ends.bound_high), atol=1e-12)  # fmt: skip
        if found.place in ("higher", "lower"):
            low, high = ends.ci_low, ends.ci_high
            turns = low <= 0.1 if found.place == "higher" else high >= -0.1
            assert found.turns == turns
            turned += turns
        assert found.turns == (found.turns_to != "")
        assert found.turns != math.isnan(found.tipping_point)
        if found.turns:
            assert found.place != found.turns_to
            for name in ("treated", "control"):
                mean = getattr(found, f"tipping_mean_{name}")
                assert math.isnan(mean) or -1e-12 <= mean <= 1.0 + 1e-12
    assert turned > 20


def test_past_the_point_it_is_turned_and_before_it_is_not():
    for seed, gap in itertools.product(range(6), (0.6, -0.6)):
        frame = draw(seed, gap=gap)
        found = rr.probe_missing(frame, outcome="y", lowest=0, highest=11, bounds=0)
        tilting, _, _ = tilting_of(frame, (0.0, 11.0))
        bounds = Bounds(0.0, 0.0, "")
        way = APART_DOWN if found.tipping_point < 0 else APART_UP
        assert (found.tipping_point < 0) == (gap > 0)
        far = abs(found.tipping_point) / max(tilting.rooms(way))
        places = [place_interval(*tilting.limits(way, far * part), bounds)
                  for part in (1 - 1e-9, 1 + 1e-5)]  # fmt: skip
        assert places == [found.place, found.turns_to]


def test_neither_the_rows_order_nor_the_unit_nor_who_is_called_treated_matters():
    frame = draw(3)
    options = {"outcome": "y", "lowest": 0, "highest": 10, "bounds": 0.1}
    found = rr.probe_missing(frame, **options)
    shuffled = rr.probe_missing(frame.sample(frac=1.0, random_state=4), **options)
    assert_allclose(shuffled.tipping_point, found.tipping_point, rtol=1e-9)
    scaled = frame.assign(y=frame["y"] * 250.0 - 1000.0)
    scaled = rr.probe_missing(
        scaled, outcome="y", lowest=-1000, highest=1500, bounds=25
    )
    assert_allclose(scaled.tipping_point, 250.0 * found.tipping_point, rtol=1e-9)
    assert_allclose(scaled.tipping_spread, found.tipping_spread, rtol=1e-9)
    turned = rr.probe_missing(
        frame, treated="no_failure", control="recovered", **options
    )
    assert_allclose(turned.tipping_point, -found.tipping_point, rtol=1e-9)
    assert_allclose(turned.tipping_mean_control, found.tipping_mean_treated)
    assert (found.place, turned.place) == ("higher", "lower")


def test_what_cannot_turn_says_so():
    nothing = rr.probe_missing(draw(missing=(0, 0)), outcome="y", bounds=0)
    assert (nothing.turns, say_tipping(nothing)) == (False, "no outcome is unknown")
    assert (nothing.worst_ci_low, nothing.worst_ci_high) == (
        nothing.ci_low, nothing.ci_high,
    )  # fmt: skip
    few = draw(n=(1000, 3000), missing=(0.002, 0.002), gap=1.5)
    found = rr.probe_missing(few, outcome="y", bounds=0)
    assert not found.turns
    assert "whatever it is, 'higher' stays" in str(found)
    open_ = rr.probe_missing(draw(n=(30, 30), gap=0.0), outcome="y", bounds=0)
    assert open_.place == CANNOT_TELL
    assert not open_.turns
    one = customers([np.nan] * 5, [1.0, 2.0, 4.0, np.nan])
    found = rr.probe_missing(one, outcome="y", lowest=0, highest=9, bounds=0)
    assert (found.place, found.turns) == (CANNOT_TELL, False)
    assert_allclose((found.worst_low, found.worst_high), (-4.0, 7.25))
    found = rr.probe_missing(customers([np.nan] * 3, [np.nan] * 2), outcome="y")
    assert "what an unknown outcome can be is not known" in found.note
    assert math.isnan(found.worst_low)


def test_what_an_unknown_outcome_can_be():
    frame = draw()
    seen = frame["y"].min(), frame["y"].max()
    found = rr.probe_missing(frame, outcome="y", bounds=0)
    assert (found.lowest, found.highest) == seen
    assert found.limits_source == "the range seen"
    found = rr.probe_missing(frame, outcome="y", bounds=0, lowest=-5)
    assert (found.lowest, found.highest) == (-5.0, seen[1])
    assert found.limits_source == "the most seen"
    with pytest.raises(ValueError, match="write the least and the most"):
        rr.probe_missing(frame, outcome="y", lowest=4.9)


def test_the_sentence():
    frame = customers([6.0] * 30 + [7.0] * 30 + [np.nan] * 40, [5.0] * 50 + [6.0] * 50)
    found = rr.probe_missing(frame, outcome="y", lowest=1, highest=7, bounds=0)
    assert say_tipping(found, unit="points").startswith(
        "the outcome is unknown for 40 of 100 recovered; 'higher' turns to 'cannot tell' "
        f"once these average {found.tipping_mean_treated:.3g} (recovered: "
        f"{-found.tipping_point:.3g} below the known) points, "
    )


def test_a_paradox_says_by_default_where_unknown_outcomes_turn_it():
    # 34 % unknown because dissatisfied: no announcement without its tilt.
    rng = np.random.default_rng(10)
    announced = 0
    for _ in range(25):
        frame, _ = dissatisfied(rng)
        found = rr.paradox(frame, outcome="y", bounds=0, limits=(1, 7))
        probe = rr.probe_missing(frame, outcome="y", bounds=0, lowest=1, highest=7)
        assert (found.ci_low, found.verdict) == (probe.ci_low, probe.verdict)
        if found.verdict != CANNOT_TELL:
            announced += 1
            assert say_tipping(probe) in found.note
            assert "'higher' turns to 'cannot tell' once these average" in found.note
        else:
            assert "unknown" not in found.note
    assert announced > 10
    table = rr.paradox_by_outcome(frame, outcomes=["y"], limits={"y": (1, 7)},
                                  bounds={"y": 0})  # fmt: skip
    assert table["note"].item() == found.note


def test_few_unknown_outcomes_need_no_word():
    few = draw(n=(1000, 3000), missing=(0.002, 0.002), gap=1.5)
    assert "unknown" not in rr.paradox(few, outcome="y", bounds=0).note
    assert "unknown" not in rr.paradox(draw(missing=(0, 0)), outcome="y").note


@pytest.mark.slow
def test_limits_under_the_true_tilt_cover_what_they_say():
    # 400 tables each, error of a share of .95 sqrt(.95 * .05 / 400) = 1.1 points.
    rng = np.random.default_rng(6)
    for n, share in (((100, 400), 0.34), ((30, 100), 0.34), ((60, 600), 0.15)):
        covered = 0
        for _ in range(400):
            treated = rng.normal(5.3, 1.2, n[0])
            treated[rng.random(n[0]) < share] = np.nan
            frame = customers(treated, rng.normal(5.3, 1.2, n[1]))
            tilting, _, _ = tilting_of(frame, (0.0, 10.6))
            # The unknown average 2 less, which nobody sees.
            far = 2.0 / max(tilting.rooms(APART_DOWN))
            low, high = tilting.limits(APART_DOWN, far)
            covered += low <= -2.0 * share <= high
        assert abs(covered / 400 - 0.95) < 3 * 0.011
