"""What the index of the reports shows: for every report, how things stand."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from markupsafe import Markup

from recovery_research.reports.formatting import format_seconds, shorten, show_value
from recovery_research.reports.index_figures import (
    LONGEST_LABEL,
    FigureReader,
    draw_endings,
    draw_trend,
    write_number,
)
from recovery_research.reports.past_runs import PastRun
from recovery_research.reports.run_details import (
    DetailReader,
    compare_ingredients,
    compare_tables,
    sort_by_parameters,
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
        known = low is not None and high is not None
        said = f"{figure.label} over {len(values)} runs, from "
        said += f"{write_number(values[0])} to {write_number(values[-1])}"
        line = FigureLine(
            label=shorten(figure.label, LONGEST_LABEL),
            value=write_number(figure.estimate),
            interval=f"{write_number(low)} to {write_number(high)}" if known else "",
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
