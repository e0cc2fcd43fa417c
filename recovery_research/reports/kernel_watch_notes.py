"""What is noted of a kernel: what it read, and that it drew or looked at the clock.

Imported by kernels, so it imports next to nothing itself.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from recovery_research.reports.input_hashes import (
    ABSENT,
    FILES,
    FOLDERS,
    hash_text,
    sign,
)
from recovery_research.reports.kernel_watch_callers import (
    AUTHOR,
    CELLS,
    LIBRARY,
    LUCK,
    Caller,
    find_caller,
    is_foreign,
    is_importing,
)

NOTES_FILE = "notes.jsonl"
NOTES_VARIABLE = "RECOVERY_RESEARCH_NOTES"
WATCHING = "watching"
MADE, ADDED, MADE_FOLDER, MOVED, SET = "made", "added", "made folder", "moved", "set"
ENVIRONMENT, UNKNOWN = "environment", "unknown"
WHOLE = "reads the whole environment"
MOST_NOTES = 10_000
_DEVICES = tuple(os.sep + name + os.sep for name in ("proc", "sys", "dev"))
# What Matplotlib and Numba keep for the next time, and would make again.
_KEPT = (".nbi", ".nbc", ".matplotlib-lock", "tex.cache")


class Notes:
    """What was read, written down at once, for a kernel may be killed at any time.

    Every process of a run adds whole lines to the same file. Each thing is written
    down once, as it stood when it was first read.

    Parameters
    ----------
    path : str
        The file.
    skipped : str, optional
        Folder whose files are not the notebook's: the private one of the kernel.
    """

    def __init__(self, path: str, skipped: str = "") -> None:
        self.path, self.skipped = path, skipped or path
        self.armed = False
        self._seen: set[tuple[str, str]] = set()
        self._busy = threading.local()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep what the watching itself does from being watched.

        Nothing that goes wrong here may reach the notebook; it makes the run one of
        which not everything is known.
        """
        if getattr(self._busy, "now", False):
            yield False
            return
        self._busy.now = True
        try:
            yield True
        except Exception as error:
            said = f"something could not be watched ({type(error).__name__})"
            with suppress(OSError):
                self.write(UNKNOWN, said)
        finally:
            self._busy.now = False

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Keep what the notebook does from being watched, which is known already."""
        before = getattr(self._busy, "now", False)
        self._busy.now = True
        try:
            yield
        finally:
            self._busy.now = before

    def write(self, kind: str, what: str, was: str = "") -> None:
        """Write something down, once."""
        if (kind, what) in self._seen or len(self._seen) > MOST_NOTES:
            return
        self._seen.add((kind, what))
        if len(self._seen) > MOST_NOTES:
            kind, what, was = UNKNOWN, f"more than {MOST_NOTES:,} things are read", ""
        line = json.dumps([kind, what, was]) + "\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        # Opened each time: a notebook may close whatever is open.
        handle = os.open(self.path, flags, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def knows(self, kind: str, what: str) -> bool:
        """Return whether something is written down already."""
        return (kind, what) in self._seen

    def doubt(self, what: str, caller: Caller) -> None:
        """Write down that something cannot be known, and which module asked for it."""
        if not self.armed:
            return
        inside = caller.kind == AUTHOR and not caller.file.startswith(CELLS)
        where = os.path.basename(caller.file) if inside else ""
        self.write(UNKNOWN, what, where)

    def read(self, kind: str, path: object) -> None:
        """Write down that something on disk is read, unless it is not the author's."""
        place = find_place(path)
        if not self.armed or place is None or self.knows(kind, place):
            return
        if f"{place}{os.sep}".startswith(_DEVICES) and not place.startswith(
            "/dev/shm/"
        ):
            self._read_device(place, find_caller())
            return
        if not self.is_foreign(place):
            self.write(kind, place, sign(kind, place))

    def is_foreign(self, place: str) -> bool:
        """Return whether a file is not the author's."""
        name = os.path.basename(place)
        return (
            is_foreign(place + os.sep)
            or place.startswith(self.skipped)
            or name.endswith(_KEPT)
            or (name.startswith("fontlist-v") and "matplotlib" in place)
        )

    def read_environment(self, name: str, value: str | None) -> None:
        """Write down an environment variable, never its value."""
        if self.knows(UNKNOWN, WHOLE) or self.knows(SET, name):
            return
        if self.armed:
            self.write(ENVIRONMENT, name, ABSENT if value is None else hash_text(value))

    def _read_device(self, place: str, caller: Caller) -> None:
        if caller.kind != AUTHOR:
            return
        if place.endswith("random"):
            self.doubt("draws luck without a seed (" + place + ")", caller)
        elif place not in (
            "/dev/null",
            "/dev/zero",
            "/dev/tty",
            "/dev/stdout",
            "/dev/stderr",
        ):
            self.doubt("reads the state of the machine (" + place + ")", caller)

    def read_tree(self, path: object) -> None:
        """Write down a file, or all files of a folder, that foreign code will read."""
        place = find_place(path)
        if place is None or not os.path.isdir(place):
            self.read(FILES, path)
            return
        for folder, _, names in os.walk(place):
            self.read(FOLDERS, folder)
            for name in names:
                self.read(FILES, os.path.join(folder, name))


def find_place(path: Any) -> str | None:
    """Return the absolute path of what was opened, None if it is no path."""
    if isinstance(path, int):
        with suppress(OSError):
            return os.readlink(f"/proc/self/fd/{path}")
        return None
    try:
        place = os.fsdecode(path if path is not None else ".")
        return os.path.abspath(place or ".")
    except (TypeError, ValueError, OSError):
        return None


class LuckGauge:
    """Tells whether luck is drawn from a generator that nobody has given a seed.

    The generators that Python and NumPy share among all are looked at after each cell
    and before each seed: have they moved, somebody has drawn.

    Parameters
    ----------
    notes : Notes
        Where to write it down.
    """

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        # What is watched: its name, how to read its state, and the state it must have.
        self._shared: dict[str, tuple[Callable[[], object], object]] = {}

    def begin(self) -> None:
        """Take down where Python's own generator stands."""
        self._shared["random"] = (random.getstate, random.getstate())

    def look(self) -> None:
        """Write down which shared generators have moved without a seed."""
        for name, (read, before) in list(self._shared.items()):
            if not _are_equal(read(), before):
                del self._shared[name]
                self.notes.doubt(f"{LUCK} ({name})", find_caller())

    def wrap_python(self) -> None:
        """Watch Python's generators."""
        # Private to `random`, where `secrets` finds it.
        draw = random._urandom  # type: ignore[attr-defined]
        system = os.urandom
        random._urandom = lambda size: self._draw(  # type: ignore[attr-defined]
            draw, size, "secrets"
        )
        os.urandom = lambda size: self._draw(system, size, "os.urandom")
        seed = random.Random.seed

        def watched_seed(generator, a=None, version=2):
            """Seed a generator; without a seed, that is luck."""
            with self.notes.alone() as first:
                if first and generator is random._inst:
                    self._meet_seed("random", a)
                elif first and a is None:
                    self._doubt_seedless("random.Random")
            return seed(generator, a, version)

        # A method of the class is what is watched.
        random.Random.seed = watched_seed  # type: ignore[method-assign]
        random.seed = random._inst.seed
        setstate = random.setstate

        def watched_setstate(state):
            """Set the state of the shared generator, which is as good as a seed."""
            with self.notes.alone():
                self._meet_seed("random", state)
            return setstate(state)

        random.setstate = watched_setstate

    def wrap_numpy(self, module: Any) -> None:
        """Watch NumPy's generators, once they are loaded."""
        bits: Any = sys.modules["numpy.random.bit_generator"]
        draw = bits.randbits

        def watched_bits(size):
            """Draw what seeds a generator that was given no seed."""
            with self.notes.alone() as first:
                if first:
                    self._doubt_seedless("numpy.random")
            return draw(size)

        bits.randbits = watched_bits
        module.RandomState = self._wrap_old_kind(module.RandomState)

        def read():
            return module.get_state(legacy=False)

        self._shared["numpy.random"] = (read, read())
        for holder in (module, module.mtrand):
            for name in ("seed", "set_state"):
                setattr(holder, name, self._wrap_seed(getattr(holder, name)))

    def follow_children(self, module: ModuleType) -> None:
        """Have processes that multiprocessing starts look at their luck as they end."""

        def follow(gauge: LuckGauge) -> None:
            # Python gives a fork a seed of its own, which is no luck yet.
            if "random" in gauge._shared:
                gauge.begin()
            module.Finalize(None, gauge.look, exitpriority=100)

        module.register_after_fork(self, follow)
        # A process that is started afresh has no fork behind it.
        module.Finalize(None, self.look, exitpriority=100)

    def _wrap_seed(self, seed: Callable) -> Callable:
        def watched(*given, **named):
            """Seed NumPy's shared generator."""
            value = next(iter([*given, *named.values()]), None)
            with self.notes.alone():
                self._meet_seed("numpy.random", value)
            return seed(*given, **named)

        return watched

    def _wrap_old_kind(self, kind: type) -> type:
        """Watch generators of the old kind, which draw luck even if given a seed."""
        gauge = self

        class Alike(type):
            """Makes all of the kind look like ours."""

            def __instancecheck__(cls, thing):
                return isinstance(thing, kind)

            def __subclasscheck__(cls, other):
                return issubclass(other, kind)

            def __call__(cls, seed=None, *more, **named):
                if cls is not ours:
                    return super().__call__(seed, *more, **named)
                with gauge.notes.alone() as first:
                    if first and seed is None:
                        gauge._doubt_seedless("numpy.random")
                with gauge.notes.deaf():
                    return kind(seed)

        names = {"__doc__": kind.__doc__, "__module__": "numpy.random"}
        ours = Alike(kind.__name__, (kind,), names)
        return ours

    def _meet_seed(self, name: str, value: object) -> None:
        """Look whether there was luck before a seed; after it there is none."""
        self.look()
        self._shared.pop(name, None)
        if value is None:
            self._doubt_seedless(name)

    def _doubt_seedless(self, name: str) -> None:
        caller = find_caller()
        drawn = caller.kind == LIBRARY and not is_importing(caller.frame)
        if caller.kind == AUTHOR or drawn:
            self.notes.doubt(f"{LUCK} ({name})", caller)

    def _draw(self, draw: Callable, size: int, name: str) -> bytes:
        if self.notes.armed:
            with self.notes.alone() as first:
                caller: Caller = find_caller()
                if first and caller.kind == AUTHOR:
                    self.notes.doubt(f"{LUCK} ({name})", caller)
        return draw(size)


def _are_equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(_are_equal(one[key], other[key]) for key in one)
    same = one == other
    return bool(same) if isinstance(same, bool) else bool(same.all())
