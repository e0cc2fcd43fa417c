"""Drawings (SVG) without scripts, animations and addresses.

What is clean stays as it is, to the byte. Where a drawing holds anything else it is
written anew from what may stay.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from html import escape
from urllib.parse import unquote_to_bytes
from xml.parsers.expat import ExpatError, ParserCreate

from recovery_research.reports.allowed_html import (
    ATTRIBUTES,
    HTML_TAGS,
    SVG_TAGS,
    VOID_TAGS,
    SheetCleaner,
    clean_declarations,
)
from recovery_research.reports.formatting import name_address

REMOTE_PICTURE = "a picture that is not in the notebook"
NO_DESCRIPTION = "Figure without a description"
NO_DRAWING = "a drawing that is not valid SVG"
UNREADABLE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="360" height="40">'
    '<text x="10" y="25">This drawing was not valid SVG.</text></svg>\n'
)
_SVG = "http://www.w3.org/2000/svg"
_HTML = "http://www.w3.org/1999/xhtml"
_XLINK = "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"
# Descriptions of the file for archives; nothing of them is drawn.
_SILENT = re.compile(
    r"http://(www\.w3\.org/1999/02/22-rdf-syntax-ns#|purl\.org/dc/|"
    r"(web\.resource|creativecommons)\.org/)"
)
_NAMED = {
    **dict.fromkeys(["script", "handler", "listener"], "a script"),
    **dict.fromkeys(["animate", "animateMotion", "animateTransform"], "an animation"),
    **dict.fromkeys(["set", "animateColor", "discard"], "an animation"),
    **dict.fromkeys(["iframe", "object", "embed"], "a frame"),
    "audio": "a sound",
    "video": "a film",
}
# A drawing is a picture of its own, and may hide parts of itself.
_MORE_TAGS = frozenset(["style", "title"])
_MORE_ATTRIBUTES = frozenset(
    ["display", "visibility", "overflow", "pointer-events", "cursor", "media"]
)
_REACHES_OUT = re.compile(
    r"@import|\\|image-set|src\s*\(|"
    r"url\s*\(\s*['\"]?\s*(?!#|data:(image/(png|jpeg|gif|webp)|font/))",
    re.IGNORECASE,
)
_RASTER = re.compile(r"\s*data:image/(png|jpeg|gif|webp|bmp)[;,]", re.IGNORECASE)
_LINK = re.compile(r"(https?:|mailto:|#)", re.IGNORECASE)
_DATA = re.compile(r"data:image/svg\+xml(;[\w=.-]+)*?(;base64)?,", re.IGNORECASE)


class DrawingError(ValueError):
    """A text is no SVG."""


def clean_svg(svg: str, notes: list[str]) -> str:
    """Return a drawing without what could run or reach out."""
    svg = svg.lstrip("\ufeff \t\r\n")
    reader = _Reader()
    parser = ParserCreate(encoding="utf-8", namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.say
    parser.EntityDeclHandler = _refuse
    parser.ProcessingInstructionHandler = reader.instruct
    parser.StartDoctypeDeclHandler = reader.declare_type
    parser.XmlDeclHandler = reader.declare_xml
    parser.buffer_text = True
    try:
        parser.Parse(svg.encode(), True)
    except (ExpatError, UnicodeEncodeError) as error:
        raise DrawingError(str(error)) from None
    if reader.root != "svg":
        raise DrawingError(f"it begins with {reader.root!r}")
    notes += reader.notes
    return reader.write() if reader.changed else svg


def clean_picture(address: str, notes: list[str]) -> str:
    """Return the address of a picture; that of a drawing with a clean one."""
    found = _DATA.match(address)
    if found is None:
        return address
    try:
        content = unquote_to_bytes(address[found.end() :])
        svg = (base64.b64decode(content) if found[2] else content).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise DrawingError(str(error)) from None
    cleaned = clean_svg(svg, notes)
    return address if cleaned == svg else write_address(cleaned)


def write_address(svg: str) -> str:
    """Return the ``data:`` address of a drawing."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _refuse(*_: object) -> None:
    raise DrawingError("it defines entities")


@dataclass
class _Reader:
    """Hears a drawing piece by piece, and writes what may stay."""

    notes: list[str] = field(default_factory=list)
    root: str = ""
    changed: bool = False
    _written: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)  # empty for what is left out
    _silent: int = 0  # depth of the element whose contents are left out
    _css: list[str] | None = None

    def write(self) -> str:
        return "".join(self._written) + "\n"

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        self.root = self.root or local
        depth = len(self._open) + 1
        if self._silent:
            self._open.append("")
            # Within descriptions nothing that is drawn is expected.
            self.changed |= space in (_SVG, _HTML, "")
            return
        known = SVG_TAGS | _MORE_TAGS if space in (_SVG, "") else frozenset()
        known = HTML_TAGS - {"img"} if space == _HTML else known
        if local not in known:
            self._silent = depth
            self._open.append("")
            described = local == "metadata" or _SILENT.match(space)
            self.changed |= not described
            if not described:
                self._note_tag(space, local)
            return
        self.changed |= space == ""
        if local == "style":
            self._css = []
        shown = self._write_attributes(space, local, attributes)
        if depth == 1:
            shown = f' xmlns="{_SVG}" xmlns:xlink="{_XLINK}"{shown}'
        elif space == _HTML:
            shown = f' xmlns="{_HTML}"{shown}'
        self._written.append(f"<{local}{shown}>")
        self._open.append(local)

    def end(self, _: str) -> None:
        name, depth = self._open.pop(), len(self._open) + 1
        if self._silent:
            self._silent = 0 if self._silent == depth else self._silent
            return
        if self._css is not None:
            self._written.append(self._clean_sheet("".join(self._css)))
            self._css = None
        if name not in VOID_TAGS:
            self._written.append(f"</{name}>")
        else:
            self._written[-1] = f"{self._written[-1][:-1]}/>"

    def say(self, text: str) -> None:
        if self._css is not None:
            self._css.append(text)
        elif not self._silent:
            self._written.append(escape(text, quote=False))

    def instruct(self, target: str, _: str) -> None:
        self.changed = True
        if target == "xml-stylesheet":
            self.notes.append("a style from another address")

    def declare_type(self, _name, _system, _public, has_subset) -> None:
        self.changed |= bool(has_subset)

    def declare_xml(self, _version, encoding, _standalone) -> None:
        self.changed |= encoding is not None and encoding.lower() != "utf-8"

    def _note_tag(self, space: str, local: str) -> None:
        if space in (_SVG, _HTML, ""):
            self.notes.append(_NAMED.get(local, f"<{local[:30]}> of a drawing"))

    def _clean_sheet(self, css: str) -> str:
        if not _REACHES_OUT.search(css):
            return escape(css, quote=False)
        self.changed = True
        cleaner = SheetCleaner("")
        cleaned = cleaner.clean(css)
        self.notes += cleaner.notes
        return escape(cleaned, quote=False)

    def _write_attributes(
        self, space: str, local: str, attributes: dict[str, str]
    ) -> str:
        written = []
        for full, value in attributes.items():
            kept = self._keep_attribute(space, local, full, value)
            if kept is None:
                self.changed = True
            else:
                written.append(f' {kept[0]}="{escape(kept[1])}"')
        return "".join(written)

    def _keep_attribute(
        self, space: str, local: str, full: str, value: str
    ) -> tuple[str, str] | None:
        where, _, name = full.rpartition(" ")
        if name == "href" and where in ("", _XLINK):
            kept = self._may_refer(local, value)
            return (f"xlink:{name}" if where else name, value) if kept else None
        if where == _XML and name in ("space", "lang"):
            return f"xml:{name}", value
        if where or not self._is_known(space, local, name):
            if name.lower().startswith("on"):
                self.notes.append("a script")
            return None
        if name not in {"style", *ATTRIBUTES["svg"]} or not _REACHES_OUT.search(value):
            return name, value
        self.changed = True
        self.notes.append(REMOTE_PICTURE)
        return (name, clean_declarations(value)[0]) if name == "style" else None

    def _may_refer(self, local: str, value: str) -> bool:
        if value.startswith("#"):
            return True
        if local == "a":
            return _LINK.match(value) is not None
        if local in ("image", "feImage") and _RASTER.match(value):
            return True
        self.notes.append(name_address(REMOTE_PICTURE, value))
        return False

    @staticmethod
    def _is_known(space: str, local: str, name: str) -> bool:
        if name.startswith(("data-", "aria-")) or name in ATTRIBUTES["*"]:
            return True
        if space == _HTML:
            return name in ATTRIBUTES.get(local, ()) and name not in ("src", "href")
        return (
            name in _MORE_ATTRIBUTES
            or name in ATTRIBUTES.get(local, ATTRIBUTES["svg"])
            or (local == "style" and name == "type")
        )
