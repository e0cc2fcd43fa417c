"""Names and texts of other people: said and shown, and never obeyed."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

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

    Parameters
    ----------
    name : object
        A name of ours such as ``not_recovered``, or one that a file gives.

    Returns
    -------
    str
        With blanks for underscores if it is all lower case and nothing but words.

    Examples
    --------
    >>> say("not_recovered"), say("_Ref#1_"), say("Fast_refund")
    ('not recovered', '_Ref#1_', 'Fast_refund')
    """
    text = str(name)
    plain = IDENTIFIER.fullmatch(text) and text == text.lower()
    return text.replace("_", " ") if plain else text


def say_name(name: object) -> str:
    r"""Return a name as it is said, with nothing that Markdown takes for its own.

    Parameters
    ----------
    name : object
        As in `say`.

    Returns
    -------
    str
        What `say` returns, its characters standing for themselves.

    Examples
    --------
    >>> say_name("not_recovered"), say_name("<b>")
    ('not recovered', '\\<b\\>')
    """
    said = escape(isolate(say(name)))
    return OPENING.sub(lambda found: f"{found[2] or ''}\\{found[1] or found[3]}", said)


def isolate(text: str) -> str:
    """Return a text whose direction of writing turns nothing beside it."""
    bare = TURNS.sub("", text)
    from_right = any(unicodedata.bidirectional(mark) in ("R", "AL") for mark in bare)
    return f"{ISOLATE}{bare}{END}" if from_right else bare


def escape(text: str) -> str:
    r"""Return a text within a line, all characters as they are in Markdown.

    Parameters
    ----------
    text : str
        Anybody's, such as a message or a column's name.

    Returns
    -------
    str
        One line: runs of blanks and line ends are one blank.

    Examples
    --------
    >>> print(escape("5 * 3_000 $"))
    5 \* 3\_000 \$
    """
    return MARKS.sub(r"\\\1", " ".join(text.split()))


def quote_code(text: str) -> str:
    """Return a text as code in Markdown, whatever backticks it has itself.

    Parameters
    ----------
    text : str
        Such as a file's name.

    Returns
    -------
    str
        Between more backticks than it has in a row.

    Examples
    --------
    >>> quote_code("a.csv"), quote_code("a`b")
    ('`a.csv`', '``a`b``')
    """
    ticks = "`" * (1 + max(map(len, re.findall(r"`+", text)), default=0))
    space = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{ticks}{space}{text}{space}{ticks}"


# ECMA-48: CSI, then strings (OSC, DCS, SOS, PM, APC) with their end, then what is left
# of a string without an end, and all other sequences. Those that begin with one
# character of C1 stay, with that written out: JSON may hold them.
_SEQUENCES = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"
    "|\x1b[\\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[ -/]*[0-~]"
)
# Control characters but tab and line's end, and what changes the order of letters,
# ends lines or cannot be encoded.
_UNFIT = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SHORT = {"\r": "\\r", "\b": "\\b", "\f": "\\f"}


def strip_sequences(text: str) -> str:
    r"""Return a text without colours, links and other orders to a terminal.

    Examples
    --------
    >>> strip_sequences("\x1b[31mred\x1b[0m, \x1b]8;;http://x\x07a link\x1b]8;;\x07")
    'red, a link'
    """
    return _SEQUENCES.sub("", text)


def calm(text: str) -> str:
    r"""Return a text that a terminal shows as it is and in its order.

    Orders to the terminal are left out; other characters that would do something are
    written as JSON and TOML have them, so that these stay what they are.

    Examples
    --------
    >>> print(calm("gnp\u202e.exe\x07 \x1b[2J"))
    gnp\u202e.exe\u0007
    """
    plain = strip_sequences(text).replace("\r\n", "\n")
    return _UNFIT.sub(lambda match: _write_code(match[0]), plain)


def _write_code(letter: str) -> str:
    return _SHORT.get(letter) or f"\\u{ord(letter):04x}"


class CalmStream:
    """A stream that everything goes through `calm` to.

    Parameters
    ----------
    stream : text file
        Where to.

    Attributes
    ----------
    bare : text file
        The same without it, for what draws on the terminal itself.
    """

    def __init__(self, stream: TextIO) -> None:
        self.bare = stream

    def write(self, text: str) -> int:
        """Write a text, calmed."""
        self.bare.write(calm(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, calmed."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        """Return what the stream itself has."""
        return getattr(self.bare, name)


def bare_stream(stream: TextIO) -> TextIO:
    """Return the stream on which moving lines can be drawn."""
    return stream.bare if isinstance(stream, CalmStream) else stream


@contextmanager
def calm_streams() -> Iterator[None]:
    """Let everything that is said in a block, by whomever, go through `calm`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (CalmStream(bare_stream(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
