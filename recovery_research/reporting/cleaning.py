"""HTML from notebooks without anything that could run, reach out, hide or cover.

Two walls, which do not depend on each other, before the third, the page's content
security policy. `Sieve` reads the HTML once, takes out what a page cannot show, says
so, and writes the rest with every tag closed and nothing nested deep. A sanitiser (nh3)
then parses that as browsers do and lets through what `allow_lists` name. Without the
first, nested tags would cost the second time with the square of their number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import nh3

from recovery_research.reporting.allow_lists import (
    ATTRIBUTE_PREFIXES,
    ATTRIBUTES,
    LARGEST_LENGTH,
    PROPERTIES,
    SVG_TAGS,
    TAGS,
)
from recovery_research.reporting.sieve import Sieve
from recovery_research.reporting.stylesheets import (
    LONGEST_SHEET,
    SheetCleaner,
    clean_declarations,
)

MOST_TAGS = 500_000
MOST_NOTES = 8
_SAFE_LINK = re.compile(r"(https?:|mailto:|#)", re.IGNORECASE)
_SAFE_PICTURE = re.compile(
    r"data:image/(png|jpeg|gif|webp|bmp|svg\+xml)[;,]", re.IGNORECASE
)
_CLICKED = frozenset(["a", "area"])
_LINKS = frozenset(["href", "xlink:href"])
_URL = re.compile(r"url\s*\(\s*(?!['\"]?#)|\\", re.IGNORECASE)
_NUMBER = re.compile(r"\s*([-+]?[\d.]+(?:e[-+]?\d+)?)", re.IGNORECASE)


@dataclass
class Cleaner:
    """Cleans the pieces of one page, and remembers what it left out.

    Attributes
    ----------
    tags_left, styles_left : int
        How many tags and characters of style sheets the page still takes, so that it
        opens in any browser.
    notes : list of str
        What was left out since they were last taken, in words, one for each.
    """

    tags_left: int = MOST_TAGS
    styles_left: int = LONGEST_SHEET
    notes: list[str] = field(default_factory=list)
    _n_parts: int = 0

    def clean(self, html: str, pictures: Mapping[str, str] | None = None) -> str:
        """Clean a piece of HTML.

        Parameters
        ----------
        html : str
            A piece of a page.
        pictures : mapping of str to str, optional
            Names of pictures pasted into a cell, and their ``data:`` addresses.

        Returns
        -------
        str
            The piece, with every tag closed.
        """
        sieve = Sieve(pictures or {}, self.tags_left)
        balanced = sieve.sift(html)
        self.tags_left = max(0, self.tags_left - sieve.n_tags)
        self.notes += sieve.notes
        cleaned = _sanitise(balanced)
        css = self._clean_sheets(sieve.sheets) if sieve.sheets else ""
        if not css:
            return cleaned
        return f'<div id="part-{self._n_parts}"><style>{css}</style>{cleaned}</div>'

    def take_notes(self) -> list[str]:
        """Return what was left out since the last time, each thing once.

        Returns
        -------
        list of str
        """
        counted = Counter(self.notes)
        self.notes = []
        said = [f"{note} ({n} times)" if n > 1 else note for note, n in counted.items()]
        if len(said) > MOST_NOTES:
            said[MOST_NOTES:] = [f"{len(said) - MOST_NOTES} more things"]
        return said

    def _clean_sheets(self, sheets: list[str]) -> str:
        self._n_parts += 1
        cleaner = SheetCleaner(f"#part-{self._n_parts}", left=self.styles_left)
        css = "\n".join(filter(None, map(cleaner.clean, sheets)))
        self.styles_left = cleaner.left
        self.notes += cleaner.notes
        return css


def clean_html(html: str) -> str:
    """Return HTML with scripts, handlers, frames, forms and addresses taken out.

    Links to other pages stay; they are followed only when clicked.

    Parameters
    ----------
    html : str
        A piece of a page.

    Returns
    -------
    str
        The piece, with every tag closed.

    Examples
    --------
    >>> clean_html('<i onclick="steal()">still</i> <b>kept')
    '<i>still</i> <b>kept</b>'
    """
    return Cleaner().clean(html)


def say_left_out(notes: Sequence[str]) -> str:
    """Write for the page what was left out of it.

    Parameters
    ----------
    notes : sequence of str
        What, in words.

    Returns
    -------
    str
        HTML; empty if nothing was.
    """
    if not notes:
        return ""
    return f'<p class="left-out">Left out: {escape("; ".join(notes))}.</p>'


def _sanitise(html: str) -> str:
    return nh3.clean(
        html,
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        generic_attribute_prefixes=ATTRIBUTE_PREFIXES,
        attribute_filter=_filter_attribute,
        filter_style_properties=set(PROPERTIES),
        clean_content_tags={"script", "style"},
        url_schemes={"http", "https", "mailto", "data"},
        link_rel=None,
    )


def _filter_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "style":
        return clean_declarations(value)[0] or None
    if name == "src" or (name in _LINKS and tag == "image"):
        return value if _SAFE_PICTURE.match(value) else None
    if name in _LINKS:
        local = value.startswith("#")
        return value if local or (tag in _CLICKED and _SAFE_LINK.match(value)) else None
    if tag in SVG_TAGS and _URL.search(value):
        return None
    if name in ("width", "height", "border") and _is_large(value):
        return None
    return value


def _is_large(value: str) -> bool:
    found = _NUMBER.match(value)
    return found is not None and float(found[1]) > LARGEST_LENGTH
