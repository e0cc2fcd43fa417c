"""What the author's code says that may read the clock, or a file past the watch.

The classes of dates cannot be watched, for they are written in C; the code that asks
them can be read. Imported by kernels alone.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Iterator
from types import CodeType

CLOCK = "reads the clock"
LUCK = "draws luck without a seed"
_CLOCK_NAMES = frozenset({"now", "utcnow", "today", "utc_now", "uuid1"})
_CLOCK_WORDS = frozenset({"now", "today"})
_TAKE_WORDS = frozenset({
    "getattr", "methodcaller", "to_datetime", "Timestamp", "datetime64",
    "DatetimeIndex", "date_range", "Period", "period_range", "bdate_range", "array",
    "asarray", "astype",
})  # fmt: skip
_PAST_THE_WATCH = frozenset({
    "duckdb", "OSFile", "LocalFileSystem", "SubTreeFileSystem", "CalamineWorkbook",
    "CDLL", "PyDLL", "_exec_query",
})  # fmt: skip
_SQL = re.compile(r"\b(select|insert|update|with)\b", re.I)
_SQL_CLOCK = re.compile(
    r"\bcurrent_(date|time|timestamp)\b|\b(now|today|getdate)\s*\(\s*\)|'now'", re.I
)
_SQL_LUCK = re.compile(r"\b(random|rand|uuid|gen_random_uuid|randomblob)\s*\(", re.I)
_LOADS = ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "IMPORT_NAME")


def find_suspects(code: object) -> Iterator[str]:
    """Yield what code may read that cannot be watched, in words.

    Parameters
    ----------
    code : object
        Compiled code; anything else says nothing.

    Yields
    ------
    str
    """
    if not isinstance(code, CodeType):
        return
    names = set(code.co_names)
    suspected = names & (_CLOCK_NAMES | _PAST_THE_WATCH)
    if suspected:
        # A variable of that name is no reading: what counts is `.now` and `import`.
        loaded = {
            str(part).partition(".")[0]
            for each in dis.get_instructions(code)
            if each.opname.startswith(_LOADS)
            for part in (each.argval,)
        }
        for name in sorted(suspected & loaded):
            clock = name in _CLOCK_NAMES
            yield f"{CLOCK} ({name})" if clock else f"reads files through {name}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from find_suspects(constant)
        elif isinstance(constant, str):
            yield from _read_text(constant, names)


def _read_text(text: str, names: set[str]) -> Iterator[str]:
    if text.strip().lower() in _CLOCK_WORDS and names & _TAKE_WORDS:
        yield f"{CLOCK} ({text})"
    elif len(text) < 100_000 and _SQL.search(text):
        for pattern, said in ((_SQL_CLOCK, CLOCK), (_SQL_LUCK, LUCK)):
            found = pattern.search(text)
            if found:
                yield f"{said} ({found.group().rstrip('(').strip()} in a query)"
