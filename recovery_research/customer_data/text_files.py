"""Reading tables out of text files: fields between commas, tabs or the like."""

from __future__ import annotations

import csv as plain
import io
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recovery_research.customer_data.headers import LOOKED_AT, Header, find_header
from recovery_research.customer_data.issues import CustomerFileError, Finding
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.raw_tables import RawTable, choose_columns
from recovery_research.customer_data.text_rows import (
    TextFile,
    any_length,
    guess_encoding,
    look_at_quotes,
    number_rows,
    open_text,
    scan_records,
)

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = ",;\t|"
HEAD = 1 << 18
# A row longer than this is not a row: a quote was left open.
LONGEST_ROW = 1 << 24
# More broken rows than this, and more than this share: the file is another thing.
MOST_BROKEN, MOST_BROKEN_SHARE = 1_000, 0.01


@dataclass(frozen=True, slots=True)
class TextHeader:
    """Where a text file's data begin, and how its fields are parted.

    Attributes
    ----------
    header : Header
        The columns' names.
    delimiter : str
        The mark between fields.
    n_lines, offset : int
        Lines and bytes before the first row of data.
    """

    header: Header
    delimiter: str
    n_lines: int
    offset: int


class NotTheEncodingError(ValueError):
    """A text that is not in the encoding that it was taken for."""


def read_csv(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a text file of fields; every value stays the text that it is."""
    text = open_text(path, rule.encoding)
    try:
        return read_fields(text, rule, columns, limit)
    except NotTheEncodingError as error:
        if rule.encoding:
            raise CustomerFileError(
                f"{path.name} is not {rule.encoding} text ({error}); name its encoding "
                'in the mapping, [source] encoding = "cp1252", or leave it out to have '
                "it guessed."
            ) from None
    text = guess_encoding(path)
    return read_fields(text, rule, columns, limit)


def read_fields(
    text: TextFile, rule: SourceRule, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read the fields of a text, and count its rows a second way."""
    name = text.path.name
    start = read_start(text, rule)
    names = list(start.header.names)
    wanted = choose_columns(name, names, columns)
    told = [*tell_encoding(text), *tell_start(start.header)]
    table, broken = take_rows(text, start, wanted, limit)
    check_broken(name, broken, table.num_rows, text, start)
    n_read = table.num_rows + len(broken)
    first = start.header.n_rows + 1
    if limit is None:
        rows, doubtful = number_rows(
            name, text.open, n_read, offset=start.offset, first=first,
            columns=len(names), delimiter=start.delimiter,
        )  # fmt: skip
        told += tell_doubtful(rows, doubtful)
    else:
        rows = first + np.arange(n_read)
    there = np.ones(n_read, dtype=bool)
    places = [row.number - start.n_lines - 1 for row in broken if row.number]
    if limit is None:
        there[places] = False
    said = tuple(
        (int(rows[place]), explain_broken(row))
        for place, row in zip(places, broken, strict=limit is None)
        if place < n_read
    )
    return RawTable(
        name, "CSV", table, rows[there][: table.num_rows], said, tuple(told)
    )


def explain_broken(row: Any) -> str:
    """Return why a row could not be read."""
    return (
        f"has {row.actual_columns} fields, the header has {row.expected_columns}: "
        f"{row.text[:80]!r}"
    )


def tell_encoding(text: TextFile) -> list[Finding]:
    """Tell an encoding that is not UTF-8."""
    if text.encoding == "utf-8" or not (text.guessed or text.content is not None):
        return []
    why = (
        ", as its bytes look; if letters are wrong, name another: [source] encoding = "
        '"cp1252" (map: --encoding)'
        if text.guessed
        else ""
    )
    said = f"read as {text.encoding} text{why}"
    return [Finding("doubt", "", None, "", 0, said, "encoding")]


def tell_start(header: Header) -> list[Finding]:
    """Tell what was skipped above the data."""
    return [Finding("doubt", "", 1, "", 0, header.told, "title")] if header.told else []


def tell_doubtful(rows: object, doubtful: tuple[int, ...]) -> list[Finding]:
    """Tell rows in quotes that look like several rows."""
    if not doubtful:
        return []
    return [
        Finding(
            "doubt", "", doubtful[0], "", len(doubtful),
            f"{len(doubtful):,} rows hold a text in quotes each line of which looks "
            "like a row; if a quote was left open there, rows are missing", "quotes",
        )
    ]  # fmt: skip


def read_start(text: TextFile, rule: SourceRule) -> TextHeader:
    """Return where the data of a text begin, and the columns' names."""
    with text.open() as file:
        raw = file.read(HEAD)
    mark = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    head = decode_head(raw[mark:])
    lines = list(io.StringIO(head, newline=""))
    if len(raw) == HEAD and len(lines) > 1:
        lines.pop()  # cut short
    said = ""
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].strip()) <= 5:
        # Excel's own first line: "sep=;".
        said = lines[0].rstrip("\r\n")[4:5]
    body = lines[1:] if said else lines
    most = LOOKED_AT + max(rule.skip_rows, 0) + rule.header_rows
    rows, ends = [], []
    with any_length():
        delimiter = rule.delimiter or said or choose_delimiter(body)
        reader = plain.reader(iter(body), delimiter=delimiter)
        for row in islice(reader, most):
            rows.append(row)
            ends.append(reader.line_num)
    header = find_header(text.path.name, rows, rule)
    n_lines = ends[min(header.n_rows, len(ends)) - 1] + bool(said)
    offset = mark + len("".join(lines[:n_lines]).encode())
    if said:
        header = Header(header.names, header.n_rows + 1, header.told)
    return TextHeader(header, delimiter, n_lines, offset)


def decode_head(raw: bytes) -> str:
    """Return the first bytes of a file as text."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        if error.start >= len(raw) - 4 and len(raw) >= HEAD - 4:
            return raw[: error.start].decode()
        raise NotTheEncodingError(str(error)) from None


def choose_delimiter(lines: list[str]) -> str:
    """Return the mark that parts most rows into the same number of fields."""

    def score(mark: str) -> float:
        widths = []
        for row in plain.reader(iter(lines[:200]), delimiter=mark):
            widths += [len(row)] if row else []
        usual, n = Counter(widths).most_common(1)[0] if widths else (1, 0)
        if usual == 1:
            return 0.001 * (max(widths, default=1) > 1)
        # The header has as many fields; a decimal comma has one in each row but it.
        same = 1.0 if widths[0] == usual else 0.5
        return same * usual * n / len(widths)

    return max(DELIMITERS, key=score)


def take_rows(
    text: TextFile, start: TextHeader, wanted: list[str], limit: int | None
) -> tuple[pa.Table, list]:
    """Read the rows of a text, whole or its first block; return the broken ones too."""
    import pyarrow as pa
    from pyarrow import csv

    broken: list = []
    options = {
        "parse_options": csv.ParseOptions(
            delimiter=start.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=True,
            invalid_row_handler=lambda row: set_aside(row, broken),
        ),
        "convert_options": csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()),
            include_columns=wanted,
            strings_can_be_null=False,
        ),
    }
    # Rows are numbered only by a single thread, which a good file does not need.
    for threads in (True, False):
        broken.clear()
        reading = csv.ReadOptions(
            use_threads=threads, block_size=LONGEST_ROW, skip_rows=start.n_lines,
            column_names=list(start.header.names),
        )  # fmt: skip
        source = text.path if text.content is None else pa.BufferReader(text.content)
        if is_empty(text, start):
            return pa.table({name: pa.array([], pa.string()) for name in wanted}), []
        try:
            table = take_csv(source, reading, options, limit)
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise explain_csv(text, start, error) from None
        if not broken:
            break
    return table, broken


def is_empty(text: TextFile, start: TextHeader) -> bool:
    """Return whether nothing follows the header."""
    with text.open() as file:
        file.seek(start.offset)
        return not file.read(HEAD).strip()


def take_csv(
    source: object, reading: object, options: dict, limit: int | None
) -> pa.Table:
    """Read a CSV file, whole or its first block."""
    import pyarrow as pa
    from pyarrow import csv

    if limit is None:
        return csv.read_csv(source, read_options=reading, **options)
    with csv.open_csv(source, read_options=reading, **options) as stream:
        try:
            first = stream.read_next_batch()
        except StopIteration:
            return stream.schema.empty_table()
        return pa.Table.from_batches([first]).slice(0, limit)


def set_aside(row: object, broken: list) -> str:
    """Note a row with too many or too few fields, and go on to the next."""
    if len(broken) <= MOST_BROKEN:
        broken.append(row)
    return "skip"


def check_broken(
    name: str, broken: list, n_good: int, text: TextFile, start: TextHeader
) -> None:
    """Raise if so many rows are broken that this is not a table."""
    if not broken:
        return
    if len(broken) > MOST_BROKEN or len(broken) > MOST_BROKEN_SHARE * n_good + 10:
        first = broken[0]
        look_for_open_quote(text, start, n_good + len(broken))
        raise CustomerFileError(
            f"{name}: {len(broken)} or more rows do not have the "
            f"{first.expected_columns} fields that the header has, the first is row "
            f"{first.number} with {first.actual_columns}: {first.text[:80]!r}. Is the "
            "header the first row ([source] skip_rows), and is text that holds commas "
            "in quotes?"
        )


def look_for_open_quote(text: TextFile, start: TextHeader, n_read: int) -> None:
    """Raise if a quote was left open, naming its row."""
    with text.open() as stream:
        records = scan_records(stream, start.offset)
        look_at_quotes(
            text.path.name, stream, records, start.header.n_rows + 1,
            len(start.header.names), start.delimiter,
        )  # fmt: skip


def explain_csv(text: TextFile, start: TextHeader, error: Exception) -> Exception:
    """Return an error that says in plain words why a CSV file cannot be read."""
    said = " ".join(str(error).split())
    name = text.path.name
    if "UTF8" in said or isinstance(error, UnicodeError):
        return NotTheEncodingError(said[:120])
    if "straddling" in said or "end of file" in said or "exceeds" in said:
        try:
            look_for_open_quote(text, start, 0)
        except CustomerFileError as found:
            return found
        return CustomerFileError(
            f"{name}: a row is longer than 16 MB. Most likely a quote was opened "
            "and never closed."
        )
    return CustomerFileError(f"{name} cannot be read as CSV: {said[:300]}")
