"""The running of a plan: worker processes, and what becomes of its reports."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from recovery_research.host_memory import available_memory
from recovery_research.reports.index import refresh_index
from recovery_research.reports.locks import Lock
from recovery_research.reports.plan_progress import (
    NOT_RUN,
    Hearer,
    Listener,
    PlanEnd,
    ReportEnd,
)
from recovery_research.reports.plan_workers import Worker
from recovery_research.reports.plans import Plan, PlannedReport
from recovery_research.reports.processes import sweep_all_orphans
from recovery_research.reports.provenance import trace_request
from recovery_research.reports.records import Provenance, read_record
from recovery_research.reports.runs import ReportRun
from recovery_research.reports.staging import Shelf
from recovery_research.reports.stopping import StopSign
from recovery_research.reports.stored_runs import find_stored

USUAL_BYTES = 600_000_000
WORKER_BYTES = 150_000_000
MARGIN = 1.2
POLL_SECONDS = 0.2
# Longer than a kernel is given to stop of itself.
INSIST_SECONDS = 3.0


def run_plan(
    plan: Plan,
    *,
    only: Sequence[str] = (),
    jobs: int | None = None,
    force: bool = False,
    fail_fast: bool = False,
    listener: Hearer | None = None,
) -> PlanEnd:
    """Run the reports of a plan.

    One report's failure does not stop the others. A report that another process is
    running waits for its turn, and is then taken as it is if nothing has changed.
    """
    chosen = plan.choose(only)
    jobs = jobs or plan.jobs or count_cores()
    return _PlanRun(plan, chosen, jobs, force, fail_fast, listener or Listener()).run()


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def expect_cost(planned: PlannedReport, reports: Path) -> tuple[int, float | None]:
    """Expect a report's memory and time, from its last good run if there is one."""
    peak, seconds = planned.request.limits.memory_bytes or USUAL_BYTES, None
    with suppress(OSError, ValueError):
        folder = Shelf(reports, planned.name).latest()
        if folder is not None:
            record = read_record(folder)
            seconds = record.total_seconds or record.seconds
            if record.peak_memory is not None:
                peak = int(record.peak_memory * MARGIN)
    return peak + WORKER_BYTES, seconds


@dataclass
class _Job:
    """A report that a worker runs."""

    planned: PlannedReport
    lock: Lock
    expected_bytes: int


class _PlanRun:
    """The state of one run of a plan."""

    def __init__(
        self,
        plan: Plan,
        chosen: tuple[PlannedReport, ...],
        jobs: int,
        force: bool,
        fail_fast: bool,
        listener: Hearer,
    ) -> None:
        self.plan, self.chosen, self.jobs = plan, chosen, jobs
        self.force, self.fail_fast, self.listener = force, fail_fast, listener
        self.waiting = list(chosen)
        self.running: dict[Worker, _Job] = {}
        self.idle: list[Worker] = []
        self.ends: dict[str, ReportEnd] = {}
        self.inbox: queue.Queue = queue.Queue()
        self.told = 0.0
        self.costs = {p.name: expect_cost(p, plan.reports) for p in chosen}
        self.budget = plan.memory_bytes or int(available_memory() * 0.9)

    def run(self) -> PlanEnd:
        clock = time.monotonic()
        seconds = {name: cost[1] for name, cost in self.costs.items()}
        self.listener.begin(seconds, self.jobs)
        sweep_all_orphans()
        with StopSign(self._pass_on) as sign:
            try:
                while self.waiting or self.running:
                    if sign.number is not None:
                        self.waiting.clear()
                        self._insist(sign.number)
                    self._start_what_fits()
                    self._hear()
            finally:
                for worker in [*self.idle, *self.running]:
                    worker.close()
        ends = tuple(self.ends.get(p.name, _leave(p)) for p in self.chosen)
        if any(end.stored for end in ends):
            refresh_index(self.plan.reports)
        worst = max((end.exit_code for end in ends), default=0)
        end = PlanEnd(ends, time.monotonic() - clock, sign.exit_code or worst)
        self.listener.finish(end)
        return end

    def _insist(self, number: int) -> None:
        """Pass a signal on again: a process that just begins may have lost it."""
        if time.monotonic() - self.told > INSIST_SECONDS:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        self.told = time.monotonic()
        for worker in list(self.running):
            worker.signal(number)

    def _start_what_fits(self) -> None:
        for planned in list(self.waiting):
            if len(self.running) >= self.jobs:
                return
            held = sum(job.expected_bytes for job in self.running.values())
            if self.running and held + self.costs[planned.name][0] > self.budget:
                continue
            self._try(planned)

    def _try(self, planned: PlannedReport) -> None:
        """Start a report, or take the stored one, unless another process has it."""
        shelf = Shelf(self.plan.reports, planned.name)
        try:
            lock = shelf.run_lock()
            if not lock.take():
                self.listener.wait(planned.name, lock.path)
                return
        except OSError as error:
            message = f"the report could not be written: {error}"
            self._end(planned, verdict="not written", message=message)
            return
        try:
            provenance = trace_request(planned.request)
            stored = self._find_stored(planned, shelf, provenance)
        except OSError as error:
            lock.release()
            message = f"what it is made of could not be read: {error}"
            self._end(planned, verdict="not written", message=message)
            return
        if stored is not None:
            lock.release()
            self._end(
                planned,
                verdict=stored.verdict,
                seconds=stored.seconds,
                folder=stored.folder,
                stored=True,
            )
            return
        self.waiting.remove(planned)
        worker = self.idle.pop() if self.idle else Worker(self.inbox)
        self.running[worker] = _Job(planned, lock, self.costs[planned.name][0])
        self.listener.start(planned.name)
        aloud = self.listener.aloud
        worker.send(planned.request, self.plan.reports, provenance, aloud=aloud)

    def _find_stored(
        self, planned: PlannedReport, shelf: Shelf, provenance: Provenance
    ) -> ReportRun | None:
        if self.force or planned.always_run:
            return None
        name = planned.name
        return find_stored(
            planned.request,
            shelf,
            provenance,
            tell=lambda why: self.listener.change(name, why),
        )

    def _hear(self) -> None:
        """Take the workers' messages, waiting a moment for the first."""
        try:
            worker, kind, content = self.inbox.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        job = self.running.get(worker)
        if kind == "gone":
            self._lose(worker, job)
        elif job is None:
            return
        elif kind == "end":
            del self.running[worker]
            self.idle.append(worker)
            job.lock.release()
            self._end(job.planned, **content)
        elif kind == "cell":
            self.listener.cell(job.planned.name, *content)
        elif kind == "log":
            self.listener.log(job.planned.name, *content)

    def _lose(self, worker: Worker, job: _Job | None) -> None:
        """Clear up after a worker that has died; its report failed, no other."""
        if worker in self.idle:
            self.idle.remove(worker)
        worker.close()
        if job is None:
            return
        from recovery_research.reports.bookkeeping import bury_run

        del self.running[worker]
        sweep_all_orphans()
        shelf = Shelf(self.plan.reports, job.planned.name)
        with suppress(OSError):
            shelf.sweep(bury_run)
        failed = shelf.list_failed()
        job.lock.release()
        message = f"the process that ran it died ({worker.process.returncode})"
        folder = failed[-1] if failed else None
        self._end(job.planned, verdict="interrupted", message=message, folder=folder)

    def _end(self, planned: PlannedReport, **what) -> None:
        if planned in self.waiting:
            self.waiting.remove(planned)
        end = ReportEnd(planned.name, planned.entry, **what)
        self.ends[planned.name] = end
        self.listener.end(end)
        if self.fail_fast and not end.succeeded:
            self.waiting.clear()


def _leave(planned: PlannedReport) -> ReportEnd:
    return ReportEnd(planned.name, planned.entry, NOT_RUN)
