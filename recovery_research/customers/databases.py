"""Reading tables out of databases, in pieces, so that memory holds."""

from __future__ import annotations

import datetime
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.mapping_rules import SourceRule
from recovery_research.customers.sources import RawTable, choose_columns
from recovery_research.near_names import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 50_000


def read_file_database(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a table or query of a SQLite or DuckDB file, which stays unchanged."""
    with path.open("rb") as file:
        is_sqlite = file.read(6) == b"SQLite"
    reader = read_sqlite if is_sqlite else read_duckdb
    return reader(path, rule, columns, limit)


def read_sqlite(
    path: Path, rule: SourceRule, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a SQLite file."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    try:
        listed = connection.execute(
            "select name from sqlite_master where type in ('table', 'view') "
            "and name not like 'sqlite_%' order by name"
        )
        query = write_query(path.name, [row[0] for row in listed], rule)
        cursor = connection.execute(query)
        held = [column[0] for column in cursor.description]
        pieces = iter(lambda: cursor.fetchmany(ROWS_AT_ONCE), [])
        return gather(path.name, "SQLite", held, columns, pieces, limit)
    except sqlite3.Error as error:
        raise CustomerFileError(f"{path.name}: SQLite says: {error}.") from None
    finally:
        connection.close()


def read_duckdb(
    path: Path, rule: SourceRule, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a DuckDB file."""
    import duckdb

    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise CustomerFileError(
            f"{path.name}: DuckDB says: {first_line(error)}"
        ) from None
    try:
        listed = connection.execute(
            "select table_name from information_schema.tables order by table_name"
        ).fetchall()
        query = write_query(path.name, [row[0] for row in listed], rule)
        held = list(connection.sql(query).columns)
        wanted = choose_columns(path.name, held, columns)
        chosen = ", ".join('"' + name.replace('"', '""') + '"' for name in wanted)
        end = "" if limit is None else f" limit {int(limit)}"
        table = connection.sql(
            f"select {chosen} from ({query}) as chosen{end}"
        ).to_arrow_table()
    except duckdb.Error as error:
        raise CustomerFileError(
            f"{path.name}: DuckDB says: {first_line(error)}"
        ) from None
    finally:
        connection.close()
    return RawTable(path.name, "DuckDB", table, np.arange(1, table.num_rows + 1))


def read_database(
    url: str, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a table or query of a database, given by its SQLAlchemy URL."""
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    try:
        parsed = sqlalchemy.engine.make_url(url)
        name = parsed.render_as_string(hide_password=True)
        engine = sqlalchemy.create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # The error may repeat the URL, and with it a password.
        raise CustomerFileError(
            f"{re.sub('//.*@', '//***@', url)} cannot be opened: "
            f"{type(error).__name__}: is it a SQLAlchemy URL such as "
            "postgresql+psycopg://host/name, and is its driver installed?"
        ) from None
    read = [0]
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(
                stream_results=True, postgresql_readonly=True
            )
            tables = [] if rule.query else sqlalchemy.inspect(engine).get_table_names()
            query = write_query(name, tables, rule)
            result = connection.execute(sqlalchemy.text(query))
            # SQLAlchemy forgets the cursor of a connection that breaks; we do not.
            with closing(result.cursor):
                held = list(result.keys())
                pieces = count_rows(result.partitions(ROWS_AT_ONCE), read)
                return gather(name, "database", held, columns, pieces, limit)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise CustomerFileError(
            f"{name}: reading ended after {read[0]:,} rows, none of which are used: "
            f"{first_line(cause)}"
        ) from None
    finally:
        engine.dispose()


def count_rows(pieces: Iterable[Sequence], read: list[int]) -> Iterator[Sequence]:
    """Pass pieces on and keep count of their rows, for the message if it breaks."""
    for piece in pieces:
        read[0] += len(piece)
        yield piece


def write_query(name: str, tables: list[str], rule: SourceRule) -> str:
    """Return the query of a mapping, or the one that reads its table."""
    if rule.query:
        return rule.query.strip().rstrip(";")
    if rule.table and rule.table not in tables:
        raise CustomerFileError(
            f"{name} has no table {rule.table!r}; it has {tables}."
            f"{did_you_mean(rule.table, tables)}"
        )
    if not rule.table and len(tables) != 1:
        raise CustomerFileError(
            f"{name} has the tables {tables}; name one in the mapping, [source] "
            'table = "...", or give a query = "select ...".'
        )
    table = (rule.table or tables[0]).replace('"', '""')
    return f'select * from "{table}"'


def gather(
    name: str,
    kind: str,
    held: list[str],
    columns: list[str] | None,
    pieces: Iterable[Sequence],
    limit: int | None,
) -> RawTable:
    """Put pieces of rows together as columns; each piece is let go of at once."""
    import pyarrow as pa

    wanted = choose_columns(name, held, columns)
    places = [held.index(column) for column in wanted]
    chunks: list[list[pa.Array]] = [[] for _ in wanted]
    n_rows = 0
    for piece in pieces:
        for chunk, place in zip(chunks, places, strict=True):
            chunk.append(build_column([row[place] for row in piece]))
        n_rows += len(piece)
        if limit is not None and n_rows >= limit:
            break
    arrays = [join_chunks(chunk) for chunk in chunks]
    table = pa.Table.from_arrays(arrays, names=wanted)
    return RawTable(name, kind, table, np.arange(1, n_rows + 1))


def build_column(values: list) -> pa.Array:
    """Turn Python values into a column; mixed kinds become the texts they show."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if kinds & {Decimal}:
        values = [float(v) if isinstance(v, Decimal) else v for v in values]
        kinds = (kinds - {Decimal}) | {float}
    try:
        if kinds <= {int, float}:
            # A whole number beyond 2^53 would change; as text it does not.
            large = any(isinstance(v, int) and abs(v) > 2**53 for v in values)
            if kinds != {int, float} or not large:
                return pa.array(values, pa.float64() if float in kinds else None)
        elif len(kinds) == 1 or kinds <= {datetime.datetime}:
            return pa.array(values)
    except (pa.ArrowException, OverflowError):
        pass
    return pa.array([None if v is None else str(v) for v in values], pa.string())


def join_chunks(chunks: list[pa.Array]) -> pa.ChunkedArray:
    """Join the pieces of a column; where kinds differ, as numbers or as texts."""
    import pyarrow as pa

    types = {chunk.type for chunk in chunks if chunk.type != pa.null()}
    if not types:
        return pa.chunked_array(chunks or [pa.array([], pa.string())])
    if len(types) == 1:
        kind = types.pop()
    elif types <= {pa.int64(), pa.float64()}:
        kind = pa.float64()
    else:
        kind = pa.string()
    return pa.chunked_array([chunk.cast(kind) for chunk in chunks], kind)


def first_line(error: BaseException) -> str:
    """Return the first line of what a driver says."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
