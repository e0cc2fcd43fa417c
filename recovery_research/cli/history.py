"""The commands that look at runs of before, and take old ones away."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recovery_research.cli.group import complete_report, complete_run
from recovery_research.cli.options import (
    JSON_OPTION,
    REPORTS_OPTION,
    fail,
    flush_output,
    open_reports,
    print_json,
    say,
)
from recovery_research.reports.exit_codes import (
    EXIT_BAD_INPUT,
    EXIT_DIFFERENT,
    EXIT_DONE,
    EXIT_NOT_WRITTEN,
    USUAL,
    describe_codes,
)

if TYPE_CHECKING:
    from recovery_research.reports.comparisons import RunDifference
    from recovery_research.reports.history import PastRun, RunHistory
    from recovery_research.reports.pruning import Doomed
    from recovery_research.reports.records import RunRecord


@click.command()
@click.option(
    "--report", "reports_named", multiple=True, metavar="NAME",
    shell_complete=complete_report,
)  # fmt: skip
@click.option("-p", "given", multiple=True, metavar="KEY=VALUE", help="A parameter.")
@click.option("--verdict", "verdicts", multiple=True, help="Or `failed`, for any.")
@click.option(
    "--since", metavar="WHEN", help="2026-01-31, 2026-01-31T06:30, or 7d, 12h, 90m."
)
@click.option("--until", metavar="WHEN", help="As --since; local time, or with a zone.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N.")
@JSON_OPTION
@REPORTS_OPTION
@click.pass_obj
def history(project: Path | None, reports: Path | None, **options) -> None:
    """List runs, oldest first, in local time; damaged ones on standard error."""
    from recovery_research.reports.history import read_history

    folder = open_reports(reports, project)
    past = read_history(folder)
    try:
        runs = _choose(past, options)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    if options["last"]:
        runs = runs[-options["last"] :]
    if options["as_json"]:
        print_json({"runs": runs, "damaged": past.damaged})
        return
    if not past.runs:
        say(f"there are no runs in {folder} yet.")
    for line in _write_table(runs):
        click.echo(line)
    for damaged in past.damaged:
        click.echo(f"damaged: {damaged.folder}: {damaged.reason}", err=True)


def _choose(past: RunHistory, options: dict) -> list[PastRun]:
    from recovery_research.reports.run_finder import choose_runs, read_moment

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
    from recovery_research.reports.formatting import show_local

    width = max((len(run.report) for run in runs), default=0)
    return [
        f"{show_local(run.started)}  {run.report:{width}}  {run.run_id}  "
        f"{run.verdict:11}  {_write_seconds(run.seconds):>8}  "
        f"{'(dismissed) ' if run.dismissed else ''}{run.message}".rstrip()
        for run in runs
    ]


def _write_seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:,.1f} s"


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option("--json", "as_json", is_flag=True, help="The record as it is.")
@REPORTS_OPTION
@click.pass_obj
def show(project: Path | None, run: str, as_json: bool, reports: Path | None) -> None:
    """Show all that is known of RUN.

    RUN is the id of a run or its beginning, or a report's name for its last good run.
    """
    from recovery_research.reports.records import read_record
    from recovery_research.reports.run_finder import find_run

    try:
        folder = find_run(open_reports(reports, project), run)
        record = read_record(folder)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    if as_json:
        click.echo(record.model_dump_json(indent=2))
    else:
        click.echo("\n".join(_describe_record(record, folder)))


def _describe_record(record: RunRecord, folder: Path) -> list[str]:
    from recovery_research.reports.formatting import show_local
    from recovery_research.reports.run_finder import write_value
    from recovery_research.reports.run_inputs import describe_inputs

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
        "started": show_local(record.started, seconds=True),
        "took": _write_seconds(record.seconds),
        "attempts": str(max(1, len(record.attempts))),
        "peak memory": "" if peak is None else f"{peak / 1e6:,.0f} MB",
        "data as of": show_local(as_of) if as_of else "",
        "commit": f"{git.commit}{dirty}" if git else "",
        "python": record.provenance.python,
        "plan": f"{record.plan.file}, {record.plan.entry}" if record.plan else "",
        "again from": record.rerun_of or "",
        "profile": record.profile,
        "folder": str(folder),
    }
    lines = [f"{name:12} {said}" for name, said in facts.items() if said]
    lines += [f"warning      {warning}" for warning in record.warnings]
    lines += describe_inputs(record.inputs)
    lines += ["", "parameters"]
    for p in record.parameters:
        lines.append(f"  {p.name} = {write_value(p.value)}  ({p.origin})")
    lines += ["", "tables and figures", *(f"  {e.file}" for e in record.exhibits)]
    return lines


@click.command(
    epilog=describe_codes(
        USUAL | {EXIT_DONE: "all tables are the same", EXIT_DIFFERENT: "tables differ"}
    )
)
@click.argument("before", shell_complete=complete_run)
@click.argument("after", shell_complete=complete_run)
@click.option(
    "--rtol",
    type=float,
    default=1e-12,
    show_default="1e-12, which is rounding",
    help="Relative tolerance of numbers.",
)
@click.option("--atol", type=float, default=0.0, help="Absolute tolerance of numbers.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write an HTML page, and everything that differs as CSV beside it.",
)
@JSON_OPTION
@REPORTS_OPTION
@click.pass_obj
def diff(
    project: Path | None,
    before: str,
    after: str,
    rtol: float,
    atol: float,
    page: Path | None,
    as_json: bool,
    reports: Path | None,
) -> None:
    """Compare two runs: parameters, code, data, versions, and every table's cells.

    Rows are compared that are named alike, by policy, world, outcome or whatever names
    them in the table; the largest changes are shown, all of them with --page or --json.
    """
    from recovery_research.reports.comparison_pages import describe_difference
    from recovery_research.reports.comparisons import compare_runs
    from recovery_research.reports.run_finder import find_run

    folder = open_reports(reports, project)
    try:
        pair = find_run(folder, before), find_run(folder, after)
        found = compare_runs(*pair, rtol=rtol, atol=atol)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    if page is not None:
        _write_page(found, page)
    if as_json:
        print_json(_tell_difference(found))
    else:
        click.echo("\n".join(describe_difference(found)))
    flush_output()
    sys.exit(0 if found.same_tables else EXIT_DIFFERENT)


def _write_page(found: RunDifference, page: Path) -> None:
    """Write the page, and beside it everything that it has no room for."""
    from recovery_research.reports.comparison_pages import write_cells, write_comparison

    cells = page.with_suffix(".csv")
    if cells == page:
        fail(f"{page} is for a page: name it .html.", EXIT_BAD_INPUT)
    try:
        write_cells(found, cells)
        page.write_text(write_comparison(found, cells.name), encoding="utf-8")
    except OSError as error:
        fail(f"cannot write {page}: {error.strerror}", EXIT_NOT_WRITTEN)


def _tell_difference(found: RunDifference) -> dict[str, object]:
    """Return a difference for programs."""
    tables = []
    for table in found.compared:
        told = {field.name: getattr(table, field.name) for field in fields(table)}
        cells = [asdict(cell) | {"change": cell.change} for cell in table.cells]
        tables.append(told | {"same": table.same, "cells": cells})
    return {
        "before": found.before.run_id,
        "after": found.after.run_id,
        "same": found.same_tables,
        "changes": found.changes,
        "tables": tables,
    }


@click.command()
@click.argument("run", shell_complete=complete_run)
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
    from recovery_research.reports.history import dismiss_run
    from recovery_research.reports.index import refresh_index
    from recovery_research.reports.run_finder import find_run

    folder = open_reports(reports, project)
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
@click.argument(
    "names", nargs=-1, metavar="[REPORT]...", shell_complete=complete_report
)
@click.option(
    "--keep",
    type=click.IntRange(0),
    metavar="N",
    help="Runs of each set of parameters that stay; 0 lets old sets go.",
)
@click.option("--older-than", metavar="AGE", help="Only older runs go; 30d, 12w.")
@click.option("--yes", is_flag=True, help="Delete; otherwise only shown.")
@JSON_OPTION
@REPORTS_OPTION
@click.pass_obj
def prune(
    project: Path | None,
    names: tuple[str, ...],
    keep: int | None,
    older_than: str | None,
    yes: bool,
    as_json: bool,
    reports: Path | None,
) -> None:
    """Delete old runs, of all reports or of some.

    Runs are counted for each set of parameters, and the last good one of each stays;
    with --keep 0 only the last good one of the report must.
    """
    from recovery_research.reports.pruning import choose_doomed, delete_runs
    from recovery_research.reports.run_finder import read_moment

    folder = open_reports(reports, project)
    now = datetime.now(UTC)
    try:
        age = None if older_than is None else now - read_moment(older_than, now=now)
        doomed = choose_doomed(folder, keep=keep, older_than=age, names=names, now=now)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    try:
        gone = delete_runs(folder, doomed) if yes else doomed
    except OSError as error:
        fail(f"cannot delete: {error}", EXIT_NOT_WRITTEN)
    if as_json:
        told = [asdict(one.run) | {"n_bytes": one.n_bytes} for one in gone]
        print_json({"runs": told, "deleted": yes})
        return
    for one in gone:
        click.echo(f"{one.run.report}  {one.run.run_id}  {one.run.verdict}")
    end = "deleted." if yes else "would go; --yes deletes them."
    click.echo(f"{_count(gone)} {end}")


def _count(doomed: Sequence[Doomed]) -> str:
    room = sum(one.n_bytes for one in doomed) / 1e6
    return f"{len(doomed)} runs, {room:,.1f} MB"
