"""What commands print as JSON: every command with a table, found by looking."""

import json
import math
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_calls import call
from customer_files import ROWS, write_rows
from hypothesis import example, given
from hypothesis import strategies as st
from past_runs import lay_run
from sample_notebooks import write_notebook

from recovery_research import paths
from recovery_research.calibration import fit, stylized_facts
from recovery_research.cli.main import main
from recovery_research.cli.options import make_plain, write_json
from recovery_research.reports.exit_codes import Verdict

ROOT = Path(__file__).resolve().parents[2]
# A draft is TOML, a log is a stream, and the others print the path of one thing.
NO_TABLE = {"map", "follow", "init", "index", "dismiss"}
CALLS = {
    "list": [],
    "describe": ["told"],
    "formats": ["mapping"],
    "run": ["told", "-p", "n=3"],
    "run-all": ["plan.toml"],
    "rerun": ["01-told"],
    "reproduce": ["01-told"],
    "history": [],
    "show": ["loyalty"],
    "diff": ["20260105-063000", "20260105-073000"],
    "prune": ["--keep", "0"],
    "publish": ["elsewhere"],
    "schedule": ["plan.toml", "--as", "cron", "--output", "cron"],
    "check": ["mine.csv", "--mapping", "mine.toml"],
    "verify": ["claims"],
    "calibrate": ["--into", "fitted"],
}
MAPPING = """
shape = "customers"
[columns]
customer = "id"
problem = "problem"
complained = "complained"
resolved = "resolved"
[outcomes]
spend = { column = "spend_90", kind = "amount" }
"""
CELLS = [
    "md:# What is told?",
    "parameters:n = 1  # how many [1 to 9]\nshare = 0.1  # of all",
    "rows = f'policy,estimate\\na,{n}\\nb,{share}\\n'\n"
    "marks = {'recovery_research': {'kind': 'table', 'name': 'told', 'caption': 'c'}}\n"
    "from IPython.display import display\n"
    "display({'text/csv': rows, 'text/plain': 't'}, raw=True, metadata=marks)",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "notebooks").mkdir()
    (folder / paths.PROJECT_FILE).write_text("")
    write_notebook(folder / "notebooks" / "01-told.ipynb", CELLS)
    (folder / "plan.toml").write_text('[reports.told]\nnotebook = "01-told"\n')
    (folder / "mine.toml").write_text(MAPPING)
    write_rows(folder / "mine.csv", [*ROWS, "x,no,no,yes,2024-01-05,,10,yes,north"])
    for number, share in enumerate((1 / 3, 2 / 3)):
        table = f"policy,estimate\na,{share}\nb,\n"
        lay_run(folder / "reports", number, tables={"t": table})
    return folder


@pytest.fixture
def _worlds_at_once(monkeypatch):
    """Tables of worlds without the minutes that they take."""
    lines = pd.DataFrame(
        {"moment": ["a", "b"], "meaning": "m", "value": [1 / 3, np.nan]}
    ).assign(verdict="met")
    monkeypatch.setattr(stylized_facts, "check_targets", lambda world: lines)
    monkeypatch.setattr(fit, "calibrate", lambda: type("C", (), {"fit": lines})())
    monkeypatch.setattr(fit, "write_calibration", lambda made, into: [into])


def read_strictly(text):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_every_command_with_a_table_has_json():
    having = {
        name
        for name, command in main.commands.items()
        if any("--json" in option.opts for option in command.params)
    }
    assert having == set(main.commands) - NO_TABLE
    assert having == set(CALLS), "each has a call here"


@pytest.mark.usefixtures("_worlds_at_once")
@pytest.mark.parametrize("name", CALLS)
def test_json_is_one_strict_document_alone_on_standard_output(
    project, monkeypatch, name
):
    monkeypatch.chdir(project)
    done = call(name, *CALLS[name], "--json")
    if name in ("rerun", "reproduce") and done.exit_code == 2:
        assert call("run", "told", "-p", "n=3").exit_code == 0
        done = call(name, *CALLS[name], "--json")
    assert done.exit_code in (0, 9), done.output
    told = read_strictly(done.stdout)
    assert isinstance(told, dict)
    assert done.stdout.isascii()
    for when in find_moments(told):
        assert when.endswith("Z"), when
    if name == "reproduce":
        return  # it takes a kernel each time
    # The same call without it prints another thing, and ends alike.
    plain = call(name, *CALLS[name], *(["--overwrite"] if name == "schedule" else []))
    assert (plain.exit_code, plain.stdout != done.stdout) == (done.exit_code, True)


def find_moments(told):
    if isinstance(told, dict):
        for name, value in told.items():
            if name in ("started", "ended") and value is not None:
                yield value
            yield from find_moments(value)
    elif isinstance(told, list):
        for each in told:
            yield from find_moments(each)


def test_nothing_is_rounded_and_errors_are_not_on_standard_output(project, monkeypatch):
    monkeypatch.chdir(project)
    told = json.loads(call("diff", *CALLS["diff"], "--json").stdout)
    (cell,) = told["tables"][0]["cells"]
    assert cell["before"] == repr(1 / 3)
    assert cell["change"] == 2 / 3 - 1 / 3
    told = json.loads(call("check", *CALLS["check"], "--json").stdout)
    assert told["passed"] is True
    assert told["findings"][0]["row"] == 10
    assert told["flow"][0]["n"] == 9
    for arguments in (
        ["show", "nothing"],
        ["describe", "x"],
        ["run", "told", "-p", "m"],
    ):
        refused = call(*arguments, "--json")
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert refused.stderr.startswith("error: ")


def test_a_dry_run_says_all_and_does_nothing(project, monkeypatch, tmp_path):
    monkeypatch.chdir(project)
    (project / "given.toml").write_text("share = 0.3\n")
    arguments = ["run", "told", "--params", "given.toml", "-p", "n=4", "--dry-run"]
    arguments += ["--reports", tmp_path / "reports", "--timeout", "9", "--retries", "2"]
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    told = read_strictly(call(*arguments, "--json").stdout)
    assert {p["name"]: (p["value"], p["origin"]) for p in told["parameters"]} == {
        "n": (4, "command line"),
        "share": (0.3, "file given.toml"),
    }
    assert told["folder"] == str(tmp_path / "reports" / "01-told")
    assert told["unchanged_since"] is None
    assert (told["limits"]["run_seconds"], told["retries"]) == (9.0, 2)
    said = call(*arguments).stdout
    assert said.startswith("01-told: would run\n")
    assert "  n = 4  (command line)" in said
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before
    assert not (tmp_path / "reports").exists()
    # What a real run refuses, a dry one refuses, with the same words and code.
    for wrong in (["-p", "n=10"], ["--profile", "x"], ["--timeout", "-1"]):
        dry = call("run", "told", *wrong, "--dry-run")
        assert (dry.exit_code, dry.stdout) == (2, "")
        assert dry.stderr == call("run", "told", *wrong).stderr
    (tmp_path / "taken").write_text("")
    dry = call("run", "told", "--dry-run", "--reports", tmp_path / "taken")
    assert (dry.exit_code, dry.stdout) == (8, "")


def test_a_dry_run_knows_what_is_unchanged_and_notes_nothing(project, monkeypatch):
    monkeypatch.chdir(project)
    made = json.loads(call("run", "told", "-p", "n=3", "--json").stdout)
    folder = Path(made["folder"])
    there = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    told = json.loads(call("run", "told", "-p", "n=3", "--dry-run", "--json").stdout)
    assert told["unchanged_since"] == made["run_id"]
    forced = call("run", "told", "-p", "n=3", "--dry-run", "--force").stdout
    assert "would run" in forced
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == there


# ------------------------------------------------------------------ the one writer

NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(NESTED)
@example([math.nan, math.inf, {"a": -math.inf}, -0.0, 2**80])
def test_whatever_it_is_it_is_written_strictly_and_read_back(value):
    def expect(value):
        if isinstance(value, float) and not math.isfinite(value):
            return None if math.isnan(value) else str(make_plain(value))
        if isinstance(value, list):
            return [expect(each) for each in value]
        if isinstance(value, dict):
            return {name: expect(each) for name, each in value.items()}
        return value

    assert read_strictly(write_json(value)) == expect(value)


def test_tables_times_and_numbers_of_libraries_become_plain():
    frame = pd.DataFrame(
        {
            "policy": pd.Categorical(["a", None]),
            "n": pd.array([3, None], dtype="Int64"),
            "share": np.array([1 / 3, np.nan], dtype=np.float64),
            "when": pd.to_datetime(["2026-01-05T06:30+02:00", None]),
            "kept": np.array([True, False]),
        }
    )
    assert json.loads(write_json(frame)) == [
        {"policy": "a", "n": 3, "share": 1 / 3, "when": "2026-01-05T04:30:00Z",
         "kept": True},
        {"policy": None, "n": None, "share": None, "when": None, "kept": False},
    ]  # fmt: skip
    berlin = timezone(timedelta(hours=1))
    told = {
        datetime(2026, 1, 5, 7, 30, tzinfo=berlin): Path("/x"),
        "day": date(2026, 1, 5),
        "took": timedelta(minutes=1),
        "verdict": Verdict.TIMED_OUT,
        "array": np.arange(2, dtype=np.float32),
        "no zone": datetime(2026, 1, 5, tzinfo=UTC).replace(tzinfo=None),
        "bounds": (-math.inf, math.inf),
        "names": {"b", "a"},
    }
    assert make_plain(told) == {
        "2026-01-05T06:30:00Z": "/x", "day": "2026-01-05", "took": 60.0,
        "verdict": "timed out", "array": [0.0, 1.0], "no zone": "2026-01-05T00:00:00",
        "bounds": ["-Infinity", "Infinity"], "names": ["a", "b"],
    }  # fmt: skip
    assert write_json("\x1b[31m\u202e\udcff").isascii()


# ------------------------------------------------------------------ quiet, verbose


def test_quiet_and_verbose_go_before_and_behind_every_command(project, monkeypatch):
    monkeypatch.chdir(project)
    for name in main.commands:
        said = call(name, "--help").stdout
        assert "-q, --quiet" in said
        assert "-v, --verbose" in said
        assert "Exit codes:" in said
    plain = call("history")
    for arguments in (["-q", "history"], ["history", "-q"], ["history", "--quiet"]):
        done = call(*arguments)
        assert (done.stdout, done.stderr) == (plain.stdout, "")
    for arguments in (["-v", "history"], ["history", "-v"]):
        done = call(*arguments)
        assert done.stdout == plain.stdout
        assert f"reports: {project / 'reports'}, of the project" in done.stderr
        assert "took " in done.stderr
    assert call("history").stderr == "", "one call's voice is not another's"
    both = call("-q", "history", "-v")
    assert (both.exit_code, both.stdout) == (2, "")
    quiet = call("-q", "show", "nothing")
    assert (quiet.exit_code, quiet.stderr[:7]) == (2, "error: ")


def test_errors_are_one_style_and_a_fault_of_ours_is_called_one(project, monkeypatch):
    monkeypatch.chdir(project)
    for arguments in (
        ["histor"], ["history", "--lst"], ["run"], ["diff", "a"], ["run", "told", "x"],
        ["schedule", "plan.toml", "--as", "crn"], ["history", "--last", "0"],
        ["history", "--since", "soon"], ["prune"], ["check", "mine.csv"],
        ["--project", "nowhere", "list"], ["verify", "evidense"],
    ):  # fmt: skip
        done = call(*arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith("error: "), arguments
        assert "Usage:" not in done.stderr, arguments
    code = (
        "from recovery_research import paths\n"
        "from recovery_research.cli import main\n"
        "paths.notebooks_folder = lambda project: 1 / 0\n"
        "main.main()"
    )
    for more, there in ([], False), (["-v"], True):
        done = subprocess.run(
            [sys.executable, "-c", code, "list", *more],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert "error: a fault of this program: ZeroDivisionError" in done.stderr
        assert ("Traceback" in done.stderr) is there
