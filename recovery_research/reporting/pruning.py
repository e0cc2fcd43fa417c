"""Old runs taken away, never the last good one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recovery_research.near_names import did_you_mean
from recovery_research.reporting.history import PastRun, read_history
from recovery_research.reporting.shelf import FAILED, STAGING, Shelf
from recovery_research.whole_files import rename_synced

TRASH = ".trash-"


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

    The last good run of every report stays whatever is asked, and so do runs under
    way and runs whose record cannot be read. With both conditions given, a run must
    meet both to go.

    Parameters
    ----------
    reports : Path
        Folder of reports.
    keep : int, optional
        How many runs of each report stay, failed ones counted.
    older_than : timedelta, optional
        Only runs that started before this go.
    names : sequence of str, optional
        Reports to look at; by default all.
    now : datetime, optional
        Now.

    Returns
    -------
    list of Doomed
        Oldest first within each report.

    Raises
    ------
    ValueError
        If no condition is given, one cannot be met, or a report is not there.
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
        spared = _find_spared(Shelf(reports, name), runs)
        many = runs if keep is None else runs[: max(0, len(runs) - keep)]
        doomed += [
            Doomed(run, _weigh(run.folder))
            for run in many
            if run.folder not in spared and (limit is None or run.started < limit)
        ]
    return doomed


def delete_runs(reports: Path, doomed: Sequence[Doomed]) -> list[Doomed]:
    """Delete runs, each whole or not at all.

    Parameters
    ----------
    reports : Path
        Folder of reports.
    doomed : sequence of Doomed
        As chosen; one that has become the last good run since then stays.

    Returns
    -------
    list of Doomed
        What is gone.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    gone = []
    for one in doomed:
        shelf = Shelf(reports, one.run.folder.relative_to(reports).parts[0])
        with shelf.lock():
            if shelf.latest() == one.run.folder.resolve():
                continue
            trash = one.run.folder.with_name(f"{TRASH}{one.run.folder.name}")
            # Out of sight first, so that a half-deleted run is never seen.
            with suppress(FileNotFoundError):
                rename_synced(one.run.folder, trash)
                gone.append(one)
        for parent in (shelf.folder, shelf.folder / FAILED):
            for trash in parent.glob(f"{TRASH}*"):
                shutil.rmtree(trash, ignore_errors=True)
    return gone


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


def _find_spared(shelf: Shelf, runs: list[PastRun]) -> set[Path]:
    good = [run.folder for run in runs if run.succeeded]
    spared = {good[-1]} if good else set()
    latest = shelf.latest()
    if latest is not None:
        spared.add(shelf.folder / latest.name)
    return spared


def _weigh(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
