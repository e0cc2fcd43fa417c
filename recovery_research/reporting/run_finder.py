"""Finds a run by what people call it."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from recovery_research.near_names import did_you_mean
from recovery_research.reporting.history import RECORD_FILE
from recovery_research.reporting.report_folders import (
    FAILED,
    RESERVED_NAMES,
    STAGING,
    list_ids,
    list_reports,
)
from recovery_research.reporting.shelf import Shelf

SHORTEST_PREFIX = 4


def find_reports(folder: Path, *, named: bool = True) -> Path:
    """Return a folder of reports, or refuse what is none.

    Parameters
    ----------
    folder : Path
        What is taken for one.
    named : bool, optional
        Whether somebody has named it, and may have mistyped it; that of a project may
        hold what it will.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If it is not there, or neither holds a run nor is empty.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder of reports {folder}.{_hint(folder)}")
    if not named or _holds_runs(folder) or _is_fresh(folder):
        return folder
    if list_ids(folder):
        raise ValueError(
            f"{folder} is one report of the folder {folder.parent}; write --reports "
            f"{folder.parent}."
        )
    raise ValueError(
        f"{folder} is no folder of reports: no run lies in it as REPORT/RUN/"
        f"{RECORD_FILE}.{_hint(folder)}"
    )


def _holds_runs(folder: Path) -> bool:
    return any(
        list_ids(place)
        for name in list_reports(folder)
        for place in (folder / name, folder / name / FAILED, folder / name / STAGING)
    )


def _is_fresh(folder: Path) -> bool:
    """Return whether nothing lies in a folder but what may lie beside reports."""
    with suppress(OSError):
        return all(
            path.name.startswith((".", "README", "index."))
            or path.name in RESERVED_NAMES
            for path in folder.iterdir()
        )
    return False


def _hint(folder: Path) -> str:
    """Ask whether another folder was meant: inside this one, or of a like name."""
    if _holds_runs(folder / "reports"):
        return f" Did you mean {folder / 'reports'}?"
    beside = {}
    with suppress(OSError):
        beside = {p.name: p for p in folder.parent.iterdir() if _holds_runs(p)}
    near = get_close_matches(folder.name, beside, n=1)
    return f" Did you mean {beside[near[0]]}?" if near else ""


def find_run(reports: Path, name: str) -> Path:
    """Find the folder of a run.

    Parameters
    ----------
    reports : Path
        Folder of reports.
    name : str
        Id of the run or its beginning or end, if no other has the same; name of a
        report for its last good run; ``NAME/RUN``; or the path of the folder.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If no run or more than one answers to the name.
    """
    if (Path(name) / RECORD_FILE).is_file() and "/" in name:
        return Path(name).resolve()
    names = list_reports(reports)
    report, slash, run = name.rpartition("/")
    if not slash and name in names:
        report, run = name, "latest"
    if run == "latest":
        return _find_latest(reports, report, names)
    chosen = [report] if slash else names
    if slash and report not in names:
        raise ValueError(_describe_missing(name, names))
    folders = [
        folder
        for one in chosen
        for folder in _list_all(Shelf(reports, one))
        if _answers(folder.name, run)
    ]
    if len(folders) == 1:
        return folders[0]
    if folders:
        some = ", ".join(f.relative_to(reports).as_posix() for f in folders[:5])
        raise ValueError(f"{name!r} may be any of {len(folders)} runs: {some}.")
    raise ValueError(_describe_missing(name, names))


def _find_latest(reports: Path, report: str, names: list[str]) -> Path:
    if report not in names:
        raise ValueError(_describe_missing(report, names))
    latest = Shelf(reports, report).latest()
    if latest is None:
        raise ValueError(f"{report} has no good run yet.")
    return latest


def _list_all(shelf: Shelf) -> list[Path]:
    return [*shelf.list_runs(), *shelf.list_failed()]


def _answers(run_id: str, given: str) -> bool:
    if len(given) < SHORTEST_PREFIX:
        return False
    return run_id.startswith(given) or run_id.endswith(given)


def _describe_missing(name: str, names: list[str]) -> str:
    there = ", ".join(names[:10]) or "none"
    return (
        f"there is no run {name!r}; there are reports {there}."
        f"{did_you_mean(name, names)}"
    )
