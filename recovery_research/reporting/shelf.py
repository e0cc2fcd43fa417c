"""Where finished reports are kept, and how they get there whole."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

LATEST = "latest"
FAILED = "failed"
STAGING = ".staging"
_REDIRECT = (
    '<!doctype html><meta charset="utf-8"><title>latest report</title>'
    '<meta http-equiv="refresh" content="0; url={0}/report.html">'
    '<a href="{0}/report.html">latest report</a>\n'
)


class Shelf:
    """The place of one report's runs, ``reports/NAME/``.

    A run is made in ``.staging/RUN`` and moved whole to ``RUN`` if it succeeded, to
    ``failed/RUN`` if not; ``latest`` points at the last that succeeded.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    name : str
        Name of the report.
    """

    def __init__(self, reports: Path, name: str) -> None:
        self.folder = reports / name

    @contextmanager
    def stage(self, started: datetime) -> Iterator[Path]:
        """Make a private folder for a new run, on the same file system.

        The folder is removed if the block leaves it there.

        Parameters
        ----------
        started : datetime
            Start of the run, from which its id is made.

        Yields
        ------
        Path
            The folder; its name is the id of the run.
        """
        run_id = f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        stage = self.folder / STAGING / run_id
        with self.lock():
            stage.mkdir(parents=True)
            alive = _take_lock(_alive_file(stage), wait=False)
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            _release_lock(alive)
            _alive_file(stage).unlink(missing_ok=True)

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
        parent.mkdir(exist_ok=True)
        with self.lock():
            os.replace(stage, place)
            if succeeded:
                self._point_latest_at(stage.name)
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
            for stage in sorted(path for path in staging.iterdir() if path.is_dir()):
                alive = _take_lock(_alive_file(stage), wait=False)
                if alive is None:
                    continue
                bury(stage)
                if stage.is_dir():
                    (self.folder / FAILED).mkdir(exist_ok=True)
                    os.replace(stage, self.folder / FAILED / stage.name)
                _release_lock(alive)
                _alive_file(stage).unlink(missing_ok=True)

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
            return self.folder / redirect.read_text(encoding="utf-8").strip()
        return None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock of this report; the system frees it if the holder dies.

        Yields
        ------
        None
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = _take_lock(self.folder / ".lock", wait=True)
        try:
            yield
        finally:
            _release_lock(handle)

    def _point_latest_at(self, run_id: str) -> None:
        fresh = self.folder / f".{LATEST}-{run_id}"
        try:
            fresh.symlink_to(run_id, target_is_directory=True)
            os.replace(fresh, self.folder / LATEST)
        except (OSError, NotImplementedError):
            with suppress(FileNotFoundError):
                fresh.unlink()
            _write_whole(self.folder / f"{LATEST}.txt", run_id + "\n")
            _write_whole(self.folder / f"{LATEST}.html", _REDIRECT.format(run_id))


def _alive_file(stage: Path) -> Path:
    """Return the file that the maker of a staged run keeps locked while it lives."""
    return stage.with_name(f"{stage.name}.lock")


def _write_whole(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(3)}")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)


def _take_lock(path: Path, *, wait: bool) -> int | None:
    """Return a handle on a locked file, or None if another process holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock_file(handle, wait=wait)
    except OSError:
        os.close(handle)
        if wait:
            raise
        return None
    return handle


def _lock_file(handle: int, *, wait: bool) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _release_lock(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)
