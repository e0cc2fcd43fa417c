"""The few figures of a report that an index shows, and how they moved.

A report chooses them by showing a table called ``key-figures``; otherwise they are
the first rows of its first table with a column ``estimate``. Where that has a column
``world``, they are the first of every world.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO

from markupsafe import Markup

from recovery_research.reports.past_runs import PastRun
from recovery_research.reports.run_details import DetailReader
from recovery_research.table_cells import bare_cell
from recovery_research.texts import say

KEY_TABLE = "key-figures"
WORLD = "world"
MOST_FIGURES, MOST_WORLDS, MOST_KEPT = 3, 24, 50
LONGEST_LABEL = 60
_LONGEST_LINE = 100_000
_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One estimate of a report.

    Attributes
    ----------
    label : str
        What is estimated, from the columns before the estimate.
    estimate : float
        The estimate, in full precision.
    ci_low, ci_high : float or None
        Its confidence limits, if the table has them.
    """

    label: str
    estimate: float
    ci_low: float | None = None
    ci_high: float | None = None


class FigureReader:
    """Reads the key figures of runs, equal tables only once.

    Parameters
    ----------
    details : DetailReader
        Knows the tables of each run.
    """

    def __init__(self, details: DetailReader) -> None:
        self._details = details
        self._read: dict[str, tuple[list[KeyFigure], str]] = {}

    def read(self, run: PastRun) -> list[KeyFigure]:
        """Return the key figures of a run."""
        return self._choose(run)[1]

    def read_caption(self, run: PastRun) -> str:
        """Return the caption of the table that the key figures are of."""
        name, figures = self._choose(run)
        note = self._read[self._details.read(run).tables[name][1]][1] if figures else ""
        caption = self._details.read(run).captions.get(name, "")
        return f"{caption} {note}".strip()

    def _choose(self, run: PastRun) -> tuple[str, list[KeyFigure]]:
        tables = self._details.read(run).tables
        for name in [KEY_TABLE] if KEY_TABLE in tables else tables:
            file, digest = tables[name]
            if digest not in self._read:
                self._read[digest] = self._read_table(run, str(file))
            if self._read[digest][0]:
                return name, self._read[digest][0]
        return "", []

    def _read_table(self, run: PastRun, file: str) -> tuple[list[KeyFigure], str]:
        try:
            # A record may have been tampered with, so this looks where it leads.
            head = self._details.read_head(run, file, _MOST_BYTES)
            whole = head if len(head) < _MOST_BYTES else head[: head.rindex(b"\n")]
            lines = StringIO(whole.decode("utf-8"), newline="")
            return _pick_figures(csv.reader(line[:_LONGEST_LINE] for line in lines))
        except (OSError, ValueError, csv.Error):
            return [], ""


def write_number(value: float) -> str:
    """Return a number as a reader wants it, with about four digits.

    Examples
    --------
    >>> [write_number(x) for x in (0.0056411, 1234567.0, -3.0, 12.345)]
    ['0.005641', '1,234,567', '-3', '12.35']
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _pick_figures(rows: csv.reader) -> tuple[list[KeyFigure], str]:
    """Return the first figures of every world, and what must be said of the others."""
    header = next(rows, [])
    if "estimate" not in header:
        return [], ""
    place = header.index("estimate")
    world = header.index(WORLD) if WORLD in header else None
    limits = [header.index(c) if c in header else -1 for c in ("ci_low", "ci_high")]
    # Of each world its figures, by what they are of.
    worlds: dict[str, dict[str, KeyFigure]] = {}
    for row in rows:
        if len(row) != len(header):
            continue
        name = "" if world is None else say(bare_cell(row[world]))
        there = worlds.setdefault(name, {})
        if world is None and len(there) == MOST_FIGURES:
            break
        estimate = _read_number(row[place])
        if estimate is None or len(there) == MOST_KEPT:
            continue
        words = [say(bare_cell(w)) for i, w in enumerate(row[:place]) if i != world]
        what = _tell_apart(" \N{MIDDLE DOT} ".join(words), there)
        label = " \N{MIDDLE DOT} ".join(filter(None, (name, what))) or "estimate"
        low, high = (_read_number(row[i]) if i >= 0 else None for i in limits)
        there[what] = KeyFigure(label, estimate, low, high)
    return _choose_fairly([each for each in worlds.values() if each]), _note(worlds)


def _tell_apart(what: str, there: Collection[str]) -> str:
    """Return another name for what is not the figure of that name above it."""
    number, name = 2, what
    while name in there:
        number, name = number + 1, f"{what} ({number})"
    return name


def _note(worlds: dict[str, dict]) -> str:
    n_shown = sum(map(bool, worlds.values()))
    empty = [name for name, figures in worlds.items() if not figures]
    notes = []
    if n_shown > MOST_WORLDS:
        notes.append(f"{MOST_WORLDS} of {n_shown:,} worlds are shown")
    if n_shown and empty and worlds.keys() != {""}:
        more = f" and {len(empty) - 3:,} more" if len(empty) > 3 else ""
        notes.append(f"no estimate for {', '.join(empty[:3])}{more}")
    return f"({'; '.join(notes)})" if notes else ""


def _choose_fairly(worlds: list[dict[str, KeyFigure]]) -> list[KeyFigure]:
    """Choose the first figures, the same of every world: one alone would mislead."""
    if not worlds:
        return []
    first = list(worlds[0])
    chosen = []
    for place in range(max(1, MOST_FIGURES // len(worlds))):
        for figures in worlds[:MOST_WORLDS]:
            if place >= len(figures):
                continue
            same = first[place] if place < len(first) else None
            what = same if same in figures else list(figures)[place]
            if figures[what] not in chosen:
                chosen.append(figures[what])
    return chosen


def _read_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


WIDTH, HEIGHT, MARGIN = 96, 22, 3
SQUARE, GAP = 9, 3


def draw_trend(values: Sequence[float], *, said: str) -> Markup:
    """Draw numbers as a line, oldest first, with a dot on the last."""
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    scale = max(abs(low), abs(high), 1e-300)
    # Differences below the digits shown are drawn as no difference.
    spread = (high / scale - low / scale) if high / scale - low / scale > 1e-9 else 0.0
    points = []
    for i, value in enumerate(values):
        x = MARGIN + i * (WIDTH - 2 * MARGIN) / (len(values) - 1)
        share = ((value / scale - low / scale) / spread) if spread else 0.5
        points.append((x, MARGIN + (1 - share) * (HEIGHT - 2 * MARGIN)))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    # Escaped above; every other part is a number.
    return Markup(
        f'<svg class="trend" role="img" aria-label="{escape(said)}" '
        f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/></svg>'
    )


def draw_endings(good: Sequence[bool]) -> Markup:
    """Draw how the last runs ended, oldest first: a square, or a cross on one."""
    n_failed = sum(not each for each in good)
    runs = "run" if len(good) == 1 else "runs"
    said = f"last {len(good)} {runs}: {len(good) - n_failed} succeeded"
    said += f", {n_failed} failed" if n_failed else ""
    width = len(good) * (SQUARE + GAP)
    marks = []
    for i, each in enumerate(good):
        x = i * (SQUARE + GAP)
        if each:
            box = f'<rect class="good" x="{x}" y="1" width="{SQUARE}" height="{SQUARE}"'
            marks.append(f'{box} rx="2"/>')
        else:
            e, low, high = x + SQUARE, 1, 1 + SQUARE
            path = f"M{x} {low}L{e} {high}M{e} {low}L{x} {high}"
            marks.append(f'<path class="bad" d="{path}"/>')
    return Markup(
        f'<svg class="endings" role="img" aria-label="{said}" width="{width}" '
        f'height="11" viewBox="0 0 {width} 11">{"".join(marks)}</svg>'
    )
