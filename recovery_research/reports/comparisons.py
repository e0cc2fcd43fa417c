"""Two runs compared: what they were made of, and every cell of their tables."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from io import TextIOWrapper
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from recovery_research.reports.records import InputsRecord, RunRecord, read_record
from recovery_research.reports.report_folders import open_within
from recovery_research.reports.run_finder import write_value
from recovery_research.spreadsheet_cells import bare_cell

if TYPE_CHECKING:
    import pandas as pd

# What two machines, or two orders of adding up, make of the same number.
NOISE = 1e-12


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two runs.

    Attributes
    ----------
    part : str
        ``parameters``, ``code``, ``data`` or ``versions``.
    name : str
        What differs.
    before, after : str or None
        As it was in the first and in the second run; None where it was not.
    """

    part: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RunDifference:
    """How two runs differ.

    Attributes
    ----------
    before, after : RunRecord
        The two.
    changes : tuple of Change
        What they were made of.
    compared : tuple of TableDifference
        Every table that either run has.
    """

    before: RunRecord
    after: RunRecord
    changes: tuple[Change, ...]
    compared: tuple[TableDifference, ...]

    @property
    def tables(self) -> dict[str, bool]:
        """Whether each table is the same within the tolerance."""
        return {table.name: table.same for table in self.compared}

    @property
    def same_tables(self) -> bool:
        """Whether all tables are the same."""
        return all(table.same for table in self.compared)

    @property
    def cells(self) -> tuple[CellChange, ...]:
        """All cells that differ by more than the tolerance."""
        return tuple(cell for table in self.compared for cell in table.cells)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each cell that differs."""
        import pandas as pd

        names = [field.name for field in fields(CellChange)]
        return pd.DataFrame([asdict(cell) for cell in self.cells], columns=names)


def compare_runs(
    before: Path, after: Path, *, rtol: float = NOISE, atol: float = 0.0
) -> RunDifference:
    """Compare two runs."""
    if not (0 <= rtol < float("inf") and 0 <= atol < float("inf")):
        raise ValueError(f"tolerances are 0 or more; got rtol={rtol}, atol={atol}.")
    records = read_record(before), read_record(after)
    compared = []
    for name in sorted({n for record in records for n in _list_tables(record)}):
        old, new = (
            _read_table(folder, record, name)
            for folder, record in zip((before, after), records, strict=True)
        )
        if old is None or new is None:
            only = BEFORE if new is None else AFTER
            compared.append(TableDifference(name, only_in=only))
        else:
            compared.append(compare_tables(name, old, new, rtol=rtol, atol=atol))
    changes = compare_records(*records)
    return RunDifference(*records, tuple(changes), tuple(compared))


def compare_records(before: RunRecord, after: RunRecord) -> list[Change]:
    """Compare what two runs were made of."""
    tables = zip(_list_parts(before), _list_parts(after), strict=True)
    return [
        Change(part, name, old.get(name), new.get(name))
        for (part, old), (_, new) in tables
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _list_parts(record: RunRecord) -> list[tuple[str, Mapping[str, str | None]]]:
    traced, git = record.provenance, record.provenance.git
    inputs = record.inputs or InputsRecord()
    code = {
        "notebook": traced.notebook_sha256,
        "package": traced.package_sha256,
        "git commit": git.commit if git else None,
        "files differ from the commit": str(git.dirty).lower() if git else None,
        **traced.modules_sha256,
        **inputs.modules,
    }
    as_of = record.data_as_of
    data: dict[str, str | None] = {**traced.data_sha256, **traced.sources_sha256}
    # What is told under its label already is not told again.
    told = set(data.values())
    data |= {path: h for path, h in inputs.files.items() if h not in told}
    data |= {**inputs.folders, **inputs.listings}
    data |= {f"is there: {path}": there for path, there in inputs.presence.items()}
    data |= {f"time of {path}": time for path, time in inputs.times.items()}
    data |= {f"variable {name}": h for name, h in inputs.environment.items()}
    data["data as of"] = as_of.isoformat() if as_of else None
    versions = {"python": traced.python, "platform": traced.platform}
    return [
        ("parameters", {p.name: write_value(p.value) for p in record.parameters}),
        ("code", code),
        ("data", data),
        ("versions", {**versions, **traced.distributions}),
    ]


def _list_tables(record: RunRecord) -> Mapping[str, str]:
    return {e.name: e.file for e in record.exhibits if e.kind == "table"}


def _read_table(folder: Path, record: RunRecord, name: str) -> list[list[str]] | None:
    file = _list_tables(record).get(name)
    if file is None:
        return None
    try:
        with TextIOWrapper(open_within(folder, file), "utf-8", newline="") as lines:
            return [[bare_cell(cell) for cell in row] for row in csv.reader(lines)]
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"{record.run_id}: table {name!r}: {error}") from None


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
    """Compare a table of two runs."""
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


Row = dict[str, str]
LONGEST_NAME = 60
ENOUGH = 0.5
# What is counted or estimated names nothing, though it may tell rows apart.
RESULTS = re.compile(
    r"n|n_.*|count.*|estimate|ci_.*|std_error|mean.*|p_value|difference"
)
TRUTHS = {"True", "False", "true", "false"}


def find_keys(before: Sequence[Row], after: Sequence[Row]) -> tuple[str, ...]:
    """Find the columns that name the rows of two tables.

    Texts come first, from left to right, as many as it takes to tell all rows of
    either table apart. Whole numbers that are no counts, and other numbers that one
    table shares with the other, join them only if texts alone do not. Sentences and
    what is not needed are left out.

    Examples
    --------
    >>> rows = [{"policy": p, "week": w, "estimate": "0.1"}
    ...         for p in ("service", "silence") for w in ("1", "2")]
    >>> find_keys(rows, rows)
    ('policy', 'week')
    """
    shared = [
        name
        for name in (before[0] if before else {})
        if all(name in row for row in (*before[:1], *after[:1]))
    ]
    pairs = {name: _read_columns(name, before, after) for name in shared}
    texts = [name for name in shared if _is_name(*pairs[name])]
    every = [name for name in shared if name in texts or _may_name(name, *pairs[name])]
    keys: list[str] = []
    for candidates in (texts, every):
        keys = _choose(candidates, before, after)
        if _tells_apart(keys, before) and _tells_apart(keys, after):
            return _leave_out(keys, pairs, before, after)
    return tuple(keys)


def name_rows(
    keys: Sequence[str], rows: Sequence[Row]
) -> dict[tuple[tuple[str, ...], int], Row]:
    """Return rows by what names them, and how many of that name came before."""
    seen: Counter = Counter()
    named = {}
    for row in rows:
        name = tuple(_settle(row[key]) for key in keys)
        named[name, seen[name]] = row
        seen[name] += 1
    return named


def read_number(text: str | None) -> float | None:
    """Return the number a cell holds, or None if it holds none."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _read_columns(
    name: str, before: Sequence[Row], after: Sequence[Row]
) -> tuple[list[str], list[str]]:
    return [row[name] for row in before], [row[name] for row in after]


def _settle(text: str) -> str:
    """Return a cell so that 1 and 1.0 are the same name."""
    number = read_number(text)
    return text if number is None else repr(number)


def _is_name(before: list[str], after: list[str]) -> bool:
    there = {text for text in (*before, *after) if text}
    return (
        any(read_number(text) is None for text in there)
        and not there <= TRUTHS
        and max(map(len, there)) <= LONGEST_NAME
    )


def _may_name(name: str, before: list[str], after: list[str]) -> bool:
    """Return whether a column that is no text could help to tell rows apart."""
    there = {text for text in (*before, *after) if text}
    if not there or there <= TRUTHS:
        return bool(there)
    numbers = [read_number(text) for text in there]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers) or RESULTS.fullmatch(name):
        return False
    shares = _share(before, after)
    whole = all(number.is_integer() for number in known)
    return shares >= ENOUGH if whole else shares == 1.0


def _share(before: list[str], after: list[str]) -> float:
    """Return which part of the shorter column's values the other holds, too."""
    first, second = ({_settle(text) for text in texts} for texts in (before, after))
    shorter = min(len(first), len(second))
    return len(first & second) / shorter if shorter else 1.0


def _choose(
    candidates: list[str], before: Sequence[Row], after: Sequence[Row]
) -> list[str]:
    keys: list[str] = []
    told = (1, 1)
    for name in candidates:
        if all(_tells_apart(keys, rows) for rows in (before, after)):
            break
        tried = [*keys, name]
        now = (_count_names(tried, before), _count_names(tried, after))
        if now > told:
            keys.append(name)
            told = now
    return keys


def _leave_out(
    keys: list[str],
    pairs: dict[str, tuple[list[str], list[str]]],
    before: Sequence[Row],
    after: Sequence[Row],
) -> tuple[str, ...]:
    """Leave out what is not needed, first what the tables have least in common."""
    shares = {name: _share(*pairs[name]) for name in keys}
    for name in sorted(keys, key=lambda n: (shares[n], -keys.index(n))):
        fewer = [key for key in keys if key != name]
        if all(_tells_apart(fewer, rows) for rows in (before, after)):
            keys = fewer
    return tuple(keys)


def _count_names(keys: Sequence[str], rows: Sequence[Row]) -> int:
    return len({tuple(_settle(row[key]) for key in keys) for row in rows})


def _tells_apart(keys: Sequence[str], rows: Sequence[Row]) -> bool:
    return _count_names(keys, rows) == len(rows)
