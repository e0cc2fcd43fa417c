"""The record kept beside every report, ``run.json``, and the run that it describes."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from recovery_research.atomic_files import write_whole
from recovery_research.reports.exit_codes import Verdict
from recovery_research.reports.report_folders import read_within

if TYPE_CHECKING:
    pass

SCHEMA_VERSION: Final = 3


def update_document(document: object) -> dict:
    """Return the content of a ``run.json`` as the newest version has it.

    Version 1 knew no attempts, memory, plan or key, and version 2 not what a run read;
    all of them may be absent, so nothing is made up.

    Examples
    --------
    >>> update_document({"schema_version": 1, "report": "loyalty"})
    {'schema_version': 3, 'report': 'loyalty'}
    """
    known = document if isinstance(document, dict) else {}
    version = known.get("schema_version")
    if type(version) is not int or version < 1:
        raise ValueError(
            f"no record: schema_version is 1 to {SCHEMA_VERSION}; got {version!r}."
        )
    if version > SCHEMA_VERSION:
        raise ValueError(
            f"written by a later version of this program (schema_version {version}; "
            f"this one reads up to {SCHEMA_VERSION}); update recovery-research."
        )
    return known | {"schema_version": SCHEMA_VERSION}


RECORD_FILE = "run.json"
# Thousands of times what a record of a report has.
MOST_BYTES = 100_000_000
Value = bool | int | float | str
# What most parameters are comes first; a history reads ten thousand of them at once.
Given = Value | list[Value] | None | list[JsonValue] | dict[str, JsonValue]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ParameterRecord(_Part):
    """A parameter of the run: its value, its default, and who chose the value."""

    name: str
    type: str
    value: Given
    default: Given
    origin: str
    help: str


class FailureRecord(_Part):
    """Where and why a run that did not succeed ended.

    Cells count from 1 as the author has them, without what the run put in.

    ``error`` is the class of the exception that the cell raised, empty if none.
    """

    message: str
    cell: int | None
    source: str
    traceback: str
    error: str = ""


class AttemptRecord(_Part):
    """One attempt at a run; all but the last passed and were tried again."""

    verdict: Verdict
    message: str
    seconds: float


class ExhibitRecord(_Part):
    """A table or figure that is kept as a file of its own."""

    kind: Literal["table", "figure"]
    name: str
    file: str
    caption: str
    sha256: str


class LeftOutRecord(_Part):
    """Something that the page does not show of a cell, and says so; cells from 1."""

    cell: int
    what: str


class GitRecord(_Part):
    """The commit of the notebook's repository, and whether files differ from it."""

    commit: str
    dirty: bool


class Provenance(_Part):
    """All that a run's numbers depend on, besides its parameters.

    ``sources_sha256`` holds the data given to this run, apart from the package's own
    in ``data_sha256``; an empty hash means that the content cannot be known before
    it is read, as of a database.
    """

    notebook_sha256: str
    package_sha256: str | None = None
    modules_sha256: dict[str, str] = {}
    data_sha256: dict[str, str]
    sources_sha256: dict[str, str] = {}
    git: GitRecord | None
    python: str
    platform: str
    distributions: dict[str, str]


class InputsRecord(_Part):
    """What a run was seen to read, and in ``unknown`` what no watch can tell.

    Paths are from the project folder where they lie in it. A state is the SHA-256 of a
    file, of the names in a folder or of an environment variable's value, what a look at
    a file gave, or ``"absent"``.
    """

    files: dict[str, str] = {}
    modules: dict[str, str] = {}
    folders: dict[str, str] = {}
    listings: dict[str, str] = {}
    import_folders: dict[str, str] = {}
    presence: dict[str, str] = {}
    times: dict[str, str] = {}
    environment: dict[str, str] = {}
    unknown: list[str] = []


class PlanRecord(_Part):
    """The plan that ordered the run, and the place of the run in it."""

    file: str
    sha256: str
    entry: str
    grid: dict[str, Given]


class RunRecord(_Part):
    """One run of one report.

    Durations are in seconds, times in UTC, memory in bytes. ``seconds`` is the
    notebook's, kernel start included; ``total_seconds`` everything. ``key`` is the
    hash of ``ingredients``: equal keys promise equal numbers. ``data_as_of`` says up
    to when the data reach, and ``data_as_of_origin`` who says so.
    """

    schema_version: Literal[3] = SCHEMA_VERSION
    report: str
    run_id: str
    title: str
    notebook: str
    notebook_path: str | None = None
    verdict: Verdict
    failure: FailureRecord | None = None
    profile: str
    parameters: list[ParameterRecord]
    seed: int | None
    sources: dict[str, str] = {}
    plan: PlanRecord | None = None
    rerun_of: str | None = None
    cell_seconds_limit: float | None
    run_seconds_limit: float | None
    memory_limit: int | None = None
    started: datetime
    ended: datetime | None = None
    seconds: float | None = None
    total_seconds: float | None = None
    cell_seconds: list[float | None] = []
    attempts: list[AttemptRecord] = []
    peak_memory: int | None = None
    exhibits: list[ExhibitRecord] = []
    left_out: list[LeftOutRecord] = []
    content_sha256: str | None = None
    key: str | None = None
    ingredients: dict[str, str] = {}
    inputs: InputsRecord | None = None
    data_as_of: datetime | None = None
    data_as_of_origin: Literal["stated", "file times"] | None = None
    warnings: list[str] = []
    host: str | None = None
    provenance: Provenance


def write_record(record: RunRecord, folder: Path) -> None:
    """Write a record into the folder of its run, whole or not at all."""
    text = record.model_dump_json(indent=2) + "\n"
    write_whole(folder / RECORD_FILE, text)


def read_record(folder: Path) -> RunRecord:
    """Read the record in the folder of a run, also one of an older version.

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
        If the record is not one, or of a later schema version.
    FileNotFoundError
        If there is none.
    """
    try:
        content = read_within(folder, RECORD_FILE, most=MOST_BYTES)
    except ValueError as error:
        raise ValueError(f"{RECORD_FILE}: {error}") from None
    return parse_record(content)


def parse_record(content: bytes) -> RunRecord:
    """Read a record, also one of an older version."""
    try:
        return _parse(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{RECORD_FILE}: {where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{RECORD_FILE}: {error}") from None


def _parse(content: bytes) -> RunRecord:
    # Nearly all records are of today's version, and reading those straight from the
    # bytes takes a third of the time; ten thousand of them are read at once.
    with suppress(ValidationError):
        record = RunRecord.model_validate_json(content)
        if "schema_version" in record.model_fields_set:
            return record
    document = update_document(json.loads(content))
    return RunRecord.model_validate_json(json.dumps(document))
