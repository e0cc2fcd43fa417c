"""Reading sheets of workbooks: Excel, new and old, and OpenDocument."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from recovery_research._extras import explaining_extras
from recovery_research.customer_data.headers import LOOKED_AT, build_column, find_header
from recovery_research.customer_data.issues import CustomerFileError, Finding
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.raw_tables import RawTable, choose_columns
from recovery_research.customer_data.text_rows import largest_table, say_bytes

# Bytes that a cell takes while it is a Python value.
CELL_BYTES = 60
FORMULA = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]{1,3})(\d+)"[^>]*>\s*<f\b[^>]*?(?:/>|>[^<]*</f>)\s*'
    rb"(?:<v\s*/>|<v></v>)?\s*</c>"
)
VALUED = re.compile(
    rb'<c\b[^>]*?\br="[A-Z]{1,3}(\d+)"[^>]*>\s*'
    rb"(?:<f\b[^>]*?(?:/>|>[^<]*</f>)\s*)?<(?:v>[^<]|is>)"
)
Cells = Iterable[tuple]


def read_excel(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read one sheet of an Excel workbook (.xlsx, .xlsm)."""
    with explaining_extras():
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (
        zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError,
        TypeError, AttributeError,
    ) as error:  # fmt: skip
        raise CustomerFileError(
            f"{path.name} is not a workbook that can be read: {error}"
        ) from None
    try:
        tables = [sheet.title for sheet in book.worksheets]
        chosen = choose_sheet(path.name, tables, book.sheetnames, rule)
        sheet = book[chosen]
        part = getattr(sheet, "_worksheet_path", "")
        # Many programs write a size that is wrong; the rows are read to their end.
        sheet.reset_dimensions()
        check_unpacked(path, part)
        rows = sheet.iter_rows(values_only=True)
        raw = read_sheet(path.name, "Excel", rows, rule, columns, limit)
    finally:
        book.close()
    if limit is not None:
        return raw[0]
    return check_sheet(path, part, *raw)


def read_by_calamine(kind: str) -> Callable[..., RawTable]:
    """Return the reader of another kind of workbook."""

    def read_workbook(
        path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
    ) -> RawTable:
        """Read one sheet of a workbook."""
        with explaining_extras():
            import python_calamine

        try:
            # By its bytes: a path is judged by its ending.
            content = io.BytesIO(path.read_bytes())
            book = python_calamine.CalamineWorkbook.from_filelike(content)
            names = book.sheet_names
            chosen = choose_sheet(path.name, names, names, rule)
            rows = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
        except CustomerFileError:
            raise
        except Exception as error:
            said = str(error)
            if "assword" in said or "ncrypt" in said:
                said = "it is protected by a password; save it without"
            raise CustomerFileError(
                f"{path.name} is not a workbook that can be read: {said}"
            ) from None
        plain = (tuple(map(as_plain, row)) for row in rows)
        return read_sheet(path.name, kind, plain, rule, columns, limit)[0]

    return read_workbook


def as_plain(value: object) -> object:
    """Return a cell as openpyxl would give it: blank as None, whole numbers whole."""
    if value == "" and isinstance(value, str):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value


def choose_sheet(
    name: str, tables: list[str], every: list[str], rule: SourceRule
) -> str:
    """Return the sheet to read: the one named, or the only one with cells."""
    if rule.sheet and rule.sheet not in tables:
        if rule.sheet in every:
            raise CustomerFileError(
                f"{name}: sheet {rule.sheet!r} holds a chart, not cells; sheets with "
                f"cells are {tables}."
            )
        raise CustomerFileError(f"{name} has no sheet {rule.sheet!r}; it has {tables}.")
    if not tables:
        raise CustomerFileError(f"{name} has no sheet with cells.")
    if not rule.sheet and len(tables) > 1:
        raise CustomerFileError(
            f"{name} has the sheets {tables}; name one in the mapping: [source] "
            f'sheet = "{tables[0]}" (map: --sheet "{tables[0]}").'
        )
    return rule.sheet or tables[0]


def read_sheet(
    name: str,
    kind: str,
    lines: Cells,
    rule: SourceRule,
    columns: list[str] | None,
    limit: int | None,
) -> tuple[RawTable, list[int], int]:
    """Return a sheet as a table, the places of its columns, and its rows with cells."""
    lines = iter(lines)
    above = list(islice(lines, LOOKED_AT + max(rule.skip_rows, 0) + rule.header_rows))
    texts = [trim([show_cell(value) for value in line]) for line in above]
    header = find_header(name, texts, rule)
    wanted = choose_columns(name, list(header.names), columns)
    places = [header.names.index(column) for column in wanted]
    rows: list[list[object]] = []
    numbers: list[int] = []
    most = largest_table() // (CELL_BYTES * max(1, len(wanted)))
    for number, line in enumerate_lines(above, lines, header.n_rows):
        if limit is not None and len(rows) >= limit:
            break
        if any(value is not None for value in line):
            rows.append([line[p] if p < len(line) else None for p in places])
            numbers.append(number)
            if len(rows) > most:
                raise CustomerFileError(
                    f"{name}: the sheet has more than {most:,} rows, "
                    f"{say_bytes(largest_table())} is the most that may be taken here "
                    "(half of the free memory). Save it as CSV."
                )
    import pyarrow as pa

    arrays = [build_column([row[k] for row in rows]) for k in range(len(wanted))]
    table = pa.Table.from_arrays(arrays, names=wanted)
    told = [Finding("doubt", "", 1, "", 0, header.told, "title")] if header.told else []
    raw = RawTable(
        name, kind, table, np.array(numbers, dtype=np.int64), (), tuple(told)
    )
    return raw, places, header.n_rows


def enumerate_lines(
    above: list[tuple], lines: Iterator[tuple], n_header: int
) -> Iterator[tuple[int, tuple]]:
    """Pass on the rows below the header with their numbers in the sheet."""
    yield from enumerate(above[n_header:], start=n_header + 1)
    yield from enumerate(lines, start=len(above) + 1)


def trim(cells: list[str]) -> list[str]:
    """Return a row without the blank cells at its end."""
    n = max((k + 1 for k, cell in enumerate(cells) if cell), default=0)
    return cells[:n]


def show_cell(value: object) -> str:
    """Return a cell as text, blank as empty."""
    return "" if value is None else str(value)


def check_unpacked(path: Path, part: str) -> None:
    """Raise if a sheet is larger, unpacked, than may be read."""
    with zipfile.ZipFile(path) as archive:
        names = {part.removeprefix("/"), "xl/sharedStrings.xml"} & set(
            archive.namelist()
        )
        size = sum(archive.getinfo(name).file_size for name in names)
    if size > 8 * largest_table():
        raise CustomerFileError(
            f"{path.name}: the sheet is {say_bytes(size)} unpacked, more than can be "
            "read here; save it as CSV."
        )


def check_sheet(
    path: Path, part: str, raw: RawTable, places: list[int], n_header: int
) -> RawTable:
    """Count a sheet's rows in its XML, and tell formulas without a result."""
    found, formulas = scan_sheet(path, part)
    read = {*raw.rows.tolist()}
    lost = sorted(row for row in found if row > n_header and row not in read)
    if lost:
        raise CustomerFileError(
            f"{path.name}: {len(lost):,} rows of the sheet were not read, the first is "
            f"row {lost[0]}; save the workbook again, or as CSV."
        )
    told = list(raw.told)
    for place, column in zip(places, raw.table.column_names, strict=True):
        rows = sorted(row for at, row in formulas if at == place and row > n_header)
        if rows:
            told.append(
                Finding(
                    "doubt", column, rows[0], "", len(rows),
                    f"{len(rows):,} cells hold a formula without a stored result and "
                    "are unknown; open the workbook in a spreadsheet and save it, so "
                    "that the results are written", "formulas",
                )
            )  # fmt: skip
    return RawTable(raw.name, raw.kind, raw.table, raw.rows, (), tuple(told))


def scan_sheet(path: Path, part: str) -> tuple[set[int], list[tuple[int, int]]]:
    """Return the rows with a value in a sheet's XML, and its formulas without one."""
    rows: set[int] = set()
    formulas: list[tuple[int, int]] = []
    rest = b""
    with zipfile.ZipFile(path) as archive:
        if part.removeprefix("/") not in archive.namelist():
            return rows, formulas
        with archive.open(part.removeprefix("/")) as stream:
            for block in iter(lambda: stream.read(1 << 22), b""):
                text = rest + block
                cut = text.rfind(b"</row>") + 6
                text, rest = (text[:cut], text[cut:]) if cut > 5 else (b"", text)
                rows |= {int(number) for number in VALUED.findall(text)}
                formulas += [
                    (place_of(letters), int(number))
                    for letters, number in FORMULA.findall(text)
                ]
    return rows, formulas


def place_of(letters: bytes) -> int:
    """Return a column's place, from 0, by its letters."""
    place = 0
    for letter in letters:
        place = 26 * place + letter - 64
    return place - 1
