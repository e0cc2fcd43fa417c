"""Every public name is in one group, and the words of the field find it."""

import importlib
from collections import Counter

import pytest

import recovery_research as rr
from recovery_research.reference import GROUPS, WORDS, search

ROOMS = ("customer_data", "plots", "studies")
PUBLIC = {*rr.__all__} | {
    f"{room}.{name}" for room in ROOMS for name in getattr(rr, room).__all__
}


def test_every_public_name_is_in_one_group():
    listed = Counter(name for names in GROUPS.values() for name in names)
    assert set(listed) == PUBLIC
    assert max(listed.values()) == 1
    verbs = {"simulate", "compare", "adjust", "follow", "diagnose", "calibrate", "read",
             "report", "plot"}  # fmt: skip
    assert verbs <= set(GROUPS)
    assert all(f"plots.{name}" in GROUPS["plot"] for name in rr.plots.__all__)


def test_every_plot_is_public():
    rooms = [importlib.import_module(f"recovery_research.plots.{name}")
             for name in ("customers", "simulated", "studies")]  # fmt: skip
    drawn = {name for room in rooms for name in vars(room) if name.startswith("plot_")}
    assert drawn == {name for name in rr.plots.__all__ if name.startswith("plot_")}


def test_words_lead_to_names_that_are_there():
    for names in WORDS.values():
        assert set(names) <= PUBLIC


@pytest.mark.parametrize(
    ("word", "first"),
    [("retention", "tabulate_survival"), ("churn", "fit_cox"),
     ("survival", "tabulate_survival"), ("Kaplan-Meier", "tabulate_survival"),
     ("cox", "fit_cox"), ("hazards", "fit_cox"), ("hazard", "fit_cox"),
     ("potential outcomes", "tabulate_forks"), ("potential", "tabulate_forks"),
     ("counterfactuals", "tabulate_forks"), ("counterfactual", "tabulate_forks"),
     ("equivalence", "paradox"), ("bootstrap", "paradox"), ("bias", "diagnose"),
     ("coverage", "diagnose"), ("power", "sample_size_for_means"),
     ("weights", "adjust"), ("AIPW", "adjust"), ("mediation", "mediate"),
     ("ancova", "compare_before_after"), ("missing data", "probe_missing"),
     ("love plot", "plots.plot_balance"), ("event study", "fit_event_study"),
     ("paradox_ratio", "paradox_ratio")],
)  # fmt: skip
def test_the_words_of_the_field_find_the_function(word, first):
    found = rr.search(word)
    assert found["name"].iloc[0] == first
    assert list(found) == ["name", "group", "summary"]
    assert found["summary"].str.len().gt(0).all()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_name_finds_itself(name):
    found = search(name)["name"].tolist()
    assert name in found[: 1 if "_" in name else 5]


@pytest.mark.parametrize("words", ["", "  ", "--"])
def test_no_word_is_refused(words):
    with pytest.raises(ValueError, match="write what you look for"):
        search(words)


def test_a_misspelt_word_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'retention'"):
        search("retentoin")
