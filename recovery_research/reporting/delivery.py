"""One report at a time under each name, and none where nothing has changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from recovery_research.reporting.checks import note_check
from recovery_research.reporting.index import refresh_index
from recovery_research.reporting.ingredients import (
    list_ingredients,
    make_key,
    trace_order,
)
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


def deliver_order(
    order: Order,
    reports: Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    on_wait: Callable[[Holder | None], None] | None = None,
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
        provenance = trace_order(order)
        stored = None if force else find_stored(order, shelf, provenance)
        if stored is not None:
            refresh_index(reports)
            return stored
        return fulfil_order(order, reports, progress=progress, provenance=provenance)


def find_stored(order: Order, shelf: Shelf, provenance: Provenance) -> ReportRun | None:
    """Find the newest good run with the same ingredients whose files are whole.

    Parameters
    ----------
    order : Order
        Checked order.
    shelf : Shelf
        Place of its report.
    provenance : Provenance
        What its numbers depend on now.

    Returns
    -------
    ReportRun or None
    """
    key = make_key(list_ingredients(order, provenance))
    if key is None:
        return None
    for folder in reversed(shelf.list_runs()):
        record = _read_matching(folder, key)
        if record is not None and _is_whole(record, folder):
            note_check(folder)
            return hand_back(record, folder, stored=True)
    return None


def _read_matching(folder: Path, key: str) -> RunRecord | None:
    with suppress(OSError, ValueError):
        # Reading a record in full takes far longer than seeing that it is another's.
        if key.encode() in read_within(folder, RECORD_FILE):
            record = read_record(folder)
            return record if record.key == key else None
    return None


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
