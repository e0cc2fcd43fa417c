"""Pages on the formats that people write, made from what reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from recovery_research.customer_data.mapping_rules import KINDS, SHAPES
from recovery_research.reports.formats import STARTS, list_keys, say_rules
from recovery_research.reports.run_status import EXIT_CODES, EXIT_TERMINATED

HEADS = ("key", "what it means", "type, whether needed, default, allowed")


def write_formats(folder: Path) -> None:
    """Write the pages on the mapping, the plan, and the exit codes."""
    folder.mkdir(parents=True)
    shapes = _table(("shape", "what a row is"), SHAPES.items())
    kinds = _table(("kind", "what it holds"), KINDS.items())
    above = ["## Shapes", "", *shapes, "## Kinds of outcomes and covariates", ""]
    pages = {
        "mapping": _page("mapping", "The mapping of a file", *above, *kinds),
        "plan": _page("plan", "The plan of many reports"),
        "profile": _page("profile", "Profiles of the notebooks"),
        "exit-codes": _exit_codes(),
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    index = ["# Formats", "", "What you write in files, and what a command answers.",
             "", "```{toctree}", ":maxdepth: 1", "", *pages, "```", ""]  # fmt: skip
    (folder / "index.md").write_text("\n".join(index), encoding="utf-8")


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        cells = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _page(kind: str, title: str, *above: str) -> str:
    """Return the page of what may stand in a kind of file, every key of it."""
    lines = [f"# {title}", "", STARTS[kind], "", *above]
    place, rows = None, []
    for each in list_keys(kind):
        if (each.table, each.shapes) != place:
            lines += _table(HEADS, rows) if rows else []
            place, rows = (each.table, each.shapes), []
            of = f" of {each.shapes[0]}" if each.shapes else ""
            lines += [f"## `[{each.table}]`{of}" if each.table else "## At the top", ""]
        rows.append((f"`{each.key}`", each.meaning, say_rules(each)[1:-1]))
    return "\n".join([*lines, *_table(HEADS, rows)])


def _exit_codes() -> str:
    rows = [(code, verdict.value) for verdict, code in EXIT_CODES.items()]
    rows += [(2, "refused before anything ran"), (EXIT_TERMINATED, "terminated")]
    lines = ["# Exit codes", "", *_table(("code", "how a run ended"), sorted(rows))]
    return "\n".join(lines)
