"""Where customers come from: a file, several joined by a query, a database."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from pathlib import Path

from recovery_research import paths
from recovery_research._checks import did_you_mean
from recovery_research._extras import explaining_extras
from recovery_research.customer_data.databases import (
    LOCKED,
    ask_duckdb,
    check_query,
    find_database_file,
    read_database,
)
from recovery_research.customer_data.file_readers import read_path
from recovery_research.customer_data.issues import CustomerFileError, Finding
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.raw_tables import RawTable


def join_files(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read the files that a query joins; each is a table called as its file.

    Values of text files are texts, so that no id loses a nought: a query that counts
    with them says ``cast(amount as double)``.
    """
    with explaining_extras():
        import duckdb

    if not rule.query:
        raise CustomerFileError(
            f"{path.name}: [source] files need a query that joins them, such as "
            'query = "select * from orders join customers using (customer)".'
        )
    query = check_query(path.name, rule.query)
    plain = replace(rule, files=(), query="", table="", sheet="")
    tables: dict[str, object] = {}
    told: list[Finding] = []
    for each in dict.fromkeys([path, *(path.parent / name for name in rule.files)]):
        if not each.is_file():
            raise CustomerFileError(
                f"{path.name}: [source] files names {each.name!r}, which is not beside "
                f"it in {path.parent}."
            )
        name = name_table(each)
        if name in tables:
            raise CustomerFileError(
                f"{path.name}: two files would be the table {name!r}; rename one."
            )
        raw = read_path(each, plain, columns=None, limit=None)
        tables[name], told = raw.table, [*told, *raw.told]
    connection = duckdb.connect(":memory:", config=LOCKED)
    try:
        for name, table in tables.items():
            connection.register(name, table)
        raw = ask_duckdb(connection, path.name, query, columns, limit)
    finally:
        connection.close()
    return replace(raw, kind="files joined", told=tuple(told))


def name_table(path: Path) -> str:
    """Return the name of a file's table in a query: its own, before the first point."""
    return re.sub(r"\W+", "_", path.name.split(".")[0]).strip("_") or "table"


_LOG = logging.getLogger(__name__)
# Shipped, synthetic, each with a mapping of its name.
EXAMPLES = ("example", "example-orders", "example-complaints")
_URL = re.compile(r"[a-zA-Z][\w+.-]*://")


def read_source(
    source: str | Path,
    rule: SourceRule,
    *,
    columns: list[str] | None = None,
    limit: int | None = None,
) -> RawTable:
    """Read some columns of a file or a database."""
    text = resolve_reference(str(source))
    if is_example(text):
        text = str(paths.data_path(f"examples/{text}.csv"))
    if _URL.match(text):
        at = find_database_file(text)
        if at is not None:
            return read_path(at, rule, columns=columns, limit=limit)
        return read_database(text, rule, columns=columns, limit=limit)
    path = find_file(text)
    if path is None:
        raise CustomerFileError(
            f"there is no file {text!r}; looked in {[str(p) for p in search_places()]}."
            f"{did_you_mean(Path(text).name, near_names(text))}"
        )
    if rule.files:
        return join_files(path, rule, columns=columns, limit=limit)
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


def is_example(source: str | Path) -> bool:
    """Tell whether a source is an example that comes with the package.

    Parameters
    ----------
    source : str or path
        As `read_customers` takes it.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_example("example-orders"), is_example("mine.csv")
    (True, False)
    """
    return str(source) in EXAMPLES


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
    """Return the file of a name, looked for where it can be meant, or None."""
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
