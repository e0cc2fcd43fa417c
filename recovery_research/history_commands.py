"""The commands that look at runs of before, and take old ones away."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recovery_research import places
from recovery_research.command_ends import (
    EXIT_BAD_INPUT,
    EXIT_DIFFERENT,
    EXIT_NOT_WRITTEN,
    REPORTS_OPTION,
    describe_changes,
    fail,
    shorten,
)

if TYPE_CHECKING:
    from recovery_research.reporting.comparisons import RunDifference
    from recovery_research.reporting.history import PastRun, RunHistory
    from recovery_research.reporting.pruning import Doomed
    from recovery_research.reporting.records import RunRecord

MOST_CELLS = 20


@click.command()
@click.option("--report", "reports_named", multiple=True, metavar="NAME")
@click.option("-p", "given", multiple=True, metavar="KEY=VALUE", help="A parameter.")
@click.option("--verdict", "verdicts", multiple=True, help="Or `failed`, for any.")
@click.option("--since", metavar="WHEN", help="2026-01-31, or 7d, 12h, 90m.")
@click.option("--until", metavar="WHEN")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@REPORTS_OPTION
@click.pass_obj
def history(project: Path | None, reports: Path | None, **options) -> None:
    """List runs, oldest first; damaged ones are named on standard error."""
    from recovery_research.reporting.history import read_history

    folder = places.reports_folder(reports, project=project)
    past = read_history(folder)
    try:
        runs = _choose(past, options)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    if options["last"]:
        runs = runs[-options["last"] :]
    if options["as_json"]:
        click.echo(_write_json(runs, past))
        return
    for line in _write_table(runs):
        click.echo(line)
    for damaged in past.damaged:
        click.echo(f"damaged: {damaged.folder}: {damaged.reason}", err=True)


def _choose(past: RunHistory, options: dict) -> list[PastRun]:
    from recovery_research.reporting.history_filters import choose_runs, read_moment

    pairs = [text.partition("=") for text in options["given"]]
    for name, equals, _ in pairs:
        if not equals:
            raise ValueError(f"-p {name}: write it as name=value.")
    moments = {
        name: read_moment(options[name]) if options[name] else None
        for name in ("since", "until")
    }
    return choose_runs(
        past.runs,
        reports=options["reports_named"],
        parameters={name: value for name, _, value in pairs},
        verdicts=options["verdicts"],
        **moments,
    )


def _write_table(runs: Sequence[PastRun]) -> list[str]:
    width = max((len(run.report) for run in runs), default=0)
    return [
        f"{run.started:%Y-%m-%d %H:%M}  {run.report:{width}}  {run.run_id}  "
        f"{run.verdict:11}  {_write_seconds(run.seconds):>8}  "
        f"{'(dismissed) ' if run.dismissed else ''}{run.message}".rstrip()
        for run in runs
    ]


def _write_seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:,.1f} s"


def _write_json(runs: Sequence[PastRun], past: RunHistory) -> str:
    document = {
        "runs": [asdict(run) for run in runs],
        "damaged": [asdict(damaged) for damaged in past.damaged],
    }
    return json.dumps(document, indent=1, default=str)


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="The record as it is.")
@REPORTS_OPTION
@click.pass_obj
def show(project: Path | None, run: str, as_json: bool, reports: Path | None) -> None:
    """Show all that is known of RUN.

    RUN is the id of a run or its beginning, or a report's name for its last good run.
    """
    from recovery_research.reporting.records import read_record
    from recovery_research.reporting.run_finder import find_run

    try:
        folder = find_run(places.reports_folder(reports, project=project), run)
        record = read_record(folder)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    if as_json:
        click.echo(record.model_dump_json(indent=2))
    else:
        click.echo("\n".join(_describe_record(record, folder)))


def _describe_record(record: RunRecord, folder: Path) -> list[str]:
    from recovery_research.reporting.history_filters import write_value

    git = record.provenance.git
    dirty = ", files differ from it" if git and git.dirty else ""
    as_of = record.data_as_of
    peak = record.peak_memory
    facts = {
        "report": record.report,
        "run": record.run_id,
        "notebook": record.notebook_path or record.notebook,
        "verdict": record.verdict.value,
        "why": record.failure.message if record.failure else "",
        "started": f"{record.started:%Y-%m-%d %H:%M:%S} UTC",
        "took": _write_seconds(record.seconds),
        "attempts": str(max(1, len(record.attempts))),
        "peak memory": "" if peak is None else f"{peak / 1e6:,.0f} MB",
        "data as of": f"{as_of:%Y-%m-%d %H:%M} UTC" if as_of else "",
        "commit": f"{git.commit}{dirty}" if git else "",
        "python": record.provenance.python,
        "plan": f"{record.plan.file}, {record.plan.entry}" if record.plan else "",
        "again from": record.rerun_of or "",
        "profile": record.profile,
        "folder": str(folder),
    }
    lines = [f"{name:12} {said}" for name, said in facts.items() if said]
    lines += [f"warning      {warning}" for warning in record.warnings]
    lines += ["", "parameters"]
    for p in record.parameters:
        lines.append(f"  {p.name} = {write_value(p.value)}  ({p.origin})")
    lines += ["", "tables and figures", *(f"  {e.file}" for e in record.exhibits)]
    return lines


@click.command()
@click.argument("before")
@click.argument("after")
@click.option("--rtol", type=float, default=0.0, help="Relative tolerance of numbers.")
@click.option("--atol", type=float, default=0.0, help="Absolute tolerance of numbers.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write an HTML page with every changed cell.",
)
@REPORTS_OPTION
@click.pass_obj
def diff(
    project: Path | None,
    before: str,
    after: str,
    rtol: float,
    atol: float,
    page: Path | None,
    reports: Path | None,
) -> None:
    """Compare two runs: parameters, code, data, versions, and every table's cells.

    \b
    Exit code: 0 if all tables are the same, 9 if not.
    """  # noqa: D301 - click's mark for a paragraph that is not to be rewrapped
    from recovery_research.reporting.comparison_pages import write_comparison
    from recovery_research.reporting.comparisons import compare_runs
    from recovery_research.reporting.run_finder import find_run

    folder = places.reports_folder(reports, project=project)
    try:
        pair = find_run(folder, before), find_run(folder, after)
        found = compare_runs(*pair, rtol=rtol, atol=atol)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    if page is not None:
        try:
            page.write_text(write_comparison(found), encoding="utf-8")
        except OSError as error:
            fail(f"cannot write {page}: {error.strerror}", EXIT_NOT_WRITTEN)
    click.echo("\n".join(_describe_difference(found)))
    sys.stdout.flush()
    sys.exit(0 if found.same_tables else EXIT_DIFFERENT)


def _describe_difference(found: RunDifference) -> list[str]:
    lines = describe_changes(found.changes) or ["  made of the same"]
    if not found.tables:
        lines.append("  no tables")
    for name, same in found.tables.items():
        cells = [cell for cell in found.cells if cell.table == name]
        word = "the same" if same else f"{len(cells)} cells differ"
        lines.append(f"  table {name}: {word}")
        for c in cells[:MOST_CELLS]:
            where = "" if c.row is None else f"row {c.row}, {c.column}: "
            lines.append(f"    {where}{shorten(c.before)} -> {shorten(c.after)}")
        if len(cells) > MOST_CELLS:
            lines.append(f"    and {len(cells) - MOST_CELLS} more")
    return lines


@click.command()
@click.argument("run")
@click.option("--why", default="", metavar="TEXT", help="Kept beside the run.")
@click.option("--undo", is_flag=True, help="Show the failure again.")
@REPORTS_OPTION
@click.pass_obj
def dismiss(
    project: Path | None, run: str, why: str, undo: bool, reports: Path | None
) -> None:
    """Say that the failure RUN, a typing error perhaps, needs nobody's attention.

    It stays in the history, and the index no longer shows it as failing.
    """
    from recovery_research.reporting.dismissals import dismiss_run
    from recovery_research.reporting.index import refresh_index
    from recovery_research.reporting.run_finder import find_run

    folder = places.reports_folder(reports, project=project)
    try:
        found = find_run(folder, run)
        dismiss_run(found, why=why, undo=undo)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    except OSError as error:
        fail(f"cannot write {found}: {error.strerror}", EXIT_NOT_WRITTEN)
    refresh_index(folder)
    click.echo(f"{found.name} {'counts again' if undo else 'is dismissed'}.")


@click.command()
@click.argument("names", nargs=-1, metavar="[REPORT]...")
@click.option(
    "--keep",
    type=click.IntRange(0),
    metavar="N",
    help="Runs of each set of parameters that stay; 0 lets old sets go.",
)
@click.option("--older-than", metavar="AGE", help="Only older runs go; 30d, 12w.")
@click.option("--yes", is_flag=True, help="Delete; otherwise only shown.")
@REPORTS_OPTION
@click.pass_obj
def prune(
    project: Path | None,
    names: tuple[str, ...],
    keep: int | None,
    older_than: str | None,
    yes: bool,
    reports: Path | None,
) -> None:
    """Delete old runs, of all reports or of some.

    Runs are counted for each set of parameters, and the last good one of each stays;
    with --keep 0 only the last good one of the report must.
    """
    from recovery_research.reporting.history_filters import read_moment
    from recovery_research.reporting.pruning import choose_doomed, delete_runs

    folder = places.reports_folder(reports, project=project)
    now = datetime.now(UTC)
    try:
        age = None if older_than is None else now - read_moment(older_than, now=now)
        doomed = choose_doomed(folder, keep=keep, older_than=age, names=names, now=now)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    for one in doomed:
        click.echo(f"{one.run.report}  {one.run.run_id}  {one.run.verdict}")
    if not yes:
        click.echo(f"{_count(doomed)} would go; --yes deletes them.")
        return
    try:
        click.echo(f"{_count(delete_runs(folder, doomed))} deleted.")
    except OSError as error:
        fail(f"cannot delete: {error}", EXIT_NOT_WRITTEN)


def _count(doomed: Sequence[Doomed]) -> str:
    room = sum(one.n_bytes for one in doomed) / 1e6
    return f"{len(doomed)} runs, {room:,.1f} MB"
