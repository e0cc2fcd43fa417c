"""Reading what is packed: gzip, and zip archives of one table."""

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

from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.mapping_rules import SourceRule
from recovery_research.customers.size_limits import largest_table, say_bytes
from recovery_research.customers.sources import RawTable

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
