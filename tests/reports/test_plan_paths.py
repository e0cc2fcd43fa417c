"""Relative paths of a plan: the same files whoever runs it, and from wherever."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from customer_files import ROWS, write_rows
from sample_notebooks import write_notebook
from schedule_files import ROOT, need, run

from recovery_research import paths
from recovery_research.cli import main
from recovery_research.reports.checked_parameters import Layer
from recovery_research.reports.notifications import Teller
from recovery_research.reports.plan_progress import ReportEnd
from recovery_research.reports.plans import PlanError, read_plan
from recovery_research.reports.run_request import prepare_request

READS = [
    "md:# T",
    'parameters:source = "example"  # a file\nmapping = "example"  # a mapping\n'
    'extra = ""  # another file\nword = "plans"  # a word\nmany = ["a"]  # files',
    "import recovery_research as rr\n"
    "n = len(rr.read_customers(source, mapping=mapping).customers)\n"
    "print('rows', n, open(extra).read() if extra else '')",
]
MAPPING = """\
shape = "customers"
[columns]
problem = "problem"
resolved = "resolved"
[outcomes]
spend = { column = "spend_90", kind = "amount" }
"""
PLAN = """\
[reports.mine]
notebook = "01-mine"
[reports.mine.parameters]
source = "mine.csv"
mapping = "maps/mine.toml"
extra = "note.txt"
word = "maps"
many = ["note.txt", "none.txt", "maps/mine.toml"]
"""


@pytest.fixture
def project(tmp_path):
    home = tmp_path / "a project"
    (home / "notebooks").mkdir(parents=True)
    (home / "plans" / "maps").mkdir(parents=True)
    (home / paths.PROJECT_FILE).write_text("")
    write_notebook(home / "notebooks" / "01-mine.ipynb", READS)
    write_rows(home / "plans" / "mine.csv", ROWS)
    (home / "plans" / "maps" / "mine.toml").write_text(MAPPING)
    (home / "plans" / "note.txt").write_text("beside the plan")
    (home / "plans" / "weekly.toml").write_text(PLAN)
    return home


def folders(project, tmp_path):
    decoy = tmp_path / "decoy"
    decoy.mkdir()
    # Other files of the same names, where whoever runs the plan happens to be.
    write_rows(decoy / "mine.csv", ROWS[:1])
    (decoy / "note.txt").write_text("a decoy")
    return [Path("/"), decoy, tmp_path, project, project / "plans"]


def test_a_plan_means_the_same_files_from_every_folder(project, tmp_path, monkeypatch):
    told = set()
    for folder in folders(project, tmp_path):
        monkeypatch.chdir(folder)
        (entry,) = read_plan(project / "plans" / "weekly.toml").entries
        told.add(json.dumps(entry.request.values()))
    (told,) = told
    assert json.loads(told) == {
        "source": "../plans/mine.csv",
        "mapping": "../plans/maps/mine.toml",
        "extra": "../plans/note.txt",
        "word": "maps",
        "many": ["../plans/note.txt", "none.txt", "../plans/maps/mine.toml"],
    }


def test_a_file_of_the_plan_is_not_looked_for_where_somebody_is(
    project, tmp_path, monkeypatch
):
    (project / "plans" / "mine.csv").rename(tmp_path / "mine.csv")
    monkeypatch.chdir(tmp_path)
    plan = project / "plans" / "weekly.toml"
    with pytest.raises(PlanError, match=r"source: there is no file 'mine\.csv'; look"):
        read_plan(plan)
    # Beside the project's notebooks, in it or its data everybody finds it.
    for place in ("", "data", "notebooks"):
        (project / place).mkdir(exist_ok=True)
        kept = shutil.copy(tmp_path / "mine.csv", project / place)
        (entry,) = read_plan(plan).entries
        told = entry.request.values()["source"]
        assert (project / "notebooks" / told).resolve() == Path(kept)
        Path(kept).unlink()


def test_on_the_command_line_a_path_starts_from_the_current_folder(
    project, monkeypatch
):
    notebook = project / "notebooks" / "01-mine.ipynb"
    write_rows(project / "notebooks" / "mine.csv", ROWS[:1])  # a decoy
    monkeypatch.chdir(project / "plans")
    given = {"source": "mine.csv", "mapping": "./maps/mine.toml"}
    layer = Layer("command line", given, as_text=True, folder=Path.cwd())
    request = prepare_request(notebook, [layer], project=project)
    assert request.values()["source"] == "../plans/mine.csv"
    file = project / "plans" / "with.toml"
    file.write_text('source = "mine.csv"\nmapping = "maps/mine.toml"\n')
    monkeypatch.chdir("/")
    request = prepare_request(notebook, parameters_file=file, project=project)
    assert request.values()["mapping"] == "../plans/maps/mine.toml"


def test_what_is_no_relative_path_stays_as_it_is(project):
    notebook = project / "notebooks" / "01-mine.ipynb"
    for source in ("example", "env:NOT_THERE", "sqlite:///mine.db", str(ROOT / "x")):
        layer = Layer("plan", {"source": source}, folder=project / "plans")
        try:
            request = prepare_request(notebook, [layer], project=project)
            assert request.values()["source"] == source
        except ValueError as error:
            assert source.removeprefix("env:") in str(error)  # noqa: PT017
    for odd in ("\0", "x" * 5000 + ".csv", "", "/", ".", "~x/y.z", "a\nb.c"):
        layer = Layer("plan", {"extra": odd, "word": odd}, folder=project / "plans")
        try:
            request = prepare_request(notebook, [layer], project=project)
        except ValueError as error:
            assert "characters that no file" in str(error)  # noqa: PT017
        else:
            assert {request.values()["extra"], request.values()["word"]} <= {
                odd,
                "../plans",
                "/",
            }


def generate(plan, kind, out):
    arguments = ["schedule", str(plan), "--as", kind, "--output", str(out)]
    made = CliRunner().invoke(main.main, arguments)
    assert made.exit_code == 0, made.output
    return [Path(line) for line in made.output.splitlines()]


def read_unit(file):
    """Return a unit's directives, as systemd would: comments off, names with lists."""
    found = {}
    for line in file.read_text().splitlines():
        if line and line[0] not in "#;[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def unit_words(value):
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', value)
    plain = [re.sub(r"\\(.)", r"\1", quoted) or bare for quoted, bare in words]
    return [word.replace("%%", "%").replace("$$", "$") for word in plain]


def start_unit(unit):
    """Do what systemd does, in its order: open the output, then the steps."""
    for way in ("StandardOutput", "StandardError"):
        kind, _, path = unit.get(way, ["journal"])[0].partition(":")
        if kind in ("append", "file", "truncate"):
            open(path, "ab").close()
    assigned = [unit_words(value)[0] for value in unit.get("Environment", [])]
    environment = dict(each.split("=", 1) for each in assigned)
    for step in (*unit.get("ExecStartPre", []), *unit["ExecStart"]):
        done = subprocess.run(
            unit_words(step), env=environment, cwd="/", capture_output=True, check=False
        )
        if done.returncode:
            break
    return done.returncode


def test_the_unit_starts_on_a_fresh_folder_and_ends(project, tmp_path, monkeypatch):
    if "PYTHONPATH" not in os.environ:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
    plan = project / "plans" / "weekly.toml"
    plan.write_text(
        "[plan]\nreports = 'deep/fresh'\n[schedule]\nlimit_hours = 2\n" + PLAN
    )
    file, _ = generate(plan, "systemd", tmp_path)
    unit = read_unit(file)
    assert unit["TimeoutStartSec"] == ["7200"]
    assert unit["SuccessExitStatus"] == ["75"]
    assert unit["Type"] == ["oneshot"]
    # Whatever the program is: what it says and its code come through.
    words = unit_words(unit["ExecStart"][0])
    end = words.index("-m")
    said = ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"]
    unit["ExecStart"] = [" ".join(f'"{w}"'.replace("$", "$$") if '"' not in w else
                         '"' + w.replace('"', r'\"').replace("$", "$$") + '"'
                         for w in [*words[: end - 1], *said])]  # fmt: skip
    assert start_unit(unit) == 3
    reports = project / "plans" / "deep" / "fresh"
    assert sorted((reports / "weekly.log").read_text().split()) == ["err", "out"]
    flock = need("flock")
    with subprocess.Popen([flock, str(reports / ".weekly.lock"), "cat"],
                          stdin=subprocess.PIPE) as holder:  # fmt: skip
        while run(flock, "-n", str(reports / ".weekly.lock"), "true").returncode == 0:
            pass
        assert start_unit(unit) == 75
        holder.stdin.close()


@pytest.mark.slow
def test_what_is_generated_runs_from_every_folder(project, tmp_path, monkeypatch):
    if "PYTHONPATH" not in os.environ:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
    plan = project / "plans" / "weekly.toml"
    (file,) = generate(plan, "cron", tmp_path)
    command = file.read_text().splitlines()[-1].split("  ", 1)[1].replace(r"\%", "%")
    service, _ = generate(plan, "systemd", tmp_path)
    log = project / "reports" / "weekly.log"
    runs = [
        lambda f=folder: run("env", "-i", "/bin/sh", "-c", command, cwd=f).returncode
        for folder in folders(project, tmp_path)[:3]
    ]
    runs.append(lambda: start_unit(read_unit(service)))
    for number, start in enumerate(runs):
        assert start() == 0, log.read_text()
        folders_kept = sorted((project / "reports" / "mine").glob("2*"))
        assert len(folders_kept) == 1, "the same files, so that nothing has changed"
        assert log.read_text().count("1 good") == number + 1
    record = json.loads((folders_kept[0] / "run.json").read_text())
    assert record["verdict"] == "succeeded"
    said = (folders_kept[0] / "report.html").read_text()
    assert re.search(r"rows [1-9] beside the plan", said)


def test_cron_hears_of_a_failure_and_of_a_run_too_long_but_of_no_overlap(
    project, tmp_path
):
    need("flock"), need("timeout")
    plan = project / "plans" / "weekly.toml"
    plan.write_text(PLAN + "[schedule]\nlimit_hours = 0.0003\n")
    (file,) = generate(plan, "cron", tmp_path)
    command = file.read_text().splitlines()[-1].split("  ", 1)[1].replace(r"\%", "%")
    program = re.search(
        r"(\S*python\S*) -m recovery_research run-all \S+ --reports \S+", command
    )
    for does, code, mailed in (
        ("true", 0, ""),
        ("sh -c 'exit 3'", 3, "the reports of"),
        ("sleep 30", 124, "exit code 124"),
    ):
        line = command.replace(program[0], does)
        done = run("env", "-i", "/bin/sh", "-c", line)
        assert (done.returncode, done.stderr) == (code, "")
        assert mailed in done.stdout
        assert bool(done.stdout) == bool(mailed)
    flock = need("flock")
    lock = project / "reports" / ".weekly.lock"
    busy = run(flock, lock, "env", "-i", "/bin/sh", "-c", command)
    assert (busy.returncode, busy.stdout, busy.stderr) == (75, "", "")


def test_the_command_that_tells_starts_from_the_plans_folder(project, monkeypatch):
    plan = project / "plans" / "weekly.toml"
    program = plan.with_name("tell it")
    program.write_text('#!/bin/sh\ncat "$1" > "$2"\n')
    program.chmod(0o700)
    command = json.dumps(["./tell it", "note.txt", "told.txt"])
    plan.write_text(PLAN + f"[notify]\non = ['failure']\ncommand = {command}\n")
    monkeypatch.chdir("/")
    teller = Teller(read_plan(plan))
    teller.end(ReportEnd("mine", "mine", "cell failed", message="x"))
    teller.finish(None)
    assert plan.with_name("told.txt").read_text() == "beside the plan"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('at = "61 * * * *"', "no minute for cron"),
        ('at = "daily"', "five fields"),
        ("at = 5", r"\[schedule\] at: should be a valid string"),
        ('when = "0 6 * * *"', r"\[schedule\] has no key 'when'"),
        ("limit_hours = 0", "limit_hours: should be greater than 0"),
        ('limit_hours = "long"', "limit_hours: should be a valid number"),
        ("limit_hours = nan", "limit_hours: should be"),
    ],
)
def test_a_nonsense_schedule_is_refused_before_anything_runs(project, table, said):
    plan = project / "plans" / "weekly.toml"
    plan.write_text(PLAN + f"[schedule]\n{table}\n")
    for more in (["--dry-run"], []):
        done = CliRunner().invoke(main.main, ["run-all", str(plan), *more])
        assert done.exit_code == 2
        assert re.search(said, done.output)
    assert not (project / "reports").exists()
