"""The commands that show reports, schedule them and pass them on."""

from __future__ import annotations

from pathlib import Path

import click

from recovery_research.command_ends import REPORTS_OPTION, fail, open_reports
from recovery_research.command_json import JSON_OPTION, print_json
from recovery_research.reporting.exit_codes import EXIT_BAD_INPUT, EXIT_NOT_WRITTEN
from recovery_research.whole_files import make_folder, making_named

KINDS = ("cron", "systemd", "github-actions", "gitlab-ci", "airflow", "dagster")


@click.command()
@REPORTS_OPTION
@click.pass_obj
def index(project: Path | None, reports: Path | None) -> None:
    """Write reports/index.html: how every report stands, failures first."""
    from recovery_research.reporting.index import write_index

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
    from recovery_research.reporting.schedule_settings import prepare_job
    from recovery_research.reporting.schedules import write_schedule

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
    from recovery_research.reporting.publication import (
        PublicationError,
        publish_reports,
    )

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
