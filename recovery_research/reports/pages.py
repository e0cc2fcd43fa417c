"""A report's page: one HTML file that opens anywhere and runs nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
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

from recovery_research.atomic_files import making_whole, write_whole
from recovery_research.reports.cell_displays import Displays, write_plain
from recovery_research.reports.executed_cells import BANNER_TAG, number_cell
from recovery_research.reports.exit_codes import Verdict
from recovery_research.reports.failures import tell_failure
from recovery_research.reports.formatting import (
    format_moment,
    format_seconds,
    show_value,
)
from recovery_research.reports.html_cleaning import say_left_out
from recovery_research.reports.notebook_html import Prose
from recovery_research.reports.records import LeftOutRecord, ParameterRecord, RunRecord

_TEMPLATES = files("recovery_research.reports") / "templates"


@dataclass(frozen=True, slots=True)
class Piece:
    """A cell of the notebook, written for the page.

    Attributes
    ----------
    prose, code, output : str
        HTML; empty if the cell has none.
    number : int
        Number of the cell, as its author sees it.
    failed : bool
        Whether the run ended in it.
    left_out : list of str
        What is not shown of it, in words.
    """

    prose: str = ""
    code: str = ""
    output: str = ""
    number: int = 0
    failed: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """Say in HTML what is not shown."""
        return say_left_out(self.left_out)


@dataclass(frozen=True, slots=True)
class Page:
    """A report's page.

    Attributes
    ----------
    html : str
        HTML that needs no other file and no network.
    left_out : list of LeftOutRecord
        What of the notebook it does not show, and says so.
    """

    html: str
    left_out: list[LeftOutRecord]


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
    """Write the page of a run, and if it failed, of why."""
    return compose_page(notebook, record, folder).html


def compose_page(
    notebook: NotebookNode, record: RunRecord, folder: Path | None = None
) -> Page:
    """Write the page of a run, and say what it does not show."""
    displays = Displays(Prose(title=record.title))
    succeeded = record.verdict is Verdict.SUCCEEDED
    told = None if succeeded else tell_failure(record, notebook, folder or Path())
    failed = record.failure.cell if record.failure else None
    cells = [c for c in notebook.cells if BANNER_TAG not in c.metadata.get("tags", [])]
    written = [
        _write_piece(cell, displays, number_cell(cells, index), failed)
        for index, cell in enumerate(cells)
    ]
    pieces = [piece for piece in written if piece is not None]
    report = {
        "record": record,
        "pieces": _join_silent(pieces),
        "contents": displays.prose.contents,
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
    left_out = [
        LeftOutRecord(cell=piece.number, what=what)
        for piece in pieces
        for what in piece.left_out
    ]
    return Page(html, left_out)


def write_record_page(folder: Path, record: RunRecord) -> None:
    """Write the page of a run that ended outside its notebook, from what is there."""
    try:
        notebook = nbformat.read(folder / "report.ipynb", as_version=4)
    except (OSError, ValueError, AttributeError, nbformat.ValidationError):
        notebook = nbformat.v4.new_notebook()
    write_whole(folder / "report.html", write_page(notebook, record, folder))


def _is_default(parameter: ParameterRecord) -> bool:
    return parameter.value == parameter.default


def _write_piece(
    cell: NotebookNode, displays: Displays, number: int, failed: int | None
) -> Piece | None:
    if cell.cell_type == "markdown":
        attachments = cell.get("attachments", {})
        written = displays.prose.write_cell(cell.source, attachments)
        return Piece(prose=written, number=number, left_out=displays.take_notes())
    if cell.cell_type != "code" or not cell.source.strip():
        return None
    expected = "raises-exception" in cell.metadata.get("tags", [])
    outputs = [
        _write_expected(output)
        if expected and output.output_type == "error"
        else displays.write(output)
        for output in cell.get("outputs", [])
    ]
    return Piece(
        code=_highlight(cell.source),
        output="".join(outputs),
        number=number,
        failed=number == failed,
        left_out=displays.take_notes(),
    )


def _highlight(source: str) -> str:
    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))


def _join_silent(pieces: list[Piece]) -> list[Piece]:
    """Join code that shows nothing with the code behind it, under one switch."""
    joined: list[Piece] = []
    for piece in pieces:
        before = joined[-1] if joined else Piece(prose="none")
        silent = before.code and not (before.output or before.note or before.failed)
        if silent and piece.code and not piece.failed:
            code = f"{before.code.rstrip()}\n\n{piece.code}"
            joined[-1] = replace(piece, code=code, number=before.number)
        else:
            joined.append(piece)
    return joined


def _write_expected(error: NotebookNode) -> str:
    """Write an error that its cell was meant to raise, so that nobody takes fright."""
    head = escape(f"An error that this cell was meant to raise: {error.ename}")
    text = write_plain("\n".join(error.traceback), kind="traceback")
    return f'<details class="messages"><summary>{head}</summary>{text}</details>'


@cache
def _read_style() -> str:
    light = HtmlFormatter(style="xcode").get_style_defs(".source")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".source")
    own = (_TEMPLATES / "report" / "style.css").read_text(encoding="utf-8")
    screen = "@media screen and (prefers-color-scheme: dark)"
    return f"{light}\n{screen} {{\n{dark}\n}}\n{own}"


PDF_FILE = "report.pdf"
BROWSER_VARIABLE = "RECOVERY_RESEARCH_BROWSER"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
PRINT_SECONDS = 120
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-pdf-header-footer",
    # Whatever a page asks for, nothing leaves: no name is known, addresses in numbers
    # and this machine itself lie behind a proxy that is not there.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--dns-prefetch-disable",
)


class NoBrowserError(ValueError):
    """There is no browser that could print."""


class PrintError(OSError):
    """The browser left no PDF."""


class PrintTimeoutError(PrintError):
    """The browser took too long."""


def find_browser() -> str:
    """Return the path of Chromium or a relative of it."""
    named = os.environ.get(BROWSER_VARIABLE)
    for name in [named] if named else BROWSERS:
        found = shutil.which(name)
        if found is not None:
            return found
    what = f"{BROWSER_VARIABLE} names {named!r}, which is not there" if named else ""
    raise NoBrowserError(
        f"a PDF is printed by Chromium or Chrome, and {what or 'none is installed'}. "
        f"Install one (Debian: apt install chromium), set {BROWSER_VARIABLE} to its "
        "path, or leave --pdf out; report.html prints from any browser."
    )


def print_page(
    page: Path, pdf: Path | None = None, *, seconds: float | None = None
) -> Path:
    """Print a report's page as a PDF, whole or not at all."""
    browser = find_browser()
    pdf = pdf if pdf is not None else page.with_name(PDF_FILE)
    with (
        making_whole(pdf) as fresh,
        tempfile.TemporaryDirectory(prefix="rr-print-") as profile,
    ):
        command = [
            browser,
            *_OPTIONS,
            f"--user-data-dir={profile}",
            f"--print-to-pdf={fresh.resolve()}",
            page.resolve().as_uri(),
        ]
        # It wants a home to write to, which a scheduled run need not have.
        surroundings = {**os.environ, "HOME": profile}
        patience = min(PRINT_SECONDS, PRINT_SECONDS if seconds is None else seconds)
        said = _run_browser(command, surroundings, patience)
        if not fresh.is_file() or not fresh.read_bytes().startswith(b"%PDF"):
            raise PrintError(f"{Path(browser).name} printed no PDF: {said}")
    return pdf


def _run_browser(
    command: list[str], surroundings: dict[str, str], seconds: float
) -> str:
    late = PrintTimeoutError(
        f"{Path(command[0]).name} printed no PDF in the {max(0.0, seconds):.3g} s that "
        "there were"
    )
    if seconds <= 0.0:
        raise late
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=surroundings,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return str(error)
    try:
        lines = process.communicate(timeout=seconds)[1].strip().splitlines()
    except subprocess.TimeoutExpired:
        raise late from None
    finally:
        _end_group(process)
    return (
        f"exit {process.returncode}; {lines[-1][:200] if lines else 'it said nothing'}"
    )


def _end_group(process: subprocess.Popen) -> None:
    """End a browser and the processes that it has started, if any are left."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    if process.stderr is not None:
        process.stderr.close()
