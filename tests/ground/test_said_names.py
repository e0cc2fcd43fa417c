"""Names of others in sentences: what stands on the page is what stands in the file."""

import html
import random
import re

import pytest
from hostile_texts import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from recovery_research.reports.notebook_html import Prose
from recovery_research.texts import TURNS, escape, isolate, quote_code, say, say_name

MARKED = [
    "_x_", "*gut*_sehr_", "$5 bis $10", "a`b`|c<b>d</b>", "left_", "a&amp;b", "1. first",
    "1) x", "- x", "+ x", ": x", "# x", "> x", "~~a~~", "[a](b)", "![a](b)", "\\", "a\\",
    "**", "__init__", "http://x.y/z_w_", "<http://a.b>", "a@b.de", "&copy;", "[ ] x",
    "$$x$$", "\\$x\\$", "\\(x\\)", "\\[x\\]", "|a|b|", "===", "---", "``a`` b",
    "\\begin{equation}x\\end{equation}", "没有_回答_", "استرداد *كامل*",
]  # fmt: skip
LINES = ["- **{}**, {} against {}: x. *{}.*", "- {}, {}: z.\n- next", "- Not: {}; {}."]


def show(markdown):
    """Return what a reader sees of Markdown that code has made."""
    page = Prose().write_output(markdown)
    return bare(html.unescape(re.sub(r"<[^>]+>", "", page)))


def bare(text):
    """Return a text without what nobody sees: double blanks and marks of direction."""
    return " ".join(TURNS.sub("", text).split())


def check(name):
    said = bare(say(name))
    for line in LINES:
        plain = line.replace("- ", "").replace("**", "").replace("*", "")
        places = line.count("{}")
        shown = show(line.format(*[say_name(name)] * places))
        assert shown == " ".join(plain.format(*[said] * places).split())


@pytest.mark.parametrize("name", [*MARKED, *HOSTILE])
def test_a_name_is_shown_as_it_is(name):
    check(name)


@given(st.text("\\`*_[]<>|~$#&!-+.:=()1 ab{}^@'\"/", min_size=1, max_size=9))
def test_whatever_a_name_is_made_of_it_is_shown(text):
    if text.strip():
        check(text)


@pytest.mark.slow
def test_a_thousand_notes_are_shown():
    rng = random.Random(3)
    for _ in range(1000):
        note = "".join(rng.choices("\\`*_[]<>|~$#&!-+.:()1 ab{}^/", k=9))
        said = " ".join(note.split())
        assert show(f"- **x**: y ({escape(note)}).") == f"x: y ({said})."


@pytest.mark.parametrize("name", ["a.csv", "投诉_*a*`x`$.csv", "`", "a``b`", *HOSTILE])
def test_a_files_name_is_code_whatever_it_is(name):
    plain = bare(name)
    assert show(f"The file is {quote_code(plain)}, **read**.") == (
        f"The file is {plain}, read."
    )


def test_only_names_of_ours_are_said_without_underscores():
    assert say("not_recovered") == "not recovered"
    assert say("满意度_后") == "满意度 后"
    for name in ("_x_", "a__b", "Fast_refund", "left_", "a_b*", "50_%"):
        assert say(name) == name


def test_a_name_written_from_the_right_turns_nothing_beside_it():
    assert isolate("شكر *") == "\u2068شكر *\u2069"
    assert isolate("a\u202eb") == "ab"
    assert isolate("\u2069\u202eא") == "\u2068א\u2069"
    assert isolate("没有") == "没有"
