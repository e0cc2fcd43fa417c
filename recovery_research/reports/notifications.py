"""Who is told how runs ended, by which channels, and that they were told."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from recovery_research._extras import MissingExtraError, explaining_extras
from recovery_research.reports.after_run import Notice, keep_notices
from recovery_research.reports.exit_codes import Verdict
from recovery_research.reports.formatting import (
    format_moment,
    format_seconds,
    show_value,
)
from recovery_research.reports.history import read_history
from recovery_research.reports.index import refresh_index
from recovery_research.reports.masking import (
    PIECE_OF_CHANNEL,
    find_secrets,
    find_tokens,
    mask_text,
)
from recovery_research.reports.plan_progress import (
    NOT_RUN,
    Hearer,
    Listener,
    PlanEnd,
    ReportEnd,
)
from recovery_research.reports.plan_schema import NotifySettings, seclude
from recovery_research.reports.plans import Plan, PlanError, PlannedReport
from recovery_research.reports.records import RunRecord, read_record

LONGEST_GIVEN = 240
_log = logging.getLogger("recovery_research.reports.notifications")
_log.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Ending:
    """What there is to tell of a run.

    Attributes
    ----------
    report, title, run_id, verdict, message : str
        As in its record.
    seconds : float or None
        How long it took.
    started : datetime or None
        When it began.
    given : tuple of str
        Parameters whose value is not the default, each with its value.
    """

    report: str
    title: str
    verdict: str
    message: str = ""
    run_id: str = ""
    seconds: float | None = None
    started: datetime | None = None
    given: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the report is complete."""
        return self.verdict == Verdict.SUCCEEDED


def tell(
    settings: NotifySettings | None,
    record: RunRecord | Ending,
    previous: RunRecord | Ending | None = None,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    home: Path | None = None,
) -> list[Notice]:
    """Tell how a run ended, if the settings want it told. Never raises."""
    if settings is None:
        return []
    ending = describe_record(record)
    before = None if previous is None else describe_record(previous)
    event = choose_event(settings, ending, before)
    if event is None:
        return []
    known = dict(os.environ if environment is None else environment)
    addresses = [known.get(name, "") for name in settings.urls_from]
    message = write_message(event, ending, folder, find_tokens(addresses))
    hidden = find_secrets(addresses)
    ways = [
        (f"env:{name}", partial(send_to_url, known.get(name, ""), message))
        for name in settings.urls_from
    ]
    if settings.command:
        rest = {k: v for k, v in known.items() if k not in settings.urls_from}
        send = partial(
            run_command, settings.command, message, rest,
            seconds=settings.command_seconds, cwd=home,
        )  # fmt: skip
        ways.append(("command", send))
    notices = [_try(event, channel, hidden, send) for channel, send in ways]
    if folder is not None:
        keep_notices(notices, folder)
    return notices


def choose_event(
    settings: NotifySettings, ending: Ending, previous: Ending | None
) -> str | None:
    """Return what there is to tell of a run, the gravest first, or None."""
    limit, seconds = settings.slower_than_seconds, ending.seconds
    happened = {
        "failure": not ending.good,
        "slow": limit is not None and seconds is not None and seconds > limit,
        "recovery": ending.good and previous is not None and not previous.good,
        "success": ending.good,
    }
    return next(
        (e for e, is_so in happened.items() if is_so and e in settings.on), None
    )


def write_message(
    event: str, ending: Ending, folder: Path | None, hidden: list[str]
) -> Message:
    """Write what is told of a run, as plain text."""
    words = {
        "failure": f"failed ({ending.verdict})",
        "slow": f"slow ({format_seconds(ending.seconds)})",
        "recovery": "good again",
        "success": "succeeded",
    }
    when = format_moment(ending.started) if ending.started else ""
    took = f", took {format_seconds(ending.seconds)}" if ending.seconds else ""
    page = "" if folder is None else str(folder / "report.html")
    head = f"{ending.report}: {words[event]}"
    # Masked before it is cut, for half a secret is one, too.
    given = [mask_text(line, hidden)[:LONGEST_GIVEN] for line in ending.given]
    lines = [ending.title, head, ending.message, when + took, *given, page]
    facts = {
        "event": event,
        "report": ending.report,
        "run_id": ending.run_id,
        "verdict": str(ending.verdict),
        "message": mask_text(ending.message, hidden),
        "seconds": ending.seconds,
        "folder": "" if folder is None else str(folder),
    }
    subject = mask_text(" ".join(head.split()), hidden)
    body = mask_text("\n".join(line for line in lines if line), hidden)
    return Message(subject, body, event, facts)


def describe_record(record: RunRecord | Ending) -> Ending:
    """Return what there is to tell of a run."""
    if isinstance(record, Ending):
        return record
    return Ending(
        report=record.report,
        title=record.title,
        verdict=record.verdict,
        message=record.failure.message if record.failure else "",
        run_id=record.run_id,
        seconds=record.seconds,
        started=record.started,
        given=tuple(
            f"{p.name}: {show_value(p.value)}"
            for p in record.parameters
            if p.value != p.default
        ),
    )


def _try(
    event: str, channel: str, hidden: list[str], send: Callable[[], str]
) -> Notice:
    started = time.monotonic()
    try:
        error = send()
    except Exception as problem:  # whatever a channel does, the run has ended well
        error = f"{type(problem).__name__}: {problem}"
    error = " ".join(mask_text(error, hidden, piece=PIECE_OF_CHANNEL).split())[:500]
    if error:
        _log.warning("nobody was told through %s: %s", channel, error)
    return Notice(event, channel, not error, error, time.monotonic() - started)


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
    """Send a message through Apprise."""
    if not url.strip():
        return "the environment variable is not set"
    try:
        with explaining_extras():
            import apprise
    except MissingExtraError as error:
        return str(error)
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
    # One handler alone says otherwise what comes of a record.
    handler.emit = lambda record: said.append(  # type: ignore[method-assign]
        record.getMessage()
    )
    logger = logging.getLogger("apprise")
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated


class Teller(Listener):
    """Tells how each report ended, as soon as it has, without holding up the plan.

    The addresses are taken out of the environment when it is made, so that no notebook
    finds them there.

    Parameters
    ----------
    plan : Plan
        Checked plan, with its ``notify`` tables.

    Attributes
    ----------
    hearer : Listener
        Who hears that something could not be told.

    Raises
    ------
    PlanError
        If a ``notify`` table is wrong.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.hearer: Hearer = Listener()
        self.settings = read_notify(plan)
        self.planned = {planned.name: planned for planned in plan.entries}
        self.environment: Mapping[str, str] = dict(os.environ)
        for settings in filter(None, self.settings.values()):
            seclude(settings)
        self.told: list[tuple[str, Future[list[Notice]]]] = []
        self._mouth = ThreadPoolExecutor(1, thread_name_prefix="teller")

    def end(self, end: ReportEnd) -> None:
        """Have told what came of a report that has run."""
        settings = self.settings.get(end.name)
        if settings is not None and not end.stored and end.verdict != NOT_RUN:
            telling = self._mouth.submit(self._tell, settings, end)
            self.told.append((end.name, telling))

    def finish(self, end: PlanEnd) -> None:
        """Wait until everything has been told."""
        self._mouth.shutdown(wait=True)
        for name, told in self.told:
            problem = told.exception()
            notices = [] if problem else told.result()
            said = [f"{n.channel}: {n.error}" for n in notices if not n.ok]
            for text in [*said, str(problem)] if problem else said:
                self.hearer.log(name, logging.WARNING, f"nobody was told: {text}")
        if self.told:
            refresh_index(self.plan.reports)

    def _tell(self, settings: NotifySettings, end: ReportEnd) -> list[Notice]:
        known, home = self.environment, self.plan.file.parent
        if end.folder is None:
            ending = _describe_end(end, self.planned[end.name])
            return tell(settings, ending, environment=known, home=home)
        record = read_record(end.folder)
        previous = find_previous(record, self.plan.reports)
        return tell(
            settings, record, previous,
            folder=end.folder, environment=known, home=home,
        )  # fmt: skip


def read_notify(plan: Plan) -> dict[str, NotifySettings | None]:
    """Read whom to tell of each report: its own ``notify`` over the plan's."""
    found: dict[str, NotifySettings | None] = {}
    mistakes: dict[str, None] = {}
    for planned in plan.entries:
        table = {**plan.tables.notify, **planned.notify}
        where = f"reports.{planned.entry}.notify" if planned.notify else "notify"
        try:
            found[planned.name] = NotifySettings(**table) if table else None
        except ValidationError as error:
            for problem in error.errors(include_input=False, include_url=False):
                key = ".".join(str(part) for part in problem["loc"])
                text = f"[{where}] {key}: {problem['msg']}"
                mistakes[f"{plan.file.name}: {text}"] = None
    if mistakes:
        raise PlanError("\n".join(mistakes))
    return found


def find_previous(record: RunRecord, reports: Path) -> RunRecord | None:
    """Find the run before one, of the same report with the same parameters."""
    given = {p.name: p.value for p in record.parameters}
    for run in reversed(read_history(reports).runs):
        earlier = run.report == record.report and run.run_id < record.run_id
        if earlier and run.parameters == given:
            try:
                return run.read()
            except (OSError, ValueError):
                continue
    return None


def _describe_end(end: ReportEnd, planned: PlannedReport) -> Ending:
    title = planned.request.notebook.title
    return Ending(end.name, title, end.verdict, end.message, seconds=end.seconds)
