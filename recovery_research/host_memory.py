"""How much memory there is: the machine's, or what a container or service is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import psutil

# Files of control groups, version 2 and 1: the limits, what is used, and what of that
# is only kept of files and given up when it is wanted.
_FILES = {
    2: (("memory.max", "memory.high"), "memory.current", "inactive_file"),
    1: (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"),
}


def available_memory(root: Path = Path("/")) -> int:
    """Return the bytes that this process and its children can take without swapping."""
    free = int(psutil.virtual_memory().available)
    return max(0, min([free, *_list_rests(root)]))


def _list_rests(root: Path) -> Iterator[int]:
    """Yield what is left in each control group around this process that has a limit."""
    for version, top, group in _find_groups(root):
        limits, used, idle = _FILES[version]
        for folder in (group, *group.parents):
            bounds = [_read_number(folder / name) for name in limits]
            bound = min((b for b in bounds if b is not None), default=None)
            taken = _read_number(folder / used)
            if bound is not None and taken is not None:
                yield bound - max(0, taken - _read_idle(folder, idle))
            if folder == top:
                break


def _find_groups(root: Path) -> Iterator[tuple[int, Path, Path]]:
    """Yield version, top and own folder of each hierarchy that may limit memory."""
    mounts = _read_lines(root / "proc/self/mountinfo")
    for line in _read_lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            version = 2
        elif "memory" in controllers.split(","):
            version = 1
        else:
            continue
        for shown, at in _find_mounts(mounts, version):
            top = root / at.lstrip("/")
            # A container may see the host's path of its group and only that folder.
            own = PurePosixPath(path)
            inside = own.relative_to(shown) if own.is_relative_to(shown) else ""
            group = top / inside
            yield version, top, group if group.is_dir() else top


def _find_mounts(mounts: list[str], version: int) -> Iterator[tuple[str, str]]:
    """Yield what folder of a hierarchy is mounted, and where."""
    for mount in mounts:
        here, _, system = mount.partition(" - ")
        fields, kind = here.split(), system.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        old = kind[0] == "cgroup" and "memory" in kind[2].split(",")
        if kind[0] == "cgroup2" if version == 2 else old:
            yield fields[3], fields[4]


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _read_number(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None  # not there, or "max"


def _read_idle(folder: Path, name: str) -> int:
    for line in _read_lines(folder / "memory.stat"):
        word, _, number = line.partition(" ")
        if word == name and number.strip().isdigit():
            return int(number)
    return 0
