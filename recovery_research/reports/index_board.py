"""The index page: its board of reports, and the few figures that it shows of each.

A report chooses them by showing a table called ``key-figures``; otherwise they are
the first rows of its first table with a column ``estimate``. Where that has a column
``world``, they are the first of every world.
"""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from io import StringIO
from urllib.parse import quote

from markupsafe import Markup

from recovery_research.reports.formatting import format_seconds, shorten, show_value
from recovery_research.reports.history import PastRun
from recovery_research.reports.run_details import (
    DetailReader,
    compare_ingredients,
    compare_tables,
    sort_by_parameters,
)
from recovery_research.spreadsheet_cells import bare_cell
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


def _pick_figures(rows: Iterator[list[str]]) -> tuple[list[KeyFigure], str]:
    """Return the first figures of every world, and what must be said of the others."""
    header: list[str] = next(rows, [])
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


# Sets of parameters told in full, and those told in full or in a line.
MOST_VARIANTS, MOST_LISTED = 40, 2000
MOST_ENDINGS = 14
MOST_TREND = 12
LONGEST_VALUE, LONGEST_TITLE, LONGEST_MESSAGE = 80, 300, 10_000
SLOW_RATIO, SLOW_SECONDS = 1.5, 2.0
PAGE = "Report"
FILES = {
    PAGE: "report.html",
    "PDF": "report.pdf",
    "Notebook": "report.ipynb",
    "Log": "run.log",
}


@dataclass(frozen=True, slots=True)
class FigureLine:
    """A key figure, how it moved since the run before, and its trend."""

    label: str
    value: str
    interval: str
    change: str
    trend: Markup


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a run failed; cells count from 1."""

    message: str
    cell: int | None
    source: str
    since: str
    last_good: PastRun | None
    last_good_links: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a report with certain parameters stands, by its latest run."""

    run: PastRun
    parameters: list[tuple[str, str]]
    endings: Markup
    took: str
    slow: str
    changed: list[str]
    figures: list[FigureLine]
    links: list[tuple[str, str]]
    failure: Failure | None = None
    untold: tuple[str, ...] = ()
    caption: str = ""
    checked: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run told in one line."""

    run: PastRun
    parameters: list[tuple[str, str]]
    links: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Group:
    """How one report stands with each of its parameter sets; failures first.

    The first sets are told in full, the newest run of the others in a line each; the
    numbers are of all of them. What was dismissed is no standing, but counts as run.
    """

    name: str
    title: str
    standings: list[Standing]
    rest: list[RunLine]
    n_runs: int
    n_sets: int
    n_failing: int
    n_dismissed: int

    @property
    def n_hidden(self) -> int:
        """How many parameter sets are not shown at all."""
        return self.n_sets - len(self.standings) - len(self.rest)


def make_board(runs: Sequence[PastRun], details: DetailReader) -> list[Group]:
    """Say for every report and every set of its parameters how it stands."""
    by_report: dict[str, list[PastRun]] = {}
    for run in runs:
        by_report.setdefault(run.report, []).append(run)
    figures = FigureReader(details)
    groups = [_make_group(each, details, figures) for each in by_report.values()]
    return sorted(groups, key=lambda group: (not group.n_failing, group.name))


def list_links(run: PastRun, details: DetailReader) -> list[tuple[str, str]]:
    """Return the files of a run as names and addresses relative to the index."""
    place = details.read(run).place
    return [
        (
            "What failed" if name == PAGE and not run.succeeded else name,
            quote(f"{place}/{file}"),
        )
        for name, file in FILES.items()
        if details.has_file(run, file)
    ]


def show_parameters(
    run: PastRun, details: DetailReader, names: frozenset[str] = frozenset()
) -> list[tuple[str, str]]:
    """Return the parameters that tell a run from others, as texts."""
    shown = names | details.read(run).changed
    return [
        (name, shorten(show_value(value), LONGEST_VALUE))
        for name, value in run.parameters.items()
        if name in shown
    ]


def make_line(
    run: PastRun, details: DetailReader, names: frozenset[str] = frozenset()
) -> RunLine:
    """Tell a run in one line."""
    given = show_parameters(run, details, names)
    return RunLine(run, given, list_links(run, details))


def _make_group(
    runs: list[PastRun], details: DetailReader, figures: FigureReader
) -> Group:
    variants = sort_by_parameters([run for run in runs if not run.dismissed])
    names = _find_varying([each[0] for each in variants])
    shown, rest = variants[:MOST_VARIANTS], variants[MOST_VARIANTS:MOST_LISTED]
    return Group(
        name=runs[0].report,
        title=shorten(runs[0].title, LONGEST_TITLE),
        standings=[_make_standing(each, names, details, figures) for each in shown],
        rest=[make_line(each[0], details, names) for each in rest],
        n_runs=len(runs),
        n_sets=len(variants),
        n_failing=sum(not each[0].succeeded for each in variants),
        n_dismissed=sum(run.dismissed for run in runs),
    )


def _make_standing(
    runs: list[PastRun],
    names: frozenset[str],
    details: DetailReader,
    figures: FigureReader,
) -> Standing:
    run, good = runs[0], [each for each in runs if each.succeeded]
    before = next((each for each in good if each is not run), None)
    endings = [each.succeeded for each in reversed(runs[:MOST_ENDINGS])]
    failed = None if run.succeeded else _describe_failure(runs, before, details)
    return Standing(
        run=run,
        parameters=show_parameters(run, details, names),
        endings=draw_endings(endings),
        took=format_seconds(run.seconds),
        slow=_compare_duration(run, good),
        changed=_tell_changes(run, before, details),
        figures=_follow_figures(good[:MOST_TREND], figures) if run.succeeded else [],
        links=list_links(run, details),
        failure=failed,
        caption=figures.read_caption(run) if run.succeeded else "",
        checked=details.read_check(run),
        untold=tuple(
            f"{notice.event}: not told by {notice.channel}: {notice.error}"
            for notice in details.read_notices(run)
            if not notice.ok
        ),
    )


def _describe_failure(
    runs: list[PastRun], before: PastRun | None, details: DetailReader
) -> Failure:
    source = details.read(runs[0]).failure.get("source", "")
    n_failed = runs.index(before) if before is not None else len(runs)
    return Failure(
        message=shorten(runs[0].message or runs[0].verdict, LONGEST_MESSAGE),
        cell=runs[0].cell,
        source=_shorten_source(str(source)),
        since="" if n_failed == 1 else f"failed {n_failed} times in a row",
        last_good=before,
        last_good_links=list_links(before, details) if before else [],
    )


def _tell_changes(
    run: PastRun, before: PastRun | None, details: DetailReader
) -> list[str]:
    if before is None:
        return ["First good run with these parameters."] if run.succeeded else []
    now, then = details.read(run), details.read(before)
    said = compare_tables(now, then) if run.succeeded else ""
    since = "the run before" if run.succeeded else "the last good run"
    return [text for text in (said, compare_ingredients(now, then, since)) if text]


def _follow_figures(good: list[PastRun], reader: FigureReader) -> list[FigureLine]:
    lines = []
    earlier = [{f.label: f.estimate for f in reader.read(run)} for run in good[1:]]
    for figure in reader.read(good[0]):
        past = [each[figure.label] for each in earlier if figure.label in each]
        values = [*reversed(past), figure.estimate]
        low, high = figure.ci_low, figure.ci_high
        interval = ""
        if low is not None and high is not None:
            interval = f"{write_number(low)} to {write_number(high)}"
        said = f"{figure.label} over {len(values)} runs, from "
        said += f"{write_number(values[0])} to {write_number(values[-1])}"
        line = FigureLine(
            label=shorten(figure.label, LONGEST_LABEL),
            value=write_number(figure.estimate),
            interval=interval,
            change=_write_change(figure.estimate, past),
            trend=draw_trend(values, said=said),
        )
        lines.append(line)
    return lines


def _write_change(value: float, past: list[float]) -> str:
    if not past:
        return ""
    moved = value - past[0]
    if moved == 0:
        return "unchanged"
    return f"{'up' if moved > 0 else 'down'} {write_number(abs(moved))}"


def _compare_duration(run: PastRun, good: list[PastRun]) -> str:
    usual = [each.seconds for each in good[1:11] if each.seconds is not None]
    if not run.succeeded or run.seconds is None or not usual:
        return ""
    middle = statistics.median(usual)
    slow = run.seconds > SLOW_RATIO * middle and run.seconds > middle + SLOW_SECONDS
    return f"usually {format_seconds(middle)}" if slow else ""


def _find_varying(runs: list[PastRun]) -> frozenset[str]:
    seen: dict[str, list] = {}
    for run in runs:
        for name, value in run.parameters.items():
            seen.setdefault(name, []).append(value)
    return frozenset(
        name for name, values in seen.items() if any(v != values[0] for v in values)
    )


def _shorten_source(source: str) -> str:
    lines = [line[:200] for line in source.strip().splitlines()]
    return "\n".join([*lines[:8], "…"] if len(lines) > 8 else lines)
