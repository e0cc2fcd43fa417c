"""Verdicts in words: every question, place, direction; no two of them at odds."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from true_words import allowed_words, untrue_words

from recovery_research.analysis.verdicts import (
    DIRECTIONS,
    TOPICS,
    Bounds,
    decide,
    place_interval,
    word_verdict,
)

# Lopsided on purpose; every place an interval can have, limits on a bound included.
BOUNDS = (Bounds(-2.0, 3.0, ""), Bounds(0.0, 0.0, ""), Bounds(-1.0, 0.0, ""))
ENDS = (-math.inf, -9.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 2.9, 3.0, 3.1, 9.0, math.inf)
INTERVALS = [
    *itertools.combinations_with_replacement(ENDS[1:-1], 2),
    (-math.inf, 0.0), (3.5, math.inf), (-math.inf, math.inf), (math.nan, math.nan),
    (math.nan, 1.0), (-5.0, math.nan),
]  # fmt: skip
CASES = list(itertools.product(TOPICS, INTERVALS, BOUNDS, DIRECTIONS))


def turn(low, high, bounds):
    """Return an interval and its bounds as seen from the other side."""
    return -high, -low, Bounds(-bounds.high, -bounds.low, "")


@pytest.mark.parametrize("topic", TOPICS)
def test_nothing_is_said_that_is_not_true_of_the_whole_interval(topic):
    for _, (low, high), bounds, better in (c for c in CASES if c[0] == topic):
        found = word_verdict(topic, low, high, bounds, better)
        true = allowed_words(low, high, bounds, better)
        case = (topic, low, high, bounds, better, found)
        assert untrue_words(found.answer, true) == [], case
        assert not found.reading or found.reading in true, case
        assert found.verdict in true or found.verdict in (
            "paradox", "no paradox", "no difference worth naming", "cannot tell",
        ), case  # fmt: skip
        if found.verdict == "no difference worth naming":
            assert {"not higher", "not lower"} <= true, case
        assert ("better" in found.answer.partition(";")[0]) <= bool(better), case
        assert ("worse" in found.answer) <= bool(better), case


def test_a_paradox_is_announced_of_its_own_question_alone_and_with_a_direction():
    for topic, (low, high), bounds, better in CASES:
        found = word_verdict(topic, low, high, bounds, better)
        if topic != "paradox" or not better:
            assert "paradox" not in found.verdict
            assert "paradox" not in found.answer
            assert found.verdict == place_interval(low, high, bounds)
            continue
        seen = (low, high, bounds) if better == "high" else turn(low, high, bounds)
        assert found.verdict == decide(*seen)
        assert found.answer.startswith("a paradox: ") == (found.verdict == "paradox")
        assert ("no paradox: " in found.answer) == (found.verdict == "no paradox")


def test_turned_round_with_its_direction_a_difference_means_the_same():
    for topic, (low, high), bounds, better in CASES:
        here = word_verdict(topic, low, high, bounds, better)
        other = {"high": "low", "low": "high", "": ""}[better]
        there = word_verdict(topic, *turn(low, high, bounds), other)
        if better:
            assert here.reading == there.reading
        swap = {"higher": "lower", "lower": "higher"}
        bare = here.verdict.removeprefix("not ")
        if bare in swap:
            assert there.verdict == here.verdict.replace(bare, swap[bare])
        else:
            assert there.verdict == here.verdict


@given(
    st.floats(-10, 10), st.floats(0, 5), st.floats(0, 3), st.floats(0, 3),
    st.sampled_from(TOPICS), st.sampled_from(DIRECTIONS),
)  # fmt: skip
def test_the_nearer_interval_says_no_less(middle, reach, low, high, topic, better):
    # A narrower interval about the same estimate never takes back what was said.
    bounds = Bounds(-low, high, "")
    wide = word_verdict(topic, middle - reach, middle + reach, bounds, better)
    near = allowed_words(middle - reach / 2, middle + reach / 2, bounds, better)
    assert not wide.reading or wide.reading in near


def test_each_question_is_answered_in_its_own_words():
    worse, bounds = (0.10, 0.20), Bounds(-0.01, 0.01, "")
    said = {t: word_verdict(t, *worse, bounds, "low").answer for t in TOPICS}
    much = "worse off, that is higher, by more than is worth naming"
    assert said == {
        "paradox": f"no paradox: {much}",
        "made good": f"whether it was made good matters: {much}",
        "failed recovery": f"yes: {much}",
        "silent": much,
        "answer": "higher by more than is worth naming, which is worse",
    }
    nobody = word_verdict("paradox", *worse, bounds, "").answer
    assert nobody.endswith("; whether that is better, the mapping does not say")
    alike = word_verdict("made good", -0.001, 0.002, bounds, "high").answer
    assert alike.startswith("whether it was made good matters little: no difference")


def test_a_strange_topic_or_direction_is_refused():
    for topic, better in (("Paradox", "high"), ("paradox", "up")):
        with pytest.raises(ValueError, match="better one of"):
            word_verdict(topic, 0.0, 1.0, BOUNDS[0], better)
