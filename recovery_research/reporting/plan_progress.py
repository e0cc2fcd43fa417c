"""How far a plan has come: a board on a terminal, dated lines in a log."""

from __future__ import annotations

import logging
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from recovery_research.reporting.locks import read_holder
from recovery_research.reporting.plan_results import PlanEnd, ReportEnd
from recovery_research.reporting.wording import show_local
from recovery_research.terminal_texts import bare_stream, calm

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

        Parameters
        ----------
        now : float
            Time on the monotonic clock.

        Returns
        -------
        float or None
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
