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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape, unescape

import nh3

from recovery_research.reports.allowed_html import (
    ATTRIBUTE_PREFIXES,
    ATTRIBUTES,
    HTML_TAGS,
    LARGEST_LENGTH,
    LONGEST_SHEET,
    MATH_TAGS,
    PROPERTIES,
    RENAMED_TAGS,
    SVG_BY_LOWER,
    SVG_TAGS,
    TAGS,
    VOID_TAGS,
    SheetCleaner,
    clean_declarations,
)
from recovery_research.reports.drawings import (
    NO_DESCRIPTION,
    NO_DRAWING,
    REMOTE_PICTURE,
    DrawingError,
    clean_picture,
)
from recovery_research.reports.formatting import name_address

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
        """Clean a piece of HTML."""
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
        """Return what was left out since the last time, each thing once."""
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

    Examples
    --------
    >>> clean_html('<i onclick="steal()">still</i> <b>kept')
    '<i>still</i> <b>kept</b>'
    """
    return Cleaner().clean(html)


def say_left_out(notes: Sequence[str]) -> str:
    """Write for the page what was left out of it."""
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


DEEPEST = 200
HTML, SVG, MATH = "html", "svg", "math"
_ROOTS = {"svg": SVG, "math": MATH, "foreignobject": HTML}
_NOTED = {
    "script": "a script",
    "iframe": "a frame",
    "frame": "a frame",
    "object": "an embedded object",
    "embed": "an embedded object",
    "applet": "an embedded object",
    "audio": "a sound",
    "video": "a film",
    "canvas": "a drawing that a script makes",
    "form": "a form",
    "input": "an input field",
    "select": "an input field",
    "textarea": "an input field",
    "button": "a button",
    "base": "a change of all addresses",
    "animate": "an animation",
    "animatemotion": "an animation",
    "animatetransform": "an animation",
    "set": "an animation",
}
# A start tag that closes these, as authors leave their end tags out.
_CELLS = {"td", "th"}
_ROWS = {*_CELLS, "tr", "thead", "tbody", "tfoot"}
_BLOCKS = (
    *("address", "article", "blockquote", "center", "details", "div", "dl", "figure"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hgroup", "hr", "menu", "ol", "p", "pre"),
    *("section", "table", "ul"),
)
_CLOSES = {
    **{name: {"p"} for name in _BLOCKS},
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "td": _CELLS,
    "th": _CELLS,
    "tr": {*_CELLS, "tr"},
    "thead": _ROWS,
    "tbody": _ROWS,
    "tfoot": _ROWS,
}
# An end tag within these closes nothing outside them.
_WALLS = frozenset(["table", "td", "th", "caption", "svg", "math", "foreignobject"])
_TABLE_PARTS = frozenset(["table", "thead", "tbody", "tfoot", "tr", "td", "th"])
_SOURCE = re.compile(r"<source\b[^>]{0,2000}?\bsrc\s*=\s*[\"']([^\"'>]{1,2000})", re.I)


@dataclass
class Sieve:
    """Writes one piece of HTML anew, and remembers what it left out.

    Attributes
    ----------
    pictures : mapping of str to str
        Names of pictures pasted into a cell, and their ``data:`` addresses.
    most_tags : int
        How many tags are let through; what stands behind them is left out.
    n_tags : int
        How many were.
    notes : list of str
        What was left out, in words, one for each.
    sheets : list of str
        Style sheets, taken out.
    """

    pictures: Mapping[str, str]
    most_tags: int
    n_tags: int = 0
    notes: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    _written: list[str] = field(default_factory=list)
    _open: list[tuple[str, str]] = field(default_factory=list)  # name, language inside

    def sift(self, html: str) -> str:
        """Return the HTML with every tag closed, as far as tags are let through."""
        for part in read_markup(html):
            if isinstance(part, str):
                self._written.append(part.replace("<", "&lt;"))
                continue
            self.n_tags += 1
            if self.n_tags > self.most_tags:
                self.notes.append(
                    "the rest of what the cell made, as the page has too many tags"
                )
                break
            if part.ends:
                self._end(part.name)
            else:
                self._start(part)
        self._close_to(0)
        return "".join(self._written)

    def _is_open(self, name: str) -> bool:
        return any(found == name for found, _ in self._open)

    def _language(self) -> str:
        return self._open[-1][1] if self._open else HTML

    def _start(self, tag: Tag) -> None:
        name = tag.name
        if name in _NOTED:
            self._note(tag)
        if name in ("style", "title", "annotation", "annotation-xml"):
            self.sheets += [tag.raw] if name == "style" else []
        elif name in ("textarea", "xmp"):
            self._write_text(tag.raw)
        elif name in ("meta", "link"):
            self._note_head(tag)
        elif name in ("select", "option", "input", "button"):
            self._written.append(" ")
        elif not self._start_foreign(tag):
            self._start_html(tag)

    def _start_foreign(self, tag: Tag) -> bool:
        """Write a tag of an equation or a drawing; return whether it was one."""
        name, inside = tag.name, self._language()
        if inside == HTML and name not in ("svg", "math"):
            return False
        known = {SVG: SVG_BY_LOWER, MATH: MATH_TAGS}.get(inside, ("svg", "math"))
        if name in known:
            self._push(tag, name, _ROOTS.get(name, inside))
            if tag.alone:
                self._end(name)
            return True
        if name in HTML_TAGS or name in RENAMED_TAGS:
            # As in browsers, HTML ends the drawing that it stands in.
            while self._open and self._language() != HTML:
                self._close_to(len(self._open) - 1)
            return False
        return True

    def _start_html(self, tag: Tag) -> None:
        name = RENAMED_TAGS.get(tag.name, tag.name)
        if name not in HTML_TAGS or (name == "a" and self._is_open("a")):
            return
        closes = _CLOSES.get(name, ())
        while self._open and self._open[-1][0] in closes:
            self._close_to(len(self._open) - 1)
        if name == "img" and not self._find_picture(tag):
            described = escape(tag.attributes.get("alt", ""), quote=False)
            self._written.append(f"<span>{described}</span>" if described else "")
            return
        self._push(tag, name, HTML)

    def _push(self, tag: Tag, name: str, inside: str) -> None:
        if name not in VOID_TAGS and len(self._open) >= DEEPEST:
            if (
                deep := f"tags that are nested more than {DEEPEST} deep"
            ) not in self.notes:
                self.notes.append(deep)
            return
        self._written.append(f"<{name}{self._write_attributes(tag)}>")
        if name not in VOID_TAGS:
            self._open.append((name, inside))

    def _write_attributes(self, tag: Tag) -> str:
        written = []
        for name, value in tag.attributes.items():
            if name.startswith("on") or '"' in name or "<" in name:
                continue
            if name == "style":
                value, addresses = clean_declarations(value)
                self._note_addresses(REMOTE_PICTURE, addresses)
            written.append(f' {name}="{escape(value)}"')
        return "".join(written)

    def _end(self, name: str) -> None:
        name = RENAMED_TAGS.get(name, name)
        for depth in range(len(self._open) - 1, -1, -1):
            found = self._open[depth][0]
            if found == name:
                self._close_to(depth)
                return
            if found in _WALLS and name not in _TABLE_PARTS:
                return

    def _close_to(self, depth: int) -> None:
        while len(self._open) > depth:
            self._written.append(f"</{self._open.pop()[0]}>")

    def _write_text(self, text: str) -> None:
        shown = text.replace("<", "&lt;")
        self._written.append(f"<pre>{shown}</pre>" if shown.strip() else "")

    def _find_picture(self, tag: Tag) -> bool:
        """Give a tag the picture that the notebook holds; return whether it does."""
        source = tag.attributes.pop("src", "").strip()
        kept = self.pictures.get(source.removeprefix("attachment:"), source)
        if kept.lower().startswith("data:image/"):
            try:
                tag.attributes["src"] = clean_picture(kept, self.notes)
            except DrawingError:
                self.notes.append(NO_DRAWING)
            else:
                tag.attributes.setdefault("alt", NO_DESCRIPTION)
                return True
        elif source or "srcset" in tag.attributes:
            self._note_addresses(REMOTE_PICTURE, [source])
        return False

    def _note(self, tag: Tag) -> None:
        asked = [tag.attributes.get(name) for name in ("src", "data", "action", "href")]
        asked += (
            _SOURCE.findall(tag.raw[:10_000]) if tag.name in ("audio", "video") else []
        )
        address = next((a for a in asked if a), "")
        self._note_addresses(_NOTED[tag.name], [address])

    def _note_head(self, tag: Tag) -> None:
        kind = tag.attributes.get("rel", "").lower()
        if "stylesheet" in kind:
            address = tag.attributes.get("href", "")
            self._note_addresses("a style from another address", [address])
        if tag.attributes.get("http-equiv", "").strip().lower() == "refresh":
            self.notes.append("a jump to another page")

    def _note_addresses(self, what: str, addresses: Sequence[str]) -> None:
        self.notes += [name_address(what, address) for address in addresses]


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
    """Read HTML as texts, with their entities, and tags."""
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
    """Return the text of HTML; of an equation, its TeX."""
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
    assert named is not None, "a tag begins here"
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
