"""Dates and times as people write them, as weeks since 1970 in one time zone."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.customer_data.cells import (
    Cells,
    ColumnRefusedError,
    encode_texts,
    is_text,
)
from recovery_research.customer_data.mapping_rules import FileMapping, TimeRule
from recovery_research.customer_data.numbers import as_floats, read_numbers

if TYPE_CHECKING:
    import pyarrow as pa

# Month names by their beginnings in English, German, French, Spanish, Portuguese.
MONTHS = {
    "jan": 1, "jän": 1, "ene": 1, "feb": 2, "fév": 2, "fev": 2, "mar": 3, "mär": 3,
    "mrz": 3, "mae": 3, "apr": 4, "avr": 4, "abr": 4, "may": 5, "mai": 5, "jun": 6,
    "juin": 6, "jul": 7, "juil": 7, "aug": 8, "aoû": 8, "aou": 8, "ago": 8, "sep": 9,
    "set": 9, "oct": 10, "okt": 10, "out": 10, "nov": 11, "dec": 12, "dez": 12,
    "déc": 12, "dic": 12,
}  # fmt: skip
NAMED = (
    "january", "february", "march", "april", "may", "june", "july", "august",
    "september", "october", "november", "december", "januar", "jänner", "februar",
    "märz", "maerz", "mai", "juni", "juli", "oktober", "dezember", "janvier",
    "février", "fevrier", "mars", "avril", "juin", "juillet", "août", "aout",
    "septembre", "octobre", "novembre", "décembre", "decembre", "enero", "febrero",
    "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "setiembre",
    "octubre", "noviembre", "diciembre", "janeiro", "fevereiro", "março", "marco",
    "maio", "junho", "julho", "setembro", "outubro", "novembro", "dezembro", "jan",
    "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
    "mär", "mrz", "okt", "dez", "janv", "févr", "fevr", "avr", "juil", "déc", "ene",
    "abr", "ago", "dic", "fev", "set", "out",
)  # fmt: skip
WORD = re.compile(r"[^\W\d_]+\.?")
# A day's parts; those in one line differ in which is the day and which the month.
DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y",
    "%d-%m-%Y", "%d.%m.%Y", "%m/%d/%y", "%d/%m/%y", "%m-%d-%y", "%d-%m-%y", "%d.%m.%y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %y", "%d. %b %Y", "%b %d, %Y",
    "%b %d %Y", "%d de %b de %Y", "%Y %b %d", "%Y-%b-%d",
)  # fmt: skip
CLOCKS = ("", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
BETWEEN = (" ", "T", ", ")
# Where the first of two numbers is the day and where the month: never both.
TURNED = {"%d/%m": "%m/%d", "%d-%m": "%m-%d"}


def list_formats() -> list[str]:
    """Return the formats that are tried."""
    formats = list(DAYS)
    for day, clock, between in product(DAYS, CLOCKS[1:], BETWEEN):
        formats.append(f"{day}{between}{clock}")
    return formats


def read_formatted(texts: pd.Series, way: str) -> pd.Series:
    """Return texts as moments by a format, month names in any of five languages."""
    if "%b" in way or "%B" in way:
        # Which language the machine speaks plays no part.
        texts = texts.map(number_months)
        way = re.sub("%[bB]", "%m", way)
    if "%p" in way:
        marks = {r"(?i)\ba\.?\s?m\b\.?": "AM", r"(?i)\bp\.?\s?m\b\.?": "PM"}
        for mark, plain in marks.items():
            texts = texts.str.replace(mark, plain, regex=True)
        # "4:05PM" is written too.
        texts = texts.str.replace(r"(?<=\d)(?=[AP]M$)", " ", regex=True)
    return pd.to_datetime(texts, format=way, errors="coerce")


def number_months(text: str) -> str:
    """Return a text with its month's name as a number."""

    def number(found: re.Match) -> str:
        word = found.group().rstrip(".").casefold()
        if word not in NAMED:
            return found.group()
        return str(next(MONTHS[word[:n]] for n in (4, 3) if word[:n] in MONTHS))

    return WORD.sub(number, text)


def find_formats(texts: list[str]) -> list[str]:
    """Return the formats that all texts fit; two if it is open where the day stands."""
    known = pd.Series([text for text in texts if text], dtype="str")
    if known.empty:
        return []
    few = known.iloc[:: max(1, len(known) // 20)]
    fitting = [way for way in list_formats() if fits(few, way)]
    fitting = [way for way in fitting if fits(known, way)]
    if not fitting:
        return []
    # Shorter years are tried last: %y would take 2024 for 20 and leave a rest.
    first = fitting[0]
    turned = [way for way in fitting[1:] if turn(way) == turn(first)]
    return [first, *turned[:1]]


def fits(texts: pd.Series, way: str) -> bool:
    """Return whether all texts are moments by a format, in years that can be meant."""
    stamps = read_formatted(texts, way)
    return bool(stamps.notna().all() and stamps.dt.year.between(1950, 2099).all())


def turn(way: str) -> str:
    """Return a format with its month first, whichever is."""
    for day_first, month_first in TURNED.items():
        way = way.replace(day_first, month_first)
    return way


def name_numbers(values: NDArray[np.float64]) -> str:
    """Return what numbers that stand for moments look like, empty if like nothing."""
    known = values[np.isfinite(values)]
    if not len(known):
        return ""
    low, high = float(known.min()), float(known.max())
    whole = bool((known == np.floor(known)).all())
    looks = (
        (19500101, 20991231, "dates written as 20241231", 'format = "%Y%m%d"'),
        (18264, 73050, "a spreadsheet's serial numbers of days", 'unit = "excel"'),
        (1e8, 4.1e9, "seconds since 1970", 'unit = "seconds"'),
        (1e11, 4.1e12, "milliseconds since 1970", 'unit = "milliseconds"'),
        (1e14, 4.1e15, "microseconds since 1970", 'unit = "microseconds"'),
        (1e17, 4.1e18, "nanoseconds since 1970", 'unit = "nanoseconds"'),
    )
    for least, most, what, said in looks:
        if least <= low and high <= most and (whole or most > 1e5 or "excel" in said):
            if "%Y" in said and not are_days(known):
                continue
            return f"[time] {said} (they look like {what})"
    return ""


def are_days(values: NDArray[np.float64]) -> bool:
    """Return whether whole numbers have a month and a day in them."""
    month, day = values // 100 % 100, values % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def suggest_dates(texts: list[str]) -> str:
    """Return what a mapping can say of texts that are no dates as it stands."""
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce")
    if numbers.notna().all():
        said = name_numbers(numbers.to_numpy(np.float64))
        return f"{said}, or " if said else ""
    ways = find_formats(texts)
    if len(ways) == 2:
        return (
            f'[time] format = "{ways[0]}" or format = "{ways[1]}", which these values '
            "leave open, or "
        )
    return f'[time] format = "{ways[0]}", or ' if ways else ""


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
    """Read dates and times as weeks since 1970-01-01 in UTC, unknown as NaN."""
    import pyarrow as pa

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

    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    looks = name_numbers(as_floats(column)) if numeric else ""
    looks = looks or f"[time] unit, one of {list(UNITS)}"
    raise ColumnRefusedError(
        f"holds {column.type}, not dates; if they are, write in the mapping {looks}."
    )


def read_counted(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read numbers of weeks or days, serial numbers, or what has passed since 1970."""
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


@overload
def read_moment(given: str | float, rule: TimeRule) -> float: ...


@overload
def read_moment(given: None, rule: TimeRule) -> None: ...


@overload
def read_moment(given: str | float | None, rule: TimeRule) -> float | None: ...


def read_moment(given: str | float | None, rule: TimeRule) -> float | None:
    """Return a moment that the mapping names, in weeks."""
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
