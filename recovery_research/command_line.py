"""The command `recovery-research`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recovery_research import (
    __version__,
    history_commands,
    look_commands,
    places,
    plan_commands,
)
from recovery_research.command_ends import (
    EXIT_BAD_INPUT,
    EXIT_NOT_WRITTEN,
    deliver,
    fail,
    read_assignments,
)
from recovery_research.customer_commands import check, map_
from recovery_research.world_commands import calibrate, verify

if TYPE_CHECKING:
    pass

EXIT_CODES = """\b
Exit codes:
    0  the report is complete
    1  an error in the program itself
    2  bad input: notebook, parameter, profile, option; nothing was started
    3  a cell failed
    4  the kernel died
    5  a time limit was reached
    6  the notebook left before its end
    7  the kernel did not start
    8  the report could not be written
    9  tables differ (diff, reproduce)
  130  interrupted (Ctrl-C)
  143  terminated (SIGTERM)
"""


@click.group(
    epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__)
@click.option(
    "--project",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    envvar="RECOVERY_RESEARCH_PROJECT",
    help="Project folder; by default the one around the working directory.",
)
@click.pass_context
def main(context: click.Context, project: Path | None) -> None:
    """Run notebooks on the service recovery paradox as reports."""
    context.obj = project
    # Compiling this grammar of web addresses takes longer than all other imports, and
    # the schema of notebooks, for which jsonschema is loaded, has no use for it.
    sys.modules.setdefault("rfc3987_syntax", None)


for _command in (
    plan_commands.run_all,
    plan_commands.follow,
    plan_commands.rerun,
    plan_commands.reproduce,
    history_commands.history,
    history_commands.show,
    history_commands.diff,
    history_commands.dismiss,
    history_commands.prune,
    look_commands.index,
    look_commands.schedule,
    look_commands.publish,
):
    main.add_command(_command)


@main.command(epilog=EXIT_CODES)
@click.argument("name")
@click.option(
    "-p",
    "given",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter; may be repeated. Lists: values with commas, or JSON.",
)
@click.option(
    "--params",
    "parameters_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Parameters from a TOML, YAML or JSON file.",
)
@click.option("--profile", default="standard", show_default=True, metavar="NAME")
@click.option(
    "--reports",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of reports; by default reports/ of the project.",
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Limit of the run.")
@click.option("--cell-timeout", type=float, metavar="SECONDS", help="Limit of a cell.")
@click.option(
    "--memory", type=float, metavar="MB", help="Limit of the kernel's memory."
)
@click.option(
    "--retries",
    type=click.IntRange(0, 10),
    default=0,
    show_default=True,
    metavar="N",
    help="Run again, up to N times, if a database or server was away.",
)
@click.option("--force", is_flag=True, help="Run also if nothing has changed.")
@click.option("--follow", is_flag=True, help="Show the notebook's output as it comes.")
@click.option("--pdf", is_flag=True, help="Print the page as report.pdf, by Chromium.")
@click.pass_obj
def run(project: Path | None, name: str, given: tuple[str, ...], **options) -> None:
    """Run the notebook NAME and leave a report.

    NAME may be given with or without its number. Parameters given with -p win over
    those of a file, these over the profile, and the profile over the notebook.
    """
    from recovery_research.reporting.orders import Limits, prepare_order
    from recovery_research.reporting.prints import find_browser
    from recovery_research.reporting.retries import Retries

    try:
        if options["pdf"]:
            find_browser()
        order = prepare_order(
            name,
            read_assignments(given),
            profile=options["profile"],
            parameters_file=options["parameters_file"],
            limits=Limits(
                options["cell_timeout"],
                options["timeout"],
                options["memory"] and int(options["memory"] * 1e6),
            ),
            project=project,
            retries=Retries(times=options["retries"]),
        )
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    reports = places.reports_folder(options["reports"], project=project)
    force, aloud, pdf = options["force"], options["follow"], options["pdf"]
    deliver(order, reports, force=force, aloud=aloud, pdf=pdf)


main.add_command(calibrate)
main.add_command(check)
main.add_command(map_)
main.add_command(verify)


@main.command("list")
@click.pass_obj
def list_(project: Path | None) -> None:
    """List the notebooks that can be run."""
    from recovery_research.reporting.catalogue import list_notebooks, read_notebook
    from recovery_research.reporting.parameter_files import read_profiles

    folder = places.notebooks_folder(project)
    paths = list_notebooks(folder)
    if not paths:
        fail(f"there are no notebooks in {folder}.", EXIT_BAD_INPUT)
    width = max(len(path.stem) for path in paths)
    for path in paths:
        try:
            profiles = ", ".join(read_profiles(path))
            line = f"{read_notebook(path).title}  [{profiles}]"
        except ValueError as error:
            line = f"cannot be run: {error}"
        click.echo(f"{path.stem:{width}}  {line}")


@main.command()
@click.argument("name")
@click.pass_obj
def describe(project: Path | None, name: str) -> None:
    """Describe the notebook NAME: parameters with type, default and allowed values."""
    from recovery_research.reporting.catalogue import find_notebook, read_notebook
    from recovery_research.reporting.descriptions import describe_notebook

    try:
        notebook = read_notebook(find_notebook(name, places.notebooks_folder(project)))
        click.echo(describe_notebook(notebook))
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Lay the notebooks and an empty reports/ into the new folder DIR."""
    from recovery_research.reporting.projects import make_project

    try:
        made = make_project(folder)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    except OSError as error:
        fail(f"cannot write {folder}: {error.strerror}", EXIT_NOT_WRITTEN)
    click.echo(str(made))


if __name__ == "__main__":
    main(prog_name=os.path.basename(sys.argv[0]))
