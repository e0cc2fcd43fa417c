"""Failures that need nobody's attention any more, a typing error perhaps.

Kept beside the run, so that everybody who reads it knows, also where it is published.
"""

from __future__ import annotations

import getpass
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from recovery_research.reporting.ends import Verdict
from recovery_research.reporting.run_files import read_within
from recovery_research.reporting.sharing import write_shared

DISMISSED_FILE = "dismissed.json"
MOST_BYTES = 100_000


def dismiss_run(folder: Path, *, why: str = "", undo: bool = False) -> None:
    """Say that a failed run needs nobody's attention, or that it does again.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    why : str, optional
        Kept for those who wonder.
    undo : bool, optional
        Whether it needs attention again.

    Raises
    ------
    ValueError
        If the run has not failed, or its record cannot be read.
    OSError
        If it cannot be written down.
    """
    from recovery_research.reporting.records import read_record

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
    """Return whether somebody has dismissed a run's failure.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    bool
    """
    with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        said = json.loads(read_within(folder, DISMISSED_FILE, most=MOST_BYTES))
        return said["dismissed"] is True
    return False
