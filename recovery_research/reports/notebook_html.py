"""Markdown of notebooks as HTML: equations as MathML, headings with anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape, unescape
from typing import ClassVar
from urllib.parse import quote
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import Converter
from nbconvert.filters.markdown_mistune import (
    IPythonRenderer,
    MarkdownWithMath,
    MathBlockParser,
    MathInlineParser,
)

from recovery_research.reports.html_cleaning import Cleaner, strip_tags

MOST_MARKDOWN = 300_000
LONGEST_PIECE = 10_000

_SAFE_ADDRESS = re.compile(r"(https?:|mailto:|#)", re.IGNORECASE)


class MathByPandocsRule(MathInlineParser):
    r"""Tells equations from prices.

    An equation's opening dollar has no space behind it, its closing dollar no space
    before it and no digit behind it, as in Pandoc: ``from $5 to $10`` is text.
    ``\$`` is always a dollar. What stands in backticks stays as it is.
    """

    SPECIFICATION: ClassVar[dict[str, str]] = {
        **MathInlineParser.SPECIFICATION,
        "inline_math_tex": (
            r"(?<![\\$])\$(?=[^\s$])(?P<math_inline_tex>(?:[^$\\`]|\\.)+?)"
            r"(?<!\s)\$(?![\d$])"
        ),
    }


@dataclass
class Prose:
    """Turns Markdown into HTML and keeps a list of the headings it met.

    Attributes
    ----------
    title : str or None
        Title of the report. The heading that says it is not shown again; without a
        title, the first heading of the first level.
    cleaner : Cleaner
        Cleans what is written, and is told what is left out.
    contents : list of (int, str, str)
        Level, anchor and text of each heading below the title.
    """

    title: str | None = None
    cleaner: Cleaner = field(default_factory=Cleaner)
    contents: list[tuple[int, str, str]] = field(default_factory=list)
    _anchors: set[str] = field(default_factory=set)
    _titled: bool = False
    _left: int = MOST_MARKDOWN

    def write_cell(self, source: str, attachments: dict | None = None) -> str:
        """Write a Markdown cell, whose author may use HTML."""
        pasted = _read_attachments(attachments or {})
        return self.cleaner.clean(self._render(source, in_cell=True), pasted)

    def write_output(self, source: str) -> str:
        """Write Markdown that code has made, in which HTML is shown as text."""
        return self.cleaner.clean(self._render(source, in_cell=False))

    def is_title(self, html: str) -> bool:
        """Return whether a heading is the report's own, which its head shows."""
        if self._titled:
            return False
        title = self.title
        self._titled = title is None or _letters(strip_tags(html)) in (
            _letters(title),
            _letters(strip_tags(title)),
        )
        return self._titled

    def add_heading(self, html: str, level: int) -> str:
        """Enter a heading in the contents and return its anchor."""
        text = strip_tags(html)
        base = re.sub(r"[^\w]+", "-", text.lower()).strip("-") or "section"
        anchor, n = base, 1
        while anchor in self._anchors:
            n += 1
            anchor = f"{base}-{n}"
        self._anchors.add(anchor)
        if level <= 3:
            self.contents.append((level, anchor, text))
        return anchor

    def _render(self, source: str, *, in_cell: bool) -> str:
        # Markdown's rules cost more than its length; a page has no use for so much.
        end = len(source)
        if end > self._left:
            end = source.rfind("\n", 0, self._left) + 1
        kept, rest = source[:end], source[end:]
        self._left -= len(kept)
        if rest:
            self.cleaner.notes.append(
                f"the look of {len(rest):,} characters of Markdown, shown as written"
            )
        written = "".join(
            MarkdownWithMath(
                renderer=_Renderer(self, in_cell=in_cell),
                block=MathBlockParser(),
                inline=MathByPandocsRule(hard_wrap=False),
            ).render(piece)
            for piece in _cut(kept)
        )
        return f"{written}<pre>{escape(rest)}</pre>" if rest else written


def _cut(source: str) -> Iterator[str]:
    """Cut long Markdown at blank lines, or at any line, but never in quoted code."""
    if len(source) <= LONGEST_PIECE:
        yield source
        return
    lines: list[str] = []
    length, fenced = 0, False
    for line in source.splitlines(keepends=True):
        begins = not line.strip() or length > 2 * LONGEST_PIECE
        if lines and length > LONGEST_PIECE and begins and not fenced:
            yield "".join(lines)
            lines, length = [], 0
        fenced ^= line.lstrip().startswith(("```", "~~~", "$$"))
        lines.append(line)
        length += len(line)
    yield "".join(lines)


def _read_attachments(attachments: dict) -> dict[str, str]:
    """Return pictures pasted into a cell as addresses."""
    return {
        quoted: f"data:{kind};base64,{''.join(content.split())}"
        for name, bundle in attachments.items()
        if isinstance(bundle, dict)
        for kind, content in bundle.items()
        if kind.startswith("image/") and isinstance(content, str)
        for quoted in (name, quote(name))
    }


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


class _Renderer(IPythonRenderer):
    def __init__(self, prose: Prose, *, in_cell: bool) -> None:
        super().__init__(exclude_anchor_links=True, escape=not in_cell)
        self.prose = prose
        self.in_cell = in_cell

    def heading(self, text: str, level: int, **_attrs: object) -> str:
        if level == 1 and self.in_cell and self.prose.is_title(text):
            return ""
        anchor = self.prose.add_heading(text, level)
        # A page has one title; what else is of its level is a chapter.
        tag, look = (level, "") if level > 1 else (2, ' class="chapter"')
        return f'<h{tag}{look} id="{escape(anchor)}">{text}</h{tag}>\n'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        said = f' title="{escape(title)}"' if title else ""
        return f'<img src="{escape(url)}" alt="{escape(strip_tags(text))}"{said}>'

    def inline_math(self, body: str) -> str:
        return write_mathml(body, display=False)

    def block_math(self, body: str) -> str:
        return write_mathml(body, display=True)

    def latex_environment(self, name: str, body: str) -> str:
        tex = rf"\begin{{{name}}}{body}\end{{{name}}}"
        return write_mathml(tex, display=True)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if not _SAFE_ADDRESS.match(url):
            # Links to neighbouring files lead nowhere once the report is sent.
            return text
        said = f' title="{escape(title)}"' if title else ""
        return f'<a href="{escape(url)}"{said} rel="noreferrer">{text}</a>'

    def table(self, text: str) -> str:
        return f'<div class="exhibit-scroll" tabindex="0"><table>{text}</table></div>'


_ENVIRONMENT = re.compile(r"\\(?P<end>begin|end)\{(?P<name>[^}]*)\}")
_DROPPED = frozenset(["equation", "equation*", "displaymath", "math"])
_RENAMED = {"aligned": "align*", "align": "align*", "gathered": "matrix"}
_RENAMED |= {"gather": "matrix", "gather*": "matrix"}
_KNOWN = frozenset(
    [
        "align*",
        "split",
        "cases",
        "array",
        "matrix",
        "matrix*",
        "smallmatrix",
        "pmatrix",
        "bmatrix",
        "Bmatrix",
        "vmatrix",
        "Vmatrix",
    ]
)
# The converter is lenient: `\frac{a` becomes a fraction without a denominator.
_N_CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2, "mroot": 2}
_N_CHILDREN |= {"msubsup": 3, "munderover": 3}


def write_mathml(tex: str, *, display: bool) -> str:
    """Write an equation as MathML; as code if it cannot be read.

    Examples
    --------
    >>> "<msup><mi>x</mi><mn>2</mn></msup>" in write_mathml("x^2", display=False)
    True
    """
    try:
        element = _convert(tex, display)
    except Exception:  # the converter raises many kinds; the reader gets the TeX
        return f'<code class="tex">{escape(tex)}</code>'
    element.set("alttext", tex.strip())
    html = tostring(element, encoding="unicode")
    if not display:
        return html
    return f'<div class="equation" tabindex="0">{html}</div>'


def _convert(tex: str, display: bool) -> Element:
    tex = _ENVIRONMENT.sub(_replace_environment, tex)
    converter = Converter(xmlns="", display="block" if display else "inline")
    element = converter.convert_to_element(tex.strip())
    del element.attrib["xmlns"]
    # The converter writes characters as entities and later unescapes the whole
    # text, by which `\text{<script>}` would become a tag. Unescape each piece here
    # and let the serialiser escape it again.
    for node in element.iter():
        node.text = unescape(node.text) if node.text else node.text
        if len(node) != _N_CHILDREN.get(node.tag, len(node)):
            raise ValueError(f"{node.tag} has {len(node)} parts")
        if node.text and re.match(r"\\[A-Za-z]", node.text):
            raise ValueError(f"{node.text} is not known")
        for key, value in node.attrib.items():
            node.set(key, unescape(value))
    return element


def _replace_environment(match: re.Match) -> str:
    """Write an environment under the name by which the converter knows it.

    Of one that it does not know it would show the contents as a jumble.
    """
    name = match["name"]
    if name in _DROPPED:
        return ""
    if name not in _KNOWN and name not in _RENAMED:
        raise ValueError(f"the environment {name} is not known")
    return f"\\{match['end']}{{{_RENAMED.get(name, name)}}}"
