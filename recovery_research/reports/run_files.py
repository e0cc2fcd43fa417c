"""Files of a run, opened only if they lie in its folder and are files.

What a record names was written by somebody: a path that leads out, a link, a pipe that
never ends or a device is not opened.
"""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

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
