"""The index of all reports: one page that opens anywhere, written after every run."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
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
from recovery_research.reporting.shelf import _release_lock, _take_lock
from recovery_research.reporting.summaries import RunList, RunSummary, list_runs
from recovery_research.reporting.wording import format_moment, format_seconds

INDEX_FILE = "index.html"
LOCK_FILE = ".index.lock"
MOST_RECENT = 200
_TEMPLATES = files("recovery_research.reporting") / "templates"


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in the list of the latest runs."""

    run: RunSummary
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
    reports.mkdir(parents=True, exist_ok=True)
    page = reports / INDEX_FILE
    fresh = page.with_name(f".{INDEX_FILE}-{secrets.token_hex(3)}")
    # Under a lock, so that of two runs that end together the later list stays.
    handle = _take_lock(reports / LOCK_FILE, wait=True)
    if True:
        try:
            fresh.write_text(render_index(list_runs(reports)), encoding="utf-8")
            os.replace(fresh, page)
        finally:
            fresh.unlink(missing_ok=True)
            _release_lock(handle)
    return page


def render_index(runs: RunList, *, written: datetime | None = None) -> str:
    """Write the index's HTML.

    Parameters
    ----------
    runs : RunList
        All runs.
    written : datetime, optional
        Time the page says it was written; by default now.

    Returns
    -------
    str
    """
    groups = make_board(runs)
    script = _read("index/index.js")
    return (
        _environment()
        .get_template("index/index.html.j2")
        .render(
            groups=groups,
            failing=_list_failing(groups),
            recent=[_make_line(runs.reports, run) for run in runs.runs[:MOST_RECENT]],
            unfinished=[_make_line(runs.reports, run) for run in runs.unfinished],
            damaged=runs.damaged,
            n_runs=len(runs.runs),
            n_standings=sum(len(group.standings) + group.n_hidden for group in groups),
            folder=runs.reports.name,
            written=written or datetime.now(UTC),
            style=_read("report/style.css") + _read("index/index.css"),
            script=script,
            script_hash=base64.b64encode(
                hashlib.sha256(script.encode()).digest()
            ).decode(),
        )
    )


def _list_failing(groups: list[Group]) -> list:
    failing = [s for group in groups for s in group.standings if s.failure is not None]
    return sorted(failing, key=lambda s: s.run.started, reverse=True)


def _make_line(reports: Path, run: RunSummary) -> RunLine:
    return RunLine(run, show_parameters(run, set()), list_links(reports, run))


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
