"""That a stored report was asked for again, and nothing had changed."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from recovery_research.reporting.run_files import read_within
from recovery_research.whole_files import write_whole

CHECK_FILE = "checked.json"
MOST_BYTES = 10_000


def note_check(folder: Path, *, moment: datetime | None = None) -> None:
    """Note beside a run that it is still what a run would give, if that is possible.

    Without it, a schedule that finds nothing changed for weeks would look dead.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    moment : datetime, optional
        When that was seen; by default now.
    """
    said = {"checked": (moment or datetime.now(UTC)).isoformat(timespec="seconds")}
    with suppress(OSError):
        write_whole(folder / CHECK_FILE, json.dumps(said) + "\n")


def read_check(folder: Path) -> datetime | None:
    """Return when a run was last seen to be unchanged, or None.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    datetime or None
        In UTC.
    """
    odd = (ValueError, LookupError, TypeError, OverflowError, RecursionError)
    with suppress(OSError, *odd):
        said = json.loads(read_within(folder, CHECK_FILE, most=MOST_BYTES))["checked"]
        return datetime.fromisoformat(said).astimezone(UTC)
    return None
