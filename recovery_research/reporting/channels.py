"""The ways by which a notice goes out: Apprise's channels, or a command."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NOT_INSTALLED = (
    "the package apprise is not installed; install recovery-research[notify]"
)
VARIABLE = "RECOVERY_RESEARCH_"
_KINDS = {
    "failure": "failure",
    "slow": "warning",
    "recovery": "success",
    "success": "success",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What is told.

    Attributes
    ----------
    subject : str
        One line.
    body : str
        Plain text.
    event : str
        What happened.
    facts : dict
        The same for a program.
    """

    subject: str
    body: str
    event: str
    facts: dict


def send_to_url(url: str, message: Message) -> str:
    """Send a message through Apprise.

    Parameters
    ----------
    url : str
        One or several of Apprise's addresses.
    message : Message
        What to say.

    Returns
    -------
    str
        What went wrong, possibly with secrets in it; empty if nothing did.
    """
    if not url.strip():
        return "the environment variable is not set"
    try:
        import apprise
    except ImportError:
        return NOT_INSTALLED
    with _listen() as said:
        servers = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
        if not servers.add(url):
            return f"it holds no address that Apprise knows. {' '.join(said)}"
        sent = servers.notify(
            title=message.subject,
            body=message.body,
            notify_type=_KINDS[message.event],
            body_format="text",
        )
    return "" if sent else " ".join(said) or "the channel refused it"


def run_command(
    command: Sequence[str],
    message: Message,
    environment: Mapping[str, str],
    *,
    seconds: float,
    cwd: Path | None = None,
) -> str:
    """Run a command that tells somebody; no shell reads it.

    The facts are given in the environment, as ``RECOVERY_RESEARCH_REPORT`` and so on,
    and as JSON on standard input.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    message : Message
        What to say.
    environment : mapping of str to str
        Environment of the command.
    seconds : float
        How long it may take.
    cwd : Path, optional
        Where relative paths in it start from.

    Returns
    -------
    str
        What went wrong; empty if nothing did.
    """
    facts = {**message.facts, "subject": message.subject, "body": message.body}
    told = {
        f"{VARIABLE}{name.upper()}": str("" if value is None else value)
        for name, value in facts.items()
    }
    try:
        done = subprocess.run(
            list(command),
            input=json.dumps(facts),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            cwd=cwd,
            env={**environment, **{k: v.replace("\0", "") for k, v in told.items()}},
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {seconds:g} s"
    except OSError as error:
        return f"it did not start: {error.strerror}"
    if done.returncode == 0:
        return ""
    last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
    return f"exit {done.returncode}: {last[0]}"


@contextmanager
def _listen() -> Iterator[list[str]]:
    """Gather what Apprise says, and keep it from everybody else: it names addresses."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("apprise")
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
