"""A request for a report: which notebook, told what, within which limits."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recovery_research.paths import notebooks_folder
from recovery_research.reports.checked_parameters import (
    Choice,
    Layer,
    choose_parameters,
    list_texts,
)
from recovery_research.reports.declared_parameters import ParameterError
from recovery_research.reports.exit_codes import Outcome, Verdict
from recovery_research.reports.masking import find_references, holds_password
from recovery_research.reports.notebooks import (
    Notebook,
    find_notebook,
    is_safe_name,
    read_notebook,
)
from recovery_research.reports.parameter_files import (
    CUSTOMER_FILES,
    NO_FILE,
    STANDARD,
    choose_profile,
    read_parameter_file,
    reads_customers,
    settle_paths,
)
from recovery_research.reports.records import PlanRecord
from recovery_research.reports.report_folders import RESERVED_NAMES

if TYPE_CHECKING:
    from recovery_research.customer_data.mapping_rules import FileMapping

# How often a kernel that would not start is started again; no cell has run.
STARTS = 2
# What clients of databases and web services raise when nobody answers.
AWAY = frozenset(
    {
        "ConnectionError",
        "ConnectionAbortedError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "BrokenPipeError",
        "TimeoutError",
        "ConnectTimeout",
        "ConnectError",
        "ReadTimeout",
        "gaierror",
        "URLError",
        "EndpointConnectionError",
        "ServerSelectionTimeoutError",
    }
)
# These mean a server that is away or a query that is wrong; only words tell them apart.
_PERHAPS_AWAY = frozenset({"OperationalError", "InterfaceError", "DatabaseError"})
_AWAY_WORDS = re.compile(
    r"refused|(could ?n.t|could not|can.t|unable to) (open|connect)"
    r"|connection (is |was |has been )?(closed|reset|lost|failed|timed out)"
    r"|closed the connection|lost connection|gone away|timed? ?out|database is locked"
    r"|not accepting|starting up|shutting down|too many (connections|clients)"
    r"|name or service not known|network is unreachable|no route to host",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a run is attempted again, and after how long.

    Only what can pass is: a kernel that would not start, a database that is away. A
    cell that fails on its own, a limit and a bad parameter are not. A notebook may do
    things that must not be done twice, so once a cell has run it is not run again
    unless somebody asked for it.

    Attributes
    ----------
    times : int
        Attempts after the first, 0 to 10; by default none. A kernel that does not
        start has run nothing and is started anew, `STARTS` times at the least.
    wait_seconds : float
        Wait before the second attempt; doubled before each further one.
    errors : tuple of str
        Classes of further exceptions that can pass.

    Raises
    ------
    ValueError
        If a number is outside these limits.
    """

    times: int = 0
    wait_seconds: float = 5.0
    errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.times <= 10:
            raise ValueError(f"times is 0 to 10; got {self.times!r}.")
        if not 0 <= self.wait_seconds <= 3600:
            raise ValueError(
                f"wait_seconds is 0 to 3600 seconds; got {self.wait_seconds!r}."
            )

    def wait_after(self, outcome: Outcome, n_attempts: int) -> float | None:
        """Return the seconds to wait before another attempt, None if there is none.

        Examples
        --------
        >>> lost = Outcome(Verdict.CELL_FAILED, error="ConnectionError")
        >>> asked = Retries(times=2, wait_seconds=5)
        >>> [asked.wait_after(lost, made) for made in (1, 2, 3)]
        [5, 10, None]
        >>> Retries().wait_after(lost, 1) is None
        True
        """
        started = outcome.verdict is not Verdict.NOT_STARTED
        most = self.times if started else max(self.times, STARTS)
        if n_attempts > most or not self.can_pass(outcome):
            return None
        return self.wait_seconds * 2 ** (n_attempts - 1)

    def can_pass(self, outcome: Outcome) -> bool:
        """Return whether another attempt may end otherwise."""
        if outcome.verdict is Verdict.NOT_STARTED:
            # A program that is not there, or may not be executed, will not be so soon.
            return not outcome.error
        if outcome.verdict is not Verdict.CELL_FAILED:
            return False
        if outcome.error in AWAY or outcome.error in self.errors:
            return True
        said = f"{outcome.message}\n{outcome.traceback[-2000:]}"
        return outcome.error in _PERHAPS_AWAY and bool(_AWAY_WORDS.search(said))


def check_customer_file(notebook: Notebook, choices: Mapping[str, Choice]) -> None:
    """Refuse a file or a mapping that the notebook could not read.

    Only that the file is there, that the mapping is one, that the file has the columns
    it names, and that what is asked of outcomes names them: what stands in the columns
    is for the notebook to report. A database may be away for a moment, and is not
    asked.
    """
    if not reads_customers(notebook):
        return
    source, mapping = (str(choices[name].value) for name in CUSTOMER_FILES)
    if source == NO_FILE:
        return
    # Reading files takes libraries that other reports do without.
    from recovery_research.customer_data.issues import CustomerFileError
    from recovery_research.customer_data.mapping import read_mapping
    from recovery_research.customer_data.sources import is_address, read_source

    beside = notebook.path.parent
    name = "mapping"
    try:
        rules = read_mapping(_prefer(beside, mapping))
        name = "source"
        if not is_address(source):
            columns = rules.used_columns()
            read_source(_prefer(beside, source), rules.source, columns=columns, limit=1)
    except CustomerFileError as error:
        raise ParameterError(f"{name}: {error}") from None
    asked = [choices[name] for name in ("bounds", "through") if name in choices]
    # What is left as it was needs no looking at, and none of the libraries for it.
    if len(asked) == 2 and any(each.origin != "default" for each in asked):
        check_outcomes(rules, choices)


def check_outcomes(rules: FileMapping, choices: Mapping[str, Choice]) -> None:
    """Refuse what is asked of outcomes that the mapping does not have."""
    from recovery_research.customer_data.questions import check_asked

    try:
        check_asked(
            rules, bounds=choices["bounds"].value, through=choices["through"].value
        )
    except ValueError as error:
        raise ParameterError(str(error)) from None


def _prefer(folder: Path, name: str) -> str:
    """Return the path beside the notebook if the name is found there, as it is else."""
    path = folder / name
    return str(path) if path.is_file() else name


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
class RunRequest:
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

    def values(self) -> dict[str, Any]:
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


def prepare_request(
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
) -> RunRequest:
    """Check a request before anything is started."""
    found = read_notebook(find_notebook(notebook, notebooks_folder(project)))
    if found.kernel:
        from recovery_research.reports.kernels import check_kernel

        check_kernel(found.kernel)
    weaker = [choose_profile(found.path, profile)]
    if parameters_file is not None:
        weaker.append(read_parameter_file(parameters_file))
    settled = [settle_paths(found, layer) for layer in (*weaker, *layers)]
    choices = choose_parameters(found.parameters, settled)
    name = check_report_name(report or found.name)
    check_customer_file(found, choices)
    return RunRequest(
        notebook=found,
        profile=profile,
        choices=choices,
        limits=limits or Limits(),
        report=name,
        retries=retries or Retries(),
        sources=dict(sources or {}),
    )


def check_report_name(name: str) -> str:
    """Return a name if a report can be filed under it."""
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
    """Return parameters that a caller gave as a layer."""
    return [Layer("call", dict(parameters), folder=Path.cwd())] if parameters else []
