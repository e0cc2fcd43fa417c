"""What of an executed notebook must be the same when it is run again."""

from __future__ import annotations

import copy
import re

import nbformat
from nbformat import NotebookNode

from recovery_research.reporting.catalogue import INJECTED_TAG
from recovery_research.reporting.provenance import hash_bytes

_TIMINGS = ("start_time", "end_time", "duration")
# Bounded, for an unbounded start would try every place of a long line in full.
_KERNEL_FILE = re.compile(r"[^\s\"']{0,300}ipykernel_\d+[/\\]+")


def settle_notebook(notebook: NotebookNode, name: str) -> None:
    """Take out of a notebook what differs between equal runs, timings apart.

    Papermill gives its injected cell a random id and writes down where the files
    lay; Python's warnings name the process that the kernel was.

    Parameters
    ----------
    notebook : NotebookNode
        The executed notebook; changed in place.
    name : str
        File name of the notebook that was run.
    """
    notebook.metadata.papermill["input_path"] = name
    notebook.metadata.papermill["output_path"] = "report.ipynb"
    for cell in notebook.cells:
        if INJECTED_TAG in cell.metadata.get("tags", []):
            cell["id"] = INJECTED_TAG
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = _drop_kernel_files(output["text"])
            if "traceback" in output:
                output["traceback"] = [
                    _drop_kernel_files(line) for line in output["traceback"]
                ]


def _drop_kernel_files(text: str) -> str:
    return _KERNEL_FILE.sub("", text) if "ipykernel_" in text else text


def drop_timings(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of an executed notebook without times and durations.

    Parameters
    ----------
    notebook : NotebookNode
        The executed notebook.

    Returns
    -------
    NotebookNode
    """
    bare = copy.deepcopy(notebook)
    for part in (bare, *bare.cells):
        part.metadata.pop("execution", None)
        for key in _TIMINGS:
            part.metadata.get("papermill", {}).pop(key, None)
    return bare


def hash_notebook(notebook: NotebookNode) -> str:
    """Return the SHA-256 of an executed notebook without its timings.

    Parameters
    ----------
    notebook : NotebookNode
        The executed notebook.

    Returns
    -------
    str
    """
    return hash_bytes(nbformat.writes(drop_timings(notebook)).encode())
