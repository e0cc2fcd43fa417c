"""Ids: whatever kind of column they come in, they come out as they were written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.customers.cells import Cells, encode_texts, sort_words
from recovery_research.customers.mapping_rules import FileMapping

if TYPE_CHECKING:
    import pyarrow as pa

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
