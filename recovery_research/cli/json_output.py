"""What commands print as JSON: one document, for programs and not for readers."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import PurePath

import click

JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document instead of a table."
)


def print_json(document: object) -> None:
    """Print a document, alone, on standard output."""
    click.echo(write_json(document))


def write_json(document: object) -> str:
    """Write a document as JSON that every reader of JSON takes."""
    return json.dumps(make_plain(document), indent=1, allow_nan=False)


def make_plain(value: object) -> object:
    """Turn tables, results and times into what JSON has.

    Nothing is rounded. A table is a list of records, a time is UTC and ends in ``Z``,
    a number that is not there is null, and an infinite one the text ``Infinity``.

    Examples
    --------
    >>> make_plain({"ci_low": float("-inf"), "p": float("nan"), "n": 3})
    {'ci_low': '-Infinity', 'p': None, 'n': 3}
    """
    if value is None or (isinstance(value, bool | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return make_plain(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _write_float(float(value))
    if isinstance(value, datetime):
        return _write_moment(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date | PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(make_plain(key)): make_plain(each) for key, each in value.items()}
    if is_dataclass(value):
        return {each.name: make_plain(getattr(value, each.name))
                for each in fields(value)}  # fmt: skip
    return _make_plain_of_libraries(value)


def _make_plain_of_libraries(value: object) -> object:
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(value, pandas.DataFrame):
            rows = value.itertuples(index=False, name=None)
            return [make_plain(dict(zip(value, row, strict=True))) for row in rows]
        if value is pandas.NA or value is pandas.NaT:
            return None
    if isinstance(value, list | tuple):
        return [make_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted((make_plain(each) for each in value), key=str)
    if hasattr(value, "tolist"):  # of NumPy: a number, a truth or an array
        return make_plain(value.tolist())
    return str(value)


def _write_float(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else f"{'-' * (value < 0)}Infinity"


def _write_moment(value: datetime) -> str | None:
    if value != value:  # pandas' NaT is a datetime, too
        return None
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
