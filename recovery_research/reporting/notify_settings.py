"""Whom to tell what: the table ``notify`` of a plan."""

from __future__ import annotations

import os
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from recovery_research.reporting.environments import forget_variables

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
        [], description="names of environment variables that hold Apprise's addresses"
    )
    command: list[str] = Field(
        [], description="a program and its arguments, run in the plan's folder"
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
    """Take the addresses out of the environment, out of the notebooks' reach.

    Parameters
    ----------
    settings : NotifySettings
        Names of the variables.

    Returns
    -------
    dict of str to str
        The environment as it was, for `tell`.
    """
    before = dict(os.environ)
    forget_variables(settings.urls_from)
    return before
