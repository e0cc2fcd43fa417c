"""What stands in the cells of a column: numbers, yes or no, moments, texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.covariates import MOST_LEVELS
from recovery_research.customers.index_outcomes import NO, UNKNOWN, YES
from recovery_research.customers.mapping_rules import FileMapping

if TYPE_CHECKING:
    import pyarrow as pa

NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
LARGEST_NUMBER = 1e60
# Longer texts are narratives, not levels.
LONGEST_LEVEL = 200
OTHER = "other"


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A column read as one kind of value.

    Attributes
    ----------
    content : array
        float64 (numbers, NaN if unknown), int8 (1 yes, 0 no, -1 unknown), int64
        (numbers of texts, -1 if unknown).
    levels : tuple of str
        For texts: what the numbers stand for.
    unreadable : int64 array
        Places of the cells that hold something else.
    allowed : str
        What is allowed, for messages.
    """

    content: NDArray
    levels: tuple[str, ...]
    unreadable: NDArray[np.int64]
    allowed: str


class ColumnRefusedError(ValueError):
    """A column that as a whole cannot be what the mapping says."""


def read_cells(column: pa.ChunkedArray, kind: str, mapping: FileMapping) -> Cells:
    """Read a column as the kind of value that the mapping says.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        As it was read.
    kind : str
        ``yes_no``, ``number``, ``amount``, ``share``, ``category``, ``key`` or
        ``time``.
    mapping : FileMapping
        How values are written.

    Returns
    -------
    Cells
        Moments are numbers of weeks since 1970 in UTC, or as given if the mapping
        counts in weeks.

    Raises
    ------
    ColumnRefusedError
        If the column as a whole cannot be that: too many levels, mixed time zones.
    """
    from recovery_research.customers.moments import read_moments

    column = plain(column)
    if kind == "yes_no":
        return read_yes_no(column, mapping)
    if kind == "category":
        return read_levels(column, mapping)
    if kind == "key":
        return read_keys(column, mapping)
    if kind == "time" and mapping.time.unit == "dates":
        return read_moments(column, mapping)
    return read_numbers(column, mapping)


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without dictionary or large types, nested types refused."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain(column.cast(kind.value_type))
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise ColumnRefusedError(f"holds {kind}, not single values; unpack it first.")
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    return column.cast(pa.float64()) if pa.types.is_decimal(kind) else column


def is_text(column: pa.ChunkedArray) -> bool:
    """Return whether the cells are texts."""
    import pyarrow as pa

    return pa.types.is_string(column.type) or pa.types.is_large_string(column.type)


def blank_cells(column: pa.ChunkedArray, mapping: FileMapping) -> pa.ChunkedArray:
    """Return texts trimmed, with those that mean unknown as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(column)
    blanks = pa.array(["", *mapping.writing.blank], column.type)
    return pc.if_else(pc.is_in(trimmed, blanks), pa.scalar(None, column.type), trimmed)


def known_cells(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Mark the cells that hold something."""
    import pyarrow.compute as pc

    return pc.is_valid(column).to_numpy()


def read_numbers(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read numbers, unknown as NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    allowed = "a number, such as 12.50"
    good = None
    if is_text(column):
        column = blank_cells(column, mapping)
        if mapping.writing.decimal == ",":
            allowed = "a number, such as 12,50"
            column = pc.replace_substring(
                pc.if_else(pc.match_substring(column, "."), "?", column), ",", "."
            )
        known = known_cells(column)
        try:
            values = as_floats(column)
        except pa.ArrowInvalid:
            fits = pc.fill_null(pc.match_substring_regex(column, NUMBER), False)
            good = fits.to_numpy()
            values = as_floats(pc.if_else(fits, column, pa.scalar(None, column.type)))
    elif not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        if not pa.types.is_null(column.type):
            raise ColumnRefusedError(f"holds {column.type}, not numbers.")
        values, known = np.full(len(column), np.nan), np.zeros(len(column), bool)
    else:
        values = as_floats(column)
        known = ~np.isnan(values)
    # Infinity, and the text "nan" if it is not among the blanks.
    strange = known & ~(np.abs(values) <= LARGEST_NUMBER)
    if good is not None:
        strange |= known & ~good
    values[strange] = np.nan
    return Cells(values, (), np.flatnonzero(strange), allowed)


def as_floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return numbers as floats of our own, null as NaN."""
    import pyarrow as pa

    return np.array(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def read_yes_no(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read yes and no, unknown as -1."""
    import pyarrow as pa

    rule = mapping.writing
    allowed = f"yes ({', '.join(rule.yes)}), no ({', '.join(rule.no)}) or blank"
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        raise ColumnRefusedError(f"holds {column.type}, not yes or no.")
    code, levels = number_texts(column, mapping)
    known = {word.casefold(): YES for word in rule.yes}
    known |= {word.casefold(): NO for word in rule.no}
    said = [known.get(level.casefold(), -2) for level in levels]
    values = np.array([*said, UNKNOWN], dtype=np.int8)[code]
    strange = np.flatnonzero(values == -2)
    values[strange] = UNKNOWN
    return Cells(values, (), strange, allowed)


def read_levels(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read one of a few texts."""
    return check_levels(*number_texts(column, mapping))


def check_levels(code: NDArray[np.int64], levels: tuple[str, ...]) -> Cells:
    """Return one of a few texts; raise if they are not few or not short."""
    longest = max(map(len, levels), default=0)
    if longest > LONGEST_LEVEL:
        raise ColumnRefusedError(
            f"holds texts of up to {longest:,} characters: a narrative, not one of a "
            "few levels. Leave it out of the mapping."
        )
    if len(levels) > MOST_LEVELS:
        raise ColumnRefusedError(
            f"has {len(levels):,} different values, {MOST_LEVELS} is the most for a "
            f"category (such as {', '.join(map(repr, levels[:3]))}). Group them first, "
            'or map it as kind = "number" if they are amounts.'
        )
    allowed = f"one of {list(levels)}"
    return Cells(code, levels, np.array([], dtype=np.int64), allowed)


def read_common_levels(
    column: pa.ChunkedArray, mapping: FileMapping, others_below: int
) -> tuple[Cells, str]:
    """Read one of a few texts, rare ones as ``other``; say how many these were."""
    code, levels = number_texts(plain(column), mapping)
    counts = np.bincount(code[code >= 0], minlength=len(levels))
    rare = counts < others_below
    if not rare.any():
        return check_levels(code, levels), ""
    common = tuple(name for name, few in zip(levels, rare, strict=True) if not few)
    names = common if OTHER in common else (*common, OTHER)
    places = [
        names.index(OTHER if few else name)
        for name, few in zip(levels, rare, strict=True)
    ]
    cells = check_levels(np.array([*places, -1], dtype=np.int64)[code], names)
    told = (
        f"{int(rare.sum()):,} levels with fewer than {others_below} rows are {OTHER!r}"
    )
    return cells, f"{told} ({int(counts[rare].sum()):,} rows), as the mapping says"


def read_keys(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read names of customers or orders; numbers stay in the order of numbers."""
    import pyarrow as pa

    if pa.types.is_integer(column.type) and column.null_count == 0:
        values = column.to_numpy().astype(np.int64)
        return Cells(values, (), np.array([], dtype=np.int64), "a name or number")
    code, levels = number_texts(column, mapping)
    return Cells(code, levels, np.array([], dtype=np.int64), "a name or number")


def number_texts(
    column: pa.ChunkedArray, mapping: FileMapping
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Give the different texts of a column numbers in their order, -1 if unknown."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not is_text(column):
        if pa.types.is_floating(column.type):
            # Numbers with blanks among them come as floats: 7.0 is the name 7.
            whole = pc.all(pc.equal(column, pc.floor(column))).as_py()
            column = column.cast(pa.int64()) if whole else column
        column = column.cast(pa.string())
    coded = blank_cells(column, mapping).combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist() if coded.dictionary.null_count == 0 else []
    rank = np.argsort(np.array(names, dtype=object), kind="stable")
    back = np.empty(len(names) + 1, dtype=np.int64)
    back[rank], back[-1] = np.arange(len(names)), -1
    code = coded.indices.fill_null(len(names)).to_numpy()
    return back[code], tuple(names[k] for k in rank)


def name_keys(cells: Cells, rows: NDArray[np.bool_]) -> pd.Series:
    """Return the keys of some rows as they are called, whole numbers as such."""
    if not cells.levels:
        return pd.Series(cells.content[rows])
    table = np.array([*cells.levels, None], dtype=object)
    return pd.Series(table[cells.content[rows]])
