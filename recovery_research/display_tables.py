"""A frame laid out as rows of HTML: rounded, aligned, escaped."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING

from recovery_research.said_names import IDENTIFIER

if TYPE_CHECKING:
    import pandas as pd

LARGEST_TABLE = 1_000_000
ROWS_SHOWN = 200
MISSING = "\N{EN DASH}"

Format = str | Callable[[object], str]


def lay_out_table(
    frame: pd.DataFrame, *, name: str, formats: Mapping[str, Format], index: bool
) -> tuple[str, int]:
    """Lay out a frame as the head and body of an HTML table.

    Parameters
    ----------
    frame : DataFrame
        The table.
    name : str
        Its name, for messages.
    formats : mapping of str to str or callable
        How to write the values of some columns.
    index : bool
        Whether the index becomes the first columns.

    Returns
    -------
    html : str
    n_hidden : int
        Rows beyond the first 200, which are not laid out.

    Raises
    ------
    ValueError
        If columns are layered or repeated, or a format's column is not there.
    """
    if frame.columns.nlevels > 1 or not frame.columns.is_unique:
        raise ValueError(
            f"table {name!r}: needs one layer of different column names; "
            f"got {list(frame.columns)}."
        )
    shown = frame.head(ROWS_SHOWN)
    shown = shown.reset_index() if index else shown
    absent = [column for column in formats if column not in shown.columns]
    if absent:
        raise ValueError(
            f"table {name!r}: formats for {absent}, but its columns are "
            f"{list(shown.columns)}."
        )
    n_headers = frame.index.nlevels if index else int(_starts_with_text(shown))
    columns = [_write_column(shown[key], formats.get(key)) for key in shown.columns]
    numeric = [_is_numeric(shown[key]) for key in shown.columns]
    head = "".join(
        _write_cell("th", _humanise(key), right, "col")
        for key, right in zip(shown.columns, numeric, strict=True)
    )
    rows = [
        "".join(
            _write_cell("th", text, right, "row")
            if position < n_headers
            else _write_cell("td", text, right)
            for position, (text, right) in enumerate(zip(row, numeric, strict=True))
        )
        for row in zip(*columns, strict=True)
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    html = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return html, len(frame) - len(shown)


def _write_column(column: pd.Series, given: Format | None) -> list[str]:
    write = given.format if isinstance(given, str) else given
    if write is None:
        write = _choose_format(column)
    missing = column.isna()
    return [
        MISSING if absent else str(write(value))
        for value, absent in zip(column, missing, strict=True)
    ]


def _choose_format(column: pd.Series) -> Callable[[object], str]:
    """Write numbers of one column alike, but none with under two digits that count.

    A column may hold shares beside dollars; with common decimals the shares would all
    read 0 or 1.
    """
    kind = _kind(column)
    if kind == "b":
        return lambda value: "yes" if value else "no"
    if kind in "iu":
        return "{:,}".format
    if kind != "f":
        return str
    sizes = [abs(v) for v in column.dropna().astype(float) if math.isfinite(v) and v]
    digits = math.floor(math.log10(max(sizes))) if sizes else 0
    common = min(max(2 - digits, 0), 6)

    def write(value: float) -> str:
        if not (math.isfinite(value) and value):
            return f"{value:,.{common}f}"
        own = max(2 - math.floor(math.log10(abs(value))), 0)
        if own > 7:
            return f"{value:.2g}"
        return f"{value:,.{common if own <= common + 1 else own}f}"

    return write


def _kind(column: pd.Series) -> str:
    return getattr(column.dtype, "kind", "O")


def _is_numeric(column: pd.Series) -> bool:
    return _kind(column) in "iuf"


def _starts_with_text(shown: pd.DataFrame) -> bool:
    return shown.shape[1] > 0 and not _is_numeric(shown.iloc[:, 0])


def _humanise(key: object) -> str:
    text = str(key)
    return text.replace("_", " ") if IDENTIFIER.fullmatch(text) else text


def _write_cell(tag: str, text: str, right: bool, scope: str = "") -> str:
    # Alignment stands in the cell itself, so that JupyterLab shows it too.
    align = "right" if right else "left"
    scoped = f' scope="{scope}"' if scope else ""
    return f'<{tag}{scoped} style="text-align:{align}">{escape(text)}</{tag}>'
