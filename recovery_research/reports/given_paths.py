"""Where the relative paths that somebody gives start from: decided here, once.

A path starts from where it is written: in a plan or a file of parameters from that
file's folder, on the command line from the current one. What a notebook is told starts
from its own folder, in which its kernel runs, or is absolute; so it is the same file
whoever runs the plan, and from wherever.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from recovery_research._checks import did_you_mean
from recovery_research.paths import data_path, project_root
from recovery_research.reports.declarations import Parameter, ParameterError
from recovery_research.reports.masking import holds_password
from recovery_research.reports.notebooks import Notebook
from recovery_research.reports.parameters import Layer

NO_FILE = "simulated"
READS = b"read_customers("
CUSTOMER_FILES = ("source", "mapping")
LONGEST_PATH = 1000


def is_file_source(place: str) -> bool:
    """Return whether a data source is a file, and no address or reference."""
    return "://" not in place and not place.startswith("env:")


def reads_customers(notebook: Notebook) -> bool:
    """Return whether a notebook reads somebody's file by a mapping."""
    return set(CUSTOMER_FILES) <= set(notebook.parameters) and READS in notebook.content


def settle_paths(notebook: Notebook, layer: Layer) -> Layer:
    """Return a layer whose relative paths start from the notebook's folder.

    A file of customers and its mapping must be there. Of other texts only those are
    paths that look like one and name something that is there.
    """
    if layer.folder is None:
        return layer
    values = dict(layer.values)
    customers = CUSTOMER_FILES if reads_customers(notebook) else ()
    for name, value in layer.values.items():
        parameter = notebook.parameters.get(name)
        if parameter is None or not _may_name(parameter):
            continue
        if name in customers:
            values[name] = _settle_customer_file(notebook, layer, name, value)
        elif isinstance(value, list):
            values[name] = [_settle(notebook, layer.folder, name, v) for v in value]
        else:
            values[name] = _settle(notebook, layer.folder, name, value)
    return replace(layer, values=values)


def read_data(
    data: Mapping[str, str], taken: set[str], notebook: Notebook, home: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Read the ``data`` of a plan's entry."""
    sources: dict[str, str] = {}
    given: dict[str, str] = {}
    for label, place in data.items():
        if holds_password(place):
            raise ValueError(
                f"data: {label} holds a password; put the address into an environment "
                "variable and write env:NAME."
            )
        told = place
        if is_file_source(place):
            path = (home / Path(place).expanduser()).resolve()
            if not path.is_file():
                raise ValueError(f"data: {label}: there is no file {path}.")
            place, told = str(path), _tell(path, notebook, label)
        sources[label] = place
        if label in notebook.parameters:
            if label in taken:
                raise ValueError(f"data: {label} stands in parameters or grid, too.")
            given[label] = told
    return sources, given


def find_named_notebook(name: str, home: Path) -> str | Path:
    """Return the path of a plan's notebook, or its name where no file is meant."""
    path = home / name
    beside = path.suffix == ".ipynb" and path.is_file()
    # A bare name is never looked for in whatever the working directory is.
    return path if "/" in name or beside else name.removesuffix(".ipynb")


def _settle_customer_file(
    notebook: Notebook, layer: Layer, name: str, value: object
) -> object:
    if not isinstance(value, str) or not _is_relative(value) or _is_shipped(value):
        return value
    beside = notebook.path.parent
    root = project_root(beside)
    places = [layer.folder, beside, *([root, root / "data"] if root else [])]
    for folder in places:
        if _is_there(folder / value, whole=True):
            return _tell(folder / value, notebook, name)
    there = [p.name for p in layer.folder.iterdir()] if layer.folder.is_dir() else []
    raise ParameterError(
        f"{layer.origin}: {name}: there is no file {value!r}; looked in "
        f"{[str(place) for place in dict.fromkeys(places)]}."
        f"{did_you_mean(Path(value).name, there)}"
    )


def _settle(notebook: Notebook, folder: Path, name: str, value: object) -> object:
    # A bare word may be called as a folder is by chance.
    looks = isinstance(value, str) and ("/" in value or Path(value).suffix != "")
    if looks and _is_relative(value) and _is_there(folder / value):
        return _tell(folder / value, notebook, name)
    return value


def _may_name(parameter: Parameter) -> bool:
    free = parameter.vocabulary is None and parameter.choices is None
    return parameter.type is str and free and not parameter.secret


def _is_relative(value: str) -> bool:
    if not value or len(value) > LONGEST_PATH or "\0" in value or value[0] == "~":
        return False
    return value != NO_FILE and is_file_source(value) and not Path(value).is_absolute()


def _is_shipped(value: str) -> bool:
    if "/" in value or "\\" in value:
        return False
    places = (f"examples/{value}.csv", f"mappings/{value}.toml")
    return any(data_path(place, must_exist=False).is_file() for place in places)


def _is_there(path: Path, *, whole: bool = False) -> bool:
    with suppress(OSError, ValueError):
        return path.is_file() or (path.is_dir() and not whole)
    return False


def _tell(path: Path, notebook: Notebook, name: str) -> str:
    """Write a path for a notebook: from its folder if it is near, else whole."""
    beside = notebook.path.parent.resolve()
    path = path.parent.resolve() / path.name
    root = project_root(beside)
    if root is None or not beside.is_relative_to(root.resolve()):
        root = beside.parent
    if not path.is_relative_to(root.resolve()):
        return path.as_posix()
    told = Path(os.path.relpath(path, beside)).as_posix()
    # With its first dot it is looked for there and nowhere else.
    dotless = name not in CUSTOMER_FILES or told.startswith("../")
    return told if dotless else f"./{told}"
