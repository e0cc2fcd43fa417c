"""The folders of reports and runs: names, who may read them, what lies there.

What a record names was written by somebody: a path that leads out, a link, a pipe that
never ends or a device is not opened.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from recovery_research.atomic_files import make_folder, write_whole


def share(path: Path) -> None:
    """Give a file or folder to the group of its folder, if that group may write there.

    A user's own settings (umask) usually keep others from writing what they made; in a
    folder that belongs to a group, the next of them could then not go on.
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        around, own = os.stat(path.parent), os.lstat(path)
        if not around.st_mode & stat.S_IWGRP or stat.S_ISLNK(own.st_mode):
            return
        more = stat.S_IRGRP | stat.S_IWGRP
        if stat.S_ISDIR(own.st_mode):
            more |= stat.S_IXGRP | (around.st_mode & stat.S_ISGID)
        if own.st_gid != around.st_gid:
            os.chown(path, -1, around.st_gid)
        mode = stat.S_IMODE(own.st_mode)
        if mode | more != mode or own.st_gid != around.st_gid:
            os.chmod(path, mode | more)


def share_all(folder: Path) -> None:
    """Give a folder and everything in it to the group of the folder around it."""
    share(folder)
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            share(Path(parent) / name)


def make_shared(folder: Path) -> None:
    """Make a folder that is missing, and give it to the group of the one around it."""
    make_folder(folder, finish=share)


def write_shared(path: Path, text: str) -> Path:
    """Write a text whole or not at all, for everybody whose folder it is in."""
    return write_whole(path, text.encode("utf-8", "replace"), finish=share)


# Far more than any record or table of a report; what is larger is none.
MOST_BYTES = 1_000_000_000
LONGEST_PATH = 900
LONGEST_NAME = 200
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    # Opening a pipe that nobody writes to would wait for ever.
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def open_within(folder: Path, name: str, *, buffering: int = -1) -> BinaryIO:
    """Open a file that lies in a folder, or in one below it."""
    if not is_inner_path(name):
        raise ValueError(f"{str(name)[:80]!r} is no name of a file in there.")
    *parents, _ = parts = name.split("/")
    for depth in range(1, len(parents) + 1):
        if os.path.islink(os.path.join(folder, *parts[:depth])):
            raise ValueError(f"{name!r} leads through a link.")
    path = os.path.join(folder, *parts)
    if not hasattr(os, "O_NOFOLLOW") and os.path.islink(path):
        raise ValueError(f"{name!r} is a link.")
    handle = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"{name!r} is no file.")
    return os.fdopen(handle, "rb", buffering)


def read_within(folder: Path, name: str, *, most: int = MOST_BYTES) -> bytes:
    """Read a file that lies in a folder, or in one below it."""
    with open_within(folder, name, buffering=0) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise ValueError(f"{name!r} is larger than {most:,} bytes.")
        return file.read()


def is_inner_path(name: object) -> bool:
    """Return whether a text names a file inside a folder, on every system alike.

    Examples
    --------
    >>> is_inner_path("tables/kept.csv"), is_inner_path("../kept.csv")
    (True, False)
    """
    return isinstance(name, str) and len(name) <= LONGEST_PATH and _is_inner(name)


@lru_cache(maxsize=1000)  # thousands of runs have files of a few names
def _is_inner(name: str) -> bool:
    return all(map(is_plain_name, name.split("/")))


def is_plain_name(name: str) -> bool:
    """Return whether a file or folder can be named so on every system.

    Examples
    --------
    >>> is_plain_name("my report"), is_plain_name(".."), is_plain_name("a/b")
    (True, False, False)
    """
    return (
        name.isprintable()
        and not set(name) & set('/\\:*?"<>|')
        and name == name.strip(" ")
        and not name.endswith(".")
        and 0 < len(name.encode("utf-8", "surrogateescape")) <= LONGEST_NAME
    )


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
    home = os.path.realpath(reports)
    names: list[str] = []
    linked: dict[str, str] = {}
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
