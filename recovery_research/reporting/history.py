"""All runs that a reports folder holds, read from their records."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.reporting.ends import Verdict
from recovery_research.reporting.history_cache import (
    CACHE_FILE,
    State,
    read_cache,
    write_cache,
)
from recovery_research.reporting.locks import is_held
from recovery_research.reporting.shelf import (
    FAILED,
    RESERVED_NAMES,
    STAGING,
    alive_lock,
    is_run_id,
)

if TYPE_CHECKING:
    import pandas as pd

    from recovery_research.reporting.records import RunRecord

_LOG = logging.getLogger(__name__)
RECORD_FILE = "run.json"
ABANDONED = "its runner is dead; the next run puts it away"


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run, as its record tells it in short.

    Attributes
    ----------
    report, run_id, title, profile : str
        Which run of which report.
    verdict, message : str
        How it ended, and why if it did not succeed.
    cell : int or None
        Cell that failed, counted from 1.
    parameters : dict
        Value of every parameter.
    seed : int or None
        The seed among them.
    started : datetime
        Start, in UTC.
    seconds : float or None
        How long the notebook took.
    attempts : int
        How often it was attempted.
    peak_memory : int or None
        Most memory that the kernel held, in bytes.
    data_as_of : datetime or None
        Up to when the data reach.
    key : str or None
        Hash of all ingredients.
    entry : str or None
        Entry of the plan that ordered it.
    folder : Path
        Where it is.
    """

    report: str
    run_id: str
    title: str
    profile: str
    verdict: str
    message: str
    cell: int | None
    parameters: dict[str, object]
    seed: int | None
    started: datetime
    seconds: float | None
    attempts: int
    peak_memory: int | None
    data_as_of: datetime | None
    key: str | None
    entry: str | None
    folder: Path

    @property
    def succeeded(self) -> bool:
        """Whether the report is complete."""
        return self.verdict == Verdict.SUCCEEDED

    def read(self) -> RunRecord:
        """Read the whole record.

        Returns
        -------
        RunRecord
        """
        from recovery_research.reporting.records import read_record

        return read_record(self.folder)


_SUMMARY = {each.name for each in fields(PastRun)} - {"folder"}
_TEXTS = ("report", "run_id", "title", "profile", "verdict", "message", "damaged")


@dataclass(frozen=True, slots=True)
class DamagedRun:
    """A run whose record cannot be read.

    Attributes
    ----------
    folder : Path
        Where it is.
    reason : str
        What is wrong.
    """

    folder: Path
    reason: str


@dataclass(frozen=True, slots=True)
class RunHistory:
    """All runs of a reports folder.

    Attributes
    ----------
    runs : tuple of PastRun
        Oldest first.
    damaged : tuple of DamagedRun
        Those that could not be read.
    """

    runs: tuple[PastRun, ...]
    damaged: tuple[DamagedRun, ...] = field(default=())

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each run; each parameter is a column ``param_NAME``.

        Returns
        -------
        DataFrame
        """
        import pandas as pd

        rows = []
        for run in self.runs:
            row = asdict(run) | {"folder": str(run.folder)}
            given = row.pop("parameters")
            rows.append(row | {f"param_{n}": _flatten(v) for n, v in given.items()})
        return pd.DataFrame(rows)


def read_history(reports: Path) -> RunHistory:
    """Read all runs of a reports folder; also those that are under way.

    Only records that are new or changed since the last time are opened; what the
    others said is kept in ``.history.sqlite``, which may be deleted at any time.

    Parameters
    ----------
    reports : Path
        Folder of reports; none is an empty history.

    Returns
    -------
    RunHistory
    """
    kept = read_cache(reports)
    fresh: dict[str, tuple[State, dict]] = {}
    here: dict[str, dict] = {}
    for place in _list_places(reports):
        state = _read_state(f"{reports}/{place}/{RECORD_FILE}")
        known = kept.get(place)
        if state is None:
            here[place] = {"damaged": f"there is no {RECORD_FILE}"}
        elif known is not None and known[0] == state and _is_summary(known[1]):
            here[place] = known[1]
        else:
            here[place] = _summarise(reports / place)
            fresh[place] = (state, here[place])
    gone = kept.keys() - here.keys()
    _LOG.debug("%s runs: %s in %s, %s records opened", len(here),
               len(here) - len(fresh), CACHE_FILE, len(fresh))  # fmt: skip
    if fresh or gone:
        write_cache(reports, fresh, gone)
    here |= _read_staged(reports)
    return _assemble(reports, here)


def _assemble(reports: Path, here: dict[str, dict]) -> RunHistory:
    runs, damaged = [], []
    for place, said in here.items():
        folder = reports / place
        if "damaged" in said:
            damaged.append(DamagedRun(folder, said["damaged"]))
            continue
        moments = {
            name: said[name] and datetime.fromisoformat(said[name])
            for name in ("started", "data_as_of")
        }
        runs.append(PastRun(**{**said, **moments}, folder=folder))
    # Ids follow one another within a report even if the clock did not.
    runs.sort(key=lambda run: (run.run_id[:15], run.started, run.run_id))
    damaged.sort(key=lambda run: run.folder)
    return RunHistory(tuple(runs), tuple(damaged))


def _list_places(reports: Path) -> Iterator[str]:
    """Yield the paths of all finished runs, relative to the reports folder."""
    for name in list_reports(reports):
        for part in (name, f"{name}/{FAILED}"):
            yield from (f"{part}/{run}" for run in _list_ids(f"{reports}/{part}"))


def list_reports(reports: Path) -> list[str]:
    """Return the names of the reports that a folder holds.

    Parameters
    ----------
    reports : Path
        Folder of reports.

    Returns
    -------
    list of str
        Sorted.
    """
    with suppress(OSError), os.scandir(reports) as entries:
        return sorted(
            e.name
            for e in entries
            if e.name not in RESERVED_NAMES
            and not e.name.startswith(".")
            and e.is_dir(follow_symlinks=False)
        )
    return []


def _list_ids(folder: str) -> list[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        return [
            e.name
            for e in entries
            if is_run_id(e.name) and e.is_dir(follow_symlinks=False)
        ]
    return []


def _read_state(path: str) -> State | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _summarise(folder: Path) -> dict:
    from recovery_research.reporting.records import read_record

    try:
        record = read_record(folder)
    except (OSError, ValueError) as error:
        return {"damaged": str(error)}
    failure = record.failure
    as_of = record.data_as_of
    return {
        "report": record.report,
        "run_id": record.run_id,
        "title": record.title,
        "profile": record.profile,
        "verdict": record.verdict.value,
        "message": failure.message if failure else "",
        "cell": failure.cell if failure else None,
        "parameters": {p.name: p.value for p in record.parameters},
        "seed": record.seed,
        "started": record.started.isoformat(),
        "seconds": record.seconds,
        "attempts": max(1, len(record.attempts)),
        "peak_memory": record.peak_memory,
        "data_as_of": as_of.isoformat() if as_of else None,
        "key": record.key,
        "entry": record.plan.entry if record.plan else None,
    }


def _is_summary(said: object) -> bool:
    """Return whether what the cache says is what this version says of a run."""
    if not isinstance(said, dict) or said.keys() not in (_SUMMARY, {"damaged"}):
        return False
    try:
        for name in ("started", "data_as_of"):
            said.get(name) and datetime.fromisoformat(said[name])
    except (TypeError, ValueError):
        return False
    return all(isinstance(said.get(name, ""), str) for name in _TEXTS)


def _read_staged(reports: Path) -> dict[str, dict]:
    """Read the runs that are under way, and those whose runner is dead."""
    found = {}
    for name in list_reports(reports):
        for run_id in _list_ids(f"{reports}/{name}/{STAGING}"):
            place = f"{name}/{STAGING}/{run_id}"
            said = _summarise(reports / place)
            if "damaged" in said:
                continue  # so young that it has no record yet
            if not is_alive(reports / place):
                verdict = Verdict.INTERRUPTED.value
                said |= {"verdict": verdict, "message": ABANDONED}
            found[place] = said
    return found


def is_alive(stage: Path) -> bool:
    """Return whether the runner of a staged run lives.

    Parameters
    ----------
    stage : Path
        Private folder of the run.

    Returns
    -------
    bool
    """
    path = alive_lock(stage).path
    try:
        return path.is_file() and is_held(path)
    except OSError:
        return True  # not ours to judge


def _flatten(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, list) else value
