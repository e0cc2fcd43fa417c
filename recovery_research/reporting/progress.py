"""How far a run has come: a moving line on a terminal, dated lines in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from recovery_research.reporting.wording import show_local
from recovery_research.terminal_texts import bare_stream, calm

# Marks the lines of a log that the notebook itself has written.
OUTPUT_MARK = "notebook_output"
# Marks those that say which cell has begun: too many for the log of a whole plan.
STEP_MARK = "notebook_step"
Progress = Callable[[int, int], None]


@contextmanager
def follow(
    name: str, *, aloud: bool = False
) -> Iterator[Callable[[int, int], None] | None]:
    """Show on standard error how far a run has come.

    On a terminal that is one line, written over again and cleared at the end;
    elsewhere it is dated lines, as a log wants them.

    Parameters
    ----------
    name : str
        Name of the report.
    aloud : bool, optional
        Whether the notebook's own output is shown as it comes, line by line.

    Yields
    ------
    callable or None
        To be called before each cell with its position and the number of cells.
    """
    if sys.stderr.isatty() and not aloud:
        try:
            yield _Line(name).show
        finally:
            bare_stream(sys.stderr).write("\r\x1b[K")
            sys.stderr.flush()
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.INFO)
    handler.setFormatter(_LocalTimes("%(asctime)s %(levelname)s %(message)s"))
    if not aloud:
        handler.addFilter(lambda record: not getattr(record, OUTPUT_MARK, False))
    logger = logging.getLogger("recovery_research.reporting")
    logger.addHandler(handler)
    try:
        yield None
    finally:
        logger.removeHandler(handler)


class _LocalTimes(logging.Formatter):
    """Dates lines by this machine's clock, and names its zone."""

    def formatTime(  # noqa: N802
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        return show_local(datetime.fromtimestamp(record.created, UTC), seconds=True)


class _Line:
    def __init__(self, name: str) -> None:
        self.name, self.started = name, time.monotonic()

    def show(self, index: int, n_cells: int) -> None:
        seconds = time.monotonic() - self.started
        line = f"{self.name}: cell {index + 1} of {n_cells}, {seconds:.0f} s"
        bare_stream(sys.stderr).write(f"\r\x1b[K{calm(line)}")
        sys.stderr.flush()
