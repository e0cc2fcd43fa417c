"""Every public name is in one group, and the words of the field find it."""

from collections import Counter

import pytest

import recovery_research as rr
from recovery_research.reference import GROUPS, WORDS, search


def test_every_public_name_is_in_one_group():
    listed = Counter(name for names in GROUPS.values() for name in names)
    assert set(listed) == set(rr.__all__)
    assert max(listed.values()) == 1


def test_words_lead_to_names_that_are_there():
    for names in WORDS.values():
        assert set(names) <= set(rr.__all__)


@pytest.mark.parametrize(
    ("word", "first"),
    [("retention", "tabulate_survival"), ("churn", "fit_cox"),
     ("survival", "tabulate_survival"), ("Kaplan-Meier", "tabulate_survival"),
     ("cox", "fit_cox"), ("hazards", "fit_cox"),
     ("potential", "tabulate_forks"), ("counterfactuals", "tabulate_forks"),
     ("equivalence", "paradox"), ("ancova", "compare_before_after"),
     ("missing data", "probe_missing"), ("AIPW", "adjust"), ("coverage", "diagnose"),
     ("paradox_ratio", "paradox_ratio")],
)  # fmt: skip
def test_the_words_of_the_field_find_the_function(word, first):
    found = rr.search(word)
    assert first in found["name"].tolist()[:3]
    assert list(found) == ["name", "group", "summary"]
    assert found["summary"].str.len().gt(0).all()


@pytest.mark.parametrize("name", sorted(rr.__all__))
def test_every_name_finds_itself(name):
    assert name in search(name)["name"].tolist()[:5]


@pytest.mark.parametrize("words", ["", "  ", "--"])
def test_no_word_is_refused(words):
    with pytest.raises(ValueError, match="write what you look for"):
        search(words)


def test_a_misspelt_word_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'retention'"):
        search("retentoin")
