"""Values, times and durations as pages write them."""

from __future__ import annotations

import json
import math
from datetime import datetime

LONGEST_ADDRESS = 120
LONGEST_ZONE = 5


def show_value(value: object) -> str:
    """Return a parameter's value as a reader writes it."""
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, list | dict) for each in value)
    ):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return ", ".join(show_value(element) for element in value)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else str(value)
    return str(value)


def shorten(text: str, longest: int) -> str:
    """Return a text, cut if it is longer than that."""
    return (
        text
        if len(text) <= longest
        else f"{text[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"
    )


def format_moment(moment: datetime) -> str:
    """Return a time as ``21 November 2026, 21:44 UTC``."""
    # Not strftime: its month names follow the machine's language.
    months = "January February March April May June July August September October"
    names = [*months.split(), "November", "December"]
    return f"{moment.day} {names[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"


def show_local(moment: datetime, *, seconds: bool = False) -> str:
    """Return a time on this machine's clock, with the name of its zone."""
    local = moment.astimezone()
    zone = local.tzname() or ""
    if not (zone.isascii() and zone.isalpha() and len(zone) <= LONGEST_ZONE):
        # Some systems have no short names, some zones are called "+03".
        zone = f"UTC{local:%z}"
    clock = "%H:%M:%S" if seconds else "%H:%M"
    return f"{local.strftime(f'%Y-%m-%d {clock}')} {zone}"


def format_seconds(seconds: float | None) -> str:
    """Return a duration as ``8.3 s`` or ``2 min 5 s``."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def name_address(what: str, address: str) -> str:
    """Name a thing by its address, if that can be shown to people.

    Examples
    --------
    >>> name_address("a frame", "https://example.org/")
    'a frame (https://example.org/)'
    >>> name_address("a frame", "data:text/html,hello")
    'a frame'
    """
    shown = " ".join(address[: 2 * LONGEST_ADDRESS].split())
    if not shown or shown.lower().startswith(("data:", "javascript:", "about:")):
        return what
    if len(shown) > LONGEST_ADDRESS:
        shown = f"{shown[: LONGEST_ADDRESS - 1]}\N{HORIZONTAL ELLIPSIS}"
    return f"{what} ({shown})"
