"""Past runs, as their records tell them in short, and what was dismissed."""

from __future__ import annotations

import getpass
import json
import logging
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from recovery_research.reports.exit_codes import Verdict
from recovery_research.reports.locks import is_held
from recovery_research.reports.report_folders import (
    FAILED,
    STAGING,
    find_lost,
    list_ids,
    list_reports,
    read_within,
    share,
    write_shared,
)
from recovery_research.reports.staging import alive_lock

if TYPE_CHECKING:
    import pandas as pd

    from recovery_research.reports.records import RunRecord


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
    dismissed : bool
        Whether somebody has said that its failure needs nobody's attention.
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
    dismissed: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the report is complete."""
        return self.verdict == Verdict.SUCCEEDED

    def read(self) -> RunRecord:
        """Read the whole record."""
        from recovery_research.reports.records import read_record

        return read_record(self.folder)


_SUMMARY = {each.name for each in fields(PastRun)} - {"folder", "dismissed"}
_TEXTS = ("report", "run_id", "title", "profile", "verdict", "message", "damaged")


def summarise_record(record: RunRecord) -> dict:
    """Return what is kept of a record, as JSON has it."""
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


def is_summary(said: object) -> bool:
    """Return whether what a cache says is what this version says of a run."""
    if not isinstance(said, dict) or said.keys() not in (_SUMMARY, {"damaged"}):
        return False
    try:
        for name in ("started", "data_as_of"):
            said.get(name) and datetime.fromisoformat(said[name])
    except (TypeError, ValueError):
        return False
    return all(isinstance(said.get(name, ""), str) for name in _TEXTS)


def revive_run(said: dict, reports: Path, place: str) -> PastRun:
    """Make a run of what was kept of its record.

    Where it lies says whose it is; a record can be copied, or say anything.
    """
    folder = reports / place
    names = {"report": place.partition("/")[0], "run_id": folder.name}
    moments = {
        name: said[name] and _read_moment(said[name])
        for name in ("started", "data_as_of")
    }
    run = PastRun(**{**said, **moments, **names}, folder=folder)
    if run.succeeded or not is_dismissed(folder):
        return run
    return replace(run, dismissed=True)


def _read_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


DISMISSED_FILE = "dismissed.json"
MOST_BYTES = 100_000


def dismiss_run(folder: Path, *, why: str = "", undo: bool = False) -> None:
    """Say that a failed run needs nobody's attention, or that it does again."""
    from recovery_research.reports.records import read_record

    record = read_record(folder)
    if record.verdict == Verdict.SUCCEEDED:
        raise ValueError(
            f"{folder.name} is a good run; only a failure is dismissed. `prune` takes "
            "old runs away."
        )
    if record.verdict == Verdict.RUNNING:
        raise ValueError(f"{folder.name} is still under way; wait for its end.")
    document = {
        "schema_version": 1,
        "dismissed": not undo,
        "why": why,
        "who": _name_user(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_shared(folder / DISMISSED_FILE, json.dumps(document, indent=2) + "\n")


def _name_user() -> str:
    with suppress(OSError, KeyError, ImportError):  # an account without a name
        return getpass.getuser()
    return ""


def is_dismissed(folder: Path) -> bool:
    """Return whether somebody has dismissed a run's failure."""
    with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        said = json.loads(read_within(folder, DISMISSED_FILE, most=MOST_BYTES))
        return said["dismissed"] is True
    return False


_LOG = logging.getLogger(__name__)
RECORD_FILE = "run.json"
ABANDONED = "its runner is dead; the next run puts it away"


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
        """Return one row for each run; each parameter is a column ``param_NAME``."""
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
    """
    kept = read_cache(reports)
    fresh: dict[str, tuple[State, dict]] = {}
    here: dict[str, dict] = {}
    for place in _list_places(reports):
        state = _read_state(f"{reports}/{place}/{RECORD_FILE}")
        known = kept.get(place)
        if state is None:
            here[place] = {"damaged": f"there is no {RECORD_FILE}"}
        elif known is not None and known[0] == state and is_summary(known[1]):
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
        try:
            runs.append(revive_run(said, reports, place))
        except (ValueError, OverflowError) as error:
            damaged.append(DamagedRun(folder, f"{RECORD_FILE}: {error}"))
    for name, place in find_lost(reports).items():
        reason = f"a link to {place}, which is not there"
        damaged.append(DamagedRun(reports / name, reason))
    # Ids follow one another within a report even if the clock did not.
    runs.sort(key=lambda run: (run.run_id[:15], run.started, run.run_id))
    damaged.sort(key=lambda run: run.folder)
    return RunHistory(tuple(runs), tuple(damaged))


def _list_places(reports: Path) -> Iterator[str]:
    """Yield the paths of all finished runs, relative to the reports folder."""
    for name in list_reports(reports):
        for part in (name, f"{name}/{FAILED}"):
            yield from (f"{part}/{run}" for run in list_ids(f"{reports}/{part}"))


def _read_state(path: str) -> State | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _summarise(folder: Path) -> dict:
    from recovery_research.reports.records import read_record

    try:
        record = read_record(folder)
    except (OSError, ValueError) as error:
        return {"damaged": str(error)}
    return summarise_record(record)


def _read_staged(reports: Path) -> dict[str, dict]:
    """Read the runs that are under way, and those whose runner is dead."""
    found = {}
    for name in list_reports(reports):
        for run_id in list_ids(f"{reports}/{name}/{STAGING}"):
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
    """Return whether the runner of a staged run lives."""
    path = alive_lock(stage).path
    try:
        return path.is_file() and is_held(path)
    except OSError:
        return True  # not ours to judge


def _flatten(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, list) else value


CACHE_FILE = ".history.sqlite"
# Raised whenever what is kept of a run changes.
CACHE_VERSION = 2
# A cache that others hold for longer would cost more than it saves.
BUSY_SECONDS = 2.0
# What SQLite keeps beside a file, and would mix into the next of that name.
_BESIDE = ("-journal", "-wal", "-shm")
State = tuple[int, int, int]
_TABLE = (
    "CREATE TABLE runs (path TEXT PRIMARY KEY, mtime INTEGER, size INTEGER, "
    "inode INTEGER, said TEXT, sum INTEGER)"
)
# Said of a cache that may be whole: others hold it, or the disk takes nothing.
_NOT_DAMAGED = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
}


def read_cache(reports: Path) -> dict[str, tuple[State, dict]]:
    """Read what is kept; nothing if there is no cache or it is damaged."""
    path = reports / CACHE_FILE
    if not path.is_file():
        return {}
    try:
        with closing(_open(path)) as cache:
            rows = cache.execute(
                "SELECT path, mtime, size, inode, said, sum FROM runs"
            ).fetchall()
            return {row[0]: (row[1:4], json.loads(row[4])) for row in map(_check, rows)}
    except (sqlite3.Error, ValueError) as error:
        _throw_away(path, error)
    return {}


def write_cache(
    reports: Path,
    fresh: Mapping[str, tuple[State, dict]],
    gone: Iterable[str],
) -> None:
    """Keep what was read, if that is possible."""
    path = reports / CACHE_FILE
    if path.exists() and not path.is_file():
        return
    with suppress(OSError):
        # Another user's, who kept it to themselves; what is not there cannot be stale.
        if path.is_file() and not os.access(path, os.W_OK):
            path.unlink()
    rows = [(run, *state, json.dumps(said)) for run, (state, said) in fresh.items()]
    summed = [(*row, _sum_up(row)) for row in rows]
    try:
        with closing(_open(path)) as cache, cache:
            cache.executemany("DELETE FROM runs WHERE path = ?", [(p,) for p in gone])
            cache.executemany("REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)", summed)
        share(path)
    except (UnicodeError, OverflowError):
        return  # a name or number that SQLite has no room for
    except sqlite3.Error as error:
        _throw_away(path, error)


def _open(path: Path) -> sqlite3.Connection:
    cache = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        (version,) = cache.execute("PRAGMA user_version").fetchone()
        n_things, *_ = cache.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and n_things == 0:
            with cache:
                # Of two that begin it at once, one has done it when the other may.
                cache.execute("BEGIN IMMEDIATE")
                cache.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1))
                cache.execute(f"PRAGMA user_version = {CACHE_VERSION}")
        elif version != CACHE_VERSION:
            _complain(f"it is of version {version}")
    except (sqlite3.Error, ValueError):
        cache.close()
        raise
    return cache


def _check(row: tuple) -> tuple:
    return row if row[5] == _sum_up(row[:5]) else _complain("a line is damaged")


def _complain(what: str) -> NoReturn:
    raise sqlite3.DatabaseError(what)


def _sum_up(row: tuple) -> int:
    return zlib.crc32(repr(row).encode("utf-8", "surrogatepass"))


def _throw_away(path: Path, error: Exception) -> None:
    """Remove a cache that is damaged: what is not there cannot mislead."""
    # The lowest byte is the kind; what is above tells more of it.
    kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if kind not in _NOT_DAMAGED:
        for name in (path, *(path.with_name(path.name + end) for end in _BESIDE)):
            with suppress(OSError):
                name.unlink()
