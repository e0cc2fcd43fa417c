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
    shown = rule.format or "YYYY-MM-DD, with HH:MM:SS and a time zone if you like"
    allowed = f"a date written {shown}, between {EARLIEST:%Y} and {LATEST:%Y}"
    if rule.timezone:
        allowed += f", at an hour that clocks in {rule.timezone} show"
    if is_text(column):
        # Days repeat, so each different text is read once.
        code, texts = encode_texts(column, mapping)
        weeks = np.append(read_texts(texts, rule), np.nan)[code]
        known = code >= 0
    elif pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        zone = getattr(column.type, "tz", None)
        stamps = column.cast(pa.timestamp("us", zone)).to_pandas()
        weeks = count_weeks(stamps if zone else to_utc(stamps, rule))
        known = column.is_valid().to_numpy()
    elif pa.types.is_null(column.type):
        weeks, known = np.full(len(column), np.nan), np.zeros(len(column), dtype=bool)
    else:
        raise ColumnRefusedError(
            f"holds {column.type}, not dates. For numbers of weeks write in the "
            'mapping: [time] unit = "weeks".'
        )
    return Cells(weeks, (), np.flatnonzero(known & np.isnan(weeks)), allowed)


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

    if rule.format:
        stamps = pd.to_datetime(texts, format=rule.format, errors="coerce")
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
    if rule.unit == "weeks":
        return float(given)
    text = pd.Series([str(given)], dtype="str")
    # However the file writes its dates, in a mapping one may write them plainly.
    for way in (rule, replace(rule, format="")):
        week = float(read_each_text(text, way)[0])
        if not np.isnan(week):
            return week
    also = f", nor one written {rule.format}" if rule.format else ""
    raise ValueError(f"{given!r} is not a date such as 2024-12-31{also}.")
