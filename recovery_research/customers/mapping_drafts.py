"""A first mapping of a file, guessed from the names and contents of its columns."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recovery_research.analyses.covariates import MOST_LEVELS
from recovery_research.customers.cells import (
    ColumnRefusedError,
    number_texts,
    plain,
    read_cells,
)
from recovery_research.customers.doubts import LESS_IS_BETTER
from recovery_research.customers.mapping_rules import (
    ROLES,
    SHAPES,
    FileMapping,
    SourceRule,
    TimeRule,
)
from recovery_research.customers.sources import RawTable, read_source

ROWS_LOOKED_AT = 5_000
# A few negative amounts are slips; they are set aside and told.
MOSTLY = 0.98
BLANK = FileMapping("draft", "customers", {})
# What fits two of them is said to: a month is tried before a day.
WAYS_TO_DATE = (
    "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M", "%d-%m-%Y",
)  # fmt: skip
WHEN = "(_on|_at|date|time)$"
# Words that a column's name holds, for each part of a table; the first that fits wins.
CLUES = {
    "complaint": r"(complaint|case|ticket).*(id|no|number)$|^(case|ticket)$",
    "order": r"(order|invoice|transaction).*(id|no|number)$|^order$",
    "customer": r"(customer|client|user|member|person|buyer)(_unique)?"
    r"(_?(id|no|number))?$",
    "amount": r"^(amount|price|total|value|order_value|revenue|sales|paid|payment"
    r"(_value)?|order_(amount|total))$",
    "failed": r"problem|fail|late_or|^late|defect|incident|went_wrong|delayed|"
    r"^returned$",
    "complained": r"^complain(ed|t)?$|raised",
    "resolved": r"resolved|made_good|recovered|solved|fixed",
    "response": r"^(answered|responded|replied)$",
    "answer": r"^(answer|response|relief|resolution|outcome_of_complaint)$",
    "severity": r"severity|loss_share",
    "quality": r"(rating|satisfaction|quality)_?(of|with).*(answer|recovery|complaint)",
    "left": r"^(last_order|left|churned)$",
    "complaint_time": rf"(complained|complaint).*{WHEN}|^received$|date_received",
    "left_time": rf"(left|closed_account|churn|cancel).*{WHEN}",
    "answer_time": rf"(answered|sent|closed).*{WHEN}|date_sent",
    "resolved_time": rf"resolved.*{WHEN}",
    "time": r"placed|ordered|purchase|^date$|^time$|order_?(date|time)|week$|timestamp",
}  # fmt: skip
# How the same part is called in a table of another shape.
ALIASES = {"customers": {"failed": "problem", "time": "order_time"}}
UNALIASED = {ours: theirs for theirs, ours in ALIASES["customers"].items()}
SURELY = {
    "customers": ("problem", "resolved"),
    "orders": ("customer", "time", "amount", "failed", "resolved"),
    "complaints": ("answer",),
}
# Points of a scale: they are never below 0 either, but nobody spends them.
RATINGS = r"satisf|rating|score|nps|trust|stars|recommend"
# What a mapping can say besides; shown at the end of every draft.
FURTHER = """
# If you need them (see the examples in data/mappings/):
# unreadable = "set aside"   at the very top: do so with rows that cannot be read
# [values] yes = ["solved"], no = ["open"], blank = ["?"], decimal = ","
# [time] format = "%d/%m/%Y", timezone = "UTC", start = "2024-01-01", end = "2024-12-31"
# [groups] no_failure = ["none"], recovered = ["solved"], not_recovered = ["open"]
#          with group = "its column" among [columns], in place of problem and resolved
# severity, quality (how good the recovery was) and left_time among [columns]
# others_below = 50 in a covariate that is a category of many levels
"""
CHOICES = {
    "complaints": [
        "", "[answers]", "# The answer that the others are compared with.",
        'control = "?"',
    ],
    "orders": [
        "", "[orders]", '# "order-based" (one index order of each customer),',
        '# "customer-based" (everybody on a day, by problems before it) or',
        '# "ever-failed" (anybody with a problem, ever); must be chosen.',
        'design = "?"',
    ],
}  # fmt: skip
MORE = (
    '# better = "high" if more of it is better, "low" if less is: a guess, look at it.',
    "# May further say bounds = 2.0 (the largest difference not worth naming),",
    '# before = "column" (the same, measured before), limits = [1, 7], unit = "points"',
)
BEFORE = r"before|prior|previous|tenure|known|age$|region|segment|channel|product|goods"
AFTER = (
    r"spend|spent|stay|churn|exit|attrit|turnover|retain|satisf|trust|nps|recommend|"
    r"disput|repeat|rating|cancel"
)


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
    format : str
        How dates are written, if not as 2024-12-31.
    """

    name: str
    kind: str
    n_levels: int
    format: str = ""


def draft_mapping(source: str | Path, *, sheet: str = "", table: str = "") -> str:
    """Draft a mapping of a file from the names and contents of its columns.

    Parameters
    ----------
    source : path or str
        As in `reading.read_customers`; only its first rows are looked at.
    sheet, table : str, optional
        Of a workbook or database that has several.

    Returns
    -------
    str
        TOML with a guess for every column and the unused ones named in comments. It
        is a guess: read it before you use it. What cannot be guessed is ``"?"``,
        which `read_mapping` refuses.

    Raises
    ------
    CustomerFileError
        If the source cannot be read.

    Examples
    --------
    >>> print(draft_mapping("example-complaints").splitlines()[5])
    shape = "complaints"
    """
    rule = SourceRule(sheet=sheet, table=table)
    raw = read_source(source, rule, limit=ROWS_LOOKED_AT)
    guesses = [guess_column(raw, name) for name in raw.table.column_names]
    every = dict.fromkeys(role for roles in ROLES.values() for role in roles)
    shape = guess_shape(guess_roles(guesses, [*every, "failed"]))
    roles = guess_roles(guesses, [UNALIASED.get(r, r) for r in ROLES[shape]])
    return write_draft(raw.name, shape, roles, guesses, rule)


def guess_column(raw: RawTable, name: str) -> ColumnGuess:
    """Return the kind that all of a column's values fit."""
    try:
        column = plain(raw.table.column(name))
        code, levels = number_texts(column, BLANK)
    except (ColumnRefusedError, ValueError):
        return ColumnGuess(name, "text", 0)
    n_levels = len(levels)
    if not (code >= 0).any():
        return ColumnGuess(name, "text", 0)
    for kind in ("yes_no", "number", "time"):
        try:
            cells = read_cells(column, kind, BLANK)
        except ColumnRefusedError:
            continue
        if len(cells.unreadable):
            continue
        if kind == "number":
            known = cells.content[~np.isnan(cells.content)]
            kind = "amount" if (known >= 0.0).mean() > MOSTLY else "number"
        return ColumnGuess(name, kind, n_levels)
    for way in WAYS_TO_DATE:
        rule = replace(BLANK, time=TimeRule(format=way))
        with suppress(ColumnRefusedError):
            if not len(read_cells(column, "time", rule).unreadable):
                return ColumnGuess(name, "time", n_levels, way)
    if n_levels <= MOST_LEVELS:
        return ColumnGuess(name, "category", n_levels)
    longest = max(map(len, levels))
    return ColumnGuess(name, "key" if longest <= 40 else "text", n_levels)


def guess_roles(guesses: list[ColumnGuess], wanted: list[str]) -> dict[str, str]:
    """Return the parts of a table that columns' names and kinds speak of."""
    kinds = {role: kind for roles in ROLES.values() for role, kind in roles.items()}
    kinds["failed"] = "yes_no"
    roles: dict[str, str] = {}
    for role in [role for role in CLUES if role in wanted]:
        for guess in guesses:
            if guess.name in roles.values() or not fits(guess, kinds[role]):
                continue
            name = re.sub(r"[^a-z0-9]+", "_", guess.name.lower())
            if re.search(CLUES[role], name):
                roles[role] = guess.name
                break
    return roles


def fits(guess: ColumnGuess, kind: str) -> bool:
    """Return whether a column's contents can be a part of this kind."""
    if kind == "key":
        return guess.kind in ("key", "amount", "number", "category", "text")
    if kind in ("share", "number"):
        return guess.kind in ("amount", "number")
    return guess.kind == kind or (kind == "time" and guess.kind == "amount")


def guess_shape(roles: dict[str, str]) -> str:
    """Return the shape that the parts found make most likely."""
    if {"amount", "time", "customer"} <= set(roles):
        return "orders"
    if "customer" in roles and ("failed" in roles or "resolved" in roles):
        return "customers"
    return "complaints" if "answer" in roles else "customers"


def write_draft(
    name: str,
    shape: str,
    roles: dict[str, str],
    guesses: list[ColumnGuess],
    rule: SourceRule,
) -> str:
    """Return the draft as TOML."""
    named = {
        ALIASES.get(shape, {}).get(role, role): column for role, column in roles.items()
    }
    columns = {role: column for role, column in named.items() if role in ROLES[shape]}
    lines = [
        f"# A draft for {name}, guessed from its first rows. Before you use it,",
        '# check what each column means, and replace every "?".',
        *(f"# Shape {key!r}: {text}." for key, text in SHAPES.items()),
        f"shape = {json.dumps(shape)}",
        "",
    ]
    given = {"sheet": rule.sheet, "table": rule.table}
    if any(given.values()):
        lines += ["[source]", *(f"{k} = {quote(v)}" for k, v in given.items() if v), ""]
    lines.append("[columns]")
    for needed in SURELY[shape]:
        columns.setdefault(needed, "?")
    lines += [f"{role} = {quote(column)}" for role, column in columns.items()]
    rest = [guess for guess in guesses if guess.name not in columns.values()]
    lines += write_fields(shape, rest)
    ways = {guess.format for guess in guesses if guess.format}
    if ways:
        lines += ["", "[time]", "# If days come before months, say so here."]
        lines += [f"format = {quote(way)}" for way in sorted(ways)[:1]]
    lines += CHOICES.get(shape, [])
    return "\n".join(lines) + "\n" + FURTHER


def write_fields(shape: str, rest: list[ColumnGuess]) -> list[str]:
    """Return the outcomes, the covariates and, as comments, what is left."""
    outcomes, covariates, unused = [], [], []
    for guess in rest:
        name = re.sub(r"[^a-z0-9]+", "_", guess.name.lower()).strip("_")
        is_before = re.search(BEFORE, name)
        countable = guess.kind in ("yes_no", "amount", "number")
        line = (
            f"{name} = {{ column = {quote(guess.name)}, kind = {quote(guess.kind)} }}"
        )
        if not name.isidentifier() or guess.n_levels < 2:
            unused.append(guess)
        elif (
            countable and not is_before and re.search(AFTER, name) and shape != "orders"
        ):
            if guess.kind == "amount" and re.search(RATINGS, name):
                line = line.replace('kind = "amount"', 'kind = "number"')
            way = "low" if re.search(LESS_IS_BETTER, name) else "high"
            outcomes.append(line[:-2] + f", better = {quote(way)} }}")
        elif is_before and (countable or guess.kind == "category"):
            covariates.append(line)
        else:
            unused.append(guess)
    lines: list[str] = []
    if shape != "orders":
        lines += [
            "",
            "[outcomes]",
            *MORE,
            *(outcomes or ["# none recognised: name one"]),
        ]
    lines += [
        "",
        "[covariates]",
        "# Only what was known before the problem.",
        *covariates,
    ]
    if unused:
        lines += ["", "# Not used (what they look like, and different values seen):"]
        lines += [f"# {guess.name}: {guess.kind}, {guess.n_levels}" for guess in unused]
    return lines


def quote(text: str) -> str:
    """Return a text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)
