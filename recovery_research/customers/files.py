"""Reading files: each by the reader of what its bytes say it is."""

from __future__ import annotations

from pathlib import Path

from recovery_research.customers.columnar_files import read_feather, read_parquet
from recovery_research.customers.databases import read_duckdb, read_sqlite
from recovery_research.customers.file_kinds import recognise
from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.json_files import read_json
from recovery_research.customers.labelled_files import READERS as LABELLED
from recovery_research.customers.labelled_files import read_labelled
from recovery_research.customers.mapping_rules import SourceRule
from recovery_research.customers.packed_files import read_gzip, read_zip
from recovery_research.customers.sources import RawTable
from recovery_research.customers.text_files import read_csv
from recovery_research.customers.workbooks import read_by_calamine, read_excel

BY_CALAMINE = ("old Excel", "Excel binary", "OpenDocument")
READERS = {
    "CSV": read_csv,
    "JSON": read_json,
    "Parquet": read_parquet,
    "Feather": read_feather,
    "Excel": read_excel,
    "SQLite": read_sqlite,
    "DuckDB": read_duckdb,
    **{kind: read_by_calamine(kind) for kind in BY_CALAMINE},
    **{kind: read_labelled(kind) for kind in LABELLED},
}
PACKED = {"gzip": read_gzip, "zip": read_zip}
DATABASES = ("SQLite", "DuckDB")
NAMED_TABLES = (*DATABASES, "JSON")


def read_path(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a file, whatever it is."""
    kind = recognise(path)
    if kind in PACKED:
        return PACKED[kind](read_path, path, rule, columns=columns, limit=limit)
    if kind not in DATABASES:
        refuse_misplaced(path, kind, rule)
    return READERS[kind](path, rule, columns=columns, limit=limit)


def refuse_misplaced(path: Path, kind: str, rule: SourceRule) -> None:
    """Raise if a mapping names a part that such a file has not."""
    if rule.table and kind not in NAMED_TABLES:
        raise CustomerFileError(
            f"{path.name} is {kind} and has no tables to name; take [source] table "
            f"= {rule.table!r} out (a workbook's part is its sheet)."
        )
