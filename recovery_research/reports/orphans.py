"""Private folders of kernels, and what killed runners leave of them."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from recovery_research.reports.locks import lock_file

MARK = "RECOVERY_RESEARCH_KERNEL"
# A socket's path must fit 108 bytes on Linux and 104 on macOS.
LONGEST_FOLDER = 80
KILL_SECONDS = 5.0
_PREFIX = "rr-"
_UNREADY = ".rr-new-"
_ALIVE = "alive"
# Nobody takes so long between making a folder and locking it.
_UNREADY_SECONDS = 3600.0


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder with a short path for one kernel's sockets; remove it after.

    What runners that were killed have left is removed first, their kernels included.
    """
    parent = _choose_parent()
    sweep_orphans(parent)
    # Named as it should be only once it is locked, so that nobody takes it for dead.
    unready = Path(tempfile.mkdtemp(prefix=_UNREADY, dir=parent))
    alive = lock_file(unready / _ALIVE)
    folder = parent / (_PREFIX + unready.name.removeprefix(_UNREADY))
    unready.rename(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if alive is not None:
            os.close(alive)


def sweep_orphans(parent: Path) -> None:
    """End the kernels whose runners are dead, and remove their private folders."""
    _drop_unready(parent)
    dead: dict[str, int] = {}
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if not (folder / _ALIVE).is_file() or folder.is_symlink():
                continue
            if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
                continue
            handle = lock_file(folder / _ALIVE)
            if handle is not None:
                dead[str(folder)] = handle
    if dead:
        kill_processes(find_marked(dead))
    for name, handle in dead.items():
        shutil.rmtree(name, ignore_errors=True)
        os.close(handle)


def _drop_unready(parent: Path) -> None:
    """Remove what runners have left that were killed before they named a folder."""
    for folder in parent.glob(f"{_UNREADY}*"):
        with suppress(OSError):
            if time.time() - folder.lstat().st_mtime > _UNREADY_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def sweep_all_orphans() -> None:
    """End the kernels whose runners are dead, wherever this process would put its own.

    Called by whoever finds a runner dead; every run does so for itself.
    """
    with suppress(OSError):
        sweep_orphans(_choose_parent())


def find_marked(folders: Iterable[str]) -> list[psutil.Process]:
    """Find the processes that were started by the kernels of some private folders.

    A kernel hands its environment down, so the mark is also found on processes that
    have left its group and its tree.
    """
    marks = {f"{MARK}={folder}".encode() for folder in folders}
    found = []
    for pid in psutil.pids():
        if pid != os.getpid() and not marks.isdisjoint(_read_environment(pid)):
            with suppress(psutil.Error):
                found.append(psutil.Process(pid))
    return found


def kill_processes(processes: list[psutil.Process]) -> None:
    """Kill processes and wait until they are gone."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=KILL_SECONDS)


def _read_environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except FileNotFoundError:
        if Path("/proc/self/environ").exists():
            return []
    except OSError:
        return []
    try:  # where there is no /proc
        pairs = psutil.Process(pid).environ().items()
    except psutil.Error:
        return []
    return [f"{name}={value}".encode() for name, value in pairs]


def _choose_parent() -> Path:
    parent = Path(tempfile.gettempdir())
    fits = len(str(parent)) + len(_UNREADY) + 9 <= LONGEST_FOLDER
    return parent if fits or not os.path.isdir("/tmp") else Path("/tmp")
