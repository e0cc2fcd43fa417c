"""The world of the evidence follows the pattern of the studies, line by line."""

import pandas as pd
import pytest

import recovery_research as rr
from recovery_research.calibration import stylized_facts


@pytest.fixture(scope="module")
def evidence():
    return rr.check_targets(rr.load_world("evidence"), n_customers=12_000, seed=3)


LINES = [
    "above no failure after a mild first failure and a top",
    "not above after a grave first failure",
    "not above after a mild first failure and an apology",
    "spend is not above",
    "retention is not above",
    "word of mouth is not above",
    "below after a second failure",
    "less trust than silence",
    "below no failure at 42%",
    "near no failure at 80%",
    "above no failure at 118%",
    "prior orders buffer",
    "a complaint aggravates",
]


@pytest.mark.parametrize("words", LINES)
def test_the_evidence_world_follows(evidence, words):
    row = evidence[evidence["statement"].str.contains(words, regex=False)]
    assert len(row) == 1
    assert row["holds"].item(), row.to_string()


def test_no_line_is_left_out(evidence):
    assert len(evidence) == len(LINES)


def test_the_world_of_the_claims_does_not_follow_it():
    # A check that nothing could fail would be none: where gains are spent, the lines
    # on behaviour must break.
    table = rr.check_targets(
        rr.load_world("claims"), against="evidence", n_customers=6000
    )
    broken = table.loc[~table["holds"], "statement"]
    for words in ("spend is not above", "retention is not above"):
        assert broken.str.contains(words).any()


def test_intervals_are_read_the_right_way_round():
    assert stylized_facts.is_positive(0.1, 0.3)
    assert not stylized_facts.is_positive(-0.1, 0.3)
    assert stylized_facts.is_negative(-0.3, -0.1)
    assert not stylized_facts.is_negative(-0.3, 0.1)
    assert stylized_facts.is_not_positive(-0.1, 0.3)
    assert not stylized_facts.is_not_positive(0.1, 0.3)
    assert stylized_facts.is_near_zero(-0.09, 0.09)
    assert not stylized_facts.is_near_zero(-0.09, 0.11)
    assert not stylized_facts.is_near_zero(-0.11, 0.09)


def test_severity_is_picked_on_one_way_and_kept_on_both():
    forks = pd.DataFrame(
        {
            "way": ["no_failure"] * 3 + ["recovered"] * 3,
            "customer": [1, 2, 3, 1, 2, 3],
            "index_severity": [None, None, None, 0.1, 0.4, 0.9],
        }
    )
    kept = stylized_facts.pick(forks, "recovered", least=0.3, most=0.7)
    assert kept["customer"].tolist() == [2, 2]


def test_a_world_of_another_name_must_say_what_it_is_held_against():
    world = rr.load_world("evidence").but("mine", hurt=0.5)
    with pytest.raises(ValueError, match=r"against is one of \['claims', 'evidence'\]"):
        rr.check_targets(world)
