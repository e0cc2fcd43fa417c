"""When a plan is run by itself: the table ``schedule`` of a plan."""

from __future__ import annotations

from pathlib import Path

from recovery_research.reporting.plans import PlanError, read_plan
from recovery_research.reporting.schedules import Job
from recovery_research.reporting.tellers import read_notify
from recovery_research.reporting.timetables import Timetable, read_timetable

EVERY_DAY_AT_SIX = "0 6 * * *"


def prepare_job(
    plan_file: Path,
    *,
    at: str | None = None,
    reports: Path | None = None,
    project: Path | None = None,
) -> Job:
    """Read a plan, check all of it, and say when and how it is to be run by itself.

    Parameters
    ----------
    plan_file : Path
        The plan.
    at : str, optional
        Five fields of cron; win over ``at`` in the plan's ``schedule``.
    reports : Path, optional
        Folder of reports; wins over the plan's.
    project : Path, optional
        Project folder.

    Returns
    -------
    Job

    Raises
    ------
    ValueError
        If the plan or the times cannot be used.
    """
    plan = read_plan(plan_file, reports=reports, project=project)
    settings = filter(None, read_notify(plan).values())
    variables = dict.fromkeys(name for each in settings for name in each.urls_from)
    timetable = _choose_times(plan.tables.schedule, at, plan.file.name)
    return Job(plan.file, plan.reports, timetable, tuple(variables))


def _choose_times(table: dict, at: str | None, file: str) -> Timetable:
    strange = sorted(table.keys() - {"at"})
    if strange:
        raise PlanError(f"{file}: [schedule] has no key {strange[0]!r}; allowed is at.")
    text = at if at is not None else table.get("at", EVERY_DAY_AT_SIX)
    if not isinstance(text, str):
        raise PlanError(f"{file}: [schedule] at: should be a text; got {text!r}.")
    try:
        return read_timetable(text)
    except ValueError as error:
        raise PlanError(f"{file}: [schedule] at: {error}") from None
