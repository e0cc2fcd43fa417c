"""Which folders are reports, and which of those in them are runs."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

LATEST = "latest"
FAILED = "failed"
STAGING = ".staging"
RESERVED_NAMES = frozenset({LATEST, FAILED, "index"})
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[^/\\\x00-\x1f\x7f]+")


def is_run_id(name: object) -> bool:
    """Return whether a folder's name is the id of a run.

    Examples
    --------
    >>> is_run_id("20260105-063000-1a2b3c"), is_run_id("latest")
    (True, False)
    """
    return isinstance(name, str) and _RUN_ID.fullmatch(name) is not None


def list_reports(reports: Path) -> list[str]:
    """Return the names of the reports that a folder holds.

    A report may be a link to a folder on another disk; of several links to one, that
    of the same name counts, or else the first. A link back into the reports, or to a
    folder around them, is none.
    """
    home, names, linked = os.path.realpath(reports), [], {}
    for name, is_link in _list_entries(reports):
        if not os.path.isdir(reports / name):
            continue
        if not is_link:
            names.append(name)
            continue
        real = os.path.realpath(reports / name)
        if not _is_among(real, home):
            linked.setdefault(real, name)
            if os.path.basename(real) == name:
                linked[real] = name
    return sorted([*names, *linked.values()])


def find_lost(reports: Path) -> dict[str, str]:
    """Find the reports that are links to what is not there, a disk perhaps."""
    return {
        name: os.readlink(reports / name)
        for name, is_link in _list_entries(reports)
        if is_link and not os.path.exists(reports / name)
    }


def list_ids(folder: str | Path) -> list[str]:
    """Return the names of the folders of runs in a folder, in no order."""
    own = os.path.basename(folder) in (FAILED, STAGING)
    if own and os.path.islink(folder):
        return []
    with suppress(OSError), os.scandir(folder) as entries:
        return [
            e.name
            for e in entries
            if is_run_id(e.name) and e.is_dir(follow_symlinks=False)
        ]
    return []


def _list_entries(reports: Path) -> list[tuple[str, bool]]:
    with suppress(OSError), os.scandir(reports) as entries:
        return sorted(
            (e.name, e.is_symlink())
            for e in entries
            if e.name not in RESERVED_NAMES and not e.name.startswith(".")
        )
    return []


def _is_among(real: str, home: str) -> bool:
    """Return whether a folder is the reports folder, one in it or one around it."""
    with suppress(ValueError):  # on another drive
        return os.path.commonpath([real, home]) in (real, home)
    return False
