"""The index of all reports: one page that opens anywhere, written after every run."""

from __future__ import annotations

import base64
import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from recovery_research.reporting.board import (
    Group,
    list_links,
    make_board,
    show_parameters,
)
from recovery_research.reporting.details import DetailReader
from recovery_research.reporting.ends import Verdict
from recovery_research.reporting.history import (
    DamagedRun,
    PastRun,
    RunHistory,
    read_history,
)
from recovery_research.reporting.locks import Lock
from recovery_research.reporting.wording import format_moment, format_seconds
from recovery_research.whole_files import make_folder, write_whole

_log = logging.getLogger("recovery_research.reporting.index")
INDEX_FILE = "index.html"
LOCK_FILE = ".index.lock"
MOST_RECENT = 200
_TEMPLATES = files("recovery_research.reporting") / "templates"


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in the list of the latest runs."""

    run: PastRun
    parameters: list[tuple[str, str]]
    links: list[tuple[str, str]]


def write_index(reports: Path) -> Path:
    """Write the index of all reports anew, whole or not at all.

    Parameters
    ----------
    reports : Path
        Folder of all reports; made if it is missing.

    Returns
    -------
    Path
        ``index.html`` in that folder.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    make_folder(reports)
    # Under a lock, so that of two runs that end together the later list stays.
    with Lock(reports / LOCK_FILE).hold():
        text = render_index(reports, read_history(reports))
        return write_whole(reports / INDEX_FILE, text)


def refresh_index(reports: Path) -> None:
    """Write the index anew after a run; what goes wrong is logged and no more.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    """
    try:
        write_index(reports)
    except Exception:  # the run has ended, and its report is not to suffer
        _log.warning("the index of the reports was not written", exc_info=True)


def render_index(
    reports: Path, history: RunHistory, *, written: datetime | None = None
) -> str:
    """Write the index's HTML.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    history : RunHistory
        All runs in it.
    written : datetime, optional
        Time the page says it was written; by default now.

    Returns
    -------
    str
    """
    newest = list(reversed(history.runs))
    ended = [run for run in newest if run.verdict != Verdict.RUNNING]
    details = DetailReader(reports)
    groups = make_board(ended, details)
    script = _read("index/index.js")
    digest = hashlib.sha256(script.encode()).digest()
    page = _environment().get_template("index/index.html.j2")
    return page.render(
        groups=groups,
        failing=_list_failing(groups),
        untold=[s for group in groups for s in group.standings if s.untold],
        recent=[_make_line(run, details) for run in ended[:MOST_RECENT]],
        unfinished=[run for run in newest if run.verdict == Verdict.RUNNING],
        damaged=[_place(run, reports) for run in history.damaged],
        n_runs=len(ended),
        n_standings=sum(len(group.standings) + group.n_hidden for group in groups),
        folder=reports.name,
        written=written or datetime.now(UTC),
        style=_read("report/style.css") + _read("index/index.css"),
        script=script,
        script_hash=base64.b64encode(digest).decode(),
    )


def _list_failing(groups: list[Group]) -> list:
    failing = [s for group in groups for s in group.standings if s.failure is not None]
    return sorted(failing, key=lambda s: s.run.started, reverse=True)


def _make_line(run: PastRun, details: DetailReader) -> RunLine:
    return RunLine(run, show_parameters(run, details), list_links(run, details))


def _place(run: DamagedRun, reports: Path) -> tuple[str, str]:
    place = run.folder.relative_to(reports).as_posix()
    return place, " ".join(run.reason.split())[:300]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=format_moment, seconds=format_seconds)
    return environment


@cache
def _read(name: str) -> str:
    return _TEMPLATES.joinpath(*name.split("/")).read_text(encoding="utf-8")
