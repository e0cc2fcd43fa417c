"""Places that files are copied to: folders, S3 and whatever else fsspec knows."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.whole_files import PART, sync_folder, sync_tree

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

NOT_INSTALLED = (
    "publishing needs the package fsspec, and s3fs for S3; install "
    "recovery-research[publish]."
)
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
    """

    def __init__(self, system: AbstractFileSystem, root: str) -> None:
        self._system, self._root = system, root.rstrip("/")
        protocol = system.protocol
        names = {protocol} if isinstance(protocol, str) else set(protocol)
        self._whole = bool(names & _WHOLE)
        self._is_local = "file" in names
        self._unsettled: set[Path] = set()

    def put(self, file: Path, name: str) -> None:
        """Copy a file to a name, at which it appears whole or not at all.

        Parameters
        ----------
        file : Path
            The file.
        name : str
            Name in the folder, with slashes.
        """
        target = f"{self._root}/{name}"
        if self._whole:
            self._system.put_file(str(file), target)
            return
        self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
        part = f"{target}{PART}{secrets.token_hex(4)}"
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
        """Return a file's content.

        Parameters
        ----------
        name : str
            Name in the folder.

        Returns
        -------
        bytes

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        # What a listing said a while ago is not asked for.
        self._system.invalidate_cache()
        return self._system.cat_file(f"{self._root}/{name}")

    def list_sizes(self) -> dict[str, int] | None:
        """Return the size of every file in the folder; None if it cannot be listed.

        Returns
        -------
        dict of str to int, or None
            By name in the folder.
        """
        self._system.invalidate_cache()
        # As the place itself writes it, which may add a slash or a drive.
        root = self._system._strip_protocol(self._root).rstrip("/") + "/"
        with suppress(FileNotFoundError, NotImplementedError):
            found = self._system.find(self._root, detail=True)
            sizes = {path: facts.get("size") for path, facts in found.items()}
            if None in sizes.values():
                return None
            return {path.removeprefix(root): size for path, size in sizes.items()}
        return None

    def remove(self, folder: str, names: Iterable[str]) -> None:
        """Remove files, and their folders where a place has such and they are empty.

        Parameters
        ----------
        folder : str
            Folder in the folder.
        names : iterable of str
            Names in that; what is not there any more is as it should be.
        """
        folders = {folder}
        for name in names:
            folders.add(f"{folder}/{name}".rpartition("/")[0])
            with suppress(FileNotFoundError):
                self._system.rm_file(f"{self._root}/{folder}/{name}")
        if not self._whole:
            for each in sorted(folders, key=len, reverse=True):
                with suppress(OSError, NotImplementedError):
                    self._system.rmdir(f"{self._root}/{each}")

    def clear_parts(self) -> None:
        """Take away what a killed copy has left."""
        if self._whole:
            return
        with suppress(FileNotFoundError, NotImplementedError):
            for path in self._system.find(self._root):
                if PART in path.rpartition("/")[2]:
                    self._system.rm_file(path)

    def local_folder(self) -> Path | None:
        """Return the folder if it is on this machine, or None.

        Returns
        -------
        Path or None
        """
        return Path(self._root).resolve() if self._is_local else None


def open_store(destination: str) -> Store:
    """Open a place that files are copied to.

    Parameters
    ----------
    destination : str
        A folder, or an address that fsspec knows.

    Returns
    -------
    Store

    Raises
    ------
    ValueError
        If it is no such thing, or a package for it is missing.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise ValueError(NOT_INSTALLED) from None
    if not destination.strip():
        raise ValueError("the destination is empty; name a folder or an address.")
    try:
        # A service is asked anew, and not what another store has heard.
        system, root = url_to_fs(destination, skip_instance_cache=True)
    except ImportError as error:
        raise ValueError(f"{destination}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{destination}: {error}.") from None
    if not root.strip("/"):
        raise ValueError(f"{destination}: name a folder or a bucket in it.")
    return Store(system, root)
