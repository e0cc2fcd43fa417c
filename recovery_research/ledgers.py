"""Reading the package's own tables, each row and each cell checked at the door."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from .near_names import did_you_mean

Row = TypeVar("Row", bound="LedgerRow")


class LedgerRow(BaseModel):
    """One row of a ledger: every column known, no column more."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LedgerError(ValueError):
    """A table of coefficients or policies that cannot be read as it stands."""


def read_ledger(path: Path, row_type: type[Row], *, key: str) -> list[Row]:
    """Read a CSV table whose rows are described by a pydantic model.

    Parameters
    ----------
    path : Path
        The table; its first line names the columns.
    row_type : type
        Model of one row; its fields are the columns.
    key : str
        Column that names the row; no two rows may share its value.

    Returns
    -------
    list of `row_type`

    Raises
    ------
    LedgerError
        Naming file, row, column, what came and what is allowed: if a column is
        missing or unknown, a cell cannot be read, or a row stands twice.
    """
    rows = read_rows(path, row_type)
    if not rows:
        raise LedgerError(f"{path.name} holds no row below its header.")
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        name = getattr(row, key)
        if name in seen:
            raise LedgerError(
                f"{path.name}, row {number}: {key} {name!r} stands already in row "
                f"{seen[name]}; each may stand once. Remove or rename one."
            )
        seen[name] = number
    return rows


def read_rows(path: Path, row_type: type[Row]) -> list[Row]:
    """Return the rows of a table, each checked."""
    try:
        # Spreadsheets write a byte order mark in front of UTF-8.
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            check_columns(path, reader.fieldnames or [], row_type)
            return [
                read_row(path, number, cells, row_type)
                for number, cells in enumerate(reader, start=2)
            ]
    except UnicodeDecodeError as error:
        raise LedgerError(
            f"{path.name} is not text in UTF-8 ({error.reason} at byte "
            f"{error.start}). Save it as CSV in UTF-8."
        ) from None


def check_columns(path: Path, found: Iterable[str], row_type: type[Row]) -> None:
    """Refuse a table that lacks a column or has one too many."""
    wanted = list(row_type.model_fields)
    found = list(found)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise LedgerError(
            f"{path.name} lacks column {missing[0]!r}; its columns must be {wanted}, "
            f"it has {found}."
        )
    extra = [name for name in found if name not in wanted]
    if extra:
        raise LedgerError(
            f"{path.name} has an unknown column {extra[0]!r}; its columns must be "
            f"{wanted}.{did_you_mean(extra[0], wanted)}"
        )


def read_row(path: Path, number: int, cells: dict, row_type: type[Row]) -> Row:
    """Turn one line of a table into a checked row."""
    if None in cells or None in cells.values():
        raise LedgerError(
            f"{path.name}, row {number}: the line has more or fewer cells than the "
            f"header's {len(row_type.model_fields)}. Quote texts that hold a comma."
        )
    try:
        return row_type(**cells)
    except ValidationError as error:
        first = error.errors()[0]
        column = first["loc"][0] if first["loc"] else "?"
        raise LedgerError(
            f"{path.name}, row {number}, column {column}: got {first['input']!r}; "
            f"{first['msg'][0].lower()}{first['msg'][1:]}."
        ) from None
