"""One run as its record tells it in short: what a history keeps, an index shows."""

from __future__ import annotations

import getpass
import json
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.reports.run_files import read_within
from recovery_research.reports.run_status import Verdict
from recovery_research.reports.sharing import write_shared

if TYPE_CHECKING:
    from recovery_research.reports.records import RunRecord


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run, as its record tells it in short.

    Attributes
    ----------
    report, run_id, title, profile : str
        Which run of which report.
    verdict, message : str
        How it ended, and why if it did not succeed.
    cell : int or None
        Cell that failed, counted from 1.
    parameters : dict
        Value of every parameter.
    seed : int or None
        The seed among them.
    started : datetime
        Start, in UTC.
    seconds : float or None
        How long the notebook took.
    attempts : int
        How often it was attempted.
    peak_memory : int or None
        Most memory that the kernel held, in bytes.
    data_as_of : datetime or None
        Up to when the data reach.
    key : str or None
        Hash of all ingredients.
    entry : str or None
        Entry of the plan that ordered it.
    folder : Path
        Where it is.
    dismissed : bool
        Whether somebody has said that its failure needs nobody's attention.
    """

    report: str
    run_id: str
    title: str
    profile: str
    verdict: str
    message: str
    cell: int | None
    parameters: dict[str, object]
    seed: int | None
    started: datetime
    seconds: float | None
    attempts: int
    peak_memory: int | None
    data_as_of: datetime | None
    key: str | None
    entry: str | None
    folder: Path
    dismissed: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the report is complete."""
        return self.verdict == Verdict.SUCCEEDED

    def read(self) -> RunRecord:
        """Read the whole record."""
        from recovery_research.reports.records import read_record

        return read_record(self.folder)


_SUMMARY = {each.name for each in fields(PastRun)} - {"folder", "dismissed"}
_TEXTS = ("report", "run_id", "title", "profile", "verdict", "message", "damaged")


def summarise_record(record: RunRecord) -> dict:
    """Return what is kept of a record, as JSON has it."""
    failure = record.failure
    as_of = record.data_as_of
    return {
        "report": record.report,
        "run_id": record.run_id,
        "title": record.title,
        "profile": record.profile,
        "verdict": record.verdict.value,
        "message": failure.message if failure else "",
        "cell": failure.cell if failure else None,
        "parameters": {p.name: p.value for p in record.parameters},
        "seed": record.seed,
        "started": record.started.isoformat(),
        "seconds": record.seconds,
        "attempts": max(1, len(record.attempts)),
        "peak_memory": record.peak_memory,
        "data_as_of": as_of.isoformat() if as_of else None,
        "key": record.key,
        "entry": record.plan.entry if record.plan else None,
    }


def is_summary(said: object) -> bool:
    """Return whether what a cache says is what this version says of a run."""
    if not isinstance(said, dict) or said.keys() not in (_SUMMARY, {"damaged"}):
        return False
    try:
        for name in ("started", "data_as_of"):
            said.get(name) and datetime.fromisoformat(said[name])
    except (TypeError, ValueError):
        return False
    return all(isinstance(said.get(name, ""), str) for name in _TEXTS)


def revive_run(said: dict, reports: Path, place: str) -> PastRun:
    """Make a run of what was kept of its record.

    Where it lies says whose it is; a record can be copied, or say anything.
    """
    folder = reports / place
    names = {"report": place.partition("/")[0], "run_id": folder.name}
    moments = {
        name: said[name] and _read_moment(said[name])
        for name in ("started", "data_as_of")
    }
    run = PastRun(**{**said, **moments, **names}, folder=folder)
    if run.succeeded or not is_dismissed(folder):
        return run
    return replace(run, dismissed=True)


def _read_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


DISMISSED_FILE = "dismissed.json"
MOST_BYTES = 100_000


def dismiss_run(folder: Path, *, why: str = "", undo: bool = False) -> None:
    """Say that a failed run needs nobody's attention, or that it does again."""
    from recovery_research.reports.records import read_record

    record = read_record(folder)
    if record.verdict == Verdict.SUCCEEDED:
        raise ValueError(
            f"{folder.name} is a good run; only a failure is dismissed. `prune` takes "
            "old runs away."
        )
    if record.verdict == Verdict.RUNNING:
        raise ValueError(f"{folder.name} is still under way; wait for its end.")
    document = {
        "schema_version": 1,
        "dismissed": not undo,
        "why": why,
        "who": _name_user(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_shared(folder / DISMISSED_FILE, json.dumps(document, indent=2) + "\n")


def _name_user() -> str:
    with suppress(OSError, KeyError, ImportError):  # an account without a name
        return getpass.getuser()
    return ""


def is_dismissed(folder: Path) -> bool:
    """Return whether somebody has dismissed a run's failure."""
    with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        said = json.loads(read_within(folder, DISMISSED_FILE, most=MOST_BYTES))
        return said["dismissed"] is True
    return False
