"""The commands that run reports by plan, again, or show one as it runs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recovery_research.atomic_files import make_folder, making_named
from recovery_research.cli.group import complete_report, complete_run
from recovery_research.cli.options import (
    JSON_OPTION,
    REPORTS_OPTION,
    VOICE,
    deliver,
    fail,
    flush_output,
    open_reports,
    print_json,
    read_assignments,
    show_progress,
    tell_run,
)
from recovery_research.reports.exit_codes import (
    EXIT_BAD_INPUT,
    EXIT_DIFFERENT,
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_NOT_WRITTEN,
    MEANINGS,
    describe_codes,
)

if TYPE_CHECKING:
    from recovery_research.reports.notifications import Teller
    from recovery_research.reports.plan_progress import Listener, Several
    from recovery_research.reports.plans import Plan
    from recovery_research.reports.stored_runs import Reproduction

REPORT_CODES = describe_codes(MEANINGS)
PLAN_CODES = """\b
`recovery-research formats plan` describes every key of PLAN.

""" + describe_codes(
    MEANINGS
    | {
        EXIT_DONE: "all reports are good; otherwise the highest code of any",
        EXIT_BAD_INPUT: "the plan is wrong; nothing was started",
    }
)


@click.command("run-all", epilog=PLAN_CODES)
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@REPORTS_OPTION
@click.option("--only", multiple=True, metavar="NAME", help="May be repeated.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="At a time.")
@click.option("--dry-run", is_flag=True, help="Check the plan; say what would run.")
@click.option("--fail-fast", is_flag=True, help="Start nothing after a failure.")
@click.option("--force", is_flag=True, help="Run also what has not changed.")
@click.option("--follow", is_flag=True, help="Show the notebooks' output as it comes.")
@click.option(
    "--log",
    "log_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append dated lines to a file as well.",
)
@JSON_OPTION
@click.pass_obj
def run_all(project: Path | None, plan_file: Path, **options) -> None:
    """Run the reports of PLAN side by side; one failure does not stop the others."""
    from recovery_research.reports.notifications import Teller
    from recovery_research.reports.plans import read_plan

    try:
        plan = read_plan(plan_file, reports=options["reports"], project=project)
        plan.choose(options["only"])
        teller = Teller(plan)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    if options["dry_run"]:
        _preview(plan, options)
        return
    _run_plan(plan, options, teller)


def _run_plan(plan: Plan, options: dict, teller: Teller) -> None:
    from recovery_research.reports.plan_runs import run_plan

    try:
        with ExitStack() as stack:
            end = run_plan(
                plan,
                only=options["only"],
                jobs=options["jobs"],
                force=options["force"],
                fail_fast=options["fail_fast"],
                listener=_choose_listener(stack, options, teller),
            )
    except OSError as error:
        fail(f"the plan could not be run: {error}", EXIT_NOT_WRITTEN)
    if options["as_json"]:
        told = [asdict(each) | {"exit_code": each.exit_code} for each in end.reports]
        ends = {"seconds": end.seconds, "exit_code": end.exit_code}
        print_json({"reports": told} | ends)
    else:
        click.echo(end.summarise())
    flush_output()
    sys.exit(end.exit_code)


def _choose_listener(stack: ExitStack, options: dict, teller: Teller) -> Several:
    from recovery_research.reports.plan_progress import Board, LineWriter, Several

    aloud = options["follow"]
    listeners: list[Listener] = [teller]
    if sys.stderr.isatty() and not aloud and not VOICE.quiet:
        listeners.insert(0, Board())
    elif aloud or not VOICE.quiet:
        listeners.insert(0, LineWriter(sys.stderr, aloud=aloud))
    if options["log_file"] is not None:
        log = stack.enter_context(options["log_file"].open("a", encoding="utf-8"))
        listeners.append(LineWriter(log))
    teller.hearer = Several(*(each for each in listeners if each is not teller))
    return Several(*listeners)


def _preview(plan: Plan, options: dict) -> None:
    """Say of each report what it would be told, and whether it would run."""
    from recovery_research.reports.previews import DEFAULT, preview_request
    from recovery_research.reports.run_finder import write_value

    previews = [
        preview_request(
            planned.request, plan.reports, force=options["force"] or planned.always_run
        )
        for planned in plan.choose(options["only"])
    ]
    if options["as_json"]:
        print_json({"reports": previews, "folder": plan.reports})
        return
    for made in previews:
        head = f"{made.report}: {made.notebook.stem}, profile {made.profile}"
        click.echo(f"{head}; {made.verdict}")
        for told in made.parameters:
            if told.origin != DEFAULT:
                click.echo(f"    {told.name}={write_value(told.value)}")
    click.echo(f"{len(previews)} reports in {plan.reports}")


@click.command(epilog=REPORT_CODES)
@click.argument("name", shell_complete=complete_report)
@REPORTS_OPTION
@click.pass_obj
def follow(project: Path | None, name: str, reports: Path | None) -> None:
    """Show the log and the output of the report NAME while it runs."""
    from recovery_research.reports.records import read_record
    from recovery_research.reports.run_logs import find_ended, find_running, follow_log
    from recovery_research.reports.runs import hand_back

    folder = open_reports(reports, project)
    try:
        stage = find_running(folder, name)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    if stage is None:
        fail(f"{name} is not running.", EXIT_BAD_INPUT)
    for line in follow_log(stage):
        click.echo(line)
    ended = find_ended(folder, name, stage.name)
    if ended is None:
        fail(f"{name}: the process that ran it died.", EXIT_INTERRUPTED)
    sys.exit(hand_back(read_record(ended), ended).exit_code)


@click.command(epilog=REPORT_CODES)
@click.argument("run", shell_complete=complete_run)
@click.option("-p", "given", multiple=True, metavar="KEY=VALUE", help="Changed.")
@click.option("--force", is_flag=True, help="Run also if nothing has changed.")
@JSON_OPTION
@REPORTS_OPTION
@click.pass_obj
def rerun(
    project: Path | None,
    run: str,
    given: tuple[str, ...],
    force: bool,
    as_json: bool,
    reports: Path | None,
) -> None:
    """Run RUN again with the same parameters, or with some changed by -p.

    RUN is the id of a run or its beginning, or a report's name for its last good run.
    """
    from recovery_research.reports.run_finder import find_run
    from recovery_research.reports.stored_runs import request_again

    folder = open_reports(reports, project)
    try:
        found = find_run(folder, run)
        request = request_again(found, read_assignments(given), project=project)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    deliver(request, folder, force=force, as_json=as_json)


@click.command(epilog=REPORT_CODES)
@click.argument("run", shell_complete=complete_run)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep the new run in this reports folder; otherwise it is thrown away.",
)
@JSON_OPTION
@REPORTS_OPTION
@click.pass_obj
def reproduce(
    project: Path | None,
    run: str,
    keep: Path | None,
    as_json: bool,
    reports: Path | None,
) -> None:
    """Run RUN again and say whether every table is identical."""
    from recovery_research.reports.run_finder import find_run
    from recovery_research.reports.stored_runs import reproduce_run

    folder = open_reports(reports, project)
    try:
        found = find_run(folder, run)
        with show_progress(found.name) as progress:
            kept = keep and keep.expanduser().resolve()
            made = reproduce_run(found, project=project, keep=kept, progress=progress)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    except OSError as error:
        fail(f"the report could not be written: {error}", EXIT_NOT_WRITTEN)
    if as_json:
        changed = {"original": made.original.run_id, "changes": made.differing}
        told = tell_run(made.run) | changed
        # Thrown away, unless it was to be kept.
        told |= {} if keep else {"folder": None, "page": None}
        print_json(told | {"identical": made.identical, "tables": made.tables})
    else:
        click.echo(_describe_reproduction(made))
    flush_output()
    if not made.run.succeeded:
        sys.exit(made.run.exit_code)
    sys.exit(0 if made.identical else EXIT_DIFFERENT)


def _describe_reproduction(made: Reproduction) -> str:
    from recovery_research.reports.comparison_pages import describe_changes

    name = f"{made.original.report} {made.original.run_id}"
    if not made.run.succeeded:
        head = (
            f"{name}: could not be reproduced: {made.run.verdict}: {made.run.message}"
        )
    elif made.identical:
        head = f"{name}: reproduced; all {len(made.tables)} tables are identical"
    else:
        wrong = [table for table, same in made.tables.items() if not same]
        head = f"{name}: not reproduced; these tables differ: {', '.join(wrong)}"
    lines = [head]
    if made.differing:
        lines += ["What differs:", *describe_changes(made.differing)]
    elif not made.identical:
        lines.append(
            "No ingredient differs: the notebook's numbers depend on something that is "
            "not recorded, such as the time, the network, or luck without a seed."
        )
    return "\n".join(lines)


KINDS = ("cron", "systemd", "github-actions", "gitlab-ci", "airflow", "dagster")


@click.command()
@REPORTS_OPTION
@click.pass_obj
def index(project: Path | None, reports: Path | None) -> None:
    """Write reports/index.html: how every report stands, failures first."""
    from recovery_research.reports.index import write_index

    folder = open_reports(reports, project)
    try:
        click.echo(str(write_index(folder)))
    except OSError as error:
        fail(f"the index could not be written: {error}", EXIT_NOT_WRITTEN)


@click.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@click.option(
    "--as", "kind", type=click.Choice(KINDS), required=True, help="Who runs it."
)
@click.option(
    "--at",
    metavar="CRON",
    help='When, in the five fields of cron, such as "0 6 * * 1-5"; by default as '
    "[schedule] of the plan says, or each day at six.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for the file; by default the working directory.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@JSON_OPTION
@REPORTS_OPTION
@click.pass_obj
def schedule(project: Path | None, plan_file: Path, kind: str, **options) -> None:
    """Write a file that has PLAN run by itself: cron, systemd, CI, Airflow, Dagster.

    A single notebook also runs without a plan, by other programs:

    \b
      papermill notebooks/01-one-customer.ipynb out.ipynb -p weeks 78.0
      jupyter-scheduler, in JupyterLab: right click, Create Notebook Job

    Both are without what is checked and kept here: a misspelt parameter is ignored, and
    the report looks finished. jupyter-scheduler pastes a value as it is, so a text
    needs its quotes: policy_a is "silence". Both need this package in the kernel.
    """  # noqa: D301 - click reads the backspace
    from recovery_research.reports.schedules import prepare_job, write_schedule

    try:
        job = prepare_job(
            plan_file, at=options["at"], reports=options["reports"], project=project
        )
        made = write_schedule(job, kind)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    folder = options["output"] or Path.cwd()
    there = [name for name in made if (folder / name).exists()]
    if there and not options["overwrite"]:
        fail(f"{folder / there[0]} is there; --overwrite replaces it.", EXIT_BAD_INPUT)
    try:
        make_folder(folder)
        for name, text in made.items():
            with making_named(folder / name) as place:
                place.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"the schedule could not be written: {error}", EXIT_NOT_WRITTEN)
    if options["as_json"]:
        print_json({"files": [folder / name for name in made]})
        return
    for name in made:
        click.echo(str(folder / name))


@click.command()
@click.argument("destination")
@click.option("--only", multiple=True, metavar="NAME", help="May be repeated.")
@click.option(
    "--last",
    type=click.IntRange(1),
    metavar="N",
    help="Only the last N runs of each report, and its last good one.",
)
@click.option(
    "--delete",
    is_flag=True,
    help="List the runs that this host has put there and no longer has.",
)
@click.option("--yes", is_flag=True, help="With --delete: delete them there.")
@click.option(
    "--as",
    "host",
    metavar="HOST",
    help="Publish under this name, for a machine that is another one each time.",
)
@JSON_OPTION
@REPORTS_OPTION
@click.pass_obj
def publish(project: Path | None, destination: str, **options) -> None:
    """Copy finished reports to DESTINATION and add them to the index there.

    DESTINATION is a folder or any address that fsspec knows, such as
    s3://bucket/reports. Keys and passwords are taken from the environment. The index
    lists all that lies there, also what other hosts have put there. What lies there is
    never deleted but by --delete --yes, and then only what this host has published.
    """
    from recovery_research.reports.publishing import PublicationError, publish_reports

    if options["yes"] and not options["delete"]:
        fail("--yes goes with --delete.", EXIT_BAD_INPUT)
    folder = open_reports(options["reports"], project)
    try:
        done = publish_reports(
            folder,
            destination,
            only=options["only"],
            last=options["last"],
            delete=options["delete"] and options["yes"],
            host=options["host"],
        )
    except PublicationError as error:
        fail(str(error), EXIT_NOT_WRITTEN)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    if options["as_json"]:
        print_json(done)
        return
    if options["delete"]:
        for place in done.gone:
            click.echo(place)
        if done.gone and not options["yes"]:
            click.echo(f"{len(done.gone)} runs would go there; --yes deletes them.")
    click.echo(done.summarise())
