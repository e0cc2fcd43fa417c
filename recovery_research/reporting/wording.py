"""Values, times and durations as pages write them."""

from __future__ import annotations

import math
from datetime import datetime


def show_value(value: object) -> str:
    """Return a parameter's value as a reader writes it.

    Parameters
    ----------
    value : bool, int, float, str or list
        The value.

    Returns
    -------
    str
    """
    if isinstance(value, list):
        return ", ".join(show_value(element) for element in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else str(value)
    return str(value)


def shorten(text: str, longest: int) -> str:
    """Return a text, cut if it is longer than that.

    Parameters
    ----------
    text : str
        The text.
    longest : int
        Most characters.

    Returns
    -------
    str
    """
    return (
        text
        if len(text) <= longest
        else f"{text[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"
    )


def format_moment(moment: datetime) -> str:
    """Return a time as ``21 November 2026, 21:44 UTC``.

    Parameters
    ----------
    moment : datetime
        Time in UTC.

    Returns
    -------
    str
    """
    # Not strftime: its month names follow the machine's language.
    months = "January February March April May June July August September October"
    names = [*months.split(), "November", "December"]
    return f"{moment.day} {names[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"


def format_seconds(seconds: float | None) -> str:
    """Return a duration as ``8.3 s`` or ``2 min 5 s``.

    Parameters
    ----------
    seconds : float or None
        The duration.

    Returns
    -------
    str
    """
    if seconds is None or not math.isfinite(seconds):
        return ""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
