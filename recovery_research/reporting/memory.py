"""How much memory a kernel and its children take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil

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
        """Measure once.

        Parameters
        ----------
        now : float
            Time on a clock that never jumps, in seconds.

        Returns
        -------
        int
            Resident memory of kernel and children, in bytes.
        """
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
