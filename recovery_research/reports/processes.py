"""Processes around a report: environment, private folders, memory, and orphans."""

from __future__ import annotations

import ctypes
import os
import shutil
import site
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from recovery_research.paths import PACKAGE
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


def package_environment() -> dict[str, str]:
    """Return environment variables with which Python finds this package."""
    environment = dict(os.environ)
    paths = [p for p in environment.get("PYTHONPATH", "").split(os.pathsep) if p]
    if str(PACKAGE.parent) not in {*site.getsitepackages(), site.getusersitepackages()}:
        paths.insert(0, str(PACKAGE.parent))
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths))
    return environment


def forget_variables(names: Iterable[str]) -> None:
    """Take variables out of the environment, and out of what Linux shows of it.

    ``/proc/PID/environ`` goes on showing the variables with which a process was
    started, to every process of the same user, and so to notebooks.
    """
    starts = tuple(os.fsencode(f"{name}=") for name in names)
    for name in names:
        os.environ.pop(name, None)
    with suppress(OSError, ValueError, IndexError):
        _blot_out(starts)


def _blot_out(starts: tuple[bytes, ...]) -> None:
    shown = Path("/proc/self/environ").read_bytes()
    # Behind the name of the program, which may hold anything; see proc(5), env_start.
    place = int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[47])
    for entry in shown.split(b"\0"):
        if place and entry.startswith(starts):
            ctypes.memset(place + shown.index(entry), 0, len(entry))


TREE_SECONDS = 2.0


class MemoryGauge:
    """Remembers the most memory that a kernel and its children have held.

    The kernel itself is looked at every time, which is cheap; its children only
    every two seconds, for finding them means looking at every process.

    Parameters
    ----------
    find_kernel : callable
        Returns the kernel's process id, or None while there is none.
    """

    def __init__(self, find_kernel: Callable[[], int | None]) -> None:
        self._find_kernel = find_kernel
        self._children = 0
        self._looked_at: float | None = None
        self.peak: int | None = None

    def measure(self, now: float) -> int:
        """Measure once."""
        pid = self._find_kernel()
        if pid is None:
            return 0
        try:
            process = psutil.Process(pid)
            held = process.memory_info().rss
            if self._looked_at is None or now - self._looked_at >= TREE_SECONDS:
                self._looked_at, self._children = now, _measure_children(process)
        except psutil.Error:
            return 0
        held += self._children
        self.peak = max(held, self.peak or 0)
        return held

    def close(self) -> None:
        """Ask the system for the kernel's own peak, just before it is ended."""
        pid = self._find_kernel()
        peak = None if pid is None else _read_peak(pid)
        if peak is not None:
            self.peak = max(peak, self.peak or 0)


def _measure_children(process: psutil.Process) -> int:
    total = 0
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:
            continue
    return total


def _read_peak(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration, ValueError):
        return None
    return int(kilobytes) * 1024
