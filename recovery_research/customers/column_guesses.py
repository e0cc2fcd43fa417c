"""What a column looks like: its kind, and how its values are written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from recovery_research.analyses.covariates import MOST_LEVELS
from recovery_research.customers.cells import (
    ColumnRefusedError,
    is_text,
    number_texts,
    plain,
    read_cells,
)
from recovery_research.customers.date_texts import find_formats, name_numbers
from recovery_research.customers.draft_words import YES_NO
from recovery_research.customers.file_readings import put_labels
from recovery_research.customers.mapping_rules import FileMapping
from recovery_research.customers.numbers_written import doubt_marks
from recovery_research.customers.sources import RawTable
from recovery_research.customers.value_doubts import find_code

if TYPE_CHECKING:
    import pyarrow as pa

# A few negative amounts are slips; they are set aside and told.
MOSTLY = 0.98
LONGEST_KEY = 40
BLANK = FileMapping("draft", "customers", {})
# How numbers are written, the plainest first.
NUMBERS = (
    {}, {"thousands": ","}, {"decimal": ","}, {"decimal": ",", "thousands": "."},
    {"thousands": " "}, {"decimal": ",", "thousands": " "}, {"thousands": "'"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """What one column looks like.

    Attributes
    ----------
    name : str
        In the file.
    kind : str
        ``yes_no``, ``amount``, ``number``, ``time``, ``category``, ``key`` or
        ``text``.
    n_levels : int
        Different values among the rows looked at.
    formats : tuple of str
        How dates are written, if not as 2024-12-31; two if it is open.
    values : dict of str to object
        What a mapping has to say of how its values are written.
    unit : str
        What numbers count if they are moments, empty if they do not look like it.
    """

    name: str
    kind: str
    n_levels: int
    formats: tuple[str, ...] = ()
    values: dict[str, object] = field(default_factory=dict)
    unit: str = ""


def guess_column(raw: RawTable, name: str) -> ColumnGuess:
    """Return the kind that all of a column's values fit."""
    try:
        column = plain(raw.table.column(name))
        if name in raw.labels and len(raw.labels[name]) > 1:
            column = put_labels(column, raw.labels[name], BLANK)
        code, levels = number_texts(column, BLANK)
    except (ColumnRefusedError, ValueError):
        return ColumnGuess(name, "text", 0)
    if not (code >= 0).any():
        return ColumnGuess(name, "text", 0)
    for guess in (guess_yes_no, guess_number, guess_time):
        found = guess(name, column, levels)
        if found is not None:
            return found
    if len(levels) <= MOST_LEVELS:
        return ColumnGuess(name, "category", len(levels))
    longest = max(map(len, levels))
    return ColumnGuess(name, "key" if longest <= LONGEST_KEY else "text", len(levels))


def guess_yes_no(
    name: str, column: pa.ChunkedArray, levels: tuple[str, ...]
) -> ColumnGuess | None:
    """Return the guess that a column says yes or no, None if it does not."""
    if reads(column, "yes_no", BLANK) is not None:
        return ColumnGuess(name, "yes_no", len(levels))
    words = {level.casefold() for level in levels}
    for yes, no in YES_NO if is_text(column) else ():
        if words <= {yes, no} and yes in words and (no in words or not no):
            said = {
                "yes": [w for w in levels if w.casefold() == yes],
                "no": [w for w in levels if w.casefold() == no] or [no],
            }
            return ColumnGuess(name, "yes_no", len(levels) + (not no), values=said)
    return None


def guess_number(
    name: str, column: pa.ChunkedArray, levels: tuple[str, ...]
) -> ColumnGuess | None:
    """Return the guess that a column holds numbers, None if it does not."""
    for values in NUMBERS if is_text(column) else ({},):
        rules = replace(BLANK, writing=replace(BLANK.writing, **values))
        content = reads(column, "number", rules)
        if content is None:
            continue
        if "thousands" not in values and is_text(column):
            # 1.250 beside 900 may be a thousand and more; then the mark is that.
            mark = rules.writing.decimal
            if doubt_marks(column, rules.writing):
                values = {"thousands": mark, "decimal": "," if mark == "." else "."}
                if values["decimal"] == ".":
                    del values["decimal"]
        known = content[~np.isnan(content)]
        kind = "amount" if (known >= 0.0).mean() > MOSTLY else "number"
        codes = find_code(known)
        said = dict(values) | ({"blank": [f"{c:g}" for c in codes]} if codes else {})
        unit = name_numbers(known).partition('unit = "')[2].partition('"')[0]
        return ColumnGuess(name, kind, len(levels), values=said, unit=unit)
    return None


def guess_time(
    name: str, column: pa.ChunkedArray, levels: tuple[str, ...]
) -> ColumnGuess | None:
    """Return the guess that a column holds dates, None if it does not."""
    if reads(column, "time", BLANK) is not None:
        return ColumnGuess(name, "time", len(levels))
    ways = find_formats(list(levels)) if is_text(column) else []
    return ColumnGuess(name, "time", len(levels), tuple(ways)) if ways else None


def reads(column: pa.ChunkedArray, kind: str, rules: FileMapping) -> np.ndarray | None:
    """Return what a column holds if all of it is of a kind, else None."""
    try:
        cells = read_cells(column, kind, rules)
    except ColumnRefusedError:
        return None
    return None if len(cells.unreadable) else cells.content
