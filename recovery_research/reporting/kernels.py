"""The Python process that a notebook runs in."""

from __future__ import annotations

import os
import shutil
import signal
import site
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from recovery_research.places import PACKAGE

# A socket's path must fit 108 bytes on Linux and 104 on macOS.
LONGEST_SOCKET_PATH = 90


class OwnKernelManager(AsyncKernelManager):
    """Starts this very interpreter, whatever kernels are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The running interpreter as a kernel."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f"]
        return KernelSpec(
            argv=[*command, "{connection_file}"],
            display_name="Python 3",
            language="python",
            interrupt_mode="signal",
        )


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder with a short path for one kernel's sockets; remove it after.

    Yields
    ------
    Path
    """
    folder = Path(tempfile.mkdtemp(prefix="rr-"))
    if len(str(folder)) > LONGEST_SOCKET_PATH - 10 and os.path.isdir("/tmp"):
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="rr-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def list_transports(folder: Path) -> list[str]:
    """Return the transports to try in turn to reach a kernel.

    Sockets in a folder of their own never collide; TCP ports may, when several
    kernels start at once, so TCP is tried three times.

    Parameters
    ----------
    folder : Path
        Private folder of the kernel.

    Returns
    -------
    list of str
    """
    fits = len(str(folder)) <= LONGEST_SOCKET_PATH - 10
    sockets = ["ipc"] if os.name == "posix" and fits else []
    return [*sockets, "tcp", "tcp", "tcp"]


def create_manager(folder: Path, transport: str) -> OwnKernelManager:
    """Create the manager of a kernel that is not started yet.

    Parameters
    ----------
    folder : Path
        Private folder of the kernel.
    transport : {'ipc', 'tcp'}
        How to reach it.

    Returns
    -------
    OwnKernelManager
    """
    manager = OwnKernelManager(kernel_name="python3", transport=transport)
    manager.connection_file = str(folder / f"{transport}.json")
    if transport == "ipc":
        manager.ip = str(folder / "k")
    return manager


def kernel_environment(folder: Path) -> dict[str, str]:
    """Return the environment variables of a kernel.

    The kernel finds this package where the runner did, reads no start-up files of
    the user's own, and iterates over sets in the same order every time.

    Parameters
    ----------
    folder : Path
        Private folder of the kernel.

    Returns
    -------
    dict of str to str
    """
    environment = dict(os.environ)
    paths = [p for p in environment.get("PYTHONPATH", "").split(os.pathsep) if p]
    if str(PACKAGE.parent) not in {*site.getsitepackages(), site.getusersitepackages()}:
        paths.insert(0, str(PACKAGE.parent))
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths))
    environment["IPYTHONDIR"] = str(folder / "ipython")
    environment.setdefault("PYTHONHASHSEED", "0")
    return environment


def interrupt_kernel(manager: AsyncKernelManager | None) -> None:
    """Ask a kernel to stop what it is doing, as Ctrl-C would.

    Parameters
    ----------
    manager : AsyncKernelManager or None
        Its manager; None and dead kernels are left alone.
    """
    _send(manager, signal.SIGINT)


def kill_kernel(manager: AsyncKernelManager | None) -> None:
    """End a kernel and the processes it started, without asking.

    Parameters
    ----------
    manager : AsyncKernelManager or None
        Its manager; None and dead kernels are left alone.
    """
    _send(manager, getattr(signal, "SIGKILL", signal.SIGTERM))


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
