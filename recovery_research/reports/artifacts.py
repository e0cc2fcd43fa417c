"""Tables and figures taken from the outputs of an executed notebook."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import nbformat
from nbformat import NotebookNode

from recovery_research.exhibits import METADATA_KEY, is_exhibit_name
from recovery_research.reports.drawings import UNREADABLE, DrawingError, clean_svg
from recovery_research.reports.notebooks import INJECTED_TAG
from recovery_research.reports.provenance import hash_bytes
from recovery_research.reports.records import ExhibitRecord
from recovery_research.spreadsheet_cells import guard_csv

_PLACES = {"table": ("tables", "csv"), "figure": ("figures", "svg")}
_MIME_TYPES = {"table": "text/csv", "figure": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Found:
    """An exhibit in the outputs of a cell.

    Attributes
    ----------
    cell : int
        Position of the cell.
    kind, name, caption : str
        What the notebook called it.
    content : str
        CSV or SVG.
    """

    cell: int
    kind: Literal["table", "figure"]
    name: str
    caption: str
    content: str


def find_exhibits(notebook: NotebookNode) -> list[Found]:
    """Find the exhibits in the outputs of a notebook."""
    found = []
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            exhibit = _read_output(index, output)
            if exhibit is not None:
                found.append(exhibit)
    return found


def find_repeat(exhibits: list[Found]) -> Found | None:
    """Return the first exhibit whose name another of its kind has had, or None."""
    seen: set[tuple[str, str]] = set()
    for exhibit in exhibits:
        if (exhibit.kind, exhibit.name) in seen:
            return exhibit
        seen.add((exhibit.kind, exhibit.name))
    return None


def write_exhibits(exhibits: list[Found], folder: Path) -> list[ExhibitRecord]:
    """Write exhibits into ``tables/`` and ``figures/``.

    Of exhibits with one name the first is written.
    """
    for place, _ in _PLACES.values():
        (folder / place).mkdir(exist_ok=True)
    records: dict[str, ExhibitRecord] = {}
    for exhibit in exhibits:
        place, ending = _PLACES[exhibit.kind]
        file = f"{place}/{exhibit.name}.{ending}"
        if file in records:
            continue
        content = exhibit.content.encode("utf-8")
        (folder / file).write_bytes(content)
        records[file] = ExhibitRecord(
            kind=exhibit.kind,
            name=exhibit.name,
            file=file,
            caption=exhibit.caption,
            sha256=hash_bytes(content),
        )
    return list(records.values())


def _read_output(index: int, output: NotebookNode) -> Found | None:
    marks = output.get("metadata", {}).get(METADATA_KEY)
    if not isinstance(marks, dict) or str(marks.get("kind")) not in _PLACES:
        return None
    content = output.get("data", {}).get(_MIME_TYPES[marks["kind"]])
    if marks["kind"] == "table" and isinstance(content, str):
        content = guard_csv(content)
    # Any cell can claim these marks, so the name is checked once more before it
    # becomes a path.
    if not isinstance(content, str) or not is_exhibit_name(marks.get("name")):
        return None
    caption = str(marks.get("caption", ""))
    if marks["kind"] == "figure":
        content = _clean_figure(content)
    return Found(index, marks["kind"], marks["name"], caption, content)


def _clean_figure(svg: str) -> str:
    """Return a drawing that may be opened by itself; the page tells what is missing."""
    try:
        return clean_svg(svg, notes=[])
    except DrawingError:
        return UNREADABLE


_TIMINGS = ("start_time", "end_time", "duration")
# Bounded, for an unbounded start would try every place of a long line in full.
_KERNEL_FILE = re.compile(r"[^\s\"']{0,300}ipykernel_\d+[/\\]+")


def settle_notebook(notebook: NotebookNode, name: str) -> None:
    """Take out of a notebook what differs between equal runs, timings apart.

    Papermill gives its injected cell a random id and writes down where the files
    lay; Python's warnings name the process that the kernel was.
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
    """Return a copy of an executed notebook without times and durations."""
    bare = copy.deepcopy(notebook)
    for part in (bare, *bare.cells):
        part.metadata.pop("execution", None)
        for key in _TIMINGS:
            part.metadata.get("papermill", {}).pop(key, None)
    return bare


def hash_notebook(notebook: NotebookNode) -> str:
    """Return the SHA-256 of an executed notebook without its timings."""
    return hash_bytes(nbformat.writes(drop_timings(notebook)).encode())
