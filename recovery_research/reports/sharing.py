"""Files and folders that the next user of a group can go on with."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from recovery_research.whole_files import make_folder, write_whole


def share(path: Path) -> None:
    """Give a file or folder to the group of its folder, if that group may write there.

    A user's own settings (umask) usually keep others from writing what she made; in a
    folder that belongs to a group, the next of them could then not go on.
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        around, own = os.stat(path.parent), os.lstat(path)
        if not around.st_mode & stat.S_IWGRP or stat.S_ISLNK(own.st_mode):
            return
        more = stat.S_IRGRP | stat.S_IWGRP
        if stat.S_ISDIR(own.st_mode):
            more |= stat.S_IXGRP | (around.st_mode & stat.S_ISGID)
        if own.st_gid != around.st_gid:
            os.chown(path, -1, around.st_gid)
        mode = stat.S_IMODE(own.st_mode)
        if mode | more != mode or own.st_gid != around.st_gid:
            os.chmod(path, mode | more)


def share_all(folder: Path) -> None:
    """Give a folder and everything in it to the group of the folder around it."""
    share(folder)
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            share(Path(parent) / name)


def make_shared(folder: Path) -> None:
    """Make a folder that is missing, and give it to the group of the one around it."""
    make_folder(folder, finish=share)


def write_shared(path: Path, text: str) -> Path:
    """Write a text whole or not at all, for everybody whose folder it is in."""
    return write_whole(path, text.encode("utf-8", "replace"), finish=share)
