"""What a run's record says beyond the history, read only for runs that are shown."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from recovery_research.reporting.checks import read_check
from recovery_research.reporting.history import RECORD_FILE
from recovery_research.reporting.notice_files import Notice, read_notices
from recovery_research.reporting.past_runs import PastRun
from recovery_research.reporting.run_files import open_within

MOST_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class RunDetails:
    """More of one run, as far as its record can be read.

    Attributes
    ----------
    place : str
        Folder of the run inside the reports folder, with slashes.
    changed : frozenset of str
        Parameters whose value is not the default.
    tables : dict of str to tuple
        File and SHA-256 of each table, by name.
    captions : dict of str to str
        Caption of each table, by name.
    failure, provenance : mapping
        As in the record; empty if there is none.
    """

    place: str
    changed: frozenset[str] = frozenset()
    tables: dict[str, tuple[str, str]] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)
    failure: Mapping = field(default_factory=dict)
    provenance: Mapping = field(default_factory=dict)


class DetailReader:
    """Reads the details of runs, each once.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    """

    def __init__(self, reports: Path) -> None:
        self.reports = reports
        self._read: dict[Path, RunDetails] = {}

    def find_place(self, run: PastRun) -> str:
        """Return where a run lies, from the page that tells of it.

        Parameters
        ----------
        run : PastRun
            The run.

        Returns
        -------
        str
        """
        return run.folder.relative_to(self.reports).as_posix()

    def read_head(self, run: PastRun, name: str, n_bytes: int) -> bytes:
        """Read the beginning of a file of a run.

        Parameters
        ----------
        run : PastRun
            The run.
        name : str
            Path in its folder.
        n_bytes : int
            No more than that.

        Returns
        -------
        bytes

        Raises
        ------
        ValueError
            If the name leads out of the folder, or to what is no file.
        OSError
            If it cannot be read.
        """
        with open_within(run.folder, name) as file:
            # A read makes room for all that it is asked for.
            return file.read(min(n_bytes, os.fstat(file.fileno()).st_size))

    def has_file(self, run: PastRun, name: str) -> bool:
        """Return whether a run has a file.

        Parameters
        ----------
        run : PastRun
            The run.
        name : str
            Path in its folder.

        Returns
        -------
        bool
        """
        return (run.folder / name).is_file()

    def read_check(self, run: PastRun) -> datetime | None:
        """Return when a run was last seen to be unchanged, or None.

        Parameters
        ----------
        run : PastRun
            The run.

        Returns
        -------
        datetime or None
        """
        return read_check(run.folder)

    def read_notices(self, run: PastRun) -> list[Notice]:
        """Return what was told of a run.

        Parameters
        ----------
        run : PastRun
            The run.

        Returns
        -------
        list of Notice
        """
        return read_notices(run.folder)

    def read(self, run: PastRun) -> RunDetails:
        """Return the details of a run; a record that went away has none.

        Parameters
        ----------
        run : PastRun
            The run.

        Returns
        -------
        RunDetails
        """
        if run.folder not in self._read:
            place = self.find_place(run)
            try:
                # Unchecked: the history has checked it already.
                record = json.loads(self.read_head(run, RECORD_FILE, MOST_BYTES))
                self._read[run.folder] = _pick(place, record)
            except (
                OSError,
                ValueError,
                LookupError,
                TypeError,
                AttributeError,
                RecursionError,
            ):
                self._read[run.folder] = RunDetails(place)
        return self._read[run.folder]


def _pick(place: str, record: dict) -> RunDetails:
    parameters = record["parameters"]
    tables = [e for e in record.get("exhibits", []) if e["kind"] == "table"]
    return RunDetails(
        place=place,
        changed=frozenset(p["name"] for p in parameters if p["value"] != p["default"]),
        tables={table["name"]: (table["file"], table["sha256"]) for table in tables},
        captions={table["name"]: table["caption"] for table in tables},
        failure=dict(record.get("failure") or {}),
        provenance=dict(record["provenance"]),
    )
