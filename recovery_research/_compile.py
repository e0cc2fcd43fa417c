"""Compiling the inner loop, with a cache on disk wherever one can be kept."""

from collections.abc import Callable

import numba


def compiled(function: Callable) -> Callable:
    """Compile `function` with Numba, free of the GIL and of Python errors.

    Numba keeps what it compiled beside the source or in the user's cache folder.
    Where neither can be written (a read-only checkout, no home) it raises
    RuntimeError at decoration; then we compile anew in every process.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
