"""What a survey of simulated customers announces, and the sentences beside its numbers."""

import itertools
import math

import pandas as pd
import pytest

import recovery_research as rr
from recovery_research.studies import surveys

PARTS = ("gap", "recovery", "who")
# Estimate and limits: below zero, about it, above it, the same for all, and none.
SIGNS = {
    "less": (-4.0, -6.0, -2.0), "unsure": (1.0, -2.0, 4.0), "more": (3.0, 1.0, 5.0),
    "flat": (0.0, math.nan, math.nan), "none": (math.nan, math.nan, math.nan),
}  # fmt: skip


def make_parts(gap, did, who, *, world="evidence", note=""):
    rows = [
        {"world": world, "group": "recovered", "part": part, "note": note}
        | dict(zip(("estimate", "ci_low", "ci_high"), SIGNS[sign], strict=True))
        for part, sign in zip(PARTS, (gap, did, who), strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("did", SIGNS)
def test_what_failure_did_is_said_as_its_interval_lies(did):
    said = surveys.say_effects(make_parts("unsure", did, "unsure"))
    assert ("spends less for having been failed" in said) == (did == "less")
    assert ("spends more for having been failed" in said) == (did == "more")
    assert ("cannot tell whether" in said) == (did in ("unsure", "flat"))
    assert ("nothing can be told" in said) == (did == "none")


@pytest.mark.parametrize("who", ["less", "unsure", "more", "flat"])
def test_selection_is_said_as_its_interval_lies(who):
    said = surveys.say_selection(make_parts("less", "less", who))
    assert ("spent more anyway" in said) == (who == "more")
    assert ("spent less anyway" in said) == (who == "less")
    assert ("cannot be told from none" in said) == (who in ("unsure", "flat"))


def test_a_survey_that_cannot_tell_does_not_announce_that_there_is_none():
    # At 40,000 customers it said "would announce no paradox: +12 (-0.3 to +24)".
    found = {}
    for gap, did in itertools.product(("less", "unsure", "more"), ("less", "more")):
        parts = make_parts(gap, did, "unsure")
        rows = [
            surveys.find_gap_part(parts, world="evidence", part=each)
            for each in ("gap", "recovery")
        ]
        found[gap] = surveys.say_survey(*rows)
        assert f"{SIGNS[did][0]:+.2f}" in found[gap]
    assert "would announce no paradox (they spend less)" in found["less"]
    assert (
        "could not tell a paradox from none: +1.00 (-2.00 to +4.00)" in found["unsure"]
    )
    assert "would announce a paradox:" in found["more"]
    assert "nothing can be told" in surveys.say_survey(None, None)


@pytest.mark.parametrize("did", ["less", "unsure", "more", "flat", "none"])
def test_a_careless_comparison_fakes_a_paradox_only_where_recovery_does_harm(did):
    parts = make_parts("unsure", did, "unsure")
    cause = surveys.find_gap_part(parts, world="evidence", part="recovery")
    row = {"world": "evidence", "estimate": 1.9, "ci_low": 1.8, "ci_high": 2.0}
    said = surveys.say_careless(pd.Series(row | {"note": ""}), cause)
    assert "**1.90 times**" in said
    assert ("It fakes a paradox" in said) == (did == "less")
    assert ("where failure and recovery cost spend" in said) == (did == "less")
    for low, high, word in ((0.8, 0.9, "no paradox"), (0.9, 1.1, "cannot tell")):
        flat = pd.Series(row | {"ci_low": low, "ci_high": high, "note": ""})
        assert word in surveys.say_careless(flat, cause)
        assert "fakes" not in surveys.say_careless(flat, cause)
    none = pd.Series(row | {"ci_low": math.nan, "note": "nobody"})
    assert "cannot be made: nobody." in surveys.say_careless(none, cause)


def test_gaps_are_told_with_what_is_doubtful_or_why_not():
    (line,) = surveys.say_gaps(make_parts("less", "more", "flat", note="only 9"))
    assert "spent -4.00 (-6.00 to -2.00) dollars" in line
    assert "did +3.00 (+1.00 to +5.00); +0.00 (no interval) is who" in line
    assert line.endswith("*Only 9.*")
    (line,) = surveys.say_gaps(make_parts("none", "none", "none", note="1 is too few"))
    assert "cannot be told: 1 is too few." in line


@pytest.fixture(scope="module")
def rare():
    """A world in which next to nobody who is failed is made good."""
    return rr.Experiment(
        world=rr.load_world("claims"),
        policies=rr.choose_policies(["c_you_owe_us"]),
        population=rr.load_population("webshop"),
        n_customers=3000,
        weeks=66.0,
        seed=5,
    )


def test_a_group_of_hardly_anybody_is_noted_and_stops_nothing(rare):
    table = surveys.decompose_gaps({"claims": rare})
    alone = table[table["estimate"].isna()]
    for row in alone.itertuples():
        assert "at least 2 are needed" in row.note
    told = table.dropna(subset=["estimate"])
    assert (told.loc[told["n_group"] < 30, "note"] != "").all()
    flat = told[told["std_error"] == 0.0]
    assert flat["ci_low"].isna().all()
    assert flat["note"].str.contains("the same for all").all()


def test_what_is_the_same_for_all_has_no_interval():
    # Twelve customers whose spend no failure changed say little of the thirteenth.
    parts = make_parts("less", "more", "more").assign(std_error=[1.0, 0.0, 1.0])
    for n, few in ((12, True), (40, False)):
        table = surveys.doubt_parts(parts.assign(n_group=n))
        assert table["ci_low"].isna().tolist() == [False, True, False]
        assert table["ci_high"].isna().tolist() == [False, True, False]
        assert table["note"].str.contains("the same for all").tolist()[1]
        assert table["note"].str.contains(f"only {n} customers").all() == few
        assert (table["note"] == "").tolist() == (
            [False] * 3 if few else [True, False, True]
        )


def test_nobody_recovered_is_an_answer(rare):
    customers = rr.tabulate_customers(rr.simulate(rare))
    customers = customers[customers["index_outcome"] != "recovered"]
    table = surveys.announce_paradox(customers, outcomes=["followup_spend"], world="w")
    assert table["verdict"].tolist() == ["cannot be asked"]
    assert surveys.say_notes(table) == "- w, followup spend: nobody is recovered."
    empty = surveys.compare_spend(
        customers, outcome="followup_spend", groups=[], world="w"
    )
    assert len(empty) == 0
    careless = surveys.compare_carelessly({"w": customers.assign(n_recovered=0)})
    assert careless["estimate"].isna().all()
    assert "recovered" in careless["note"].iloc[0]


def test_announcements_are_worded_like_those_of_a_file(small_customers):
    customers = small_customers[small_customers["policy"] == "service"]
    outcomes = ["satisfaction_after", "followup_spend"]
    table = surveys.announce_paradox(customers, outcomes=outcomes, world="w")
    found = rr.paradox_by_outcome(customers, outcomes=outcomes)
    assert table["verdict"].tolist() == found["verdict"].tolist()
    assert table["ci_low"].tolist() == found["ci_low"].tolist()
    assert table["answer"].str.contains("paradox|tell|difference").all()
