"""Files that hold parameters: TOML, YAML, JSON, and the profiles of notebooks."""

from __future__ import annotations

import json
import logging
import textwrap
import tomllib
from pathlib import Path

from recovery_research._checks import did_you_mean
from recovery_research.reports.declarations import Parameter, ParameterError
from recovery_research.reports.notebooks import Notebook
from recovery_research.reports.parameters import Layer
from recovery_research.reports.run_finder import write_value

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
