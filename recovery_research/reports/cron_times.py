"""When a plan is run: the five fields of cron, and what systemd makes of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, tuple(day.lower() for day in _DAYS)),
)
_PART = re.compile(r"(\*|[a-z]+|\d+)(?:-([a-z]+|\d+))?(?:/(\d+))?", re.ASCII)
EXAMPLE = '"0 6 * * 1-5" (at six from Monday to Friday)'


@dataclass(frozen=True, slots=True)
class Timetable:
    """Minutes at which something is run.

    Attributes
    ----------
    text : str
        The five fields of cron.
    minutes, hours, days, months, weekdays : tuple of int
        What they allow; Sunday is 0.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def to_calendar(self) -> list[str]:
        """Return the same times as systemd's ``OnCalendar`` has them.

        Where neither day of the month nor day of the week begins with a star, cron
        is content with either; systemd wants both, so there are two lines then.
        """
        at = f"{_write(self.hours, 24)}:{_write(self.minutes, 60)}:00"
        months = _write(self.months, 12)
        by_day, by_week = self.text.split()[2::2]
        days = _write(self.days, 31)
        names = ",".join(_DAYS[day] for day in self.weekdays)
        if not by_day.startswith("*") and not by_week.startswith("*"):
            return [f"*-{months}-{days} {at}", f"{names} *-{months}-* {at}"]
        week = "" if len(self.weekdays) == 7 else f"{names} "
        return [f"{week}*-{months}-{days} {at}"]


def read_timetable(text: str) -> Timetable:
    """Read the five fields of cron.

    Examples
    --------
    >>> read_timetable("*/30 6 * * mon-fri").to_calendar()
    ['Mon,Tue,Wed,Thu,Fri *-*-* 06:00,30:00']
    """
    fields = text.lower().split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"a timetable has five fields: minute, hour, day, month, weekday, such as "
            f"{EXAMPLE}; got {text!r}."
        )
    minutes, hours, days, months, named = [
        _read_field(field, *about) for field, about in zip(fields, _FIELDS, strict=True)
    ]
    weekdays = tuple(sorted({day % 7 for day in named}))
    return Timetable(" ".join(fields), minutes, hours, days, months, weekdays)


def _read_field(
    field: str, what: str, low: int, high: int, names: tuple[str, ...]
) -> tuple[int, ...]:
    allowed: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None or (match[1] == "*" and match[2]):
            raise ValueError(_refuse(field, what, low, high))
        if match[1] == "*":
            first, last = low, min(high, 6) if what == "day of the week" else high
        else:
            first = _read_number(match[1], names, low)
            last = first if match[2] is None else _read_number(match[2], names, low)
            if match[3] and not match[2]:
                raise ValueError(_refuse(field, what, low, high))
        step = int(match[3] or 1)
        if not low <= first <= last <= high or not 1 <= step <= high:
            raise ValueError(_refuse(field, what, low, high))
        allowed.update(range(first, last + 1, step))
    return tuple(sorted(allowed))


def _read_number(text: str, names: tuple[str, ...], low: int) -> int:
    if text.isdigit():
        return int(text)
    return names.index(text) + low if text in names else -1


def _refuse(field: str, what: str, low: int, high: int) -> str:
    return (
        f"{field!r} is no {what} for cron: write * or numbers {low} to {high}, such as "
        f"{low},{high} or {low}-{high} or */2; the whole such as {EXAMPLE}."
    )


def _write(numbers: tuple[int, ...], n_all: int) -> str:
    if len(numbers) == n_all:
        return "*"
    return ",".join(f"{number:02}" for number in numbers)
