"""One report at a time under each name, and none where nothing has changed."""

from __future__ import annotations

import logging
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
from recovery_research.reporting.runs import ReportRun, hand_back
from recovery_research.reporting.shelf import Shelf

_LOG = logging.getLogger(__name__)


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


def find_stored(
    order: Order, shelf: Shelf, provenance: Provenance, *, note: bool = True
) -> ReportRun | None:
    """Find the newest good run with the same ingredients whose files are whole.

    Parameters
    ----------
    order : Order
        Checked order.
    shelf : Shelf
        Place of its report.
    provenance : Provenance
        What its numbers depend on now.
    note : bool, optional
        Whether it is noted beside the run that it was asked for again.

    Returns
    -------
    ReportRun or None
    """
    key = make_key(list_ingredients(order, provenance))
    if key is None:
        _LOG.debug("%s: not all that it reads can be known beforehand", order.report)
        return None
    _LOG.debug("%s: looking in %s for a run of %s", order.report, shelf.folder, key)
    for folder in reversed(shelf.list_runs()):
        record = _read_matching(folder, key)
        if record is not None and _is_whole(record, folder):
            if note:
                note_check(folder)
            return hand_back(record, folder, stored=True)
    return None


def _read_matching(folder: Path, key: str) -> RunRecord | None:
    with suppress(OSError, ValueError):
        # Reading a record in full takes far longer than seeing that it is another's.
        if key.encode() in (folder / RECORD_FILE).read_bytes():
            record = read_record(folder)
            return record if record.key == key else None
    return None


def _is_whole(record: RunRecord, folder: Path) -> bool:
    """Return whether a good run's files are there, its tables and figures unchanged."""
    try:
        for exhibit in record.exhibits:
            if hash_bytes((folder / exhibit.file).read_bytes()) != exhibit.sha256:
                return False
    except OSError:
        return False
    files = ("report.html", "report.ipynb")
    return all((folder / f).is_file() and (folder / f).stat().st_size for f in files)
