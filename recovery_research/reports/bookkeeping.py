"""The entries that a run makes in its record."""

from __future__ import annotations

import json
import platform
import shutil
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from recovery_research.paths import project_root
from recovery_research.reports.executed_cells import is_added, number_cell
from recovery_research.reports.execution import Execution
from recovery_research.reports.exit_codes import Outcome, Verdict
from recovery_research.reports.masking import mask_text
from recovery_research.reports.output_limits import LONGEST_TEXT
from recovery_research.reports.pages import write_record_page
from recovery_research.reports.provenance import (
    add_inputs,
    date_sources,
    hash_sources,
    list_ingredients,
    make_key,
)
from recovery_research.reports.records import (
    AttemptRecord,
    ExhibitRecord,
    FailureRecord,
    LeftOutRecord,
    ParameterRecord,
    Provenance,
    RunRecord,
    read_record,
    write_record,
)
from recovery_research.reports.run_inputs import gather_inputs
from recovery_research.reports.run_request import RunRequest
from recovery_research.reports.stopping import Deadline


def begin_record(
    request: RunRequest, run_id: str, started: datetime, provenance: Provenance
) -> RunRecord:
    """Return the record of a run that is about to start."""
    notebook, limits = request.notebook, request.limits
    seed = request.values().get("seed")
    ingredients = list_ingredients(request, provenance)
    written = date_sources(request) if request.data_as_of is None else None
    origin: Literal["stated", "file times"] | None = None
    if request.data_as_of or written:
        origin = "stated" if request.data_as_of else "file times"
    return RunRecord(
        report=request.report,
        run_id=run_id,
        title=notebook.title,
        notebook=notebook.path.name,
        notebook_path=_place_notebook(notebook.path),
        verdict=Verdict.RUNNING,
        profile=request.profile,
        parameters=_list_parameters(request),
        seed=seed if type(seed) is int else None,
        sources=request.sources,
        plan=request.plan,
        rerun_of=request.rerun_of,
        cell_seconds_limit=limits.cell_seconds,
        run_seconds_limit=limits.run_seconds,
        memory_limit=limits.memory_bytes,
        started=started,
        ingredients=ingredients,
        data_as_of=request.data_as_of or written,
        data_as_of_origin=origin,
        warnings=[*_find_odd_clock(run_id, started), *_find_untagged(request)],
        host=platform.node(),
        provenance=provenance,
    )


def end_record(
    record: RunRecord,
    request: RunRequest,
    execution: Execution,
    outcome: Outcome,
    attempts: list[AttemptRecord],
    exhibits: list[ExhibitRecord],
) -> RunRecord:
    """Return the record of a run whose notebook has ended."""
    secrets = request.secrets()
    failure = None
    if outcome.verdict is not Verdict.SUCCEEDED:
        failure = FailureRecord(
            message=mask_text(outcome.message, secrets),
            cell=_number(execution, outcome.cell),
            source=_read_source(execution, outcome.cell),
            traceback=mask_text(outcome.traceback, secrets),
            error=outcome.error,
        )
    moved = hash_sources(request) != record.provenance.sources_sha256
    inputs = gather_inputs(execution.notes, request.notebook.path.parent, secrets)
    ingredients = add_inputs(record.ingredients, inputs)
    return record.model_copy(
        update={
            "verdict": outcome.verdict,
            "failure": failure,
            "seconds": execution.seconds,
            "cell_seconds": _list_durations(execution),
            "attempts": attempts,
            "exhibits": exhibits,
            "peak_memory": execution.peak_memory,
            "key": None if moved else make_key(ingredients),
            "ingredients": ingredients,
            "inputs": inputs,
            "warnings": [
                *record.warnings,
                *_list_remarks(execution),
                *(["the data changed while the report ran"] if moved else []),
            ],
        }
    )


def note_late_page(record: RunRecord, deadline: Deadline) -> RunRecord:
    """Return the record of a run whose page was not finished in time."""
    said = f"{deadline.describe()}, while its page was written"
    if record.failure is not None:
        return record.model_copy(update={"warnings": [*record.warnings, said]})
    message = f"{said}; the notebook and its tables are whole"
    failure = FailureRecord(message=message, cell=None, source="", traceback="")
    update = {"verdict": Verdict.TIMED_OUT, "failure": failure, "key": None}
    return record.model_copy(update=update)


def close_record(
    record: RunRecord,
    left_out: list[LeftOutRecord],
    content_sha256: str,
    total_seconds: float,
) -> RunRecord:
    """Return a record with its end, by a clock that never jumps, and what it lacks."""
    ended = record.started + timedelta(seconds=total_seconds)
    end = {"ended": ended, "total_seconds": total_seconds, "left_out": left_out}
    return record.model_copy(update=end | {"content_sha256": content_sha256})


def bury_run(
    stage: Path,
    *,
    verdict: Verdict = Verdict.INTERRUPTED,
    message: str = "the runner was stopped before the report was finished",
) -> None:
    """Make the folder of a run that ended outside its notebook honest.

    The record says so, and what may be half-written is taken out.
    """
    try:
        record = read_record(stage)
    except (OSError, ValueError):
        shutil.rmtree(stage, ignore_errors=True)
        return
    for name in ("input.ipynb", "report.html"):
        with suppress(OSError):
            (stage / name).unlink()
    with suppress(OSError):
        _drop_broken_json(stage / "report.ipynb")
    failure = FailureRecord(message=message, cell=None, source="", traceback="")
    record = record.model_copy(update={"verdict": verdict, "failure": failure})
    write_record(record, stage)
    with suppress(OSError):
        write_record_page(stage, record)


def _drop_broken_json(path: Path) -> None:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        path.unlink()


def _place_notebook(path: Path) -> str:
    """Return where a notebook is, from the project folder if it is in there."""
    root = project_root(path.parent)
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return path.as_posix()


def _find_odd_clock(run_id: str, started: datetime) -> list[str]:
    stamp = f"{started:%Y%m%d-%H%M%S}"
    if run_id.startswith(stamp):
        return []
    return [f"the clock stood at {stamp}, not after the run before; the id follows it"]


def _find_untagged(request: RunRequest) -> list[str]:
    if request.notebook.tagged:
        return []
    return ["no cell is tagged 'parameters', so the notebook ran as it is"]


def _list_remarks(execution: Execution) -> list[str]:
    cut = f"printed more than {LONGEST_TEXT:,} characters; cut"
    remarks = [(cell, cut) for cell in execution.cut_cells]
    # Once each, also where a loop shows the same a thousand times.
    for remark in dict.fromkeys(execution.left_out):
        remarks.append(remark)
    return [f"cell {_number(execution, cell)} {said}" for cell, said in remarks]


def _number(execution: Execution, cell: int | None) -> int | None:
    if execution.notebook is None or cell is None:
        return None
    return number_cell(execution.notebook.cells, cell)


def _list_parameters(request: RunRequest) -> list[ParameterRecord]:
    return [
        ParameterRecord(
            name=name,
            type=choice.parameter.kind,
            value=choice.value,
            default=choice.parameter.default,
            origin=choice.origin,
            help=choice.parameter.help,
        )
        for name, choice in request.choices.items()
    ]


def _list_durations(execution: Execution) -> list[float | None]:
    cells = execution.notebook.cells if execution.notebook else []
    return [
        cell.metadata.get("papermill", {}).get("duration")
        if cell.cell_type == "code"
        else None
        for cell in cells
        if not is_added(cell)
    ]


def _read_source(execution: Execution, cell: int | None) -> str:
    if execution.notebook is None or cell is None:
        return ""
    return execution.notebook.cells[cell].source
