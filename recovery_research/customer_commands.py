"""Commands on somebody's own customers: draft a mapping, check a file with one."""

import sys
from pathlib import Path

import click

from recovery_research.command_ends import fail
from recovery_research.reporting.exit_codes import (
    EXIT_BAD_INPUT,
    EXIT_DONE,
    EXIT_NOT_WRITTEN,
    USUAL,
    describe_codes,
)

from .command_json import JSON_OPTION, print_json
from .whole_files import making_named, write_whole

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
def map_(source: str, into: Path | None, **part: str | int) -> None:
    """Draft a mapping of FILE from the names and contents of its columns.

    FILE is a table of nearly any kind (text, Excel, Parquet, SPSS, Stata, SAS, JSON,
    SQLite, DuckDB, gzip or zip of these), a database URL, or env:NAME for a variable
    that holds one. The draft is a guess: read it before you use it.
    """
    from .customers.findings import CustomerFileError
    from .customers.mapping_drafts import draft_mapping

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
    from .customers.findings import CustomerFileError
    from .customers.reading import check_customers
    from .customers.sentences import say_main_question
    from .table_cells import write_csv

    try:
        found = check_customers(source, mapping=mapping)
    except CustomerFileError as error:
        fail(str(error), EXIT_BAD_INPUT)
    question = say_main_question(found.read) if found.passed else None
    if as_json:
        told = {"name": found.name, "shape": found.shape, "passed": found.passed}
        told |= {"findings": found.findings, "flow": found.flow, "question": question}
        print_json(told)
    else:
        for finding in found.findings:
            click.echo(str(finding))
    if not found.passed:
        where = "its findings" if as_json else "the errors above"
        fail(f"{found.name} cannot be analysed; see {where}.", EXIT_BAD_INPUT)
    if excluded is not None:
        try:
            with making_named(excluded) as place:
                write_csv(found.read.excluded, place)
        except OSError as error:
            fail(f"cannot write {excluded}: {error.strerror}", EXIT_NOT_WRITTEN)
    if not as_json:
        click.echo(found.flow.to_string(index=False))
        click.echo(f"{found.name} can be analysed as {found.shape}.")
        click.echo(question)
