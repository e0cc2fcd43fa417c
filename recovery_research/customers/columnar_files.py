"""Reading Parquet and Feather files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.headers import name_columns
from recovery_research.customers.mapping_rules import SourceRule
from recovery_research.customers.size_limits import (
    largest_table,
    refuse_size,
    say_bytes,
)
from recovery_research.customers.sources import RawTable, choose_columns

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
