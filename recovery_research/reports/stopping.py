"""When a run has to be over, by deadline or signal, and how it is stopped."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from recovery_research.reports.exit_codes import EXIT_INTERRUPTED, EXIT_TERMINATED

if TYPE_CHECKING:
    from recovery_research.reports.processes import MemoryGauge

    # What `signal.signal` takes and hands back.
    Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

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


# What a run that was stopped ends as; verdicts of these names exist.
TIMED_OUT = "timed out"
INTERRUPTED = "interrupted"
OVER_MEMORY = "kernel died"
OVER_OUTPUT = "cell failed"
GRACE_SECONDS = 2.0
REPEAT_SECONDS = 0.5
MEASURE_SECONDS = 0.2


class Watch:
    """Keeps the time limits of one run, and hears signals.

    Stopping means: the kernel is interrupted as by Ctrl-C, and killed if it has not
    given way after two seconds. The notebook's client notices either and ends in
    good order, so that nothing is torn down half-way.

    Parameters
    ----------
    interrupt, kill : callable
        What to do to the kernel.
    cell_seconds : float or None
        Limit of one cell.
    deadline : Deadline
        End of the whole run.
    gauge : MemoryGauge, optional
        Measures the kernel's memory while the watch is kept.
    memory_bytes : int, optional
        Limit of that memory.
    """

    def __init__(
        self,
        *,
        interrupt: Callable[[], None],
        kill: Callable[[], None],
        cell_seconds: float | None,
        deadline: Deadline,
        gauge: MemoryGauge | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self._interrupt, self._kill = interrupt, kill
        self._cell_seconds, self._deadline = cell_seconds, deadline
        self._gauge, self._memory_bytes = gauge, memory_bytes
        self._measured_at = 0.0
        self._cell_started: float | None = None
        self._stopped_at: float | None = None
        self._asked_at = 0.0
        self._finished = threading.Event()
        self.reason: str | None = None
        self.detail = ""
        self.signal: int | None = None

    def begin_cell(self) -> None:
        """Start the clock of the next cell."""
        self._cell_started = time.monotonic()

    def end_cell(self) -> None:
        """Stop the clock of the cell."""
        self._cell_started = None

    def stop(self, reason: str, detail: str, *, at_once: bool = False) -> None:
        """Stop the run for a reason; the first reason stays."""
        if self.reason is None:
            self.reason, self.detail = reason, detail
            self._stopped_at = self._asked_at = time.monotonic()
            (self._kill if at_once else self._interrupt)()
        elif reason == INTERRUPTED:
            self._kill()

    @contextmanager
    def keep(self) -> Iterator[Watch]:
        """Watch while the block runs."""
        thread = threading.Thread(target=self._look, name="watch", daemon=True)
        thread.start()
        try:
            with self._hear_signals():
                yield self
        finally:
            self._finished.set()
            thread.join()

    def _look(self) -> None:
        while not self._finished.wait(0.05):
            now = time.monotonic()
            if self._stopped_at is not None:
                self._insist(now, self._stopped_at)
                continue
            self._weigh(now)
            cell = now - (self._cell_started or now)
            if not self._deadline.allows(0.0):
                self.stop(TIMED_OUT, self._deadline.describe())
            elif self._cell_seconds is not None and cell > self._cell_seconds:
                self.stop(
                    TIMED_OUT, f"the cell took more than {self._cell_seconds:g} s"
                )

    def _weigh(self, now: float) -> None:
        if self._gauge is None or now - self._measured_at < MEASURE_SECONDS:
            return
        self._measured_at = now
        held, limit = self._gauge.measure(now), self._memory_bytes
        if limit is not None and held > limit:
            detail = f"the kernel took more than {limit / 1e6:,.0f} MB of memory"
            self.stop(OVER_MEMORY, detail, at_once=True)

    def _insist(self, now: float, stopped_at: float) -> None:
        """Ask again, for a kernel between two cells ignores interrupts; then kill."""
        if now - stopped_at > GRACE_SECONDS:
            self._kill()
        elif now - self._asked_at > REPEAT_SECONDS:
            self._asked_at = now
            self._interrupt()

    @contextmanager
    def _hear_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            signal.signal(number, self._hear)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        self.stop(INTERRUPTED, f"stopped by {signal.Signals(number).name}")


INSIST_SECONDS = 0.5


class Terminated(SystemExit):
    """SIGTERM came; the program exits with 143 unless somebody answers."""

    code: int

    def __init__(self) -> None:
        super().__init__(EXIT_TERMINATED)


@contextmanager
def hear_termination() -> Iterator[None]:
    """Raise `Terminated` in the block if SIGTERM comes, instead of dying of it.

    In other threads than the main one signals cannot be heard; nothing changes there.
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
            _thread.start_new_thread(
                self._insist, (threading.main_thread().ident, number)
            )
        if (again or self.patient) and _is_unwinding():
            return
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def end(self) -> None:
        """Let it be."""
        self._over = True

    def _insist(self, thread: int | None, number: int) -> None:
        while hasattr(signal, "pthread_kill"):
            time.sleep(INSIST_SECONDS)
            if self._over or thread is None:
                return
            self._again = True
            signal.pthread_kill(thread, number)


@contextmanager
def hear_stops(*, patient: bool = False, instead_of: object = None) -> Iterator[Stops]:
    """Hear Ctrl-C and SIGTERM in the block, each as an exception that is not lost.

    What ignores a signal, as a program started with nohup does, goes on ignoring it. A
    handler of Ctrl-C other than Python's is left alone, but for the one that is named.
    """
    stops, before, hook = Stops(patient=patient), {}, sys.unraisablehook
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if threading.current_thread() is threading.main_thread():
        for number, handler in usual.items():
            if signal.getsignal(number) in (handler, instead_of or handler):
                before[number] = signal.signal(number, stops.hear)

    def tell_lost(lost: sys.UnraisableHookArgs) -> None:
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
        self._before: dict[int, Handler] = {}
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
