"""A page that shows how two runs differ."""

from __future__ import annotations

from html import escape
from itertools import groupby
from urllib.parse import quote

from recovery_research.reporting.comparison_texts import (
    name_some,
    share_room,
    shorten,
    show_cell,
    summarise_table,
)
from recovery_research.reporting.comparisons import RunDifference
from recovery_research.reporting.table_comparisons import TableDifference
from recovery_research.reporting.wording import format_moment

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
    """Write how two runs differ as a page of its own, without scripts.

    Parameters
    ----------
    found : RunDifference
        The difference.
    cells : str, optional
        Name of the file beside the page that holds everything.

    Returns
    -------
    str
        HTML of bearable length, however much differs; everything that came from a run
        is escaped.
    """
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
