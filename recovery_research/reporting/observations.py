"""What is seen of a notebook while it is executed."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from recovery_research.reporting.watch import Watch


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
