"""Whose code it was that did something in a kernel: the author's or a library's.

Imported by kernels, so it imports next to nothing itself.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from types import FrameType
from typing import NamedTuple

AUTHOR = "author"
LIBRARY = "library"
OWN = "own"  # this package
OPAQUE = "opaque"  # of Python itself, and works for its own ends
_PASSING = "passing"  # of Python itself, and does what its caller wants

PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
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
        """Return the functions of Python's own that were passed, and their files.

        Returns
        -------
        set of str
        """
        names, frame = set(), self.through
        while frame is not None and frame is not self.frame:
            code = frame.f_code
            names |= {code.co_name, os.path.basename(code.co_filename)}
            frame = frame.f_back
        return names


_known: dict[str, str] = {}


def classify(file: str) -> str:
    """Return whose code stands in a file.

    Parameters
    ----------
    file : str
        As a code object has it.

    Returns
    -------
    str
    """
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
    """Find who did what is being done now, past Python's own library.

    Returns
    -------
    Caller
    """
    frame = sys._getframe(1)
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
    """Return whether a library does something because it is being imported.

    Parameters
    ----------
    frame : FrameType or None
        The library's frame.

    Returns
    -------
    bool
    """
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_IMPORTING):
            return True
        if classify(file) == AUTHOR:
            return False
        frame = frame.f_back
    return False


def is_foreign(path: str) -> bool:
    """Return whether a file belongs to Python, to what is installed, or to us.

    Those are known by their versions and by the hash of this package.

    Parameters
    ----------
    path : str
        Absolute path.

    Returns
    -------
    bool
    """
    return path.startswith(_FOREIGN) or any(name in path for name in _INSTALLED)


def name_library(file: str) -> str:
    """Return the name under which an installed file is imported.

    Parameters
    ----------
    file : str
        Path of the file.

    Returns
    -------
    str
    """
    for name in _INSTALLED:
        if name in file:
            return file.rpartition(name)[2].split(os.sep)[0].removesuffix(".py")
    return ""
