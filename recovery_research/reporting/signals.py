"""A request to end, turned into an exception that can be answered in good order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from recovery_research.reporting.ends import EXIT_TERMINATED


class Terminated(SystemExit):
    """SIGTERM came; the program exits with 143 unless somebody answers."""

    def __init__(self) -> None:
        super().__init__(EXIT_TERMINATED)


@contextmanager
def hear_termination() -> Iterator[None]:
    """Raise `Terminated` in the block if SIGTERM comes, instead of dying of it.

    In other threads than the main one signals cannot be heard; nothing changes there.

    Yields
    ------
    None
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
