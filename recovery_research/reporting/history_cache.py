"""What has been read of the runs before, kept so that it is not read again.

The cache is a convenience: it can be deleted at any time, and it is never believed
about a file that has changed since. Nor is it believed about itself: each line has its
check sum, and a cache in which anything is odd is thrown away.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path

from recovery_research.reporting.sharing import share

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
    """Read what is kept; nothing if there is no cache or it is damaged.

    Parameters
    ----------
    reports : Path
        Folder of reports.

    Returns
    -------
    dict of str to tuple
        By the run's path in that folder: the state of its record when it was read,
        and what was read.
    """
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
    """Keep what was read, if that is possible.

    Parameters
    ----------
    reports : Path
        Folder of reports.
    fresh : mapping
        What was read anew, as `read_cache` returns it.
    gone : iterable of str
        Paths of runs that are no longer there.
    """
    path = reports / CACHE_FILE
    if path.exists() and not path.is_file():
        return
    with suppress(OSError):
        # Another user's, who kept it to herself; what is not there cannot be stale.
        if path.is_file() and not os.access(path, os.W_OK):
            path.unlink()
    rows = [(run, *state, json.dumps(said)) for run, (state, said) in fresh.items()]
    rows = [(*row, _sum_up(row)) for row in rows]
    try:
        with closing(_open(path)) as cache, cache:
            cache.executemany("DELETE FROM runs WHERE path = ?", [(p,) for p in gone])
            cache.executemany("REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)", rows)
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


def _complain(what: str) -> None:
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
