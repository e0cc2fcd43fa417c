"""HTML written anew: closed, shallow, and without what a page cannot show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from recovery_research.reporting.allow_lists import (
    HTML_TAGS,
    MATH_TAGS,
    RENAMED_TAGS,
    SVG_BY_LOWER,
    VOID_TAGS,
)
from recovery_research.reporting.drawings import (
    NO_DESCRIPTION,
    NO_DRAWING,
    REMOTE_PICTURE,
    DrawingError,
    clean_picture,
)
from recovery_research.reporting.markup import Tag, read_markup
from recovery_research.reporting.stylesheets import clean_declarations
from recovery_research.reporting.wording import name_address

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
        """Return the HTML with every tag closed, as far as tags are let through.

        Parameters
        ----------
        html : str
            Any text.

        Returns
        -------
        str
        """
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
