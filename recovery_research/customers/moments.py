"""Dates and times of a file, as weeks since 1970 in one time zone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.customers.mapping_rules import FileMapping, TimeRule

if TYPE_CHECKING:
    import pyarrow as pa

    from recovery_research.customers.cells import Cells

ZONED = r"(?:[zZ]|[+-]\d\d:?\d\d)$"
CLOCK = r"\d[T ]\d\d:\d\d"
# Outside of this a date is a placeholder or a slip of the pen.
EARLIEST, LATEST = pd.Timestamp("1950-01-01"), pd.Timestamp("2100-01-01")
SECONDS_A_WEEK = 7.0 * 86400.0
# Numbers of weeks or days beyond this are none: a hundred years.
MOST_WEEKS = 5218.0
COUNTED = ("weeks", "days")
# How many of them make a week, and which of them 1970 began with.
UNITS = {
    "weeks": (1.0, 0.0), "days": (7.0, 0.0), "excel": (7.0, 25569.0),
    "seconds": (SECONDS_A_WEEK, 0.0), "milliseconds": (SECONDS_A_WEEK * 1e3, 0.0),
    "microseconds": (SECONDS_A_WEEK * 1e6, 0.0),
    "nanoseconds": (SECONDS_A_WEEK * 1e9, 0.0),
}  # fmt: skip


def read_moments(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read dates and times as weeks since 1970-01-01 in UTC, unknown as NaN.

    Raises
    ------
    ColumnRefusedError
        If some moments name their time zone and some do not, and the mapping does
        not say where the others were written down.
    """
    import pyarrow as pa

    from recovery_research.customers.cells import (
        Cells,
        ColumnRefusedError,
        encode_texts,
        is_text,
    )

    rule = mapping.time
    is_moment = pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
    if rule.unit != "dates" and not is_moment:
        return read_counted(column, mapping)
    if rule.format and pa.types.is_integer(column.type):
        column = column.cast(pa.string())
    shown = rule.format or "YYYY-MM-DD, with HH:MM:SS and a time zone if you like"
    allowed = f"a date written {shown}, between {EARLIEST:%Y} and {LATEST:%Y}"
    if rule.timezone:
        allowed += f", at an hour that clocks in {rule.timezone} show"
    if is_text(column):
        # Days repeat, so each different text is read once.
        code, texts = encode_texts(column, mapping)
        weeks = np.append(read_texts(texts, rule), np.nan)[code]
        known = code >= 0
    elif is_moment:
        if rule.unit in COUNTED:
            raise ColumnRefusedError(
                f'holds dates, not {rule.unit}; write unit = "dates".'
            )
        zone = getattr(column.type, "tz", None)
        # What is less than a microsecond plays no part.
        stamps = column.cast(pa.timestamp("us", zone), safe=False).to_pandas()
        weeks = count_weeks(stamps if zone else to_utc(stamps, rule))
        known = column.is_valid().to_numpy()
    elif pa.types.is_null(column.type):
        weeks, known = np.full(len(column), np.nan), np.zeros(len(column), dtype=bool)
    else:
        refuse_numbers(column)
    return Cells(weeks, (), np.flatnonzero(known & np.isnan(weeks)), allowed)


def refuse_numbers(column: pa.ChunkedArray) -> None:
    """Raise for numbers that should be dates, saying what they look like."""
    import pyarrow as pa

    from recovery_research.customers.cells import ColumnRefusedError
    from recovery_research.customers.date_texts import name_numbers
    from recovery_research.customers.numbers_written import as_floats

    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    looks = name_numbers(as_floats(column)) if numeric else ""
    looks = looks or f"[time] unit, one of {list(UNITS)}"
    raise ColumnRefusedError(
        f"holds {column.type}, not dates; if they are, write in the mapping {looks}."
    )


def read_counted(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read numbers of weeks or days, serial numbers, or what has passed since 1970.

    Raises
    ------
    ColumnRefusedError
        If they lie more than a hundred years apart from what they count from.
    """
    from recovery_research.customers.cells import Cells, ColumnRefusedError
    from recovery_research.customers.date_texts import name_numbers
    from recovery_research.customers.numbers_written import read_numbers

    unit = mapping.time.unit
    size, start = UNITS[unit]
    cells = read_numbers(column, mapping, "number")
    weeks = (cells.content - start) / size
    known = ~np.isnan(weeks)
    if unit in COUNTED:
        if known.any() and np.abs(weeks[known]).max() > MOST_WEEKS:
            worst = cells.content[known][np.abs(weeks[known]).argmax()]
            looks = name_numbers(cells.content) or "another [time] unit"
            raise ColumnRefusedError(
                f"holds {worst:.15g}, as a number of {unit} more than a hundred years; "
                f"write in the mapping {looks}, or, if it means unknown, "
                f'blank = ["{worst:.15g}"] in [values] of this column.'
            )
        return cells if unit == "weeks" else replace(cells, content=weeks)
    first, last = (
        (day - pd.Timestamp(0)) / pd.Timedelta(weeks=1) for day in (EARLIEST, LATEST)
    )
    wrong = known & ~((weeks >= first) & (weeks < last))
    weeks[wrong] = np.nan
    allowed = f"a number, counted as {unit}, between {EARLIEST:%Y} and {LATEST:%Y}"
    strange = np.union1d(cells.unreadable, np.flatnonzero(wrong))
    return Cells(weeks, (), strange, allowed)


def read_texts(texts: pa.Array, rule: TimeRule) -> NDArray[np.float64]:
    """Return different texts as weeks, NaN for those that are no moments."""
    import pyarrow as pa

    for zone in (None, "UTC") if not rule.format else ():
        try:
            stamps = texts.cast(pa.timestamp("us", zone)).to_pandas()
        except pa.ArrowInvalid:
            continue  # one at least is written otherwise: look at each
        return count_weeks(stamps if zone else to_utc(stamps, rule))
    return read_each_text(pd.Series(texts.to_pylist(), dtype="str"), rule)


def read_each_text(texts: pd.Series, rule: TimeRule) -> NDArray[np.float64]:
    """Return texts as weeks where some may be no moments, or have a time zone."""
    from recovery_research.customers.cells import ColumnRefusedError
    from recovery_research.customers.date_texts import read_formatted

    if rule.format:
        stamps = read_formatted(texts, rule.format)
        zoned = getattr(stamps.dt, "tz", None) is not None
        return count_weeks(stamps if zoned else to_utc(stamps, rule))
    with_zone = texts.str.contains(ZONED, regex=True) & texts.str.contains(CLOCK)
    if with_zone.any() and not with_zone.all() and not rule.timezone:
        one, other = texts[with_zone].iloc[0], texts[~with_zone].iloc[0]
        raise ColumnRefusedError(
            f"mixes moments with a time zone ({one!r}) and without ({other!r}). Say "
            'where the latter were written down: [time] timezone = "Europe/Berlin".'
        )
    weeks = np.full(len(texts), np.nan)
    for part, is_zoned in ((with_zone, True), (~with_zone, False)):
        chosen = texts[part]
        # pandas would take "2024" or "5" for a date; a date has a month and a day.
        whole = chosen.str.match(r"^\d{4}-?\d\d-?\d\d($|[T ])")
        stamps = pd.to_datetime(
            chosen.where(whole), format="ISO8601", errors="coerce", utc=is_zoned
        )
        weeks[part.to_numpy()] = count_weeks(
            stamps if is_zoned else to_utc(stamps, rule)
        )
    return weeks


def to_utc(stamps: pd.Series, rule: TimeRule) -> pd.Series:
    """Return moments without a zone as moments in UTC."""
    if not rule.timezone:
        return stamps.dt.tz_localize("UTC")
    # An hour that a clock showed twice is taken to be the second; one that it never
    # showed is not a moment.
    local = stamps.dt.tz_localize(
        rule.timezone, ambiguous=np.zeros(len(stamps), bool), nonexistent="NaT"
    )
    return local.dt.tz_convert("UTC")


def count_weeks(stamps: pd.Series) -> NDArray[np.float64]:
    """Return weeks since 1970, NaN for what is unknown or cannot be meant."""
    stamps = pd.to_datetime(stamps, utc=True)
    first, last = EARLIEST.tz_localize("UTC"), LATEST.tz_localize("UTC")
    stamps = stamps.where((stamps >= first) & (stamps < last))
    seconds = (stamps - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return seconds.to_numpy(np.float64) / SECONDS_A_WEEK


def read_moment(given: str | float | None, rule: TimeRule) -> float | None:
    """Return a moment that the mapping names, in weeks.

    Raises
    ------
    ValueError
        If it is no moment.
    """
    if given is None:
        return None
    if rule.unit in COUNTED and not isinstance(given, str):
        return float(given) / UNITS[rule.unit][0]
    text = pd.Series([str(given)], dtype="str")
    # However the file writes its dates, in a mapping one may write them plainly.
    for way in (rule, replace(rule, format="")):
        week = float(read_each_text(text, way)[0])
        if not np.isnan(week):
            return week
    also = f", nor one written {rule.format}" if rule.format else ""
    raise ValueError(f"{given!r} is not a date such as 2024-12-31{also}.")
