"""What stands in the cells of a column: numbers, yes or no, moments, texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.covariates import MOST_LEVELS
from recovery_research.analysis.order_logs import NO, UNKNOWN, YES
from recovery_research.customer_data.mapping_rules import FileMapping

if TYPE_CHECKING:
    import pyarrow as pa

# Longer texts are narratives, not levels.
LONGEST_LEVEL = 200
OTHER = "other"
# What one array of texts can hold.
MOST_BYTES = 2**31 - 1


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
    told : str
        What is doubtful about the column, empty if nothing is.
    told_kind : str
        Which kind of doubt that is, as `issues` has them.
    """

    content: NDArray
    levels: tuple[str, ...]
    unreadable: NDArray[np.int64]
    allowed: str
    told: str = ""
    told_kind: str = ""


class ColumnRefusedError(ValueError):
    """A column that as a whole cannot be what the mapping says."""


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
    return column


def is_text(column: pa.ChunkedArray) -> bool:
    """Return whether the cells are texts."""
    import pyarrow as pa

    return pa.types.is_string(column.type) or pa.types.is_large_string(column.type)


def blank_cells(
    column: pa.ChunkedArray | pa.Array, mapping: FileMapping
) -> pa.ChunkedArray | pa.Array:
    """Return texts trimmed, with those that mean unknown as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(column)
    if "" in mapping.writing.known:
        trimmed = pc.fill_null(trimmed, "")
    blanks = pa.array(mapping.writing.unknown_words(), column.type)
    return pc.if_else(pc.is_in(trimmed, blanks), pa.scalar(None, column.type), trimmed)


def known_cells(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Mark the cells that hold something."""
    import pyarrow.compute as pc

    return pc.is_valid(column).to_numpy()


def read_yes_no(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read yes and no, unknown as -1."""
    import pyarrow as pa

    rule = mapping.writing
    allowed = f"yes ({', '.join(rule.yes)}), no ({', '.join(rule.no)}) or blank"
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        raise ColumnRefusedError(f"holds {column.type}, not yes or no.")
    if pa.types.is_boolean(column.type):
        answers = column.cast(pa.int8()).fill_null(UNKNOWN).to_numpy()
        return Cells(answers, (), np.array([], dtype=np.int64), allowed)
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


def number_texts(
    column: pa.ChunkedArray, mapping: FileMapping
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Give the different texts of a column numbers in their order, -1 if unknown."""
    return sort_words(*encode_texts(column, mapping))


def sort_words(
    code: NDArray[np.int64], words: pa.Array
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Give different texts numbers in their order."""
    names = words.to_pylist()
    rank = np.argsort(np.array([*names, ""], dtype=object)[:-1], kind="stable")
    back = np.empty(len(names) + 1, dtype=np.int64)
    back[rank], back[-1] = np.arange(len(names)), -1
    return back[code], tuple(names[k] for k in rank)


def encode_texts(
    column: pa.ChunkedArray, mapping: FileMapping
) -> tuple[NDArray[np.int64], pa.Array]:
    """Return the different texts of a column, and each cell's place there or -1."""
    import pyarrow as pa

    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        column = show_numbers(column)
    if not is_text(column):
        column = column.cast(pa.string())
    if column.nbytes > MOST_BYTES:
        column = column.cast(pa.large_string())
    coded = column.combine_chunks().dictionary_encode("encode")
    code = coded.indices.to_numpy()
    # Texts repeat: they are trimmed and looked at once each, not once a cell.
    held = coded.dictionary
    words = blank_cells(held, mapping)
    if words.null_count == 0 and words.equals(held):
        return code.astype(np.int64), held
    again = words.dictionary_encode()
    place = again.indices.cast(pa.int64()).fill_null(-1).to_numpy()
    return place[code], again.dictionary


def show_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers as the texts they are written as: 7.0 is 7, 1e20 has 21 digits."""
    import pyarrow as pa

    coded = column.combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().combine_chunks()
    coded = coded.dictionary_encode()
    names = pa.array(
        [show_number(v) for v in coded.dictionary.to_pylist()], pa.string()
    )
    return pa.chunked_array([names.take(coded.indices)])


def show_number(value: object) -> str | None:
    """Return a number as a text, without an exponent."""
    if not isinstance(value, float):
        return None if value is None else f"{value:f}"
    if np.isnan(value):
        return None
    return f"{value:.0f}" if value.is_integer() else repr(value)


# A spreadsheet keeps so many digits of a number, a float whole numbers up to this.
DIGITS_KEPT, LARGEST_EXACT = 15, 2**53
# Ids of which so many digits in all are noughts by luck once in ten thousand files.
NOUGHTS = 4
ALLOWED = "a name or number"
# Without noughts in front, and of so few digits that 64 bits hold them.
WHOLE = "^(0|[1-9][0-9]{0,17})$"
NONE = np.array([], dtype=np.int64)


def read_keys(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read names of customers or orders; numbers stay in the order of numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    blanks = any(re.fullmatch(r"-?\d+", word) for word in mapping.writing.blank)
    plain = pa.types.is_integer(kind) and column.null_count == 0 and not blanks
    if plain and (kind != pa.uint64() or (pc.max(column).as_py() or 0) < 2**63):
        values = column.to_numpy().astype(np.int64)
        return Cells(values, (), NONE, ALLOWED, doubt_numbers(values), "ids")
    endless = NONE
    told = ""
    if pa.types.is_floating(kind):
        values = column.to_numpy()
        endless = np.flatnonzero(np.isinf(values))
        finite = values[np.isfinite(values)]
        if len(finite) and np.abs(finite).max() > LARGEST_EXACT:
            told = (
                "ids are floating-point numbers beyond 2^53, of which only the first "
                "15 digits are sure; ids that differ behind them have become one"
            )
    code, words = encode_texts(column, mapping)
    if len(words) and (code >= 0).all() and are_whole(words):
        # As numbers they are the same customers whatever kind of file they came in.
        numbers = words.cast(pa.int64()).to_numpy()
        told = told or doubt_numbers(numbers)
        return Cells(numbers[code], (), NONE, ALLOWED, told, "ids")
    code, levels = sort_words(code, words)
    return Cells(code, levels, endless, ALLOWED, told or doubt_texts(levels), "ids")


def are_whole(names: pa.Array) -> bool:
    """Return whether all names are whole numbers as a computer writes them."""
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(names, WHOLE)).as_py())


def doubt_numbers(values: NDArray[np.int64]) -> str:
    """Say if ids look as if a spreadsheet had rounded them."""
    if not len(values) or values.max() < 10**DIGITS_KEPT:
        return ""
    return doubt_texts(tuple(map(str, np.unique(values[values >= 10**DIGITS_KEPT]))))


def doubt_texts(levels: tuple[str, ...]) -> str:
    """Say if ids look as if a spreadsheet had rounded them."""
    shortened = [
        each for each in levels if re.fullmatch(r"\d([.,]\d+)?[eE]\+\d+", each)
    ]
    if shortened:
        return (
            f"{len(shortened):,} ids are written like {shortened[0]!r}: a spreadsheet "
            "shortened them, and different customers may have become one. Export the "
            "ids anew, as text"
        )
    long = [n for n in levels if n.isascii() and n.isdigit() and len(n) > DIGITS_KEPT]
    beyond = [name[DIGITS_KEPT:] for name in long]
    if sum(map(len, beyond)) >= NOUGHTS and not "".join(beyond).strip("0"):
        return (
            f"{len(long):,} ids, such as {long[0]}, have nothing but noughts behind "
            "their 15th digit: a spreadsheet rounded them, and different customers may "
            "have become one. Export the ids anew, as text"
        )
    return ""


def name_keys(cells: Cells, rows: NDArray[np.bool_]) -> pd.Series:
    """Return the keys of some rows as they are called, whole numbers as such."""
    if not cells.levels:
        return pd.Series(cells.content[rows])
    table = np.array([*cells.levels, None], dtype=object)
    return pd.Series(table[cells.content[rows]])
