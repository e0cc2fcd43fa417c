"""Plans run: side by side, skipped when nothing changed, again and reproduced."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from fault_runs import TAG, marked
from sample_notebooks import write_notebook

from recovery_research.cli import main
from recovery_research.reports import plan_runs
from recovery_research.reports.after_run import CHECK_FILE, read_check
from recovery_research.reports.history import read_history
from recovery_research.reports.plan_runs import run_plan
from recovery_research.reports.plans import read_plan
from recovery_research.reports.provenance import trace_request
from recovery_research.reports.records import read_record
from recovery_research.reports.run_request import prepare_request
from recovery_research.reports.staging import Shelf

ROOT = Path(__file__).resolve().parents[2]
CELLS = [
    "parameters:n = 1  # how many [1 to 99]\nseed = 5  # luck",
    "import csv, pathlib\nfrom IPython.display import display\n"
    "marks = {'recovery_research': {'kind': 'table', 'name': 'told', 'caption': 'c'}}\n"
    "rows = f'n,twice\\n{n},{2 * n}\\n'\n"
    "print('told', n)\n"
    "display({'text/csv': rows, 'text/plain': 't'}, raw=True, metadata=marks)",
]
PLAN = """
[plan]
reports = "reports"
jobs = 2
[defaults]
retries = { times = 1, wait_seconds = 0 }
[reports.good]
notebook = "./good.ipynb"
grid = { n = [1, 2] }
[reports.bad]
notebook = "./bad.ipynb"
[reports.away]
notebook = "./away.ipynb"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    write_notebook(folder / "good.ipynb", CELLS)
    write_notebook(folder / "bad.ipynb", [*CELLS, "raise ValueError('no')"])
    away = (
        "import pathlib\nseen = pathlib.Path('seen')\nfirst = not seen.exists()\n"
        "seen.touch()\nif first:\n    raise ConnectionRefusedError('nobody there')"
    )
    write_notebook(folder / "away.ipynb", [*CELLS, away])
    write_notebook(folder / "slow.ipynb", [*CELLS, "import time; time.sleep(60)"])
    (folder / "plan.toml").write_text(PLAN)
    slow = '[plan]\nreports = "slow"\n[reports.slow]\nnotebook = "./slow.ipynb"\n'
    (folder / "slow.toml").write_text(slow)
    return folder


@pytest.fixture(scope="module")
def first(home):
    return run_plan(read_plan(home / "plan.toml"))


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "recovery_research", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), TAG: str(os.getpid())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def call(*arguments):
    result = CliRunner().invoke(main.main, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def await_cell(folder, name, text="cell 3", seconds=60):
    """Wait until a staged run's log says something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for log in folder.glob(f"{name}/.staging/*/run.log"):
            if text in log.read_text():
                return log
        time.sleep(0.05)
    raise AssertionError(f"{name} never came to {text}")


@pytest.mark.fault(
    event="One report of a plan fails",
    survives="every other report",
)
def test_one_failure_stops_no_other_and_the_worst_code_counts(first, home):
    verdicts = {end.name: end.verdict for end in first.reports}
    assert verdicts == {
        "good--n-1": "succeeded",
        "good--n-2": "succeeded",
        "bad": "cell failed",
        "away": "succeeded",
    }
    assert first.exit_code == 3
    assert "FAILED  bad: cell failed: ValueError: no" in first.summarise()
    for name in ("good--n-1", "good--n-2", "away"):
        latest = home / "reports/latest" / name
        assert (latest / "report.html").is_file()
        assert (home / f"reports/latest/{name}.html").is_file()
    table = (home / "reports/latest/good--n-2/tables/told.csv").read_text()
    assert table == "n,twice\n2,4\n"


def test_what_can_pass_is_tried_again_and_nothing_else(first, home):
    records = {run.report: run.read() for run in read_history(home / "reports").runs}
    attempts = records["away"].attempts
    assert [a.verdict for a in attempts] == ["cell failed", "succeeded"]
    assert "nobody there" in attempts[0].message
    assert len(records["bad"].attempts) == 1
    assert records["bad"].failure.error == "ValueError"


def test_the_record_holds_what_the_run_was_made_of(first, home):
    record = read_record(home / "reports/latest/good--n-2")
    assert record.plan.entry == "good"
    assert record.plan.grid == {"n": 2}
    assert record.plan.file == "plan.toml"
    assert len(record.key) == 64
    assert set(record.ingredients) >= {"notebook", "parameters", "package", "data"}
    assert 20e6 < record.peak_memory < 2e9
    assert record.total_seconds >= record.seconds > 0
    assert record.ended > record.started
    assert record.key != read_record(home / "reports/latest/good--n-1").key
    log = (home / "reports/latest/good--n-2/run.log").read_text()
    assert "| told 2" in log


def test_nothing_runs_when_nothing_has_changed(first, home):
    plan = read_plan(home / "plan.toml")
    again = run_plan(plan, only=["good", "away"])
    assert again.exit_code == 0
    assert [end.stored for end in again.reports] == [True, True, True]
    assert [e.folder for e in again.reports] == [
        e.folder for e in first.reports if e.name != "bad"
    ]
    # The index says so, for a schedule that finds nothing new would look dead.
    assert (home / "reports/index.html").read_text().count("unchanged on") == 3
    check = again.reports[0].folder / CHECK_FILE
    assert abs(read_check(check.parent) - datetime.now(UTC)) < timedelta(minutes=5)
    for spoilt in ('{"checked": 7}', "[]", "{", '{"checked": "<b>"}'):
        check.write_text(spoilt)
        assert read_check(check.parent) is None
    # A stored table that was changed is no stored answer.
    (again.reports[0].folder / "tables/told.csv").write_text("n,twice\n1,3\n")
    (once_more,) = run_plan(plan, only=["good--n-1"]).reports
    assert not once_more.stored
    assert once_more.folder != again.reports[0].folder


def test_fail_fast_starts_nothing_more(home):
    text = PLAN.replace("[reports.good]", "[reports.zzz]").replace(
        "jobs = 2", "jobs = 1"
    )
    request = text.split("[reports.")
    text = "[reports.".join([request[0], request[2], request[1], request[3]])
    (home / "fast.toml").write_text(text.replace('"reports"', '"fast"'))
    end = run_plan(read_plan(home / "fast.toml"), fail_fast=True)
    assert [e.verdict for e in end.reports] == ["cell failed", *["not run"] * 3]
    assert end.exit_code == 3


def test_a_run_is_run_again_with_other_parameters(first, home):
    reports = ["--reports", home / "reports"]
    result = call("rerun", "good--n-2", "-p", "n=7", *reports)
    assert result.exit_code == 0, result.output
    record = read_record(Path(result.stdout.strip()).parent)
    values = {p.name: (p.value, p.origin) for p in record.parameters}
    assert values["n"] == (7, "command line")
    assert record.rerun_of == first.reports[1].folder.name
    same = call("rerun", record.run_id, *reports)
    assert same.exit_code == 0
    assert Path(same.stdout.strip()).parent.name == record.run_id
    assert "nothing has changed" in same.stderr
    wrong = call("rerun", "good--n-2", "-p", "n=100", *reports)
    assert (wrong.exit_code, "1 to 99" in wrong.output) == (2, True)


def test_a_run_is_reproduced_or_what_differs_is_named(first, home, tmp_path):
    reports = ["--reports", home / "reports"]
    run_id = first.reports[1].folder.name
    before = read_history(home / "reports").runs
    result = call("reproduce", run_id, *reports)
    assert result.exit_code == 0, result.output
    assert "all 1 tables are identical" in result.stdout
    assert read_history(home / "reports").runs == before, "the reports stay as they are"
    changed = [CELLS[0], CELLS[1].replace("2 * n", "3 * n")]
    write_notebook(home / "good.ipynb", changed)
    try:
        result = call("reproduce", run_id, *reports, "--keep", tmp_path)
    finally:
        write_notebook(home / "good.ipynb", CELLS)
    assert result.exit_code == 9
    assert "these tables differ: told" in result.stdout
    assert "code: notebook: " in result.stdout
    (kept,) = read_history(tmp_path).runs
    diff = call("diff", run_id, kept.folder, *reports)
    assert diff.exit_code == 9
    assert "row 1: twice: 4 -> 6" in diff.stdout


def test_a_running_report_is_followed_and_stopped(home):
    process = command("run-all", home / "slow.toml", "--follow")
    await_cell(home / "slow", "slow")
    follower = command("follow", "slow", "--reports", home / "slow")
    begun = follower.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert "slow: | told 1" in said
    assert "slow: cell 3 of 3" in said
    assert "interrupted: stopped by SIGTERM" in out
    heard = follower.stdout.read()
    follower.communicate(timeout=60)
    assert follower.returncode == 143
    assert "slow: started, run" in begun
    assert "| told 1" in heard
    assert "stopped by SIGTERM" in heard
    (run,) = read_history(home / "slow").runs
    assert (run.verdict, run.cell) == ("interrupted", 3)
    assert marked() == []
    assert call("follow", "slow", "--reports", home / "slow").exit_code == 2
    assert call("follow", "slw", "--reports", home / "slow").exit_code == 2


@pytest.mark.fault(
    event="A worker of a plan dies",
    survives="every other report; a record that says so",
)
def test_a_worker_that_dies_costs_its_report_only(home):
    text = (home / "slow.toml").read_text().replace('"slow"', '"dead"')
    text += '[reports.zgood]\nnotebook = "./good.ipynb"\n'
    text = text.replace("[plan]", "[plan]\njobs = 1")
    (home / "dead.toml").write_text(text)
    process = command("run-all", home / "dead.toml")
    await_cell(home / "dead", "slow")
    worker = next(
        child
        for child in psutil.Process(process.pid).children()
        if "plan_workers" in " ".join(child.cmdline())
    )
    worker.kill()
    out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "slow: interrupted: the process that ran it died (-9)" in out
    assert "zgood: succeeded in" in said
    assert " cell " not in said, "the log of a plan has no line for every cell"
    assert "1 good" in out
    assert marked() == []
    assert Shelf(home / "dead", "zgood").latest() is not None


@pytest.mark.fault(
    event="A file that a report is made of cannot be read",
    survives="every other report of the plan",
)
def test_a_report_whose_parts_cannot_be_read_costs_itself_only(home, monkeypatch):
    text = '[plan]\nreports = "unread"\n[reports.good]\nnotebook = "./good.ipynb"\n'
    text += '[reports.other]\nnotebook = "./good.ipynb"\n'
    (home / "unread.toml").write_text(text)
    trace = plan_runs.trace_request

    def refuse(request):
        if request.report == "good":
            raise PermissionError(13, "Permission denied", "orders.py")
        return trace(request)

    monkeypatch.setattr(plan_runs, "trace_request", refuse)
    end = run_plan(read_plan(home / "unread.toml"))
    assert [(e.name, e.verdict) for e in end.reports] == [
        ("good", "not written"),
        ("other", "succeeded"),
    ]
    assert "Permission denied: 'orders.py'" in end.reports[0].message
    again = run_plan(read_plan(home / "unread.toml"), only=["other"])
    assert again.reports[0].stored, "the locks are free"


def test_a_file_beside_the_notebook_that_leads_nowhere_does_no_harm(tmp_path):
    path = write_notebook(tmp_path / "good.ipynb", CELLS)
    (tmp_path / ".#own.py").symlink_to("user@host.1234")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    (tmp_path / "own.py").write_text("x = 1")
    provenance = trace_request(prepare_request(path))
    assert set(provenance.modules_sha256) == {"own.py"}


@pytest.mark.fault(
    event="A plan's leader is killed",
    survives="no worker and no kernel; the next plan is good",
)
def test_workers_and_kernels_do_not_outlive_a_killed_plan(home):
    text = (home / "slow.toml").read_text().replace('"slow"', '"gone"')
    (home / "gone.toml").write_text(text)
    process = command("run-all", home / "gone.toml")
    await_cell(home / "gone", "slow")
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    process.kill()
    process.communicate(timeout=60)
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    (run,) = read_history(home / "gone").runs
    assert run.verdict == "interrupted"
    assert "SIGTERM" in run.message


@pytest.mark.slow
def test_eight_processes_run_a_plan_at_once(home):
    text = '[plan]\nreports = "eight"\njobs = 1\n[reports.good]\nnotebook = "./good.ipynb"\n'
    (home / "eight.toml").write_text(text)
    crowd = [command("run-all", home / "eight.toml") for _ in range(8)]
    ends = [process.communicate(timeout=120) for process in crowd]
    assert [process.returncode for process in crowd] == [0] * 8, ends
    assert len(read_history(home / "eight").runs) == 1, "the others took its report"
    assert sum("(1 unchanged)" in out for out, _ in ends) == 7
    assert json.loads((home / "eight/good/latest/run.json").read_text())["key"]
