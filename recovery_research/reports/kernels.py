"""The environment of processes of ours: what is in it, and what no longer is."""

from __future__ import annotations

import ctypes
import os
import signal
import site
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from recovery_research._checks import did_you_mean
from recovery_research.paths import PACKAGE
from recovery_research.reports.kernel_notes import NOTES_FILE, NOTES_VARIABLE
from recovery_research.reports.kernel_streams import STREAM_CLASS
from recovery_research.reports.orphans import (
    LONGEST_FOLDER,
    MARK,
    find_marked,
    kill_processes,
)


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


class OwnKernelManager(AsyncKernelManager):
    """Starts this very interpreter, whatever kernels are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The running interpreter as a kernel."""
        # Without -P: a notebook finds the modules beside it, as in JupyterLab. The
        # launcher sees to it that the kernel itself is not made of them.
        command = [sys.executable, "-m", "ipykernel_launcher", "-f"]
        streams = f"--IPKernelApp.outstream_class={STREAM_CLASS}"
        return KernelSpec(
            argv=[*command, "{connection_file}", streams],
            display_name="Python 3",
            language="python",
            interrupt_mode="signal",
        )


def list_transports(folder: Path) -> list[str]:
    """Return the transports to try in turn to reach a kernel.

    Sockets in a folder of their own never collide; TCP ports may, when several
    kernels start at once, so TCP is tried three times.
    """
    fits = len(str(folder)) <= LONGEST_FOLDER
    sockets = ["ipc"] if os.name == "posix" and fits else []
    return [*sockets, "tcp", "tcp", "tcp"]


def check_kernel(name: str) -> None:
    """Refuse a kernel that is not installed, or that runs another language."""
    installed = KernelSpecManager().get_all_specs()
    if name not in installed:
        there = ", ".join(sorted(installed)) or "none"
        raise ValueError(
            f"the notebook asks for the kernel {name!r}, which is not installed; there "
            f"are {there}.{did_you_mean(name, installed)} Choose another kernel in "
            "JupyterLab and save, or install it: python -m ipykernel install --user "
            f"--name {name}"
        )
    language = installed[name]["spec"].get("language", "")
    if language.lower() != "python":
        raise ValueError(
            f"the notebook asks for the kernel {name!r}, which runs {language!r}; only "
            "Python is run."
        )


def create_manager(
    folder: Path, transport: str, kernel: str = ""
) -> AsyncKernelManager:
    """Create the manager of a kernel that is not started yet."""
    make = AsyncKernelManager if kernel else OwnKernelManager
    manager = make(kernel_name=kernel or "python3", transport=transport)
    manager.connection_file = str(folder / f"{transport}.json")
    if transport == "ipc":
        manager.ip = str(folder / "k")
    return manager


def kernel_environment(folder: Path, kernel: str = "") -> dict[str, str]:
    """Return the environment variables of a kernel.

    The kernel finds this package where the runner did, reads no start-up files of
    the user's own, and iterates over sets in the same order every time. Another
    interpreter has packages of its own, and is not led to ours.
    """
    environment = dict(os.environ) if kernel else package_environment()
    environment["IPYTHONDIR"] = str(folder / "ipython")
    environment[MARK] = str(folder)
    environment[NOTES_VARIABLE] = str(folder / NOTES_FILE)
    environment.setdefault("PYTHONHASHSEED", "0")
    return environment


def interrupt_kernel(manager: AsyncKernelManager | None) -> None:
    """Ask a kernel to stop what it is doing, as Ctrl-C would."""
    _send(manager, signal.SIGINT)


def kill_kernel(manager: AsyncKernelManager | None) -> None:
    """End a kernel and its group of processes, without asking."""
    _send(manager, getattr(signal, "SIGKILL", signal.SIGTERM))


def end_kernel(manager: AsyncKernelManager | None, folder: Path) -> None:
    """End a kernel and everything that it has started, daemons included."""
    kill_kernel(manager)
    kill_processes(find_marked({str(folder)}))


def find_kernel(manager: AsyncKernelManager | None) -> int | None:
    """Return the process id of a kernel, or None if it has not started."""
    process = getattr(getattr(manager, "provisioner", None), "process", None)
    return None if process is None else process.pid


def _send(manager: AsyncKernelManager | None, number: int) -> None:
    # Called from signal handlers and other threads, so it takes the process itself
    # and not the manager's coroutines.
    provisioner = getattr(manager, "provisioner", None)
    process = getattr(provisioner, "process", None)
    if process is None:
        return
    with suppress(OSError):
        if provisioner.pgid and hasattr(os, "killpg"):
            os.killpg(provisioner.pgid, number)
        else:
            process.send_signal(number)


LONGEST_LAST_WORDS = 4000
PIECE = 65_536
WAIT_SECONDS = 2.0


@dataclass
class LastWords:
    """The end of what was said, and never more of it.

    A file would do, but for a notebook whose children print gigabytes.
    """

    said: bytes = b""

    @contextmanager
    def hear(self) -> Iterator[int]:
        """Listen while the block runs."""
        reading, writing = os.pipe()
        thread = threading.Thread(target=self._listen, args=[reading], daemon=True)
        thread.start()
        try:
            yield writing
        finally:
            os.close(writing)
            # Not for ever: a process that nobody knows may hold the other end.
            thread.join(WAIT_SECONDS)

    def text(self) -> str:
        """Return what was said last."""
        return self.said[-LONGEST_LAST_WORDS:].decode(errors="replace").strip()

    def _listen(self, handle: int) -> None:
        with suppress(OSError):
            while piece := os.read(handle, PIECE):
                self.said = (self.said + piece)[-LONGEST_LAST_WORDS:]
        os.close(handle)


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
