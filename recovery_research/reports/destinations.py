"""Places that files are copied to: folders, S3 and whatever else fsspec knows."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research._extras import explain_missing, explaining_extras
from recovery_research.atomic_files import PART, sync_folder, sync_tree
from recovery_research.reports.report_folders import list_reports

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_SEVERAL = frozenset("*?[")
# Here an object is seen whole or not at all, so it needs no other name on its way.
_WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}


class Store:
    """A folder somewhere.

    Parameters
    ----------
    system : AbstractFileSystem
        The place's file system.
    root : str
        The folder in it.
    owner : str, optional
        Whose half-made files may be cleared away; by default everybody's.
    """

    def __init__(self, system: AbstractFileSystem, root: str, owner: str = "") -> None:
        self._system, self._root = system, root.rstrip("/")
        self._part = f"{PART}{owner}"
        protocol = system.protocol
        names = {protocol} if isinstance(protocol, str) else set(protocol)
        self._whole = bool(names & _WHOLE)
        self._is_local = "file" in names
        self._unsettled: set[Path] = set()

    def put(self, file: Path, name: str) -> None:
        """Copy a file to a name, at which it appears whole or not at all."""
        target = f"{self._root}/{name}"
        self._refuse_links(name)
        if self._whole:
            self._system.put_file(str(file), target)
            return
        self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
        part = f"{target}{self._part}{secrets.token_hex(4)}"
        try:
            self._system.put_file(str(file), part)
            if self._is_local:
                sync_tree(Path(part))
            self._system.mv(part, target)
        except BaseException:
            with suppress(Exception):
                self._system.rm_file(part)
            raise
        if self._is_local:
            self._unsettled.update((Path(self._root) / name).parents)

    def settle(self) -> None:
        """See that the names of all that was put last, before others rely on them."""
        root = Path(self._root)
        unsettled = {p for p in self._unsettled if p.is_relative_to(root)}
        for folder in sorted([*unsettled, *([root.parent] if unsettled else [])]):
            sync_folder(folder)
        self._unsettled.clear()

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        self._refuse_links(name)
        # What a listing said a while ago is not asked for.
        self._system.invalidate_cache()
        return self._system.cat_file(f"{self._root}/{name}")

    def read_head(self, name: str, n_bytes: int) -> bytes:
        """Return the beginning of a file."""
        self._refuse_links(name)
        return self._system.cat_file(f"{self._root}/{name}", start=0, end=n_bytes)

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the content of several files, asked for together."""
        found, paths = {}, {f"{self._root}/{name}": name for name in names}
        # Asked for together, a name with such a sign would be taken for many.
        plain = [path for path in paths if not _SEVERAL & set(path)]
        if plain:
            found = self._system.cat(plain, recursive=False, on_error="omit")
        for path in paths.keys() - set(plain):
            with suppress(OSError):
                found[self._system._strip_protocol(path)] = self._system.cat_file(path)
        # As the place itself writes it, which may add a slash or a drive.
        known = {self._system._strip_protocol(path): n for path, n in paths.items()}
        return {
            known[path]: content for path, content in found.items() if path in known
        }

    def list_sizes(self) -> dict[str, int]:
        """Return the size of every file in the folder."""
        self._system.invalidate_cache()
        if self._is_local:
            return _list_local(Path(self._root))
        root = self._system._strip_protocol(self._root).rstrip("/") + "/"
        try:
            found = self._system.find(self._root, detail=True)
        except FileNotFoundError:
            return {}
        except NotImplementedError:
            raise OSError("the place cannot be listed; name another one") from None
        return {
            path.removeprefix(root): -1 if facts.get("size") is None else facts["size"]
            for path, facts in found.items()
        }

    def remove(self, folder: str, names: Iterable[str]) -> None:
        """Remove files, and their folders where a place has such and they are empty."""
        folders = {folder}
        for name in names:
            self._refuse_links(f"{folder}/{name}")
            folders.add(f"{folder}/{name}".rpartition("/")[0])
            with suppress(FileNotFoundError):
                self._system.rm_file(f"{self._root}/{folder}/{name}")
        if not self._whole:
            for each in sorted(folders, key=len, reverse=True):
                with suppress(OSError, NotImplementedError):
                    self._system.rmdir(f"{self._root}/{each}")

    def clear_parts(self) -> None:
        """Take away what a killed copy of the owner has left."""
        if self._whole:
            return
        for name in self.list_sizes():
            if self._part in name.rpartition("/")[2]:
                with suppress(FileNotFoundError):
                    self._system.rm_file(f"{self._root}/{name}")

    def _refuse_links(self, name: str) -> None:
        """Refuse to follow a link that lies in a run's folder or in that of the pages.

        The folder of a report may be one, to another disk.
        """
        if not self._is_local:
            return
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join((self._root, *parts[:depth]))
            is_report = depth == 1 and len(parts) > 2
            if os.path.islink(path) and not is_report:
                raise OSError(f"{path} is a link; what it leads to is left alone")

    def local_folder(self) -> Path | None:
        """Return the folder if it is on this machine, or None."""
        return Path(self._root).resolve() if self._is_local else None


def open_store(destination: str, owner: str = "") -> Store:
    """Open a place that files are copied to."""
    with explaining_extras():
        from fsspec.core import url_to_fs
    if not destination.strip():
        raise ValueError("the destination is empty; name a folder or an address.")
    try:
        # A service is asked anew, and not what another store has heard.
        system, root = url_to_fs(destination, skip_instance_cache=True)
    except ImportError as error:
        missing = explain_missing(error.__cause__) or error
        raise ValueError(f"{destination}: {missing}") from None
    except ValueError as error:
        raise ValueError(f"{destination}: {error}.") from None
    if not root.strip("/"):
        raise ValueError(f"{destination}: name a folder or a bucket in it.")
    return Store(system, root, owner)


def _list_local(root: Path) -> dict[str, int]:
    """List files, and those of reports on other disks, but follow no other link."""
    sizes = {}
    linked = [root / name for name in list_reports(root) if (root / name).is_symlink()]
    for start in (root, *linked):
        for parent, _, names in os.walk(start):
            for name in names:
                path = Path(parent) / name
                with suppress(FileNotFoundError):
                    state = path.lstat()
                    if stat.S_ISREG(state.st_mode):
                        sizes[path.relative_to(root).as_posix()] = state.st_size
    return sizes
