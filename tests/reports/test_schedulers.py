"""Schedules run by the real thing: cron's own line, Airflow, Dagster."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from sample_notebooks import write_notebook
from schedule_files import ROOT, job, need, only_file, run

from recovery_research import paths
from recovery_research.cli import main
from recovery_research.reports.schedules import (
    make_identifier,
    prepare_job,
    write_schedule,
)

AIRFLOW = os.environ.get("RECOVERY_RESEARCH_TEST_AIRFLOW", "")
DAGSTER = os.environ.get("RECOVERY_RESEARCH_TEST_DAGSTER", "")


@pytest.mark.skipif(
    not AIRFLOW,
    reason="NOT TESTED: set RECOVERY_RESEARCH_TEST_AIRFLOW to a Python with Airflow",
)
def test_airflow_imports_the_dag(tmp_path):
    made = write_schedule(job("'; x {{ 1 }} %d", folder=tmp_path), "airflow")
    (tmp_path / "dag.py").write_text(only_file(made))
    code = (
        "import runpy, json; d = runpy.run_path('dag.py')['dag']; "
        "print(json.dumps([d.dag_id, d.max_active_runs, [t.task_id for t in d.tasks]]))"
    )
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "home")}
    environment.pop("PYTHONPATH", None)
    said = run(AIRFLOW, "-c", code, cwd=tmp_path, env=environment)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout.splitlines()[-1]) == ["x-1-d", 1, ["run_all"]]


@pytest.mark.skipif(
    not DAGSTER,
    reason="NOT TESTED: set RECOVERY_RESEARCH_TEST_DAGSTER to a Python with Dagster",
)
def test_dagster_loads_the_job(tmp_path):
    made = write_schedule(job("week ly", folder=tmp_path), "dagster")
    (tmp_path / "made.py").write_text(only_file(made))
    code = (
        "import runpy; d = runpy.run_path('made.py')['defs']; "
        "print(d.get_job_def('week_ly').name, "
        "d.get_schedule_def('week_ly_schedule').cron_schedule)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    said = run(DAGSTER, "-c", code, cwd=tmp_path, env=environment)
    assert said.stdout.splitlines()[-1:] == ["week_ly 0 6 * * 1-5"], said.stderr


# ----------------------------------------------------------- the real thing, once


@pytest.fixture
def project(tmp_path):
    """A project whose plan has an awkward name, and reports in another place."""
    home = tmp_path / "read only & 100%"
    (home / "notebooks").mkdir(parents=True)
    (home / paths.PROJECT_FILE).write_text("")
    cells = ["md:# T", "parameters:n = 1  # how many", "assert n < 2, 'too many'"]
    write_notebook(home / "notebooks" / "02-x.ipynb", cells)
    plan = home / "it's a 'plan' $HOME.toml"
    plan.write_text(
        f"[plan]\nreports = {json.dumps(str(tmp_path / 'the reports'))}\n"
        '[schedule]\nat = "30 5 * * mon"\n'
        '[reports.one]\nnotebook = "02-x"\n'
        '[reports.two]\nnotebook = "02-x"\nparameters = {n = 2}\n'
    )
    return plan


def test_the_generated_cron_line_runs_the_plan_with_nothing_around_it(
    project, tmp_path, monkeypatch
):
    """`env -i`, no HOME, LANG=C, a checkout that is read-only, another directory."""
    if "PYTHONPATH" not in os.environ:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
    arguments = ["schedule", str(project), "--as", "cron", "--output", str(tmp_path)]
    made = CliRunner().invoke(main.main, arguments)
    assert made.exit_code == 0, made.output
    file = Path(made.output.strip())
    line = file.read_text().splitlines()[-1]
    assert line.startswith("30 5 * * mon  ")
    command = line.split("  ", 1)[1].replace(r"\%", "%")
    again = CliRunner().invoke(main.main, arguments)
    assert (again.exit_code, "is there" in again.output) == (2, True)

    for path in (project.parent, *project.parent.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    before = {p: p.stat().st_mtime_ns for p in project.parent.rglob("*")}
    said = run(
        *("env", "-i", "LANG=C", "/bin/sh", "-c", command), cwd=elsewhere, timeout=300
    )
    for path in (project.parent, *project.parent.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    reports = tmp_path / "the reports"
    log = (reports / f"{make_identifier(project.stem)}.log").read_text()
    assert said.returncode == 3, log + said.stderr
    assert said.stdout.startswith("the reports of "), "one line, so that cron mails it"
    assert "2 reports: 1 good" in log
    assert len(list((reports / "one").glob("2*/report.html"))) == 1
    assert len(list((reports / "two" / "failed").glob("2*/report.html"))) == 1
    index = (reports / "index.html").read_text()
    assert "too many" in index
    assert {p: p.stat().st_mtime_ns for p in project.parent.rglob("*")} == before
    assert not list(elsewhere.iterdir())

    # The lock: while somebody holds it the run is left out, and says so by its code.
    flock = need("flock")
    held = reports / f".{make_identifier(project.stem)}.lock"
    busy = run(flock, held, "env", "-i", "/bin/sh", "-c", command, cwd=elsewhere)
    assert busy.returncode == 75


def test_a_wrong_plan_or_time_writes_nothing(project, tmp_path):
    def call(*arguments):
        arguments = ["schedule", *arguments, "--output", str(tmp_path / "out")]
        result = CliRunner().invoke(main.main, arguments)
        assert result.exit_code == 2
        assert not (tmp_path / "out").exists()
        return result.output

    plan = str(project)
    assert "no minute for cron" in call(plan, "--as", "cron", "--at", "61 * * * *")
    assert "'fax' is not one of" in call(plan, "--as", "fax")
    assert "cannot read the plan" in call(str(tmp_path / "none.toml"), "--as", "cron")
    project.write_text(project.read_text().replace("at = ", "when = "))
    assert "[schedule] has no key 'when'; got '30 5 * * mon'; allowed are at" in call(
        plan, "--as", "cron"
    )
    project.write_text(
        project.read_text().replace("when = ", "at = ")
        + '[notify]\nurls_from = ["json://secret-address"]\n'
    )
    said = call(plan, "--as", "cron")
    assert "[notify] urls_from: Value error, write the name of an" in said
    assert "secret-address" not in said


def test_the_times_are_those_of_the_plan_unless_told_otherwise(project):
    assert prepare_job(project).timetable.text == "30 5 * * mon"
    assert prepare_job(project, at="1 2 * * *").timetable.hours == (2,)
