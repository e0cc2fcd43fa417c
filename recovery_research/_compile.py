"""Compiling the inner loop, with a cache on disk wherever one can be kept."""

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba


def compiled(function: Callable) -> Callable:
    """Compile a part of the loop: it makes no arrays, and is put in where called.

    Arrays are then not counted as they are handed on, nor the world's many
    coefficients copied from call to call; that halves the time of the loop.
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
        return watch_every_source(numba.njit(cache=True, **options)(function))
    except (RuntimeError, AttributeError, OSError):
        return numba.njit(**options)(function)


def watch_every_source(dispatcher: Callable) -> Callable:
    """Keep what was compiled under a name that changes when any of the files does.

    By itself Numba watches only the file a function stands in. What it calls in other
    files is part of the compiled code too, and would be run as it was before an edit.
    """
    from numba.core.caching import IndexDataCacheFile

    kept = dispatcher._cache  # no public way; AttributeError: not cached at all
    kept._cache_file = IndexDataCacheFile(
        cache_path=kept.cache_path,
        filename_base=f"{kept._impl.filename_base}.{digest_sources()}",
        source_stamp=kept._impl.locator.get_source_stamp(),
    )
    tell_cache(kept.cache_path)
    return dispatcher


@cache
def tell_cache(folder: str) -> None:
    """Tell once, to who wants details, where compiled code is kept."""
    logging.getLogger(__name__).debug("compiled code is kept in %s", folder)


@cache
def digest_sources() -> str:
    """Return a fingerprint of every file of the package with compiled functions."""
    together = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("_*.py")):
        together.update(path.read_bytes())
    return together.hexdigest()[:12]
