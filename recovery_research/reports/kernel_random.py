"""Luck that a notebook draws without a seed, which no later run can draw again.

Imported by kernels alone.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from types import ModuleType

from recovery_research.reports.kernel_callers import (
    AUTHOR,
    LIBRARY,
    LUCK,
    Caller,
    find_caller,
    is_importing,
)
from recovery_research.reports.kernel_notes import Notes


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
        draw, system = random._urandom, os.urandom
        random._urandom = lambda size: self._draw(draw, size, "secrets")
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

        random.Random.seed = watched_seed
        random.seed = random._inst.seed
        setstate = random.setstate

        def watched_setstate(state):
            """Set the state of the shared generator, which is as good as a seed."""
            with self.notes.alone():
                self._meet_seed("random", state)
            return setstate(state)

        random.setstate = watched_setstate

    def wrap_numpy(self, module: ModuleType) -> None:
        """Watch NumPy's generators, once they are loaded."""
        bits = sys.modules["numpy.random.bit_generator"]
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


def _are_equal(one: object, other: object) -> bool:
    if isinstance(one, dict):
        return all(_are_equal(one[key], other[key]) for key in one)
    same = one == other
    return bool(same) if isinstance(same, bool) else bool(same.all())
