"""A first mapping of a file, guessed from the names and contents of its columns."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from recovery_research.analysis.covariates import AFTERWARDS
from recovery_research.customer_data.column_guesses import (
    AFTER,
    BEFORE,
    CLUES,
    IN_WEEKS,
    PER_TIME,
    RATINGS,
    ColumnGuess,
    fold,
    guess_column,
)
from recovery_research.customer_data.doubts import LESS_IS_BETTER
from recovery_research.customer_data.mapping import (
    TAKEN,
    TAKEN_IN_ORDERS,
    check_mapping,
)
from recovery_research.customer_data.mapping_rules import ROLES, SHAPES, SourceRule
from recovery_research.customer_data.raw_tables import RawTable
from recovery_research.customer_data.sources import read_source

ROWS_LOOKED_AT = 5_000
# How the same part is called in a table of another shape.
ALIASES = {"customers": {"failed": "problem", "time": "order_time"}}
UNALIASED = {ours: theirs for theirs, ours in ALIASES["customers"].items()}
SURELY = {
    "customers": ("problem", "resolved"),
    "orders": ("customer", "time", "amount", "failed", "resolved"),
    "complaints": ("answer",),
}
# What a mapping can say besides; shown at the end of every draft.
FURTHER = """
# If you need them (see the examples in data/mappings/):
# unreadable = "set aside"   at the very top: do so with rows that cannot be read
# [values] yes = ["solved"], no = ["open"], blank = ["?"], thousands = ","
# [values."a column"] the same of one column, and order = ["bad", "good"] of a scale
# [time] format = "%d/%m/%Y", timezone = "UTC", start = "2024-01-01", end = "2024-12-31"
# [source] skip_rows = 2, header_rows = 2, encoding = "cp1252", sheet = "Orders"
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


def draft_mapping(
    source: str | Path,
    *,
    sheet: str = "",
    table: str = "",
    encoding: str = "",
    member: str = "",
    skip_rows: int = -1,
) -> str:
    """Draft a mapping of a file from the names and contents of its columns.

    Parameters
    ----------
    source : path or str
        As in `reading.read_customers`; its first rows are looked at, and whole columns
        of dates of which the first rows leave open where the day stands.
    sheet, table : str, optional
        Of a workbook or database that has several.
    encoding : str, optional
        Of a text file; by default found out.
    member : str, optional
        Of a zip archive that has several files.
    skip_rows : int, optional
        Rows above the header; by default found out.

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
    rule = SourceRule(
        sheet=sheet, table=table, encoding=encoding, member=member, skip_rows=skip_rows
    )
    raw = read_source(source, rule, limit=ROWS_LOOKED_AT)
    guesses = [
        settle_dates(source, rule, raw, guess_column(raw, name))
        for name in raw.table.column_names
    ]
    every = dict.fromkeys(role for roles in ROLES.values() for role in roles)
    shape = guess_shape(guess_roles(guesses, [*every, "failed"]))
    roles = guess_roles(guesses, [UNALIASED.get(r, r) for r in ROLES[shape]])
    return check_draft(write_draft(raw, shape, roles, guesses, rule))


def settle_dates(
    source: str | Path, rule: SourceRule, raw: RawTable, guess: ColumnGuess
) -> ColumnGuess:
    """Return the guess of a column of dates after a look at all of them."""
    if len(guess.formats) < 2 or raw.table.num_rows < ROWS_LOOKED_AT:
        return guess
    whole = read_source(source, rule, columns=[guess.name])
    again = guess_column(whole, guess.name)
    return again if again.kind == "time" else replace(guess, formats=guess.formats)


def guess_roles(guesses: list[ColumnGuess], wanted: list[str]) -> dict[str, str]:
    """Return the parts of a table that columns' names and kinds speak of."""
    kinds = {role: kind for roles in ROLES.values() for role, kind in roles.items()}
    kinds["failed"] = "yes_no"
    roles: dict[str, str] = {}
    for role in [role for role in CLUES if role in wanted]:
        for guess in guesses:
            if guess.name in roles.values() or not fits(guess, kinds[role]):
                continue
            if re.search(CLUES[role], fold(guess.name)):
                roles[role] = guess.name
                break
    if "weeks_observed" in roles and "left" not in roles:
        del roles["weeks_observed"]
    # Of customers, having left says when only beside how long they were followed;
    # without that it is an outcome like another.
    followed = "weeks_observed" in roles or {"observed_until", "order_time"} <= {*roles}
    if "weeks_observed" in wanted and "left" in roles and not followed:
        del roles["left"]
    return roles


def fits(guess: ColumnGuess, kind: str) -> bool:
    """Return whether a column's contents can be a part of this kind."""
    if kind == "key":
        return guess.kind in ("key", "amount", "number", "category", "text")
    if kind in ("share", "number"):
        return guess.kind in ("amount", "number")
    if kind == "time" and guess.kind == "amount":
        # A number is a moment only if its name or its size says so.
        name = fold(guess.name)
        named = re.search(IN_WEEKS, name) and not re.search(PER_TIME, name)
        return bool(named) or bool(guess.unit)
    return guess.kind == kind


def guess_shape(roles: dict[str, str]) -> str:
    """Return the shape that the parts found make most likely."""
    if {"amount", "time", "customer"} <= set(roles):
        return "orders"
    if "customer" in roles and ("failed" in roles or "resolved" in roles):
        return "customers"
    return "complaints" if "answer" in roles else "customers"


def write_draft(
    raw: RawTable,
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
        f"# A draft for {show(raw.name)}, guessed from its first rows. "
        "Before you use it,",
        '# check what each column means, and replace every "?".',
        *(f"# Shape {key!r}: {text}." for key, text in SHAPES.items()),
        f"shape = {json.dumps(shape)}",
        "",
    ]
    lines += [f"# Note: {show(str(each.message))}" for each in raw.told]
    given = [
        f"{key} = {quote(value) if isinstance(value, str) else value}"
        for key in ("sheet", "table", "member", "encoding", "skip_rows")
        if (value := getattr(rule, key)) not in ("", -1)
    ]
    lines += ["[source]", *given, ""] if given else []
    lines.append("[columns]")
    for needed in SURELY[shape]:
        columns.setdefault(needed, "?")
    lines += [f"{role} = {quote(column)}" for role, column in columns.items()]
    rest = [guess for guess in guesses if guess.name not in columns.values()]
    fields, used = write_fields(shape, rest)
    lines += fields
    kinds = {column: ROLES[shape][role] for role, column in columns.items()}
    kinds |= {guess.name: guess.kind for guess in guesses if guess.name in used}
    lines += write_values(guesses, kinds)
    lines += CHOICES.get(shape, [])
    return "\n".join(lines) + "\n" + FURTHER


def write_values(guesses: list[ColumnGuess], kinds: dict[str, str]) -> list[str]:
    """Return how the values of the columns used are written; names stay as they are."""
    lines: list[str] = []
    for guess in guesses:
        kind = kinds.get(guess.name, "key")
        said: list[str] = []
        if kind == "time":
            said = write_moments(guess)
        elif kind not in ("key", "category"):
            said = [f"{key} = {toml(value)}" for key, value in guess.values.items()]
        if said:
            lines += ["", f"[values.{quote(guess.name)}]", *said]
    return lines


def write_moments(guess: ColumnGuess) -> list[str]:
    """Return how a column of dates, or of what counts them, is written."""
    if len(guess.formats) > 1:
        ways = " or ".join(map(quote, guess.formats[:2]))
        open_ = f"# The dates leave open where the day stands: {ways}."
        return [open_, 'format = "?"']
    if guess.formats:
        return [f"format = {quote(guess.formats[0])}"]
    if guess.unit:
        return [f"unit = {quote(guess.unit)}"]
    return ['unit = "weeks"'] if guess.kind == "amount" else []


def write_fields(shape: str, rest: list[ColumnGuess]) -> tuple[list[str], set[str]]:
    """Return the outcomes, the covariates and what is left, and the columns used."""
    outcomes, covariates, unused = [], [], []
    used: set[str] = set()
    taken = set((*TAKEN, *TAKEN_IN_ORDERS, *AFTERWARDS) if shape == "orders" else TAKEN)
    for guess in rest:
        folded = fold(guess.name)
        is_before = re.search(BEFORE, folded)
        countable = guess.kind in ("yes_no", "amount", "number")
        after = re.search(AFTER, folded) and not is_before and shape != "orders"
        as_outcome = countable and after
        as_covariate = is_before and (countable or guess.kind == "category")
        if guess.n_levels < 2 or not (as_outcome or as_covariate):
            unused.append(guess)
            continue
        kind = guess.kind
        if kind == "amount" and re.search(RATINGS, folded):
            kind = "number"
        name = name_field(folded, len(used), taken, covariate=not as_outcome)
        taken |= {name, f"{name}_before"}
        used.add(guess.name)
        line = f"{name} = {{ column = {quote(guess.name)}, kind = {quote(kind)} }}"
        if as_outcome:
            way = "low" if re.search(LESS_IS_BETTER, folded) else "high"
            outcomes.append(line[:-2] + f", better = {quote(way)} }}")
        else:
            covariates.append(line)
    lines: list[str] = []
    if shape != "orders":
        none = ["# none recognised: name one"]
        lines += ["", "[outcomes]", *MORE, *(outcomes or none)]
    known = "# Only what was known before the problem."
    lines += ["", "[covariates]", known, *covariates]
    if unused:
        lines += ["", "# Not used (what they look like, and different values seen):"]
        lines += [f"# {show(g.name)}: {g.kind}, {g.n_levels}" for g in unused]
    return lines, used


def name_field(folded: str, place: int, taken: set[str], *, covariate: bool) -> str:
    """Return a name that a mapping may give to a column, and that nobody has."""
    name = folded or f"column_{place + 1}"
    name = f"x_{name}" if name[0].isdigit() or not name.isidentifier() else name
    if covariate and name in AFTERWARDS:
        name = f"prior_{name}"
    while name in taken:
        name += "_in_file"
    return name


def check_draft(draft: str) -> str:
    """Return a draft after it has been read back; raise if it is no mapping at all."""
    content = tomllib.loads(draft)

    def fill(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: fill(each) for key, each in part.items()}
        return part

    content = fill(content)
    if content.get("orders", {}).get("design") == "?":
        content["orders"]["design"] = "order-based"
    content["columns"] = {
        role: f"open {role}" if column == "?" else column
        for role, column in content["columns"].items()
    }
    for said in content.get("values", {}).values():
        if said.get("format") == "?":
            said["format"] = "%d/%m/%Y"
    if content["shape"] != "orders" and not content.get("outcomes"):
        content["outcomes"] = {"open": {"column": "open", "kind": "number"}}
    check_mapping("the draft", content)
    return draft


def show(text: str) -> str:
    """Return a text for a comment: as it is, in quotes if it has more than words."""
    return text if text.isprintable() else quote(text)


def toml(value: object) -> str:
    """Return a text or a list of texts as TOML writes it."""
    if isinstance(value, list):
        return "[" + ", ".join(map(quote, value)) + "]"
    return quote(str(value))


def quote(text: str) -> str:
    """Return a text as TOML writes it."""
    written = json.dumps(text, ensure_ascii=False)
    # TOML wants these escaped too, JSON does not.
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in written)
