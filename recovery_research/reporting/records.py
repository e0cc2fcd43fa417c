"""The record that is kept beside every report, ``run.json``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from recovery_research.reporting.verdicts import Verdict

SCHEMA_VERSION = 1
RECORD_FILE = "run.json"
Value = bool | int | float | str


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ParameterRecord(_Part):
    """A parameter of the run: its value, its default, and who chose the value."""

    name: str
    type: str
    value: Value | list[Value]
    default: Value | list[Value]
    origin: str
    help: str


class FailureRecord(_Part):
    """Where and why a run that did not succeed ended; cells count from 1."""

    message: str
    cell: int | None
    source: str
    traceback: str


class ExhibitRecord(_Part):
    """A table or figure that is kept as a file of its own."""

    kind: Literal["table", "figure"]
    name: str
    file: str
    caption: str
    sha256: str


class GitRecord(_Part):
    """The commit of the notebook's repository, and whether files differ from it."""

    commit: str
    dirty: bool


class Provenance(_Part):
    """All that a run's numbers depend on, besides its parameters."""

    notebook_sha256: str
    data_sha256: dict[str, str]
    git: GitRecord | None
    python: str
    platform: str
    distributions: dict[str, str]


class RunRecord(_Part):
    """One run of one report. Durations are in seconds, times in UTC."""

    schema_version: Literal[1] = SCHEMA_VERSION
    report: str
    run_id: str
    title: str
    notebook: str
    verdict: Verdict
    failure: FailureRecord | None = None
    profile: str
    parameters: list[ParameterRecord]
    seed: int | None
    cell_seconds_limit: float | None
    run_seconds_limit: float | None
    started: datetime
    ended: datetime | None = None
    seconds: float | None = None
    cell_seconds: list[float | None] = []
    exhibits: list[ExhibitRecord] = []
    content_sha256: str | None = None
    warnings: list[str] = []
    provenance: Provenance


def write_record(record: RunRecord, folder: Path) -> None:
    """Write a record into the folder of its run.

    Parameters
    ----------
    record : RunRecord
        The record.
    folder : Path
        Folder of the run.
    """
    text = record.model_dump_json(indent=2)
    (folder / RECORD_FILE).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> RunRecord:
    """Read the record in the folder of a run.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    RunRecord

    Raises
    ------
    ValueError
        If the record is not one, or of another schema version.
    FileNotFoundError
        If there is none.
    """
    text = (folder / RECORD_FILE).read_text(encoding="utf-8")
    return RunRecord.model_validate_json(text)
