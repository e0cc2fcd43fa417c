"""Ctrl-C and SIGTERM, passed on to those who do the work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Self

from recovery_research.reporting.exit_codes import EXIT_INTERRUPTED, EXIT_TERMINATED


class StopSign:
    """Hears Ctrl-C and SIGTERM while its block runs, and passes them on.

    Parameters
    ----------
    pass_on : callable
        Given the number of each signal.

    Attributes
    ----------
    number : int or None
        The first signal that came.
    """

    def __init__(self, pass_on: Callable[[int], None]) -> None:
        self._pass_on = pass_on
        self._before: dict[int, object] = {}
        self.number: int | None = None

    @property
    def exit_code(self) -> int | None:
        """What to exit with; None if nothing came."""
        if self.number is None:
            return None
        terminated = self.number == signal.SIGTERM
        return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.number = self.number or number
        self._pass_on(number)
