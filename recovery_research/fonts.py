"""Fonts for the words of a figure: each letter drawn, or a number in its place."""

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

from matplotlib import font_manager
from matplotlib.axis import Axis
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator

# Of mathematics, whose letters are no letters, and one that has a box for everything.
NO_LETTERS = re.compile(r"cm[a-z]+10|STIX(NonUnicode|Size.*)|Last ?Resort.*")
PLAIN = ("normal", "normal", 400)
# Some letters are drawn otherwise in Japan and Korea than in China.
REGIONS = (("HIRAGANA", "JP"), ("KATAKANA", "JP"), ("HANGUL", "KR"), ("CJK", "SC"))


def find_letters(figure: Figure) -> str:
    """Give each text of a figure a font that has its letters."""
    for axis in figure.findobj(Axis):
        axis.get_ticklabels()  # which are blank before somebody asks
    lacking = {
        text: lack
        for text in figure.findobj(Text)
        if (lack := find_missing(text.get_text(), list_fonts(text)))
    }
    missing = frozenset().union(*lacking.values())
    if not missing:
        return ""
    families = choose_families(missing)
    for text in lacking:
        text.set_fontfamily([*text.get_fontfamily(), *families])
    left = find_missing(
        "".join(sorted(missing)), [open_family(family) for family in families]
    )
    return number_words(figure, left) if left else ""


def find_missing(text: str, fonts: Iterable[FT2Font]) -> frozenset[str]:
    """Return the letters of a text that none of some fonts has."""
    if text.isascii() or is_math_text(text):
        return frozenset()
    drawn = {mark for mark in text if not mark.isascii() and is_seen(mark)}
    for font in fonts:
        drawn = {mark for mark in drawn if not font.get_char_index(ord(mark))}
    return frozenset(drawn)


def is_seen(mark: str) -> bool:
    """Return whether a character is drawn at all, unlike marks of direction."""
    chosen = "\ufe00" <= mark <= "\ufe0f"  # how the one before it is drawn
    return not chosen and unicodedata.category(mark) not in ("Cc", "Cf", "Zl", "Zp")


def list_fonts(text: Text) -> list[FT2Font]:
    """Return the fonts that a text is drawn with, in their order."""
    found = []
    for family in text.get_fontfamily():
        wanted = text.get_fontproperties().copy()
        wanted.set_family(family)
        found.append(font_manager.get_font(font_manager.findfont(wanted)))
    return found


@cache
def open_family(family: str) -> FT2Font:
    """Return the plain font of a family."""
    wanted = font_manager.FontProperties(family=[family])
    return font_manager.get_font(font_manager.findfont(wanted))


def choose_families(missing: frozenset[str]) -> list[str]:
    """Return installed families that between them have as many letters as can be."""
    chosen: list[str] = []
    left = missing
    for family in sorted(list_families(), key=lambda name: rank(name, missing)):
        if not left:
            break
        rest = left
        with suppress(OSError, RuntimeError):  # a font may be damaged
            rest = find_missing("".join(sorted(left)), [open_family(family)])
        if rest < left:
            chosen.append(family)
            left = rest
    return chosen


def list_families() -> set[str]:
    """Return the families of plain letters that matplotlib has found."""
    return {
        entry.name
        for entry in font_manager.fontManager.ttflist
        if (entry.style, entry.stretch, entry.weight) == PLAIN
        and not NO_LETTERS.fullmatch(entry.name)
    }


def rank(family: str, missing: frozenset[str]) -> tuple:
    """Return a key by which the fittest family comes first."""
    scripts = {unicodedata.name(mark, "").partition(" ")[0] for mark in missing}
    region = next((name for script, name in REGIONS if script in scripts), "")
    named = bool(region) and family.endswith(f" {region}")
    return not named, "Sans" not in family, "Mono" in family, len(family), family


def number_words(figure: Figure, left: frozenset[str]) -> str:
    """Put numbers in place of words that cannot be drawn; say which."""
    marks = "".join(map(re.escape, sorted(left)))
    word = re.compile(rf"[{marks}](?:\s*[{marks}])*")
    numbers: dict[str, int] = {}

    def put(text: str) -> str:
        return word.sub(
            lambda found: f"[{numbers.setdefault(found[0], len(numbers) + 1)}]", text
        )

    for axis in figure.findobj(Axis):
        labels = [each.get_text() for each in axis.get_ticklabels()]
        if put("\n".join(labels)) != "\n".join(labels):
            axis.set_major_locator(FixedLocator([*axis.get_majorticklocs()]))
            axis.set_major_formatter(FixedFormatter([*map(put, labels)]))
    for text in figure.findobj(Text):
        text.set_text(put(text.get_text()))
    told = ", ".join(f"[{number}] {said}" for said, number in numbers.items())
    return f"Numbers stand for words of which this computer has no font: {told}."
