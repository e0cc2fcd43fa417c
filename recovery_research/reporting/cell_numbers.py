"""The numbers of cells, counted as the notebook's author sees them."""

from __future__ import annotations

from collections.abc import Sequence

from nbformat import NotebookNode

from recovery_research.reporting.catalogue import INJECTED_TAG

BANNER_TAG = "failure-banner"
_ADDED = frozenset({BANNER_TAG, INJECTED_TAG, "papermill-error-cell-tag"})


def is_added(cell: NotebookNode) -> bool:
    """Return whether a cell was put in by the run, and is not the author's.

    Parameters
    ----------
    cell : NotebookNode
        Cell of an executed notebook.

    Returns
    -------
    bool
    """
    return not _ADDED.isdisjoint(cell.metadata.get("tags", []))


def number_cell(cells: Sequence[NotebookNode], index: int) -> int:
    """Return the number of a cell in its author's notebook, from 1.

    What the run put in has the number of the author's cell before it.

    Parameters
    ----------
    cells : sequence of NotebookNode
        Cells of an executed notebook.
    index : int
        Position in it, from 0.

    Returns
    -------
    int
    """
    return sum(not is_added(cell) for cell in cells[: index + 1])
