"""Reading files: each by the reader of what its bytes say it is."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from recovery_research.customer_data.databases import read_duckdb, read_sqlite
from recovery_research.customer_data.file_kinds import recognise
from recovery_research.customer_data.formats import READERS as LABELLED
from recovery_research.customer_data.formats import (
    read_feather,
    read_json,
    read_labelled,
    read_parquet,
)
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.raw_tables import RawTable
from recovery_research.customer_data.text_files import read_csv
from recovery_research.customer_data.text_rows import largest_table, say_bytes
from recovery_research.customer_data.workbooks import read_by_calamine, read_excel

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


def unpack(name: str, packed: BinaryIO, into: Path) -> None:
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
READERS = {
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
