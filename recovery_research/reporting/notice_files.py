"""What was told of a run, kept beside it in ``notices.json``.

Read for the index, so it imports nothing that takes long.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from recovery_research.reporting.run_files import read_within
from recovery_research.whole_files import write_whole

NOTICES_FILE = "notices.json"
MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Notice:
    """One attempt to tell somebody.

    Attributes
    ----------
    event : str
        ``failure``, ``slow``, ``recovery`` or ``success``.
    channel : str
        ``env:NAME`` or ``command``; never an address.
    ok : bool
        Whether the channel took it.
    error : str
        Why not, without secrets; empty if it did.
    seconds : float
        How long it took.
    """

    event: str
    channel: str
    ok: bool
    error: str
    seconds: float


def keep_notices(notices: list[Notice], folder: Path) -> None:
    """Keep beside a run what was told of it, if that is possible.

    Parameters
    ----------
    notices : list of Notice
        All attempts.
    folder : Path
        Folder of the run.
    """
    kept = {"schema_version": 1, "notices": [asdict(notice) for notice in notices]}
    with suppress(OSError):
        write_whole(folder / NOTICES_FILE, json.dumps(kept, indent=2) + "\n")


def read_notices(folder: Path) -> list[Notice]:
    """Read what was told of a run.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    list of Notice
        Empty if nothing was to be told, or that cannot be read.
    """
    try:
        return parse_notices(read_within(folder, NOTICES_FILE, most=MOST_BYTES))
    except (OSError, ValueError):
        return []


def parse_notices(content: bytes) -> list[Notice]:
    """Read what was told of a run.

    Parameters
    ----------
    content : bytes
        What ``notices.json`` holds.

    Returns
    -------
    list of Notice
        Empty if that cannot be read.
    """
    try:
        kept = json.loads(content)
        notices = [Notice(**notice) for notice in kept["notices"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return [] if any(map(_is_odd, notices)) else notices


def _is_odd(notice: Notice) -> bool:
    texts = (notice.event, notice.channel, notice.error)
    return not (
        all(isinstance(text, str) for text in texts)
        and isinstance(notice.ok, bool)
        and isinstance(notice.seconds, int | float)
    )
