"""Dates as people write them: month names, AM and PM, days before months or behind."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    """Return the formats that all texts fit; two if it is open where the day stands.

    Parameters
    ----------
    texts : list of str
        The different texts of a whole column: one day beyond the twelfth decides.
    """
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
