"""Schedules of plans for cron, systemd and others, quoted so that text stays text."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from recovery_research import __version__
from recovery_research.paths import PACKAGE, source_root
from recovery_research.reports.cron_times import Timetable, read_timetable
from recovery_research.reports.notifications import read_notify
from recovery_research.reports.plan_schema import ScheduleTable
from recovery_research.reports.plans import PlanError, read_plan

_UNFIT = {"Cc", "Cs", "Zl", "Zp"}
_BESIDE_WORDS = re.compile(r"[^A-Za-z0-9]+")
_CI_PATH = re.compile(r"[\w./ -]+")


class Quoted(str):
    """A text that is quoted for the file it goes into."""

    __slots__ = ()


def check_line(text: str, what: str) -> str:
    """Return a text that fits one line of any file."""
    if not text or any(unicodedata.category(letter) in _UNFIT for letter in text):
        raise ValueError(
            f"{what}: {text!r} cannot stand in a schedule: it is empty, or holds a "
            "line's end or another character that cannot be seen."
        )
    return text


def quote_shell(words: list[str]) -> Quoted:
    """Quote the words of a command for a POSIX shell."""
    return Quoted(shlex.join(words))


def quote_cron(command: str) -> Quoted:
    r"""Quote a shell command for a line of a crontab, where a percent sign ends it.

    Examples
    --------
    >>> print(quote_cron("date +%F"))
    date +\%F
    """
    return Quoted(command.replace("%", r"\%"))


def quote_systemd(words: list[str]) -> Quoted:
    r"""Quote the words of a command for ``ExecStart``.

    Examples
    --------
    >>> print(quote_systemd(["/bin/echo", 'a "b" $c 5%']))
    "/bin/echo" "a \"b\" $$c 5%%"
    """
    return Quoted(" ".join(_quote_unit(word).replace("$", "$$") for word in words))


def quote_setting(text: str) -> Quoted:
    """Quote a whole line's value for a unit file, such as a path."""
    return Quoted(text.replace("%", "%%"))


def quote_assignment(text: str) -> Quoted:
    """Quote ``NAME=value`` for ``Environment`` in a unit file."""
    return Quoted(_quote_unit(text))


def quote_yaml(text: str) -> Quoted:
    """Quote a text for YAML."""
    # JSON's strings are YAML's double-quoted ones.
    return Quoted(json.dumps(text))


def quote_python(value: object) -> Quoted:
    """Write a value as a literal of Python."""
    return Quoted(ascii(value))


def quote_comment(text: str) -> Quoted:
    """Return a checked line for a comment."""
    # A docstring or a comment is ended by none of these once the line is one line.
    return Quoted(check_line(text, "a comment"))


def make_identifier(text: str, between: str = "-") -> str:
    """Return a name for units, jobs and functions: letters, digits, one separator.

    Examples
    --------
    >>> make_identifier("7 o'clock; rm -rf", "_")
    'reports_7_o_clock_rm_rf'
    """
    plain = _BESIDE_WORDS.sub(between, text).strip(between).lower()
    if not plain or not plain[0].isalpha():
        plain = f"reports{between}{plain}".rstrip(between)
    return plain[:60].rstrip(between)


def check_ci_path(text: str) -> str:
    """Return a path that no service reads as an expression or a variable."""
    if not _CI_PATH.fullmatch(text) or text.startswith("-"):
        raise ValueError(
            f"a workflow can name a plan by letters, digits, spaces and . _ - / only; "
            f"got {text!r}."
        )
    return text


def _quote_unit(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def prepare_job(
    plan_file: Path,
    *,
    at: str | None = None,
    reports: Path | None = None,
    project: Path | None = None,
) -> Job:
    """Read a plan, check all of it, and say when and how it is to be run by itself."""
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


# Debian's cron reads no longer command.
LONGEST_CRON_LINE = 998
EXIT_HELD = 75
STOPPING_SECONDS = 60
# GitHub ends its own machines' jobs after so long.
LONGEST_GITHUB_MINUTES = 360
# Both are handed their words, so that no path is read as a command.
INTO_LOG = ["/bin/sh", "-c", 'exec "$@" >> "$0" 2>&1']
# Variables that come so are in the environment of no program that waits.
WITH_SECRETS = ["sh", "-c", '[ ! -r "$0" ] || { set -a; . "$0"; }; exec "$@"']
# Template of each file and the file's name; NAME stands for that of the plan.
KINDS = {
    "cron": {"cron.j2": "NAME.cron"},
    "systemd": {"service.j2": "NAME.service", "timer.j2": "NAME.timer"},
    "github-actions": {"github.j2": "NAME.yml"},
    "gitlab-ci": {"gitlab.j2": "NAME.gitlab-ci.yml"},
    "airflow": {"airflow.j2": "NAME_dag.py"},
    "dagster": {"dagster.j2": "NAME_dagster.py"},
}
_CI_KINDS = ("github-actions", "gitlab-ci")


@dataclass(frozen=True, slots=True)
class Job:
    """A plan that is run by itself.

    Attributes
    ----------
    plan : Path
        The plan, absolute.
    reports : Path
        Folder of its reports, absolute.
    timetable : Timetable
        When it is run.
    variables : tuple of str
        Environment variables that its notices need.
    limit_seconds : int
        How long a run of the whole plan may take.
    """

    plan: Path
    reports: Path
    timetable: Timetable
    variables: tuple[str, ...] = ()
    limit_seconds: int = 12 * 3600

    @property
    def name(self) -> str:
        """Name of units, jobs and files."""
        return make_identifier(self.plan.stem)

    @property
    def log(self) -> Path:
        """Where everything that is said goes."""
        return self.reports / f"{self.name}.log"

    @property
    def lock(self) -> Path:
        """Held while the plan runs, so that two runs of it never overlap."""
        return self.reports / f".{self.name}.lock"

    @property
    def secrets(self) -> Path:
        """File that holds the variables, ``NAME='value'`` a line."""
        return self.plan.with_name(f"{self.plan.name}.env")

    def lock_words(self) -> list[str]:
        """Return the words before a command that leave it out while it runs already."""
        flock = shutil.which("flock")
        # -F: without a fork, so that a signal to it reaches the program.
        options = ["-nF", "-E", str(EXIT_HELD)]
        return [flock, *options, str(self.lock)] if flock else []

    def limit_words(self) -> list[str]:
        """Return the words before a command that end it when its time is up."""
        timeout = shutil.which("timeout")
        # To the program alone and once: it passes the signal on to its reports.
        options = ["--foreground", "-k", str(STOPPING_SECONDS)]
        return [timeout, *options, str(self.limit_seconds)] if timeout else []

    def run_words(self) -> list[str]:
        """Return the command that runs the plan, by absolute paths."""
        run = ["-m", "recovery_research", "run-all", str(self.plan)]
        return [sys.executable, *run, "--reports", str(self.reports)]

    def command(self) -> list[str]:
        """Return the command that runs the plan under its lock."""
        return [*self.lock_words(), *self.run_words()]

    def environment(self) -> dict[str, str]:
        """Return the variables without which the package is not found."""
        try:
            version("recovery-research")
        except PackageNotFoundError:
            return {"PYTHONPATH": str(PACKAGE.parent)}
        return {}


def write_schedule(job: Job, kind: str) -> dict[str, str]:
    """Write the files that have a plan run by itself."""
    for what in (job.plan, job.reports, Path(sys.executable), PACKAGE):
        check_line(str(what), "a path")
    facts = _gather_facts(job)
    if kind in _CI_KINDS:
        facts |= _gather_ci_facts(job)
    made = {}
    for template, file in KINDS[kind].items():
        text = _environment().get_template(template).render(facts)
        made[file.replace("NAME", job.name)] = text
    if kind == "cron":
        _check_length(made)
    return made


def find_repository(plan: Path) -> Path:
    """Return the root of the git repository around a plan."""
    for folder in plan.parents:
        if (folder / ".git").exists():
            return folder
    raise ValueError(f"{plan} is in no git repository; a CI service would not find it.")


def _gather_facts(job: Job) -> dict[str, object]:
    surroundings, command = job.environment(), job.command()
    return {
        "name": job.name,
        "function": make_identifier(job.plan.stem, "_"),
        "plan": str(job.plan),
        "reports": str(job.reports),
        "log": str(job.log),
        "cron": job.timetable.text,
        "calendar": job.timetable.to_calendar(),
        "command": command,
        "service": [*INTO_LOG, str(job.log), *command],
        "secrets": str(job.secrets),
        "line": _write_line(job),
        "seconds": job.limit_seconds,
        "minutes": max(1, job.limit_seconds // 60),
        "github_minutes": min(max(1, job.limit_seconds // 60), LONGEST_GITHUB_MINUTES),
        "held": EXIT_HELD,
        "surroundings": surroundings,
        "assignments": [f"{name}={value}" for name, value in surroundings.items()],
        "variables": list(job.variables),
        "made_by": f"recovery-research {__version__}",
        "today": datetime.now(UTC),
    }


def _write_line(job: Job) -> str:
    """Write the command for a shell; each path once, for a line has an end."""
    short = {
        str(job.plan): '"$P"',
        str(job.secrets): '"$P".env',
        str(job.reports): '"$R"',
        str(job.lock): f'"$R"/.{job.name}.lock',
    }
    given = [f"{name}={value}" for name, value in job.environment().items()]
    words = [*(["env", *given] if given else []), *job.lock_words(), *job.limit_words()]
    words += [*WITH_SECRETS, str(job.secrets)] if job.variables else []
    words += job.run_words()
    command = " ".join(short.get(word) or quote_shell([word]) for word in words)
    names = f"R={quote_shell([str(job.reports)])}; P={quote_shell([str(job.plan)])};"
    log = f'"$R"/{job.name}.log'
    said = f'"the reports of $P failed; see $R/{job.name}.log; exit code $c"'
    # Left out while the run before is not over: that is no failure to mail about.
    aloud = f"{{ c=$?; [ $c = {EXIT_HELD} ] || echo {said}; exit $c; }}"
    return f'{names} mkdir -p "$R" && cd / && {command} >> {log} 2>&1 || {aloud}'


def _gather_ci_facts(job: Job) -> dict[str, object]:
    root = find_repository(job.plan)
    own = source_root() == root
    return {
        "plan": check_ci_path(job.plan.relative_to(root).as_posix()),
        "package": "." if own else f"recovery-research[all]=={__version__}",
    }


def _check_length(made: dict[str, str]) -> None:
    longest = max(len(line) for text in made.values() for line in text.splitlines())
    if longest > LONGEST_CRON_LINE:
        raise ValueError(
            f"the line for cron would be {longest} characters long and cron reads "
            f"{LONGEST_CRON_LINE}; use shorter paths, or --as systemd."
        )


def _demand_quoted(value: object) -> str:
    """Refuse to write anything into a schedule that no filter has quoted."""
    if not isinstance(value, Quoted):
        raise TypeError(f"{value!r} would be written without quotes")
    return value


@cache
def _environment() -> Environment:
    folder = files("recovery_research.reports") / "templates" / "schedules"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text("utf-8")),
        autoescape=False,  # these are no pages; every value passes a filter instead
        finalize=_demand_quoted,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        assignment=quote_assignment,
        comment=quote_comment,
        cron=quote_cron,
        python=quote_python,
        setting=quote_setting,
        shell=quote_shell,
        systemd=quote_systemd,
        yaml=quote_yaml,
        number=lambda number: Quoted(int(number)),
        word=lambda text: Quoted(make_identifier(text, "_")),
        name=lambda text: Quoted(make_identifier(text)),
        variable=lambda text: Quoted(text if text.isidentifier() else 1 / 0),
    )
    return environment
