"""The tables of a plan file, and what to say about a mistake in one."""

from __future__ import annotations

import os
import re
import types
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from recovery_research._checks import did_you_mean
from recovery_research.reports.cron_times import read_timetable
from recovery_research.reports.masking import holds_password
from recovery_research.reports.processes import forget_variables
from recovery_research.reports.run_request import DEFAULT_RUN_SECONDS

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LONGEST_SHOWN = 80
EVERY_DAY_AT_SIX = "0 6 * * *"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LimitsTable(_Table):
    """``limits``: how long one cell and the whole run may take, and how much memory.

    A run without a limit has ``run_seconds = inf``.
    """

    cell_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="longest time for a cell"
    )
    run_seconds: Annotated[float, Field(gt=0)] = Field(
        default=DEFAULT_RUN_SECONDS, description="longest time for a run"
    )
    memory_mb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="most memory for a kernel"
    )


class RetriesTable(_Table):
    """``retries``: how often what can pass is tried again, and after how long."""

    times: Annotated[int, Field(ge=0, le=10)] = Field(
        default=0, description="how often a run is tried again if something was away"
    )
    wait_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=5.0, description="how long to wait before"
    )
    errors: list[str] = Field(
        default=[], description="names of further errors after which to try again"
    )


class ReportTable(_Table):
    """``reports.NAME``: one report, or one for every combination of a grid."""

    notebook: str = Field(description="its name, or its path from the plan's folder")
    profile: str | None = Field(default=None, description="as in defaults")
    parameters: dict[str, Any] = Field(
        default={},
        description="a table of names and values; files from the plan's folder",
    )
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        default={},
        description="a table of names and lists; one report for every combination",
    )
    data: dict[str, str] = Field(
        default={},
        description="a table of files and addresses read; env:NAME for secrets",
    )
    data_as_of: datetime | date | None = Field(
        default=None, description="a date: up to when the data reach"
    )
    limits: LimitsTable | None = Field(default=None, description="as in defaults")
    retries: RetriesTable | None = Field(default=None, description="as in defaults")
    always_run: bool = Field(
        default=False, description="whether it is run though nothing has changed"
    )
    notify: dict[str, Any] = Field(
        default={}, description="as the table notify, for this report alone"
    )


class DefaultsTable(_Table):
    """``defaults``: what holds for every report that does not say otherwise."""

    profile: str = Field(
        default="standard",
        description="values of the notebooks' parameters, from profiles.toml",
    )
    limits: LimitsTable = Field(
        default=LimitsTable(), description="a table, below; a report may have its own"
    )
    retries: RetriesTable = Field(
        default=RetriesTable(), description="a table, below; a report may have its own"
    )


class PlanTable(_Table):
    """``plan``: where reports go and how much may be used at a time."""

    reports: str | None = Field(
        default=None,
        description="folder of the reports; by default that of the project",
    )
    jobs: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None, description="most reports at a time; by default one for each core"
    )
    memory_mb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="most memory to plan with; by default what is free"
    )


class ScheduleTable(_Table):
    """``schedule``: when the plan is run by itself, and how long that may take."""

    at: str = Field(
        default=EVERY_DAY_AT_SIX,
        description="minute, hour, day, month, weekday, as cron has them",
    )
    limit_hours: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = Field(
        default=12.0, description="how long a scheduled run of the plan may take"
    )

    @field_validator("at")
    @classmethod
    def _check_times(cls, at: str) -> str:
        read_timetable(at)
        return at


class PlanFile(_Table):
    """A whole plan. ``notify`` is read where it is used."""

    plan: PlanTable = PlanTable()
    defaults: DefaultsTable = DefaultsTable()
    reports: Annotated[dict[str, ReportTable], Field(min_length=1)]
    notify: dict[str, Any] = {}
    schedule: ScheduleTable = ScheduleTable()


def read_tables(document: dict) -> tuple[PlanFile | None, list[str]]:
    """Read the tables of a plan, or say everything that is wrong with them."""
    try:
        return PlanFile.model_validate(document), []
    except ValidationError as error:
        return None, [_describe(problem) for problem in error.errors()]


def name_table(*keys: str) -> str:
    """Return how a table is written in a plan file.

    Examples
    --------
    >>> name_table("reports", "loyalty", "limits")
    '[reports.loyalty.limits]'
    """
    return f"[{'.'.join(keys)}]" if keys else "top level"


def show_value(value: object) -> str:
    """Return a value as it stands in an error, cut if it is long."""
    shown = repr(value)
    if holds_password(shown):
        return "a value that is not shown, for it holds a password"
    return shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "..."


def _describe(problem: ErrorDetails) -> str:
    path = [str(part) for part in problem["loc"]]
    table, key = _split(path)
    where, kind = name_table(*table), problem["type"]
    if kind == "extra_forbidden":
        known = _list_keys(table)
        return (
            f"{where} has no key {key!r}; got {show_value(problem['input'])}; "
            f"allowed are {', '.join(known)}.{did_you_mean(key, known)}"
        )
    if kind == "missing":
        keys = ", ".join(_list_keys(table))
        return f"{where} needs the key {key!r}; allowed are {keys}."
    if kind == "value_error":
        return f"{where} {key}: {problem['ctx']['error']}"
    what = problem["msg"].removeprefix("Input should be ")
    return f"{where} {key}: should be {what}; got {show_value(problem['input'])}."


def _split(path: list[str]) -> tuple[list[str], str]:
    """Split a place in the document into table and key, branches of a type left out."""
    table: list[str] = []
    model: object = PlanFile
    for position, part in enumerate(path):
        inner = _step(model, part)
        if inner is None or position == len(path) - 1:
            return table, part
        table, model = [*table, part], inner
    return table, ""


def _step(model: object, part: str) -> object | None:
    """Return the table under a key, or None if no table is there."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(part)
        return None if field is None else _find_table(field.annotation)
    if get_origin(model) is dict:
        return _find_table(get_args(model)[1])
    return None


def _find_table(annotation: object) -> object | None:
    if isinstance(annotation, types.UnionType):
        found = [_find_table(branch) for branch in get_args(annotation)]
        return next((table for table in found if table is not None), None)
    if get_origin(annotation) is dict:
        return annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _list_keys(table: list[str]) -> list[str]:
    model: object = PlanFile
    for part in table:
        model = _step(model, part)
    return sorted(getattr(model, "model_fields", {}))


EVENTS = ("failure", "slow", "recovery", "success")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class NotifySettings(BaseModel):
    """Whom to tell what.

    Addresses and secrets stand in the environment; the settings hold the names of the
    variables only.

    Attributes
    ----------
    on : list of str
        What is told: ``failure``; ``slow``, a run longer than `slower_than_seconds`;
        ``recovery``, the first good run after a failure; ``success``, every good run.
        One message a run, of the gravest.
    slower_than_seconds : float or None
        The limit for ``slow``.
    urls_from : list of str
        Names of environment variables that hold addresses as Apprise has them.
    command : list of str
        A program and its arguments, run without a shell; it finds the facts in
        ``RECOVERY_RESEARCH_...`` and, as JSON, on standard input.
    command_seconds : float
        How long the command may take.
    """

    # Never the input in an error: it may be an address in the wrong place.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    on: list[Literal["failure", "slow", "recovery", "success"]] = Field(
        default=["failure", "recovery"],
        min_length=1,
        description="what is told: failure, slow, recovery, success",
    )
    slower_than_seconds: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        strict=True,
        description="the limit for slow",
    )
    urls_from: list[str] = Field(
        default=[],
        description="names of environment variables that hold Apprise's addresses",
    )
    command: list[str] = Field(
        default=[], description="a program and its arguments, run in the plan's folder"
    )
    command_seconds: float = Field(
        default=60.0,
        gt=0,
        allow_inf_nan=False,
        description="how long the command may take",
    )

    @field_validator("urls_from")
    @classmethod
    def _check_names(cls, names: list[str]) -> list[str]:
        for name in names:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    "write the name of an environment variable that holds the address, "
                    "such as TEAM_MAIL; never the address itself, it may hold a secret."
                )
        return names

    @field_validator("command")
    @classmethod
    def _check_command(cls, command: list[str]) -> list[str]:
        if any("\0" in word for word in command) or (command and not command[0]):
            raise ValueError("a command is a program and its arguments, one text each.")
        return command

    @model_validator(mode="after")
    def _check_whole(self) -> NotifySettings:
        if not self.urls_from and not self.command:
            raise ValueError("nobody to tell: give urls_from, or a command, or both.")
        if ("slow" in self.on) != (self.slower_than_seconds is not None):
            raise ValueError('"slow" in on and slower_than_seconds need each other.')
        return self


def seclude(settings: NotifySettings) -> dict[str, str]:
    """Take the addresses out of the environment, out of the notebooks' reach."""
    before = dict(os.environ)
    forget_variables(settings.urls_from)
    return before
