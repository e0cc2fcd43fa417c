"""Two tables compared, row by row under the rows' names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median

from recovery_research.reporting.table_keys import (
    Row,
    find_keys,
    name_rows,
    read_number,
)

# What two machines, or two orders of adding up, make of the same number.
NOISE = 1e-12
# Columns that have the unit of the row's `std_error`.
OF_ONE_UNIT = ("estimate", "ci_low", "ci_high", "std_error", "mean", "difference")
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class CellChange:
    """One cell that differs.

    Attributes
    ----------
    table : str
        Name of the table.
    row : str
        What names the row, such as ``policy=service, week=3``; the number of the row,
        counted from 1, if nothing does.
    column : str
        Name of the column.
    before, after : str
        Full precision, as kept; empty where nothing stands.
    std_error : float or None
        Standard error of the number, if the table has it.
    blur : float or None
        That, or what the row's interval lets one think of it: changes much smaller
        mean nothing.
    size : float
        How large the change is, in such errors if there are any, otherwise beside the
        number itself; infinite for what is no number.
    """

    table: str
    row: str
    column: str
    before: str
    after: str
    std_error: float | None
    blur: float | None
    size: float

    @property
    def change(self) -> float | None:
        """After minus before; None for what is no number."""
        old, new = read_number(self.before), read_number(self.after)
        if old is None or new is None or not math.isfinite(new - old):
            return None
        return new - old


@dataclass(frozen=True, slots=True)
class TableDifference:
    """How one table differs between two runs.

    Attributes
    ----------
    name : str
        Name of the table.
    only_in : str or None
        ``before`` or ``after`` if one run alone has it.
    keys : tuple of str
        Columns that name its rows.
    n_before, n_after : int
        How many rows it has.
    rows_before, rows_after : tuple of str
        Names of rows that one run alone has.
    columns_before, columns_after : tuple of str
        Columns that one run alone has.
    cells : tuple of CellChange
        Cells that differ, in rows that both have; the largest change first.
    n_noise : int
        Cells that differ by no more than the tolerance.
    """

    name: str
    only_in: str | None = None
    keys: tuple[str, ...] = ()
    n_before: int = 0
    n_after: int = 0
    rows_before: tuple[str, ...] = ()
    rows_after: tuple[str, ...] = ()
    columns_before: tuple[str, ...] = ()
    columns_after: tuple[str, ...] = ()
    cells: tuple[CellChange, ...] = ()
    n_noise: int = 0

    @property
    def same(self) -> bool:
        """Whether nothing differs by more than the tolerance."""
        return self.only_in is None and not any(
            (self.rows_before, self.rows_after, self.columns_before,
             self.columns_after, self.cells)
        )  # fmt: skip


def compare_tables(
    name: str,
    before: list[list[str]],
    after: list[list[str]],
    *,
    rtol: float = NOISE,
    atol: float = 0.0,
) -> TableDifference:
    """Compare a table of two runs.

    Parameters
    ----------
    name : str
        Name of the table.
    before, after : list of list of str
        Its lines, the heading first.
    rtol, atol : float, optional
        Numbers are the same if they differ by no more than ``atol + rtol * |before|``,
        or by what rounding makes of numbers as large as is usual in the column.

    Returns
    -------
    TableDifference
    """
    heads = [_settle_head(lines[0] if lines else []) for lines in (before, after)]
    old, new = (
        # A line that ends early lacks its last cells.
        [dict(zip_longest(head, line[: len(head)], fillvalue="")) for line in lines[1:]]
        for head, lines in zip(heads, (before, after), strict=True)
    )
    keys = find_keys(old, new)
    named = name_rows(keys, old), name_rows(keys, new)
    both = [key for key in named[0] if key in named[1]]
    columns = [column for column in heads[0] if column in heads[1]]
    pairs = [(_say_row(keys, *key), named[0][key], named[1][key]) for key in both]
    cells, n_noise = [], 0
    for column in columns:
        found, noise = _compare_column(name, column, pairs, rtol=rtol, atol=atol)
        cells += found
        n_noise += noise
    cells.sort(key=lambda cell: -cell.size)
    return TableDifference(
        name=name,
        keys=keys,
        n_before=len(old),
        n_after=len(new),
        rows_before=tuple(_say_row(keys, *k) for k in named[0] if k not in named[1]),
        rows_after=tuple(_say_row(keys, *k) for k in named[1] if k not in named[0]),
        columns_before=tuple(c for c in heads[0] if c not in heads[1]),
        columns_after=tuple(c for c in heads[1] if c not in heads[0]),
        cells=tuple(cells),
        n_noise=n_noise,
    )


def _settle_head(head: Sequence[str]) -> list[str]:
    """Return a heading in which no column is called as another."""
    seen: dict[str, int] = {}
    settled = []
    for name in head:
        seen[name] = seen.get(name, 0) + 1
        settled.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return settled


def _say_row(keys: Sequence[str], name: tuple[str, ...], number: int) -> str:
    if not keys:
        return f"row {number + 1}"
    said = ", ".join(
        f"{key}={_say(text)}" for key, text in zip(keys, name, strict=True)
    )
    return said if number == 0 else f"{said}, number {number + 1} of these"


def _say(text: str) -> str:
    return text.removesuffix(".0") if read_number(text) is not None else text


def _compare_column(
    table: str,
    column: str,
    pairs: Iterable[tuple[str, Row, Row]],
    *,
    rtol: float,
    atol: float,
) -> tuple[list[CellChange], int]:
    differing = [
        (row, old, new) for row, old, new in pairs if old[column] != new[column]
    ]
    if not differing:
        return [], 0
    usual = _find_usual(
        value for _, old, new in pairs for value in (old[column], new[column])
    )
    changed, n_noise = [], 0
    for row, old, new in differing:
        before, after = old[column], new[column]
        gap = _measure_gap(before, after)
        allowed = atol + rtol * abs(read_number(before) or 0.0)
        # An infinite number is not the same as any other, whatever its share is.
        if math.isfinite(gap) and gap <= max(allowed, min(rtol, NOISE) * usual):
            n_noise += 1
            continue
        error = _find_error(column, old, new)
        blur = error or _guess_error(column, old, new)
        size = gap / (blur or _find_largest(before, after)) if gap < math.inf else gap
        values = (before, after, error, blur, size)
        changed.append(CellChange(table, row, column, *values))
    return changed, n_noise


def _measure_gap(before: str, after: str) -> float:
    """Return by how much two cells differ; infinite if that is not a number."""
    old, new = read_number(before), read_number(after)
    if old is None or new is None:
        return math.inf
    if old == new:  # also -0.0 and 0.0, 1 and 1.0, inf and Infinity
        return 0.0
    gap = abs(new - old)
    return gap if math.isfinite(gap) else math.inf


def _find_usual(values: Iterable[str]) -> float:
    """Return the size that is usual in a column; 0 if nothing but zeros are there."""
    numbers = [abs(number) for number in map(read_number, values) if number]
    finite = [number for number in numbers if math.isfinite(number)]
    return median(finite) if finite else 0.0


def _find_largest(before: str, after: str) -> float:
    return max(abs(float(before)), abs(float(after)))


def _find_error(column: str, old: Mapping, new: Mapping) -> float | None:
    names = [f"{column}_std_error"]
    if column in OF_ONE_UNIT:
        names.append("std_error")
    for name in names:
        errors = [read_number(row.get(name)) for row in (old, new)]
        known = [e for e in errors if e is not None and math.isfinite(e) and e > 0]
        if known:
            return max(known)
    return None


def _guess_error(column: str, old: Mapping, new: Mapping) -> float | None:
    """Return a quarter of the row's interval, for columns that have its unit."""
    widths = []
    for row in (old, new):
        low, high = (read_number(row.get(name)) for name in ("ci_low", "ci_high"))
        if column in OF_ONE_UNIT and low is not None and high is not None:
            widths.append((high - low) / 4)
    known = [width for width in widths if math.isfinite(width) and width > 0]
    return max(known, default=None)
