"""A page that shows how two runs differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from recovery_research.reports.comparisons import (
    CellChange,
    Change,
    RunDifference,
    TableDifference,
)
from recovery_research.reports.formatting import format_moment
from recovery_research.spreadsheet_cells import write_csv

MOST_CELLS = 100
FEWEST_CELLS = 8
MOST_OPEN = 12
_HEAD = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
 padding: 0 1rem; overflow-wrap: anywhere; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; overflow-wrap: normal; }}
caption {{ max-width: 88vw; }}
caption, th, td {{ text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top;
 border-bottom: 1px solid #8886; }}
td {{ font-variant-numeric: tabular-nums; }}
td:first-child {{ min-width: 8rem; overflow-wrap: anywhere; }}
summary {{ cursor: pointer; padding: .2rem 0; }}
</style></head><body><main>
<h1>{title}</h1>
"""


def write_comparison(found: RunDifference, cells: str | None = None) -> str:
    """Write how two runs differ as a page of its own, without scripts."""
    runs = (found.before, found.after)
    title = escape(f"{runs[0].report}: two runs compared")
    when = "".join(
        f"<tr><th scope='row'>{word}</th><td>{escape(run.report)} {escape(run.run_id)}"
        f"</td><td>{format_moment(run.started)}</td></tr>"
        for word, run in zip(("before", "after"), runs, strict=True)
    )
    parts = [
        _HEAD.format(title=title),
        f'<div class="scroll"><table>{when}</table></div>',
        "<h2>Tables</h2>",
        _list_tables(found),
        _point_at(cells),
        *(_show_table(table, found) for table in found.compared if not table.same),
        "<h2>What they were made of</h2>",
        _show_changes(found),
    ]
    return "".join([*parts, "</main></body></html>\n"])


def _list_tables(found: RunDifference) -> str:
    if not found.compared:
        return "<p>There are no tables.</p>"
    rows = [
        (_link(table), escape(summarise_table(table)))
        for table in sorted(found.compared, key=lambda table: table.same)
    ]
    body = "".join(f"<tr><td>{name}</td><td>{said}</td></tr>" for name, said in rows)
    head = "<tr><th scope='col'>table</th><th scope='col'>difference</th></tr>"
    return f'<div class="scroll"><table><thead>{head}</thead>{body}</table></div>'


def _link(table: TableDifference) -> str:
    name = escape(table.name)
    return name if table.same else f'<a href="#{name}">{name}</a>'


def _point_at(cells: str | None) -> str:
    if cells is None:
        return ""
    file = escape(cells)
    return (
        f'<p>Everything that differs, in full precision: <a href="{quote(cells)}">'
        f"{file}</a>.</p>"
    )


def _show_table(table: TableDifference, found: RunDifference) -> str:
    parts = [f'<h3 id="{escape(table.name)}">{escape(table.name)}</h3>']
    if table.only_in is not None:
        return "".join([*parts, f"<p>Only {table.only_in}.</p>"])
    for names, said in (
        (table.rows_before, "Rows only before"),
        (table.rows_after, "Rows only after"),
        (table.columns_before, "Columns only before"),
        (table.columns_after, "Columns only after"),
    ):
        if names:
            parts.append(f"<p>{said}: {escape(name_some(names))}.</p>")
    if table.cells:
        most = share_room(found, MOST_CELLS, FEWEST_CELLS)
        rows = [
            (cell.row, cell.column, *show_cell(cell)) for cell in table.cells[:most]
        ]
        head = ("row", "column", "before", "after", "change")
        parts.append(_lay_out(_caption(table, len(rows)), head, rows))
    return "".join(parts)


def _caption(table: TableDifference, shown: int) -> str:
    n = len(table.cells)
    by = f", rows named by {', '.join(table.keys)}" if table.keys else ""
    more = f"; the {shown:,} largest changes are shown" if shown < n else ""
    return f"{n:,} {'cell differs' if n == 1 else 'cells differ'}{by}{more}"


def _show_changes(found: RunDifference) -> str:
    if not found.changes:
        return "<p>The same.</p>"
    parts = []
    for part, group in groupby(found.changes, key=lambda change: change.part):
        rows = [(c.name, shorten(c.before), shorten(c.after)) for c in group]
        table = _lay_out(part, ("name", "before", "after"), rows)
        if len(rows) > MOST_OPEN:
            said = f"{part}: {len(rows):,} differ"
            table = f"<details><summary>{said}</summary>{table}</details>"
        parts.append(table)
    return "".join(parts)


def _lay_out(caption: str, head: tuple[str, ...], rows: list[tuple]) -> str:
    heads = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in row)}</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


SHORT_HASH = 12
LONGEST_TEXT = 60
MOST_CHANGES = 10
MOST_NAMED = 5
MOST_TEXT_CELLS = 60
FEWEST_TEXT_CELLS = 3
DIGITS = 4
# Beyond these many decimals or digits a number is written with its power of ten.
MOST_DECIMALS = 8
MOST_DIGITS = 15
LARGEST_WHOLE = 1e15


def describe_difference(found: RunDifference) -> list[str]:
    """Describe how two runs differ, the largest changes of each table first."""
    lines = describe_changes(found.changes) or ["  made of the same"]
    if not found.compared:
        lines.append("  no tables")
    most = share_room(found, MOST_TEXT_CELLS, FEWEST_TEXT_CELLS)
    for table in found.compared:
        lines.append(f"  table {table.name}: {summarise_table(table)}")
        for names, where in (
            (table.rows_before, "before"),
            (table.rows_after, "after"),
            (table.columns_before, "before"),
            (table.columns_after, "after"),
        ):
            if names:
                lines.append(f"    only {where}: {name_some(names)}")
        for cell in table.cells[:most]:
            old, new, change = show_cell(cell)
            more = f"  ({change})" if change else ""
            lines.append(f"    {cell.row}: {cell.column}: {old} -> {new}{more}")
        if len(table.cells) > most:
            lines.append(f"    and {len(table.cells) - most:,} smaller changes")
    return lines


def share_room(found: RunDifference, most: int, fewest: int) -> int:
    """Return how many cells of each table are shown."""
    differing = sum(bool(table.cells) for table in found.compared)
    return max(fewest, most // max(1, differing))


def summarise_table(table: TableDifference) -> str:
    """Say in one line how a table differs."""
    if table.only_in is not None:
        return f"only {table.only_in}"
    noise = f"{_count(table.n_noise, 'cell')} within the tolerance"
    if table.same:
        return f"the same ({noise})" if table.n_noise else "the same"
    said = []
    for names, what in (
        (table.rows_before, "row only before"),
        (table.rows_after, "row only after"),
        (table.columns_before, "column only before"),
        (table.columns_after, "column only after"),
    ):
        if names:
            noun, rest = what.split(" ", 1)
            said.append(f"{_count(len(names), noun)} {rest}")
    if table.cells:
        rows = _count(len({cell.row for cell in table.cells}), "row")
        said.append(f"{_count(len(table.cells), 'changed cell')} in {rows}")
    if table.n_noise:
        said.append(noise)
    return "; ".join(said)


def name_some(names: Sequence[str]) -> str:
    """Name some things and count the rest."""
    rest = len(names) - MOST_NAMED
    some = "; ".join(cut(name) for name in names[:MOST_NAMED])
    return f"{some}; and {rest:,} more" if rest > 0 else some


def show_cell(cell: CellChange) -> tuple[str, str, str]:
    """Write a cell's two values with the digits that mean something, and the change.

    Examples
    --------
    >>> show_cell(CellChange("t", "r", "c", "0.123456", "0.234567", 0.02, 0.02, 5.6))
    ('0.123', '0.235', '+0.11, 5.6 std errors')
    >>> show_cell(CellChange("t", "r", "c", "1.0", "1.0001", None, None, 1e-4))
    ('1.0000', '1.0001', '+0.0001')
    """
    change = cell.change
    if change is None:
        return cut(cell.before) or "blank", cut(cell.after) or "blank", ""
    said = f"{change:+.2g}"
    if cell.std_error is not None:
        said += f", {cell.size:.2g} std errors"
    old, new = float(cell.before), float(cell.after)
    if old.is_integer() and new.is_integer() and abs(old) + abs(new) < LARGEST_WHOLE:
        return f"{old:,.0f}", f"{new:,.0f}", said
    largest = max(abs(old), abs(new))
    digits = DIGITS
    if cell.blur is not None:
        # Two digits of the error are what anybody can stand for.
        digits = max(1, 2 + _find_power(largest) - _find_power(cell.blur))
    for more in range(digits, MOST_DIGITS + 3):
        pair = (_write(old, more, largest), _write(new, more, largest))
        if pair[0] != pair[1]:
            return *pair, said
    return cell.before, cell.after, said


def describe_changes(changes: Sequence[Change]) -> list[str]:
    """Describe what runs were made of and differs, one line each."""
    lines = []
    for part, group in groupby(changes, key=lambda change: change.part):
        told = list(group)
        lines += [
            f"  {part}: {c.name}: {shorten(c.before)} -> {shorten(c.after)}"
            for c in told[:MOST_CHANGES]
        ]
        if len(told) > MOST_CHANGES:
            lines.append(f"  {part}: and {len(told) - MOST_CHANGES:,} more")
    return lines


def shorten(value: str | None) -> str:
    """Return a value as a line has room for it."""
    if value is None:
        return "absent"
    is_hash = len(value) == 64 and set(value) <= set("0123456789abcdef")
    return value[:SHORT_HASH] if is_hash else value


def cut(text: str) -> str:
    """Return a text that fits into a line."""
    text = " ".join(text.split())
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT - 1]}\N{HORIZONTAL ELLIPSIS}"


def write_cells(found: RunDifference, path: Path) -> None:
    """Write everything that differs in tables as CSV, in full precision."""
    import pandas as pd

    columns = ["table", "what", "row", "column", "before", "after", "change"]
    rows = pd.DataFrame(_list_all(found), columns=[*columns, "std_error"], dtype=object)
    write_csv(rows, path)


def _list_all(found: RunDifference) -> Iterator[list[object]]:
    for table in found.compared:
        name = table.name
        if table.only_in is not None:
            yield [name, f"table only {table.only_in}", "", "", "", "", "", ""]
        for when in ("before", "after"):
            for row in getattr(table, f"rows_{when}"):
                yield [name, f"row only {when}", row, "", "", "", "", ""]
            for column in getattr(table, f"columns_{when}"):
                yield [name, f"column only {when}", "", column, "", "", "", ""]
        for c in table.cells:
            change = "" if c.change is None else repr(c.change)
            error = "" if c.std_error is None else repr(c.std_error)
            yield [name, "cell", c.row, c.column, c.before, c.after, change, error]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _find_power(value: float) -> int:
    """Return the place of a number's first digit: 0 for 3.2, -2 for 0.032."""
    return math.floor(math.log10(abs(value))) if value else 0


def _write(value: float, digits: int, largest: float) -> str:
    """Write a number so that the largest beside it has these many digits."""
    decimals = digits - 1 - _find_power(largest)
    if decimals > MOST_DECIMALS or _find_power(largest) > MOST_DIGITS:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, decimals)}f}"
