"""How far a plan has come: a board on a terminal, dated lines in a log."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from recovery_research.reports.exit_codes import EXIT_ERROR, Verdict, find_exit_code
from recovery_research.reports.formatting import show_local
from recovery_research.reports.locks import read_holder
from recovery_research.texts import bare_stream, calm

if TYPE_CHECKING:
    import pandas as pd

REDRAW_SECONDS = 0.1
WIDEST = 100


class Listener:
    """Is told what happens while a plan runs, and says nothing."""

    aloud = False

    def begin(self, seconds: dict[str, float | None], jobs: int) -> None:
        """Hear which reports there are, how long each may take, how many at a time."""

    def start(self, name: str) -> None:
        """Hear that a report starts."""

    def wait(self, name: str, lock: Path) -> None:
        """Hear that another process runs a report, which waits for its turn."""

    def change(self, name: str, why: str) -> None:
        """Hear why the report of before is not the answer."""

    def cell(self, name: str, index: int, n_cells: int) -> None:
        """Hear that a report begins a cell."""

    def log(self, name: str, level: int, text: str) -> None:
        """Hear a line of a report's log."""

    def end(self, end: ReportEnd) -> None:
        """Hear what came of a report."""

    def finish(self, end: PlanEnd) -> None:
        """Hear what came of the plan."""


class LineWriter(Listener):
    """Writes one dated line for each thing that happens.

    Parameters
    ----------
    out : text file
        Where to.
    aloud : bool, optional
        Whether the notebooks' own output is written, too.
    """

    def __init__(self, out: TextIO, *, aloud: bool = False) -> None:
        self.out, self.aloud = out, aloud
        self._waits: set[str] = set()
        self._failures: set[str] = set()

    def begin(self, seconds: dict[str, float | None], jobs: int) -> None:
        """Write how many reports there are."""
        self._write(f"{len(seconds)} reports, up to {jobs} at a time")

    def wait(self, name: str, lock: Path) -> None:
        """Write once that a report waits."""
        if name not in self._waits:
            self._waits.add(name)
            holder = read_holder(lock)
            advice = holder.advice if holder else ""
            who = holder or "another process"
            self._write(f"{name}: {who} runs this report; waiting for its end{advice}")

    def change(self, name: str, why: str) -> None:
        """Write why a report is run again."""
        self._write(f"{name}: runs again: {why}")

    def log(self, name: str, level: int, text: str) -> None:
        """Write what a report logs, under its name."""
        if level >= logging.ERROR:
            self._failures.add(name)
        said = text if text.startswith(f"{name}: ") else f"{name}: {text}"
        self._write(said, logging.getLevelName(level))

    def end(self, end: ReportEnd) -> None:
        """Write what the report itself has not logged."""
        if end.stored:
            self._write(f"{end.name}: nothing has changed; kept {end.folder}")
        elif not end.succeeded and end.name not in self._failures:
            self._write(f"{end.name}: {end.verdict}: {end.message}", "ERROR")

    def _write(self, text: str, level: str = "INFO") -> None:
        now = show_local(datetime.now(UTC), seconds=True)
        for line in calm(text).splitlines():
            self.out.write(f"{now} {level} {line}\n")
        self.out.flush()


class Board(Listener):
    """Draws a few lines on a terminal again and again: done, running, time left.

    Parameters
    ----------
    out : text file, optional
        The terminal.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = bare_stream(sys.stderr) if out is None else out
        self._cells: dict[str, str] = {}
        self._started: dict[str, float] = {}
        self._expected: dict[str, float | None] = {}
        self._took: dict[str, float] = {}
        self._ends: dict[str, ReportEnd] = {}
        self._jobs, self._drawn, self._drawn_at = 1, 0, 0.0

    def begin(self, seconds: dict[str, float | None], jobs: int) -> None:
        """Take down what to expect."""
        self._expected, self._jobs = dict(seconds), jobs

    def start(self, name: str) -> None:
        """Show a report that runs."""
        self._started[name], self._cells[name] = time.monotonic(), "starting"
        self._draw(now=True)

    def wait(self, name: str, lock: Path) -> None:
        """Show a report that waits for another process."""
        self._draw()

    def cell(self, name: str, index: int, n_cells: int) -> None:
        """Show where a report is."""
        self._cells[name] = f"cell {index + 1} of {n_cells}"
        self._draw()

    def end(self, end: ReportEnd) -> None:
        """Count a report."""
        begun = self._started.pop(end.name, None)
        self._cells.pop(end.name, None)
        if begun is not None:
            self._took[end.name] = time.monotonic() - begun
        self._ends[end.name] = end
        self._draw(now=True)

    def finish(self, end: PlanEnd) -> None:
        """Clear the board."""
        self._erase()
        self.out.flush()

    def compute_left(self, now: float) -> float | None:
        """Compute the seconds that are left, or None if nothing is known yet.

        Reports that never ran are expected to take as long as the others.
        """
        known = [*self._took.values(), *filter(None, self._expected.values())]
        if not known:
            return None
        usual, left = sum(known) / len(known), 0.0
        longest = 0.0
        for name, expected in self._expected.items():
            if name not in self._ends:
                spent = now - self._started.get(name, now)
                rest = max(0.0, (expected or usual) - spent)
                left, longest = left + rest, max(longest, rest)
        return max(longest, left / self._jobs)

    def _draw(self, *, now: bool = False) -> None:
        clock = time.monotonic()
        if not now and clock - self._drawn_at < REDRAW_SECONDS:
            return
        self._erase()
        lines = [self._count(clock)]
        for name, where in self._cells.items():
            lines.append(f"  {name}: {where}, {clock - self._started[name]:.0f} s")
        self.out.write("".join(f"{calm(line)[:WIDEST]}\n" for line in lines))
        self.out.flush()
        self._drawn, self._drawn_at = len(lines), clock

    def _count(self, now: float) -> str:
        bad = sum(not end.succeeded for end in self._ends.values())
        line = f"{len(self._ends)} of {len(self._expected)} reports"
        if bad:
            line += f", {bad} failed"
        left = self.compute_left(now)
        return line if left is None else f"{line}, about {left:.0f} s left"

    def _erase(self) -> None:
        self.out.write("\x1b[1A\x1b[2K" * self._drawn)
        self._drawn = 0


class Several:
    """Tells several listeners everything.

    Parameters
    ----------
    *listeners : Listener
        Whom to tell.
    """

    def __init__(self, *listeners: Listener) -> None:
        self.listeners = listeners
        self.aloud = any(listener.aloud for listener in listeners)

    def __getattr__(self, name: str):
        """Return a method that calls the same method of every listener."""
        methods = [getattr(listener, name) for listener in self.listeners]

        def tell(*given: object) -> None:
            for method in methods:
                method(*given)

        return tell


Hearer = Listener | Several

NOT_RUN = "not run"
ERROR = "error"


@dataclass(frozen=True, slots=True)
class ReportEnd:
    """What came of one report of a plan.

    Attributes
    ----------
    name, entry : str
        Name of the report, and of its table in the plan.
    verdict : str
        That of the run; ``not run`` if it was never started, ``error`` if the
        program itself failed.
    message : str
        Why it did not succeed.
    seconds : float or None
        How long the notebook took.
    folder : Path or None
        Where the run is.
    stored : bool
        Whether nothing had changed and the stored report was given.
    """

    name: str
    entry: str
    verdict: str
    message: str = ""
    seconds: float | None = None
    folder: Path | None = None
    stored: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether there is a good report."""
        return self.verdict == Verdict.SUCCEEDED

    @property
    def exit_code(self) -> int:
        """What a program exits with after this report alone."""
        if self.verdict == NOT_RUN:
            return 0
        if self.verdict == ERROR:
            return EXIT_ERROR
        return find_exit_code(self.verdict, self.message)


@dataclass(frozen=True, slots=True)
class PlanEnd:
    """What came of a plan.

    Attributes
    ----------
    reports : tuple of ReportEnd
        In the order of the plan.
    seconds : float
        How long all of it took.
    exit_code : int
        The highest of the reports', 0 if all are good; 130 or 143 if the plan was
        stopped by Ctrl-C or SIGTERM.
    """

    reports: tuple[ReportEnd, ...]
    seconds: float
    exit_code: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each report."""
        import pandas as pd

        rows = [asdict(end) | {"exit_code": end.exit_code} for end in self.reports]
        return pd.DataFrame(rows)

    def summarise(self) -> str:
        """Return the plan's end on one screen: failures in full, the rest counted."""
        good = [end for end in self.reports if end.succeeded]
        stored = sum(end.stored for end in good)
        idle = sum(end.verdict == NOT_RUN for end in self.reports)
        bad = [e for e in self.reports if not e.succeeded and e.verdict != NOT_RUN]
        counts = [f"{len(good)} good ({stored} unchanged)", f"{len(bad)} failed"]
        if idle:
            counts.append(f"{idle} not run")
        head = f"{len(self.reports)} reports: {', '.join(counts)}; {self.seconds:.0f} s"
        return "\n".join([head, *_list_bad(bad), *_list_good(good)])


LONGEST_LIST = 10


def _list_bad(bad: list[ReportEnd]) -> list[str]:
    lines = []
    for end in bad[:LONGEST_LIST]:
        said = end.message.strip().splitlines()[-1:] or [""]
        lines.append(f"  FAILED  {end.name}: {end.verdict}: {said[0]}"[:200])
        if end.folder is not None:
            lines.append(f"          {end.folder}")
    return [*lines, *_count_rest(len(bad), "failed")]


def _list_good(good: list[ReportEnd]) -> list[str]:
    lines = [
        f"  {'same' if end.stored else 'good':6}  {end.name}"
        + ("" if end.stored or end.seconds is None else f"  {end.seconds:.1f} s")
        for end in good[:LONGEST_LIST]
    ]
    return [*lines, *_count_rest(len(good), "good")]


def _count_rest(number: int, word: str) -> list[str]:
    rest = number - LONGEST_LIST
    return [f"  and {rest} more {word}; see `recovery-research history`"] * (rest > 0)
