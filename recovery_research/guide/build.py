"""Builds the guide and the reference, without network.

`python -m recovery_research.guide.build FOLDER` does it from a shell.
"""

from __future__ import annotations

import argparse
import inspect
import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import recovery_research as rr
from recovery_research.guide.formats import write_formats
from recovery_research.guide.links import find_broken_links
from recovery_research.paths import notebooks_folder
from recovery_research.reference import GROUPS
from recovery_research.reports.notebook_html import write_mathml
from recovery_research.reports.notebooks import list_notebooks

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


def setup(app: object) -> None:
    """Have equations drawn as MathML; Sphinx calls this, as of any extension."""

    def draw(display: bool) -> Callable:
        def visit(translator: object, node: object) -> None:
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
            summary = (inspect.getdoc(getattr(rr, name)) or "").partition("\n")[0]
            safe = summary.replace("|", "\\|")
            lines.append(f"| [`{name}`](<{_slug(group)}.md#{name.lower()}>) | {safe} |")
        lines.append("")
    lines += ["```{toctree}", ":hidden:", "", *map(_slug, GROUPS), "```", ""]
    (folder / "index.md").write_text("\n".join(lines), encoding="utf-8")
    for group, names in GROUPS.items():
        page = [f"# {group.capitalize()}", ""]
        for name in names:
            page += _write_entry(name)
        (folder / f"{_slug(group)}.md").write_text("\n".join(page), encoding="utf-8")


def _write_entry(name: str) -> list[str]:
    thing = getattr(rr, name)
    kind = "function"
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
            shutil.copy(run.folder / "report.ipynb", folder / path.name)
    stems = [path.stem for path in paths]
    lines = ["# The notebooks", "", "As a run of each in its short profile left it.",
             "", "```{toctree}", ":maxdepth: 1", "", *stems, "```", ""]  # fmt: skip
    (folder / "index.md").write_text("\n".join(lines), encoding="utf-8")


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
