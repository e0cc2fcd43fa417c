"""The environment of processes of ours: what is in it, and what no longer is."""

from __future__ import annotations

import ctypes
import os
import site
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from recovery_research.places import PACKAGE


def package_environment() -> dict[str, str]:
    """Return environment variables with which Python finds this package.

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
    return environment


def forget_variables(names: Iterable[str]) -> None:
    """Take variables out of the environment, and out of what Linux shows of it.

    ``/proc/PID/environ`` goes on showing the variables with which a process was
    started, to every process of the same user, and so to notebooks.

    Parameters
    ----------
    names : iterable of str
        Names of variables.
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
