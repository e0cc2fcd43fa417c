"""Runs a notebook and leaves a report, or says truly why there is none."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from recovery_research.paths import reports_folder
from recovery_research.reports.artifacts import (
    Found,
    find_exhibits,
    find_repeat,
    hash_notebook,
    settle_notebook,
    write_exhibits,
)
from recovery_research.reports.bookkeeping import (
    begin_record,
    bury_run,
    close_record,
    end_record,
    note_late_page,
)
from recovery_research.reports.executed_cells import number_cell
from recovery_research.reports.execution import Execution, execute_notebook
from recovery_research.reports.exit_codes import Outcome, Verdict
from recovery_research.reports.failures import judge, mark_notebook
from recovery_research.reports.index import refresh_index
from recovery_research.reports.masking import mask_secrets, mask_text
from recovery_research.reports.notebooks import write_runnable
from recovery_research.reports.pages import compose_page
from recovery_research.reports.provenance import trace_request
from recovery_research.reports.records import (
    AttemptRecord,
    LeftOutRecord,
    Provenance,
    RunRecord,
    write_record,
)
from recovery_research.reports.run_logs import Progress, keep_log
from recovery_research.reports.run_request import (
    Limits,
    RunRequest,
    layer_given,
    prepare_request,
)
from recovery_research.reports.runs import ReportInterrupted, ReportRun, hand_back
from recovery_research.reports.staging import Shelf, drop_ballast
from recovery_research.reports.stopping import (
    Deadline,
    Terminated,
    TimeIsUp,
    hear_termination,
)

REPORT_FILE = "report.ipynb"
PAGE_FILE = "report.html"
FAILED_PAGE_SECONDS = 10.0


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
    request = prepare_request(
        notebook,
        layer_given(parameters),
        profile=profile,
        parameters_file=parameters_file,
        limits=limits,
    )
    run = fulfil_request(request, reports_folder(reports), progress=progress)
    if run.verdict == Verdict.INTERRUPTED:
        raise ReportInterrupted(run)
    return run


def fulfil_request(
    request: RunRequest,
    reports: Path,
    *,
    progress: Progress | None = None,
    provenance: Provenance | None = None,
    deadline: Deadline | None = None,
) -> ReportRun:
    """Run what was ordered and leave it in the reports folder, whole."""
    clock = time.monotonic()
    deadline = deadline or Deadline(request.limits.run_seconds)
    shelf = Shelf(reports, request.report)
    shelf.sweep(bury_run)
    provenance = provenance or trace_request(request)
    started = datetime.now(UTC)
    with hear_termination(), shelf.stage(started) as stage:
        try:
            record = begin_record(request, stage.name, started, provenance)
            write_record(record, stage)
            with keep_log(stage, request.secrets()) as log:
                made = _make(request, record, stage, deadline, log, progress)
                record = close_record(*made, time.monotonic() - clock)
                write_record(record, stage)
                _log_end(record, log)
            good = record.verdict is Verdict.SUCCEEDED
            folder = shelf.keep(stage, succeeded=good)
        except BaseException as error:
            _bury(shelf, stage, error)
            raise
    refresh_index(reports)
    return hand_back(record, folder)


def _make(
    request: RunRequest,
    record: RunRecord,
    stage: Path,
    deadline: Deadline,
    log: logging.Logger,
    progress: Progress | None,
) -> tuple[RunRecord, list[LeftOutRecord], str]:
    log.info("%s: started, run %s", record.report, record.run_id)
    attempt = attempt_request(
        request, stage / REPORT_FILE, deadline=deadline, log=log, progress=progress
    )
    exhibits = write_exhibits(attempt.exhibits, stage)
    record = end_record(
        record, request, attempt.execution, attempt.outcome, attempt.records, exhibits
    )
    notebook = _read_executed(request, attempt)
    nbformat.write(notebook, stage / REPORT_FILE)
    try:
        # What failed may be just over its time, and has to be told all the same.
        failed = record.verdict is not Verdict.SUCCEEDED
        with deadline.enforce(FAILED_PAGE_SECONDS if failed else 0.0):
            page = compose_page(notebook, record, stage)
    except TimeIsUp:
        record = note_late_page(record, deadline)
        page = compose_page(nbformat.v4.new_notebook(), record, stage)
    (stage / PAGE_FILE).write_text(page.html, encoding="utf-8")
    return record, page.left_out, hash_notebook(notebook)


def _read_executed(request: RunRequest, attempt: Attempt) -> NotebookNode:
    notebook = attempt.execution.notebook
    if notebook is None:
        notebook = nbformat.reads(write_runnable(request.notebook), as_version=4)
    mark_notebook(notebook, attempt.execution, attempt.outcome)
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
        drop_ballast(stage)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            how = "SIGTERM" if isinstance(error, Terminated) else "SIGINT"
            bury_run(stage, message=f"stopped by {how}, outside the notebook")
        else:
            message = f"{type(error).__name__}: {error}"
            bury_run(stage, verdict=Verdict.NOT_WRITTEN, message=message)
        shelf.keep(stage, succeeded=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last attempt at a request.

    Attributes
    ----------
    execution : Execution
        What was seen.
    exhibits : list of Found
        Tables and figures.
    outcome : Outcome
        How it ended.
    records : list of AttemptRecord
        All attempts, this one included.
    """

    execution: Execution
    exhibits: list[Found]
    outcome: Outcome
    records: list[AttemptRecord]


def attempt_request(
    request: RunRequest,
    output: Path,
    *,
    deadline: Deadline,
    log: logging.Logger,
    progress: Progress | None = None,
) -> Attempt:
    """Execute what was ordered until it succeeds or trying again cannot help."""
    records: list[AttemptRecord] = []
    while True:
        execution = _execute(request, output, deadline, log, progress)
        exhibits = find_exhibits(execution.notebook) if execution.notebook else []
        outcome = _judge_all(execution, exhibits)
        said = mask_text(outcome.message, request.secrets())
        records.append(
            AttemptRecord(
                verdict=outcome.verdict, message=said, seconds=execution.seconds
            )
        )
        wait = request.retries.wait_after(outcome, len(records))
        if wait is None or not deadline.allows(wait):
            return Attempt(execution, exhibits, outcome, records)
        log.warning("%s; trying again in %g s", said, wait)
        time.sleep(wait)


def _execute(
    request: RunRequest,
    output: Path,
    deadline: Deadline,
    log: logging.Logger,
    progress: Progress | None,
) -> Execution:
    source = output.with_name("input.ipynb")
    source.write_text(write_runnable(request.notebook), encoding="utf-8")
    execution = execute_notebook(
        source,
        output,
        request.written_values(),
        cwd=request.notebook.path.parent,
        kernel=request.notebook.kernel,
        limits=request.limits,
        deadline=deadline,
        log=log,
        progress=progress,
    )
    source.unlink()
    if execution.notebook is not None:
        settle_notebook(execution.notebook, request.notebook.path.name)
        secrets = request.secrets()
        if secrets:
            mask_secrets(execution.notebook, secrets)
    return execution


def _judge_all(execution: Execution, exhibits: list[Found]) -> Outcome:
    outcome = judge(execution)
    repeat = find_repeat(exhibits)
    notebook = execution.notebook
    if outcome.verdict is not Verdict.SUCCEEDED or repeat is None or notebook is None:
        return outcome
    number = number_cell(notebook.cells, repeat.cell)
    message = (
        f"the {repeat.kind} name {repeat.name!r} is used twice, again in cell "
        f"{number}; every {repeat.kind} needs a name of its own"
    )
    return Outcome(Verdict.CELL_FAILED, message, repeat.cell)
