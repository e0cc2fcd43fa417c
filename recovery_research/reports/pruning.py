"""Old runs taken away, never the last good one, and nothing left of them."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recovery_research._checks import did_you_mean
from recovery_research.atomic_files import rename_synced
from recovery_research.reports.history import PastRun, read_history
from recovery_research.reports.index import refresh_index
from recovery_research.reports.latest import TRASH
from recovery_research.reports.report_folders import (
    FAILED,
    LATEST,
    STAGING,
    list_reports,
)
from recovery_research.reports.run_details import sort_by_parameters
from recovery_research.reports.staging import Shelf


@dataclass(frozen=True, slots=True)
class Doomed:
    """A run that may go.

    Attributes
    ----------
    run : PastRun
        The run.
    n_bytes : int
        Room that it takes.
    """

    run: PastRun
    n_bytes: int


def choose_doomed(
    reports: Path,
    *,
    keep: int | None = None,
    older_than: timedelta | None = None,
    names: Sequence[str] = (),
    now: datetime | None = None,
) -> list[Doomed]:
    """Choose the runs that may go; nothing is deleted.

    Runs are counted for each set of parameters, as the index shows them, and the last
    good one of each stays. Only `keep=0` lets sets go: then the last good run of the
    report stays and no other must. Runs under way and runs whose record cannot be read
    stay whatever is asked. With both conditions given, a run must meet both to go.
    """
    if keep is None and older_than is None:
        raise ValueError("say how many runs to keep, or how old a run may become.")
    if keep is not None and keep < 0:
        raise ValueError(f"the number of runs to keep is 0 or more; got {keep}.")
    shelves = _sort_runs(reports)
    for name in names:
        if name not in shelves:
            there = ", ".join(shelves) or "none"
            raise ValueError(
                f"there is no report {name!r}; there are {there}."
                f"{did_you_mean(name, shelves)}"
            )
    limit = None if older_than is None else (now or datetime.now(UTC)) - older_than
    doomed = []
    for name, runs in shelves.items():
        if names and name not in names:
            continue
        spared = _find_spared(Shelf(reports, name), runs, keep)
        doomed += [
            Doomed(run, _weigh(run.folder))
            for run in runs
            if run.folder not in spared and (limit is None or run.started < limit)
        ]
    return doomed


def delete_runs(reports: Path, doomed: Sequence[Doomed]) -> list[Doomed]:
    """Delete runs, each whole or not at all, and what earlier deletions have left."""
    gone, names = [], set(list_reports(reports))
    for one in doomed:
        shelf = Shelf(reports, one.run.folder.relative_to(reports).parts[0])
        with shelf.lock():
            if shelf.latest() == one.run.folder:
                continue
            trash = one.run.folder.with_name(f"{TRASH}{one.run.folder.name}")
            # Out of sight first, so that a half-deleted run is never seen.
            with suppress(FileNotFoundError):
                rename_synced(one.run.folder, trash)
                gone.append(one)
    left = [path for name in sorted(names) for path in _sweep(Shelf(reports, name))]
    # Without dead links: in the page of all reports, and in those that lead to runs.
    refresh_index(reports)
    if left:
        raise OSError(
            f"{len(left)} folders could not be deleted; another user must, or may: "
            f"{left[0]}"
        )
    return gone


def _sweep(shelf: Shelf) -> list[Path]:
    """Delete what is out of sight; return what cannot be."""
    places = [shelf.folder, shelf.folder / FAILED, shelf.reports / LATEST]
    found = [trash for place in places for trash in place.glob(f"{TRASH}*")]
    for trash in found:
        # Its owner may have protected it from themselves.
        for parent, _, _ in os.walk(trash):
            with suppress(OSError):
                os.chmod(parent, stat.S_IRWXU)
        shutil.rmtree(trash, ignore_errors=True)
    return [trash for trash in found if trash.exists()]


def _sort_runs(reports: Path) -> dict[str, list[PastRun]]:
    """Return the finished runs of each report, oldest first, by their place."""
    shelves: dict[str, list[PastRun]] = {}
    for run in read_history(reports).runs:
        parts = run.folder.relative_to(reports).parts
        if STAGING not in parts:
            shelves.setdefault(parts[0], []).append(run)
    for runs in shelves.values():
        runs.sort(key=lambda run: run.folder.name)
    return shelves


def _find_spared(shelf: Shelf, runs: list[PastRun], keep: int | None) -> set[Path]:
    """Find the runs of a report that stay, whatever their age."""
    latest = shelf.latest()
    spared = {latest} if latest is not None else set()
    if keep == 0:
        return spared
    for newest_first in sort_by_parameters(runs[::-1]):
        attended = [run.folder for run in newest_first if not run.dismissed]
        spared |= set(attended[:keep] if keep is not None else [])
        spared |= {run.folder for run in [r for r in newest_first if r.succeeded][:1]}
    return spared


def _weigh(folder: Path) -> int:
    return sum(
        (Path(parent) / name).lstat().st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )
