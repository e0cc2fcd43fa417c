"""How what a notebook can read stands at a moment, each thing as a short text.

Imported by kernels, so it imports next to nothing itself.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable

FILES = "files"
MODULES = "modules"
FOLDERS = "folders"
LISTINGS = "listings"
IMPORT_FOLDERS = "import_folders"
PRESENCE = "presence"
TIMES = "times"
KINDS = (FILES, MODULES, FOLDERS, LISTINGS, IMPORT_FOLDERS, PRESENCE, TIMES)

ABSENT = "absent"
FOLDER = "folder"
OTHER = "no file"
# What comes and goes though nobody has put it there.
_UNSEEN = frozenset({"__pycache__", ".ipynb_checkpoints"})
_IMPORTABLE = (".py", ".so", ".pyd", ".zip", ".egg")


def sign(kind: str, path: str) -> str:
    """Return a text that is another one when a thing of a kind has changed.

    Of a file this looks at its times and size alone; its content is for the hash.
    """
    try:
        return _SIGNS[kind](path)
    except (OSError, ValueError):
        return ABSENT


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text as hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _sign_file(path: str) -> str:
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        return FOLDER
    if not stat.S_ISREG(found.st_mode):
        return OTHER
    # SQLite leaves such a file empty, or takes it away, as it pleases.
    if path.endswith("-wal") and not found.st_size:
        return ABSENT
    # The second time is that of the last change of any kind, which nobody can set.
    times = f"{found.st_mtime_ns}-{found.st_ctime_ns}"
    return f"{times}-{found.st_size}-{found.st_ino}"


def _sign_names(path: str) -> str:
    with os.scandir(path) as entries:
        return _hash_lines(
            f"{entry.name}{os.sep if entry.is_dir() else ''}"
            for entry in entries
            if entry.name not in _UNSEEN
        )


def _sign_listing(path: str) -> str:
    with os.scandir(path) as entries:
        return _hash_lines(
            f"{entry.name}\n{_sign_time(entry.path)}"
            for entry in entries
            if entry.name not in _UNSEEN
        )


def _sign_importable(path: str) -> str:
    """Sign the names that an import can find in a folder, not what is behind them."""
    with os.scandir(path) as entries:
        return _hash_lines(
            entry.name
            for entry in entries
            if entry.name.endswith(_IMPORTABLE)
            or os.path.isfile(os.path.join(entry.path, "__init__.py"))
        )


def _sign_presence(path: str) -> str:
    mode = os.stat(path).st_mode
    return FOLDER if stat.S_ISDIR(mode) else "file"


def _sign_time(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError:
        return ABSENT
    # The time of a folder moves with anything that is put into it.
    if stat.S_ISDIR(found.st_mode):
        return FOLDER
    return f"{found.st_mtime_ns}-{found.st_size}-{stat.filemode(found.st_mode)}"


def _hash_lines(lines: Iterable[str]) -> str:
    return hash_text("\n".join(sorted(lines)))


_SIGNS = {
    FILES: _sign_file,
    MODULES: _sign_file,
    FOLDERS: _sign_names,
    LISTINGS: _sign_listing,
    IMPORT_FOLDERS: _sign_importable,
    PRESENCE: _sign_presence,
    TIMES: _sign_time,
}
