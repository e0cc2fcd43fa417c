"""The entries that a run makes in its record."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from recovery_research.reporting.execution import Execution
from recovery_research.reporting.fingerprints import mask_text
from recovery_research.reporting.orders import Order
from recovery_research.reporting.pages import write_record_page
from recovery_research.reporting.provenance import gather_provenance
from recovery_research.reporting.records import (
    FailureRecord,
    ParameterRecord,
    RunRecord,
    read_record,
    write_record,
)
from recovery_research.reporting.verdicts import Outcome, Verdict


def begin_record(order: Order, run_id: str, started: datetime) -> RunRecord:
    """Return the record of a run that is about to start.

    Parameters
    ----------
    order : Order
        What was ordered.
    run_id : str
        Id of the run.
    started : datetime
        Start, in UTC.

    Returns
    -------
    RunRecord
    """
    notebook, limits = order.notebook, order.limits
    seed = order.values().get("seed")
    return RunRecord(
        report=notebook.name,
        run_id=run_id,
        title=notebook.title,
        notebook=notebook.path.name,
        verdict=Verdict.RUNNING,
        profile=order.profile,
        parameters=_list_parameters(order),
        seed=seed if type(seed) is int else None,
        cell_seconds_limit=limits.cell_seconds,
        run_seconds_limit=limits.run_seconds,
        started=started,
        provenance=gather_provenance(notebook.path, notebook.content),
    )


def end_record(
    record: RunRecord, execution: Execution, outcome: Outcome, secrets: list[str]
) -> RunRecord:
    """Return the record of a run whose notebook has ended.

    Parameters
    ----------
    record : RunRecord
        Record at the start.
    execution : Execution
        What was seen.
    outcome : Outcome
        How it ended.
    secrets : list of str
        What must not be seen.

    Returns
    -------
    RunRecord
    """
    failure = None
    if outcome.verdict is not Verdict.SUCCEEDED:
        failure = FailureRecord(
            message=mask_text(outcome.message, secrets),
            cell=None if outcome.cell is None else outcome.cell + 1,
            source=_read_source(execution, outcome.cell),
            traceback=mask_text(outcome.traceback, secrets),
        )
    return record.model_copy(
        update={
            "verdict": outcome.verdict,
            "failure": failure,
            "ended": datetime.now(UTC),
            "seconds": execution.seconds,
            "cell_seconds": _list_durations(execution),
        }
    )


def bury_run(
    stage: Path,
    *,
    verdict: Verdict = Verdict.INTERRUPTED,
    message: str = "the runner was stopped before the report was finished",
) -> None:
    """Make the folder of a run that ended outside its notebook honest.

    The record says so, and what may be half-written is taken out.

    Parameters
    ----------
    stage : Path
        Folder of the run; removed if it has no record yet.
    verdict : Verdict, optional
        How it ended.
    message : str, optional
        Why.
    """
    try:
        record = read_record(stage)
    except (OSError, ValueError):
        shutil.rmtree(stage, ignore_errors=True)
        return
    failure = FailureRecord(message=message, cell=None, source="", traceback="")
    record = record.model_copy(update={"verdict": verdict, "failure": failure})
    write_record(record, stage)
    for name in ("input.ipynb", "report.html"):
        with suppress(FileNotFoundError):
            (stage / name).unlink()
    with suppress(FileNotFoundError):
        _drop_broken_json(stage / "report.ipynb")
    with suppress(OSError):
        write_record_page(stage, record)


def _drop_broken_json(path: Path) -> None:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        path.unlink()


def _list_parameters(order: Order) -> list[ParameterRecord]:
    return [
        ParameterRecord(
            name=name,
            type=choice.parameter.kind,
            value=choice.value,
            default=choice.parameter.default,
            origin=choice.origin,
            help=choice.parameter.help,
        )
        for name, choice in order.choices.items()
    ]


def _list_durations(execution: Execution) -> list[float | None]:
    cells = execution.notebook.cells if execution.notebook else []
    return [
        cell.metadata.get("papermill", {}).get("duration")
        if cell.cell_type == "code"
        else None
        for cell in cells
    ]


def _read_source(execution: Execution, cell: int | None) -> str:
    if execution.notebook is None or cell is None:
        return ""
    return execution.notebook.cells[cell].source
