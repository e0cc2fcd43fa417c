"""Opening what customers come in: files by kind, databases by URL."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recovery_research import places
from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.mapping_rules import SourceRule
from recovery_research.near_names import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = {
    ".csv": "CSV", ".tsv": "CSV", ".txt": "CSV", ".parquet": "Parquet",
    ".pq": "Parquet", ".xlsx": "Excel", ".xlsm": "Excel", ".sqlite": "SQLite",
    ".sqlite3": "SQLite", ".db": "SQLite", ".duckdb": "DuckDB", ".ddb": "DuckDB",
}  # fmt: skip
# What the first bytes of a file say it is, whatever its name.
MAGIC = (
    (b"PAR1", 0, "Parquet"),
    (b"PK\x03\x04", 0, "Excel"),
    (b"SQLite format 3\x00", 0, "SQLite"),
    (b"DUCK", 8, "DuckDB"),
    (b"\xd0\xcf\x11\xe0", 0, "an old Excel workbook (.xls); save it as .xlsx"),
    (b"\x1f\x8b", 0, "a gzip archive; unpack it"),
    (b"\xff\xfe", 0, "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", 0, "UTF-16 text; save it as UTF-8"),
    (b"%PDF", 0, "a PDF"),
)
# Shipped, synthetic, each with a mapping of its name.
EXAMPLES = ("example", "example-orders", "example-complaints")
READABLE = ("CSV", "Parquet", "Excel", "SQLite", "DuckDB")
_URL = re.compile(r"[a-zA-Z][\w+.-]*://")


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """A table as it was read, nothing interpreted.

    Attributes
    ----------
    name : str
        File name, or URL without password.
    kind : str
        One of CSV, Parquet, Excel, SQLite, DuckDB, database.
    table : pyarrow.Table
        The columns asked for.
    rows : int64 array, shape (n_rows,)
        What each row is called in messages: in CSV and Excel the header is row 1
        and rows are counted as a spreadsheet does, elsewhere from 1.
    broken : tuple of (int, str)
        Rows that could not be read at all, and why; they are not in the table.
    """

    name: str
    kind: str
    table: pa.Table
    rows: NDArray[np.int64]
    broken: tuple[tuple[int, str], ...] = field(default=())


def read_source(
    source: str | Path,
    rule: SourceRule,
    *,
    columns: list[str] | None = None,
    limit: int | None = None,
) -> RawTable:
    """Read some columns of a file or a database.

    Parameters
    ----------
    source : path or str
        A CSV, Parquet, Excel, SQLite or DuckDB file; one of `EXAMPLES`; a SQLAlchemy
        URL; or
        ``env:NAME``, the name of an environment variable that holds either, so that
        no password need be written down.
    rule : SourceRule
        Which sheet, table or query.
    columns : list of str, optional
        Columns to read; by default all.
    limit : int, optional
        Read no more than about so many rows.

    Returns
    -------
    RawTable

    Raises
    ------
    CustomerFileError
        If it is not there, is not what its name says, is broken, or lacks a column.
    """
    text = resolve_reference(str(source))
    if text in EXAMPLES:
        text = str(places.data_path(f"examples/{text}.csv"))
    if _URL.match(text):
        from recovery_research.customers.databases import read_database

        return read_database(text, rule, columns=columns, limit=limit)
    path = find_file(text)
    if path is None:
        raise CustomerFileError(
            f"there is no file {text!r}; looked in {[str(p) for p in search_places()]}."
            f"{did_you_mean(Path(text).name, near_names(text))}"
        )
    kind = recognise(path)
    if kind in ("SQLite", "DuckDB"):
        from recovery_research.customers.databases import read_file_database as reader
    else:
        from recovery_research.customers.files import READERS

        reader = READERS[kind]
    return reader(path, rule, columns=columns, limit=limit)


def is_address(source: str) -> bool:
    """Return whether a source is a database's address, or a reference to one."""
    return bool(_URL.match(resolve_reference(source)))


def resolve_reference(source: str) -> str:
    """Return what an ``env:NAME`` stands for, anything else as it is."""
    if not source.startswith("env:"):
        return source
    value = os.environ.get(source.removeprefix("env:"))
    if not value:
        raise CustomerFileError(
            f"the environment variable {source.removeprefix('env:')!r} is not set; it "
            "should hold a path or a database URL."
        )
    return value


def search_places() -> list[Path]:
    """Return the folders that a relative path may start from."""
    # A notebook runs in its own folder; the shell's folder is where it was called.
    found = [Path.cwd()]
    called = Path(os.environ.get("PWD", "") or ".")
    root = places.project_root()
    for folder in (called, root, None if root is None else root / "data"):
        if folder is not None and folder.is_dir() and folder.resolve() not in found:
            found.append(folder.resolve())
    return found


def find_file(name: str | Path) -> Path | None:
    """Return the file of a name, looked for where it can be meant, or None.

    Raises
    ------
    CustomerFileError
        If two different files answer to the name.
    """
    path = Path(name).expanduser()
    if path.is_absolute():
        return path if path.is_file() else None
    there = {
        (folder / path).resolve(): None
        for folder in search_places()
        if (folder / path).is_file()
    }
    if len(there) > 1:
        raise CustomerFileError(
            f"{str(name)!r} is found twice, {[str(p) for p in there]}; give the whole "
            "path."
        )
    return next(iter(there), None)


def near_names(name: str) -> list[str]:
    """Return the names of the files beside the one that is not there."""
    folders = [(folder / name).parent for folder in search_places()]
    return [p.name for f in folders if f.is_dir() for p in f.iterdir() if p.is_file()]


def recognise(path: Path) -> str:
    """Return a file's kind; raise if its content is not what its name says."""
    named = SUFFIXES.get(path.suffix.lower())
    if named is None:
        raise CustomerFileError(
            f"{path.name}: files end in {sorted(SUFFIXES)}; got {path.suffix!r}. A "
            "database is given as a URL such as postgresql+psycopg://host/name."
        )
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise CustomerFileError(f"cannot open {path}: {error.strerror}.") from None
    if not head:
        raise CustomerFileError(f"{path.name} is empty: 0 bytes.")
    found = look_inside(head)
    if named == "SQLite" and found == "DuckDB":
        return "DuckDB"  # both call their files .db
    if found != named:
        remedy = (
            f"; rename it to end in {suffix_of(found)}" if found in READABLE else ""
        )
        raise CustomerFileError(
            f"{path.name} is named as {named}, but holds {found}{remedy}."
        )
    return named


def look_inside(head: bytes) -> str:
    """Return what the first bytes of a file say it is; CSV if plain text."""
    for magic, place, kind in MAGIC:
        if head[place : place + len(magic)] == magic:
            return kind
    if re.match(rb"\s*(<!doctype|<html|<\?xml|<table)", head, re.IGNORECASE):
        return "a web page or XML"
    if re.match(rb"\s*[\[{]\s*[\[{\"]", head):
        return "JSON"
    return "binary data of an unknown kind" if b"\0" in head else "CSV"


def suffix_of(kind: str) -> str:
    """Return the usual ending of a kind of file."""
    return next(suffix for suffix, named in SUFFIXES.items() if named == kind)


def choose_columns(name: str, held: list[str], wanted: list[str] | None) -> list[str]:
    """Return the columns to read; raise if one is missing or stands there twice."""
    repeated = sorted({column for column in held if held.count(column) > 1})
    repeated = [column for column in repeated if wanted is None or column in wanted]
    if repeated:
        raise CustomerFileError(f"{name} has the columns {repeated} more than once.")
    if wanted is None:
        return [column for column in held if column]
    missing = [column for column in wanted if column not in held]
    if missing:
        shown = held if len(held) <= 40 else [*held[:40], "..."]
        raise CustomerFileError(
            f"{name} has no column {', '.join(map(repr, missing))} that the mapping "
            f"names; it has {shown}.{did_you_mean(missing[0], held)}"
        )
    return wanted
