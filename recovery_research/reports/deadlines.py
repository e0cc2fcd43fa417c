"""When a run has to be over: its attempts, their waits, its page and its print."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_SECONDS = 0.5


class TimeIsUp(BaseException):
    """The time of a run is over; no ordinary handler of errors takes it for one."""


class Deadline:
    """The end of a run's time, the same for everything that the run does.

    Parameters
    ----------
    seconds : float or None
        How long the run may take; None for as long as it likes.
    spent : float, optional
        How much of that it has had before.
    """

    def __init__(self, seconds: float | None, *, spent: float = 0.0) -> None:
        self.seconds = seconds
        self._ends = None if seconds is None else time.monotonic() + seconds - spent

    def left(self) -> float | None:
        """Return the seconds that are left, None if there is no end."""
        return None if self._ends is None else self._ends - time.monotonic()

    def allows(self, seconds: float) -> bool:
        """Return whether anything is left after some seconds more."""
        left = self.left()
        return left is None or left > seconds

    def describe(self) -> str:
        """Return in words what happened once nothing is left."""
        return f"the run took more than {self.seconds:g} s"

    @contextmanager
    def enforce(self, grace: float = 0.0) -> Iterator[None]:
        """Stop the block when the time is up, wherever it is.

        Where no alarm can be set, in other threads than the main one and on Windows,
        the block is seen to have been late at its end.
        """
        left = self.left()
        if left is None:
            yield
            return
        left = max(left, grace)
        if left <= 0.0:
            raise TimeIsUp
        ends = time.monotonic() + left
        with _alarm(left):
            yield
        if time.monotonic() > ends:
            raise TimeIsUp


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not hasattr(signal, "setitimer"):
        yield
        return
    armed = True

    def ring(_number: int, _frame: FrameType | None) -> None:
        if armed:
            raise TimeIsUp

    handler = signal.signal(signal.SIGALRM, ring)
    # Again and again, should a destructor swallow the first.
    before = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)
