"""An order for a report: which notebook, told what, within which limits."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from recovery_research.places import notebooks_folder
from recovery_research.reporting.catalogue import (
    Notebook,
    find_notebook,
    is_safe_name,
    read_notebook,
)
from recovery_research.reporting.choices import Choice, Layer, choose_parameters
from recovery_research.reporting.customer_files import check_customer_file
from recovery_research.reporting.given_paths import settle_paths
from recovery_research.reporting.masks import find_references, holds_password
from recovery_research.reporting.parameter_files import (
    STANDARD,
    choose_profile,
    read_parameter_file,
)
from recovery_research.reporting.records import PlanRecord
from recovery_research.reporting.report_folders import RESERVED_NAMES
from recovery_research.reporting.retries import Retries
from recovery_research.reporting.values import list_texts

LONGEST_NAME = 120
DEFAULT_RUN_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take, and how much memory.

    Attributes
    ----------
    cell_seconds : float or None
        Limit of one cell; None for no limit.
    run_seconds : float or None
        Limit of the whole run, its retries, page and PDF included; by default six
        hours, so that a run that hangs is told to somebody; None for no limit.
    memory_bytes : int or None
        Limit of the kernel's memory, its children's included.
    """

    cell_seconds: float | None = None
    run_seconds: float | None = DEFAULT_RUN_SECONDS
    memory_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("cell_seconds", "run_seconds"):
            value = getattr(self, name)
            if name == "run_seconds" and value == math.inf:
                object.__setattr__(self, name, None)
            elif value is not None and not 0 < value < math.inf:
                raise ValueError(
                    f"{name} is a positive number of seconds; got {value!r}."
                )
        if self.memory_bytes is not None and self.memory_bytes <= 0:
            raise ValueError(
                f"memory_bytes is a positive whole number; got {self.memory_bytes!r}."
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
    report : str
        Name that the report is filed under.
    retries : Retries
        What is attempted again, and how often.
    sources : dict of str to str
        Data that the notebook reads: labels, and files or addresses.
    data_as_of : datetime or None
        Up to when the data reach, if that was stated.
    plan : PlanRecord or None
        Plan that ordered it.
    rerun_of : str or None
        Id of the run that it repeats.
    """

    notebook: Notebook
    profile: str
    choices: dict[str, Choice]
    limits: Limits
    report: str
    retries: Retries = field(default_factory=Retries)
    sources: dict[str, str] = field(default_factory=dict)
    data_as_of: datetime | None = None
    plan: PlanRecord | None = None
    rerun_of: str | None = None

    def values(self) -> dict[str, object]:
        """Return the value of every parameter."""
        return {name: choice.value for name, choice in self.choices.items()}

    def written_values(self) -> dict[str, object]:
        """Return the values as the notebook wrote its own, tuples as tuples."""
        return {
            name: tuple(choice.value)
            if choice.parameter.as_tuple and choice.value is not None
            else choice.value
            for name, choice in self.choices.items()
        }

    def secrets(self) -> list[str]:
        """Return what must not be seen in the report."""
        found = []
        for choice in self.choices.values():
            for told in _resolve(choice.value):
                hidden = [told] if choice.parameter.secret else _find_hidden(told)
                found.extend(hidden)
        for place in self.sources.values():
            found.extend(
                hidden for told in _resolve(place) for hidden in _find_hidden(told)
            )
        return found


def _resolve(value: object) -> list[str]:
    """Return what the references in a value stand for."""
    names = [
        text.removeprefix("env:")
        for text in list_texts(value)
        if text.startswith("env:")
    ]
    return [os.environ[name] for name in names if os.environ.get(name)]


def _find_hidden(told: str) -> list[str]:
    return find_references(told) if holds_password(told) else []


def prepare_order(
    notebook: str | Path,
    layers: Sequence[Layer] = (),
    *,
    profile: str = STANDARD,
    parameters_file: str | Path | None = None,
    limits: Limits | None = None,
    project: str | Path | None = None,
    report: str | None = None,
    retries: Retries | None = None,
    sources: Mapping[str, str] | None = None,
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
    report : str, optional
        Name to file the report under; by default the notebook's.
    retries : Retries, optional
        What is attempted again, and how often.
    sources : mapping of str to str, optional
        Data that the notebook reads, besides files that parameters name.

    Returns
    -------
    Order

    Raises
    ------
    ValueError
        If the notebook, the profile, the file or a parameter cannot be used.
    """
    found = read_notebook(find_notebook(notebook, notebooks_folder(project)))
    if found.kernel:
        from recovery_research.reporting.kernels import check_kernel

        check_kernel(found.kernel)
    weaker = [choose_profile(found.path, profile)]
    if parameters_file is not None:
        weaker.append(read_parameter_file(parameters_file))
    settled = [settle_paths(found, layer) for layer in (*weaker, *layers)]
    choices = choose_parameters(found.parameters, settled)
    name = check_report_name(report or found.name)
    check_customer_file(found, choices)
    return Order(
        notebook=found,
        profile=profile,
        choices=choices,
        limits=limits or Limits(),
        report=name,
        retries=retries or Retries(),
        sources=dict(sources or {}),
    )


def check_report_name(name: str) -> str:
    """Return a name if a report can be filed under it.

    Parameters
    ----------
    name : str
        Name of a report.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it holds other characters than letters, digits, hyphens and underscores,
        is too long, or is one that the reports folder uses itself.
    """
    if not is_safe_name(name) or len(name) > LONGEST_NAME:
        raise ValueError(
            f"a report's name has up to {LONGEST_NAME} letters, digits, hyphens and "
            f"underscores; got {name!r}."
        )
    if name.lower() in RESERVED_NAMES:
        raise ValueError(
            f"no report can be called {name!r}; the reports folder uses "
            f"{', '.join(sorted(RESERVED_NAMES))} itself."
        )
    return name


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
    return [Layer("call", dict(parameters), folder=Path.cwd())] if parameters else []
