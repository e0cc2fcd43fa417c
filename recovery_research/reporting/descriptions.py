"""A notebook described in words for the terminal."""

from __future__ import annotations

import textwrap

from recovery_research.reporting.catalogue import Notebook
from recovery_research.reporting.history_filters import write_value
from recovery_research.reporting.parameter_files import read_profiles
from recovery_research.reporting.parameters import Parameter

WIDTH = 88


def describe_notebook(notebook: Notebook) -> str:
    """Describe a notebook, its parameters and its profiles.

    Parameters
    ----------
    notebook : Notebook
        The notebook.

    Returns
    -------
    str
    """
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
    """Return the same for programs.

    Parameters
    ----------
    notebook : Notebook
        The notebook.

    Returns
    -------
    dict
    """
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
