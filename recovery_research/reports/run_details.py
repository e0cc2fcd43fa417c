"""What a run's record says beyond the history, read only for runs that are shown."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from recovery_research.reports.after_run import Notice, read_check, read_notices
from recovery_research.reports.history import RECORD_FILE, PastRun
from recovery_research.reports.report_folders import open_within

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
        """Return where a run lies, from the page that tells of it."""
        return run.folder.relative_to(self.reports).as_posix()

    def read_head(self, run: PastRun, name: str, n_bytes: int) -> bytes:
        """Read the beginning of a file of a run."""
        with open_within(run.folder, name) as file:
            # A read makes room for all that it is asked for.
            return file.read(min(n_bytes, os.fstat(file.fileno()).st_size))

    def has_file(self, run: PastRun, name: str) -> bool:
        """Return whether a run has a file."""
        return (run.folder / name).is_file()

    def read_check(self, run: PastRun) -> datetime | None:
        """Return when a run was last seen to be unchanged, or None."""
        return read_check(run.folder)

    def read_notices(self, run: PastRun) -> list[Notice]:
        """Return what was told of a run."""
        return read_notices(run.folder)

    def read(self, run: PastRun) -> RunDetails:
        """Return the details of a run; a record that went away has none."""
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


def sort_by_parameters(runs: Sequence[PastRun]) -> list[list[PastRun]]:
    """Sort runs by report and parameters."""
    sets: dict[tuple[str, str], list[PastRun]] = {}
    for run in runs:
        sets.setdefault((run.report, name_set(run)), []).append(run)
    return sorted(sets.values(), key=lambda each: each[0].succeeded)


def name_set(run: PastRun) -> str:
    """Return a text that is the same for runs with the same parameters."""
    return json.dumps(sorted(run.parameters.items()))


MOST_NAMED = 3


def compare_tables(run: RunDetails, before: RunDetails) -> str:
    """Say which tables of a run differ from those of the run before."""
    now = {name: digest for name, (_, digest) in run.tables.items()}
    then = {name: digest for name, (_, digest) in before.tables.items()}
    names = [*now, *(name for name in then if name not in now)]
    moved = [name for name in names if now.get(name) != then.get(name)]
    if not names:
        return ""
    if not moved:
        every = "The table is" if len(names) == 1 else f"All {len(names)} tables are"
        return f"{every} the same, number for number."
    which = _name_some(moved)
    if len(names) == 1:
        return f"The table differs: {which}."
    return f"{len(moved)} of {len(names)} tables differ: {which}."


def compare_ingredients(run: RunDetails, before: RunDetails, since: str) -> str:
    """Say what went into a run that had not gone into the one before."""
    now, then = run.provenance, before.provenance
    if not now or not then:
        return ""
    said = []
    if now.get("notebook_sha256") != then.get("notebook_sha256"):
        said.append("the notebook")
    if now.get("package_sha256") != then.get("package_sha256"):
        said.append("this package's code")
    data = [
        each
        for kind in ("data_sha256", "sources_sha256")
        for each in _find_changed(now.get(kind), then.get(kind))
    ]
    if data:
        said.append(f"data ({_name_some([name for name, _, _ in data])})")
    packages = _find_changed(now.get("distributions"), then.get("distributions"))
    if packages:
        steps = [f"{name} {b or 'none'} to {a or 'none'}" for name, a, b in packages]
        said.append(_name_some(steps))
    if now.get("python") != then.get("python"):
        said.append(f"{then.get('python')} to {now.get('python')}")
    commits = [_read_commit(part) for part in (now, then)]
    if commits[0] != commits[1]:
        said.append(f"commit {commits[1] or 'none'} to {commits[0] or 'none'}")
    return f"Changed since {since}: {'; '.join(said)}." if said else ""


def _read_commit(provenance: Mapping) -> str:
    git = provenance.get("git")
    return str(git.get("commit", ""))[:10] if isinstance(git, dict) else ""


def _find_changed(now: object, then: object) -> list[tuple[str, str, str]]:
    if not isinstance(now, dict) or not isinstance(then, dict):
        return []
    return [
        (str(name), str(now.get(name, "")), str(then.get(name, "")))
        for name in sorted({*now, *then}, key=str)
        if now.get(name) != then.get(name)
    ]


def _name_some(names: list[str]) -> str:
    rest = len(names) - MOST_NAMED
    some = ", ".join(names[:MOST_NAMED])
    return f"{some} and {rest} more" if rest > 0 else some
