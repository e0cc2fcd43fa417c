"""A file read by what its bytes say it is, whatever its name; packed files too."""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

from recovery_research.customer_data.databases import read_duckdb, read_sqlite
from recovery_research.customer_data.file_formats import READERS as LABELLED
from recovery_research.customer_data.file_formats import (
    read_feather,
    read_json,
    read_labelled,
    read_parquet,
)
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.raw_tables import RawTable
from recovery_research.customer_data.text_files import read_csv
from recovery_research.customer_data.text_rows import (
    guess_wide,
    largest_table,
    say_bytes,
)
from recovery_research.customer_data.workbooks import read_by_calamine, read_excel

HEAD = 1 << 16
SAS = bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")
# What the first bytes of a file say it is.
MAGIC = (
    (b"PAR1", 0, "Parquet"),
    (b"ARROW1", 0, "Feather"),
    (b"SQLite format 3\x00", 0, "SQLite"),
    (b"DUCK", 8, "DuckDB"),
    (b"\x1f\x8b", 0, "gzip"),
    (b"$FL2", 0, "SPSS"),
    (b"$FL3", 0, "SPSS"),
    (b"<stata_dta>", 0, "Stata"),
    (SAS, 12, "SAS"),
    (b"HEADER RECORD*******LIB", 0, "SAS transport"),
)
# What is known and cannot be read, and what to do.
REFUSED = (
    (b"FEA1", 0, "a Feather file of the old version 1; save it as Parquet"),
    (b"BZh", 0, "a bzip2 archive; unpack it"),
    (b"\xfd7zXZ", 0, "an xz archive; unpack it"),
    (b"\x28\xb5\x2f\xfd", 0, "a zstd archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive; unpack it"),
    (b"Rar!", 0, "a rar archive; unpack it"),
    (b"%PDF", 0, "a PDF; export the table that it shows"),
    (b"ORC", 0, "an ORC file; save it as Parquet"),
    (b"\x89HDF", 0, "an HDF5 file; save the table as Parquet or CSV"),
    (b"\x80\x04", 0, "a Python pickle, which is never opened: it could run anything"),
    (b"\x80\x05", 0, "a Python pickle, which is never opened: it could run anything"),
    (b"RDX", 0, "an R data file; write the table with write.csv"),
    (b"X\n\x00\x00", 0, "an R data file; write the table with write.csv"),
    (b"{\\rtf", 0, "a text document; save the table as CSV"),
)
# Stata before version 13: the version, then the order of bytes, then 1.
OLD_STATA = rb"^[\x69\x6c\x6e\x6f\x71\x72\x73][\x01\x02]\x01"
PORTABLE = rb"SPSS PORT FILE"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LOCKED = "EncryptedPackage".encode("utf-16-le")


def recognise(path: Path) -> str:
    """Return what kind of file it is."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise CustomerFileError(f"cannot open {path}: {error.strerror}.") from None
    if not head:
        raise CustomerFileError(f"{path.name} is empty: 0 bytes.")
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return look_into_zip(path)
    if head.startswith(OLE[:4]):
        return look_into_ole(path)
    return look_inside(path.name, head)


def look_inside(name: str, head: bytes) -> str:
    """Return what the first bytes of a file say it is; CSV if plain text."""
    for magic, place, kind in MAGIC:
        if head[place : place + len(magic)] == magic:
            return kind
    for magic, place, what in REFUSED:
        if head[place : place + len(magic)] == magic:
            raise CustomerFileError(f"{name} is {what}.")
    if re.match(OLD_STATA, head):
        return "Stata"
    if PORTABLE in head[:600]:
        return "SPSS portable"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"(<!doctype|<html|<\?xml|<table)", text, re.IGNORECASE):
        raise CustomerFileError(
            f"{name} is a web page or XML; open it in a spreadsheet and save the table "
            "as CSV."
        )
    if re.match(rb'\[\s*[\[{\]]|\{\s*["}]', text):
        return "JSON"
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return "CSV"
    if b"\0" in head and not guess_wide(head[:4096]):
        raise CustomerFileError(
            f"{name} is binary data of an unknown kind. Known are text (CSV, TSV, "
            "JSON), Excel, OpenDocument, Parquet, Feather, SPSS, Stata, SAS, SQLite, "
            "DuckDB, and gzip or zip of these."
        )
    return "CSV"


def look_into_zip(path: Path) -> str:
    """Return which kind of zip file it is."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            kind = (
                archive.read("mimetype")[:80].decode("ascii", "replace")
                if "mimetype" in names
                else ""
            )
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, KeyError):
        raise CustomerFileError(
            f"{path.name} is broken or cut short: it begins as a workbook or zip "
            "archive does, and its end is missing."
        ) from None
    if "xl/workbook.bin" in names:
        return "Excel binary"
    if any(name.startswith("xl/") for name in names):
        return "Excel"
    if kind.startswith("application/vnd.oasis.opendocument.spreadsheet"):
        return "OpenDocument"
    if "word/document.xml" in names or "ppt/presentation.xml" in names or kind:
        raise CustomerFileError(
            f"{path.name} is a document, not a table; save its table as CSV."
        )
    return "zip"


def look_into_ole(path: Path) -> str:
    """Return whether it is an old workbook; raise if it is locked, or another thing."""
    content = path.read_bytes() if path.stat().st_size < 1 << 27 else b""
    if LOCKED in content:
        raise CustomerFileError(
            f"{path.name} is protected by a password; open it in Excel and save it "
            "without (File, Info, Protect Workbook)."
        )
    books = [name.encode("utf-16-le") for name in ("Workbook", "Book")]
    if not content or any(book in content for book in books):
        return "old Excel"
    if content.startswith(OLE) and "WordDocument".encode("utf-16-le") in content:
        raise CustomerFileError(
            f"{path.name} is a document, not a table; save its table as CSV."
        )
    raise CustomerFileError(f"{path.name} is broken or cut short, or no old workbook.")


BLOCK = 1 << 20
# What archives hold beside the table.
BESIDE = ("__macosx/", ".ds_store", "thumbs.db")
READ_ME = (".md", ".pdf", ".html", ".docx", ".png", ".jpg")
Reader = Callable[..., RawTable]


def read_gzip(
    read_file: Reader, path: Path, rule: SourceRule, **asked: object
) -> RawTable:
    """Read a file packed by gzip."""
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / (path.name.removesuffix(".gz") or "table")
        try:
            with gzip.open(path) as packed:
                unpack(path.name, packed, inner)
        except (OSError, EOFError, zlib.error) as error:
            raise CustomerFileError(
                f"{path.name} is broken or cut short: {error}"
            ) from None
        return replace(read_file(inner, rule, **asked), name=path.name)


def read_zip(
    read_file: Reader, path: Path, rule: SourceRule, **asked: object
) -> RawTable:
    """Read the table in a zip archive: the only one, or the one named."""
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        member = choose_member(path.name, archive.namelist(), rule)
        inner = Path(folder) / Path(member).name
        try:
            with archive.open(member) as packed:
                unpack(path.name, packed, inner)
        except RuntimeError:
            raise CustomerFileError(
                f"{path.name} is protected by a password; unpack it first."
            ) from None
        except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
            raise CustomerFileError(
                f"{path.name} is broken or cut short: {error}"
            ) from None
        inside = replace(rule, member="")
        return replace(read_file(inner, inside, **asked), name=f"{path.name}/{member}")


def choose_member(name: str, held: list[str], rule: SourceRule) -> str:
    """Return the file of an archive to read."""
    files = [
        each
        for each in held
        if not each.endswith("/") and not any(b in each.lower() for b in BESIDE)
    ]
    if rule.member:
        chosen = [each for each in files if rule.member in (each, Path(each).name)]
        if len(chosen) != 1:
            raise CustomerFileError(
                f"{name} has no file {rule.member!r}; it has {files}."
            )
        return chosen[0]
    tables = [each for each in files if not each.lower().endswith(READ_ME)]
    if len(tables) != 1:
        raise CustomerFileError(
            f"{name} holds the files {files[:20]}; name one in the mapping: [source] "
            f'member = "{(tables or files or ["table.csv"])[0]}" (map: --member).'
        )
    return tables[0]


def unpack(name: str, packed: IO[bytes] | gzip.GzipFile, into: Path) -> None:
    """Unpack a file, up to what may be read."""
    most = min(4 * largest_table(), shutil.disk_usage(into.parent).free // 2)
    taken = 0
    with into.open("wb") as file:
        for block in iter(lambda: packed.read(BLOCK), b""):
            taken += len(block)
            if taken > most:
                raise CustomerFileError(
                    f"{name}: unpacked it is more than {say_bytes(most)}, more than "
                    "may be read here; unpack it and keep fewer rows or columns."
                )
            file.write(block)


BY_CALAMINE = ("old Excel", "Excel binary", "OpenDocument")
READERS: dict[str, Reader] = {
    "CSV": read_csv,
    "JSON": read_json,
    "Parquet": read_parquet,
    "Feather": read_feather,
    "Excel": read_excel,
    "SQLite": read_sqlite,
    "DuckDB": read_duckdb,
    **{kind: read_by_calamine(kind) for kind in BY_CALAMINE},
    **{kind: read_labelled(kind) for kind in LABELLED},
}
PACKED = {"gzip": read_gzip, "zip": read_zip}
DATABASES = ("SQLite", "DuckDB")
NAMED_TABLES = (*DATABASES, "JSON")


def read_path(
    path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
) -> RawTable:
    """Read a file, whatever it is."""
    kind = recognise(path)
    if kind in PACKED:
        return PACKED[kind](read_path, path, rule, columns=columns, limit=limit)
    if kind not in DATABASES:
        refuse_misplaced(path, kind, rule)
    return READERS[kind](path, rule, columns=columns, limit=limit)


def refuse_misplaced(path: Path, kind: str, rule: SourceRule) -> None:
    """Raise if a mapping names a part that such a file has not."""
    if rule.table and kind not in NAMED_TABLES:
        raise CustomerFileError(
            f"{path.name} is {kind} and has no tables to name; take [source] table "
            f"= {rule.table!r} out (a workbook's part is its sheet)."
        )
