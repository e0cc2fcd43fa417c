"""Plans: named reports, ordered together and checked before anything starts."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from itertools import product
from pathlib import Path

from recovery_research._checks import did_you_mean
from recovery_research.paths import project_root, reports_folder
from recovery_research.reports.checked_parameters import Layer, choose_parameters
from recovery_research.reports.parameter_files import find_named_notebook, read_data
from recovery_research.reports.plan_schema import (
    DefaultsTable,
    LimitsTable,
    PlanFile,
    ReportTable,
    RetriesTable,
    name_table,
    read_tables,
)
from recovery_research.reports.provenance import hash_bytes
from recovery_research.reports.records import PlanRecord
from recovery_research.reports.run_request import (
    LONGEST_NAME,
    Limits,
    Retries,
    RunRequest,
    check_report_name,
    prepare_request,
)


class PlanError(ValueError):
    """A plan that cannot be used; every mistake found in it, one a line."""


@dataclass(frozen=True, slots=True)
class PlannedReport:
    """One report of a plan.

    Attributes
    ----------
    name : str
        Name it is filed under.
    entry : str
        Table of the plan it comes from.
    request : RunRequest
        What to run, checked.
    always_run : bool
        Whether it is run though nothing has changed.
    notify : dict
        The entry's own table of that name.
    """

    name: str
    entry: str
    request: RunRequest
    always_run: bool = False
    notify: dict = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, checked.

    Attributes
    ----------
    file : Path
        Where it was read.
    reports : Path
        Folder of reports.
    jobs : int or None
        Most reports to run at a time; None for one on each core.
    memory_bytes : int or None
        Most memory to plan with; None for what is free.
    entries : tuple of PlannedReport
        What to run, in the order of the file.
    tables : PlanFile
        The file as it was read, with ``notify`` and ``schedule``.
    """

    file: Path
    reports: Path
    jobs: int | None
    memory_bytes: int | None
    entries: tuple[PlannedReport, ...]
    tables: PlanFile = field(repr=False)

    def choose(self, names: Sequence[str]) -> tuple[PlannedReport, ...]:
        """Return the reports of some names; all if none is named."""
        known = [e.name for e in self.entries] + [e.entry for e in self.entries]
        for name in names:
            if name not in known:
                there = ", ".join(dict.fromkeys(e.entry for e in self.entries))
                raise PlanError(
                    f"{self.file.name}: no report {name!r}; there are {there}."
                    f"{did_you_mean(name, known)}"
                )
        wanted = set(names)
        return tuple(
            e for e in self.entries if not wanted or wanted & {e.name, e.entry}
        )


def read_plan(
    path: str | Path,
    *,
    reports: str | Path | None = None,
    project: str | Path | None = None,
) -> Plan:
    """Read a plan and check all of it; nothing is started."""
    path = Path(path)
    content, document = _read_file(path)
    tables, mistakes = read_tables(document)
    if tables is None:
        raise _refuse(path, mistakes)
    home = path.resolve().parent
    project = project or project_root(home) or home
    desk = _Desk(path, hash_bytes(content), home, project, tables.defaults)
    entries, mistakes = _request_all(tables, desk)
    mistakes += _find_clashes(entries)
    if mistakes:
        raise _refuse(path, mistakes)
    if reports is None and tables.plan.reports is not None:
        reports = home / tables.plan.reports
    return Plan(
        file=path.resolve(),
        reports=reports_folder(reports, project=project),
        jobs=tables.plan.jobs,
        memory_bytes=_read_megabytes(tables.plan.memory_mb),
        entries=tuple(entries),
        tables=tables,
    )


@dataclass(frozen=True, slots=True)
class _Desk:
    """What is the same for every request of a plan."""

    file: Path
    sha256: str
    home: Path
    project: str | Path
    defaults: DefaultsTable


def _read_file(path: Path) -> tuple[bytes, dict]:
    try:
        content = path.read_bytes()
        return content, tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise PlanError(f"cannot read the plan {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path.name}: is not TOML: {error}") from None


def _refuse(path: Path, mistakes: list[str]) -> PlanError:
    return PlanError("\n".join(f"{path.name}: {mistake}" for mistake in mistakes))


def _request_all(
    tables: PlanFile, desk: _Desk
) -> tuple[list[PlannedReport], list[str]]:
    entries: list[PlannedReport] = []
    mistakes: list[str] = []
    for name, table in tables.reports.items():
        try:
            check_report_name(name)
            entries += _request_entry(name, table, desk)
        except ValueError as error:
            where = name_table("reports", name)
            mistakes += [f"{where} {line}" for line in str(error).splitlines()]
    return entries, mistakes


def _request_entry(name: str, table: ReportTable, desk: _Desk) -> list[PlannedReport]:
    bare = _prepare(name, table, desk)
    taken = table.parameters.keys() | table.grid.keys()
    sources, given = read_data(table.data, taken, bare.notebook, desk.home)
    _check_each(table, bare)
    origin = f"plan {desk.file.name}"
    made = []
    for report, combination in lay_out_grid(name, table.grid).items():
        layers = [
            Layer(origin, table.parameters, folder=desk.home),
            Layer(origin, given),
            Layer(f"{origin}, grid", combination, folder=desk.home),
        ]
        request = _prepare(report, table, desk, layers, sources)
        plan = PlanRecord(
            file=desk.file.name,
            sha256=desk.sha256,
            entry=name,
            grid={key: request.values()[key] for key in combination},
        )
        request = replace(request, plan=plan, data_as_of=_read_moment(table.data_as_of))
        made.append(
            PlannedReport(report, name, request, table.always_run, dict(table.notify))
        )
    return made


def _prepare(
    report: str,
    table: ReportTable,
    desk: _Desk,
    layers: Sequence[Layer] = (),
    sources: dict[str, str] | None = None,
) -> RunRequest:
    return prepare_request(
        find_named_notebook(table.notebook, desk.home),
        layers,
        profile=table.profile or desk.defaults.profile,
        limits=_read_limits(table.limits or LimitsTable(), desk.defaults.limits),
        project=desk.project,
        report=report,
        retries=_read_retries(table.retries or desk.defaults.retries),
        sources=sources,
    )


def _check_each(table: ReportTable, bare: RunRequest) -> None:
    """Check every parameter and every value of the grid by itself.

    One mistake a line, so that all of them are seen at once.
    """
    declared, mistakes = bare.notebook.parameters, []
    given = [("parameters", name, value) for name, value in table.parameters.items()]
    for name, values in table.grid.items():
        if name in table.parameters:
            mistakes.append(f"grid: {name} stands in parameters, too.")
        given += [("grid", name, value) for value in values]
    for place, name, value in given:
        try:
            choose_parameters(declared, [Layer(place, {name: value})])
        except ValueError as error:
            mistakes.append(str(error))
    if mistakes:
        raise PlanError("\n".join(mistakes))


def _find_clashes(entries: list[PlannedReport]) -> list[str]:
    seen: dict[str, PlannedReport] = {}
    mistakes = []
    for entry in entries:
        other = seen.setdefault(entry.name.lower(), entry)
        if other is not entry:
            mistakes.append(
                f"{name_table('reports', entry.entry)} and "
                f"{name_table('reports', other.entry)} would both be filed under "
                f"{entry.name!r}."
            )
    return mistakes


def _read_limits(own: LimitsTable, default: LimitsTable) -> Limits:
    merged = default.model_dump() | own.model_dump(exclude_unset=True)
    return Limits(
        merged["cell_seconds"],
        merged["run_seconds"],
        _read_megabytes(merged["memory_mb"]),
    )


def _read_retries(table: RetriesTable) -> Retries:
    return Retries(table.times, table.wait_seconds, tuple(table.errors))


def _read_megabytes(megabytes: float | None) -> int | None:
    return None if megabytes is None else int(megabytes * 1e6)


def _read_moment(moment: date | None) -> datetime | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


LARGEST_GRID = 1000
_UNFIT = re.compile(r"[^A-Za-z0-9]+")


def lay_out_grid(entry: str, grid: dict[str, list]) -> dict[str, dict[str, object]]:
    """Return every combination of a grid under the name of its report.

    Examples
    --------
    >>> list(lay_out_grid("loyalty", {"world": ["claims"], "share": [0.25, -1]}))
    ['loyalty--world-claims--share-0_25', 'loyalty--world-claims--share-minus1']
    """
    for name, values in grid.items():
        written = [json.dumps(value, default=str) for value in values]
        twice = [text for text, count in Counter(written).items() if count > 1]
        if twice:
            raise ValueError(f"{name}: {twice[0]} stands there twice.")
    size = math.prod(len(values) for values in grid.values())
    if size > LARGEST_GRID:
        raise ValueError(f"{size:,} combinations; allowed are {LARGEST_GRID:,}.")
    combinations = [
        dict(zip(grid, values, strict=True)) for values in product(*grid.values())
    ]
    names = [_name(entry, combination) for combination in combinations]
    counts = Counter(name.lower() for name in names)
    return {
        _tell_apart(name, combination, crowded=counts[name.lower()] > 1): combination
        for name, combination in zip(names, combinations, strict=True)
    }


def _name(entry: str, combination: dict[str, object]) -> str:
    parts = [f"{name}-{_write(value)}" for name, value in combination.items()]
    return "--".join([entry, *parts])


def _write(value: object) -> str:
    if isinstance(value, list):
        return "_".join(_write(element) for element in value)
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    if isinstance(value, int | float):
        text = text.replace("-", "minus")
    return _UNFIT.sub("_", text).strip("_") or "x"


def _tell_apart(name: str, combination: dict[str, object], *, crowded: bool) -> str:
    """Return a name with a hash at its end if it alone would not do."""
    if not crowded and len(name) <= LONGEST_NAME:
        return name
    written = json.dumps(combination, sort_keys=True, default=str)
    return f"{name[: LONGEST_NAME - 9]}-{hash_bytes(written.encode())[:8]}"
