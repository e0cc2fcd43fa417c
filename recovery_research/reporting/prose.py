"""Markdown of notebooks as HTML: equations as MathML, headings with anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import ClassVar
from urllib.parse import quote

from nbconvert.filters.markdown_mistune import (
    IPythonRenderer,
    MarkdownWithMath,
    MathBlockParser,
    MathInlineParser,
)

from recovery_research.reporting.cleaning import Cleaner
from recovery_research.reporting.equations import write_mathml
from recovery_research.reporting.markup import strip_tags

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
        """Write a Markdown cell, whose author may use HTML.

        Parameters
        ----------
        source : str
            Markdown.
        attachments : dict, optional
            Pictures pasted into the cell.

        Returns
        -------
        str
            HTML without anything that could run.
        """
        pasted = _read_attachments(attachments or {})
        return self.cleaner.clean(self._render(source, in_cell=True), pasted)

    def write_output(self, source: str) -> str:
        """Write Markdown that code has made, in which HTML is shown as text.

        Parameters
        ----------
        source : str
            Markdown.

        Returns
        -------
        str
        """
        return self.cleaner.clean(self._render(source, in_cell=False))

    def is_title(self, html: str) -> bool:
        """Return whether a heading is the report's own, which its head shows.

        Parameters
        ----------
        html : str
            Heading of the first level in a cell, with its inline markup.

        Returns
        -------
        bool
            True once at most.
        """
        if self._titled:
            return False
        title = self.title
        self._titled = title is None or _letters(strip_tags(html)) in (
            _letters(title),
            _letters(strip_tags(title)),
        )
        return self._titled

    def add_heading(self, html: str, level: int) -> str:
        """Enter a heading in the contents and return its anchor.

        Parameters
        ----------
        html : str
            Heading with its inline markup.
        level : int
            From 1.

        Returns
        -------
        str
        """
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
