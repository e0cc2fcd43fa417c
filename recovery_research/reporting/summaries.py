"""The runs in a reports folder, as short as a list of them needs.

The records beside the reports are the only truth. What a list needs of each is kept
in one more file, so that ten thousand records need not be parsed every time; an entry
counts only while size and times of its record are the same, and the file may be
deleted at any time.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

CACHE_FILE = ".summaries.json"
CACHE_VERSION = 1
RECORD_FILE = "run.json"
GOOD = "succeeded"
RUNNING = "running"
_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6,}")
_TEXTS = ("report", "run_id", "title", "notebook", "verdict", "profile", "started")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a list of runs says about one of them.

    Attributes
    ----------
    folder : str
        Its folder inside the reports folder, with slashes.
    report, run_id, title, notebook, verdict, profile, started : str
        As in its record.
    seconds : float or None
        How long it took.
    parameters : list of list
        Name and value of each, and whether that is not the default.
    message : str
        Why it failed; empty if it did not.
    data_as_of : str
        Date up to which its data reach; empty if the record does not tell.
    tables : list of list
        Name, file and SHA-256 of each table.
    """

    folder: str
    report: str
    run_id: str
    title: str
    notebook: str
    verdict: str
    profile: str
    started: str
    seconds: float | None
    parameters: list[list]
    message: str
    data_as_of: str
    tables: list[list]

    @property
    def good(self) -> bool:
        """Whether the report is complete."""
        return self.verdict == GOOD

    @property
    def moment(self) -> datetime:
        """Start of the run, in UTC."""
        return datetime.fromisoformat(self.started).astimezone(UTC)

    @property
    def variant(self) -> str:
        """The values of all parameters as one text, the same for the same values."""
        return json.dumps(sorted((p[:2] for p in self.parameters), key=str))


_FIELDS = [field.name for field in fields(RunSummary)]


@dataclass(frozen=True, slots=True)
class DamagedRun:
    """A run whose record cannot be read.

    Attributes
    ----------
    folder : str
        Its folder inside the reports folder, with slashes.
    reason : str
        What is wrong, in one line.
    """

    folder: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunList:
    """All runs in a reports folder.

    Attributes
    ----------
    reports : Path
        The folder.
    runs : list of RunSummary
        Those that ended, newest first.
    unfinished : list of RunSummary
        Those that run, or were killed and are not put away yet; newest first.
    damaged : list of DamagedRun
        Those whose record cannot be read.
    """

    reports: Path
    runs: list[RunSummary]
    unfinished: list[RunSummary]
    damaged: list[DamagedRun]


def list_runs(reports: Path) -> RunList:
    """List the runs in a reports folder.

    Parameters
    ----------
    reports : Path
        Folder of all reports; it may be missing.

    Returns
    -------
    RunList
    """
    known = _read_cache(reports / CACHE_FILE)
    entries: dict[str, list] = {}
    damaged: list[DamagedRun] = []
    for folder in _list_folders(reports):
        try:
            entries[folder] = _read_entry(reports, folder, known.get(folder))
        except (OSError, ValueError) as error:
            if os.path.isdir(reports / folder):  # else it was moved while we looked
                damaged.append(DamagedRun(folder, _describe(error)))
    if entries != known:
        _write_cache(reports / CACHE_FILE, entries)
    every = [RunSummary(*entry[1]) for entry in entries.values()]
    every.sort(key=lambda run: (run.started, run.run_id), reverse=True)
    unfinished = [run for run in every if run.verdict == RUNNING]
    ended = [run for run in every if run.verdict != RUNNING]
    return RunList(reports, ended, unfinished, damaged)


def read_raw(reports: Path, folder: str) -> dict:
    """Read a record as it is written, unchecked.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    folder : str
        Folder of the run inside it.

    Returns
    -------
    dict
        Empty if it cannot be read.
    """
    try:
        record = json.loads((reports / folder / RECORD_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _list_folders(reports: Path) -> Iterator[str]:
    """Yield the folders of runs: NAME/RUN, NAME/failed/RUN, NAME/.staging/RUN."""
    for name in _list_subfolders(reports):
        if name.startswith("."):
            continue
        for place in (name, f"{name}/failed", f"{name}/.staging"):
            for run in _list_subfolders(reports / place):
                if _RUN_ID.fullmatch(run):
                    yield f"{place}/{run}"


def _list_subfolders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _read_entry(reports: Path, folder: str, known: list | None) -> list:
    path = f"{reports}/{folder}/{RECORD_FILE}"
    status = os.stat(path)
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    if known is not None and known[0] == stamp:
        return known
    with open(path, "rb") as file:
        record = json.loads(file.read())
    summary = _summarise(record, folder)
    return [stamp, [getattr(summary, name) for name in _FIELDS]]


def _summarise(record: object, folder: str) -> RunSummary:
    if not isinstance(record, dict):
        raise ValueError("the record is no JSON object")  # noqa: TRY004
    texts = {name: record.get(name) for name in _TEXTS}
    wrong = [name for name, text in texts.items() if not isinstance(text, str)]
    if wrong:
        raise ValueError(f"the record has no {' and no '.join(wrong)}")
    datetime.fromisoformat(texts["started"])
    seconds = record.get("seconds")
    try:
        return RunSummary(
            folder=folder,
            **texts,
            seconds=None if seconds is None else float(seconds),
            parameters=[
                [str(p["name"]), p["value"], p["value"] != p.get("default")]
                for p in record["parameters"]
            ],
            message=str((record.get("failure") or {}).get("message", "")),
            data_as_of=str(record.get("data_as_of") or "")[:10],
            tables=[
                [e["name"], e["file"], e["sha256"]]
                for e in record.get("exhibits", [])
                if e["kind"] == "table"
            ],
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"the record does not fit: {error}") from None


def _describe(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no {RECORD_FILE}"
    if isinstance(error, json.JSONDecodeError):
        return f"{RECORD_FILE} is not JSON: {error}"
    if isinstance(error, OSError):
        return f"{RECORD_FILE} cannot be read: {error.strerror}"
    return " ".join(str(error).split())[:200]


def _read_cache(path: Path) -> dict[str, list]:
    try:
        cache = json.loads(path.read_bytes())
        if cache["version"] != CACHE_VERSION:
            return {}
        runs = cache["runs"]
        return {k: v for k, v in runs.items() if len(v[1]) == len(_FIELDS)}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}


def _write_cache(path: Path, entries: dict[str, list]) -> None:
    fresh = path.with_name(f"{path.name}-{secrets.token_hex(3)}")
    text = json.dumps({"version": CACHE_VERSION, "runs": entries})
    with suppress(OSError):  # a folder that can only be read is listed all the same
        try:
            fresh.write_text(text, encoding="utf-8")
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
