"""Several files joined by a query."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from recovery_research.customer_data.databases import LOCKED, ask_duckdb
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.queries import check_query
from recovery_research.customer_data.raw_tables import RawTable
from recovery_research.customer_data.readers import read_path


def join_files(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read the files that a query joins; each is a table called as its file.

    Values of text files are texts, so that no id loses a nought: a query that counts
    with them says ``cast(amount as double)``.
    """
    import duckdb

    if not rule.query:
        raise CustomerFileError(
            f"{path.name}: [source] files need a query that joins them, such as "
            'query = "select * from orders join customers using (customer)".'
        )
    query = check_query(path.name, rule.query)
    plain = replace(rule, files=(), query="", table="", sheet="")
    tables: dict[str, object] = {}
    told = []
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
