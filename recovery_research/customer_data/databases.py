"""Tables read out of databases, by one select that reads and does nothing else."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from recovery_research._checks import did_you_mean
from recovery_research._extras import (
    MissingExtraError,
    explain_missing,
    explaining_extras,
)
from recovery_research.customer_data.headers import (
    build_column,
    join_chunks,
    name_columns,
)
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.raw_tables import RawTable, choose_columns
from recovery_research.customer_data.text_rows import refuse_size

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from sqlalchemy import URL, Dialect

MOST_SECONDS = 1800.0
# Read further than this and it is no table of customers.
MOST_ROWS = 200_000_000
STEPS_BETWEEN_LOOKS = 100_000
# One mark after the other: what stands in quotes or comments is no word of the query.
TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/|\#[^\n]*)"
    r"|(?P<quoted>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`"
    r"|(?P<tag>\$\w*\$).*?(?P=tag))"
    r"|(?P<word>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<mark>.)",
    re.DOTALL,
)
FORBIDDEN = frozenset((
    "insert", "update", "delete", "merge", "replace", "upsert", "drop", "create",
    "alter", "truncate", "rename", "grant", "revoke", "copy", "attach", "detach",
    "vacuum", "analyze", "reindex", "cluster", "call", "exec", "execute", "do",
    "declare", "begin", "commit", "rollback", "savepoint", "set", "reset", "lock",
    "unlock", "load", "install", "import", "export", "pragma", "listen", "notify",
    "prepare", "deallocate", "refresh", "comment", "handler", "use", "shutdown",
    "kill", "into", "outfile", "dumpfile", "openrowset", "opendatasource",
    "openquery", "bulk",
))  # fmt: skip
# Functions that reach beyond the tables, or change what stands there.
REACHING = re.compile(
    r"pg_(read|write|ls|stat_file|terminate|cancel|reload|rotate|promote|sleep|notify|"
    r"logical|create|drop|switch|advisory|try_advisory|file).*|lo_\w+|dblink\w*|"
    r"(next|set)val|set_config|load_file|load_extension|sys_(exec|eval)|xp_\w+|sp_\w+|"
    r"utl_\w+|dbms_\w+|query_to_xml\w*|database_to_xml\w*|sleep|benchmark|writefile|"
    r"readfile|edit|fts3_tokenizer|read_(csv|parquet|json|text|blob|ndjson|xlsx)\w*|"
    r"parquet_scan|glob|sqlite_scan|postgres_(scan|query)\w*|mysql_(scan|query)\w*|"
    r"getenv|httpfs\w*",
    re.IGNORECASE,
)
READING = frozenset(
    (
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    )
)


def check_query(name: str, query: str) -> str:
    """Return a query without comments and last semicolon; raise unless one select."""
    words, marks, kept = [], [], []
    for found in TOKEN.finditer(query):
        if found["comment"] is not None:
            if found["comment"].startswith(("/*!", "/*+", "#")):
                raise refuse(name, f"it holds {found['comment'][:20]!r}")
            kept.append(" ")
            continue
        kept.append(found.group())
        if found["quoted"] is not None:
            if "\\" in found["quoted"]:
                raise refuse(name, "a text in it holds a backslash")
            continue
        if found["word"] is not None:
            words.append((found["word"].lower(), found.end()))
        elif found["mark"] is not None and not found["mark"].isspace():
            marks.append(found["mark"])
    if any(mark in marks for mark in "'\"`"):
        raise refuse(name, "a quote in it is not closed")
    body = "".join(kept).strip()
    if marks.count(";") > body.endswith(";"):
        raise refuse(name, "it is several statements")
    first = words[0][0] if words else ""
    if first not in ("select", "with"):
        raise refuse(name, f"it begins with {first!r}" if first else "it is empty")
    for word, end in words:
        is_call = query[end:].lstrip().startswith("(")
        if word in FORBIDDEN and not (is_call and word in ("replace", "left", "set")):
            raise refuse(name, f"it says {word!r}")
        if is_call and REACHING.fullmatch(word):
            raise refuse(name, f"it calls {word}(...)")
    return body.removesuffix(";").rstrip()


def refuse(name: str, why: str) -> CustomerFileError:
    """Return the error of a query that is not asked."""
    return CustomerFileError(
        f"{name}: [source] query is not asked: {why}. A source is only read: write one "
        'select, such as query = "select * from orders"; a column called like a '
        "command goes into double quotes."
    )


@contextmanager
def guard_sqlite(connection: sqlite3.Connection, name: str) -> Iterator[None]:
    """Let a SQLite connection read and do nothing else, for a limited time."""
    left = threading.Event()
    timer = threading.Timer(MOST_SECONDS, left.set)
    timer.daemon = True

    def allow(action: int, first: str | None, second: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_FUNCTION and REACHING.fullmatch(second or ""):
            return sqlite3.SQLITE_OK if second == "glob" else sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY

    connection.set_authorizer(allow)
    connection.set_progress_handler(left.is_set, STEPS_BETWEEN_LOOKS)
    timer.start()
    try:
        yield
    except sqlite3.OperationalError:
        if left.is_set():
            raise took_too_long(name) from None
        raise
    finally:
        timer.cancel()


@contextmanager
def limit_time(name: str, stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` if what is done takes too long."""
    late = threading.Event()

    def end() -> None:
        late.set()
        stop()

    timer = threading.Timer(MOST_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if late.is_set():
            raise took_too_long(name) from None
        raise
    finally:
        timer.cancel()


def took_too_long(name: str) -> CustomerFileError:
    """Return the error of a query that was stopped."""
    return CustomerFileError(
        f"{name}: the query took more than {MOST_SECONDS / 60:.0f} minutes and was "
        "stopped; ask for fewer rows, or write its result to a file once."
    )


def check_count(name: str, n_rows: int) -> None:
    """Raise if more rows come than a table may have."""
    if n_rows > MOST_ROWS:
        raise CustomerFileError(
            f"{name}: the query gives more than {MOST_ROWS:,} rows and was stopped; "
            "ask for fewer."
        )


ROWS_AT_ONCE = 50_000
# Nothing but the file is reached, and that stays so.
LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "lock_configuration": "true",
}
CASTS = " (Columns of text files are texts: write cast(amount as double).)"
# Settings of a transaction that only reads, and not for ever, by kind of database.
SETTINGS = {
    "mysql": ("set transaction read only",),
    "mariadb": ("set transaction read only",),
    "oracle": ("set transaction read only",),
    "postgresql": (
        f"set local statement_timeout = {int(1000 * MOST_SECONDS)}",
        "set local transaction read only",
    ),
}


def read_sqlite(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a SQLite file, which stays unchanged."""
    # Opened as what cannot change, no file appears beside it; one that is being
    # written to has its news in a file beside it, and is opened to read alone.
    is_written = Path(f"{path}-wal").exists() or Path(f"{path}-journal").exists()
    how = "mode=ro" if is_written else "mode=ro&immutable=1"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{how}", uri=True, check_same_thread=False
    )
    try:
        listed = connection.execute(
            "select name from sqlite_master where type in ('table', 'view') "
            "and name not like 'sqlite_%' order by name"
        )
        query = write_query(path.name, [row[0] for row in listed], rule)
        with guard_sqlite(connection, path.name):
            cursor = connection.execute(query)
            held = [column[0] for column in cursor.description]
            pieces = iter(lambda: cursor.fetchmany(ROWS_AT_ONCE), [])
            return gather(path.name, "SQLite", held, columns, pieces, limit)
    except sqlite3.Error as error:
        raise CustomerFileError(f"{path.name}: SQLite says: {error}.") from None
    finally:
        connection.close()


def read_duckdb(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a DuckDB file, which stays unchanged."""
    with explaining_extras():
        import duckdb

    try:
        connection = duckdb.connect(str(path), read_only=True, config=LOCKED)
    except duckdb.Error as error:
        raise CustomerFileError(
            f"{path.name}: DuckDB says: {first_line(error)}"
        ) from None
    try:
        listed = connection.execute(
            "select table_name from information_schema.tables order by table_name"
        ).fetchall()
        query = write_query(path.name, [row[0] for row in listed], rule)
        return ask_duckdb(connection, path.name, query, columns, limit)
    finally:
        connection.close()


def ask_duckdb(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    query: str,
    columns: list[str] | None,
    limit: int | None,
) -> RawTable:
    """Ask a query of a DuckDB connection that can only read."""
    import duckdb

    try:
        statements = duckdb.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise refuse(name, "it is not one select")
        with limit_time(name, connection.interrupt):
            described = connection.execute(f"describe {query}").fetchall()
            held = name_columns([row[0] for row in described])
            wanted = choose_columns(name, held, columns)
            listed = ", ".join(map(in_quotes, held))
            chosen = ", ".join(map(in_quotes, wanted))
            end = f"limit {MOST_ROWS + 1 if limit is None else int(limit)}"
            mark = free_name("row_mark", held)
            table = connection.sql(
                f"select {chosen}, hash({listed}) as {in_quotes(mark)} "
                f"from ({query}) as chosen({listed}) {end}"
            ).to_arrow_table()
    except duckdb.Error as error:
        raise CustomerFileError(
            f"{name}: DuckDB says: {first_line(error)}{CASTS * is_about_types(error)}"
        ) from None
    check_count(name, table.num_rows)
    refuse_size(name, "the table", table.nbytes)
    marks = table.column(mark).to_numpy().astype(np.uint64)
    rows = np.arange(1, table.num_rows + 1)
    return RawTable(name, "DuckDB", table.select(wanted), rows, marks=marks)


def in_quotes(column: str) -> str:
    """Return a column's name as SQL takes it."""
    return '"' + column.replace('"', '""') + '"'


def free_name(name: str, held: list[str]) -> str:
    """Return a name that no column has."""
    while name in held:
        name += "_"
    return name


def is_about_types(error: BaseException) -> bool:
    """Return whether a query fails at texts that it takes for numbers."""
    return "VARCHAR" in str(error)


def parse_url(url: str) -> URL:
    """Return a SQLAlchemy URL's parts; raise if it is none or has no driver."""
    with explaining_extras():
        import sqlalchemy
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        parsed = sqlalchemy.engine.make_url(url)
        parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise refuse_url(url, error) from None
    return parsed


def refuse_url(url: str, error: Exception) -> Exception:
    """Return what is said of a URL that cannot be opened, without its password."""
    missing = explain_missing(error)
    if isinstance(missing, MissingExtraError):
        return missing
    # The error itself may repeat the URL.
    return CustomerFileError(
        f"{re.sub('//.*@', '//***@', url)} cannot be opened: "
        f"{type(error).__name__}: is it a SQLAlchemy URL such as "
        "postgresql+psycopg://host/name, and is its driver installed?"
    )


def find_database_file(url: str) -> Path | None:
    """Return the file of a database that is one, None for a server's.

    Where there is none, none is made.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() not in ("sqlite", "duckdb"):
        return None
    path = Path(parsed.database or "")
    if not parsed.database or not path.is_file():
        raise CustomerFileError(
            f"{parsed}: there is no file {str(path)!r}; nothing was made."
        )
    return path


def read_database(
    url: str, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a table or query of a database, given by its SQLAlchemy URL."""
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    parsed = parse_url(url)
    name = parsed.render_as_string(hide_password=True)
    try:
        engine = sqlalchemy.create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise refuse_url(url, error) from None
    read = [0]
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(
                stream_results=True, postgresql_readonly=True
            )
            tables = [] if rule.query else list_tables(engine)
            query = write_query(name, tables, rule, engine.dialect)
            for setting in SETTINGS.get(engine.dialect.name, ()):
                connection.exec_driver_sql(
                    setting, execution_options={"stream_results": False}
                )
            # A colon in a query is a colon, no name of a value to be filled in.
            result = connection.execute(sqlalchemy.text(query.replace(":", r"\:")))
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


def list_tables(engine: object) -> list[str]:
    """Return the names of a database's tables and views."""
    import sqlalchemy

    inspector = sqlalchemy.inspect(engine)
    return [*inspector.get_table_names(), *inspector.get_view_names()]


def count_rows(pieces: Iterable[Sequence], read: list[int]) -> Iterator[Sequence]:
    """Pass pieces on and keep count of their rows, for the message if it breaks."""
    for piece in pieces:
        read[0] += len(piece)
        yield piece


def write_query(
    name: str, tables: list[str], rule: SourceRule, dialect: Dialect | None = None
) -> str:
    """Return the query of a mapping, or the one that reads its table."""
    if rule.query:
        return check_query(name, rule.query)
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
    table = rule.table or tables[0]
    if dialect is not None:
        return f"select * from {dialect.identifier_preparer.quote_identifier(table)}"
    return f"select * from {in_quotes(table)}"


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

    held = name_columns(held)
    wanted = choose_columns(name, held, columns)
    places = [held.index(column) for column in wanted]
    chunks: list[list[pa.Array]] = [[] for _ in wanted]
    marks: list[NDArray] = [np.array([], dtype=np.uint64)]
    n_rows, n_bytes = 0, 0
    for piece in pieces:
        for chunk, place in zip(chunks, places, strict=True):
            chunk.append(build_column([row[place] for row in piece]))
            n_bytes += chunk[-1].nbytes
        hashes = [hash(repr(tuple(row))) for row in piece]
        marks.append(np.array(hashes, dtype=np.int64).view(np.uint64))
        n_rows += len(piece)
        check_count(name, n_rows)
        refuse_size(name, f"what was read so far, {n_rows:,} rows,", n_bytes)
        if limit is not None and n_rows >= limit:
            break
    arrays = [join_chunks(chunk) for chunk in chunks]
    table = pa.Table.from_arrays(arrays, names=wanted)
    rows = np.arange(1, n_rows + 1)
    return RawTable(name, kind, table, rows, marks=np.concatenate(marks))


def first_line(error: BaseException) -> str:
    """Return the first line of what a driver says."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
