"""Where finished reports are kept, and how they get there whole."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recovery_research.reporting.locks import Lock
from recovery_research.whole_files import (
    clear_parts,
    make_folder,
    put_in_place,
    rename_synced,
    write_whole,
)

LATEST = "latest"
FAILED = "failed"
STAGING = ".staging"
BALLAST = ".ballast"
BALLAST_BYTES = 65_536
# Nothing that is being written is so old.
PART_SECONDS = 86_400.0
RESERVED_NAMES = frozenset({LATEST, FAILED, "index"})
_STAMP = "%Y%m%d-%H%M%S"
_REDIRECT = (
    '<!doctype html><meta charset="utf-8"><title>latest report</title>'
    '<meta http-equiv="refresh" content="0; url={0}/report.html">'
    '<a href="{0}/report.html">latest report</a>\n'
)


class Shelf:
    """The place of one report's runs, ``reports/NAME/``.

    A run is made in ``.staging/RUN`` and moved whole to ``RUN`` if it succeeded, to
    ``failed/RUN`` if not; ``latest`` here and ``latest/NAME`` above point at the last
    that succeeded.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    name : str
        Name of the report.
    """

    def __init__(self, reports: Path, name: str) -> None:
        self.reports, self.name = reports, name
        self.folder = reports / name

    def run_lock(self) -> Lock:
        """Return the lock that a run of this report holds from start to end.

        Returns
        -------
        Lock

        Raises
        ------
        OSError
            If the folder cannot be made.
        """
        make_folder(self.folder)
        return Lock(self.folder / ".run.lock")

    @contextmanager
    def stage(self, started: datetime) -> Iterator[Path]:
        """Make a private folder for a new run, on the same file system.

        The folder is removed if the block leaves it there.

        Parameters
        ----------
        started : datetime
            Start of the run, from which its id is made. If the clock stands before
            an earlier run's start, the id follows that run all the same.

        Yields
        ------
        Path
            The folder; its name is the id of the run.
        """
        with self.lock():
            make_folder(self.folder / STAGING)
            stage = self.folder / STAGING / self._make_id(started)
            alive = alive_lock(stage)
            alive.take()
        try:
            stage.mkdir()
            # Room for an honest record when the disk is full at the end.
            write_whole(stage / BALLAST, b"\0" * BALLAST_BYTES)
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            alive.release(remove=True)

    def keep(self, stage: Path, *, succeeded: bool) -> Path:
        """Move a staged run to its place, whole.

        Parameters
        ----------
        stage : Path
            Its private folder.
        succeeded : bool
            Whether it becomes the latest good run.

        Returns
        -------
        Path
            Where it is now.
        """
        parent = self.folder if succeeded else self.folder / FAILED
        place = parent / stage.name
        drop_ballast(stage)
        make_folder(parent)
        with self.lock():
            put_in_place(stage, place)
            if succeeded:
                self.point_latest_at(stage.name)
        return place

    def sweep(self, bury: Callable[[Path], None]) -> None:
        """Put away what runs that were killed have left in the staging folder.

        Parameters
        ----------
        bury : callable
            Given each abandoned folder, makes its record honest.
        """
        staging = self.folder / STAGING
        if not staging.is_dir():
            return
        with self.lock():
            for place in (self.reports, self.reports / LATEST, self.folder):
                clear_parts(place, older_than=time.time() - PART_SECONDS)
            # Each has a lock beside it, which may be all that was left.
            stages = {p if p.is_dir() else p.with_suffix("") for p in staging.iterdir()}
            for stage in sorted(stages):
                # What cannot be put away, another user's perhaps, stops no new run.
                with suppress(OSError):
                    self._put_away(stage, bury)
            self._mend_latest()

    def latest(self) -> Path | None:
        """Return the folder of the last good run, or None.

        Returns
        -------
        Path or None
        """
        link = self.folder / LATEST
        if link.is_dir():
            return link.resolve()
        redirect = self.folder / f"{LATEST}.txt"
        if redirect.is_file():
            place = self.folder / redirect.read_text(encoding="utf-8").strip()
            return place if place.is_dir() else None
        return None

    def list_runs(self) -> list[Path]:
        """Return the folders of the good runs, oldest first.

        Returns
        -------
        list of Path
        """
        return _list_folders(self.folder)

    def list_failed(self) -> list[Path]:
        """Return the folders of the failed runs, oldest first.

        Returns
        -------
        list of Path
        """
        return _list_folders(self.folder / FAILED)

    def list_staged(self) -> list[Path]:
        """Return the folders of the runs under way or abandoned, oldest first.

        Returns
        -------
        list of Path
        """
        return _list_folders(self.folder / STAGING)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock of this report; the system frees it if the holder dies.

        Yields
        ------
        None
        """
        make_folder(self.folder)
        with Lock(self.folder / ".lock").hold():
            yield

    def point_latest_at(self, run_id: str) -> None:
        """Point ``latest`` and ``reports/latest/NAME`` at a run.

        Parameters
        ----------
        run_id : str
            Id of a good run.
        """
        _point(self.folder / LATEST, run_id, run_id)
        shared = self.reports / LATEST
        with suppress(OSError):
            # Convenience only: a report stands also where this cannot be made.
            make_folder(shared)
            _point(shared / self.name, f"../{self.name}/{run_id}", run_id)
            page = _REDIRECT.format(f"../{self.name}/{run_id}")
            write_whole(shared / f"{self.name}.html", page)

    def _put_away(self, stage: Path, bury: Callable[[Path], None]) -> None:
        alive = alive_lock(stage)
        if not alive.take():
            return
        try:
            if stage.is_dir():
                drop_ballast(stage)
                bury(stage)
            if stage.is_dir():
                make_folder(self.folder / FAILED)
                put_in_place(stage, self.folder / FAILED / stage.name)
        finally:
            alive.release(remove=True)

    def _mend_latest(self) -> None:
        """Finish what a runner that was killed right after moving its run left undone.

        A good run that is newer than the latest was moved and not pointed at.
        """
        runs, latest = self.list_runs(), self.latest()
        if runs and (latest is None or latest.name < runs[-1].name):
            self.point_latest_at(runs[-1].name)

    def _make_id(self, started: datetime) -> str:
        stamp = f"{started:{_STAMP}}"
        places = (self.folder, self.folder / FAILED, self.folder / STAGING)
        runs = [path for place in places for path in _list_folders(place)]
        newest = max((path.name[:15] for path in runs), default="")
        if stamp <= newest:
            with suppress(ValueError):
                after = datetime.strptime(newest, _STAMP).replace(tzinfo=UTC)
                stamp = f"{after + timedelta(seconds=1):{_STAMP}}"
        return f"{stamp}-{secrets.token_hex(3)}"


def alive_lock(stage: Path) -> Lock:
    """Return the lock that the maker of a staged run holds while it lives.

    Parameters
    ----------
    stage : Path
        Private folder of the run.

    Returns
    -------
    Lock
    """
    return Lock(stage.with_name(f"{stage.name}.lock"))


def drop_ballast(stage: Path) -> None:
    """Free the room that was kept for the record of a run.

    Parameters
    ----------
    stage : Path
        Private folder of the run.
    """
    with suppress(OSError):
        (stage / BALLAST).unlink()


def is_run_id(name: str) -> bool:
    """Return whether a folder's name is the id of a run.

    Parameters
    ----------
    name : str
        Name of a folder.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_run_id("20260105-063000-1a2b3c"), is_run_id("latest")
    (True, False)
    """
    return (
        len(name) > 15
        and name[8] == "-" == name[15]
        and (name[:8] + name[9:15]).isdigit()
    )


def _list_folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            names = [
                e.name
                for e in entries
                if is_run_id(e.name) and e.is_dir(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []
    return [parent / name for name in sorted(names)]


def _point(link: Path, target: str, run_id: str) -> None:
    fresh = link.with_name(f".{link.name}-{run_id}")
    try:
        fresh.symlink_to(target, target_is_directory=True)
        rename_synced(fresh, link)
    except (OSError, NotImplementedError):
        with suppress(FileNotFoundError):
            fresh.unlink()
        write_whole(link.with_name(f"{link.name}.txt"), target + "\n")
        write_whole(link.with_name(f"{link.name}.html"), _REDIRECT.format(target))
