"""Names and texts of others in sentences: said, and safe from Markdown's own marks."""

from __future__ import annotations

import re
import unicodedata

# A name of ours, or one that a mapping gives: its underscores stand for blanks.
IDENTIFIER = re.compile(r"(?=[^\W\d])[^\W_]+(_[^\W_]+)+")
# Also what makes an address a link, and a bracket an equation.
MARKS = re.compile(r"([\\`*_\[\]<>|~$#&!]|:(?=//)|(?<=\\)[()])")
# What begins an item of a list or a definition where it begins a line.
OPENING = re.compile(r"^([-+:=])|^(\d+)([.)])")

# Marks that turn the direction of whatever follows, and those that keep it within.
TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
ISOLATE, END = "\u2068", "\u2069"


def say(name: object) -> str:
    """Return an identifier as it is said, without underscores; others as they are.

    Examples
    --------
    >>> say("not_recovered"), say("_Ref#1_"), say("Fast_refund")
    ('not recovered', '_Ref#1_', 'Fast_refund')
    """
    text = str(name)
    plain = IDENTIFIER.fullmatch(text) and text == text.lower()
    return text.replace("_", " ") if plain else text


def say_name(name: object) -> str:
    """Return a name as it is said, with nothing that Markdown takes for its own."""
    said = escape(isolate(say(name)))
    return OPENING.sub(lambda found: f"{found[2] or ''}\\{found[1] or found[3]}", said)


def isolate(text: str) -> str:
    """Return a text whose direction of writing turns nothing beside it."""
    bare = TURNS.sub("", text)
    from_right = any(unicodedata.bidirectional(mark) in ("R", "AL") for mark in bare)
    return f"{ISOLATE}{bare}{END}" if from_right else bare


def escape(text: str) -> str:
    r"""Return a text within a line, its characters standing for themselves in Markdown.

    Examples
    --------
    >>> print(escape("5 * 3_000 $"))
    5 \* 3\_000 \$
    """
    return MARKS.sub(r"\\\1", " ".join(text.split()))


def quote_code(text: str) -> str:
    """Return a text as code in Markdown, whatever backticks it has itself.

    Examples
    --------
    >>> quote_code("a.csv"), quote_code("a`b")
    ('`a.csv`', '``a`b``')
    """
    ticks = "`" * (1 + max(map(len, re.findall(r"`+", text)), default=0))
    space = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{ticks}{space}{text}{space}{ticks}"
