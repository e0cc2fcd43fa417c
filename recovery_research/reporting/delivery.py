"""One report at a time under each name, and none where nothing has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from recovery_research.reporting.checks import note_check
from recovery_research.reporting.deadlines import Deadline
from recovery_research.reporting.index import refresh_index
from recovery_research.reporting.ingredients import (
    INPUTS,
    UNKNOWN,
    hash_sources,
    list_ingredients,
    trace_order,
)
from recovery_research.reporting.input_changes import find_change
from recovery_research.reporting.locks import Holder
from recovery_research.reporting.orders import Order
from recovery_research.reporting.progress import Progress
from recovery_research.reporting.provenance import hash_bytes
from recovery_research.reporting.records import (
    RECORD_FILE,
    Provenance,
    RunRecord,
    read_record,
)
from recovery_research.reporting.run_files import read_within
from recovery_research.reporting.runs import ReportRun, hand_back
from recovery_research.reporting.shelf import Shelf

# Ingredients by which a record that does not match is told apart quickly.
_TELLING = ("notebook", "parameters", "package")
_LOG = logging.getLogger(__name__)


def deliver_order(
    order: Order,
    reports: Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    on_wait: Callable[[Holder | None], None] | None = None,
    on_change: Callable[[str], None] | None = None,
) -> ReportRun:
    """Give the stored report if nothing has changed; run the order otherwise.

    While another process runs a report of the same name this waits for its end, and
    takes its report if that is the answer.

    Parameters
    ----------
    order : Order
        Checked order.
    reports : Path
        Folder of all reports.
    force : bool, optional
        Whether it is run anyway.
    progress : callable, optional
        Called before each cell with its position and the number of cells.
    on_wait : callable, optional
        Told once who runs the report already.
    on_change : callable, optional
        Told why the report of before is not the answer, if there is one.

    Returns
    -------
    ReportRun

    Raises
    ------
    OSError
        If the reports folder cannot be written.
    """
    from recovery_research.reporting.runner import fulfil_order

    shelf = Shelf(reports, order.report)
    with shelf.run_lock().hold(on_wait):
        deadline = Deadline(order.limits.run_seconds)
        provenance = trace_order(order)
        stored = None
        if not force:
            stored = find_stored(order, shelf, provenance, tell=on_change)
        if stored is not None:
            refresh_index(reports)
            return stored
        return fulfil_order(
            order, reports, progress=progress, provenance=provenance, deadline=deadline
        )


def find_stored(
    order: Order,
    shelf: Shelf,
    provenance: Provenance,
    *,
    tell: Callable[[str], None] | None = None,
    note: bool = True,
) -> ReportRun | None:
    """Find the newest good run that would be the same now, and whose files are whole.

    It was made of the same, and all that it was seen to read is as it was.

    Parameters
    ----------
    order : Order
        Checked order.
    shelf : Shelf
        Place of its report.
    provenance : Provenance
        What its numbers depend on now.
    tell : callable, optional
        Told why the newest run of the same order is not the answer, if there is one.
    note : bool, optional
        Whether it is noted beside the run that it was asked for again.

    Returns
    -------
    ReportRun or None
    """
    ingredients = list_ingredients(order, provenance)
    _LOG.debug("%s: looking in %s for a run of the same", order.report, shelf.folder)
    why = None
    for folder in reversed(shelf.list_runs()):
        record = _read_matching(folder, ingredients)
        if record is None:
            continue
        change = _find_change(record, order, ingredients)
        if change is None and _is_whole(record, folder):
            if note:
                note_check(folder)
            return hand_back(record, folder, stored=True)
        why = why or change or "files of the report were changed"
    if why is not None and tell is not None:
        tell(why)
    return None


def _read_matching(folder: Path, ingredients: dict[str, str]) -> RunRecord | None:
    """Read the record of a run if it was made of the same, before it read anything."""
    with suppress(OSError, ValueError):
        # Reading a record in full takes far longer than seeing that it is another's.
        content = read_within(folder, RECORD_FILE)
        if all(ingredients[name].encode() in content for name in _TELLING):
            record = read_record(folder)
            known = {n: h for n, h in record.ingredients.items() if n != INPUTS}
            return record if known == ingredients else None
    return None


def _find_change(
    record: RunRecord, order: Order, ingredients: dict[str, str]
) -> str | None:
    if UNKNOWN in ingredients.values():
        unknown = [n for n, h in hash_sources(order).items() if h == UNKNOWN]
        return f"cannot be known: what {' and '.join(unknown)} holds"
    if record.key is None and record.inputs is not None and not record.inputs.unknown:
        return "the data changed while it ran"
    return find_change(record.inputs, order.notebook.path.parent)


def _is_whole(record: RunRecord, folder: Path) -> bool:
    """Return whether a good run's files are there, its tables and figures unchanged."""
    try:
        for exhibit in record.exhibits:
            if hash_bytes(read_within(folder, exhibit.file)) != exhibit.sha256:
                return False
    except (OSError, ValueError):
        return False
    files = ("report.html", "report.ipynb")
    return all((folder / f).is_file() and (folder / f).stat().st_size for f in files)
