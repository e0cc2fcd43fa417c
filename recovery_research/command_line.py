"""The command `recovery-research`."""

from __future__ import annotations

from recovery_research.command_start import hand_over

# isort: split
# Only now, for what comes takes a moment, in which Ctrl-C is to have an answer.
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
from recovery_research.command_ends import deliver, fail, read_assignments
from recovery_research.command_group import Commands
from recovery_research.command_json import JSON_OPTION, print_json
from recovery_research.command_names import (
    COMPLETION,
    complete_notebook,
    complete_profile,
)
from recovery_research.customer_commands import check, map_
from recovery_research.reporting.exit_codes import (
    EXIT_BAD_INPUT,
    EXIT_NOT_WRITTEN,
    MEANINGS,
    describe_codes,
)
from recovery_research.terminal_texts import calm_streams
from recovery_research.world_commands import calibrate, verify

if TYPE_CHECKING:
    from recovery_research.reporting.orders import Order

EXIT_CODES = describe_codes(MEANINGS)


class CalmGroup(Commands):
    """Commands of which nothing that is said is an order to the terminal."""

    def main(self, *given: object, **options: object) -> object:
        """Run a command."""
        with calm_streams():
            return super().main(*given, **options)


@click.group(
    cls=CalmGroup,
    epilog=f"{EXIT_CODES}\n{COMPLETION}",
    context_settings={"help_option_names": ["-h", "--help"]},
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
@click.argument("name", shell_complete=complete_notebook)
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
@click.option(
    "--profile",
    default="standard",
    show_default=True,
    metavar="NAME",
    shell_complete=complete_profile,
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of reports; by default reports/ of the project.",
)
@click.option(
    "--timeout",
    type=float,
    default=6 * 3600.0,
    envvar="RECOVERY_RESEARCH_TIMEOUT",
    show_default=True,
    show_envvar=True,
    metavar="SECONDS",
    help="Limit of the whole run, retries, page and PDF included; inf for none.",
)
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
@click.option("--dry-run", is_flag=True, help="Check all of it; say what would run.")
@JSON_OPTION
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
    how = {name: options[name] for name in ("force", "as_json")}
    if options["dry_run"]:
        _preview(order, reports, **how)
        return
    deliver(order, reports, aloud=options["follow"], pdf=options["pdf"], **how)


def _preview(order: Order, reports: Path, *, force: bool, as_json: bool) -> None:
    """Say what a run would be; it is neither started nor written."""
    from recovery_research.reporting.previews import preview_order

    try:
        made = preview_order(order, reports, force=force)
    except OSError as error:
        fail(f"the report could not be written: {error}", EXIT_NOT_WRITTEN)
    if as_json:
        print_json(made)
    else:
        click.echo(made.say())


main.add_command(calibrate)
main.add_command(check)
main.add_command(map_)
main.add_command(verify)


@main.command("list")
@JSON_OPTION
@click.pass_obj
def list_(project: Path | None, as_json: bool) -> None:
    """List the notebooks that can be run."""
    from recovery_research.reporting.catalogue import list_notebooks, read_notebook
    from recovery_research.reporting.parameter_files import read_profiles

    folder = places.notebooks_folder(project)
    paths = list_notebooks(folder)
    if not paths:
        fail(f"there are no notebooks in {folder}.", EXIT_BAD_INPUT)
    told = []
    for path in paths:
        one = {"name": path.stem, "path": path, "title": None, "profiles": []}
        one["error"] = None
        try:
            one["profiles"] = list(read_profiles(path))
            one["title"] = read_notebook(path).title
        except ValueError as error:
            one["error"] = str(error)
        told.append(one)
    if as_json:
        print_json({"notebooks": told})
        return
    width = max(len(path.stem) for path in paths)
    for one in told:
        line = f"{one['title']}  [{', '.join(one['profiles'])}]"
        if one["error"]:
            line = f"cannot be run: {one['error']}"
        click.echo(f"{one['name']:{width}}  {line}")


@main.command()
@click.argument("name", shell_complete=complete_notebook)
@JSON_OPTION
@click.pass_obj
def describe(project: Path | None, name: str, as_json: bool) -> None:
    """Describe the notebook NAME: parameters with type, default and allowed values."""
    from recovery_research.reporting.catalogue import find_notebook, read_notebook
    from recovery_research.reporting.descriptions import (
        describe_notebook,
        list_notebook,
    )

    try:
        notebook = read_notebook(find_notebook(name, places.notebooks_folder(project)))
        if as_json:
            print_json(list_notebook(notebook))
        else:
            click.echo(describe_notebook(notebook))
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)


@main.command()
@click.argument("kind", type=click.Choice(["plan", "mapping", "profile"]))
@JSON_OPTION
def formats(kind: str, as_json: bool) -> None:
    """Describe every key of a plan, a mapping or profiles.toml, and what it may be."""
    from recovery_research.reporting.formats import describe_format, list_keys

    if as_json:
        print_json({"format": kind, "keys": list_keys(kind)})
    else:
        click.echo(describe_format(kind))


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Lay the notebooks, an empty reports/ and a plan into the new folder DIR."""
    from recovery_research.reporting.projects import make_project

    try:
        made = make_project(folder)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    except OSError as error:
        fail(f"cannot write {folder}: {error.strerror}", EXIT_NOT_WRITTEN)
    click.echo(str(made))


hand_over()

if __name__ == "__main__":
    main(prog_name=os.path.basename(sys.argv[0]))
