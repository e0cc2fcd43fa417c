"""A report's page: one HTML file that opens anywhere and runs nothing."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

import nbformat
from nbconvert.exporters.templateexporter import TemplateExporter
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from traitlets import Unicode

from recovery_research.exhibits import METADATA_KEY
from recovery_research.reporting.cleaning import clean_html
from recovery_research.reporting.ends import Verdict
from recovery_research.reporting.equations import write_mathml
from recovery_research.reporting.failures import tell_failure
from recovery_research.reporting.prose import Prose
from recovery_research.reporting.records import ParameterRecord, RunRecord
from recovery_research.reporting.verdicts import BANNER_TAG
from recovery_research.reporting.wording import (
    format_moment,
    format_seconds,
    show_value,
)
from recovery_research.terminal_texts import strip_sequences

NO_DESCRIPTION = "Figure without a description"
_TEMPLATES = files("recovery_research.reporting") / "templates"


@dataclass(frozen=True, slots=True)
class Piece:
    """A cell of the notebook, written for the page.

    Attributes
    ----------
    prose, code, output : str
        HTML; empty if the cell has none.
    number : int
        Position of the cell, counted from 1.
    failed : bool
        Whether the run ended in it.
    """

    prose: str = ""
    code: str = ""
    output: str = ""
    number: int = 0
    failed: bool = False


class ReportExporter(TemplateExporter):
    """Writes an executed notebook as a report's page."""

    output_mimetype = "text/html"
    template_name = Unicode("report").tag(config=True)
    file_extension = Unicode(".html").tag(config=True)

    def __init__(self, **options) -> None:
        super().__init__(extra_template_basedirs=[str(_TEMPLATES)], **options)


def write_page(
    notebook: NotebookNode, record: RunRecord, folder: Path | None = None
) -> str:
    """Write the page of a run, and if it failed, of why.

    Parameters
    ----------
    notebook : NotebookNode
        The executed notebook, as far as it came.
    record : RunRecord
        Record of the run.
    folder : Path, optional
        Folder of the run; the page of a failed run tells the end of its log.

    Returns
    -------
    str
        HTML that needs no other file and no network.
    """
    prose = Prose()
    succeeded = record.verdict is Verdict.SUCCEEDED
    told = None if succeeded else tell_failure(record, notebook, folder or Path())
    failed = record.failure.cell if record.failure else None
    cells = [c for c in notebook.cells if BANNER_TAG not in c.metadata.get("tags", [])]
    pieces = [
        _write_piece(cell, prose, number, failed)
        for number, cell in enumerate(cells, start=1)
    ]
    report = {
        "record": record,
        "pieces": _join_silent([piece for piece in pieces if piece is not None]),
        "contents": prose.contents,
        "style": _read_style(),
        "seconds": format_seconds(record.seconds),
        "when": format_moment(record.started),
        "succeeded": succeeded,
        "told": told,
        "failed_source": _highlight(record.failure.source) if record.failure else "",
        "show_value": show_value,
        "is_default": _is_default,
    }
    empty = nbformat.v4.new_notebook()
    html, _ = ReportExporter().from_notebook_node(empty, resources={"report": report})
    return html


def write_record_page(folder: Path, record: RunRecord) -> None:
    """Write the page of a run that ended outside its notebook, from what is there.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    record : RunRecord
        Its record.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    try:
        notebook = nbformat.read(folder / "report.ipynb", as_version=4)
    except (OSError, ValueError, AttributeError, nbformat.ValidationError):
        notebook = nbformat.v4.new_notebook()
    page = folder / "report.html"
    try:
        page.write_text(write_page(notebook, record, folder), encoding="utf-8")
    except OSError:
        page.unlink(missing_ok=True)
        raise


def _is_default(parameter: ParameterRecord) -> bool:
    return parameter.value == parameter.default


def _write_piece(
    cell: NotebookNode, prose: Prose, number: int, failed: int | None
) -> Piece | None:
    if cell.cell_type == "markdown":
        attachments = cell.get("attachments", {})
        return Piece(prose=prose.write_cell(cell.source, attachments), number=number)
    if cell.cell_type != "code" or not cell.source.strip():
        return None
    outputs = [_write_output(output, prose) for output in cell.get("outputs", [])]
    code = _highlight(cell.source)
    return Piece(
        code=code, output="".join(outputs), number=number, failed=number == failed
    )


def _highlight(source: str) -> str:
    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))


def _join_silent(pieces: list[Piece]) -> list[Piece]:
    """Join code that shows nothing with the code behind it, under one switch."""
    joined: list[Piece] = []
    for piece in pieces:
        before = joined[-1] if joined else Piece(prose="none")
        silent = before.code and not before.output and not before.failed
        if silent and piece.code and not piece.failed:
            code = f"{before.code.rstrip()}\n\n{piece.code}"
            joined[-1] = replace(piece, code=code, number=before.number)
        else:
            joined.append(piece)
    return joined


def _write_output(output: NotebookNode, prose: Prose) -> str:
    if output.output_type == "stream":
        text = _write_plain(output.text)
        if output.name == "stderr":
            return (
                f'<details class="messages"><summary>Messages</summary>{text}</details>'
            )
        return text
    if output.output_type == "error":
        return _write_plain("\n".join(output.traceback), kind="traceback")
    data, marks = output.data, output.get("metadata", {})
    if "text/html" in data:
        return f'<div class="output">{clean_html(data["text/html"])}</div>'
    if "text/markdown" in data:
        return f'<div class="output">{prose.write_output(data["text/markdown"])}</div>'
    for kind in ("image/svg+xml", "image/png", "image/jpeg"):
        if kind in data:
            return _write_picture(kind, data[kind], marks)
    if "text/latex" in data:
        return write_mathml(data["text/latex"].strip().strip("$"), display=True)
    return _write_plain(data.get("text/plain", ""))


def _write_picture(kind: str, content: str, marks: dict) -> str:
    if kind == "image/svg+xml":
        content = base64.b64encode(content.encode()).decode()
    own = marks.get(METADATA_KEY, marks)
    alt = own.get("alt", NO_DESCRIPTION) if isinstance(own, dict) else NO_DESCRIPTION
    source = re.sub(r"[^A-Za-z0-9+/=]", "", content)
    return (
        f'<figure class="exhibit-figure"><img alt="{escape(str(alt))}" '
        f'src="data:{kind};base64,{source}"></figure>'
    )


def _write_plain(text: str, kind: str = "plain") -> str:
    plain = escape(strip_sequences(text)).replace("\0", "\N{REPLACEMENT CHARACTER}")
    return f'<pre class="{kind}" tabindex="0">{plain}</pre>'


@cache
def _read_style() -> str:
    light = HtmlFormatter(style="xcode").get_style_defs(".source")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".source")
    own = (_TEMPLATES / "report" / "style.css").read_text(encoding="utf-8")
    screen = "@media screen and (prefers-color-scheme: dark)"
    return f"{light}\n{screen} {{\n{dark}\n}}\n{own}"
