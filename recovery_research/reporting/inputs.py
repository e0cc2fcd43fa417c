"""What a run read and imported, made from the notes that its kernel took."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from recovery_research.places import project_root
from recovery_research.reporting.input_changes import (
    UNWATCHED,
    measure,
    place_short,
    strengthen,
)
from recovery_research.reporting.input_states import KINDS, OTHER, PRESENCE, sign
from recovery_research.reporting.kernel_notes import (
    ADDED,
    ENVIRONMENT,
    MADE,
    MADE_FOLDER,
    MOVED,
    SET,
    UNKNOWN,
    WATCHING,
)
from recovery_research.reporting.masks import mask_text
from recovery_research.reporting.records import InputsRecord


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
        """Return kind, thing, state and cell of each note; what is cut off is not.

        Returns
        -------
        list of tuple
        """
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
    secrets: list[str] = (),
) -> InputsRecord:
    """Return what a run read, with hashes, and what of it cannot be known.

    Parameters
    ----------
    notes : list of tuple
        As `NoteReader.read` returns them.
    folder : Path
        Folder of the notebook, in whose project paths are written short.
    secrets : list of str, optional
        What must not be seen in the record.

    Returns
    -------
    InputsRecord
    """
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
