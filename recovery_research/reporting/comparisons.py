"""Two runs compared: what they were made of, and every cell of their tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.reporting.history_filters import write_value
from recovery_research.reporting.records import RunRecord, read_record
from recovery_research.reporting.run_files import open_within

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
class CellChange:
    """One cell that differs; rows count from 1, the heading apart.

    Attributes
    ----------
    table : str
        Name of the table.
    row : int or None
        None if the table itself is in one run only, or the heading differs.
    column : str
        Name of the column.
    before, after : str or None
        Full precision, as kept; None where there is no such cell.
    """

    table: str
    row: int | None
    column: str
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
    cells : tuple of CellChange
        Cells of tables that differ by more than the tolerance.
    tables : dict of str to bool
        Whether each table is the same within the tolerance.
    """

    before: RunRecord
    after: RunRecord
    changes: tuple[Change, ...]
    cells: tuple[CellChange, ...]
    tables: dict[str, bool]

    @property
    def same_tables(self) -> bool:
        """Whether all tables are the same."""
        return all(self.tables.values())

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each cell that differs.

        Returns
        -------
        DataFrame
        """
        import pandas as pd

        columns = ["table", "row", "column", "before", "after"]
        return pd.DataFrame([asdict(cell) for cell in self.cells], columns=columns)


def compare_runs(
    before: Path, after: Path, *, rtol: float = 0.0, atol: float = 0.0
) -> RunDifference:
    """Compare two runs.

    Parameters
    ----------
    before, after : Path
        Their folders.
    rtol, atol : float, optional
        Numbers are the same if they differ by no more than ``atol + rtol * |before|``.

    Returns
    -------
    RunDifference

    Raises
    ------
    ValueError
        If a record cannot be read, or a tolerance is negative.
    """
    if not (0 <= rtol < float("inf") and 0 <= atol < float("inf")):
        raise ValueError(f"tolerances are 0 or more; got rtol={rtol}, atol={atol}.")
    records = read_record(before), read_record(after)
    tables, cells = {}, []
    for name in sorted({n for record in records for n in _list_tables(record)}):
        found = [
            _read_table(folder, record, name)
            for folder, record in zip((before, after), records, strict=True)
        ]
        changed = _compare_tables(name, *found, rtol=rtol, atol=atol)
        tables[name] = not changed
        cells += changed
    changes = compare_records(*records)
    return RunDifference(*records, tuple(changes), tuple(cells), tables)


def compare_records(before: RunRecord, after: RunRecord) -> list[Change]:
    """Compare what two runs were made of.

    Parameters
    ----------
    before, after : RunRecord
        Their records.

    Returns
    -------
    list of Change
    """
    tables = zip(_list_parts(before), _list_parts(after), strict=True)
    return [
        Change(part, name, old.get(name), new.get(name))
        for (part, old), (_, new) in tables
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _list_parts(record: RunRecord) -> list[tuple[str, dict[str, str | None]]]:
    traced, git = record.provenance, record.provenance.git
    code = {
        "notebook": traced.notebook_sha256,
        "package": traced.package_sha256,
        "git commit": git.commit if git else None,
        "files differ from the commit": str(git.dirty).lower() if git else None,
        **traced.modules_sha256,
    }
    as_of = record.data_as_of
    data = {**traced.data_sha256, **traced.sources_sha256}
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
            return list(csv.reader(lines))
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"{record.run_id}: table {name!r}: {error}") from None


def _compare_tables(
    name: str,
    before: list[list[str]] | None,
    after: list[list[str]] | None,
    **tolerance: float,
) -> list[CellChange]:
    if before is None or after is None:
        there = [None if table is None else "present" for table in (before, after)]
        return [CellChange(name, None, "", *there)]
    heads = [table[0] if table else [] for table in (before, after)]
    # A dict, for it keeps the order of the columns and drops repeats.
    columns = list(dict.fromkeys([*heads[0], *heads[1]]))
    changed = []
    for row, (old, new) in enumerate(zip_longest(before[1:], after[1:]), start=1):
        cells = [
            {} if line is None else dict(zip(head, line, strict=False))
            for head, line in zip(heads, (old, new), strict=True)
        ]
        for column in columns:
            pair = cells[0].get(column), cells[1].get(column)
            if not _is_same(*pair, **tolerance):
                changed.append(CellChange(name, row, column, *pair))
    if not changed and heads[0] != heads[1]:
        changed.append(CellChange(name, None, "", *(",".join(h) for h in heads)))
    return changed


def _is_same(
    before: str | None, after: str | None, *, rtol: float, atol: float
) -> bool:
    if before == after:
        return True
    if before is None or after is None or (rtol == 0 and atol == 0):
        return False
    try:
        old, new = float(before), float(after)
    except ValueError:
        return False
    return abs(new - old) <= atol + rtol * abs(old)
