"""Compiling the inner loop, with a cache on disk wherever one can be kept."""

from collections.abc import Callable
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
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
