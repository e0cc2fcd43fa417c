"""Words that speak of a column's part, in the languages that headers are written in."""

from __future__ import annotations

import re
import unicodedata

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
