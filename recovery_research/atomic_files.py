"""Files and folders put in place whole, and there still after the power has failed.

The one way in which the package leaves anything that has to last: it is made beside
its place, synced, renamed, and the folder that holds the new name is synced as well.
Without the first sync a name may come back with nothing behind it; without the second
the name may be gone.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# In the name of all that is not in its place yet, and of what a killed writer leaves.
PART = ".part-"
# Said by file systems that cannot sync at all: theirs is no promise to break.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
# A folder may be written and not read, and Windows opens none.
_CANNOT_OPEN = {errno.EACCES, errno.EPERM, errno.EISDIR}


def write_whole(
    path: Path,
    content: str | bytes,
    *,
    overwrite: bool = True,
    finish: Callable[[Path], None] | None = None,
) -> Path:
    """Write a file, whole or not at all; what was there stays until then."""
    with making_whole(path, overwrite=overwrite) as fresh:
        _write(fresh, content)
        if finish is not None:
            finish(fresh)
    return path


@contextmanager
def making_named(path: Path) -> Iterator[Path]:
    """Make a file at a place that somebody has named, whole if that can be.

    A link is followed, and what is no file, such as ``/dev/stdout``, is written as it
    is.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        yield path
        return
    with making_whole(path) as fresh:
        yield fresh


@contextmanager
def making_whole(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Make a file under another name and put it in place if the block succeeds."""
    fresh = path.with_name(f"{PART}{secrets.token_hex(4)}{path.suffix}")
    try:
        yield fresh
        if overwrite:
            put_in_place(fresh, path)
        else:
            sync_tree(fresh)
            _name(fresh, path)
            sync_folder(path.parent)
    finally:
        with suppress(OSError):
            fresh.unlink()


def put_in_place(made: Path, place: Path) -> None:
    """Sync a file, or a folder with everything in it, and rename it."""
    sync_tree(made)
    rename_synced(made, place)


def rename_synced(there: Path, place: Path) -> None:
    """Rename what has been synced before, and sync the folders of both names."""
    os.replace(there, place)
    # The new name first: between the two a run has both rather than neither.
    sync_folder(place.parent)
    if there.parent != place.parent:
        sync_folder(there.parent)


def make_folder(folder: Path, *, finish: Callable[[Path], None] | None = None) -> None:
    """Make a folder and those above it that are missing, and see that they last."""
    missing = []
    for one in (folder, *folder.parents):
        if one.is_dir():
            break
        missing.append(one)
    folder.mkdir(parents=True, exist_ok=True)
    for one in reversed(missing):
        if finish is not None:
            finish(one)
        sync_folder(one.parent)


def sync_tree(made: Path) -> None:
    """Have a file, or a folder and everything in it, put on the disk."""
    if not made.is_dir():
        _sync(made, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        return
    with os.scandir(made) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder or entry.is_file(follow_symlinks=False):
                sync_tree(made / entry.name)
    sync_folder(made)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder put on the disk, where a system can do that."""
    try:
        _sync(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in _CANNOT_OPEN:
            raise


def clear_parts(folder: Path, *, older_than: float) -> None:
    """Remove what killed writers have left in a folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PART) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < older_than:
                        os.unlink(entry.path)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(handle)


def _write(path: Path, content: str | bytes) -> None:
    left = memoryview(_encode(content))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o666)
    try:
        while left:
            left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


def _encode(content: str | bytes) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def _name(fresh: Path, path: Path) -> None:
    """Give a file a name that must be free."""
    try:
        os.link(fresh, path)
        os.unlink(fresh)
    except FileExistsError:
        raise
    except OSError:
        # Where a file has one name only, the name is taken first.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        os.replace(fresh, path)
