"""Locks that die with their holder, also on another machine."""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from recovery_research.reports.report_folders import share

BEAT_SECONDS = 30.0
BELIEVED_SECONDS = 600.0
POLL_SECONDS = 0.1
# Most waits are for the moment in which another run writes the index.
PATIENT_SECONDS = 2.0
_log = logging.getLogger("recovery_research.reports")
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as the holder wrote it down.

    Attributes
    ----------
    host : str
        Name of the machine.
    pid : int
        Process on that machine.
    path : Path or None
        The lock file.
    unseen : float
        Seconds since the holder has shown itself.
    """

    host: str
    pid: int
    path: Path | None = field(default=None, compare=False)
    unseen: float = field(default=0.0, compare=False)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def advice(self) -> str:
        """How long to wait for it, and what to do if it is dead; begins with a comma.

        Nothing is to be said of a process here, which frees the lock when it dies.
        """
        if self.host == platform.node():
            return ""
        left = max(0.0, BELIEVED_SECONDS - self.unseen)
        return (
            f", or until it has not shown itself for {BELIEVED_SECONDS / 60:.0f} "
            f"minutes (last seen {self.unseen:.0f} s ago, so {left:.0f} s more; if you "
            f"know that it is dead, delete {self.path})"
        )


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
        """Take the lock if it is free."""
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
        """Free the lock."""
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
        """Wait for the lock and hold it."""
        begun, told = time.monotonic(), False
        while not self.take():
            patience = PATIENT_SECONDS if on_wait is None else 0.0
            if not told and time.monotonic() - begun >= patience:
                (on_wait or self._say_waiting)(read_holder(self.path))
                told = True
            time.sleep(POLL_SECONDS)
        try:
            yield self
        finally:
            self.release()

    def _say_waiting(self, holder: Holder | None) -> None:
        who, advice = holder or "another process", holder.advice if holder else ""
        _log.warning("%s holds %s; waiting for its end%s", who, self.path, advice)

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(BEAT_SECONDS):
            with suppress(OSError):
                os.utime(self.path)


def read_holder(path: Path) -> Holder | None:
    """Read who holds a lock, or None if nobody says so."""
    try:
        said = json.loads(path.read_bytes())
        host, pid = str(said["host"]), int(said["pid"])
        # Measuring makes a file, and a process here needs no age.
        age = 0.0 if host == platform.node() else _measure_age(path)
        return Holder(host, pid, path, age)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def is_held(path: Path) -> bool:
    """Return whether a lock is held, on this machine or on another."""
    handle = lock_file(path)
    if handle is None:
        return True
    os.close(handle)
    return is_believed(path)


def is_believed(path: Path) -> bool:
    """Return whether a lock names a holder elsewhere that was seen lately."""
    holder = read_holder(path)
    if holder is None or holder.host == platform.node():
        return False
    return holder.unseen < BELIEVED_SECONDS


def lock_file(path: Path) -> int | None:
    """Lock a file if no other process has, for as long as its handle is open."""
    while True:
        handle = _open_shared(path)
        try:
            free = _try_system_lock(handle)
        except OSError as error:
            os.close(handle)
            raise _explain(error, path) from None
        if not free:
            os.close(handle)
            return None
        # Between opening and locking, another may have removed the file.
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        os.close(handle)


def _open_shared(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        if not os.path.isfile(path):
            raise
        # Another user's; it can be locked all the same.
        return os.open(path, os.O_RDONLY)
    share(path)
    return handle


def _try_system_lock(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        # A byte beyond what is written, for Windows' locks forbid reading.
        os.lseek(handle, 4096, os.SEEK_SET)
        try:
            # Typeshed knows it on Windows only.
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _explain(error: OSError, path: Path) -> OSError:
    if error.errno not in _NO_LOCKS:
        return error
    return OSError(
        error.errno,
        f"{path.parent} is on a file system without file locks ({error.strerror}), and "
        "without them two runs would write over each other. Name a folder on another "
        "disk with --reports, and copy the reports here with publish; or mount this "
        "one with locks (NFS: start its lock service or mount with local_lock=flock; "
        "Lustre: mount with flock)",
    )


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
