"""An order attempted, and attempted again where that can help."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from recovery_research.reporting.catalogue import write_runnable
from recovery_research.reporting.cell_numbers import number_cell
from recovery_research.reporting.deadlines import Deadline
from recovery_research.reporting.ends import Outcome, Verdict
from recovery_research.reporting.execution import Execution, execute_notebook
from recovery_research.reporting.fingerprints import settle_notebook
from recovery_research.reporting.harvest import Found, find_exhibits, find_repeat
from recovery_research.reporting.masks import mask_secrets, mask_text
from recovery_research.reporting.orders import Order
from recovery_research.reporting.progress import Progress
from recovery_research.reporting.records import AttemptRecord
from recovery_research.reporting.verdicts import judge


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last attempt at an order.

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


def attempt_order(
    order: Order,
    output: Path,
    *,
    deadline: Deadline,
    log: logging.Logger,
    progress: Progress | None = None,
) -> Attempt:
    """Execute what was ordered until it succeeds or trying again cannot help.

    Parameters
    ----------
    order : Order
        Checked order.
    output : Path
        Where the executed notebook is written while it runs.
    deadline : Deadline
        End of all attempts, and of the waits between.
    log : Logger
        Told of attempts.
    progress : callable, optional
        Called before each cell with its position and the number of cells.

    Returns
    -------
    Attempt

    Raises
    ------
    OSError
        If `output` cannot be written.
    """
    records: list[AttemptRecord] = []
    while True:
        execution = _execute(order, output, deadline, log, progress)
        exhibits = find_exhibits(execution.notebook) if execution.notebook else []
        outcome = _judge_all(execution, exhibits)
        said = mask_text(outcome.message, order.secrets())
        records.append(
            AttemptRecord(
                verdict=outcome.verdict, message=said, seconds=execution.seconds
            )
        )
        wait = order.retries.wait_after(outcome, len(records))
        if wait is None or not deadline.allows(wait):
            return Attempt(execution, exhibits, outcome, records)
        log.warning("%s; trying again in %g s", said, wait)
        time.sleep(wait)


def _execute(
    order: Order,
    output: Path,
    deadline: Deadline,
    log: logging.Logger,
    progress: Progress | None,
) -> Execution:
    source = output.with_name("input.ipynb")
    source.write_text(write_runnable(order.notebook), encoding="utf-8")
    execution = execute_notebook(
        source,
        output,
        order.written_values(),
        cwd=order.notebook.path.parent,
        kernel=order.notebook.kernel,
        limits=order.limits,
        deadline=deadline,
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
    number = number_cell(execution.notebook.cells, repeat.cell)
    message = (
        f"the {repeat.kind} name {repeat.name!r} is used twice, again in cell "
        f"{number}; every {repeat.kind} needs a name of its own"
    )
    return Outcome(Verdict.CELL_FAILED, message, repeat.cell)
