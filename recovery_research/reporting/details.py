"""What a run's record says beyond the history, read only for runs that are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recovery_research.reporting.history import RECORD_FILE, PastRun


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
            place = run.folder.relative_to(self.reports).as_posix()
            try:
                # Unchecked: the history has checked it already.
                record = json.loads((run.folder / RECORD_FILE).read_bytes())
                self._read[run.folder] = _pick(place, record)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
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
