"""The guide and the reference, built; generated tables; links that lead nowhere."""

from __future__ import annotations

import argparse
import inspect
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat

import recovery_research as rr
from recovery_research._extras import explaining_extras
from recovery_research.customer_data.mapping_rules import KINDS, SHAPES
from recovery_research.paths import notebooks_folder
from recovery_research.reference import GROUPS, look_up, summarise
from recovery_research.reports.exit_codes import EXIT_CODES, EXIT_TERMINATED
from recovery_research.reports.format_reference import STARTS, list_keys, say_rules
from recovery_research.reports.notebook_html import write_mathml
from recovery_research.reports.notebooks import list_notebooks


class _Page(HTMLParser):
    """Gathers what a page links to and what in it can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("id", "name") and value:
                self.targets.add(value)
            elif key in ("href", "src") and value and tag != "base":
                self.links.append(value)


def find_broken_links(site: Path) -> list[str]:
    """Return ``page: link`` for every link within a site that leads nowhere.

    Links to other hosts are not followed.
    """
    pages = {}
    for path in sorted(site.rglob("*.html")):
        if "_static" in path.parts:  # the theme's own templates, no pages
            continue
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        pages[path.resolve()] = page
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            address, part = urldefrag(link)
            address = unquote(urlsplit(address).path)
            target = (path.parent / address).resolve() if address else path
            if target.is_dir():
                target /= "index.html"
            known = pages.get(target)
            lost = not target.is_file() or (
                part and known is not None and unquote(part) not in known.targets
            )
            if (lost and part not in ("", "top")) or not target.is_file():
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return broken


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
    place: tuple[str, tuple[str, ...]] | None = None
    rows: list[Sequence[object]] = []
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


PAGES = Path(__file__).parent / "pages"
SETTINGS = {
    "project": "recovery_research",
    "author": "The recovery_research maintainers",
    "release": rr.__version__,
    "extensions": [
        "sphinx.ext.autodoc", "numpydoc", "myst_nb", "recovery_research.guide.build",
    ],
    "html_theme": "pydata_sphinx_theme",
    # The equations are MathML in the page: no script is fetched to draw them.
    "html_math_renderer": "mathml",
    "html_theme_options": {"secondary_sidebar_items": ["page-toc"], "logo": {
        "text": "recovery_research"}},
    "html_show_sourcelink": False,
    "myst_enable_extensions": ["dollarmath", "colon_fence"],
    "myst_heading_anchors": 3,
    # What was run by the runner is shown as it was run.
    "nb_execution_mode": "off",
    "numpydoc_show_class_members": False,
    "autodoc_typehints": "none",
    "templates_path": [],
}  # fmt: skip


def build(folder: Path, *, profile: str | None = "quick") -> Path:
    """Build the site and return its first page."""
    with explaining_extras():
        from sphinx.application import Sphinx

    with tempfile.TemporaryDirectory(prefix="recovery-guide-") as held:
        source, made = Path(held, "source"), Path(held, "site")
        told = io.StringIO()
        shutil.copytree(PAGES, source)
        write_reference(source / "reference")
        write_formats(source / "formats")
        copy_notebooks(source / "notebooks", profile)
        app = Sphinx(
            source, None, made, Path(held, "doctrees"), "html",
            confoverrides=SETTINGS, status=None, warning=told,
        )  # fmt: skip
        app.build()
        if told.getvalue():
            raise RuntimeError(f"Sphinx warns:\n{told.getvalue()}")
        expected = [*GROUPS_PAGES, "index.html", "walk.html"]
        absent = [name for name in expected if not (made / name).is_file()]
        broken = find_broken_links(made)
        if absent or broken:
            raise RuntimeError(f"pages not made: {absent}; broken links: {broken}")
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(made, folder)
    return folder / "index.html"


def setup(app: Any) -> None:
    """Have equations drawn as MathML; Sphinx calls this, as of any extension."""

    def draw(display: bool) -> Callable:
        def visit(translator: Any, node: Any) -> None:
            translator.body.append(write_mathml(node.astext(), display=display))
            raise _skip()

        return visit

    app.add_html_math_renderer("mathml", (draw(False), None), (draw(True), None))


def _skip() -> Exception:
    from docutils.nodes import SkipNode

    return SkipNode()


def _slug(group: str) -> str:
    return group.replace(" ", "-")


GROUPS_PAGES = [f"reference/{_slug(group)}.html" for group in GROUPS]


def write_reference(folder: Path) -> None:
    """Write one page for each group of public names."""
    folder.mkdir(parents=True)
    lines = ["# Reference", "", 'By what you want to do; `rr.search("churn")` finds a',
             "name by the words of the field.", ""]  # fmt: skip
    for group, names in GROUPS.items():
        lines += [
            f"## {group.capitalize()}",
            "",
            "| name | what it does |",
            "|---|---|",
        ]
        for name in names:
            safe = summarise(name).replace("|", "\\|")
            place = name.lower().replace(".", "")
            lines.append(f"| [`{name}`](<{_slug(group)}.md#{place}>) | {safe} |")
        lines.append("")
    lines += ["```{toctree}", ":hidden:", "", *map(_slug, GROUPS), "```", ""]
    (folder / "index.md").write_text("\n".join(lines), encoding="utf-8")
    for group, names in GROUPS.items():
        page = [f"# {group.capitalize()}", ""]
        for name in names:
            page += _write_entry(name)
        (folder / f"{_slug(group)}.md").write_text("\n".join(page), encoding="utf-8")


def _write_entry(name: str) -> list[str]:
    thing = look_up(name)
    kind = "module" if inspect.ismodule(thing) else "function"
    if inspect.isclass(thing):
        kind = "exception" if issubclass(thing, Exception) else "class"
    lines = [f"## {name}", "", "```{eval-rst}",
             f".. auto{kind}:: recovery_research.{name}"]  # fmt: skip
    if kind == "class":
        methods = [
            key for key, value in vars(thing).items()
            if inspect.isfunction(value) and not key.startswith("_")
        ]  # fmt: skip
        if methods:
            lines.append(f"   :members: {', '.join(methods)}")
    return [*lines, "```", ""]


def copy_notebooks(folder: Path, profile: str | None) -> None:
    """Run every notebook and put it among the pages as it was run."""
    folder.mkdir(parents=True)
    paths = list_notebooks(notebooks_folder())
    for path in paths:
        if profile is None:
            shutil.copy(path, folder / path.name)
            continue
        with tempfile.TemporaryDirectory(prefix="recovery-guide-run-") as held:
            run = rr.run_report(path.stem, profile=profile, reports=held)
            if not run.succeeded:
                raise RuntimeError(f"{path.stem} did not run: {run}")
            _copy_seen(run.folder / "report.ipynb", folder / path.name)
    stems = [path.stem for path in paths]
    lines = ["# The notebooks", "", "As a run of each in its short profile left it.",
             "", "```{toctree}", ":maxdepth: 1", "", *stems, "```", ""]  # fmt: skip
    (folder / "index.md").write_text("\n".join(lines), encoding="utf-8")


def _copy_seen(path: Path, copy: Path) -> None:
    """Copy a notebook with what is seen of it, which Sphinx warns of otherwise."""
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop("text/csv", None)
    nbformat.write(book, copy)


def main() -> None:
    """Build the site into the folder that is named."""
    parser = argparse.ArgumentParser(prog="python -m recovery_research.guide.build")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("reports/site"))
    parser.add_argument(
        "--without-runs", action="store_true", help="show the notebooks without results"
    )
    given = parser.parse_args()
    made = build(given.folder, profile=None if given.without_runs else "quick")
    sys.stdout.write(f"{made}\n")


if __name__ == "__main__":
    main()
