"""Watches what Python tells no hook of: environment variables, `stat`, and the clock.

Imported by kernels alone.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

from recovery_research.reports.input_hashes import PRESENCE, TIMES
from recovery_research.reports.kernel_watch_callers import (
    AUTHOR,
    CLOCK,
    LIBRARY,
    Caller,
    find_caller,
    is_importing,
    name_library,
)
from recovery_research.reports.kernel_watch_notes import SET, WHOLE, Notes, find_place

# Read these without arguments, or with as many as give no moment, is the clock.
_MOMENT_AT = {"localtime": 0, "gmtime": 0, "ctime": 0, "asctime": 0, "strftime": 1}
_CLOCKS = ("time", "time_ns", "clock_gettime", "clock_gettime_ns", *_MOMENT_AT)
_DURATIONS = ("CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_PROCESS_CPUTIME_ID",
              "CLOCK_THREAD_CPUTIME_ID")  # fmt: skip
_ASKS_PRESENCE = frozenset({
    "exists", "lexists", "isfile", "isdir", "is_file", "is_dir", "islink", "is_symlink",
    "ismount", "is_mount", "_lexists", "_isdir", "access", "readlink",
})  # fmt: skip
# These look at files for their own ends; what they open is told of anyway.
_LOOKS_ASIDE = frozenset({
    "makedirs", "mkdir", "realpath", "_joinrealpath", "resolve", "samefile", "cwd",
    "shutil.py", "zipfile.py", "tarfile.py", "glob.py",
})  # fmt: skip
# Their settings are their own affair, and differ between a schedule and a terminal.
_QUIET_LIBRARIES = frozenset({
    "numba", "llvmlite", "matplotlib", "matplotlib_inline", "IPython", "ipykernel",
    "jupyter_core", "jupyter_client", "traitlets", "comm", "debugpy", "zmq", "tornado",
    "psutil", "threadpoolctl",
})  # fmt: skip
_GENERAL = frozenset({
    "HOME", "PATH", "USER", "LOGNAME", "SHELL", "TERM", "COLUMNS", "LINES", "DISPLAY",
    "PWD", "TMPDIR", "TEMP", "TMP", "LANG", "LANGUAGE", "CI", "NO_COLOR", "FORCE_COLOR",
})  # fmt: skip
_GENERAL_BEGINNINGS = ("LC_", "XDG_", "PYTHON", "OMP_", "MKL_", "OPENBLAS_", "JPY_",
                       "RECOVERY_RESEARCH_")  # fmt: skip


def wrap_all(notes: Notes, hear_open: Callable[[tuple], None]) -> None:
    """Put watched functions in the place of those that tell nobody."""
    _wrap_environment(notes)
    _wrap_open(notes, hear_open)
    for name in ("stat", "lstat", "access", "readlink"):
        if hasattr(os, name):
            _wrap_look(notes, name)
    for name in _CLOCKS:
        if hasattr(time, name):
            setattr(time, name, _watch_clock(notes, getattr(time, name), name))


def _wrap_environment(notes: Notes) -> None:
    kind = type(os.environ)
    read, write, drop = kind.__getitem__, kind.__setitem__, kind.__delitem__

    def note(key: Any, value: Any) -> None:
        with notes.alone() as first:
            name = os.fsdecode(key)
            if first and notes.armed and _counts(name):
                text = None if value is None else os.fsdecode(value)
                notes.read_environment(name, text)

    def getitem(self, key):
        """Return an environment variable."""
        try:
            value = read(self, key)
        except KeyError:
            note(key, None)
            raise
        note(key, value)
        return value

    def setitem(self, key, value):
        """Set an environment variable, which is none of outside any more."""
        write(self, key, value)
        with notes.alone():
            notes.write(SET, os.fsdecode(key))

    def delitem(self, key):
        """Delete an environment variable."""
        drop(self, key)
        with notes.alone():
            notes.write(SET, os.fsdecode(key))

    for name, watched in (
        ("__getitem__", getitem), ("__setitem__", setitem), ("__delitem__", delitem)
    ):  # fmt: skip
        setattr(kind, name, watched)
    for name in ("__iter__", "__repr__", "__len__"):
        setattr(kind, name, _watch_whole(notes, getattr(kind, name)))


def _watch_whole(notes: Notes, function: Callable) -> Callable:
    @functools.wraps(function)
    def watched(self):
        with notes.alone() as first:
            if first and notes.armed and _counts(""):
                notes.doubt(WHOLE, find_caller())
        return function(self)

    return watched


def _counts(name: str) -> bool:
    """Return whether it counts that an environment variable is read."""
    caller = find_caller()
    if caller.kind == AUTHOR:
        return True
    if caller.kind != LIBRARY or name_library(caller.file) in _QUIET_LIBRARIES:
        return False
    if name in _GENERAL or name.startswith(_GENERAL_BEGINNINGS):
        return False
    return not is_importing(caller.frame)


def _wrap_look(notes: Notes, name: str) -> None:
    look = getattr(os, name)

    @functools.wraps(look)
    def watched(path, *given, **named):
        if notes.armed:
            with notes.alone() as first:
                caller = find_caller() if first else None
                if caller is not None and caller.kind == AUTHOR:
                    _note_look(notes, path, caller, name)
        return look(path, *given, **named)

    setattr(os, name, watched)
    for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks,
                 os.supports_effective_ids):  # fmt: skip
        if look in able:
            able.add(watched)


def _note_look(notes: Notes, path: object, caller: Caller, name: str) -> None:
    asked = caller.list_passed() | {name}
    if asked.isdisjoint(_LOOKS_ASIDE):
        more = asked.isdisjoint(_ASKS_PRESENCE)
        notes.read(TIMES if more else PRESENCE, path)


def _wrap_open(notes: Notes, hear: Callable[[tuple], None]) -> None:
    """Watch opening from an open folder, of which the hook is told only half."""
    start = os.open

    @functools.wraps(start)
    def watched(path, flags, mode=0o777, *, dir_fd=None):
        if dir_fd is None or not notes.armed:
            return start(path, flags, mode, dir_fd=dir_fd)
        with notes.alone() as first:
            folder = find_place(dir_fd)
            if first and folder is not None:
                hear((os.path.join(folder, os.fsdecode(path)), None, flags))
        with notes.deaf():
            return start(path, flags, mode, dir_fd=dir_fd)

    os.open = watched
    os.supports_dir_fd.add(watched)


def _watch_clock(notes: Notes, clock: Callable, name: str) -> Callable:
    moment_at = _MOMENT_AT.get(name)
    durations = {getattr(time, each, None) for each in _DURATIONS}

    @functools.wraps(clock)
    def watched(*given):
        if notes.armed and (
            (moment_at is None and (not given or given[0] not in durations))
            or (
                moment_at is not None
                and given[moment_at : moment_at + 1] in ((), (None,))
            )
        ):
            with notes.alone() as first:
                caller = find_caller() if first else None
                if caller is not None and caller.kind == AUTHOR:
                    notes.doubt(f"{CLOCK} (time.{name})", caller)
        return clock(*given)

    return watched
