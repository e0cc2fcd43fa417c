"""Reading Parquet, Feather, JSON, and files of SPSS, Stata and SAS."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recovery_research._checks import did_you_mean
from recovery_research._extras import explaining_extras
from recovery_research.customer_data.headers import build_column, name_columns
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.raw_tables import RawTable, choose_columns
from recovery_research.customer_data.text_rows import (
    largest_table,
    open_text,
    refuse_size,
    say_bytes,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

ROWS_AT_ONCE = 1 << 16
# Of a draft's first rows: texts of any length, no more of them than this.
FEW_ROWS, FEW_BYTES = 256, 1 << 28


def read_parquet(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        held = file.schema_arrow.names
        wanted = choose_columns(path.name, name_columns(held), columns)
        if len(set(held)) < len(held):
            table = file.read().rename_columns(name_columns(held)).select(wanted)
        elif limit is None:
            table = take_all(path.name, file, wanted)
        else:
            table = take_first(file, wanted, limit)
    except (pa.ArrowException, OSError) as error:
        raise broken_file(path, error) from None
    if limit is None and table.num_rows != file.metadata.num_rows:
        raise CustomerFileError(
            f"{path.name}: {table.num_rows:,} rows were read, and it says that it has "
            f"{file.metadata.num_rows:,}; it is broken."
        )
    return RawTable(path.name, "Parquet", table, np.arange(1, table.num_rows + 1))


def take_all(name: str, file: parquet.ParquetFile, wanted: list[str]) -> pa.Table:
    """Read whole columns; texts piece by piece, since a page may unpack to anything."""
    import pyarrow as pa

    kinds = [file.schema_arrow.field(column).type for column in wanted]
    refuse_size(name, "the table", 8.0 * file.metadata.num_rows * len(wanted))
    if not any(map(is_long, kinds)):
        return file.read(columns=wanted)
    most, taken, pieces = largest_table(), 0, []
    for piece in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=wanted):
        pieces.append(piece)
        taken += piece.nbytes
        if taken > most:
            part = taken / max(1, sum(each.num_rows for each in pieces))
            raise CustomerFileError(
                f"{name}: the table takes about "
                f"{say_bytes(part * file.metadata.num_rows)}, and {say_bytes(most)} is "
                "the most here (half of the free memory). Keep fewer columns or rows."
            )
    schema = pa.schema([file.schema_arrow.field(column) for column in wanted])
    return pa.Table.from_batches(pieces, schema=schema)


def take_first(file: parquet.ParquetFile, wanted: list[str], limit: int) -> pa.Table:
    """Read the first rows, fewer where they are long."""
    import pyarrow as pa

    pieces, n_rows, n_bytes = [], 0, 0
    for piece in file.iter_batches(batch_size=min(limit, FEW_ROWS), columns=wanted):
        pieces.append(piece)
        n_rows, n_bytes = n_rows + piece.num_rows, n_bytes + piece.nbytes
        if n_rows >= limit or n_bytes > FEW_BYTES:
            break
    schema = pa.schema([file.schema_arrow.field(column) for column in wanted])
    return pa.Table.from_batches(pieces, schema=schema).slice(0, limit)


def is_long(kind: pa.DataType) -> bool:
    """Return whether values of a type may be of any length."""
    import pyarrow as pa

    return not (
        pa.types.is_primitive(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_dictionary(kind)
        or pa.types.is_null(kind)
    )


def read_feather(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a Feather (Arrow IPC) file."""
    import pyarrow as pa
    from pyarrow import feather

    try:
        table = feather.read_table(path, memory_map=True)
        held = name_columns(table.column_names)
        wanted = choose_columns(path.name, held, columns)
        table = table.rename_columns(held).select(wanted)
        refuse_size(path.name, "the table", table.nbytes)
    except (pa.ArrowException, OSError) as error:
        raise broken_file(path, error) from None
    table = table if limit is None else table.slice(0, limit)
    return RawTable(path.name, "Feather", table, np.arange(1, table.num_rows + 1))


def broken_file(path: Path, error: Exception) -> CustomerFileError:
    """Return the error of a file that is cut short."""
    said = " ".join(str(error).split())
    return CustomerFileError(f"{path.name} is broken or cut short: {said[:200]}")


READERS = {
    "SPSS": "read_sav", "SPSS portable": "read_por", "Stata": "read_dta",
    "SAS": "read_sas7bdat", "SAS transport": "read_xport",
}  # fmt: skip


def read_labelled(kind: str) -> Callable:
    """Return the reader of one kind of file."""

    def read_statistics(
        path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
    ) -> RawTable:
        """Read a file with labels; declared missing codes are unknown."""
        with explaining_extras():
            import pyreadstat

        reader = getattr(pyreadstat, READERS[kind])
        more = {"encoding": rule.encoding} if rule.encoding else {}
        try:
            _, about = reader(str(path), metadataonly=True, **more)
            held = list(about.column_names)
            wanted = choose_columns(path.name, name_columns(held), columns)
            n_rows = about.number_rows or 0
            refuse_size(path.name, "the table", 60.0 * n_rows * len(wanted))
            picked = {} if columns is None or not wanted else {"usecols": wanted}
            table, about = reader(
                str(path), row_limit=limit or 0,
                **picked, **more,
            )  # fmt: skip
        except CustomerFileError:
            raise
        except Exception as error:
            raise CustomerFileError(
                f"{path.name} is not a {kind} file that can be read, or is cut short: "
                f"{' '.join(str(error).split())[:200]} (letters that are wrong: name "
                'its encoding, [source] encoding = "cp1252".)'
            ) from None
        if limit is None and n_rows > 0 and len(table) != n_rows:
            raise CustomerFileError(
                f"{path.name}: {len(table):,} rows were read, and it says that it has "
                f"{n_rows:,}; it is cut short."
            )
        return make_raw(path.name, kind, table[wanted], about)

    return read_statistics


def make_raw(name: str, kind: str, frame: pd.DataFrame, about: Any) -> RawTable:
    """Return what was read as a table, with the labels of its codes."""
    import pyarrow as pa

    arrays = [as_array(frame[column]) for column in frame]
    table = pa.Table.from_arrays(arrays, names=list(frame))
    labels = {
        column: {name_code(code): str(label) for code, label in said.items()}
        for column, said in about.variable_value_labels.items()
        if column in frame.columns and said
    }
    rows = np.arange(1, len(frame) + 1)
    return RawTable(name, kind, table, rows, labels=labels)


def as_array(column: pd.Series) -> object:
    """Return a column; days, clock times and texts as they are."""
    import pyarrow as pa

    if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        values = [None if pd.isna(v) or v == "" else v for v in column.tolist()]
        return build_column(values)
    return pa.array(column, from_pandas=True)


def name_code(code: object) -> str:
    """Return a code as the text that stands for it in a column of texts."""
    if isinstance(code, float) and code.is_integer():
        return f"{code:.0f}"
    return str(code)


# A record as Python values takes about so many times its bytes.
TIMES_ITS_BYTES = 8.0
MOST_BROKEN_SHARE = 0.01


def read_json(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a JSON file; nested parts are named by their way, ``address.city``."""
    refuse_size(path.name, "its content", TIMES_ITS_BYTES * path.stat().st_size)
    with open_text(path, rule.encoding).open() as file:
        content = file.read().decode("utf-8-sig", "replace")
    broken: list[tuple[int, str]] = []
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        records, numbers = read_lines(path.name, content, broken)
        pick_table(path.name, records, rule.table)
    else:
        records = find_records(path.name, pick_table(path.name, whole, rule.table))
        numbers = list(range(1, len(records) + 1))
    records = [flatten(record) for record in records[:limit]]
    held = list(dict.fromkeys(key for record in records for key in record))
    wanted = choose_columns(path.name, held, columns)
    import pyarrow as pa

    arrays = [build_column([r.get(name) for r in records]) for name in wanted]
    table = pa.Table.from_arrays(arrays, names=wanted)
    rows = np.array(numbers[:limit], dtype=np.int64)
    return RawTable(path.name, "JSON", table, rows, tuple(broken))


def read_lines(
    name: str, content: str, broken: list[tuple[int, str]]
) -> tuple[list[dict], list[int]]:
    """Read one record a line; lines that are none are noted."""
    records, numbers = [], []
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            broken.append((number, f"is no JSON ({error}): {line[:60]!r}"))
            continue
        if isinstance(record, dict):
            records.append(record)
            numbers.append(number)
        else:
            broken.append((number, f"is no record of names and values: {line[:60]!r}"))
    if not records or len(broken) > MOST_BROKEN_SHARE * len(records) + 10:
        said = f": row {broken[0][0]} {broken[0][1]}" if broken else ""
        raise CustomerFileError(
            f"{name} is broken or cut short, or no table: JSON is a list of records, "
            f"or one record a line{said}."
        )
    return records, numbers


def pick_table(name: str, whole: object, table: str) -> object:
    """Return the table named of a document, or all of it if none is."""
    tables = list_tables(whole)
    if table:
        if table not in tables:
            held = f"its tables are {list(tables)}" if tables else "it holds one alone"
            raise CustomerFileError(
                f"{name} has no table {table!r}, [source] table; {held}."
                f"{did_you_mean(table, tables)}"
            )
        return tables[table]
    if len(tables) > 1:
        sizes = ", ".join(f"{key!r} ({len(rows):,})" for key, rows in tables.items())
        raise CustomerFileError(
            f"{name} holds several lists of records, its tables: {sizes}. Say which in "
            f"the mapping, [source] table = {json.dumps(next(iter(tables)))} (map: "
            "--table)."
        )
    return whole


def list_tables(whole: object) -> dict[str, list[dict]]:
    """Return the named lists of records in a document; nested ones by their way."""
    if not isinstance(whole, dict):
        return {}
    found: dict[str, list[dict]] = {}
    for key, value in whole.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            found[key] = value
        elif isinstance(value, dict):
            inner = list_tables(value)
            found |= {f"{key}.{name}": rows for name, rows in inner.items()}
    return found


def find_records(name: str, whole: object) -> list[dict]:
    """Return the records of a document: its list, or the only list in it."""
    if isinstance(whole, dict):
        lists = {key: v for key, v in whole.items() if isinstance(v, list)}
        cells = [cell for column in lists.values() for cell in column]
        same = len(lists) == len(whole) and len(set(map(len, lists.values()))) == 1
        if same and not all(isinstance(cell, dict) for cell in cells):
            n = len(next(iter(lists.values())))
            return [{key: v[k] for key, v in lists.items()} for k in range(n)]
        records = [v for v in lists.values() if v and isinstance(v[0], dict)]
        return find_records(name, records[0]) if records else [whole]
    if isinstance(whole, list) and whole and all(isinstance(r, dict) for r in whole):
        return whole
    if isinstance(whole, list) and whole and all(isinstance(r, list) for r in whole):
        head = [str(cell) for cell in whole[0]]
        return [dict(zip(head, row, strict=False)) for row in whole[1:]]
    raise CustomerFileError(
        f"{name} holds JSON that is no table: a list of records with the same names is "
        f"needed; got {json.dumps(whole)[:60]}."
    )


def flatten(record: dict, above: str = "") -> dict:
    """Return a record with what is nested under joined names; lists as their text."""
    flat: dict = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{above}{key}.")
        elif isinstance(value, list):
            flat[f"{above}{key}"] = json.dumps(value)
        else:
            flat[f"{above}{key}"] = value
    return flat
