"""Numbers as people write them: thousands marks, currencies, percent, scales."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recovery_research.customer_data.cells import (
    Cells,
    ColumnRefusedError,
    blank_cells,
    encode_texts,
    is_text,
    known_cells,
)
from recovery_research.customer_data.mapping_rules import FileMapping, ValueRule

if TYPE_CHECKING:
    import pyarrow as pa

NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
LARGEST_NUMBER = 1e60
# Marks between thousands, and what is written for each.
THOUSANDS = {",": ",", ".": r"\.", " ": "[ \u00a0\u202f\u2009]", "'": "['\u2019]"}
CURRENCIES = frozenset((
    "EUR", "USD", "GBP", "CHF", "JPY", "CNY", "INR", "BRL", "MXN", "CAD", "AUD",
    "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "BGN", "TRY", "ZAR",
    "KRW", "SGD", "HKD", "ILS", "ARS", "CLP", "COP", "PEN", "UAH", "RUB", "Fr",
    "kr", "zł", "Kč", "Ft", "Rs", "R$", "US$", "A$", "C$", "lei",
))  # fmt: skip
AFFIXED = (
    r"^[-+\x{2212}]?\s*[^\d\s.,'+\-]{1,3}\s*[-+]?[\d.,]"
    r"|[\d.,]\s*[^\d\s.,'+\-]{1,3}$"
)
PERCENT = "%"
# Cells that a doubt about marks is looked for in.
LOOKED_AT = 20_000
THREE_DIGITS = r"[-+]?[1-9]\d{{0,2}}({mark}\d{{3}})+"


def read_numbers(column: pa.ChunkedArray, mapping: FileMapping, kind: str) -> Cells:
    """Read numbers, unknown as NaN."""
    import pyarrow as pa

    if mapping.writing.order:
        return read_scale(column, mapping)
    if is_text(column):
        return read_written(column, mapping.writing, mapping, kind)
    allowed = "a number, such as 12.50"
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        if not pa.types.is_null(column.type):
            raise ColumnRefusedError(f"holds {column.type}, not numbers.")
        values, known = np.full(len(column), np.nan), np.zeros(len(column), bool)
    else:
        values = as_floats(column)
        for code in map(as_code, mapping.writing.blank):
            if not np.isnan(code):
                values[values == code] = np.nan
        known = ~np.isnan(values)
    strange = known & ~(np.abs(values) <= LARGEST_NUMBER)
    values[strange] = np.nan
    return Cells(values, (), np.flatnonzero(strange), allowed)


def as_code(text: str) -> float:
    """Return the number that a blank word is, NaN if it is none."""
    return float(text) if re.fullmatch(NUMBER, text) else np.nan


def read_written(
    column: pa.ChunkedArray, rule: ValueRule, mapping: FileMapping, kind: str
) -> Cells:
    """Read numbers written as texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    allowed = f"a number, such as {'12,50' if rule.decimal == ',' else '12.50'}"
    if rule.thousands:
        allowed += f" or 1{rule.thousands}250"
    column = blank_cells(column, mapping)
    known = known_cells(column)
    told = doubt_marks(column, rule)
    kind_told = "marks" if told else "signs"
    values = None
    if rule.decimal == "." and not rule.thousands:
        with suppress(pa.ArrowInvalid):
            values, good = as_floats(column), None
    if values is None:
        column, affix, said = take_affixes(column)
        told = "; ".join(filter(None, (told, said)))
        column = plain_marks(column, rule)
        fits = pc.fill_null(pc.match_substring_regex(column, NUMBER), False)
        good = fits.to_numpy()
        values = as_floats(pc.if_else(fits, column, pa.scalar(None, column.type)))
        if affix == PERCENT and kind == "share":
            values = values / 100.0
    # Infinity, and the text "nan" if it is not among the blanks.
    strange = known & ~(np.abs(values) <= LARGEST_NUMBER)
    if good is not None:
        strange |= known & ~good
    values[strange] = np.nan
    return Cells(values, (), np.flatnonzero(strange), allowed, told, kind_told)


def plain_marks(column: pa.ChunkedArray, rule: ValueRule) -> pa.ChunkedArray:
    """Return numbers without thousands marks and with a point; others as no number."""
    import pyarrow.compute as pc

    column = pc.replace_substring(column, "\u2212", "-")
    if rule.thousands:
        mark = THOUSANDS[rule.thousands]
        point = re.escape(rule.decimal)
        grouped = pc.match_substring_regex(
            column, rf"^[-+]?\d{{1,3}}({mark}\d{{3}})+({point}\d*)?$"
        )
        bare = pc.replace_substring_regex(column, mark, "")
        left = pc.match_substring_regex(column, mark)
        column = pc.if_else(grouped, bare, pc.if_else(left, "?", column))
    if rule.decimal == ",":
        column = pc.replace_substring(
            pc.if_else(pc.match_substring(column, "."), "?", column), ",", "."
        )
    return column


def take_affixes(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str, str]:
    """Take one currency or percent sign off numbers; say so."""
    import pyarrow as pa
    import pyarrow.compute as pc

    marked = pc.fill_null(pc.match_substring_regex(column, AFFIXED), False)
    if not pc.any(marked).as_py():
        return column, "", ""
    coded = pc.if_else(marked, column, pa.scalar(None, column.type))
    coded = coded.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    texts = coded.dictionary.to_pylist()
    parted = [split_affix(text) for text in texts]
    affixes = sorted({affix for affix, _ in parted if affix})
    if len(affixes) != 1:
        said = (
            f"holds several signs, {affixes}: they are not added up" if affixes else ""
        )
        return column, "", said
    if affixes[0] == PERCENT:
        others = pc.and_(pc.invert(marked), pc.is_valid(column))
        if pc.any(
            pc.and_(others, pc.invert(pc.is_in(column, pa.array(["0"], column.type))))
        ).as_py():
            return column, "", "some numbers have a percent sign and some have none"
    bare = pa.array([rest for _, rest in parted], column.type)
    freed = bare.take(coded.indices)
    column = pc.if_else(marked, freed, column)
    said = "are read as 45 for 45%" if affixes[0] == PERCENT else "are taken off"
    return column, affixes[0], f"signs {affixes[0]!r} {said}"


def split_affix(text: str) -> tuple[str, str]:
    """Return the sign of a number and the number; none if it is not known."""
    outer = r"[^\d\s.,'+\-\u2019\u00a0\u202f\u2212]{1,3}"
    space = r"[\s\u00a0\u202f]*"
    body = r"(?P<sign>[-+\u2212]?)" + space
    before = re.fullmatch(rf"{body}(?P<a>{outer}){space}(?P<n>[-+]?[\d.,].*)", text)
    after = re.fullmatch(rf"{body}(?P<n>[\d.,].*?){space}(?P<a>{outer})", text)
    for found in (before, after):
        if found and is_sign(found["a"]) and not re.search(outer + "$", found["n"]):
            return found["a"], found["sign"] + found["n"]
    return "", text


def is_sign(affix: str) -> bool:
    """Return whether letters beside a number are a currency, or percent."""
    known = affix in CURRENCIES or affix == PERCENT
    return known or (len(affix) == 1 and unicodedata.category(affix) == "Sc")


def doubt_marks(column: pa.ChunkedArray, rule: ValueRule) -> str:
    """Say if every decimal mark looks like one between thousands."""
    if rule.thousands:
        return ""
    sample = column.slice(0, LOOKED_AT).to_pylist()
    texts = {text for text in sample if text}
    marked = {text for text in texts if rule.decimal in text}
    plain = [text for text in texts - marked if re.fullmatch(r"[-+]?\d+", text)]
    pattern = THREE_DIGITS.format(mark=re.escape(rule.decimal))
    if not marked or not all(re.fullmatch(pattern, text) for text in marked):
        return ""
    if rule.decimal == "." and not any(abs(int(text)) >= 100 for text in plain):
        return ""
    shown = min(marked)
    return (
        f"{shown!r} is read as {float(shown.replace(',', '.')):g}; every number with a "
        f"{rule.decimal!r} has three digits behind it. If it parts thousands, write "
        f"thousands = {rule.decimal!r} in the mapping's [values] of this column"
        if shown.count(rule.decimal) == 1
        else ""
    )


def read_scale(column: pa.ChunkedArray, mapping: FileMapping) -> Cells:
    """Read the words of a scale as 1, 2, 3 ... in the order that the mapping gives."""
    import pyarrow as pa

    order = mapping.writing.order
    places = {word.casefold(): k + 1.0 for k, word in enumerate(order)}
    code, words = encode_texts(
        column if is_text(column) else column.cast(pa.string()), mapping
    )
    said = [places.get(word.casefold(), np.inf) for word in words.to_pylist()]
    values = np.array([*said, np.nan])[code]
    strange = np.flatnonzero(np.isinf(values))
    values[strange] = np.nan
    return Cells(values, (), strange, f"one of {list(order)}, in that order 1, 2, ...")


def suggest_numbers(texts: list[str], rule: ValueRule) -> str:
    """Return what a mapping can say of texts that are no numbers as it stands."""
    point, other = (",", ".") if rule.decimal == "," else (".", ",")
    for mark in (other, " ", "'"):
        grouped = rf"[-+]?\d{{1,3}}({THOUSANDS[mark]}\d{{3}})+({re.escape(point)}\d+)?"
        bare = [split_affix(text)[1] for text in texts]
        if all(re.fullmatch(grouped, text) for text in bare) and bare:
            return f"[values] thousands = {mark!r} if that parts thousands, "
    if any(re.fullmatch(rf"[-+]?\d*{re.escape(other)}\d+", text) for text in texts):
        return f"[values] decimal = {other!r} if that is the decimal mark, "
    if not any(re.search(r"\d", text) for text in texts):
        return "order = [its words, the lowest first] for a scale written in words, "
    return ""


def as_floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return numbers as floats of our own, null as NaN."""
    import pyarrow as pa

    floats = (
        column.cast(pa.float64(), safe=False)
        if not is_text(column)
        else (column.cast(pa.float64()))
    )
    return np.array(floats.to_numpy(), dtype=np.float64)
