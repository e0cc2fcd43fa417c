"""What the commands share: options, how they start a report, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recovery_research.reporting.choices import Layer
    from recovery_research.reporting.comparisons import Change
    from recovery_research.reporting.locks import Holder
    from recovery_research.reporting.runs import ReportRun

EXIT_BAD_INPUT = 2
EXIT_TIMED_OUT = 5
EXIT_NOT_WRITTEN = 8
EXIT_DIFFERENT = 9
SHORT_HASH = 12
REPORTS_OPTION = click.option(
    "--reports",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of reports; by default reports/ of the project.",
)


def fail(message: str, code: int) -> None:
    """Say why the program ends, and end it.

    Parameters
    ----------
    message : str
        One or more lines.
    code : int
        What to exit with.
    """
    click.echo(f"recovery-research: {message}", err=True)
    sys.stdout.flush()
    sys.exit(code)


def read_assignments(given: Sequence[str]) -> list[Layer]:
    """Read ``key=value`` texts as a layer of parameters.

    Parameters
    ----------
    given : sequence of str
        What stood behind each ``-p``.

    Returns
    -------
    list of Layer

    Raises
    ------
    ValueError
        If one has no equals sign, or a name comes twice.
    """
    from recovery_research.reporting.choices import Layer
    from recovery_research.reporting.masks import holds_password

    values: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            shown = "..." if holds_password(text) else text
            raise ValueError(f"-p {shown}: write it as name=value.")
        if name in values:
            raise ValueError(f"-p {name} is given twice.")
        values[name] = value
    layer = Layer("command line", values, as_text=True, folder=Path.cwd())
    return [layer] if values else []


def deliver(
    order: object,
    reports: Path,
    *,
    force: bool = False,
    aloud: bool = False,
    pdf: bool = False,
) -> None:
    """Give the report that was ordered, say where it is, and end the program.

    Parameters
    ----------
    order : Order
        Checked order.
    reports : Path
        Folder of reports.
    force : bool, optional
        Whether it is run though nothing has changed.
    aloud : bool, optional
        Whether the notebook's own output is shown.
    pdf : bool, optional
        Whether the page is printed as well.
    """
    from recovery_research.reporting.deadlines import Deadline
    from recovery_research.reporting.delivery import deliver_order
    from recovery_research.reporting.progress import follow

    try:
        with follow(order.report, aloud=aloud) as progress:
            run = deliver_order(
                order,
                reports,
                force=force,
                progress=progress,
                on_wait=_say_busy,
                on_change=_say_change,
            )
    except OSError as error:
        fail(f"the report could not be written: {error}", EXIT_NOT_WRITTEN)
    except KeyboardInterrupt:
        fail("interrupted", 130)
    if run.stored:
        click.echo("nothing has changed; --force runs it anyway", err=True)
    if pdf and run.succeeded:
        spent = 0.0 if run.stored else run.record.total_seconds or 0.0
        left = Deadline(order.limits.run_seconds, spent=spent).left()
        _print_page(run, reports, left)
    report_end(run)


def _print_page(run: ReportRun, reports: Path, left: float | None) -> None:
    from recovery_research.reporting.index import refresh_index
    from recovery_research.reporting.prints import (
        PDF_FILE,
        PrintTimeoutError,
        print_page,
    )

    try:
        if not (run.folder / PDF_FILE).is_file():
            print_page(run.page, seconds=left)
            refresh_index(reports)
    except PrintTimeoutError as error:
        fail(f"the report is complete, {run.page}, but {error}", EXIT_TIMED_OUT)
    except OSError as error:
        fail(f"the report is complete, {run.page}, but {error}", EXIT_NOT_WRITTEN)


def _say_busy(holder: Holder | None) -> None:
    who, advice = holder or "another process", holder.advice if holder else ""
    click.echo(f"{who} runs this report; waiting for its end{advice}", err=True)


def _say_change(why: str) -> None:
    click.echo(f"runs again: {why}", err=True)


def report_end(run: ReportRun) -> None:
    """Say where a report is, or why there is none, and end the program."""
    if not run.succeeded:
        # The path last, so that it can be taken from either stream.
        fail(f"{run.name}: {run.verdict}: {run.message}\n{run.folder}", run.exit_code)
    click.echo(str(run.page))


def describe_changes(changes: Sequence[Change]) -> list[str]:
    """Describe what runs were made of and differs, one line each.

    Parameters
    ----------
    changes : sequence of Change
        The changes.

    Returns
    -------
    list of str
    """
    return [
        f"  {c.part}: {c.name}: {shorten(c.before)} -> {shorten(c.after)}"
        for c in changes
    ]


def shorten(value: str | None) -> str:
    """Return a value as a line has room for it."""
    if value is None:
        return "absent"
    is_hash = len(value) == 64 and set(value) <= set("0123456789abcdef")
    return value[:SHORT_HASH] if is_hash else value
