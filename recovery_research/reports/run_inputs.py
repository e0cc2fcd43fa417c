"""What a run read and imported, and whether it is as it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from recovery_research.paths import PACKAGE, project_root
from recovery_research.reports.input_hashes import (
    ABSENT,
    FILES,
    FOLDER,
    FOLDERS,
    IMPORT_FOLDERS,
    KINDS,
    LISTINGS,
    MODULES,
    OTHER,
    PRESENCE,
    TIMES,
    hash_text,
    sign,
)
from recovery_research.reports.kernel_watch_notes import (
    ADDED,
    ENVIRONMENT,
    MADE,
    MADE_FOLDER,
    MOVED,
    SET,
    UNKNOWN,
    WATCHING,
)
from recovery_research.reports.masking import mask_text
from recovery_research.reports.processes import package_environment
from recovery_research.reports.provenance import hash_content
from recovery_research.reports.records import InputsRecord


@dataclass
class NoteReader:
    """Reads the notes of a kernel, and knows in which cell each was taken.

    Attributes
    ----------
    path : Path
        The file of notes.
    ends : list of tuple
        Size of the file at the end of a cell, and the number of the cell.
    """

    path: Path
    ends: list[tuple[int, int]] = field(default_factory=list)

    def end_cell(self, number: int) -> None:
        """Remember how far the notes had come when a cell ended."""
        self.ends.append((_measure(self.path), number))

    def read(self) -> list[tuple[str, str, str, int | None]]:
        """Return kind, thing, state and cell of each note; what is cut off is not."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return []
        notes, place = [], 0
        for line in content.splitlines(keepends=True):
            place += len(line)
            cell = next((number for end, number in self.ends if place <= end), None)
            try:
                kind, what, was = json.loads(line)
            except ValueError:
                kind, what, was = UNKNOWN, UNWATCHED, ""
            notes.append((kind, what, was, cell))
        return notes


def _measure(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def gather_inputs(
    notes: list[tuple[str, str, str, int | None]],
    folder: Path,
    secrets: Sequence[str] = (),
) -> InputsRecord:
    """Return what a run read, with hashes, and what of it cannot be known."""
    sorter = _Sorter(project_root(folder))
    for note in notes:
        sorter.sort(*note)
    unknown, tables = sorter.close(), sorter.tables
    if not any(kind == WATCHING for kind, *_ in notes):
        unknown = [UNWATCHED]
    for table in tables.values():
        hidden = [what for what in table if mask_text(what, secrets) != what]
        for what in hidden:
            del table[what]
            unknown.append("reads a file whose name is secret")
    said = [mask_text(text, secrets) for text in dict.fromkeys(unknown)]
    return InputsRecord(**tables, unknown=said)


def _add_module(what: str, module: str) -> str:
    if not module:
        return what
    if what.endswith(")"):
        return f"{what[:-1]} in {module})"
    return f"{what}, in {module}"


class _Sorter:
    """Sorts notes into what was read and what the run made for itself."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self.tables: dict[str, dict[str, str]] = {
            name: {} for name in (*KINDS, ENVIRONMENT)
        }
        self.made: set[str] = set()
        self.folders: list[str] = []
        self.added: set[str] = set()
        self.set: set[str] = set()
        self.read: dict[tuple[str, str], str] = {}
        self.unknown: list[str] = []

    def sort(self, kind: str, what: str, was: str, cell: int | None) -> None:
        """Take one note, in the order in which they were taken."""
        where = "" if cell is None else f"cell {cell} "
        if kind in KINDS:
            self._read(kind, what, was)
        elif kind == ENVIRONMENT and what not in self.set:
            self.tables[ENVIRONMENT].setdefault(what, strengthen(what, was))
        elif kind == UNKNOWN:
            self.unknown.append(where + _add_module(what, was))
        elif kind == MADE_FOLDER:
            self.folders.append(what)
        elif kind == SET:
            self.set.add(what)
        elif kind == MOVED:
            self.made.add(what)
        elif kind in (MADE, ADDED):
            (self.made if kind == MADE else self.added).add(what)

    def _read(self, kind: str, what: str, was: str) -> None:
        if was == OTHER:
            # Whoever has made it: what comes through it is gone.
            short = place_short(what, self.root)
            self.unknown.append(f"reads {short}, which is no file")
        if what in self.made or any(Path(what).is_relative_to(f) for f in self.folders):
            return
        if what in self.added and kind != PRESENCE:
            self.unknown.append(f"adds to {place_short(what, self.root)} and reads it")
        # A child may read the same later, as it stands then.
        self.read.setdefault((kind, what), was)

    def close(self) -> list[str]:
        """Hash what was read, if it is still what was read; return what is unknown."""
        touched = self.made | self.added
        touched |= {os.path.dirname(path) for path in self.made}
        for (kind, what), was in self.read.items():
            short = place_short(what, self.root)
            state = measure(kind, what)
            if sign(kind, what) == was:
                self.tables[kind][short] = state
            elif what in touched:
                self.unknown.append(f"changes {short}, which it reads")
            else:
                self.unknown.append(f"{short} changed while the report ran")
        return self.unknown


UNWATCHED = "what the notebook reads could not be watched"
# Slow on purpose: a short password must not be found by trying.
_EFFORT = {"n": 2**12, "r": 8, "p": 1, "dklen": 32}
MOST_SHOWN = 40
_SHOWN = {
    FILES: "file",
    MODULES: "module",
    FOLDERS: "names in",
    LISTINGS: "names and sizes in",
    IMPORT_FOLDERS: "modules in",
    PRESENCE: "whether there is",
    TIMES: "time and size of",
    ENVIRONMENT: "variable",
}
_IS_GONE = "{} is gone"
_HAS_CHANGED = {
    FILES: "{} has changed",
    MODULES: "the module {} has changed",
    FOLDERS: "the folder {} holds other files",
    LISTINGS: "the folder {} holds other files",
    IMPORT_FOLDERS: "the folder {} holds other modules",
    PRESENCE: "{} is there now, or not any more",
    TIMES: "{} has changed",
}


def find_change(
    inputs: InputsRecord | None,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> str | None:
    """Return the first thing of a run's inputs that is another one now, in words."""
    if inputs is None:
        return f"cannot be known: {UNWATCHED}"
    if inputs.unknown:
        return f"cannot be known: {inputs.unknown[0]}"
    root = project_root(folder)
    for kind in KINDS:
        for short, state in getattr(inputs, kind).items():
            now = measure(kind, place_long(short, root))
            if now != state:
                gone = now == ABSENT and kind != PRESENCE
                return (_IS_GONE if gone else _HAS_CHANGED[kind]).format(short)
    environment = kernel_variables() if environment is None else environment
    for name, state in inputs.environment.items():
        value = environment.get(name)
        if strengthen(name, ABSENT if value is None else hash_text(value)) != state:
            return f"the environment variable {name} is another one"
    return None


def is_ours(name: str) -> bool:
    """Return whether a module that a run read belongs to this package."""
    return PACKAGE.name in Path(name).parts


def describe_inputs(inputs: InputsRecord | None) -> list[str]:
    """Describe what a run read and what of it cannot be known, in lines of text."""
    if inputs is None:
        return ["", "read", f"  {UNWATCHED}"]
    lines = [
        f"  {_SHOWN[kind]} {name}{' (not there)' if state == ABSENT else ''}"
        for kind in (*KINDS, ENVIRONMENT)
        for name, state in getattr(inputs, kind).items()
        if not (kind == MODULES and is_ours(name))
    ]
    if ours := sum(map(is_ours, inputs.modules)):
        lines.append(f"  {ours} modules of this package")
    if len(lines) > MOST_SHOWN:
        left = len(lines) - MOST_SHOWN
        lines = [*lines[:MOST_SHOWN], f"  and {left:,} more (--json shows all)"]
    doubts = [f"  {said}" for said in inputs.unknown]
    unknown = ["", "cannot be known, so it always runs again", *doubts]
    return ["", "read", *lines, *(unknown if doubts else [])]


def measure(kind: str, path: str) -> str:
    """Return how a thing stands: a file's content, and of others what `sign` says."""
    state = sign(kind, path)
    if kind not in (FILES, MODULES) or state in (ABSENT, FOLDER, OTHER):
        return state
    try:
        return hash_content(Path(path))
    except OSError:
        return ABSENT


@lru_cache(maxsize=512)
def strengthen(name: str, digest: str) -> str:
    """Return the hash of an environment variable, slow to try values against."""
    if digest == ABSENT:
        return ABSENT
    return hashlib.scrypt(digest.encode(), salt=name.encode(), **_EFFORT).hex()


def kernel_variables() -> dict[str, str]:
    """Return the environment that a kernel would have, its private parts aside."""
    return {"PYTHONHASHSEED": "0", **package_environment()}


def place_short(path: str, root: Path | None) -> str:
    """Return a path as the record has it: from the project folder, if inside it."""
    if root is not None and Path(path).is_relative_to(root):
        return Path(path).relative_to(root).as_posix()
    return Path(path).as_posix()


def place_long(short: str, root: Path | None) -> str:
    """Return the absolute path of what the record has."""
    return str(Path(short) if root is None else root / short)
