"""Where finished reports are kept, and how they get there whole."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recovery_research.atomic_files import clear_parts, put_in_place, write_whole
from recovery_research.reports.latest import Pointer
from recovery_research.reports.locks import Lock
from recovery_research.reports.report_folders import (
    FAILED,
    LATEST,
    STAGING,
    list_ids,
    list_reports,
    make_shared,
    share,
    share_all,
)

_log = logging.getLogger("recovery_research.reports.staging")
RECORD_FILE = "run.json"
BALLAST = ".ballast"
BALLAST_BYTES = 65_536
# Nothing that is being written is so old.
PART_SECONDS = 86_400.0
_STAMP = "%Y%m%d-%H%M%S"


class Shelf:
    """The place of one report's runs, ``reports/NAME/``.

    A run is made in ``.staging/RUN`` and moved whole to ``RUN`` if it succeeded, to
    ``failed/RUN`` if not; ``latest.txt`` names the last that succeeded, and ``latest``
    here and ``latest/NAME`` above lead where it does.

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
        """Return the lock that a run of this report holds from start to end."""
        self._make_folder()
        return Lock(self.folder / ".run.lock")

    @contextmanager
    def stage(self, started: datetime) -> Iterator[Path]:
        """Make a private folder for a new run, on the same file system.

        The folder is removed if the block leaves it there.
        """
        with self.lock():
            make_shared(self.folder / STAGING)
            stage = self.folder / STAGING / self._make_id(started)
            alive = alive_lock(stage)
            alive.take()
        try:
            stage.mkdir()
            share(stage)
            # Room for an honest record when the disk is full at the end.
            write_whole(stage / BALLAST, b"\0" * BALLAST_BYTES)
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            alive.release(remove=True)

    def keep(self, stage: Path, *, succeeded: bool) -> Path:
        """Move a staged run to its place, whole."""
        parent = self.folder if succeeded else self.folder / FAILED
        place = parent / stage.name
        drop_ballast(stage)
        make_shared(parent)
        share_all(stage)
        with self.lock():
            put_in_place(stage, place)
            if succeeded:
                self.point_latest_at(stage.name)
        return place

    def sweep(self, bury: Callable[[Path], None]) -> None:
        """Put away what runs that were killed have left in the staging folder."""
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

        ``latest.txt`` says which it is. If that is not there, names what is not there,
        or a good run has come since, it is the newest with a record; the text and what
        follows it are then put right, if the folder can be written.
        """
        found = self._find_latest()
        if not all(p.is_right(found) for p in self._list_pointers()):
            with suppress(OSError):
                lock = Lock(self.folder / ".lock")
                if lock.take():
                    try:
                        self._mend_latest()
                    finally:
                        lock.release()
            found = self._find_latest()
        return None if found is None else self.folder / found

    def list_runs(self) -> list[Path]:
        """Return the folders of the good runs, oldest first."""
        return _list_folders(self.folder)

    def list_failed(self) -> list[Path]:
        """Return the folders of the failed runs, oldest first."""
        return _list_folders(self.folder / FAILED)

    def list_staged(self) -> list[Path]:
        """Return the folders of the runs under way or abandoned, oldest first."""
        return _list_folders(self.folder / STAGING)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock of this report; the system frees it if the holder dies."""
        self._make_folder()
        with Lock(self.folder / ".lock").hold():
            yield

    def point_latest_at(self, run_id: str | None) -> None:
        """Have ``latest.txt``, and all that follows it, name a run."""
        if run_id is not None:
            with suppress(OSError):
                make_shared(self.reports / LATEST)
        for pointer in self._list_pointers():
            # A report stands, and is found, also where these cannot be written.
            try:
                pointer.thaw(self.folder)
                pointer.write(run_id)
            except OSError as error:
                _log.info("%s does not lead to %s: %s", pointer.link, run_id, error)

    def _put_away(self, stage: Path, bury: Callable[[Path], None]) -> None:
        alive = alive_lock(stage)
        if not alive.take():
            return
        try:
            if stage.is_dir():
                drop_ballast(stage)
                bury(stage)
            if stage.is_dir():
                make_shared(self.folder / FAILED)
                put_in_place(stage, self.folder / FAILED / stage.name)
        finally:
            alive.release(remove=True)

    def _list_pointers(self) -> list[Pointer]:
        shared = Pointer(self.reports / LATEST / self.name, f"../{self.name}/")
        return [Pointer(self.folder / LATEST), shared]

    def _find_latest(self) -> str | None:
        named = self._list_pointers()[0].read()
        for run in reversed(self.list_runs()):
            # Without a record it may be half of a run that is being copied here.
            if run.name == named or (run / RECORD_FILE).is_file():
                return run.name
        return None

    def _mend_latest(self) -> None:
        """Finish what a killed runner, a copy or a careless hand has left wrong."""
        for pointer in self._list_pointers():
            with suppress(OSError):
                pointer.thaw(self.folder)
        self.point_latest_at(self._find_latest())

    def _make_folder(self) -> None:
        if self.folder.is_symlink() and not self.folder.is_dir():
            raise OSError(
                f"{self.folder} is a link to {os.readlink(self.folder)}, which is not "
                "there. Mount that disk, or remove the link."
            )
        make_shared(self.folder)

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
    """Return the lock that the maker of a staged run holds while it lives."""
    return Lock(stage.with_name(f"{stage.name}.lock"))


def drop_ballast(stage: Path) -> None:
    """Free the room that was kept for the record of a run."""
    with suppress(OSError):
        (stage / BALLAST).unlink()


def mend_pointers(reports: Path) -> None:
    """Have all that leads to a report's last good run lead there, where possible."""
    names = list_reports(reports)
    for name in names:
        Shelf(reports, name).latest()
    with suppress(OSError):
        for path in sorted((reports / LATEST).iterdir()):
            link = path.with_suffix("") if path.suffix == ".html" else path
            if link.name not in names and not link.exists():
                Pointer(link).write(None)


def _list_folders(parent: Path) -> list[Path]:
    return [parent / name for name in sorted(list_ids(parent))]
