"""Locks that die with their holder, also on another machine."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from recovery_research.reporting.sharing import share

BEAT_SECONDS = 30.0
BELIEVED_SECONDS = 600.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as the holder wrote it down.

    Attributes
    ----------
    host : str
        Name of the machine.
    pid : int
        Process on that machine.
    """

    host: str
    pid: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Lock:
    """A lock file: the system's lock on it, and the name of the holder in it.

    On one machine the system's lock decides, and it is freed when the holder dies,
    however it dies. A shared folder may not carry the system's lock to another
    machine; there the holder's name in the file is believed as long as the file was
    touched in the last ten minutes, which a living holder does every half minute.
    Ages are taken on the clock of the file system.

    Parameters
    ----------
    path : Path
        The lock file; it stays when the lock is free.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._stop = threading.Event()

    def take(self) -> bool:
        """Take the lock if it is free.

        Returns
        -------
        bool
            Whether it is held now.

        Raises
        ------
        OSError
            If the file cannot be opened.
        """
        handle = lock_file(self.path)
        if handle is None:
            return False
        if is_believed(self.path):
            os.close(handle)
            return False
        text = json.dumps({"host": platform.node(), "pid": os.getpid()}).encode()
        with suppress(OSError):
            # On a full disk the system's lock alone must do.
            os.truncate(handle, 0)
            os.pwrite(handle, text, 0)
        self._handle, self._stop = handle, threading.Event()
        threading.Thread(target=self._beat, args=[self._stop], daemon=True).start()
        return True

    def release(self, *, remove: bool = False) -> None:
        """Free the lock.

        Parameters
        ----------
        remove : bool, optional
            Whether the file goes too; only for files whose name is never used again.
        """
        if self._handle is None:
            return
        self._stop.set()
        with suppress(OSError):
            os.truncate(self._handle, 0)
        if remove:
            with suppress(OSError):
                self.path.unlink()
        os.close(self._handle)
        self._handle = None

    @contextmanager
    def hold(self, on_wait: Callable[[Holder | None], None] | None = None) -> Iterator:
        """Wait for the lock and hold it.

        Parameters
        ----------
        on_wait : callable, optional
            Told once who holds it, if there is need to wait.

        Yields
        ------
        Lock
        """
        waited = False
        while not self.take():
            if on_wait is not None and not waited:
                on_wait(read_holder(self.path))
            waited = True
            time.sleep(POLL_SECONDS)
        try:
            yield self
        finally:
            self.release()

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(BEAT_SECONDS):
            with suppress(OSError):
                os.utime(self.path)


def read_holder(path: Path) -> Holder | None:
    """Read who holds a lock, or None if nobody says so.

    Parameters
    ----------
    path : Path
        Lock file.

    Returns
    -------
    Holder or None
    """
    try:
        said = json.loads(path.read_bytes())
        return Holder(str(said["host"]), int(said["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_held(path: Path) -> bool:
    """Return whether a lock is held, on this machine or on another.

    Parameters
    ----------
    path : Path
        Lock file, which is there.

    Returns
    -------
    bool

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    handle = lock_file(path)
    if handle is None:
        return True
    os.close(handle)
    return is_believed(path)


def is_believed(path: Path) -> bool:
    """Return whether a lock file names a holder elsewhere that has shown itself lately.

    Parameters
    ----------
    path : Path
        Lock file.

    Returns
    -------
    bool
    """
    holder = read_holder(path)
    if holder is None or holder.host == platform.node():
        return False
    return _measure_age(path) < BELIEVED_SECONDS


def lock_file(path: Path) -> int | None:
    """Lock a file if no other process has, for as long as its handle is open.

    Parameters
    ----------
    path : Path
        The file; made if it is not there.

    Returns
    -------
    int or None
        Open handle, or None if another process holds the file.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            share(path)
        except PermissionError:
            if not os.path.isfile(path):
                raise
            # Another user's; it can be locked all the same.
            handle = os.open(path, os.O_RDONLY)
        if not _try_system_lock(handle):
            os.close(handle)
            return None
        # Between opening and locking, another may have removed the file.
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        os.close(handle)


def _try_system_lock(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        # A byte beyond what is written, for Windows' locks forbid reading.
        os.lseek(handle, 4096, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _measure_age(path: Path) -> float:
    """Return the seconds since a file was touched, on its file system's clock."""
    probe = path.with_name(f".{path.name}-{os.getpid()}-{threading.get_ident()}")
    try:
        probe.touch()
        now = probe.stat().st_mtime
        return abs(now - path.stat().st_mtime)
    except OSError:
        return abs(time.time() - path.stat().st_mtime)
    finally:
        with suppress(OSError):
            probe.unlink()
