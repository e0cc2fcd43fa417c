"""Tables as CSV that a spreadsheet shows and never runs, and the same read back.

A text that a spreadsheet would take for a formula (``=1+1``, ``@SUM(A1)``, ``-2+3``) is
written with an apostrophe before it, and so is one that has such an apostrophe already;
the readers here take one away again. Numbers stay as they are, negative ones too.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, overload

if TYPE_CHECKING:
    import pandas as pd

# Before the sign may stand what is dropped or not seen; some signs are wide.
_SIGN = "[\\s\0\ufeff\u200b-\u200f]*[=+\\-@\uff1d\uff0b\uff0d\uff20]"
_RUNS = re.compile(f"[\t\r\n\ufeff]|{_SIGN}")
_NUMBER = re.compile(
    r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?:inf|nan)", re.I
)
# Where a cell may begin that runs; what is found is looked at more closely.
_SUSPECT = re.compile(f'(?:^|[,\r\n])"?(?={_RUNS.pattern})')
# Where one surely begins, in what cannot be read as a table.
_SURE = re.compile(
    f'(?:^|(?<=[,\r\n]))"?(?!(?:{_NUMBER.pattern})"?(?:[,\r\n]|$))(?![\r\n])(?={_SIGN})',
    re.I,
)
LARGEST_CELL = 10_000_000


def guard_cell(text: str) -> str:
    """Return a text as it is written into a table.

    Examples
    --------
    >>> [guard_cell(text) for text in ("=1+1", "-3.2", "-3 to 2", "'=x", "don't")]
    ["'=1+1", '-3.2', "'-3 to 2", "''=x", "don't"]
    """
    return f"'{text}" if _RUNS.match(text.lstrip("'")) and not is_number(text) else text


def bare_cell(text: str) -> str:
    """Return a text as it was before it was written into a table.

    Examples
    --------
    >>> [bare_cell(text) for text in ("'=1+1", "-3.2", "''=x", "'tis")]
    ['=1+1', '-3.2', "'=x", "'tis"]
    """
    plain = text.lstrip("'")
    return text[1:] if plain != text and _RUNS.match(plain) else text


def is_number(text: str) -> bool:
    """Return whether a text is a plain number, which runs nothing."""
    return _NUMBER.fullmatch(text) is not None


@overload
def write_csv(
    frame: pd.DataFrame, path: None = None, *, index: bool = False
) -> str: ...


@overload
def write_csv(frame: pd.DataFrame, path: Path, *, index: bool = False) -> None: ...


def write_csv(
    frame: pd.DataFrame, path: Path | None = None, *, index: bool = False
) -> str | None:
    """Write a table as CSV."""
    guarded = frame.copy(deep=False)
    for place in range(frame.shape[1]):
        cells = _change_texts(frame.iloc[:, place], guard_cell)
        if cells is not None:
            guarded.isetitem(place, cells)
    guarded.columns = [_guard_any(name) for name in frame.columns]
    if index:
        guarded.index = _guard_index(frame.index)
    text = guarded.to_csv(index=index, lineterminator="\n")
    if "\r" in text:
        # Alone it ends a row for many readers unless there are quotes around it.
        quoting = csv.QUOTE_NONNUMERIC
        text = guarded.to_csv(index=index, lineterminator="\n", quoting=quoting)
    if path is None:
        return text
    path.write_text(text, encoding="utf-8", newline="")
    return None


def read_csv(path: Path | BinaryIO) -> pd.DataFrame:
    """Read a table that was written by `write_csv`."""
    import pandas as pd

    frame = pd.read_csv(path)
    for place in range(frame.shape[1]):
        cells = _change_texts(frame.iloc[:, place], bare_cell)
        if cells is not None:
            frame.isetitem(place, cells)
    frame.columns = [bare_cell(str(name)) for name in frame.columns]
    return frame


def guard_csv(content: str) -> str:
    """Return CSV that somebody else has written, with every cell guarded."""
    if not _SUSPECT.search(content):
        return content
    before = csv.field_size_limit(LARGEST_CELL)
    try:
        rows = list(csv.reader(io.StringIO(content, newline=""), strict=True))
    except csv.Error:  # no table; whatever begins a cell is guarded
        return _SURE.sub(lambda match: f"{match[0]}'", content)
    finally:
        csv.field_size_limit(before)
    guarded = [[cell if cell[:1] == "'" else guard_cell(cell) for cell in row]
               for row in rows]  # fmt: skip
    if guarded == rows:
        return content
    out = io.StringIO(newline="")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if "\r" in content else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator="\n", quoting=quoting).writerows(guarded)
    return out.getvalue()


def _list_texts(column: pd.Series) -> list[object]:
    """Return the cells of a column if some of them can be texts."""
    kind = getattr(column.dtype, "kind", "O")
    return [] if kind in "biufcmM" else column.astype(object).tolist()


def _change_texts(column: pd.Series, change: Callable[[str], str]) -> pd.Series | None:
    """Return a column with its texts changed, or None if none of them does."""
    cells = _list_texts(column)
    texts = {cell: change(cell) for cell in cells if isinstance(cell, str)}
    if all(before == after for before, after in texts.items()):
        return None
    import pandas as pd

    changed = [texts[cell] if isinstance(cell, str) else cell for cell in cells]
    return pd.Series(changed, index=column.index, dtype=object)


def _guard_any(name: object) -> object:
    return guard_cell(name) if isinstance(name, str) else name


def _guard_index(index: pd.Index) -> pd.Index:
    import pandas as pd

    names = [_guard_any(name) for name in index.names]
    if index.nlevels == 1:
        cells = _change_texts(index.to_series(), guard_cell)
        return (
            index.set_names(names) if cells is None else pd.Index(cells, name=names[0])
        )
    levels = []
    for number in range(index.nlevels):
        level = index.get_level_values(number)
        cells = _change_texts(level.to_series(), guard_cell)
        levels.append(level if cells is None else pd.Index(cells))
    return pd.MultiIndex.from_arrays(levels, names=names)
