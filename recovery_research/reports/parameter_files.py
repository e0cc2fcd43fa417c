"""Where the relative paths that somebody gives start from: decided here, once.

A path starts from where it is written: in a plan or a file of parameters from that
file's folder, on the command line from the current one. What a notebook is told starts
from its own folder, in which its kernel runs, or is absolute; so it is the same file
whoever runs the plan, and from wherever.
"""

from __future__ import annotations

import json
import logging
import os
import textwrap
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from recovery_research._checks import did_you_mean
from recovery_research._extras import explaining_extras
from recovery_research.paths import data_path, project_root
from recovery_research.reports.checked_parameters import Layer
from recovery_research.reports.declared_parameters import Parameter, ParameterError
from recovery_research.reports.masking import holds_password
from recovery_research.reports.notebooks import Notebook
from recovery_research.reports.run_finder import write_value

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
    folder = layer.folder
    customers = CUSTOMER_FILES if reads_customers(notebook) else ()
    for name, value in layer.values.items():
        parameter = notebook.parameters.get(name)
        if parameter is None or not _may_name(parameter):
            continue
        if name in customers:
            values[name] = _settle_customer_file(
                notebook, layer.origin, folder, name, value
            )
        elif isinstance(value, list):
            values[name] = [_settle(notebook, folder, name, v) for v in value]
        else:
            values[name] = _settle(notebook, folder, name, value)
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
    notebook: Notebook, origin: str, home: Path, name: str, value: object
) -> object:
    if not isinstance(value, str) or not _is_relative(value) or _is_shipped(value):
        return value
    beside = notebook.path.parent
    root = project_root(beside)
    places = [home, beside, *([root, root / "data"] if root else [])]
    for folder in places:
        if _is_there(folder / value, whole=True):
            return _tell(folder / value, notebook, name)
    there = [p.name for p in home.iterdir()] if home.is_dir() else []
    raise ParameterError(
        f"{origin}: {name}: there is no file {value!r}; looked in "
        f"{[str(place) for place in dict.fromkeys(places)]}."
        f"{did_you_mean(Path(value).name, there)}"
    )


def _settle(notebook: Notebook, folder: Path, name: str, value: object) -> object:
    # A bare word may be called as a folder is by chance.
    looks = isinstance(value, str) and ("/" in value or Path(value).suffix != "")
    if not isinstance(value, str) or not looks:
        return value
    if _is_relative(value) and _is_there(folder / value):
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


_LOG = logging.getLogger(__name__)
PROFILES_FILE = "profiles.toml"
# What may stand in a table ["NOTEBOOK".PROFILE] of it.
OF_PROFILES = {
    "PARAMETER": (
        "as the notebook's parameter",
        "the value of one of the notebook's parameters in this profile",
    ),
}
STANDARD = "standard"


def read_parameter_file(path: str | Path) -> Layer:
    """Read parameters from a TOML, YAML or JSON file.

    In YAML every scalar is taken as it is written and converted by the type that the
    notebook declares, so that ``010``, ``1e3``, ``no`` and ``2024-05-01`` mean what
    they say.
    """
    path = Path(path)
    readers = {".toml": _read_toml, ".json": _read_json}
    readers[".yaml"] = readers[".yml"] = _read_yaml
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ParameterError(
            f"{path.name}: parameters are read from a file ending in "
            f"{', '.join(readers)}."
        )
    _LOG.debug("parameters %s", path)
    try:
        values = reader(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ParameterError(f"cannot read {path}: {error}") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path.name}: needs one table of names and values.")
    as_text = reader is _read_yaml
    folder = path.absolute().parent
    return Layer(f"file {path.name}", values, as_text=as_text, folder=folder)


def read_profiles(notebook: Path) -> dict[str, dict[str, object]]:
    """Read the profiles of a notebook from ``profiles.toml`` beside it."""
    path = notebook.with_name(PROFILES_FILE)
    profiles: dict[str, dict[str, object]] = {STANDARD: {}}
    if not path.is_file():
        return profiles
    _LOG.debug("profiles %s", path)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError(f"cannot read {path}: {error}") from None
    table = tables.get(notebook.stem, {})
    if not isinstance(table, dict) or not all(
        isinstance(values, dict) for values in table.values()
    ):
        raise ParameterError(
            f"{path.name}: profiles are tables such as [{notebook.stem}.quick]."
        )
    return profiles | table


def choose_profile(notebook: Path, profile: str) -> Layer:
    """Return the values of one profile of a notebook."""
    profiles = read_profiles(notebook)
    if profile not in profiles:
        raise ParameterError(
            f"{notebook.stem} has no profile {profile!r}; it has "
            f"{', '.join(sorted(profiles))}.{did_you_mean(profile, profiles)}"
        )
    return Layer(f"profile {profile}", profiles[profile])


def _read_toml(text: str) -> dict:
    return tomllib.loads(text)


def _read_json(text: str) -> object:
    return json.loads(text, object_pairs_hook=_refuse_repeats)


def _read_yaml(text: str) -> object:
    with explaining_extras():
        import yaml

    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        if isinstance(node, yaml.MappingNode):
            _refuse_repeats([(key.value, None) for key, _ in node.value])
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _refuse_repeats(pairs: list[tuple[str, object]]) -> dict:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the name {name!r} stands there twice")
    return dict(pairs)


WIDTH = 88


def describe_notebook(notebook: Notebook) -> str:
    """Describe a notebook, its parameters and its profiles."""
    lines = [notebook.name, notebook.title, "", "Parameters"]
    if not notebook.parameters:
        lines.append("  none" + ("" if notebook.tagged else "; no cell is tagged so"))
    for parameter in notebook.parameters.values():
        lines += _describe_parameter(parameter)
    lines += ["", "Profiles"]
    for profile, values in read_profiles(notebook.path).items():
        said = ", ".join(
            f"{name}={write_value(value)}" for name, value in values.items()
        )
        lines += _wrap(f"{profile}: {said or 'the defaults'}", 2)
    return "\n".join(lines)


def list_notebook(notebook: Notebook) -> dict[str, object]:
    """Return the same for programs."""
    told = ("name", "kind", "default", "help", "secret")
    return {
        "name": notebook.name,
        "title": notebook.title,
        "path": notebook.path,
        "parameters": [
            {each: getattr(parameter, each) for each in told}
            | {"choices": parameter.allowed(), "range": _show_range(parameter)}
            for parameter in notebook.parameters.values()
        ],
        "profiles": read_profiles(notebook.path),
    }


def _show_range(parameter: Parameter) -> str | None:
    return None if parameter.range is None else str(parameter.range)


def _describe_parameter(parameter: Parameter) -> list[str]:
    default = write_value(parameter.default)
    lines = _wrap(f"{parameter.name} ({parameter.kind}, default {default})", 2)
    if parameter.help:
        lines += _wrap(parameter.help, 6)
    if parameter.secret:
        lines += _wrap("a secret: give env:NAME, never the secret itself", 6)
    allowed = parameter.describe_allowed()
    if allowed:
        lines += _wrap(f"allowed: {allowed}", 6)
    return lines


def _wrap(text: str, indent: int) -> list[str]:
    space = " " * indent
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=space,
        subsequent_indent=space + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
