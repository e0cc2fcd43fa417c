"""Runs a notebook and leaves a report, or says truly why there is none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from recovery_research.places import reports_folder
from recovery_research.reporting.bookkeeping import (
    begin_record,
    bury_run,
    end_record,
)
from recovery_research.reporting.execution import Execution, execute_notebook
from recovery_research.reporting.fingerprints import (
    hash_notebook,
    mask_secrets,
    settle_notebook,
)
from recovery_research.reporting.harvest import (
    Found,
    find_exhibits,
    find_repeat,
    write_exhibits,
)
from recovery_research.reporting.orders import (
    Limits,
    Order,
    layer_given,
    prepare_order,
)
from recovery_research.reporting.pages import write_page
from recovery_research.reporting.records import RunRecord, write_record
from recovery_research.reporting.runs import ReportInterrupted, ReportRun
from recovery_research.reporting.shelf import Shelf
from recovery_research.reporting.verdicts import (
    Outcome,
    Verdict,
    judge,
    mark_notebook,
)

REPORT_FILE = "report.ipynb"
PAGE_FILE = "report.html"
LOG_FILE = "run.log"
Progress = Callable[[int, int], None]


def run_report(
    notebook: str | Path,
    parameters: Mapping[str, object] | None = None,
    *,
    profile: str = "standard",
    reports: str | Path | None = None,
    parameters_file: str | Path | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> ReportRun:
    """Run a notebook as a report.

    Parameters
    ----------
    notebook : str or Path
        Name of a notebook, with or without its number, or the path of one.
    parameters : mapping of str to object, optional
        Values of parameters; they win over the file and the profile.
    profile : str, optional
        ``quick``, ``standard`` or ``full``, as the notebook has them.
    reports : path, optional
        Folder of reports; by default that of the project.
    parameters_file : path, optional
        TOML, YAML or JSON file of parameters; wins over the profile.
    limits : Limits, optional
        How long one cell and the whole run may take.
    progress : callable, optional
        Called before each cell with its position and the number of cells.

    Returns
    -------
    ReportRun
        Also of a run that failed: look at ``succeeded``.

    Raises
    ------
    ValueError
        If the notebook or a parameter cannot be used; nothing has been started.
    OSError
        If the reports folder cannot be written.
    ReportInterrupted
        If Ctrl-C or SIGTERM stopped it; a KeyboardInterrupt that carries the run.
    """
    order = prepare_order(
        notebook,
        layer_given(parameters),
        profile=profile,
        parameters_file=parameters_file,
        limits=limits,
    )
    run = fulfil_order(order, reports_folder(reports), progress=progress)
    if run.verdict == Verdict.INTERRUPTED:
        raise ReportInterrupted(run)
    return run


def fulfil_order(
    order: Order, reports: Path, *, progress: Progress | None = None
) -> ReportRun:
    """Run what was ordered and leave it in the reports folder, whole.

    Parameters
    ----------
    order : Order
        Checked order.
    reports : Path
        Folder of all reports.
    progress : callable, optional
        Called before each cell with its position and the number of cells.

    Returns
    -------
    ReportRun

    Raises
    ------
    OSError
        If the reports folder cannot be written.
    """
    shelf = Shelf(reports, order.notebook.name)
    shelf.sweep(bury_run)
    started = datetime.now(UTC)
    with shelf.stage(started) as stage:
        try:
            record = begin_record(order, stage.name, started)
            write_record(record, stage)
            with _keep_log(stage) as log:
                record = _make(order, record, stage, log, progress)
        except BaseException as error:
            _bury(shelf, stage, error)
            raise
        folder = shelf.keep(stage, succeeded=record.verdict is Verdict.SUCCEEDED)
    message = record.failure.message if record.failure else ""
    return ReportRun(
        name=record.report,
        run_id=record.run_id,
        verdict=record.verdict.value,
        message=message,
        seconds=record.seconds or 0.0,
        folder=folder,
        record=record,
    )


def _make(
    order: Order,
    record: RunRecord,
    stage: Path,
    log: logging.Logger,
    progress: Progress | None,
) -> RunRecord:
    log.info("%s: started, run %s", record.report, record.run_id)
    execution = _execute(order, stage, log, progress)
    exhibits = find_exhibits(execution.notebook) if execution.notebook else []
    outcome = _judge_all(execution, exhibits)
    record = end_record(record, execution, outcome, order.secrets())
    record = record.model_copy(update={"exhibits": write_exhibits(exhibits, stage)})
    notebook = _read_executed(order, execution, outcome)
    record = record.model_copy(update={"content_sha256": hash_notebook(notebook)})
    nbformat.write(notebook, stage / REPORT_FILE)
    (stage / PAGE_FILE).write_text(
        write_page(notebook, record, stage), encoding="utf-8"
    )
    write_record(record, stage)
    _log_end(record, log)
    return record


def _execute(
    order: Order, stage: Path, log: logging.Logger, progress: Progress | None
) -> Execution:
    source = stage / "input.ipynb"
    source.write_bytes(order.notebook.content)
    execution = execute_notebook(
        source,
        stage / REPORT_FILE,
        order.values(),
        cwd=order.notebook.path.parent,
        limits=order.limits,
        log=log,
        progress=progress,
    )
    source.unlink()
    if execution.notebook is not None:
        settle_notebook(execution.notebook, order.notebook.path.name)
        secrets = order.secrets()
        if secrets:
            mask_secrets(execution.notebook, secrets)
    return execution


def _judge_all(execution: Execution, exhibits: list[Found]) -> Outcome:
    outcome = judge(execution)
    repeat = find_repeat(exhibits)
    if outcome.verdict is not Verdict.SUCCEEDED or repeat is None:
        return outcome
    message = (
        f"the {repeat.kind} name {repeat.name!r} is used twice, again in cell "
        f"{repeat.cell + 1}; every {repeat.kind} needs a name of its own"
    )
    return Outcome(Verdict.CELL_FAILED, message, repeat.cell)


def _read_executed(
    order: Order, execution: Execution, outcome: Outcome
) -> NotebookNode:
    notebook = execution.notebook
    if notebook is None:
        notebook = nbformat.reads(order.notebook.content.decode(), as_version=4)
    mark_notebook(notebook, execution, outcome)
    return notebook


def _log_end(record: RunRecord, log: logging.Logger) -> None:
    if record.failure is None:
        log.info("%s: %s in %.1f s", record.report, record.verdict, record.seconds)
        return
    failure = record.failure
    text = f"{record.report}: {record.verdict}: {failure.message}"
    log.error("%s", "\n".join(filter(None, [text, failure.traceback])))


def _bury(shelf: Shelf, stage: Path, error: BaseException) -> None:
    """Keep the record of a run that ended outside its notebook, if that is possible."""
    with suppress(OSError, ValueError):
        if isinstance(error, KeyboardInterrupt | SystemExit):
            bury_run(stage)
        else:
            message = f"{type(error).__name__}: {error}"
            bury_run(stage, verdict=Verdict.NOT_WRITTEN, message=message)
        shelf.keep(stage, succeeded=False)


@contextmanager
def _keep_log(stage: Path) -> Iterator[logging.Logger]:
    """Log one run into its folder, and to whoever listens to the reporting room."""
    log = logging.Logger(f"recovery_research.reporting.{stage.name}", logging.INFO)
    log.parent = logging.getLogger("recovery_research.reporting")
    handler = logging.FileHandler(stage / LOG_FILE, encoding="utf-8")
    form = "%(asctime)s %(levelname)s %(message)s"
    handler.setFormatter(logging.Formatter(form))
    log.addHandler(handler)
    try:
        yield log
    finally:
        handler.close()
