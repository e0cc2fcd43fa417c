"""Runs chosen from a history."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from recovery_research.near_names import did_you_mean
from recovery_research.reporting.ends import Verdict
from recovery_research.reporting.past_runs import PastRun

_AGO = re.compile(r"(\d+)([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def choose_runs(
    runs: Sequence[PastRun],
    *,
    reports: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    verdicts: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[PastRun]:
    """Choose runs that meet every condition given.

    Parameters
    ----------
    runs : sequence of PastRun
        To choose from.
    reports : sequence of str, optional
        Names of reports or of entries of a plan.
    parameters : mapping of str to str, optional
        Parameters and their values as text; lists with commas.
    verdicts : sequence of str, optional
        Any of them; ``failed`` is everything but succeeded and running.
    since, until : datetime, optional
        Started at or after, and before.

    Returns
    -------
    list of PastRun

    Raises
    ------
    ValueError
        If no run has a report or parameter of that name, or no such verdict exists.
    """
    names = {run.report for run in runs} | {run.entry for run in runs if run.entry}
    for name in reports:
        _check_known("report", name, names)
    known = {name for run in runs for name in run.parameters}
    for name in parameters or {}:
        _check_known("parameter", name, known)
    for verdict in verdicts:
        _check_known("verdict", verdict, {*Verdict, "failed"})
    return [
        run
        for run in runs
        if (not reports or {run.report, run.entry} & set(reports))
        and (not verdicts or any(_ended_so(run, verdict) for verdict in verdicts))
        and (since is None or run.started >= since)
        and (until is None or run.started < until)
        and all(
            name in run.parameters and write_value(run.parameters[name]) == value
            for name, value in (parameters or {}).items()
        )
    ]


def read_moment(text: str, *, now: datetime | None = None) -> datetime:
    """Read a date, a time, or how long ago.

    Parameters
    ----------
    text : str
        ``2026-01-31``, ``2026-01-31T06:30``, or ``90m``, ``12h``, ``7d``, ``4w``.
    now : datetime, optional
        Now.

    Returns
    -------
    datetime
        In UTC. Without a zone it is taken on this machine's clock, as times are shown.

    Raises
    ------
    ValueError
        If the text is none of these.

    Examples
    --------
    >>> read_moment("2026-01-31T06:30+01:00").isoformat()
    '2026-01-31T05:30:00+00:00'
    """
    try:
        ago = _AGO.fullmatch(text)
        if ago:
            span = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            return (now or datetime.now(UTC)) - span
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"write a date such as 2026-01-31, a time such as 2026-01-31T06:30, or "
            f"how long ago, such as 7d; got {text!r}."
        ) from None


def write_value(value: object) -> str:
    """Write a parameter's value as it is typed on the command line.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    str

    Examples
    --------
    >>> write_value([True, 0.25]), write_value("claims")
    ('true,0.25', 'claims')
    """
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, list | dict) for each in value)
    ):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return ",".join(write_value(element) for element in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _ended_so(run: PastRun, verdict: str) -> bool:
    if verdict == "failed":
        return run.verdict not in (Verdict.SUCCEEDED, Verdict.RUNNING)
    return run.verdict == verdict


def _check_known(what: str, name: str, known: set[str]) -> None:
    if name in known:
        return
    there = ", ".join(sorted(known)) or "none"
    raise ValueError(
        f"no run has the {what} {name!r}; there are {there}."
        f"{did_you_mean(name, sorted(known))}"
    )
