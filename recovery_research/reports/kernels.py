"""Kernels: interpreters, folders and last words, and what killed runners leave."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from recovery_research._checks import did_you_mean
from recovery_research.reports.kernel_streams import STREAM_CLASS
from recovery_research.reports.kernel_watch_notes import NOTES_FILE, NOTES_VARIABLE
from recovery_research.reports.processes import (
    LONGEST_FOLDER,
    MARK,
    find_marked,
    kill_processes,
    package_environment,
)


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
    if provisioner is None or process is None:
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
