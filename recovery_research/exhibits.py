"""Tables and figures as a report shows them, full precision kept beside."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, cast

from recovery_research.spreadsheet_cells import write_csv
from recovery_research.texts import IDENTIFIER

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METADATA_KEY = "recovery_research"
_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A table or a figure, ready to be shown by a notebook.

    JupyterLab, plain papermill and our own reports all show its HTML; the runner
    keeps its full data, CSV or SVG, as a file of its own.

    Attributes
    ----------
    kind : str
        ``table`` or ``figure``.
    name : str
        Name of the file it is kept in, without its ending.
    caption : str
        One sentence shown with it.
    html : str
        What is seen.
    data : str
        CSV or SVG in full.
    alt : str
        Description for readers who cannot see the figure; empty for a table.
    """

    kind: str
    name: str
    caption: str
    html: str = field(repr=False)
    data: str = field(repr=False)
    alt: str = ""

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        data_type = "text/csv" if self.kind == "table" else "image/svg+xml"
        said = f" {self.alt}" if self.alt else ""
        bundle = {
            "text/html": self.html,
            "text/plain": f"{self.kind} {self.name}: {self.caption}{said}",
            data_type: self.data,
        }
        marks = {"kind": self.kind, "name": self.name, "caption": self.caption}
        if self.alt:
            marks["alt"] = self.alt
        return bundle, {METADATA_KEY: marks}


def show_table(
    frame: pd.DataFrame,
    *,
    name: str,
    caption: str,
    columns: str | Sequence[str] | None = None,
    formats: Mapping[str, str | Callable[[object], str]] | None = None,
    index: bool = False,
) -> Exhibit:
    r"""Show a table rounded for reading; keep it in full precision.

    Numbers are aligned right, with thousands separated and about three significant
    digits a column; missing values are a dash; the text of every cell is escaped. In
    the file a text that a spreadsheet would run has an apostrophe before it.

    Parameters
    ----------
    frame : DataFrame
        The table, with plain columns. Underscores in column names are shown as
        spaces.
    name : str
        Lower-case name, unique in the report: the table is kept as
        ``tables/NAME.csv``.
    caption : str
        One sentence that says what the table holds.
    columns : str or sequence of str, optional
        Which columns are shown and kept, in that order; as a text, their names with
        blanks between them. By default all.
    formats : mapping, optional
        Column names and how to write their values: a format such as ``"{:.1%}"`` or
        a function of one value.
    index : bool, optional
        Whether the frame's index is shown and kept as well.

    Returns
    -------
    Exhibit
        Last expression of the notebook's cell.

    Raises
    ------
    TypeError
        If `frame` is no DataFrame.
    ValueError
        If the name or the caption cannot be used, a format is for a column that is
        not there, or the table is too large for a report.

    Examples
    --------
    >>> import pandas as pd
    >>> kept = pd.DataFrame({"policy": ["service"], "share": [2 / 3]})
    >>> shown = show_table(kept, name="kept", caption="Share kept.")
    >>> shown.data
    'policy,share\nservice,0.6666666666666666\n'
    """
    _check_words("table", name, caption=caption)
    if not hasattr(frame, "to_csv") or getattr(frame, "ndim", 0) != 2:
        raise TypeError(f"table {name!r}: needs a DataFrame; got {type(frame)}.")
    if columns is not None:
        frame = _choose_columns(frame, name, columns)
    if frame.size > LARGEST_TABLE:
        raise ValueError(
            f"table {name!r} has {frame.size:,} cells, more than {LARGEST_TABLE:,}; "
            "a report shows summaries, so summarise it first."
        )
    body, hidden = lay_out_table(frame, name=name, formats=formats or {}, index=index)
    note = f" {hidden:,} more rows are in tables/{name}.csv." if hidden else ""
    html = (
        f'<div class="exhibit-scroll" tabindex="0" role="group" '
        f'aria-label="{escape(caption)}" style="overflow-x:auto">'
        f'<table class="exhibit-table"><caption style="text-align:left">'
        f"{escape(caption + note)}</caption>{body}</table></div>"
    )
    csv = write_csv(frame, index=index)
    return Exhibit("table", name, caption, html, csv)


def _choose_columns(
    frame: pd.DataFrame, name: str, columns: str | Sequence[str]
) -> pd.DataFrame:
    chosen = columns.split() if isinstance(columns, str) else list(columns)
    absent = [column for column in chosen if column not in frame]
    if absent or not chosen:
        raise ValueError(
            f"table {name!r}: no column {absent}; its columns are {list(frame)}."
        )
    return frame[chosen]


def show_figure(figure: Figure | Axes, *, name: str, caption: str, alt: str) -> Exhibit:
    """Show a figure with its description; keep it as SVG. Close it.

    Parameters
    ----------
    figure : Figure or Axes
        A matplotlib figure, or any Axes in it.
    name : str
        Lower-case name, unique in the report: the figure is kept as
        ``figures/NAME.svg``.
    caption : str
        One sentence under the figure; one is added if this computer has no font for
        some of its words.
    alt : str
        What the figure shows, for readers who cannot see it.

    Returns
    -------
    Exhibit
        Last expression of the notebook's cell.

    Raises
    ------
    TypeError
        If `figure` is neither a Figure nor an Axes.
    ValueError
        If the name, the caption or the description cannot be used.
    """
    _check_words("figure", name, caption=caption, alt=alt)
    whole = getattr(figure, "figure", figure)
    if not hasattr(whole, "savefig"):
        raise TypeError(
            f"figure {name!r}: needs a matplotlib Figure or Axes; got {type(figure)}."
        )
    svg, told = _draw_svg(cast("Figure", whole), name)
    caption = f"{caption} {told}".strip()
    source = base64.b64encode(svg.encode()).decode()
    html = (
        f'<figure class="exhibit-figure" style="margin:0">'
        f'<img alt="{escape(alt)}" style="max-width:100%;height:auto" '
        f'src="data:image/svg+xml;base64,{source}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
    return Exhibit("figure", name, caption, html, svg, alt)


def _draw_svg(figure: Figure, name: str) -> tuple[str, str]:
    # The figure has imported matplotlib already. Hash salt and absent date make the
    # same figure the same file; closing it keeps Jupyter from drawing it again.
    from matplotlib import pyplot, rc_context

    from recovery_research.fonts import find_letters

    told = find_letters(figure)
    written = io.StringIO()
    with rc_context({"svg.hashsalt": name}):
        figure.savefig(
            written,
            format="svg",
            bbox_inches="tight",
            metadata={"Date": None, "Creator": None},
        )
    pyplot.close(figure)
    return written.getvalue(), told


def is_exhibit_name(name: object) -> bool:
    """Return whether a table or figure may have this name."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _check_words(kind: str, name: str, **sentences: str) -> None:
    if not is_exhibit_name(name):
        raise ValueError(
            f"{kind} {name!r}: a name is in lower-case letters, digits and hyphens, "
            "such as 'kept-by-policy'."
        )
    for what, sentence in sentences.items():
        if not isinstance(sentence, str) or not sentence.strip():
            raise ValueError(f"{kind} {name!r}: {what} is empty; say what it shows.")


LARGEST_TABLE = 1_000_000
ROWS_SHOWN = 200
MISSING = "\N{EN DASH}"

Format = str | Callable[[object], str]


def lay_out_table(
    frame: pd.DataFrame, *, name: str, formats: Mapping[str, Format], index: bool
) -> tuple[str, int]:
    """Lay out a frame as the head and body of an HTML table."""
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


def _choose_format(column: pd.Series) -> Callable[[Any], str]:
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
