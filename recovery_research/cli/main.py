"""The command `recovery-research`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recovery_research import __version__
from recovery_research import paths as places
from recovery_research.atomic_files import make_folder, making_named, write_whole
from recovery_research.cli import history, plans
from recovery_research.cli.group import (
    COMPLETION,
    Commands,
    complete_notebook,
    complete_profile,
    complete_world,
)
from recovery_research.cli.options import (
    JSON_OPTION,
    deliver,
    fail,
    print_json,
    read_assignments,
    say,
)
from recovery_research.reports.exit_codes import (
    EXIT_BAD_INPUT,
    EXIT_DONE,
    EXIT_MISSED,
    EXIT_NOT_WRITTEN,
    MEANINGS,
    USUAL,
    describe_codes,
)
from recovery_research.texts import calm_streams

if TYPE_CHECKING:
    from recovery_research.reports.run_request import RunRequest

EPILOG = """\b
`recovery-research formats mapping` names every key of a mapping.

""" + describe_codes(
    USUAL
    | {
        EXIT_DONE: "done; for check: the file can be analysed",
        EXIT_BAD_INPUT: "bad input, or a file that cannot be analysed",
    }
)


@click.command("map", epilog=EPILOG)
@click.argument("source", metavar="FILE")
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="TOML",
    help="File to write to, which must not exist; by default it is printed.",
)
@click.option("--sheet", default="", help="Sheet of a workbook.")
@click.option("--table", default="", help="Table of a database or JSON.")
@click.option("--member", default="", help="File of a zip archive.")
@click.option("--encoding", default="", help="Of a text file; else found out.")
@click.option(
    "--skip-rows", default=-1, help="Rows above the header; -1: found out.", type=int
)
def map_(source: str, into: Path | None, **part: Any) -> None:
    """Draft a mapping of FILE from the names and contents of its columns.

    FILE is a table of nearly any kind (text, Excel, Parquet, SPSS, Stata, SAS, JSON,
    SQLite, DuckDB, gzip or zip of these), a database URL, or env:NAME for a variable
    that holds one. The draft is a guess: read it before you use it.
    """
    from recovery_research.customer_data.issues import CustomerFileError
    from recovery_research.customer_data.mapping_drafts import draft_mapping

    try:
        draft = draft_mapping(source, **part)
    except CustomerFileError as error:
        if into is None and not sys.stdout.isatty():
            # A shell has made the file by now; it should not look like a mapping.
            click.echo("# No draft was made: " + " ".join(str(error).split()))
        fail(str(error), EXIT_BAD_INPUT)
    if into is None:
        click.echo(draft, nl=False)
        return
    try:
        write_whole(into, draft, overwrite=False)
    except FileExistsError:
        fail(f"{into} is there already; it is not overwritten.", EXIT_BAD_INPUT)
    except OSError as error:
        fail(f"cannot write {into}: {error.strerror}", EXIT_NOT_WRITTEN)
    click.echo(str(into))


@click.command(epilog=EPILOG)
@click.argument("source", metavar="FILE")
@click.option(
    "--mapping", required=True, help="TOML file, or the name of a shipped mapping."
)
@click.option(
    "--excluded",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="File to write the rows set aside to, with their reasons.",
)
@JSON_OPTION
def check(source: str, mapping: str, excluded: Path | None, as_json: bool) -> None:
    """Check FILE against a mapping and say everything that is found.

    Nothing is computed and the file is not changed.
    """
    from recovery_research.customer_data.issues import CustomerFileError
    from recovery_research.customer_data.reading import check_customers
    from recovery_research.customer_data.sentences import say_main_question
    from recovery_research.spreadsheet_cells import write_csv

    try:
        found = check_customers(source, mapping=mapping)
    except CustomerFileError as error:
        fail(str(error), EXIT_BAD_INPUT)
    read, flow = found.read, found.flow
    question = say_main_question(read) if found.passed and read is not None else None
    if as_json:
        told = {"name": found.name, "shape": found.shape, "passed": found.passed}
        told |= {"findings": found.findings, "flow": found.flow, "question": question}
        print_json(told)
    else:
        for finding in found.findings:
            click.echo(str(finding))
    if not found.passed or read is None or flow is None:
        where = "its findings" if as_json else "the errors above"
        fail(f"{found.name} cannot be analysed; see {where}.", EXIT_BAD_INPUT)
    if excluded is not None:
        try:
            with making_named(excluded) as place:
                write_csv(read.excluded, place)
        except OSError as error:
            fail(f"cannot write {excluded}: {error.strerror}", EXIT_NOT_WRITTEN)
    if not as_json:
        click.echo(flow.to_string(index=False))
        click.echo(f"{found.name} can be analysed as {found.shape}.")
        click.echo(question)


@click.command()
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder to write to; by default the package's own data folder.",
)
@JSON_OPTION
def calibrate(into: Path | None, as_json: bool) -> None:
    """Fit the world of the claims to the published figures and write it down."""
    from recovery_research.calibration.fit import calibrate as fit_world
    from recovery_research.calibration.fit import write_calibration
    from recovery_research.paths import source_root

    folder = source_root() / "data" if into is None else into
    try:
        make_folder(folder)
        calibration = fit_world()
        written = write_calibration(calibration, folder)
    except OSError as error:
        fail(f"cannot write {folder}: {error.strerror}", EXIT_NOT_WRITTEN)
    if as_json:
        print_json({"fit": calibration.fit, "files": written})
        return
    click.echo(calibration.fit.drop(columns="meaning").to_string(index=False))
    click.echo("\n".join(str(path) for path in written))


@click.command(
    epilog=describe_codes(USUAL | {EXIT_MISSED: "a figure is missed, or a line fails"})
)
@click.argument("world", shell_complete=complete_world)
@JSON_OPTION
def verify(world: str, as_json: bool) -> None:
    """Put a WORLD's stored coefficients to the test.

    A line fails if it does so beyond its Monte Carlo error; lines that cannot be told
    from a miss at this size are named.
    """
    from recovery_research.calibration.claims import CANNOT_TELL, MISSED
    from recovery_research.calibration.stylized_facts import check_targets
    from recovery_research.model.worlds import load_world

    try:
        asked = load_world(world)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    table = check_targets(asked)
    if as_json:
        print_json({"world": world, "lines": table})
    else:
        click.echo(table.to_string(index=False))
    if "verdict" not in table:
        sys.exit(0 if table["holds"].all() else EXIT_MISSED)
    open_still = table.loc[table["verdict"] == CANNOT_TELL, "moment"].tolist()
    if open_still:
        say(f"cannot tell from a miss: {', '.join(open_still)}")
    sys.exit(EXIT_MISSED if (table["verdict"] == MISSED).any() else 0)


EXIT_CODES = describe_codes(MEANINGS)


class CalmGroup(Commands):
    """Commands of which nothing that is said is an order to the terminal."""

    def main(self, *given: Any, **options: Any) -> Any:
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
    # None forbids an import, of which typeshed does not know.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


for _command in (
    plans.run_all,
    plans.follow,
    plans.rerun,
    plans.reproduce,
    history.history,
    history.show,
    history.diff,
    history.dismiss,
    history.prune,
    plans.index,
    plans.schedule,
    plans.publish,
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
    from recovery_research.reports.pages import find_browser
    from recovery_research.reports.run_request import Limits, Retries, prepare_request

    try:
        if options["pdf"]:
            find_browser()
        request = prepare_request(
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
        _preview(request, reports, **how)
        return
    deliver(request, reports, aloud=options["follow"], pdf=options["pdf"], **how)


def _preview(request: RunRequest, reports: Path, *, force: bool, as_json: bool) -> None:
    """Say what a run would be; it is neither started nor written."""
    from recovery_research.reports.previews import preview_request

    try:
        made = preview_request(request, reports, force=force)
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
    from recovery_research.reports.notebooks import list_notebooks, read_notebook
    from recovery_research.reports.parameter_files import read_profiles

    folder = places.notebooks_folder(project)
    paths = list_notebooks(folder)
    if not paths:
        fail(f"there are no notebooks in {folder}.", EXIT_BAD_INPUT)
    told = []
    for path in paths:
        one: dict[str, Any] = {
            "name": path.stem,
            "path": path,
            "title": None,
            "profiles": [],
        }
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
    from recovery_research.reports.notebooks import find_notebook, read_notebook
    from recovery_research.reports.parameter_files import (
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
    from recovery_research.reports.format_reference import describe_format, list_keys

    if as_json:
        print_json({"format": kind, "keys": list_keys(kind)})
    else:
        click.echo(describe_format(kind))


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Lay the notebooks, an empty reports/ and a plan into the new folder DIR."""
    from recovery_research.reports.notebooks import make_project

    try:
        made = make_project(folder)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    except OSError as error:
        fail(f"cannot write {folder}: {error.strerror}", EXIT_NOT_WRITTEN)
    click.echo(str(made))
