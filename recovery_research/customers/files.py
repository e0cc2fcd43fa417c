"""Reading tables out of CSV, Parquet and Excel files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.mapping_rules import SourceRule
from recovery_research.customers.sources import RawTable, choose_columns

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = ",;\t|"
# A row longer than this is not a row: a quote was left open.
LONGEST_ROW = 1 << 24
# More broken rows than this, and more than this share: the file is another thing.
MOST_BROKEN, MOST_BROKEN_SHARE = 1_000, 0.01


def read_csv(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a CSV file; every value stays the text that it is."""
    import pyarrow as pa
    from pyarrow import csv

    header, delimiter = read_header(path, rule)
    wanted = choose_columns(path.name, header, columns)
    broken: list = []
    options = {
        "parse_options": csv.ParseOptions(
            delimiter=delimiter,
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
    table = None
    # Rows are numbered only by a single thread, which a good file does not need.
    for threads in (True, False):
        broken.clear()
        reading = csv.ReadOptions(
            encoding=rule.encoding, use_threads=threads, block_size=LONGEST_ROW
        )
        try:
            table = take_csv(path, reading, options, limit)
        except (pa.ArrowInvalid, UnicodeError, LookupError) as error:
            raise explain_csv(path, rule, error) from None
        if not broken:
            break
    check_broken(path.name, broken, table.num_rows)
    return number_rows(path.name, "CSV", table, broken, first=2)


def read_header(path: Path, rule: SourceRule) -> tuple[list[str], str]:
    """Return a CSV file's column names and the mark between them."""
    import csv as plain

    try:
        with path.open(encoding=rule.encoding, newline="") as file:
            head = file.read(1 << 16)
    except UnicodeError as error:
        raise explain_csv(path, rule, error) from None
    except LookupError:
        raise CustomerFileError(f"unknown encoding {rule.encoding!r}.") from None
    head = head.removeprefix("\ufeff")
    line = head.splitlines()[0] if head.strip() else ""
    delimiter = max(DELIMITERS, key=line.count)
    names = next(plain.reader(io.StringIO(head), delimiter=delimiter), [])
    if not any(name.strip() for name in names):
        raise CustomerFileError(f"{path.name}: the first row holds no column names.")
    return names, delimiter


def take_csv(path: Path, reading: object, options: dict, limit: int | None) -> pa.Table:
    """Read a CSV file, whole or its first block."""
    import pyarrow as pa
    from pyarrow import csv

    if limit is None:
        return csv.read_csv(path, read_options=reading, **options)
    with csv.open_csv(path, read_options=reading, **options) as stream:
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


def check_broken(name: str, broken: list, n_good: int) -> None:
    """Raise if so many rows are broken that this is not a table."""
    if not broken:
        return
    if len(broken) > MOST_BROKEN or len(broken) > MOST_BROKEN_SHARE * n_good + 10:
        first = broken[0]
        raise CustomerFileError(
            f"{name}: {len(broken)} or more rows do not have the "
            f"{first.expected_columns} fields that the header has, the first is row "
            f"{first.number} with {first.actual_columns}: {first.text[:80]!r}. Is the "
            "header the first row, and is text that holds commas in quotes?"
        )


def explain_csv(path: Path, rule: SourceRule, error: Exception) -> CustomerFileError:
    """Return an error that says in plain words why a CSV file cannot be read."""
    said = " ".join(str(error).split())
    if "UTF8" in said or isinstance(error, UnicodeError):
        return CustomerFileError(
            f"{path.name} is not {rule.encoding} text ({said[:120]}); save it as UTF-8 "
            'or name its encoding in the mapping: [source] encoding = "latin-1".'
        )
    if "straddling" in said or "end of file" in said or "exceeds" in said:
        return CustomerFileError(
            f"{path.name}: a row is longer than 16 MB. Most likely a quote was opened "
            "and never closed."
        )
    return CustomerFileError(f"{path.name} cannot be read as CSV: {said[:300]}")


def read_parquet(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        wanted = choose_columns(path.name, file.schema_arrow.names, columns)
        if limit is None:
            table = file.read(columns=wanted)
        else:
            batches = file.iter_batches(batch_size=limit, columns=wanted)
            schema = pa.schema([file.schema_arrow.field(name) for name in wanted])
            table = pa.Table.from_batches([*[next(batches, None)]], schema=schema)
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())
        raise CustomerFileError(
            f"{path.name} is broken or cut short: {said[:200]}"
        ) from None
    return number_rows(path.name, "Parquet", table, [], first=1)


def read_excel(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read one sheet of an Excel workbook."""
    from zipfile import BadZipFile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    from recovery_research.customers.databases import build_column

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise CustomerFileError(
            f"{path.name} is not a workbook that can be read: {error}"
        ) from None
    try:
        sheet = book[choose_sheet(path.name, book.sheetnames, rule)]
        lines = sheet.iter_rows(values_only=True)
        header = ["" if v is None else str(v) for v in next(lines, ())]
        wanted = choose_columns(path.name, header, columns)
        places = [header.index(name) for name in wanted]
        rows, numbers = [], []
        for number, line in enumerate(lines, start=2):
            if limit is not None and len(rows) >= limit:
                break
            if any(value is not None for value in line):
                rows.append([line[p] if p < len(line) else None for p in places])
                numbers.append(number)
    finally:
        book.close()
    import pyarrow as pa

    arrays = [build_column([row[k] for row in rows]) for k in range(len(wanted))]
    table = pa.Table.from_arrays(arrays, names=wanted)
    return RawTable(path.name, "Excel", table, np.array(numbers, dtype=np.int64))


def choose_sheet(name: str, sheets: list[str], rule: SourceRule) -> str:
    """Return the sheet to read: the one named, or the only one."""
    if rule.sheet and rule.sheet not in sheets:
        raise CustomerFileError(f"{name} has no sheet {rule.sheet!r}; it has {sheets}.")
    if not rule.sheet and len(sheets) > 1:
        raise CustomerFileError(
            f"{name} has the sheets {sheets}; name one in the mapping: [source] "
            f'sheet = "{sheets[0]}".'
        )
    return rule.sheet or sheets[0]


def number_rows(
    name: str, kind: str, table: pa.Table, broken: list, *, first: int
) -> RawTable:
    """Give each row the number that it has in the file, broken ones counted."""
    gone = np.array(sorted(row.number for row in broken), dtype=np.int64)
    every = np.arange(first, first + table.num_rows + len(gone))
    said = tuple(
        (
            int(row.number),
            f"has {row.actual_columns} fields, the header has {row.expected_columns}: "
            f"{row.text[:80]!r}",
        )
        for row in broken
    )
    return RawTable(name, kind, table, np.setdiff1d(every, gone), said)


READERS = {"CSV": read_csv, "Parquet": read_parquet, "Excel": read_excel}
