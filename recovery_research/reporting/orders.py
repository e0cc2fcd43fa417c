"""An order for a report: which notebook, told what, within which limits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recovery_research.places import notebooks_folder
from recovery_research.reporting.catalogue import (
    Notebook,
    find_notebook,
    read_notebook,
)
from recovery_research.reporting.choices import Choice, Layer, choose_parameters
from recovery_research.reporting.parameter_files import (
    STANDARD,
    choose_profile,
    read_parameter_file,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take.

    Attributes
    ----------
    cell_seconds, run_seconds : float or None
        Limits of one cell and of the whole run; None for no limit.
    """

    cell_seconds: float | None = None
    run_seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("cell_seconds", "run_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(
                    f"{name} is a positive number of seconds; got {value!r}."
                )


@dataclass(frozen=True, slots=True)
class Order:
    """Everything a run needs, checked.

    Attributes
    ----------
    notebook : Notebook
        What to run.
    profile : str
        Name of the profile.
    choices : dict of str to Choice
        Value of every parameter.
    limits : Limits
        How long it may take.
    """

    notebook: Notebook
    profile: str
    choices: dict[str, Choice]
    limits: Limits

    def values(self) -> dict[str, object]:
        """Return the value of every parameter."""
        return {name: choice.value for name, choice in self.choices.items()}

    def secrets(self) -> list[str]:
        """Return what must not be seen in the report."""
        names = [
            str(choice.value).removeprefix("env:")
            for choice in self.choices.values()
            if choice.parameter.secret and choice.value
        ]
        return [os.environ[name] for name in names if os.environ.get(name)]


def prepare_order(
    notebook: str | Path,
    layers: Sequence[Layer] = (),
    *,
    profile: str = STANDARD,
    parameters_file: str | Path | None = None,
    limits: Limits | None = None,
    project: str | Path | None = None,
) -> Order:
    """Check an order before anything is started.

    Parameters
    ----------
    notebook : str or Path
        Name of a notebook, with or without its number, or its path.
    layers : sequence of Layer
        Values given, weakest first; they win over the profile and the file.
    profile : str, optional
        Name of a profile.
    parameters_file : path, optional
        File of parameters, which win over the profile.
    limits : Limits, optional
        How long things may take.
    project : path, optional
        Project folder.

    Returns
    -------
    Order

    Raises
    ------
    ValueError
        If the notebook, the profile, the file or a parameter cannot be used.
    """
    found = read_notebook(find_notebook(notebook, notebooks_folder(project)))
    weaker = [choose_profile(found.path, profile)]
    if parameters_file is not None:
        weaker.append(read_parameter_file(parameters_file))
    choices = choose_parameters(found.parameters, [*weaker, *layers])
    return Order(found, profile, choices, limits or Limits())


def layer_given(parameters: Mapping[str, object] | None) -> list[Layer]:
    """Return parameters that a caller gave as a layer.

    Parameters
    ----------
    parameters : mapping of str to object or None
        Names and values.

    Returns
    -------
    list of Layer
    """
    return [Layer("call", dict(parameters))] if parameters else []
