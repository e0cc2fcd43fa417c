"""The notebooks that can be run, and what each says about itself."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from recovery_research import __version__
from recovery_research._checks import did_you_mean
from recovery_research.atomic_files import make_folder, sync_tree, write_whole
from recovery_research.paths import PROJECT_FILE, source_root
from recovery_research.reports.declared_parameters import Parameter, read_declarations

INJECTED_TAG = "injected-parameters"
# What Python's own kernel is called wherever it is installed.
OWN_KERNELS = ("", "python3")

_LOG = logging.getLogger(__name__)
_NUMBERED = re.compile(r"(\d+)-(.+)")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)


class NotebookError(ValueError):
    """A notebook that is not there, or that cannot be run as a report."""


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook that can be run as a report.

    Attributes
    ----------
    path : Path
        Its file.
    name : str
        File name without the ending; reports are filed under it.
    title : str
        First heading.
    parameters : dict of str to Parameter
        Declarations of its parameters cell.
    content : bytes
        The file as it was read; this, and not the file, is what runs.
    tagged : bool
        Whether it has a cell tagged ``parameters``; without one it runs as it is.
    kernel : str
        Name of the kernel that it asks for; empty for the running interpreter.
    """

    path: Path
    name: str
    title: str
    parameters: dict[str, Parameter]
    content: bytes
    tagged: bool = True
    kernel: str = ""


def list_notebooks(folder: Path) -> list[Path]:
    """Return the notebooks in a folder, sorted by name."""
    return sorted(
        path for path in folder.glob("*.ipynb") if not path.name.startswith(".")
    )


def find_notebook(name: str | Path, folder: Path) -> Path:
    """Return the notebook with a name."""
    if isinstance(name, Path) or "/" in name or os.sep in name:
        return _find_file(Path(name))
    if name.endswith(".ipynb") and Path(name).is_file():
        return _find_file(Path(name))
    wanted = name.removesuffix(".ipynb")
    answers: dict[str, list[Path]] = {}
    for path in list_notebooks(folder):
        for alias in _list_aliases(path.stem):
            answers.setdefault(alias, []).append(path)
    found = answers.get(wanted, [])
    if len(found) == 1:
        return found[0]
    names = [path.stem for path in (found or list_notebooks(folder))]
    if found:
        raise NotebookError(f"{name!r} may be {' or '.join(names)}.")
    near = get_close_matches(wanted, answers, n=1)
    hint = f" Did you mean {answers[near[0]][0].stem!r}?" if near else ""
    there = ", ".join(names) or "none"
    raise NotebookError(
        f"there is no notebook {name!r} in {folder}; there are: {there}.{hint}"
    )


def read_notebook(path: Path) -> Notebook:
    """Read what a notebook says about itself, without running it."""
    if not _SAFE_NAME.fullmatch(path.stem):
        raise NotebookError(
            f"{path.name!r}: a report is filed under its notebook's name, which may "
            "hold letters, digits, hyphens and underscores only."
        )
    try:
        content = path.read_bytes()
        _LOG.debug("read %s", path)
        document = json.loads(content)
        cells = _read_cells(document)
        title = _read_title(cells, path)
        source = _find_parameters(cells)
        parameters = read_declarations(source or "")
        kernel = _read_kernel(document)
    except (AttributeError, KeyError, TypeError, RecursionError):
        raise NotebookError(f"{path.name}: is not a notebook in format 4.") from None
    except (OSError, ValueError) as error:
        raise NotebookError(f"{path.name}: {error}") from None
    return Notebook(
        path=path,
        name=path.stem,
        title=title,
        parameters=parameters,
        content=content,
        tagged=source is not None,
        kernel=kernel,
    )


def write_runnable(notebook: Notebook) -> str:
    """Return a notebook as it is run: its outputs gone, its cells told apart by ids.

    Cells of older formats have no ids, and those that copying made twice are refused;
    ids drawn by chance would make equal runs unequal.
    """
    document = json.loads(notebook.content)
    document["nbformat_minor"] = max(5, document.get("nbformat_minor", 0))
    taken: set[str] = set()
    for number, cell in enumerate(document["cells"], start=1):
        name = cell.get("id")
        sound = isinstance(name, str) and _CELL_ID.fullmatch(name)
        if not sound or name in taken:
            cell["id"] = f"cell-{number}-{len(taken)}"
        taken.add(cell["id"])
        if cell.get("cell_type") == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(document)


def is_safe_name(name: str) -> bool:
    """Return whether a file can be named so on every system."""
    return _SAFE_NAME.fullmatch(name) is not None


def _find_file(path: Path) -> Path:
    if path.suffix != ".ipynb" and not path.exists():
        path = path.with_name(f"{path.name}.ipynb")
    if path.is_file() and path.suffix == ".ipynb":
        return path.resolve()
    if path.exists():
        raise NotebookError(
            f"{path} is not a notebook file, whose name ends in .ipynb."
        )
    there = [each.stem for each in list_notebooks(path.parent)]
    raise NotebookError(f"there is no file {path}.{did_you_mean(path.stem, there)}")


def _list_aliases(stem: str) -> list[str]:
    numbered = _NUMBERED.fullmatch(stem)
    return [stem] if numbered is None else [stem, numbered[1], numbered[2]]


def _read_cells(document: object) -> list[dict]:
    if not isinstance(document, dict) or "nbformat" not in document:
        raise NotebookError("is not a notebook in format 4.")
    if document["nbformat"] != 4:
        raise NotebookError(
            f"is in format {document['nbformat']} of notebooks, not 4; JupyterLab "
            "opens an older one and saves it as that."
        )
    if not {"metadata", "cells"} <= document.keys():
        raise NotebookError("is not a whole notebook; it has no metadata or no cells.")
    for number, cell in enumerate(document["cells"], start=1):
        if not isinstance(cell.get("metadata"), dict):
            raise NotebookError(f"is not a whole notebook: cell {number}, no metadata.")
        try:
            _read_source(cell).encode()
        except UnicodeEncodeError:
            raise NotebookError(
                f"cell {number} holds half a character (a lone surrogate), which no "
                "file can keep."
            ) from None
    metadata = document.get("metadata", {})
    language = (metadata.get("kernelspec") or {}).get("language", "python")
    language = (metadata.get("language_info") or {}).get("name", language)
    if language.lower() != "python":
        raise NotebookError(f"is written in {language!r}; only Python is run.")
    return document["cells"]


def _read_kernel(document: dict) -> str:
    """Return the kernel that a notebook asks for; empty for Python's usual one."""
    name = (document.get("metadata", {}).get("kernelspec") or {}).get("name", "")
    return "" if name in OWN_KERNELS else str(name)


def _find_parameters(cells: list[dict]) -> str | None:
    """Return the source of the cell that declares parameters; None if there is none."""
    if _find_tagged(cells, INJECTED_TAG):
        raise NotebookError(
            "is what papermill made of another notebook, for it has a cell tagged "
            f"{INJECTED_TAG!r}; run that notebook (`recovery-research rerun RUN` for "
            "a report's), or delete the cell."
        )
    tagged = _find_tagged(cells, "parameters")
    if not tagged:
        return None
    if len(tagged) > 1 or cells[tagged[0]].get("cell_type") != "code":
        numbers = " and ".join(str(index + 1) for index in tagged)
        raise NotebookError(
            f"cell {numbers}: one code cell is tagged 'parameters', and no other; "
            "values for a second one would silently win over what is given."
        )
    return _read_source(cells[tagged[0]])


def _find_tagged(cells: list[dict], tag: str) -> list[int]:
    return [
        index
        for index, cell in enumerate(cells)
        if tag in cell.get("metadata", {}).get("tags", [])
    ]


def _read_source(cell: dict) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _read_title(cells: list[dict], path: Path) -> str:
    for cell in cells:
        heading = _HEADING.search(_read_source(cell))
        if cell.get("cell_type") == "markdown" and heading:
            return heading[1]
    return path.stem


_MARK = """\
# This folder is a project of recovery_research. `recovery-research run NAME`, given
# anywhere inside it, runs the notebooks in notebooks/ and leaves reports in reports/.
made_by = "recovery-research {version}"
"""
# Files to begin with: a plan that runs as it is, and what it reads.
_BEGINNINGS = {
    "examples/plan.toml": "plan.toml",
    "mappings/example.toml": "mapping.toml",
    "examples/example.csv": "customers.csv",
}


def make_project(folder: Path) -> Path:
    """Lay the notebooks, an empty ``reports/`` and a plan into a new folder."""
    folder = folder.expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; name a new folder.")
    source = source_root() / "notebooks"
    if not source.is_dir():
        raise ValueError(f"this installation has no notebooks in {source}.")
    make_folder(folder)
    shutil.copytree(
        source,
        folder / "notebooks",
        ignore=shutil.ignore_patterns(".*", "__pycache__"),
    )
    (folder / "reports").mkdir()
    data = source_root() / "data"
    for file, name in _BEGINNINGS.items():
        if (data / file).is_file():
            shutil.copyfile(data / file, folder / name)
    text = _MARK.format(version=__version__)
    sync_tree(folder)
    # Last, for it is what makes the folder a project.
    write_whole(folder / PROJECT_FILE, text)
    return folder
