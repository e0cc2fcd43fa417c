"""What is seen of a notebook while it is executed, in the author's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from recovery_research.reports.notebooks import INJECTED_TAG
from recovery_research.reports.stopping import Watch


@dataclass
class Execution:
    """What was seen of one execution, whatever papermill says about it.

    Attributes
    ----------
    notebook : NotebookNode or None
        The notebook with its outputs so far; None if no kernel ever started.
    finished : list of int
        Positions of the cells that ran to their end.
    running : int or None
        Position of the cell that had begun and not ended.
    error : Exception or None
        What papermill or its kernel raised.
    watch : Watch or None
        The watch kept, with the reason of a stop.
    seconds : float
        How long it took, kernel start included.
    peak_memory : int or None
        Most memory the kernel and its children held, in bytes.
    cut_cells : list of int
        Positions of the cells whose printed text was cut.
    left_out : list of tuple of int and str
        Positions of cells, and what they showed that no notebook can hold.
    cell_error : CellExecutionError or None
        What the kernel said of the cell that failed.
    notes : list of tuple
        What the kernel read, see `NoteReader`.
    left : bool
        Whether the last cell asked the kernel to end, as ``quit()`` does.
    """

    notebook: NotebookNode | None = None
    finished: list[int] = field(default_factory=list)
    running: int | None = None
    error: Exception | None = None
    watch: Watch | None = None
    seconds: float = 0.0
    peak_memory: int | None = None
    cut_cells: list[int] = field(default_factory=list)
    left_out: list[tuple[int, str]] = field(default_factory=list)
    cell_error: CellExecutionError | None = None
    notes: list[tuple[str, str, str, int | None]] = field(default_factory=list)
    left: bool = False


BANNER_TAG = "failure-banner"
_ADDED = frozenset({BANNER_TAG, INJECTED_TAG, "papermill-error-cell-tag"})


def is_added(cell: NotebookNode) -> bool:
    """Return whether a cell was put in by the run, and is not the author's."""
    return not _ADDED.isdisjoint(cell.metadata.get("tags", []))


def number_cell(cells: Sequence[NotebookNode], index: int) -> int:
    """Return the number of a cell in its author's notebook, from 1.

    What the run put in has the number of the author's cell before it.
    """
    return sum(not is_added(cell) for cell in cells[: index + 1])
