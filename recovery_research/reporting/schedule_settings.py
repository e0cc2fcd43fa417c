"""When a plan is run by itself: the table ``schedule`` of a plan."""

from __future__ import annotations

from pathlib import Path

from recovery_research.reporting.plan_tables import ScheduleTable
from recovery_research.reporting.plans import PlanError, read_plan
from recovery_research.reporting.schedules import Job
from recovery_research.reporting.tellers import read_notify
from recovery_research.reporting.timetables import Timetable, read_timetable


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
    table = plan.tables.schedule
    return Job(
        plan=plan.file,
        reports=plan.reports,
        timetable=_choose_times(table, at),
        variables=tuple(variables),
        limit_seconds=round(table.limit_hours * 3600) or 1,
    )


def _choose_times(table: ScheduleTable, at: str | None) -> Timetable:
    if at is None:
        return read_timetable(table.at)
    try:
        return read_timetable(at)
    except ValueError as error:
        raise PlanError(f"--at: {error}") from None
