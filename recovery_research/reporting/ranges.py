"""The numbers that a parameter may take."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_NUMBER = r"([-+]?\d[\d_]*(?:\.\d[\d_]*)?(?:e[-+]?\d+)?)"
# Pattern, and which of the two ends (low, high) it closes.
_PATTERNS = (
    (re.compile(rf"{_NUMBER} to {_NUMBER}"), "both", False),
    (re.compile(rf"between {_NUMBER} and {_NUMBER}"), "both", True),
    (re.compile(rf"{_NUMBER} or more"), "low", False),
    (re.compile(rf"above {_NUMBER}"), "low", True),
    (re.compile(rf"{_NUMBER} or less"), "high", False),
    (re.compile(rf"below {_NUMBER}"), "high", True),
)


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of numbers.

    Attributes
    ----------
    low, high : int or float
        Ends; minus or plus infinity where there is none.
    open : bool
        Whether the ends themselves are excluded.

    Examples
    --------
    >>> 0.95 in Range(0, 1, open=True), 1 in Range(0, 1, open=True)
    (True, False)
    """

    low: float
    high: float
    open: bool = False

    def __contains__(self, value: float) -> bool:
        if self.open:
            return self.low < value < self.high
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return self.describe()

    def describe(self) -> str:
        """Return the range in the words that declare it.

        Returns
        -------
        str
        """
        if math.isinf(self.high):
            return f"above {self.low}" if self.open else f"{self.low} or more"
        if math.isinf(self.low):
            return f"below {self.high}" if self.open else f"{self.high} or less"
        if self.open:
            return f"between {self.low} and {self.high}"
        return f"{self.low} to {self.high}"


def read_range(text: str) -> Range:
    """Read a range as a notebook's comment writes it.

    Parameters
    ----------
    text : str
        One of ``1 to 10``, ``between 0 and 1`` (ends excluded), ``0 or more``,
        ``above 0``, ``10 or less``, ``below 1``.

    Returns
    -------
    Range

    Raises
    ------
    ValueError
        If it is none of these, or the low end is above the high one.
    """
    for pattern, closes, is_open in _PATTERNS:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        numbers = [_read_number(group) for group in match.groups()]
        low = numbers[0] if closes != "high" else -math.inf
        high = numbers[-1] if closes != "low" else math.inf
        if low > high:
            raise ValueError(f"the range [{text}] begins above its end.")
        return Range(low, high, is_open)
    raise ValueError(
        f"cannot read the range [{text}]; write [1 to 10], [between 0 and 1], "
        "[0 or more], [above 0], [10 or less] or [below 1]."
    )


def _read_number(text: str) -> int | float:
    plain = text.replace("_", "")
    return int(plain) if re.fullmatch(r"[-+]?\d+", plain) else float(plain)
