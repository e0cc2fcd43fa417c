"""The rows of a text file counted a second way, by its line ends and quotes.

A reader that trusts the quotes of a file loses every row between one that was opened
and the next. Here lines are counted without it: where there are as many lines as rows
were read, no row holds two. Otherwise each row of several lines is looked at.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from recovery_research.customers.findings import CustomerFileError

BLOCK = 1 << 23
LF, CR, QUOTE = 10, 13, 34
# A text of this many lines that all have the fields of a row is rows, not a text;
# in a table of fewer columns than this, texts look like rows too easily.
ROWS_SWALLOWED, FEWEST_COLUMNS = 3, 3
# Rows of several lines that are looked at, the longest first.
MOST_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The rows of a text file.

    Attributes
    ----------
    starts, ends : int64 array, shape (n_rows,)
        Where in the file each row begins and ends, in bytes; blank lines are no rows.
    places : int64 array, shape (n_rows,)
        Places among rows and blank lines, from 0.
    n_lines : int64 array, shape (n_rows,)
        Over how many lines each row runs.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    places: NDArray[np.int64]
    n_lines: NDArray[np.int64]


def count_lines(stream: BinaryIO) -> int:
    """Return how many lines follow in a file."""
    n_lf = n_cr = n_both = 0
    last = b"\n"
    for block in iter(lambda: stream.read(BLOCK), b""):
        # Lines are short: numpy compares all bytes faster than one end after another.
        n_lf += np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == LF)
        if b"\r" in block or last == b"\r":
            n_cr += block.count(b"\r")
            n_both += block.count(b"\r\n") + (last + block[:1] == b"\r\n")
        last = block[-1:]
    return int(n_lf) + n_cr - n_both + (last not in (b"\n", b"\r"))


def scan_records(stream: BinaryIO, offset: int) -> Records:
    """Return the rows from a place in a file on; ends within quotes are no ends."""
    stream.seek(offset)
    inside, place, n_ends = 0, offset, 0
    ends, bare, lines = [], [], []
    for block in iter(lambda: stream.read(BLOCK), b""):
        while block.endswith(b"\r"):
            more = stream.read(1)
            block += more
            if not more:
                break
        marks = np.frombuffer(block, dtype=np.uint8)
        is_end = marks == LF
        if b"\r" in block:
            follows = np.append(is_end[1:], False)
            is_end = is_end | ((marks == CR) & ~follows)
        at = np.flatnonzero(is_end)
        quotes = np.flatnonzero(marks == QUOTE)
        outside = (np.searchsorted(quotes, at) + inside) % 2 == 0
        inside = (inside + len(quotes)) % 2
        chosen = at[outside]
        ends.append(chosen + place + 1)
        # A row that ends in two marks is one longer than what it holds.
        both = (marks[chosen] == LF) & (marks[np.maximum(chosen - 1, 0)] == CR)
        bare.append(ends[-1] - 1 - (both & (chosen > 0)))
        lines.append(np.flatnonzero(outside) + n_ends + 1)
        n_ends += len(at)
        place += len(block)
    ends, bare, lines = (np.concatenate([*each, np.array([], np.int64)]) for each in
                         (ends, bare, lines))  # fmt: skip
    if place > (ends[-1] if len(ends) else offset):
        ends, bare = np.append(ends, place), np.append(bare, place)
        lines = np.append(lines, n_ends + 1)
    starts = np.concatenate([[offset], ends[:-1]])[: len(ends)]
    n_lines = np.diff(lines, prepend=0)
    held = np.flatnonzero(bare > starts)
    return Records(starts[held], ends[held], held, n_lines[held])


@contextmanager
def any_length() -> Iterator[None]:
    """Let the plain reader of fields take fields of any length."""
    limit = csv.field_size_limit(1 << 30)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def scan_by_fields(stream: BinaryIO, offset: int, delimiter: str) -> Records:
    """Return the rows as a reader of fields sees them; quotes within texts are none."""
    stream.seek(offset)
    sizes: list[int] = []

    def measured() -> object:
        lines = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
        for line in lines:
            sizes.append(len(line.encode()))
            yield line
        lines.detach()

    lines, blank = [], []
    with any_length():
        reader = csv.reader(measured(), delimiter=delimiter)
        for row in reader:
            lines.append(reader.line_num)
            blank.append(not row)
    at = offset + np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    lines = np.array(lines, dtype=np.int64)
    before = np.concatenate([[0], lines[:-1]])[: len(lines)]
    held = np.flatnonzero(~np.array(blank, dtype=bool))
    return Records(at[before][held], at[lines][held], held, (lines - before)[held])


def number_rows(
    name: str,
    open_file: Callable[[], BinaryIO],
    n_read: int,
    *,
    offset: int,
    first: int,
    columns: int,
    delimiter: str,
) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Return what each row read is called, and rows that may hold others.

    Raises
    ------
    CustomerFileError
        If a quote was opened and never closed, or rows cannot be counted twice alike.
    """
    with open_file() as stream:
        stream.seek(offset)
        # A row takes a line or more: as many as rows, none is blank or in two.
        if count_lines(stream) == n_read:
            return first + np.arange(n_read), ()
        records = scan_records(stream, offset)
        if len(records.places) != n_read:
            records = scan_by_fields(stream, offset, delimiter)
            stream = open_file()
        with stream:
            doubtful = look_at_quotes(name, stream, records, first, columns, delimiter)
    if len(records.places) != n_read:
        raise CustomerFileError(
            f"{name}: {n_read:,} rows were read, but its lines are those of "
            f"{len(records.places):,}. Its quotes are not in order; write the file "
            "again with quotes around every text."
        )
    return first + records.places, doubtful


def look_at_quotes(
    name: str,
    stream: BinaryIO,
    records: Records,
    first: int,
    columns: int,
    delimiter: str,
) -> tuple[int, ...]:
    """Return rows that may hold others; raise if one surely does."""
    several = np.flatnonzero(records.n_lines > 1)
    longest = several[np.argsort(-records.n_lines[several], kind="stable")]
    wrong, doubtful = [], []
    for k in longest[:MOST_LOOKED_AT].tolist():
        stream.seek(int(records.starts[k]))
        text = stream.read(int(records.ends[k] - records.starts[k])).decode(
            "utf-8", "replace"
        )
        row = first + int(records.places[k])
        said = judge_quotes(text, columns, delimiter)
        if said == "open":
            wrong.append((row, int(records.n_lines[k]), text))
        elif said == "doubtful":
            doubtful.append(row)
    if wrong:
        row, n_lines, text = min(wrong)
        quote = re.search(rf'(?:^|{re.escape(delimiter)})("[^\r\n]*)', text)
        shown = (quote.group(1) if quote else text)[:60]
        raise CustomerFileError(
            f"{name}: in row {row} a quote is opened and not closed ({shown!r}): it "
            f"swallows {n_lines - 1:,} lines that follow. Close it there, or take it "
            "out; a quote within a text is written twice."
        )
    return tuple(sorted(doubtful))


def judge_quotes(text: str, columns: int, delimiter: str) -> str:
    """Return whether a row of several lines is "open", "doubtful" or in "order"."""
    mark = re.escape(delimiter)
    field = rf'(?:"[^"]*(?:""[^"]*)*"|[^"{mark}\r\n][^{mark}\r\n]*|)'
    body = text.rstrip("\r\n")
    if not re.fullmatch(rf"{field}(?:{mark}{field})*", body):
        return "open"
    lines = re.split(r"\r\n|\r|\n", body)
    like_rows = sum(line.count(delimiter) == columns - 1 for line in lines)
    if like_rows < len(lines) or columns < 2:
        return "order"
    surely = len(lines) >= ROWS_SWALLOWED and columns >= FEWEST_COLUMNS
    return "open" if surely else "doubtful"
