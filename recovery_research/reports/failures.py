"""Why a run failed: the verdict, and what its page tells."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from papermill.exceptions import PapermillExecutionError

from recovery_research.paths import project_root
from recovery_research.reports.executed_cells import BANNER_TAG, is_added, number_cell
from recovery_research.reports.execution import Execution, KernelStartError
from recovery_research.reports.exit_codes import (
    EXIT_CODES,
    EXIT_TERMINATED,
    Outcome,
    Verdict,
)
from recovery_research.reports.records import ParameterRecord, RunRecord
from recovery_research.reports.run_request import DEFAULT_RUN_SECONDS
from recovery_research.texts import strip_sequences

__all__ = ["EXIT_CODES", "EXIT_TERMINATED", "Outcome", "Verdict", "judge"]

# What a status of 0 is written as.
_GOOD_ENDS = ("", "0", "None", "False")


def judge(execution: Execution) -> Outcome:
    """Decide how a run ended from what was seen, not from what papermill wrote."""
    watch, notebook, error = execution.watch, execution.notebook, execution.error
    cell = execution.running
    where = _describe_cell(notebook, cell)
    raised = _find_error(execution)
    traceback = strip_sequences("\n".join(raised["traceback"])) if raised else ""
    if watch is not None and watch.reason is not None:
        return Outcome(Verdict(watch.reason), f"{watch.detail}{where}", cell, traceback)
    if notebook is None or (error and cell is None and not execution.finished):
        hopeless = type(error).__name__ if isinstance(error, KernelStartError) else ""
        what = _one_line(f"the kernel did not start: {error}", 400)
        return Outcome(Verdict.NOT_STARTED, what, error=hopeless)
    if execution.left or (raised and _leaves_well(raised)):
        return Outcome(Verdict.INCOMPLETE, f"the notebook left{where}", cell, traceback)
    if isinstance(error, DeadKernelError):
        return Outcome(Verdict.KERNEL_DIED, f"the kernel died{where}", cell)
    if raised:
        name = raised["ename"]
        what = _one_line(": ".join(filter(None, [name, raised["evalue"]])))
        return Outcome(Verdict.CELL_FAILED, f"{what}{where}", cell, traceback, name)
    if isinstance(error, RecursionError):
        what = "its output is nested too deeply to be read"
        return Outcome(Verdict.CELL_FAILED, f"{what}{where}", cell)
    if cell is None and isinstance(error, PapermillExecutionError):
        # Papermill takes also an error that its cell was expected to raise for one.
        return Outcome(Verdict.SUCCEEDED)
    if cell is not None or error is not None:
        what = _one_line(f"{type(error).__name__}: {error}")
        return Outcome(Verdict.KERNEL_DIED, f"{what}{where}", cell)
    return Outcome(Verdict.SUCCEEDED)


def mark_notebook(
    notebook: NotebookNode, execution: Execution, outcome: Outcome
) -> None:
    """Correct papermill's marks on the cells, and put a banner over a failed run."""
    for index, cell in enumerate(notebook.cells):
        marks = cell.metadata.setdefault("papermill", NotebookNode())
        failed = index == outcome.cell
        finished = index in execution.finished and not failed
        marks["status"] = "failed" if failed else "completed" if finished else "pending"
        marks["exception"] = failed if (failed or finished) else None
    if outcome.verdict is not Verdict.SUCCEEDED:
        notebook.cells.insert(0, _write_banner(outcome))


def _write_banner(outcome: Outcome) -> NotebookNode:
    message = outcome.message.replace("`", "'")
    cell = new_markdown_cell(
        f"**This report is not complete: {outcome.verdict}.** `{message}` "
        "What follows was written before that; do not use it."
    )
    cell["id"] = BANNER_TAG
    cell.metadata["tags"] = [BANNER_TAG]
    return cell


def _find_error(execution: Execution) -> dict | None:
    """Return the error that the run ended in, or None."""
    notebook, cell = execution.notebook, execution.running
    if notebook is None or cell is None:
        return None
    outputs = notebook.cells[cell].get("outputs", [])
    errors = [output for output in outputs if output.output_type == "error"]
    if errors:
        return errors[-1]
    # A magic that is not there, or an interpreter in trouble, only tells the kernel's
    # client that the cell failed, and shows no error.
    failed = execution.cell_error
    if failed is None:
        return None
    said = {"ename": failed.ename, "evalue": failed.evalue, "traceback": []}
    return {name: value or "" for name, value in said.items()}


def _leaves_well(raised: dict) -> bool:
    """Return whether an error is a program's way of ending without one."""
    return raised["ename"] == "SystemExit" and raised["evalue"] in _GOOD_ENDS


def _describe_cell(notebook: NotebookNode | None, cell: int | None) -> str:
    if notebook is None or cell is None:
        return ""
    lines = notebook.cells[cell].source.strip().splitlines()
    number = number_cell(notebook.cells, cell)
    return f", in cell {number}: {_one_line(lines[0], 60)}" if lines else ""


def _one_line(text: str, longest: int = 200) -> str:
    line = " ".join(strip_sequences(text).split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


LAST_LINES = 30
LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class FailureStory:
    """What can be told of a failed run besides its record.

    Attributes
    ----------
    last_output : str
        Last lines that the notebook wrote before it ended.
    log : str
        Last lines of the run's log.
    again : str
        Command that repeats this very run, by its record.
    command : str
        Command with all parameters written out.
    """

    last_output: str
    log: str
    again: str
    command: str


def tell_failure(
    record: RunRecord, notebook: NotebookNode | None, folder: Path
) -> FailureStory:
    """Gather what can be told of a failed run."""
    reports = _find_reports(folder)
    try:
        log = (folder / "run.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        log = ""
    return FailureStory(
        last_output=_find_last_output(record, notebook),
        log=_keep_last_lines(log),
        again=shlex.join(
            ["recovery-research", "rerun", record.run_id, "--reports", str(reports)]
        ),
        command=write_command(record, reports),
    )


def write_command(record: RunRecord, reports: Path | None = None) -> str:
    """Write the command that runs a report again with the same parameters."""
    words = ["recovery-research", "run", "--profile", record.profile]
    for parameter in record.parameters:
        if not parameter.origin.startswith(("default", "profile")):
            words += ["-p", f"{parameter.name}={_write_value(parameter)}"]
    if record.cell_seconds_limit is not None:
        words += ["--cell-timeout", repr(record.cell_seconds_limit)]
    if record.run_seconds_limit != DEFAULT_RUN_SECONDS:
        limit = record.run_seconds_limit
        words += ["--timeout", "inf" if limit is None else repr(limit)]
    if reports is not None:
        words += ["--reports", str(reports)]
    # A name that begins with a hyphen is no option.
    return shlex.join([*words, "--", _find_notebook(record, reports)])


def _find_notebook(record: RunRecord, reports: Path | None) -> str:
    """Return the notebook's path if it can be told, otherwise its name."""
    path = Path(record.notebook_path or record.notebook)
    if path.is_absolute():
        return str(path)
    root = project_root(reports) if reports is not None else None
    if root is not None and (root / path).is_file():
        return str(root / path)
    return record.notebook.removesuffix(".ipynb")


def _write_value(parameter: ParameterRecord) -> str:
    value = parameter.value
    if isinstance(value, list | dict):
        return json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _find_reports(folder: Path) -> Path:
    """Return the folder of all reports around a run's folder."""
    inside = folder.absolute().parent
    if inside.name in (".staging", "failed"):
        inside = inside.parent
    return inside.parent


def _find_last_output(record: RunRecord, notebook: NotebookNode | None) -> str:
    if notebook is None:
        return ""
    cells = [cell for cell in notebook.cells if not is_added(cell)]
    end = record.failure.cell if record.failure and record.failure.cell else len(cells)
    for cell in reversed(cells[:end]):
        texts = [_read_text(output) for output in cell.get("outputs", [])]
        said = "\n".join(text for text in texts if text.strip())
        if said:
            return _keep_last_lines(said)
    return ""


def _read_text(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return ""
    text = output.get("data", {}).get("text/plain", "")
    return text if isinstance(text, str) else ""


def _keep_last_lines(text: str) -> str:
    # What a progress bar wrote over is not shown.
    lines = [line.split("\r")[-1] for line in strip_sequences(text).split("\n")]
    lines = "\n".join(lines).strip("\n").split("\n")[-LAST_LINES:]
    return "\n".join(line[:LONGEST_LINE] for line in lines)
