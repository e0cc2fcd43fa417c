"""What has been read of the runs before, kept so that it is not read again.

The cache is a convenience: it can be deleted at any time, and it is never believed
about a file that has changed since.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path

from recovery_research.reporting.sharing import share

CACHE_FILE = ".history.sqlite"
# Raised whenever what is kept of a run changes.
CACHE_VERSION = 1
BUSY_SECONDS = 5.0
State = tuple[int, int, int]


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
            rows = cache.execute("SELECT path, mtime, size, inode, said FROM runs")
            return {row[0]: (row[1:4], json.loads(row[4])) for row in rows}
    except (sqlite3.Error, ValueError):
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
    rows = [(path, *state, json.dumps(said)) for path, (state, said) in fresh.items()]
    path = reports / CACHE_FILE
    with suppress(OSError):
        # Another user's, who kept it to herself; what is not there cannot be stale.
        if path.is_file() and not os.access(path, os.W_OK):
            path.unlink()
    for attempt in (1, 2):
        try:
            with closing(_open(path)) as cache, cache:
                cache.executemany(
                    "DELETE FROM runs WHERE path = ?", [(p,) for p in gone]
                )
                cache.executemany("REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", rows)
            share(path)
        except sqlite3.OperationalError:
            return  # a folder that cannot be written, or a busy cache
        except sqlite3.DatabaseError:
            # Damaged: what is not there cannot mislead.
            with suppress(OSError):
                path.unlink()
            if attempt == 2:
                return
        else:
            return


def _open(path: Path) -> sqlite3.Connection:
    cache = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        (version,) = cache.execute("PRAGMA user_version").fetchone()
        if version != CACHE_VERSION:
            with cache:
                cache.execute("DROP TABLE IF EXISTS runs")
                cache.execute(
                    "CREATE TABLE IF NOT EXISTS runs (path TEXT PRIMARY KEY, "
                    "mtime INTEGER, size INTEGER, inode INTEGER, said TEXT)"
                )
                cache.execute(f"PRAGMA user_version = {CACHE_VERSION}")
    except sqlite3.Error:
        cache.close()
        raise
    return cache
