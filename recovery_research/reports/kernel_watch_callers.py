"""Whose code did something in a kernel, and what the author's code says.

The classes of dates cannot be watched, for they are written in C; the code that asks
them can be read. Imported by kernels alone.

Imported by kernels, so it imports next to nothing itself.
"""

from __future__ import annotations

import dis
import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import NamedTuple

CLOCK = "reads the clock"
LUCK = "draws luck without a seed"
_CLOCK_NAMES = frozenset({"now", "utcnow", "today", "utc_now", "uuid1"})
_CLOCK_WORDS = frozenset({"now", "today"})
_TAKE_WORDS = frozenset({
    "getattr", "methodcaller", "to_datetime", "Timestamp", "datetime64",
    "DatetimeIndex", "date_range", "Period", "period_range", "bdate_range", "array",
    "asarray", "astype",
})  # fmt: skip
_PAST_THE_WATCH = frozenset({
    "duckdb", "OSFile", "LocalFileSystem", "SubTreeFileSystem", "CalamineWorkbook",
    "CDLL", "PyDLL", "_exec_query",
})  # fmt: skip
_SQL = re.compile(r"\b(select|insert|update|with)\b", re.I)
_SQL_CLOCK = re.compile(
    r"\bcurrent_(date|time|timestamp)\b|\b(now|today|getdate)\s*\(\s*\)|'now'", re.I
)
_SQL_LUCK = re.compile(r"\b(random|rand|uuid|gen_random_uuid|randomblob)\s*\(", re.I)
_LOADS = ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "IMPORT_NAME")


def find_suspects(code: object) -> Iterator[str]:
    """Yield what code may read that cannot be watched, in words."""
    if not isinstance(code, CodeType):
        return
    names = set(code.co_names)
    suspected = names & (_CLOCK_NAMES | _PAST_THE_WATCH)
    if suspected:
        # A variable of that name is no reading: what counts is `.now` and `import`.
        loaded = {
            str(part).partition(".")[0]
            for each in dis.get_instructions(code)
            if each.opname.startswith(_LOADS)
            for part in (each.argval,)
        }
        for name in sorted(suspected & loaded):
            clock = name in _CLOCK_NAMES
            yield f"{CLOCK} ({name})" if clock else f"reads files through {name}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from find_suspects(constant)
        elif isinstance(constant, str):
            yield from _read_text(constant, names)


def _read_text(text: str, names: set[str]) -> Iterator[str]:
    if text.strip().lower() in _CLOCK_WORDS and names & _TAKE_WORDS:
        yield f"{CLOCK} ({text})"
    elif len(text) < 100_000 and _SQL.search(text):
        for pattern, said in ((_SQL_CLOCK, CLOCK), (_SQL_LUCK, LUCK)):
            found = pattern.search(text)
            if found:
                yield f"{said} ({found.group().rstrip('(').strip()} in a query)"


AUTHOR = "author"
LIBRARY = "library"
OWN = "own"  # this package
OPAQUE = "opaque"  # of Python itself, and works for its own ends
_PASSING = "passing"  # of Python itself, and does what its caller wants

PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
# By either way that leads here: files are opened by the one that imports have taken.
_OWN = tuple({PACKAGE, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))})
# Known beforehand: the runner and its watchers, by their hash, and data, by theirs.
_KNOWN = tuple(
    os.path.join(own, room, "") for own in _OWN for room in ("reports", "_installed")
)
_PATHS = sysconfig.get_paths()
_PYTHON = tuple({_PATHS["stdlib"] + os.sep, _PATHS["platstdlib"] + os.sep})
# An archive beside Python's library may hold it, and a clock's zones are the system's.
_ARCHIVE = os.path.basename(_PATHS["stdlib"]).replace(".", "") + ".zip"
_SYSTEM = (
    os.path.join(os.path.dirname(_PATHS["stdlib"]), _ARCHIVE),
    "/usr/share/zoneinfo/",
)
_INSTALLED = tuple(
    f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages")
)
_EARS = os.path.join(os.path.dirname(__file__), "kernel_")
CELLS = os.path.join(tempfile.gettempdir(), "ipykernel_")
_FOREIGN = (*_PYTHON, *_SYSTEM, PACKAGE + os.sep, CELLS)
# A path with one of these may lead elsewhere than it begins.
_ROUNDABOUT = ("..", "//", "/./")
_IMPORTING = ("<frozen importlib", "<frozen zipimport")
_OPAQUE = frozenset({
    "asyncio", "concurrent", "importlib", "inspect", "linecache", "logging",
    "multiprocessing", "pdb", "pkgutil", "queue", "runpy", "selectors", "socketserver",
    "tempfile", "threading", "tokenize", "traceback", "warnings", "zipimport",
})  # fmt: skip


class Caller(NamedTuple):
    """Who did something.

    Attributes
    ----------
    kind : str
        ``author``, ``library``, ``own`` or ``opaque``.
    file : str
        Where the code stands.
    through : FrameType or None
        The innermost frame, which may be one of Python's own library.
    frame : FrameType or None
        The frame of the caller itself; None if there is none.
    """

    kind: str
    file: str
    through: FrameType | None
    frame: FrameType | None

    def list_passed(self) -> set[str]:
        """Return the functions of Python's own that were passed, and their files."""
        names, frame = set(), self.through
        while frame is not None and frame is not self.frame:
            code = frame.f_code
            names |= {code.co_name, os.path.basename(code.co_filename)}
            frame = frame.f_back
        return names


_known: dict[str, str] = {}


def classify(file: str) -> str:
    """Return whose code stands in a file."""
    kind = _known.get(file)
    if kind is None:
        kind = _known[file] = _classify(file)
    return kind


def _classify(file: str) -> str:
    if file.startswith(_IMPORTING):
        return OPAQUE
    if file.startswith("<") or not file:
        return _PASSING
    if file.startswith(CELLS):
        return AUTHOR
    if any(name in file for name in _INSTALLED):
        return LIBRARY
    if file.startswith(PACKAGE + os.sep):
        return OWN
    if file.startswith(_PYTHON):
        inside = next(p for p in _PYTHON if file.startswith(p))
        first = file[len(inside) :].split(os.sep)[0].removesuffix(".py")
        return OPAQUE if first in _OPAQUE else _PASSING
    return AUTHOR


def find_caller() -> Caller:
    """Find who did what is being done now, past Python's own library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_EARS):
        frame = frame.f_back
    through = frame
    while frame is not None:
        file = frame.f_code.co_filename
        kind = classify(file)
        if kind != _PASSING:
            return Caller(kind, file, through, frame)
        frame = frame.f_back
    return Caller(OPAQUE, "", through, None)


def is_importing(frame: FrameType | None) -> bool:
    """Return whether a library does something because it is being imported."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_IMPORTING):
            return True
        if classify(file) == AUTHOR:
            return False
        frame = frame.f_back
    return False


def is_own_code(path: str) -> bool:
    """Return whether a file is code of this package that a notebook runs."""
    inside = any(path.startswith(own + os.sep) for own in _OWN)
    return inside and path.endswith((".py", ".pyc")) and not path.startswith(_KNOWN)


def is_foreign(path: str) -> bool:
    """Return whether a file belongs to Python, to what is installed, or to us.

    Those are known by their versions, and ours is looked at before (`is_own_code`).
    """
    return path.startswith(_FOREIGN) or any(name in path for name in _INSTALLED)


def is_installed(path: object) -> bool:
    """Return whether a path is one of what is installed, as it is written."""
    return (
        isinstance(path, str)
        and any(name in path for name in _INSTALLED)
        and not any(part in path for part in _ROUNDABOUT)
        and not path.startswith(_OWN)
    )


def name_library(file: str) -> str:
    """Return the name under which an installed file is imported."""
    for name in _INSTALLED:
        if name in file:
            return file.rpartition(name)[2].split(os.sep)[0].removesuffix(".py")
    return ""
