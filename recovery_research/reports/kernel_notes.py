"""The notes that a kernel takes of what its notebook reads, one JSON line each.

Imported by kernels, so it imports next to nothing itself.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from recovery_research.reports.input_states import (
    ABSENT,
    FILES,
    FOLDERS,
    hash_text,
    sign,
)
from recovery_research.reports.kernel_callers import (
    AUTHOR,
    CELLS,
    Caller,
    find_caller,
    is_foreign,
)

NOTES_FILE = "notes.jsonl"
NOTES_VARIABLE = "RECOVERY_RESEARCH_NOTES"
WATCHING = "watching"
MADE, ADDED, MADE_FOLDER, MOVED, SET = "made", "added", "made folder", "moved", "set"
ENVIRONMENT, UNKNOWN = "environment", "unknown"
WHOLE = "reads the whole environment"
MOST_NOTES = 10_000
_DEVICES = tuple(os.sep + name + os.sep for name in ("proc", "sys", "dev"))
# What Matplotlib and Numba keep for the next time, and would make again.
_KEPT = (".nbi", ".nbc", ".matplotlib-lock", "tex.cache")


class Notes:
    """What was read, written down at once, for a kernel may be killed at any time.

    Every process of a run adds whole lines to the same file. Each thing is written
    down once, as it stood when it was first read.

    Parameters
    ----------
    path : str
        The file.
    skipped : str, optional
        Folder whose files are not the notebook's: the private one of the kernel.
    """

    def __init__(self, path: str, skipped: str = "") -> None:
        self.path, self.skipped = path, skipped or path
        self.armed = False
        self._seen: set[tuple[str, str]] = set()
        self._busy = threading.local()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep what the watching itself does from being watched.

        Nothing that goes wrong here may reach the notebook; it makes the run one of
        which not everything is known.
        """
        if getattr(self._busy, "now", False):
            yield False
            return
        self._busy.now = True
        try:
            yield True
        except Exception as error:
            said = f"something could not be watched ({type(error).__name__})"
            with suppress(OSError):
                self.write(UNKNOWN, said)
        finally:
            self._busy.now = False

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Keep what the notebook does from being watched, which is known already."""
        before = getattr(self._busy, "now", False)
        self._busy.now = True
        try:
            yield
        finally:
            self._busy.now = before

    def write(self, kind: str, what: str, was: str = "") -> None:
        """Write something down, once."""
        if (kind, what) in self._seen or len(self._seen) > MOST_NOTES:
            return
        self._seen.add((kind, what))
        if len(self._seen) > MOST_NOTES:
            kind, what, was = UNKNOWN, f"more than {MOST_NOTES:,} things are read", ""
        line = json.dumps([kind, what, was]) + "\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        # Opened each time: a notebook may close whatever is open.
        handle = os.open(self.path, flags, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def knows(self, kind: str, what: str) -> bool:
        """Return whether something is written down already."""
        return (kind, what) in self._seen

    def doubt(self, what: str, caller: Caller) -> None:
        """Write down that something cannot be known, and which module asked for it."""
        if not self.armed:
            return
        inside = caller.kind == AUTHOR and not caller.file.startswith(CELLS)
        where = os.path.basename(caller.file) if inside else ""
        self.write(UNKNOWN, what, where)

    def read(self, kind: str, path: object) -> None:
        """Write down that something on disk is read, unless it is not the author's."""
        place = find_place(path)
        if not self.armed or place is None or self.knows(kind, place):
            return
        if f"{place}{os.sep}".startswith(_DEVICES) and not place.startswith(
            "/dev/shm/"
        ):
            self._read_device(place, find_caller())
            return
        if not self.is_foreign(place):
            self.write(kind, place, sign(kind, place))

    def is_foreign(self, place: str) -> bool:
        """Return whether a file is not the author's."""
        name = os.path.basename(place)
        return (
            is_foreign(place + os.sep)
            or place.startswith(self.skipped)
            or name.endswith(_KEPT)
            or (name.startswith("fontlist-v") and "matplotlib" in place)
        )

    def read_environment(self, name: str, value: str | None) -> None:
        """Write down an environment variable, never its value."""
        if self.knows(UNKNOWN, WHOLE) or self.knows(SET, name):
            return
        if self.armed:
            self.write(ENVIRONMENT, name, ABSENT if value is None else hash_text(value))

    def _read_device(self, place: str, caller: Caller) -> None:
        if caller.kind != AUTHOR:
            return
        if place.endswith("random"):
            self.doubt("draws luck without a seed (" + place + ")", caller)
        elif place not in (
            "/dev/null",
            "/dev/zero",
            "/dev/tty",
            "/dev/stdout",
            "/dev/stderr",
        ):
            self.doubt("reads the state of the machine (" + place + ")", caller)

    def read_tree(self, path: object) -> None:
        """Write down a file, or all files of a folder, that foreign code will read."""
        place = find_place(path)
        if place is None or not os.path.isdir(place):
            self.read(FILES, path)
            return
        for folder, _, names in os.walk(place):
            self.read(FOLDERS, folder)
            for name in names:
                self.read(FILES, os.path.join(folder, name))


def find_place(path: object) -> str | None:
    """Return the absolute path of what was opened, None if it is no path."""
    if isinstance(path, int):
        with suppress(OSError):
            return os.readlink(f"/proc/self/fd/{path}")
        return None
    try:
        place = os.fsdecode(path if path is not None else ".")
        return os.path.abspath(place or ".")
    except (TypeError, ValueError, OSError):
        return None
