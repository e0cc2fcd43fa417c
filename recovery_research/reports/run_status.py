"""The ways in which a run can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recovery_research.reports import exit_codes
from recovery_research.reports.exit_codes import EXIT_TERMINATED


class Verdict(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CELL_FAILED = "cell failed"
    KERNEL_DIED = "kernel died"
    TIMED_OUT = "timed out"
    INCOMPLETE = "incomplete"
    NOT_STARTED = "not started"
    INTERRUPTED = "interrupted"
    NOT_WRITTEN = "not written"


EXIT_CODES = {
    Verdict.SUCCEEDED: exit_codes.EXIT_DONE,
    Verdict.CELL_FAILED: exit_codes.EXIT_CELL_FAILED,
    Verdict.KERNEL_DIED: exit_codes.EXIT_KERNEL_DIED,
    Verdict.TIMED_OUT: exit_codes.EXIT_TIMED_OUT,
    Verdict.INCOMPLETE: exit_codes.EXIT_INCOMPLETE,
    Verdict.NOT_STARTED: exit_codes.EXIT_NOT_STARTED,
    Verdict.NOT_WRITTEN: exit_codes.EXIT_NOT_WRITTEN,
    Verdict.INTERRUPTED: exit_codes.EXIT_INTERRUPTED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict and what there is to say about it.

    Attributes
    ----------
    verdict : Verdict
        How the run ended.
    message : str
        One line; empty if it succeeded.
    cell : int or None
        Position of the cell it ended in, counted from 0.
    traceback : str
        Python's, without colours; may be empty.
    error : str
        Class of the exception that the cell raised; empty if none.
    """

    verdict: Verdict
    message: str = ""
    cell: int | None = None
    traceback: str = ""
    error: str = ""


def find_exit_code(verdict: str, message: str = "") -> int:
    """Return what a program exits with after a run.

    Examples
    --------
    >>> find_exit_code("timed out"), find_exit_code("interrupted", "by SIGTERM")
    (5, 143)
    """
    if verdict == Verdict.INTERRUPTED and "SIGTERM" in message:
        return EXIT_TERMINATED
    return EXIT_CODES[Verdict(verdict)]
