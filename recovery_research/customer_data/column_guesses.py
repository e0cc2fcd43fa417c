"""What a column looks like: its kind, and how its values are written."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from recovery_research.analysis.covariates import MOST_LEVELS
from recovery_research.customer_data.cells import (
    ColumnRefusedError,
    is_text,
    number_texts,
    plain,
)
from recovery_research.customer_data.columns import put_labels, read_cells
from recovery_research.customer_data.dates import find_formats, name_numbers
from recovery_research.customer_data.doubts import find_code
from recovery_research.customer_data.mapping_rules import FileMapping, ValueRule
from recovery_research.customer_data.numbers import doubt_marks
from recovery_research.customer_data.raw_tables import RawTable

if TYPE_CHECKING:
    import pyarrow as pa

# A few negative amounts are slips; they are set aside and told.
MOSTLY = 0.98
LONGEST_KEY = 40
BLANK = FileMapping("draft", "customers", {})
# How numbers are written, the plainest first.
NUMBERS: tuple[dict[str, str], ...] = (
    {}, {"thousands": ","}, {"decimal": ","}, {"decimal": ",", "thousands": "."},
    {"thousands": " "}, {"decimal": ",", "thousands": " "}, {"thousands": "'"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """What one column looks like.

    Attributes
    ----------
    name : str
        In the file.
    kind : str
        ``yes_no``, ``amount``, ``number``, ``time``, ``category``, ``key`` or
        ``text``.
    n_levels : int
        Different values among the rows looked at.
    formats : tuple of str
        How dates are written, if not as 2024-12-31; two if it is open.
    values : dict of str to object
        What a mapping has to say of how its values are written.
    unit : str
        What numbers count if they are moments, empty if they do not look like it.
    """

    name: str
    kind: str
    n_levels: int
    formats: tuple[str, ...] = ()
    values: dict[str, object] = field(default_factory=dict)
    unit: str = ""


def guess_column(raw: RawTable, name: str) -> ColumnGuess:
    """Return the kind that all of a column's values fit."""
    try:
        column = plain(raw.table.column(name))
        if name in raw.labels and len(raw.labels[name]) > 1:
            column = put_labels(column, raw.labels[name], BLANK)
        code, levels = number_texts(column, BLANK)
    except (ColumnRefusedError, ValueError):
        return ColumnGuess(name, "text", 0)
    if not (code >= 0).any():
        return ColumnGuess(name, "text", 0)
    for guess in (guess_yes_no, guess_number, guess_time):
        found = guess(name, column, levels)
        if found is not None:
            return found
    if len(levels) <= MOST_LEVELS:
        return ColumnGuess(name, "category", len(levels))
    longest = max(map(len, levels))
    return ColumnGuess(name, "key" if longest <= LONGEST_KEY else "text", len(levels))


def guess_yes_no(
    name: str, column: pa.ChunkedArray, levels: tuple[str, ...]
) -> ColumnGuess | None:
    """Return the guess that a column says yes or no, None if it does not."""
    if reads(column, "yes_no", BLANK) is not None:
        return ColumnGuess(name, "yes_no", len(levels))
    words = {level.casefold() for level in levels}
    for yes, no in YES_NO if is_text(column) else ():
        if words <= {yes, no} and yes in words and (no in words or not no):
            said: dict[str, object] = {
                "yes": [w for w in levels if w.casefold() == yes],
                "no": [w for w in levels if w.casefold() == no] or [no],
            }
            return ColumnGuess(name, "yes_no", len(levels) + (not no), values=said)
    return None


def write_numbers(values: dict[str, str]) -> ValueRule:
    """Return how numbers are written with other marks."""
    plain = BLANK.writing
    decimal = values.get("decimal", plain.decimal)
    thousands = values.get("thousands", plain.thousands)
    return replace(plain, decimal=decimal, thousands=thousands)


def guess_number(
    name: str, column: pa.ChunkedArray, levels: tuple[str, ...]
) -> ColumnGuess | None:
    """Return the guess that a column holds numbers, None if it does not."""
    for values in NUMBERS if is_text(column) else ({},):
        rules = replace(BLANK, writing=write_numbers(values))
        content = reads(column, "number", rules)
        if content is None:
            continue
        if "thousands" not in values and is_text(column):
            # 1.250 beside 900 may be a thousand and more; then the mark is that.
            mark = rules.writing.decimal
            if doubt_marks(column, rules.writing):
                values = {"thousands": mark, "decimal": "," if mark == "." else "."}
                if values["decimal"] == ".":
                    del values["decimal"]
        known = content[~np.isnan(content)]
        kind = "amount" if (known >= 0.0).mean() > MOSTLY else "number"
        codes = find_code(known)
        said: dict[str, object] = dict(values)
        if codes:
            said["blank"] = [f"{c:g}" for c in codes]
        unit = name_numbers(known).partition('unit = "')[2].partition('"')[0]
        return ColumnGuess(name, kind, len(levels), values=said, unit=unit)
    return None


def guess_time(
    name: str, column: pa.ChunkedArray, levels: tuple[str, ...]
) -> ColumnGuess | None:
    """Return the guess that a column holds dates, None if it does not."""
    if reads(column, "time", BLANK) is not None:
        return ColumnGuess(name, "time", len(levels))
    ways = find_formats(list(levels)) if is_text(column) else []
    return ColumnGuess(name, "time", len(levels), tuple(ways)) if ways else None


def reads(column: pa.ChunkedArray, kind: str, rules: FileMapping) -> np.ndarray | None:
    """Return what a column holds if all of it is of a kind, else None."""
    try:
        cells = read_cells(column, kind, rules)
    except ColumnRefusedError:
        return None
    return None if len(cells.unreadable) else cells.content


ID = r"(_?(id|no|nr|num|number|nummer|numero|key|code))"
WHEN = r"(_on|_at|date|time|datum|fecha|_am|_le|_em)$"
# Words that a column's name holds, for each part of a table; the first that fits wins.
# English, German, French, Spanish, Portuguese; accents are taken off first.
CLUES = {
    "complaint": r"(complaint|case|ticket|beschwerde|reklamation|plainte|queja)"
    rf".*{ID}$|^(case|ticket)$",
    "order": r"(order|invoice|transaction|bestell|auftrags?|rechnungs?|commande|"
    rf"facture|pedido|factura|fatura|encomenda).*{ID}$|^(order|pedido|commande|bestellung)$",
    "customer": r"(customer|client|user|member|person|buyer|respondent|kunden?|kundin|"
    rf"mitglied|nutzer|cliente|usuario|utilisateur|acheteur)(_unique)?{ID}?$|"
    r"^(numero|id|no|num)_(de_)?(client|cliente)$|^responseid$",
    "amount": r"^(amount|price|total|value|order_value|revenue|sales|paid|payment"
    r"(_value)?|order_(amount|total)|betrag|umsatz|summe|preis|bestellwert|montant|prix|"
    r"total_ttc|importe|monto|precio|valor|preco)(_(eur|usd|gbp|chf|brl|euro))?$",
    "failed": r"problem|fail|late_or|^late|defect|incident|went_wrong|delayed|"
    r"^returned$|fehler|mangel|storung|stoerung|verspat|panne|retard|fallo|falla|"
    r"averia|falha|defeito|retras|atras",
    "complained": r"^complain(ed|t)?$|raised|beschwer|reklamiert|^plainte|^reclam|"
    r"^queja|^queixa",
    "resolved": r"resolved|made_good|recovered|solved|fixed|gelost|geloest|behoben|"
    r"erledigt|resolu|resuelt|resolvid|solucionad",
    "response": r"^(answered|responded|replied|beantwortet|repondu|respondid[oa])$",
    "answer": r"^(answer|response|relief|resolution|outcome_of_complaint|antwort|"
    r"reponse|respuesta|resposta)$",
    "severity": r"severity|loss_share|schwere|gravite|gravedad|gravidade",
    "quality": r"(rating|satisfaction|quality)_?(of|with).*(answer|recovery|complaint)",
    "left": r"^(last_order|left|churned|gekundigt|gekuendigt|abgewandert|resilie)$",
    "complaint_time": rf"(complained|complaint|beschwerde|plainte|queja).*{WHEN}|"
    r"^received$|date_received",
    "left_time": rf"(left|closed_account|churn|cancel|kundig|kuendig|resilia).*{WHEN}",
    "answer_time": rf"(answered|sent|closed|antwort|reponse).*{WHEN}|date_sent",
    "resolved_time": rf"(resolved|gelost|geloest|behoben|resolu).*{WHEN}",
    "weeks_observed": r"^weeks$|^weeks_(observed|followed|stayed|survived)$|"
    r"^(duration|survival)_weeks$",
    "time": r"placed|ordered|purchase|^date$|^time$|order_?(date|time)|week$|timestamp|"
    r"^datum$|bestell.*(datum|zeit)|kaufdatum|date_(de_)?(la_)?(commande|achat)|^fecha|"
    r"^data$|data_(do_)?(pedido|compra)|invoice_?date",
}
# What is told of a number, not of a moment.
PER_TIME = (
    r"per_?(week|day|month|year)|^(prior|previous|n|num|number|count|total)_|_count$"
)
IN_WEEKS = r"(^|_)(week|day)(_?(no|nr|number|index))?$"
# Points of a scale: they are never below 0 either, but nobody spends them.
RATINGS = (
    r"satisf|rating|score|nps|trust|stars|recommend|zufried|vertrauen|bewertung|note_|"
    r"confianza|confianca|satisfac"
)
BEFORE = (
    r"before|prior|previous|tenure|known|age$|region|segment|channel|product|goods|"
    r"vorher|fruher|^alter$|avant|ancienn|antes|previ[oa]|anterior|^edad$|^idade$"
)
AFTER = (
    r"spend|spent|stay|churn|exit|attrit|turnover|retain|satisf|trust|nps|recommend|"
    r"disput|repeat|rating|cancel|ausgaben|umsatz|zufried|vertrauen|abwander|depens|"
    r"gasto|confian|recompra|fidel"
)
# Pairs of words for yes and no.
YES_NO = (
    ("ja", "nein"), ("j", "n"), ("wahr", "falsch"), ("oui", "non"), ("o", "n"),
    ("vrai", "faux"), ("s\u00ed", "no"), ("si", "no"), ("s", "n"),
    ("verdadero", "falso"),
    ("sim", "n\u00e3o"), ("sim", "nao"), ("checked", "unchecked"), ("on", "off"),
    ("selected", "not selected"), ("x", ""), ("\u2713", ""),
)  # fmt: skip


def fold(name: str) -> str:
    """Return a header in small plain letters, words parted by one mark."""
    plain = unicodedata.normalize("NFKD", name.replace("\u00df", "ss"))
    plain = "".join(mark for mark in plain if not unicodedata.combining(mark))
    # OrderDate is two words.
    plain = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", plain)
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
