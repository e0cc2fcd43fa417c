"""Runs chosen from a history."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

from recovery_research._checks import did_you_mean
from recovery_research.reports.exit_codes import Verdict
from recovery_research.reports.history import RECORD_FILE, PastRun
from recovery_research.reports.report_folders import (
    FAILED,
    RESERVED_NAMES,
    STAGING,
    list_ids,
    list_reports,
)
from recovery_research.reports.staging import Shelf

_AGO = re.compile(r"(\d+)([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def choose_runs(
    runs: Sequence[PastRun],
    *,
    reports: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    verdicts: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[PastRun]:
    """Choose runs that meet every condition given."""
    names = {run.report for run in runs} | {run.entry for run in runs if run.entry}
    for name in reports:
        _check_known("report", name, names)
    known = {name for run in runs for name in run.parameters}
    for name in parameters or {}:
        _check_known("parameter", name, known)
    for verdict in verdicts:
        _check_known("verdict", verdict, {*Verdict, "failed"})
    return [
        run
        for run in runs
        if (not reports or {run.report, run.entry} & set(reports))
        and (not verdicts or any(_ended_so(run, verdict) for verdict in verdicts))
        and (since is None or run.started >= since)
        and (until is None or run.started < until)
        and all(
            name in run.parameters and write_value(run.parameters[name]) == value
            for name, value in (parameters or {}).items()
        )
    ]


def read_moment(text: str, *, now: datetime | None = None) -> datetime:
    """Read a date, a time, or how long ago.

    Examples
    --------
    >>> read_moment("2026-01-31T06:30+01:00").isoformat()
    '2026-01-31T05:30:00+00:00'
    """
    try:
        ago = _AGO.fullmatch(text)
        if ago:
            span = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            return (now or datetime.now(UTC)) - span
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"write a date such as 2026-01-31, a time such as 2026-01-31T06:30, or "
            f"how long ago, such as 7d; got {text!r}."
        ) from None


def write_value(value: object) -> str:
    """Write a parameter's value as it is typed on the command line.

    Examples
    --------
    >>> write_value([True, 0.25]), write_value("claims")
    ('true,0.25', 'claims')
    """
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, list | dict) for each in value)
    ):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return ",".join(write_value(element) for element in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _ended_so(run: PastRun, verdict: str) -> bool:
    if verdict == "failed":
        return run.verdict not in (Verdict.SUCCEEDED, Verdict.RUNNING)
    return run.verdict == verdict


def _check_known(what: str, name: str, known: set[str]) -> None:
    if name in known:
        return
    there = ", ".join(sorted(known)) or "none"
    raise ValueError(
        f"no run has the {what} {name!r}; there are {there}."
        f"{did_you_mean(name, sorted(known))}"
    )


SHORTEST_PREFIX = 4


def find_reports(folder: Path, *, named: bool = True) -> Path:
    """Return a folder of reports, or refuse what is none."""
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
    """Find the folder of a run."""
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
