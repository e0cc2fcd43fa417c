"""The log that each run keeps beside its report."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from recovery_research.reports.formatting import show_local
from recovery_research.reports.history import is_alive
from recovery_research.reports.masking import mask_text
from recovery_research.reports.report_folders import list_reports
from recovery_research.reports.staging import Shelf
from recovery_research.texts import bare_stream, calm

LOG_FILE = "run.log"
LOG_FORM = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"
LOG_TIME = "%Y-%m-%dT%H:%M:%S"


@contextmanager
def keep_log(folder: Path, secrets: list[str]) -> Iterator[logging.Logger]:
    """Log one run into its folder, and to whoever listens to the reporting room."""
    log = logging.Logger(f"recovery_research.reports.{folder.name}", logging.INFO)
    log.parent = logging.getLogger("recovery_research.reports")
    log.addFilter(_Masking(secrets))
    handler = _QuietHandler(folder / LOG_FILE, encoding="utf-8")
    form = logging.Formatter(LOG_FORM, LOG_TIME)
    form.converter = time.gmtime  # as all times of a record
    handler.setFormatter(form)
    log.addHandler(handler)
    try:
        yield log
    finally:
        handler.close()


class _Masking(logging.Filter):
    """Writes out each message, masks secrets in it, and lets it pass."""

    def __init__(self, secrets: list[str]) -> None:
        super().__init__()
        self.secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        text = mask_text(record.getMessage(), self.secrets)
        record.msg, record.args = calm(text), None
        if record.exc_info:
            told = logging.Formatter().formatException(record.exc_info)
            record.exc_text = calm(mask_text(told, self.secrets))
        return True


class _QuietHandler(logging.FileHandler):
    """A log on a full disk loses lines; it does not take the report with it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass

    def close(self) -> None:
        try:
            super().close()
        except OSError:
            self.stream = None


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
    logger = logging.getLogger("recovery_research.reports")
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


POLL_SECONDS = 0.1


def find_running(reports: Path, name: str) -> Path | None:
    """Find the run of a report that is under way."""
    if name not in list_reports(reports):
        there = ", ".join(list_reports(reports)) or "none"
        raise ValueError(
            f"there is no report {name!r} in {reports}; there are {there}."
        )
    staged = [s for s in Shelf(reports, name).list_staged() if is_alive(s)]
    return staged[-1] if staged else None


def follow_log(stage: Path) -> Iterator[str]:
    """Yield the lines of a run's log as they come, until the run ends."""
    path = stage / LOG_FILE
    while not path.is_file():
        if not stage.is_dir():
            return
        time.sleep(POLL_SECONDS)
    with path.open(encoding="utf-8", errors="replace") as lines:
        rest = ""
        while True:
            alive = stage.is_dir() and is_alive(stage)
            rest += lines.read()
            *whole, rest = rest.split("\n")
            yield from whole
            if not alive:
                break
            time.sleep(POLL_SECONDS)
        if rest:
            yield rest


def find_ended(reports: Path, name: str, run_id: str) -> Path | None:
    """Find where a run has been put at its end."""
    shelf = Shelf(reports, name)
    for folder in (*shelf.list_runs(), *shelf.list_failed()):
        if folder.name == run_id:
            return folder
    return None
