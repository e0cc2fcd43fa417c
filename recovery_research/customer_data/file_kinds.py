"""What a file is, by its bytes; its name says nothing that they do not."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.text_rows import guess_wide

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
