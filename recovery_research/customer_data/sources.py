"""Opening what customers come in: files by kind, databases by URL."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recovery_research import paths
from recovery_research._checks import did_you_mean
from recovery_research.customer_data.issues import CustomerFileError, Finding
from recovery_research.customer_data.mapping_rules import SourceRule

if TYPE_CHECKING:
    import pyarrow as pa

_LOG = logging.getLogger(__name__)
# Shipped, synthetic, each with a mapping of its name.
EXAMPLES = ("example", "example-orders", "example-complaints")
_URL = re.compile(r"[a-zA-Z][\w+.-]*://")


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """A table as it was read, nothing interpreted.

    Attributes
    ----------
    name : str
        File name, or URL without password.
    kind : str
        Such as CSV, Parquet, Excel, SQLite, database.
    table : pyarrow.Table
        The columns asked for.
    rows : int64 array, shape (n_rows,)
        What each row is called in messages: in CSV and Excel the header is row 1
        and rows are counted as a spreadsheet does, elsewhere from 1.
    broken : tuple of (int, str)
        Rows that could not be read at all, and why; they are not in the table.
    told : tuple of Finding
        What was doubtful about reading it.
    labels : dict of str to dict of str to str
        By column, what its codes are called, where the file says so.
    marks : uint64 array or None
        Of a database, a number for each row that says which rows are wholly equal.
    whole : callable or None
        Of a file, reads it again with all of its columns.
    """

    name: str
    kind: str
    table: pa.Table
    rows: NDArray[np.int64]
    broken: tuple[tuple[int, str], ...] = field(default=())
    told: tuple[Finding, ...] = field(default=())
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    marks: NDArray[np.uint64] | None = None
    whole: Callable[[], RawTable] | None = None


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
        A file (text, JSON, Excel, OpenDocument, Parquet, Feather, SPSS, Stata, SAS,
        SQLite, DuckDB, or gzip or zip of these), known by its bytes, not its name;
        one of `EXAMPLES`; a SQLAlchemy URL; or ``env:NAME``, the name of an
        environment variable that holds either, so that no password need be written
        down.
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
        If it is not there, is no table, is broken, or lacks a column.
    """
    text = resolve_reference(str(source))
    if text in EXAMPLES:
        text = str(paths.data_path(f"examples/{text}.csv"))
    if _URL.match(text):
        from recovery_research.customer_data.databases import read_database

        return read_database(text, rule, columns=columns, limit=limit)
    path = find_file(text)
    if path is None:
        raise CustomerFileError(
            f"there is no file {text!r}; looked in {[str(p) for p in search_places()]}."
            f"{did_you_mean(Path(text).name, near_names(text))}"
        )
    if rule.files:
        from recovery_research.customer_data.joined_files import join_files

        return join_files(path, rule, columns=columns, limit=limit)
    from recovery_research.customer_data.readers import read_path

    raw = read_path(path, rule, columns=columns, limit=limit)
    n = raw.table.num_rows
    _LOG.debug(
        "read %s: %s, %s rows of %s", path, raw.kind, f"{n:,}", raw.table.column_names
    )
    if raw.marks is not None:
        return raw

    def read_again() -> RawTable:
        return read_path(path, rule, columns=None, limit=None)

    return replace(raw, whole=read_again)


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
    root = paths.project_root()
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
    # As in a shell, a name that begins with a dot is looked for here and nowhere else.
    if path.is_absolute() or str(name).startswith(("./", "../")):
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


def choose_columns(name: str, held: list[str], wanted: list[str] | None) -> list[str]:
    """Return the columns to read; raise if one is missing."""
    if wanted is None:
        return held
    missing = [column for column in wanted if column not in held]
    if missing:
        shown = held if len(held) <= 40 else [*held[:40], "..."]
        again = [f"{missing[0]} ({k})" for k in (1, 2)]
        twice = (
            f" It stands there more than once: say which, {again[0]!r} or {again[1]!r}."
            if again[1] in held
            else did_you_mean(missing[0], held)
        )
        raise CustomerFileError(
            f"{name} has no column {', '.join(map(repr, missing))} that the mapping "
            f"names; it has {shown}.{twice}"
        )
    return wanted
