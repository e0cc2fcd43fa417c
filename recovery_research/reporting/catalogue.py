"""The notebooks that can be run, and what each says about itself."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from recovery_research.reporting.parameters import (
    Parameter,
    read_declarations,
)

_LOG = logging.getLogger(__name__)
_NUMBERED = re.compile(r"(\d+)-(.+)")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
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
    """

    path: Path
    name: str
    title: str
    parameters: dict[str, Parameter]
    content: bytes


def list_notebooks(folder: Path) -> list[Path]:
    """Return the notebooks in a folder, sorted by name.

    Parameters
    ----------
    folder : Path
        Folder of notebooks.

    Returns
    -------
    list of Path
    """
    return sorted(
        path for path in folder.glob("*.ipynb") if not path.name.startswith(".")
    )


def find_notebook(name: str | Path, folder: Path) -> Path:
    """Return the notebook with a name.

    Parameters
    ----------
    name : str or Path
        ``02-compare-policies``, ``compare-policies`` or ``02``, with or without
        ``.ipynb``; or the path of any notebook.
    folder : Path
        Folder of notebooks.

    Returns
    -------
    Path

    Raises
    ------
    NotebookError
        If no notebook or more than one answers to the name.
    """
    if isinstance(name, Path) or (name.endswith(".ipynb") and "/" in name):
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
    """Read what a notebook says about itself, without running it.

    Parameters
    ----------
    path : Path
        The notebook.

    Returns
    -------
    Notebook

    Raises
    ------
    NotebookError
        If the file is no notebook in format 4 for Python, has not exactly one cell
        tagged ``parameters``, or declares them in a way that cannot be read.
    """
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
        parameters = read_declarations(_find_parameters(cells))
    except (AttributeError, KeyError, TypeError, RecursionError):
        raise NotebookError(f"{path.name}: is not a notebook in format 4.") from None
    except (OSError, ValueError) as error:
        raise NotebookError(f"{path.name}: {error}") from None
    return Notebook(path, path.stem, _read_title(cells, path), parameters, content)


def is_safe_name(name: str) -> bool:
    """Return whether a file can be named so on every system.

    Parameters
    ----------
    name : str
        Name.

    Returns
    -------
    bool
    """
    return _SAFE_NAME.fullmatch(name) is not None


def _find_file(path: Path) -> Path:
    if not path.is_file() or path.suffix != ".ipynb":
        raise NotebookError(f"{path} is not a notebook file.")
    return path.resolve()


def _list_aliases(stem: str) -> list[str]:
    numbered = _NUMBERED.fullmatch(stem)
    return [stem] if numbered is None else [stem, numbered[1], numbered[2]]


def _read_cells(document: object) -> list[dict]:
    if not isinstance(document, dict) or document.get("nbformat") != 4:
        raise NotebookError("is not a notebook in format 4.")
    metadata = document.get("metadata", {})
    language = metadata.get("kernelspec", {}).get("language", "python")
    language = metadata.get("language_info", {}).get("name", language)
    if language != "python":
        raise NotebookError(f"is written in {language!r}; only Python is run.")
    return document.get("cells", [])


def _find_parameters(cells: list[dict]) -> str:
    tagged = [
        cell
        for cell in cells
        if "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if len(tagged) != 1 or tagged[0].get("cell_type") != "code":
        raise NotebookError(
            f"needs exactly one code cell tagged 'parameters'; it has {len(tagged)}."
        )
    return _read_source(tagged[0])


def _read_source(cell: dict) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _read_title(cells: list[dict], path: Path) -> str:
    for cell in cells:
        heading = _HEADING.search(_read_source(cell))
        if cell.get("cell_type") == "markdown" and heading:
            return heading[1]
    return path.stem
