"""What is noted beside a run once it is over: who was told, and when it was checked."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.atomic_files import write_whole
from recovery_research.reports.report_folders import read_within

if TYPE_CHECKING:
    pass


NOTICES_FILE = "notices.json"


MOST_NOTICE_BYTES = 10_000_000


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
    """Keep beside a run what was told of it, if that is possible."""
    kept = {"schema_version": 1, "notices": [asdict(notice) for notice in notices]}
    with suppress(OSError):
        write_whole(folder / NOTICES_FILE, json.dumps(kept, indent=2) + "\n")


def read_notices(folder: Path) -> list[Notice]:
    """Read what was told of a run."""
    try:
        return parse_notices(read_within(folder, NOTICES_FILE, most=MOST_NOTICE_BYTES))
    except (OSError, ValueError):
        return []


def parse_notices(content: bytes) -> list[Notice]:
    """Read what was told of a run."""
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


CHECK_FILE = "checked.json"


MOST_CHECK_BYTES = 10_000


def note_check(folder: Path, *, moment: datetime | None = None) -> None:
    """Note beside a run that it is still what a run would give, if that is possible.

    Without it, a schedule that finds nothing changed for weeks would look dead.
    """
    said = {"checked": (moment or datetime.now(UTC)).isoformat(timespec="seconds")}
    with suppress(OSError):
        write_whole(folder / CHECK_FILE, json.dumps(said) + "\n")


def read_check(folder: Path) -> datetime | None:
    """Return when a run was last seen to be unchanged, or None."""
    odd = (ValueError, LookupError, TypeError, OverflowError, RecursionError)
    with suppress(OSError, *odd):
        said = json.loads(read_within(folder, CHECK_FILE, most=MOST_CHECK_BYTES))[
            "checked"
        ]
        return datetime.fromisoformat(said).astimezone(UTC)
    return None
