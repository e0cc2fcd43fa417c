"""Where a table's header is, among titles and questions, and what it names."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule

if TYPE_CHECKING:
    import pyarrow as pa

# Rows that are looked at to find the header.
LOOKED_AT = 30
# A title fills less of its row than this, a header more than that.
TITLE_FILLS, HEADER_FILLS = 0.6, 0.6
NUMERIC = r"[-+]?[\d.,:/\s-]*\d[\d.,:/\s%-]*"


@dataclass(frozen=True, slots=True)
class Header:
    """A table's header.

    Attributes
    ----------
    names : tuple of str
        Of the columns, each once.
    n_rows : int
        Rows up to the first of data.
    told : str
        What was skipped or joined, empty if the header is simply the first row.
    """

    names: tuple[str, ...]
    n_rows: int
    told: str = ""


def find_header(name: str, rows: list[list[str]], rule: SourceRule) -> Header:
    """Return the header of a table."""
    n_above = max(rule.skip_rows, 0)
    if rule.skip_rows < 0 and rule.header_rows == 1:
        # Names that stand above several columns look like a title.
        n_above = count_titles(rows)
    told = []
    if rule.skip_rows < 0:
        while n_above < len(rows) and not any(map(str.strip, rows[n_above])):
            n_above += 1
        titles = [" ".join(filter(str.strip, row)) for row in rows[:n_above]]
        if any(titles):
            told.append(
                f"the first {n_above} rows are taken for a title and skipped "
                f"({next(filter(None, titles))[:60]!r}); [source] skip_rows says "
                "otherwise"
            )
    stacked = rows[n_above : n_above + rule.header_rows]
    if not any(map(str.strip, (cell for row in stacked for cell in row))):
        raise CustomerFileError(
            f"{name}: the first row holds no column names."
            if n_above == 0 or not rows[n_above:]
            else f"{name}: row {n_above + 1} holds no column names."
        )
    n_rows = n_above + rule.header_rows
    names = join_header(stacked)
    if rule.header_rows == 1 and is_qualtrics(rows[n_rows : n_rows + 2]):
        n_rows += 2
        told.append(
            "the two rows below the column names, questions and Qualtrics' ImportId, "
            "are skipped"
        )
    return Header(tuple(name_columns(names)), n_rows, "; ".join(told))


def count_titles(rows: list[list[str]]) -> int:
    """Return how many rows above the header are titles or blank."""
    filled = [[cell for cell in row if cell.strip()] for row in rows]
    width = max(map(len, filled), default=0)
    first = next((k for k, row in enumerate(filled) if row), 0)
    if width < 2 or not filled or len(filled[first]) >= TITLE_FILLS * width:
        return 0
    for k in range(first + 1, len(filled)):
        cells = filled[k]
        if len(cells) >= max(2, HEADER_FILLS * width):
            looks_named = not any(re.fullmatch(NUMERIC, cell) for cell in cells)
            # A narrow first row above data is a header with rows that are broken.
            return k if looks_named and len(set(cells)) == len(cells) else 0
    return 0


def is_qualtrics(rows: list[list[str]]) -> bool:
    """Return whether two rows are the questions and import names of Qualtrics."""
    marked = [cell for cell in rows[1] if cell.strip()] if len(rows) == 2 else []
    return bool(marked) and all(
        re.match(r'\{\s*"ImportId"', cell.strip()) for cell in marked
    )


def join_header(stacked: list[list[str]]) -> list[str]:
    """Return one name a column; names that stand above several go before each."""
    width = max(map(len, stacked), default=0)
    joined: list[list[str]] = [[] for _ in range(width)]
    for level, row in enumerate(stacked):
        over = ""
        for k in range(width):
            said = row[k].strip() if k < len(row) else ""
            over = said or (over if level < len(stacked) - 1 else "")
            here = said or over
            if here and here not in joined[k]:
                joined[k].append(here)
    if len(stacked) == 1:
        return [cell.strip() or cell for cell in stacked[0]]
    return [" ".join(parts) for parts in joined]


def name_columns(held: list[str]) -> list[str]:
    """Return each column's name once: blank ones by place, repeated ones numbered."""
    names: list[str] = []
    for k, name in enumerate(held):
        if not name.strip():
            name = f"column {k + 1}"
        elif held.count(name) > 1:
            name = f"{name} ({held[: k + 1].count(name)})"
        while name in names or (name != held[k] and name in held):
            name += "_"
        names.append(name)
    return names


def build_column(values: list) -> pa.Array:
    """Turn Python values into a column; mixed kinds become the texts they show."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if kinds == {datetime.datetime, datetime.date}:
        values = [as_moment(value) for value in values]
        kinds = {datetime.datetime}
    try:
        if kinds <= {int, float}:
            # A whole number beyond 2^53 would change; as text it does not.
            large = any(isinstance(v, int) and abs(v) > 2**53 for v in values)
            if kinds != {int, float} or not large:
                return pa.array(values, pa.float64() if float in kinds else None)
        elif len(kinds) == 1 or kinds <= {datetime.datetime}:
            return pa.array(values)
    except (pa.ArrowException, OverflowError):
        pass
    return pa.array([None if v is None else show(v) for v in values], pa.string())


def as_moment(value: object) -> object:
    """Return a day as its first moment, anything else as it is."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value


def show(value: object) -> str:
    """Return a value as text; numbers without an exponent."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value)


def join_chunks(chunks: list[pa.Array]) -> pa.ChunkedArray:
    """Join the pieces of a column; where kinds differ, as numbers or as texts."""
    import pyarrow as pa

    types = {chunk.type for chunk in chunks if chunk.type != pa.null()}
    if not types:
        return pa.chunked_array(chunks or [pa.array([], pa.string())])
    if len(types) == 1:
        kind = types.pop()
    elif types <= {pa.int64(), pa.float64()}:
        kind = pa.float64()
    elif all(map(pa.types.is_decimal, types)):
        scale = max(each.scale for each in types)
        before = max(each.precision - each.scale for each in types)
        kind = pa.decimal256(min(76, before + scale), scale)
    else:
        kind = pa.string()
    if kind == pa.float64() and any(holds_large(chunk) for chunk in chunks):
        kind = pa.string()
    return pa.chunked_array([chunk.cast(kind) for chunk in chunks], kind)


def holds_large(chunk: pa.Array) -> bool:
    """Return whether whole numbers would change as floats."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_integer(chunk.type):
        return False
    most = pc.min_max(chunk).as_py()
    return most["max"] is not None and max(abs(most["min"]), abs(most["max"])) > 2**53
