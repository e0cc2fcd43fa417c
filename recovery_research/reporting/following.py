"""A running report's log, read as it is written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from recovery_research.reporting.history import is_alive
from recovery_research.reporting.report_folders import list_reports
from recovery_research.reporting.run_logs import LOG_FILE
from recovery_research.reporting.shelf import Shelf

POLL_SECONDS = 0.1


def find_running(reports: Path, name: str) -> Path | None:
    """Find the run of a report that is under way.

    Parameters
    ----------
    reports : Path
        Folder of reports.
    name : str
        Name of the report.

    Returns
    -------
    Path or None
        Its private folder; None if nothing runs.

    Raises
    ------
    ValueError
        If there is no such report.
    """
    if name not in list_reports(reports):
        there = ", ".join(list_reports(reports)) or "none"
        raise ValueError(
            f"there is no report {name!r} in {reports}; there are {there}."
        )
    staged = [s for s in Shelf(reports, name).list_staged() if is_alive(s)]
    return staged[-1] if staged else None


def follow_log(stage: Path) -> Iterator[str]:
    """Yield the lines of a run's log as they come, until the run ends.

    Parameters
    ----------
    stage : Path
        Private folder of the run.

    Yields
    ------
    str
        Lines without their ends.
    """
    path = stage / LOG_FILE
    while not path.is_file():
        if not stage.is_dir():
            return
        time.sleep(POLL_SECONDS)
    with path.open(encoding="utf-8", errors="replace") as lines:
        rest = ""
        while True:
            alive = stage.is_dir() and is_alive(stage)
            rest += lines.read()
            *whole, rest = rest.split("\n")
            yield from whole
            if not alive:
                break
            time.sleep(POLL_SECONDS)
        if rest:
            yield rest


def find_ended(reports: Path, name: str, run_id: str) -> Path | None:
    """Find where a run has been put at its end.

    Parameters
    ----------
    reports : Path
        Folder of reports.
    name, run_id : str
        Report and run.

    Returns
    -------
    Path or None
        None if its runner died.
    """
    shelf = Shelf(reports, name)
    for folder in (*shelf.list_runs(), *shelf.list_failed()):
        if folder.name == run_id:
            return folder
    return None
