"""That a stored report was asked for again, and nothing had changed."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from recovery_research.reporting.run_files import read_within

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
    fresh = folder / f".{CHECK_FILE}-{secrets.token_hex(3)}"
    with suppress(OSError):
        try:
            fresh.write_text(json.dumps(said) + "\n", encoding="utf-8")
            os.replace(fresh, folder / CHECK_FILE)
        finally:
            fresh.unlink(missing_ok=True)


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
    with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        said = json.loads(read_within(folder, CHECK_FILE, most=MOST_BYTES))["checked"]
        return datetime.fromisoformat(said).astimezone(UTC)
    return None
