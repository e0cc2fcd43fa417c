"""The index of all reports: one page that opens anywhere, written after every run."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from recovery_research.reports.exit_codes import Verdict
from recovery_research.reports.formatting import format_moment, format_seconds
from recovery_research.reports.history import (
    DamagedRun,
    PastRun,
    RunHistory,
    read_history,
)
from recovery_research.reports.index_board import (
    MOST_TREND,
    Group,
    make_board,
    make_line,
)
from recovery_research.reports.locks import Lock
from recovery_research.reports.report_folders import make_shared, write_shared
from recovery_research.reports.run_details import DetailReader, sort_by_parameters
from recovery_research.reports.staging import mend_pointers

_log = logging.getLogger("recovery_research.reports.index")
INDEX_FILE = "index.html"
LOCK_FILE = ".index.lock"
MOST_RECENT = 200
_TEMPLATES = files("recovery_research.reports") / "templates"


def write_index(reports: Path) -> Path:
    """Write the index of all reports anew, whole or not at all."""
    make_shared(reports)
    # Under a lock, so that of two runs that end together the later list stays.
    with Lock(reports / LOCK_FILE).hold():
        mend_pointers(reports)
        text = render_index(reports, read_history(reports))
        return write_shared(reports / INDEX_FILE, text)


def refresh_index(reports: Path) -> None:
    """Write the index anew after a run; what goes wrong is told and no more.

    The index is made of the records alone, so whoever may write it next puts right
    what is missing now.
    """
    try:
        write_index(reports)
    except OSError as error:
        _log.warning(
            "the index of the reports was not written: %s: %s. The next run of a user "
            "who may write there, or `recovery-research index`, brings it up to date.",
            reports / INDEX_FILE,
            error.strerror or error,
        )
    except Exception:  # the run has ended, and its report is not to suffer
        _log.warning("the index of the reports was not written", exc_info=True)


def render_index(
    reports: Path,
    history: RunHistory,
    *,
    written: datetime | None = None,
    details: DetailReader | None = None,
) -> str:
    """Write the index's HTML."""
    newest = list(reversed(history.runs))
    ended = [run for run in newest if run.verdict != Verdict.RUNNING]
    details = details or DetailReader(reports)
    groups = make_board(ended, details)
    script = _read("index/index.js")
    digest = hashlib.sha256(script.encode()).digest()
    page = _environment().get_template("index/index.html.j2")
    return page.render(
        groups=groups,
        failing=_list_failing(groups),
        untold=[s for group in groups for s in group.standings if s.untold],
        recent=[make_line(run, details) for run in ended[:MOST_RECENT]],
        unfinished=[run for run in newest if run.verdict == Verdict.RUNNING],
        damaged=[_place(run, reports) for run in history.damaged],
        n_runs=len(ended),
        n_sets=sum(group.n_sets for group in groups),
        n_failing=sum(group.n_failing for group in groups),
        n_dismissed=sum(group.n_dismissed for group in groups),
        folder=reports.name,
        written=written or datetime.now(UTC),
        style=_read("report/style.css") + _read("index/index.css"),
        script=script,
        script_hash=base64.b64encode(digest).decode(),
    )


def choose_shown(runs: Sequence[PastRun]) -> list[PastRun]:
    """Choose the runs of which an index shows more than that they were."""
    newest = [run for run in reversed(runs) if run.verdict != Verdict.RUNNING]
    shown = {run.folder: run for run in newest[:MOST_RECENT]}
    for variant in sort_by_parameters(newest):
        shown |= {run.folder: run for run in variant[: MOST_TREND + 1]}
    return list(shown.values())


def _list_failing(groups: list[Group]) -> list:
    failing = [s for group in groups for s in group.standings if s.failure is not None]
    return sorted(failing, key=lambda s: s.run.started, reverse=True)


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
