"""A run of before, run again: as it was, or with other parameters."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.places import project_root, source_root
from recovery_research.reporting.choices import Layer
from recovery_research.reporting.comparisons import Change, compare_records
from recovery_research.reporting.given_paths import is_file_source
from recovery_research.reporting.orders import Limits, Order, prepare_order
from recovery_research.reporting.progress import Progress
from recovery_research.reporting.records import RunRecord, read_record
from recovery_research.reporting.runs import ReportRun

if TYPE_CHECKING:
    import pandas as pd


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
        """Return one row for each table.

        Returns
        -------
        DataFrame
        """
        import pandas as pd

        return pd.DataFrame(
            {"table": list(self.tables), "identical": list(self.tables.values())}
        )


def reorder(
    folder: Path,
    layers: Sequence[Layer] = (),
    *,
    project: str | Path | None = None,
    report: str | None = None,
) -> Order:
    """Make an order for the same as an earlier run.

    Every parameter has the value of that run, also where the notebook's default is
    another one today; limits, sources and report name are that run's.

    Parameters
    ----------
    folder : Path
        Folder of the earlier run.
    layers : sequence of Layer, optional
        Parameters that shall be others.
    project : path, optional
        Project folder, in which the notebook is looked for first.
    report : str, optional
        Another name to file it under.

    Returns
    -------
    Order

    Raises
    ------
    ValueError
        If the record cannot be read, the notebook is not there any more or does not
        know a parameter, or a data file is gone.
    """
    record = read_record(folder)
    values = {p.name: p.value for p in record.parameters}
    for label, place in record.sources.items():
        if is_file_source(place) and not Path(place).is_file():
            raise ValueError(f"{record.run_id}: its data {label!r}, {place}, are gone.")
    limits = Limits(
        record.cell_seconds_limit, record.run_seconds_limit, record.memory_limit
    )
    order = prepare_order(
        _find_notebook(record, project),
        [Layer(f"run {record.run_id}", values), *layers],
        limits=limits,
        project=project,
        report=report or record.report,
        sources=record.sources,
    )
    return replace(
        order,
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

    Parameters
    ----------
    folder : Path
        Folder of the earlier run.
    project : path, optional
        Project folder.
    keep : Path, optional
        Reports folder to keep the new run in.
    progress : callable, optional
        Called before each cell with its position and the number of cells.

    Returns
    -------
    Reproduction

    Raises
    ------
    ValueError
        If it cannot be ordered again, see `reorder`.
    OSError
        If the new run cannot be written.
    """
    from recovery_research.reporting.runner import fulfil_order

    original = read_record(folder)
    order = reorder(folder, project=project)
    with tempfile.TemporaryDirectory(prefix="recovery-research-") as aside:
        run = fulfil_order(order, keep or Path(aside), progress=progress)
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
