"""HTML read as texts and tags, in one pass, however broken it is.

Every character is looked at a bounded number of times, and nothing is swallowed: what a
browser would hide, as all that stands behind an open comment, comes out as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

# Of these the content is no HTML, or nothing that a page without scripts shows.
RAW = (
    *("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"),
    *("audio", "video", "annotation", "annotation-xml"),
)
_NAME = re.compile(r"</?([A-Za-z][^\s/>]*+)")
_ATTRIBUTE = re.compile(
    r"""[\s/]*+(=?[^\s/>=]++)"""
    r"""(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)|(?=>)))?"""
)
_END = re.compile(r"\s*+(/?)[\s/]*+>")
_RAW_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in RAW}


@dataclass(slots=True)
class Tag:
    """A tag.

    Attributes
    ----------
    name : str
        In lower case.
    attributes : dict of str to str
        Names in lower case, values without entities; of two the first.
    ends : bool
        Whether it is an end tag.
    alone : bool
        Whether it closes itself.
    raw : str
        What stands up to its end tag, where that is no HTML.
    """

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    ends: bool = False
    alone: bool = False
    raw: str = ""


def read_markup(html: str) -> Iterator[str | Tag]:
    """Read HTML as texts, with their entities, and tags.

    Parameters
    ----------
    html : str
        Any text.

    Yields
    ------
    str or Tag
        Comments and declarations are passed over.
    """
    place, length = 0, len(html)
    last = html.rfind(">")
    endless: set[str] = set()  # what has no end, so that it is looked for once
    while place < length:
        start = html.find("<", place)
        if start < 0 or start > last:
            yield html[place:]
            return
        if start > place:
            yield html[place:start]
        if _NAME.match(html, start) is None:
            skipped = _skip(html, start, endless)
            if skipped is None:
                yield "<"
                place = start + 1
            else:
                text, place = skipped
                yield text
            continue
        tag, place = _read_tag(html, start)
        if tag is None:  # it has no end, and then nor has any behind it
            yield html[start:]
            return
        if tag.name in RAW and not tag.ends and not tag.alone:
            place = _read_raw(tag, html, place, endless)
        yield tag


def strip_tags(html: str) -> str:
    """Return the text of HTML; of an equation, its TeX.

    Parameters
    ----------
    html : str
        HTML.

    Returns
    -------
    str
    """
    pieces, in_math = [], False
    for part in read_markup(html):
        if isinstance(part, str):
            pieces += [] if in_math else [unescape(part)]
        elif part.name == "math":
            in_math = not part.ends
            pieces.append(part.attributes.get("alttext", ""))
    return "".join(pieces).strip()


def _skip(html: str, start: int, endless: set[str]) -> tuple[str, int] | None:
    """Return the text and the end of what is no tag, or None if it is only text."""
    if html.startswith("<!--", start):
        return _skip_to(html, start + 2, "-->", endless)
    if html.startswith("<![CDATA[", start):
        found = _skip_to(html, start + 9, "]]>", endless)
        if found is None:
            return None
        inside = html[start + 9 : found[1] - 3]
        return inside.replace("&", "&amp;").replace("<", "&lt;"), found[1]
    if html.startswith(("<!", "<?", "</"), start):
        return _skip_to(html, start + 2, ">", endless)
    return None


def _skip_to(
    html: str, place: int, end: str, endless: set[str]
) -> tuple[str, int] | None:
    found = -1 if end in endless else html.find(end, place)
    if found < 0:
        endless.add(end)
        return None
    return "", found + len(end)


def _read_tag(html: str, start: int) -> tuple[Tag | None, int]:
    named = _NAME.match(html, start)
    tag = Tag(named[1].lower(), ends=html[start + 1] == "/")
    place = named.end()
    while (found := _ATTRIBUTE.match(html, place)) is not None:
        name, *values = found.groups()
        name = name.lower()
        if not tag.ends and name not in tag.attributes:
            value = next((v for v in values if v is not None), "")
            tag.attributes[name] = unescape(value) if "&" in value else value
        place = found.end()
    end = _END.match(html, place)
    if end is None:
        return None, place
    tag.alone = end[1] == "/"
    return tag, end.end()


def _read_raw(tag: Tag, html: str, place: int, endless: set[str]) -> int:
    ends = _RAW_ENDS[tag.name]
    found = None if tag.name in endless else ends.search(html, place)
    if found is None:
        endless.add(tag.name)
        return place
    tag.raw = html[place : found.start()]
    return html.find(">", found.end()) + 1 or found.end()
