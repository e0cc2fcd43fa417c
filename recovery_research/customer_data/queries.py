"""A query that may be asked: one select, which reads and does nothing else."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from recovery_research.customer_data.issues import CustomerFileError

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
def limit_time(name: str, stop: object) -> Iterator[None]:
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
