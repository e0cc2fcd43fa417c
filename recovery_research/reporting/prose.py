"""Markdown of notebooks as HTML: equations as MathML, headings with anchors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import ClassVar

from nbconvert.filters.markdown_mistune import (
    IPythonRenderer,
    MarkdownWithMath,
    MathBlockParser,
    MathInlineParser,
)

from recovery_research.reporting.cleaning import clean_html
from recovery_research.reporting.equations import write_mathml

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
    contents : list of (int, str, str)
        Level, anchor and text of each heading below the title.
    """

    contents: list[tuple[int, str, str]] = field(default_factory=list)
    _anchors: set[str] = field(default_factory=set)

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
        return clean_html(self._render(source, attachments or {}, allow_html=True))

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
        return clean_html(self._render(source, {}, allow_html=False))

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
        text = _strip_tags(html)
        base = re.sub(r"[^\w]+", "-", text.lower()).strip("-") or "section"
        anchor, n = base, 1
        while anchor in self._anchors:
            n += 1
            anchor = f"{base}-{n}"
        self._anchors.add(anchor)
        if 2 <= level <= 3:
            self.contents.append((level, anchor, text))
        return anchor

    def _render(self, source: str, attachments: dict, *, allow_html: bool) -> str:
        renderer = _Renderer(self, escape=not allow_html, attachments=attachments)
        markdown = MarkdownWithMath(
            renderer=renderer,
            block=MathBlockParser(),
            inline=MathByPandocsRule(hard_wrap=False),
        )
        return markdown.render(source)


class _Renderer(IPythonRenderer):
    def __init__(self, prose: Prose, **options) -> None:
        super().__init__(exclude_anchor_links=True, **options)
        self.prose = prose

    def heading(self, text: str, level: int, **_attrs: object) -> str:
        if level == 1:
            # The report's own head shows the title.
            return ""
        anchor = self.prose.add_heading(text, level)
        return f'<h{level} id="{escape(anchor)}">{text}</h{level}>\n'

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


class _Text(HTMLParser):
    """Gathers the text between tags, equations by their TeX."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.in_math = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "math":
            self.in_math = True
            self.pieces.append(dict(attrs).get("alttext") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "math":
            self.in_math = False

    def handle_data(self, data: str) -> None:
        if not self.in_math:
            self.pieces.append(data)


def _strip_tags(html: str) -> str:
    reader = _Text()
    reader.feed(html)
    reader.close()
    return "".join(reader.pieces).strip()
