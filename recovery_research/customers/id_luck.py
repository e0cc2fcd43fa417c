"""Luck addressed by a customer's id, so that nobody's depends on who else is there.

References
----------
Steele, G. L., Lea, D., & Flood, C. H. (2014). Fast splittable pseudorandom number
generators. OOPSLA '14. doi:10.1145/2660193.2660195
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Sixteen bytes, as the hash takes them; another key would be another luck for all.
KEY = "recovery-paradox"
# The increment and the multipliers of SplitMix64.
GOLDEN = 0x9E3779B97F4A7C15
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
LARGEST_SEED = 2**64 - 1
# More ids than this are worth what loading pyarrow takes.
MANY = 100_000


def draw_by_id(hashes: NDArray[np.uint64], seed: int, draw: int = 0) -> NDArray:
    """Draw one uniform number for each customer.

    Parameters
    ----------
    hashes : uint64 array, shape (n_customers,)
        From `hash_ids`.
    seed : int
        0 to 2**64 - 1.
    draw : int, optional
        Which of several independent draws, from 0.

    Returns
    -------
    float64 array, shape (n_customers,)
        Inside (0, 1); a pure function of the id, the seed and the draw's number.

    Raises
    ------
    ValueError
        If the seed is no whole number in its range.

    Examples
    --------
    >>> few = draw_by_id(hash_ids(pd.Series([17, 4])), 0)
    >>> many = draw_by_id(hash_ids(pd.Series(["x", "17", "y", "4.0"])), 0)
    >>> few.tolist() == many[[1, 3]].tolist()
    True
    """
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed is a whole number, 0 to {LARGEST_SEED}; got {seed!r}.")
    start = mix(np.array([(int(seed) + GOLDEN) % 2**64], dtype=np.uint64))
    step = np.uint64((draw + 1) * GOLDEN % 2**64)
    words = mix(hashes ^ mix(start + step))
    # 53 bits, and half a step away from 0 and 1.
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the words scrambled by the finaliser of SplitMix64."""
    words = (words ^ (words >> np.uint64(30))) * FIRST
    words = (words ^ (words >> np.uint64(27))) * SECOND
    return words ^ (words >> np.uint64(31))


def hash_ids(ids: pd.Series) -> NDArray[np.uint64]:
    """Return a number for each id that depends on nothing but how the id is written.

    An id is the same whether it was read as a whole number, as a number with nothing
    after the point, or as text.
    """
    if isinstance(ids.dtype, np.dtype) and ids.dtype.kind in "iu" and len(ids) > MANY:
        texts = write_many(ids.to_numpy())
    else:
        texts = np.array(write_ids(ids), dtype=object)
    return pd.util.hash_array(texts, hash_key=KEY, categorize=False)


def write_many(ids: NDArray[np.int64]) -> NDArray:
    """Return whole numbers as text, as `write_ids` does, twice as fast."""
    import pyarrow as pa

    return pa.array(ids).cast(pa.string()).to_numpy(zero_copy_only=False)


def write_ids(ids: pd.Series) -> list[str]:
    """Return ids as text, whole numbers without a point."""
    if ids.dtype.kind in "iu":
        return list(map(str, ids.tolist()))
    return [
        each if isinstance(each, str) and each[-2:] != ".0" else write_id(each)
        for each in ids.tolist()
    ]


def write_id(one: object) -> str:
    """Return one id as text."""
    if isinstance(one, str):
        bare = one.removesuffix(".0")
        return bare if bare.removeprefix("-").isdecimal() else one
    try:
        numerator, denominator = one.as_integer_ratio()
    except (AttributeError, OverflowError, ValueError):  # no number, or none finite
        return str(one)
    return str(int(numerator)) if denominator == 1 else str(one)
