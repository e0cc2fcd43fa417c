"""What names the rows of a table, found from the table itself.

Two runs of a report leave the same table with other numbers, and perhaps with rows more
or less. Rows belong together that are named alike: the policy, the world, the outcome,
the week. Which columns do so is nowhere written down.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

Row = dict[str, str]
LONGEST_NAME = 60
ENOUGH = 0.5
# What is counted or estimated names nothing, though it may tell rows apart.
RESULTS = re.compile(
    r"n|n_.*|count.*|estimate|ci_.*|std_error|mean.*|p_value|difference"
)
TRUTHS = {"True", "False", "true", "false"}


def find_keys(before: Sequence[Row], after: Sequence[Row]) -> tuple[str, ...]:
    """Find the columns that name the rows of two tables.

    Texts come first, from left to right, as many as it takes to tell all rows of
    either table apart. Whole numbers that are no counts, and other numbers that one
    table shares with the other, join them only if texts alone do not. Sentences and
    what is not needed are left out.

    Parameters
    ----------
    before, after : sequence of dict
        Rows, each a dict of texts.

    Returns
    -------
    tuple of str
        None if nothing names the rows; even all together may not tell them apart.

    Examples
    --------
    >>> rows = [{"policy": p, "week": w, "estimate": "0.1"}
    ...         for p in ("service", "silence") for w in ("1", "2")]
    >>> find_keys(rows, rows)
    ('policy', 'week')
    """
    shared = [
        name
        for name in (before[0] if before else {})
        if all(name in row for row in (*before[:1], *after[:1]))
    ]
    pairs = {name: _read_columns(name, before, after) for name in shared}
    texts = [name for name in shared if _is_name(*pairs[name])]
    every = [name for name in shared if name in texts or _may_name(name, *pairs[name])]
    keys: list[str] = []
    for candidates in (texts, every):
        keys = _choose(candidates, before, after)
        if _tells_apart(keys, before) and _tells_apart(keys, after):
            return _leave_out(keys, pairs, before, after)
    return tuple(keys)


def name_rows(
    keys: Sequence[str], rows: Sequence[Row]
) -> dict[tuple[tuple[str, ...], int], Row]:
    """Return rows by what names them, and how many of that name came before.

    Parameters
    ----------
    keys : sequence of str
        Columns that name them.
    rows : sequence of dict
        The rows.

    Returns
    -------
    dict
        In the order of the rows.
    """
    seen: Counter = Counter()
    named = {}
    for row in rows:
        name = tuple(_settle(row[key]) for key in keys)
        named[name, seen[name]] = row
        seen[name] += 1
    return named


def read_number(text: str | None) -> float | None:
    """Return the number a cell holds, or None if it holds none."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _read_columns(
    name: str, before: Sequence[Row], after: Sequence[Row]
) -> tuple[list[str], list[str]]:
    return [row[name] for row in before], [row[name] for row in after]


def _settle(text: str) -> str:
    """Return a cell so that 1 and 1.0 are the same name."""
    number = read_number(text)
    return text if number is None else repr(number)


def _is_name(before: list[str], after: list[str]) -> bool:
    there = {text for text in (*before, *after) if text}
    return (
        any(read_number(text) is None for text in there)
        and not there <= TRUTHS
        and max(map(len, there)) <= LONGEST_NAME
    )


def _may_name(name: str, before: list[str], after: list[str]) -> bool:
    """Return whether a column that is no text could help to tell rows apart."""
    there = {text for text in (*before, *after) if text}
    if not there or there <= TRUTHS:
        return bool(there)
    numbers = [read_number(text) for text in there]
    if None in numbers or RESULTS.fullmatch(name):
        return False
    shares = _share(before, after)
    whole = all(number.is_integer() for number in numbers)
    return shares >= ENOUGH if whole else shares == 1.0


def _share(before: list[str], after: list[str]) -> float:
    """Return which part of the shorter column's values the other holds, too."""
    first, second = ({_settle(text) for text in texts} for texts in (before, after))
    shorter = min(len(first), len(second))
    return len(first & second) / shorter if shorter else 1.0


def _choose(
    candidates: list[str], before: Sequence[Row], after: Sequence[Row]
) -> list[str]:
    keys: list[str] = []
    told = (1, 1)
    for name in candidates:
        if all(_tells_apart(keys, rows) for rows in (before, after)):
            break
        now = tuple(_count_names([*keys, name], rows) for rows in (before, after))
        if now > told:
            keys.append(name)
            told = now
    return keys


def _leave_out(
    keys: list[str],
    pairs: dict[str, tuple[list[str], list[str]]],
    before: Sequence[Row],
    after: Sequence[Row],
) -> tuple[str, ...]:
    """Leave out what is not needed, first what the tables have least in common."""
    shares = {name: _share(*pairs[name]) for name in keys}
    for name in sorted(keys, key=lambda n: (shares[n], -keys.index(n))):
        fewer = [key for key in keys if key != name]
        if all(_tells_apart(fewer, rows) for rows in (before, after)):
            keys = fewer
    return tuple(keys)


def _count_names(keys: Sequence[str], rows: Sequence[Row]) -> int:
    return len({tuple(_settle(row[key]) for key in keys) for row in rows})


def _tells_apart(keys: Sequence[str], rows: Sequence[Row]) -> bool:
    return _count_names(keys, rows) == len(rows)
