"""What commands share: options, tables as JSON, and how a command ends."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NoReturn

import click

from recovery_research import paths
from recovery_research.reports.exit_codes import (
    EXIT_BAD_INPUT,
    EXIT_NOT_WRITTEN,
    EXIT_TIMED_OUT,
)

if TYPE_CHECKING:
    import logging

    from recovery_research.reports.checked_parameters import Layer
    from recovery_research.reports.locks import Holder
    from recovery_research.reports.run_logs import Progress
    from recovery_research.reports.run_request import RunRequest
    from recovery_research.reports.runs import ReportRun

JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document instead of a table."
)


def print_json(document: object) -> None:
    """Print a document, alone, on standard output."""
    click.echo(write_json(document))


def write_json(document: object) -> str:
    """Write a document as JSON that every reader of JSON takes."""
    return json.dumps(make_plain(document), indent=1, allow_nan=False)


def make_plain(value: object) -> object:
    """Turn tables, results and times into what JSON has.

    Nothing is rounded. A table is a list of records, a time is UTC and ends in ``Z``,
    a number that is not there is null, and an infinite one the text ``Infinity``.

    Examples
    --------
    >>> make_plain({"ci_low": float("-inf"), "p": float("nan"), "n": 3})
    {'ci_low': '-Infinity', 'p': None, 'n': 3}
    """
    if value is None or (isinstance(value, bool | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return make_plain(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _write_float(float(value))
    if isinstance(value, datetime):
        return _write_moment(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date | PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(make_plain(key)): make_plain(each) for key, each in value.items()}
    if is_dataclass(value):
        return {each.name: make_plain(getattr(value, each.name))
                for each in fields(value)}  # fmt: skip
    return _make_plain_of_libraries(value)


def _make_plain_of_libraries(value: object) -> object:
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(value, pandas.DataFrame):
            rows = value.itertuples(index=False, name=None)
            return [make_plain(dict(zip(value, row, strict=True))) for row in rows]
        if value is pandas.NA or value is pandas.NaT:
            return None
    if isinstance(value, list | tuple):
        return [make_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted((make_plain(each) for each in value), key=str)
    if hasattr(value, "tolist"):  # of NumPy: a number, a truth or an array
        return make_plain(value.tolist())
    return str(value)


def _write_float(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else f"{'-' * (value < 0)}Infinity"


def _write_moment(value: datetime) -> str | None:
    if value != value:  # pandas' NaT is a datetime, too
        return None
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


REPORTS_OPTION = click.option(
    "--reports",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of reports; by default reports/ of the project.",
)


class Voice:
    """How much is said on standard error.

    Attributes
    ----------
    quiet : bool
        Only errors.
    verbose : bool
        Also details: what is read, from where, and how long it takes.
    """

    def __init__(self) -> None:
        self.quiet = self.verbose = False

    @contextmanager
    def begin(self) -> Iterator[None]:
        """Speak as usual until an option says otherwise, and afterwards again."""
        try:
            yield
        finally:
            self.quiet = False
            if self.verbose:
                self.verbose = False
                _details_logger().removeHandler(self._handler)
                _details_logger().setLevel("NOTSET")

    def listen(self) -> None:
        """Say details, too."""
        import logging

        if self.verbose:
            return
        self.verbose = True
        self._handler = logging.StreamHandler(sys.stderr)
        self._handler.setFormatter(logging.Formatter("    %(message)s"))
        # What is more than a detail, others listen to.
        self._handler.addFilter(lambda record: record.levelno == logging.DEBUG)
        _details_logger().addHandler(self._handler)
        _details_logger().setLevel("DEBUG")

    def detail(self, text: str) -> None:
        """Say a detail, if details are wanted."""
        if self.verbose:
            _details_logger().debug("%s", text)


def _details_logger() -> logging.Logger:
    import logging

    return logging.getLogger("recovery_research")


VOICE = Voice()


def say(text: str) -> None:
    """Say on standard error what is neither result nor error."""
    if not VOICE.quiet:
        click.echo(text, err=True)


def say_error(text: str) -> None:
    """Say on standard error what is wrong, in the one style there is."""
    # Whoever closed the stream does not want to know, but may want the exit code.
    with suppress(OSError, ValueError):
        click.echo(f"error: {text}", err=True)


def flush_output() -> None:
    """Write out what was printed."""
    if sys.stdout is not None:
        sys.stdout.flush()


def fail(message: str, code: int) -> NoReturn:
    """Say why the program ends, and end it."""
    say_error(message)
    flush_output()
    sys.exit(code)


def open_reports(reports: Path | None, project: Path | None) -> Path:
    """Return the folder of reports to look at; one that is none ends the program."""
    from recovery_research.reports.run_finder import find_reports

    folder = paths.reports_folder(reports, project=project)
    VOICE.detail(f"reports: {folder}, {'as named' if reports else 'of the project'}")
    try:
        return find_reports(folder, named=reports is not None)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)


def read_assignments(given: Sequence[str]) -> list[Layer]:
    """Read ``key=value`` texts as a layer of parameters."""
    from recovery_research.reports.checked_parameters import Layer
    from recovery_research.reports.masking import holds_password

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
    request: RunRequest,
    reports: Path,
    *,
    force: bool = False,
    aloud: bool = False,
    pdf: bool = False,
    as_json: bool = False,
) -> None:
    """Give the report that was ordered, say where it is, and end the program."""
    from recovery_research.reports.stopping import Deadline
    from recovery_research.reports.stored_runs import deliver_request

    try:
        with show_progress(request.report, aloud=aloud) as progress:
            run = deliver_request(
                request,
                reports,
                force=force,
                progress=progress,
                on_wait=_say_busy,
                on_change=_say_change,
            )
    except OSError as error:
        fail(f"the report could not be written: {error}", EXIT_NOT_WRITTEN)
    if run.stored:
        say("nothing has changed; --force runs it anyway")
    if pdf and run.succeeded:
        spent = 0.0 if run.stored else run.record.total_seconds or 0.0
        left = Deadline(request.limits.run_seconds, spent=spent).left()
        _print_page(run, reports, left)
    report_end(run, as_json=as_json)


@contextmanager
def show_progress(name: str, *, aloud: bool = False) -> Iterator[Progress | None]:
    """Show how far a run has come, unless only results and errors are wanted."""
    from recovery_research.reports.run_logs import follow

    if VOICE.quiet and not aloud:
        yield None
    else:
        with follow(name, aloud=aloud) as progress:
            yield progress


def _print_page(run: ReportRun, reports: Path, left: float | None) -> None:
    from recovery_research.reports.index import refresh_index
    from recovery_research.reports.pages import PDF_FILE, PrintTimeoutError, print_page

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
    say(f"{who} runs this report; waiting for its end{advice}")


def _say_change(why: str) -> None:
    say(f"runs again: {why}")


def report_end(run: ReportRun, *, as_json: bool = False) -> None:
    """Say where a report is, or why there is none, and end the program."""
    if as_json:
        print_json(tell_run(run))
    if not run.succeeded:
        # The path last, so that it can be taken from either stream.
        fail(f"{run.name}: {run.verdict}: {run.message}\n{run.folder}", run.exit_code)
    if not as_json:
        click.echo(str(run.page))


def tell_run(run: ReportRun) -> dict[str, object]:
    """Return how a run ended, for programs."""
    names = ("name", "run_id", "verdict", "message", "exit_code", "seconds", "stored")
    told = {name: getattr(run, name) for name in names}
    told["report"] = told.pop("name")
    return told | {"folder": run.folder, "page": run.page if run.succeeded else None}
