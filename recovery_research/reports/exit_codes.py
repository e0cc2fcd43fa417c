"""How a run ended, and the exit codes that say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

EXIT_DONE = 0
EXIT_ERROR = 1
EXIT_BAD_INPUT = 2
EXIT_CELL_FAILED = 3
EXIT_MISSED = 3
EXIT_KERNEL_DIED = 4
EXIT_TIMED_OUT = 5
EXIT_INCOMPLETE = 6
EXIT_NOT_STARTED = 7
EXIT_NOT_WRITTEN = 8
EXIT_DIFFERENT = 9
EXIT_INTERRUPTED = 130
EXIT_UNREAD = 141
EXIT_TERMINATED = 143

MEANINGS = {
    EXIT_DONE: "the report is complete",
    EXIT_ERROR: "an error in the program itself",
    EXIT_BAD_INPUT: "bad input: notebook, parameter, profile, option; "
    "nothing was started",
    EXIT_CELL_FAILED: "a cell failed (verify: a figure is missed)",
    EXIT_KERNEL_DIED: "the kernel died",
    EXIT_TIMED_OUT: "a time limit was reached",
    EXIT_INCOMPLETE: "the notebook left before its end",
    EXIT_NOT_STARTED: "the kernel did not start",
    EXIT_NOT_WRITTEN: "the report could not be written",
    EXIT_DIFFERENT: "tables differ (diff, reproduce)",
    EXIT_INTERRUPTED: "interrupted (Ctrl-C)",
    EXIT_UNREAD: "whoever read the output went away (| head)",
    EXIT_TERMINATED: "terminated (SIGTERM)",
}
# What any command may end with; those that run reports, with all of them.
USUAL = {
    EXIT_DONE: "done",
    EXIT_ERROR: MEANINGS[EXIT_ERROR],
    EXIT_BAD_INPUT: "bad input; nothing was done",
    EXIT_NOT_WRITTEN: "the result could not be written",
    EXIT_INTERRUPTED: MEANINGS[EXIT_INTERRUPTED],
    EXIT_UNREAD: MEANINGS[EXIT_UNREAD],
    EXIT_TERMINATED: MEANINGS[EXIT_TERMINATED],
}


def describe_codes(codes: Mapping[int, str]) -> str:
    r"""Return exit codes as the end of a command's help.

    Examples
    --------
    >>> describe_codes({0: "done"})
    '\x08\nExit codes:\n    0  done\n'
    """
    lines = [f"{code:>5}  {codes[code]}" for code in sorted(codes)]
    return "\n".join(["\b", "Exit codes:", *lines, ""])


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
    Verdict.SUCCEEDED: EXIT_DONE,
    Verdict.CELL_FAILED: EXIT_CELL_FAILED,
    Verdict.KERNEL_DIED: EXIT_KERNEL_DIED,
    Verdict.TIMED_OUT: EXIT_TIMED_OUT,
    Verdict.INCOMPLETE: EXIT_INCOMPLETE,
    Verdict.NOT_STARTED: EXIT_NOT_STARTED,
    Verdict.NOT_WRITTEN: EXIT_NOT_WRITTEN,
    Verdict.INTERRUPTED: EXIT_INTERRUPTED,
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
