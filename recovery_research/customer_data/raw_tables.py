"""A table as it was read, nothing interpreted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recovery_research._checks import did_you_mean
from recovery_research.customer_data.issues import CustomerFileError, Finding

if TYPE_CHECKING:
    import pyarrow as pa


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
