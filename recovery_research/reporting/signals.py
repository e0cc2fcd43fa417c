"""A request to end, turned into an exception that can be answered in good order."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from recovery_research.reporting.exit_codes import EXIT_INTERRUPTED, EXIT_TERMINATED

INSIST_SECONDS = 0.5


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


class Stops:
    """What has asked the program to end.

    An exception that a signal raises can be lost: Python drops those that come up in
    a callback, and many a library has a bare ``except`` around its imports. So it is
    remembered that the signal came, and raised again until somebody sees it.

    Parameters
    ----------
    patient : bool, optional
        Whether a second signal, too, leaves cleaning up in peace.

    Attributes
    ----------
    number : int or None
        The first signal that came.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.patient = patient
        self.number: int | None = None
        self._over = self._again = False

    @property
    def exit_code(self) -> int | None:
        """What to exit with; None if nothing came."""
        if self.number is None:
            return None
        terminated = self.number == signal.SIGTERM
        return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED

    def hear(self, number: int, _frame: FrameType | None) -> None:
        """Raise what answers to the signal, unless that is being seen to already."""
        again, self._again = self._again, False
        if self.number is None:
            self.number = number
            # Not a `Thread`, whose locks the main thread may be holding just now.
            _thread.start_new_thread(self._insist, (threading.main_thread().ident,))
        if (again or self.patient) and _is_unwinding():
            return
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def end(self) -> None:
        """Let it be."""
        self._over = True

    def _insist(self, thread: int) -> None:
        while hasattr(signal, "pthread_kill"):
            time.sleep(INSIST_SECONDS)
            if self._over:
                return
            self._again = True
            signal.pthread_kill(thread, self.number)


@contextmanager
def hear_stops(*, patient: bool = False) -> Iterator[Stops]:
    """Hear Ctrl-C and SIGTERM in the block, each as an exception that is not lost.

    What ignores a signal, as a program started with nohup does, goes on ignoring it.

    Parameters
    ----------
    patient : bool, optional
        Whether a second signal, too, leaves cleaning up in peace.

    Yields
    ------
    Stops
    """
    stops, before, hook = Stops(patient=patient), {}, sys.unraisablehook
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if threading.current_thread() is threading.main_thread():
        for number, handler in usual.items():
            if signal.getsignal(number) == handler:
                before[number] = signal.signal(number, stops.hear)

    def tell_lost(lost: object) -> None:
        # It comes again; that it was lost is nobody's business.
        if not issubclass(lost.exc_type, KeyboardInterrupt | Terminated):
            hook(lost)

    sys.unraisablehook = tell_lost
    try:
        yield stops
    finally:
        stops.end()
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_unwinding() -> bool:
    """Return whether this thread is cleaning up after a signal."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, KeyboardInterrupt | Terminated):
            return True
        error = error.__context__
    return False
