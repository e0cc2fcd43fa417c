"""Reading JSON: a list of records, one record a line, or columns by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from recovery_research.customers.build_columns import build_column
from recovery_research.customers.encodings import open_text
from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.mapping_rules import SourceRule
from recovery_research.customers.size_limits import refuse_size
from recovery_research.customers.sources import RawTable, choose_columns
from recovery_research.near_names import did_you_mean

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
    """Return the table named of a document, or all of it if none is.

    Raises
    ------
    CustomerFileError
        If it has no table of that name, or several and none is named.
    """
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
