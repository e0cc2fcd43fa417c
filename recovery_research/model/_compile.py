"""Compiling the inner loop, with a cache on disk wherever one can be kept."""

import hashlib
import itertools
import logging
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import IndexDataCacheFile

_log = logging.getLogger("recovery_research")


def compiled(function: Callable) -> Callable:
    """Compile a part of the loop: it makes no arrays, and is inlined where called.

    That spares the counting of references to arrays, and the copying of the world's
    many coefficients from call to call; it halves the time of the loop.
    """
    return compile_with(function, _nrt=False, forceinline=True)


def compiled_entry(function: Callable) -> Callable:
    """Compile a function that Python calls and that makes arrays of its own."""
    return compile_with(function)


def compile_with(function: Callable, **more: Any) -> Callable:
    """Compile `function` with Numba, free of the GIL and of Python errors.

    Numba keeps what it compiled beside the source or in the user's cache folder.
    Where neither can be written (a read-only checkout, no home) it raises
    RuntimeError at decoration; then we compile anew in every process.
    """
    options = {"nogil": True, "error_model": "numpy", **more}
    try:
        return keep_safely(numba.njit(cache=True, **options)(function))
    except (RuntimeError, AttributeError, OSError):
        return numba.njit(**options)(function)


def keep_safely(dispatcher: Any) -> Callable:
    """Keep what was compiled where no damage to it can do harm.

    By itself Numba believes whatever lies in its cache: half a file stops every process
    for good, and machine code with a wrong byte in it is run. A full disk stops it,
    too. Nor does it watch other files than the one a function stands in, though what it
    calls there is part of the compiled code.
    """
    kept = dispatcher._cache  # no public way; AttributeError: not cached at all
    kept._cache_file = SignedCacheFile(
        cache_path=kept.cache_path,
        filename_base=f"{kept._impl.filename_base}.{digest_sources()}",
        source_stamp=kept._impl.locator.get_source_stamp(),
    )
    kept._impl.locator.ensure_cache_path = lambda: None  # saving says what is wrong
    kept._impl.rebuild = _forgive(kept._impl.rebuild)
    tell_cache(kept.cache_path)
    return dispatcher


@cache
def tell_cache(folder: str) -> None:
    """Tell once, to who wants details, where compiled code is kept."""
    logging.getLogger(__name__).debug("compiled code is kept in %s", folder)


@cache
def digest_sources() -> str:
    """Return a fingerprint of every file of this room with compiled functions."""
    together = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("_*.py")):
        together.update(path.read_bytes())
    return together.hexdigest()[:12]


def _forgive(rebuild: Callable) -> Callable:
    """Return a way to rebuild kept code that gives nothing where it cannot."""

    def rebuild_or_not(*args: Any) -> Any:
        with suppress(Exception):
            return rebuild(*args)
        return None

    return rebuild_or_not


class SignedCacheFile(IndexDataCacheFile):
    """Numba's cache files, each with the hash of its content before it.

    What does not fit its hash is not even unpickled: it is compiled anew and
    written over. What cannot be written is compiled anew the next time.
    """

    def load(self, key):
        name = self._load_index().get(key)
        kept = None if name is None else self._read(self._data_path(name))
        # Two processes may have given the same name to code of two kinds.
        return kept[1] if kept is not None and kept[0] == key else None

    def save(self, key, data):
        try:
            self._save_anew(key, data)
        except OSError as error:
            _say_unkept(self._cache_path, str(error.strerror))

    def _save_anew(self, key, data):
        os.makedirs(self._cache_path, exist_ok=True)
        overloads = self._load_index()
        if key not in overloads:
            names = map(self._data_name, itertools.count(1))
            taken = set(overloads.values())
            overloads[key] = next(name for name in names if name not in taken)
        self._write(self._data_path(overloads[key]), (key, data))
        self._save_index(overloads)

    def _load_index(self):
        kept = self._read(self._index_path)
        if kept is None or kept[0] != self._made_by():
            return {}
        return kept[1]

    def _save_index(self, overloads):
        self._write(self._index_path, (self._made_by(), overloads))

    def _made_by(self):
        return self._version, llvmlite.__version__, self._source_stamp

    def _read(self, path):
        try:
            content = Path(path).read_bytes()
        except OSError:
            return None
        sign, said = content[:32], content[32:]
        if len(sign) < 32 or sign != hashlib.sha256(said).digest():
            return None
        # Whole, and yet perhaps what another version has written.
        with suppress(Exception):
            return pickle.loads(said)
        return None

    def _write(self, path, what):
        said = self._dump(what)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(said).digest() + said)


@cache
def _say_unkept(folder: str, reason: str) -> None:
    """Say once that the cache cannot be kept; a simulation is none the worse for it."""
    _log.warning(
        "%s: what was compiled cannot be kept there (%s); it is compiled anew in every "
        "process.",
        folder,
        reason,
    )
