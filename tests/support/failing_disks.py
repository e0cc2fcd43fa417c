"""Disks that fail at the N-th call, and disks from which the power was taken."""

import builtins
import errno
import io
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

WRITERS = {
    "replace": 1,
    "rename": 1,
    "link": 1,
    "symlink": 1,
    "mkdir": 0,
}  # which argument names the thing in the watched folder


def path_of(handle):
    return Path(os.readlink(f"/proc/self/fd/{handle}"))


class FaultyDisk:
    """Lets every call that may change a folder pass but one.

    Parameters
    ----------
    root : Path
        The folder.
    fail_at : int
        Which call fails, counted from 1; 0 for none.
    error : int
        With what.
    """

    def __init__(self, root, fail_at=0, error=errno.ENOSPC):
        self.root, self.fail_at, self.error = root, fail_at, error
        self.calls = []

    @property
    def fired(self):
        return 0 < self.fail_at <= len(self.calls)

    @property
    def failed(self):
        return self.calls[self.fail_at - 1] if self.fired else " "

    def strike(self, what, path):
        if not Path(path).is_relative_to(self.root):
            return
        self.calls.append(f"{what} {Path(path).relative_to(self.root)}")
        if len(self.calls) == self.fail_at:
            raise OSError(self.error, os.strerror(self.error), str(path))

    @contextmanager
    def mounted(self):
        """Put the disk under everything that this process does."""
        patches = [mock.patch.object(os, "open", self._open)]
        patches += [
            mock.patch.object(os, name, self._by_handle(name))
            for name in ("write", "fsync")
        ]
        patches += [
            mock.patch.object(os, name, self._by_path(name, which))
            for name, which in WRITERS.items()
        ]
        patches += [
            mock.patch.object(module, "open", self._open_file)
            for module in (io, builtins)
        ]
        self.real = {"open": os.open, "open_file": io.open}
        for patch in patches:
            patch.start()
        try:
            yield self
        finally:
            for patch in patches:
                patch.stop()

    def _open(self, path, flags, *args, **more):
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if isinstance(path, str | Path) and more.get("dir_fd") is None and writes:
            self.strike("open", path)
        return self.real["open"](path, flags, *args, **more)

    def _by_handle(self, name):
        real = getattr(os, name)

        def call(handle, *args):
            self.strike(name, path_of(handle))
            return real(handle, *args)

        return call

    def _by_path(self, name, which):
        real = getattr(os, name)

        def call(*args, **more):
            self.strike(name, args[which])
            return real(*args, **more)

        return call

    def _open_file(self, file, mode="r", buffering=-1, *args, **more):
        writes = set(mode) & set("wxa") and "+" not in mode
        if not isinstance(file, str | Path) or not writes:
            return self.real["open_file"](file, mode, buffering, *args, **more)
        self.strike("open", file)
        raw = _FaultyFile(file, mode.replace("b", "").replace("t", ""))
        raw.disk = self
        buffered = io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        names = ("encoding", "errors", "newline")
        return io.TextIOWrapper(buffered, **{**dict(zip(names, args)), **more})  # noqa: B905


class _FaultyFile(io.FileIO):
    disk = None

    def write(self, content):
        self.disk.strike("write", self.name)
        return super().write(content)


def fail_everywhere(make, act, *, errors=(errno.ENOSPC, errno.EIO)):
    """Yield the folder after `act` has met a fault at each call in turn.

    Parameters
    ----------
    make : callable
        Returns a fresh folder to act in.
    act : callable
        Does it; an OSError is its right answer to a fault.
    errors : sequence of int
        Each is tried.

    Yields
    ------
    tuple of FaultyDisk, Path and OSError or None
        None if it went through all the same.
    """
    for error in errors:
        number, fired = 0, True
        while fired:
            number += 1
            root, said = make(), None
            disk = FaultyDisk(root, number, error)
            try:
                with disk.mounted():
                    act(root)
            except OSError as raised:
                said = raised
            fired = disk.fired
            yield disk, root, said
        assert number > 1, "nothing was called, so nothing could fail"


class PowerCuts:
    """Follows what is synced in a folder, and knows what a power cut would leave.

    On the disk is, of a file, what it held when it was last synced, and of a folder,
    the names that it held then. What was not synced may be there or not: images are
    made with all, with none, and with any one folder's newer names, and never with the
    content of a file that was not synced.
    """

    def __init__(self, root):
        self.root = root
        self.files, self.folders, self.held = {}, {}, []
        self.images = {}
        for parent, _, names in os.walk(root):
            self._note(Path(parent))
            for name in names:
                if not (Path(parent) / name).is_symlink():
                    self._note(Path(parent) / name)

    @contextmanager
    def watched(self):
        """Follow everything that this process does."""
        real = {n: getattr(os, n) for n in ("fsync", "replace", "rename", "unlink",
                                            "rmdir", "symlink", "link", "mkdir")}  # fmt: skip

        def fsync(handle):
            real["fsync"](handle)
            path = path_of(handle)
            if path.is_relative_to(self.root):
                self._note(path)
                self._take_images(f"fsync {path.relative_to(self.root)}")

        def follow(name):
            def call(*args, **more):
                done = real[name](*args, **more)
                self._take_images(f"{name} {args}")
                return done

            return call

        patches = [mock.patch.object(os, "fsync", fsync)]
        patches += [mock.patch.object(os, n, follow(n)) for n in real if n != "fsync"]
        for patch in patches:
            patch.start()
        try:
            yield self
        finally:
            for patch in patches:
                patch.stop()
            for handle in self.held:
                os.close(handle)

    def restore(self, image, into):
        """Write an image out."""
        into.mkdir()
        for name, (kind, content) in sorted(image.items()):
            if kind == "folder":
                (into / name).mkdir()
            elif kind == "link":
                (into / name).symlink_to(content)
            else:
                (into / name).write_bytes(content)

    def _note(self, path):
        """Note that a file or folder is now on the disk as it is."""
        handle = os.open(path, os.O_RDONLY)
        self.held.append(handle)  # its number cannot be another's meanwhile
        number = os.fstat(handle).st_ino
        if path.is_dir():
            self.folders[number] = _list(path)
        else:
            self.files[number] = path.read_bytes()

    def _take_images(self, moment):
        now = {}
        for parent, _, _ in os.walk(self.root):
            now[os.stat(parent).st_ino] = _list(Path(parent))
        synced = self.folders
        choices = [{}, now]
        for number in now:
            if now[number] != synced.get(number):
                choices.append({number: now[number]})
                rest = {n: names for n, names in now.items() if n != number}
                choices.append(rest)
        for chosen in choices:
            image = {}
            self._draw({**synced, **chosen}, os.stat(self.root).st_ino, "", image)
            self.images.setdefault(frozenset(image.items()), moment)

    def _draw(self, folders, number, prefix, image):
        for name, (kind, inner, target) in folders.get(number, {}).items():
            if kind == "folder":
                image[prefix + name] = (kind, None)
                self._draw(folders, inner, f"{prefix}{name}/", image)
            elif kind == "link":
                image[prefix + name] = (kind, target)
            else:
                image[prefix + name] = (kind, self.files.get(inner, b""))


def _list(folder):
    names = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            state = entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(state.st_mode):
                names[entry.name] = ("link", 0, os.readlink(entry.path))
            elif stat.S_ISDIR(state.st_mode):
                names[entry.name] = ("folder", state.st_ino, None)
            else:
                names[entry.name] = ("file", state.st_ino, None)
    return names
