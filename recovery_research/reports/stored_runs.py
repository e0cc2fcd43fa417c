"""One report at a time under each name, and none where nothing has changed."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.paths import project_root, source_root
from recovery_research.reports.after_run import note_check
from recovery_research.reports.checked_parameters import Layer
from recovery_research.reports.comparisons import Change, compare_records
from recovery_research.reports.index import refresh_index
from recovery_research.reports.locks import Holder
from recovery_research.reports.parameter_files import is_file_source
from recovery_research.reports.provenance import (
    INPUTS,
    UNKNOWN,
    hash_bytes,
    hash_sources,
    list_ingredients,
    trace_request,
)
from recovery_research.reports.records import (
    RECORD_FILE,
    Provenance,
    RunRecord,
    read_record,
)
from recovery_research.reports.report_folders import read_within
from recovery_research.reports.run_inputs import find_change
from recovery_research.reports.run_logs import Progress
from recovery_research.reports.run_request import Limits, RunRequest, prepare_request
from recovery_research.reports.runs import ReportRun, hand_back
from recovery_research.reports.staging import Shelf
from recovery_research.reports.stopping import Deadline

if TYPE_CHECKING:
    import pandas as pd

# Ingredients by which a record that does not match is told apart quickly.
_TELLING = ("notebook", "parameters", "package")
_LOG = logging.getLogger(__name__)


def deliver_request(
    request: RunRequest,
    reports: Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    on_wait: Callable[[Holder | None], None] | None = None,
    on_change: Callable[[str], None] | None = None,
) -> ReportRun:
    """Give the stored report if nothing has changed; run what is asked otherwise.

    While another process runs a report of the same name this waits for its end, and
    takes its report if that is the answer.
    """
    from recovery_research.reports.runner import fulfil_request

    shelf = Shelf(reports, request.report)
    with shelf.run_lock().hold(on_wait):
        deadline = Deadline(request.limits.run_seconds)
        provenance = trace_request(request)
        stored = None
        if not force:
            stored = find_stored(request, shelf, provenance, tell=on_change)
        if stored is not None:
            refresh_index(reports)
            return stored
        return fulfil_request(
            request,
            reports,
            progress=progress,
            provenance=provenance,
            deadline=deadline,
        )


def find_stored(
    request: RunRequest,
    shelf: Shelf,
    provenance: Provenance,
    *,
    tell: Callable[[str], None] | None = None,
    note: bool = True,
) -> ReportRun | None:
    """Find the newest good run that would be the same now, and whose files are whole.

    It was made of the same, and all that it was seen to read is as it was.
    """
    ingredients = list_ingredients(request, provenance)
    _LOG.debug("%s: looking in %s for a run of the same", request.report, shelf.folder)
    why = None
    for folder in reversed(shelf.list_runs()):
        record = _read_matching(folder, ingredients)
        if record is None:
            continue
        change = _find_change(record, request, ingredients)
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
    record: RunRecord, request: RunRequest, ingredients: dict[str, str]
) -> str | None:
    if UNKNOWN in ingredients.values():
        unknown = [n for n, h in hash_sources(request).items() if h == UNKNOWN]
        return f"cannot be known: what {' and '.join(unknown)} holds"
    if record.key is None and record.inputs is not None and not record.inputs.unknown:
        return "the data changed while it ran"
    return find_change(record.inputs, request.notebook.path.parent)


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


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of running a run again.

    Attributes
    ----------
    original : RunRecord
        The run of before.
    run : ReportRun
        The same, run now.
    tables : dict of str to bool
        Whether each table is the same to the byte; False also for one that only one
        of the two has.
    changes : tuple of Change
        Everything that the two were made of and that differs.
    """

    original: RunRecord
    run: ReportRun
    tables: dict[str, bool]
    changes: tuple[Change, ...]

    @property
    def identical(self) -> bool:
        """Whether it succeeded again and every table is the same."""
        return self.run.succeeded and all(self.tables.values())

    @property
    def differing(self) -> list[Change]:
        """The changes that can change numbers: not the commit, nor the machine."""
        idle = {"git commit", "files differ from the commit", "platform", "data as of"}
        return [change for change in self.changes if change.name not in idle]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each table."""
        import pandas as pd

        return pd.DataFrame(
            {"table": list(self.tables), "identical": list(self.tables.values())}
        )


def request_again(
    folder: Path,
    layers: Sequence[Layer] = (),
    *,
    project: str | Path | None = None,
    report: str | None = None,
) -> RunRequest:
    """Make a request for the same as an earlier run.

    Every parameter has the value of that run, also where the notebook's default is
    another one today; limits, sources and report name are that run's.
    """
    record = read_record(folder)
    values = {p.name: p.value for p in record.parameters}
    for label, place in record.sources.items():
        if is_file_source(place) and not Path(place).is_file():
            raise ValueError(f"{record.run_id}: its data {label!r}, {place}, are gone.")
    limits = Limits(
        record.cell_seconds_limit, record.run_seconds_limit, record.memory_limit
    )
    request = prepare_request(
        _find_notebook(record, project),
        [Layer(f"run {record.run_id}", values), *layers],
        limits=limits,
        project=project,
        report=report or record.report,
        sources=record.sources,
    )
    return replace(
        request,
        profile=record.profile,
        data_as_of=record.data_as_of if record.data_as_of_origin == "stated" else None,
        plan=None if layers else record.plan,
        rerun_of=record.run_id,
    )


def reproduce_run(
    folder: Path,
    *,
    project: str | Path | None = None,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> Reproduction:
    """Run an earlier run again and compare every table.

    The new run is made in a folder of its own and thrown away, so that the reports
    stay as they are.
    """
    from recovery_research.reports.runner import fulfil_request

    original = read_record(folder)
    request = request_again(folder, project=project)
    with tempfile.TemporaryDirectory(prefix="recovery-research-") as aside:
        run = fulfil_request(request, keep or Path(aside), progress=progress)
    before, after = _hash_tables(original), _hash_tables(run.record)
    tables = {
        name: before.get(name) == after.get(name)
        for name in sorted(before.keys() | after.keys())
    }
    changes = tuple(compare_records(original, run.record))
    return Reproduction(original, run, tables, changes)


def _find_notebook(record: RunRecord, project: str | Path | None) -> Path | str:
    """Return where the notebook of a run is now."""
    if record.notebook_path is None:  # a record of version 1
        return record.notebook.removesuffix(".ipynb")
    roots = [project, project_root(), source_root()]
    for root in roots:
        if root is not None:
            path = Path(os.path.abspath(root)) / record.notebook_path
            if path.is_file():
                return path
    return record.notebook.removesuffix(".ipynb")


def _hash_tables(record: RunRecord) -> dict[str, str]:
    return {e.name: e.sha256 for e in record.exhibits if e.kind == "table"}
