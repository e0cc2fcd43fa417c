"""A page that shows how two runs differ."""

from __future__ import annotations

from html import escape

from recovery_research.reporting.comparisons import RunDifference

MOST_ROWS = 5000
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
table {{ border-collapse: collapse; }}
caption, th, td {{ text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top;
 border-bottom: 1px solid #8886; }}
td {{ font-variant-numeric: tabular-nums; }}
</style></head><body><main>
<h1>{title}</h1>
"""


def write_comparison(found: RunDifference) -> str:
    """Write how two runs differ as a page of its own, without scripts.

    Parameters
    ----------
    found : RunDifference
        The difference.

    Returns
    -------
    str
        HTML; everything that came from a run is escaped.
    """
    names = [f"{r.report} {r.run_id}" for r in (found.before, found.after)]
    title = escape(f"{names[0]} and {names[1]}")
    changes = [(c.part, c.name, c.before, c.after) for c in found.changes]
    parts = [
        _HEAD.format(title=title),
        "<h2>What they were made of</h2>",
        _lay_out("Differences", ("part", "name", "before", "after"), changes),
        "<h2>Tables</h2>",
    ]
    for name, same in found.tables.items():
        parts.append(f"<h3>{escape(name)}</h3>")
        if same:
            parts.append("<p>The same.</p>")
            continue
        cells = [
            (c.row, c.column, c.before, c.after) for c in found.cells if c.table == name
        ]
        head = ("row", "column", "before", "after")
        parts.append(_lay_out(f"{len(cells):,} cells differ", head, cells))
    return "".join([*parts, "</main></body></html>\n"])


def _lay_out(caption: str, head: tuple[str, ...], rows: list[tuple]) -> str:
    if not rows:
        return "<p>No differences.</p>"
    more = f"; the first {MOST_ROWS:,} are shown" if len(rows) > MOST_ROWS else ""
    heads = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{_write(value)}</td>' for value in row)}</tr>"
        for row in rows[:MOST_ROWS]
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption + more)}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _write(value: object) -> str:
    return "<em>absent</em>" if value is None else escape(str(value))
