"""Two runs compared: what they were made of, and every cell of their tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.reports.records import InputsRecord, RunRecord, read_record
from recovery_research.reports.run_files import open_within
from recovery_research.reports.run_finder import write_value
from recovery_research.reports.table_comparisons import (
    AFTER,
    BEFORE,
    NOISE,
    CellChange,
    TableDifference,
    compare_tables,
)
from recovery_research.table_cells import bare_cell

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two runs.

    Attributes
    ----------
    part : str
        ``parameters``, ``code``, ``data`` or ``versions``.
    name : str
        What differs.
    before, after : str or None
        As it was in the first and in the second run; None where it was not.
    """

    part: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RunDifference:
    """How two runs differ.

    Attributes
    ----------
    before, after : RunRecord
        The two.
    changes : tuple of Change
        What they were made of.
    compared : tuple of TableDifference
        Every table that either run has.
    """

    before: RunRecord
    after: RunRecord
    changes: tuple[Change, ...]
    compared: tuple[TableDifference, ...]

    @property
    def tables(self) -> dict[str, bool]:
        """Whether each table is the same within the tolerance."""
        return {table.name: table.same for table in self.compared}

    @property
    def same_tables(self) -> bool:
        """Whether all tables are the same."""
        return all(table.same for table in self.compared)

    @property
    def cells(self) -> tuple[CellChange, ...]:
        """All cells that differ by more than the tolerance."""
        return tuple(cell for table in self.compared for cell in table.cells)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each cell that differs."""
        import pandas as pd

        names = [field.name for field in fields(CellChange)]
        return pd.DataFrame([asdict(cell) for cell in self.cells], columns=names)


def compare_runs(
    before: Path, after: Path, *, rtol: float = NOISE, atol: float = 0.0
) -> RunDifference:
    """Compare two runs."""
    if not (0 <= rtol < float("inf") and 0 <= atol < float("inf")):
        raise ValueError(f"tolerances are 0 or more; got rtol={rtol}, atol={atol}.")
    records = read_record(before), read_record(after)
    compared = []
    for name in sorted({n for record in records for n in _list_tables(record)}):
        old, new = (
            _read_table(folder, record, name)
            for folder, record in zip((before, after), records, strict=True)
        )
        if old is None or new is None:
            only = BEFORE if new is None else AFTER
            compared.append(TableDifference(name, only_in=only))
        else:
            compared.append(compare_tables(name, old, new, rtol=rtol, atol=atol))
    changes = compare_records(*records)
    return RunDifference(*records, tuple(changes), tuple(compared))


def compare_records(before: RunRecord, after: RunRecord) -> list[Change]:
    """Compare what two runs were made of."""
    tables = zip(_list_parts(before), _list_parts(after), strict=True)
    return [
        Change(part, name, old.get(name), new.get(name))
        for (part, old), (_, new) in tables
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _list_parts(record: RunRecord) -> list[tuple[str, dict[str, str | None]]]:
    traced, git = record.provenance, record.provenance.git
    inputs = record.inputs or InputsRecord()
    code = {
        "notebook": traced.notebook_sha256,
        "package": traced.package_sha256,
        "git commit": git.commit if git else None,
        "files differ from the commit": str(git.dirty).lower() if git else None,
        **traced.modules_sha256,
        **inputs.modules,
    }
    as_of = record.data_as_of
    data = {**traced.data_sha256, **traced.sources_sha256}
    # What is told under its label already is not told again.
    told = set(data.values())
    data |= {path: h for path, h in inputs.files.items() if h not in told}
    data |= {**inputs.folders, **inputs.listings}
    data |= {f"is there: {path}": there for path, there in inputs.presence.items()}
    data |= {f"time of {path}": time for path, time in inputs.times.items()}
    data |= {f"variable {name}": h for name, h in inputs.environment.items()}
    data["data as of"] = as_of.isoformat() if as_of else None
    versions = {"python": traced.python, "platform": traced.platform}
    return [
        ("parameters", {p.name: write_value(p.value) for p in record.parameters}),
        ("code", code),
        ("data", data),
        ("versions", {**versions, **traced.distributions}),
    ]


def _list_tables(record: RunRecord) -> Mapping[str, str]:
    return {e.name: e.file for e in record.exhibits if e.kind == "table"}


def _read_table(folder: Path, record: RunRecord, name: str) -> list[list[str]] | None:
    file = _list_tables(record).get(name)
    if file is None:
        return None
    try:
        with TextIOWrapper(open_within(folder, file), "utf-8", newline="") as lines:
            return [[bare_cell(cell) for cell in row] for row in csv.reader(lines)]
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"{record.run_id}: table {name!r}: {error}") from None
