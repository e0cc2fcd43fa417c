"""Tells how the reports of a plan ended, beside the plan's own work."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from recovery_research.reports.history import read_history
from recovery_research.reports.index import refresh_index
from recovery_research.reports.notifications import Ending, Notice, tell
from recovery_research.reports.plan_file import NotifySettings, seclude
from recovery_research.reports.plan_progress import (
    NOT_RUN,
    Listener,
    PlanEnd,
    ReportEnd,
)
from recovery_research.reports.plans import Plan, PlanError, PlannedReport
from recovery_research.reports.records import RunRecord, read_record


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
        self.plan, self.hearer = plan, Listener()
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
        known = {"environment": self.environment, "home": self.plan.file.parent}
        if end.folder is None:
            return tell(settings, _describe_end(end, self.planned[end.name]), **known)
        record = read_record(end.folder)
        previous = find_previous(record, self.plan.reports)
        return tell(settings, record, previous, folder=end.folder, **known)


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
    title = planned.order.notebook.title
    return Ending(end.name, title, end.verdict, end.message, seconds=end.seconds)
