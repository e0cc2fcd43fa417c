"""Telling people how a run ended, without ever failing the run."""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from recovery_research.reporting.channels import Message, run_command, send_to_url
from recovery_research.reporting.fingerprints import mask_text
from recovery_research.reporting.masks import find_secrets, find_tokens
from recovery_research.reporting.notify_settings import NotifySettings
from recovery_research.reporting.records import RunRecord
from recovery_research.reporting.wording import (
    format_moment,
    format_seconds,
    show_value,
)

NOTICES_FILE = "notices.json"
LONGEST_VALUE = 200
_GOOD = "succeeded"
_log = logging.getLogger("recovery_research.reporting.notices")


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


def tell(
    settings: NotifySettings | None,
    record: RunRecord,
    previous: RunRecord | None = None,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Notice]:
    """Tell how a run ended, if the settings want it told. Never raises.

    Parameters
    ----------
    settings : NotifySettings or None
        Whom to tell what; None tells nobody.
    record : RunRecord
        The run.
    previous : RunRecord, optional
        The run before it, of the same report with the same parameters.
    folder : Path, optional
        Folder of the run: named in the message, and what was told is kept there
        in ``notices.json``.
    environment : mapping of str to str, optional
        Where the addresses are; by default the environment of this process.

    Returns
    -------
    list of Notice
        One for each channel; empty if nothing was to be told.
    """
    event = choose_event(settings, record, previous) if settings else None
    if event is None:
        return []
    known = dict(os.environ if environment is None else environment)
    addresses = [known.get(name, "") for name in settings.urls_from]
    message = write_message(event, record, folder, find_tokens(addresses))
    hidden = find_secrets(addresses)
    ways = [
        (f"env:{name}", partial(send_to_url, known.get(name, ""), message))
        for name in settings.urls_from
    ]
    if settings.command:
        rest = {k: v for k, v in known.items() if k not in settings.urls_from}
        seconds = settings.command_seconds
        send = partial(run_command, settings.command, message, rest, seconds=seconds)
        ways.append(("command", send))
    notices = [_try(event, channel, hidden, send) for channel, send in ways]
    if folder is not None:
        _keep(notices, folder)
    return notices


def choose_event(
    settings: NotifySettings, record: RunRecord, previous: RunRecord | None
) -> str | None:
    """Return what there is to tell of a run, the gravest first, or None.

    Parameters
    ----------
    settings : NotifySettings
        What is wanted.
    record, previous : RunRecord
        The run, and the one before it, if there is one.

    Returns
    -------
    str or None
    """
    good = record.verdict == _GOOD
    limit, seconds = settings.slower_than_seconds, record.seconds
    happened = {
        "failure": not good,
        "slow": limit is not None and seconds is not None and seconds > limit,
        "recovery": good and previous is not None and previous.verdict != _GOOD,
        "success": good,
    }
    return next(
        (e for e, is_so in happened.items() if is_so and e in settings.on), None
    )


def write_message(
    event: str, record: RunRecord, folder: Path | None, hidden: list[str]
) -> Message:
    """Write what is told of a run, as plain text.

    Parameters
    ----------
    event : str
        What happened.
    record : RunRecord
        The run.
    folder : Path or None
        Its folder.
    hidden : list of str
        What must not be seen.

    Returns
    -------
    Message
    """
    words = {
        "failure": f"failed ({record.verdict})",
        "slow": f"slow ({format_seconds(record.seconds)})",
        "recovery": "good again",
        "success": "succeeded",
    }
    lines = [record.title, f"{record.report}: {words[event]}"]
    if record.failure is not None:
        lines.append(record.failure.message)
    took = f", took {format_seconds(record.seconds)}" if record.seconds else ""
    lines += [f"{format_moment(record.started)}{took}", *_list_given(record)]
    if folder is not None:
        lines.append(str(folder / "report.html"))
    subject = " ".join(f"{record.report}: {words[event]}".split())
    facts = {
        "event": event,
        "report": record.report,
        "run_id": record.run_id,
        "verdict": str(record.verdict),
        "message": record.failure.message if record.failure else "",
        "seconds": record.seconds,
        "folder": "" if folder is None else str(folder),
    }
    facts["message"] = mask_text(facts["message"], hidden)
    body = mask_text("\n".join(lines), hidden)
    return Message(mask_text(subject, hidden), body, event, facts)


def _list_given(record: RunRecord) -> list[str]:
    return [
        f"{parameter.name}: {show_value(parameter.value)[:LONGEST_VALUE]}"
        for parameter in record.parameters
        if parameter.value != parameter.default
    ]


def _try(
    event: str, channel: str, hidden: list[str], send: Callable[[], str]
) -> Notice:
    started = time.monotonic()
    try:
        error = send()
    except Exception as problem:  # whatever a channel does, the run has ended well
        error = f"{type(problem).__name__}: {problem}"
    error = " ".join(mask_text(error, hidden).split())[:500]
    if error:
        _log.warning("nobody was told through %s: %s", channel, error)
    return Notice(event, channel, not error, error, time.monotonic() - started)


def _keep(notices: list[Notice], folder: Path) -> None:
    fresh = folder / f".{NOTICES_FILE}-{secrets.token_hex(3)}"
    kept = {"schema_version": 1, "notices": [asdict(notice) for notice in notices]}
    with suppress(OSError):
        try:
            fresh.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
            os.replace(fresh, folder / NOTICES_FILE)
        finally:
            fresh.unlink(missing_ok=True)
