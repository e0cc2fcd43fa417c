"""How a run ended, told truly."""

from __future__ import annotations

from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from papermill.exceptions import PapermillExecutionError

from recovery_research.reporting.cell_numbers import BANNER_TAG, number_cell
from recovery_research.reporting.ends import (
    EXIT_CODES,
    EXIT_TERMINATED,
    Outcome,
    Verdict,
)
from recovery_research.reporting.execution import Execution, KernelStartError
from recovery_research.terminal_texts import strip_sequences

__all__ = ["EXIT_CODES", "EXIT_TERMINATED", "Outcome", "Verdict", "judge"]

# What a status of 0 is written as.
_GOOD_ENDS = ("", "0", "None", "False")


def judge(execution: Execution) -> Outcome:
    """Decide how a run ended from what was seen, not from what papermill wrote.

    Parameters
    ----------
    execution : Execution
        What was seen.

    Returns
    -------
    Outcome
    """
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
    """Correct papermill's marks on the cells, and put a banner over a failed run.

    Parameters
    ----------
    notebook : NotebookNode
        The executed notebook; changed in place.
    execution : Execution
        What was seen of it.
    outcome : Outcome
        How it ended.
    """
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
