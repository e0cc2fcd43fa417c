"""The command `recovery-research`: plain answers, and exit codes one can act on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_calls import call
from sample_notebooks import write_notebook

from recovery_research import paths
from recovery_research.cli import main
from recovery_research.reports.failures import EXIT_CODES, EXIT_TERMINATED, Verdict
from recovery_research.reports.records import read_record

ROOT = Path(__file__).resolve().parents[2]
SHORT = [
    "md:# What does $n$ do?",
    "parameters:n = 3  # how many [1 to 9]\n"
    'world = "evidence"  # which beliefs {claims, evidence}\n'
    'token = ""  # for the database\nshares = [0.5]',
    "import pandas as pd\nfrom recovery_research.exhibits import show_table\n"
    "show_table(pd.DataFrame({'n': [n], 'world': [world]}), name='told', caption='c')",
]
PROFILES = "[02-compare-policies.quick]\nn = 1\n[02-compare-policies.full]\nn = 9\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with two notebooks, and nothing around the working directory."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (tmp_path / paths.PROJECT_FILE).write_text("")
    write_notebook(notebooks / "02-compare-policies.ipynb", SHORT)
    write_notebook(notebooks / "03-recovery-paradox.ipynb", SHORT)
    (notebooks / "profiles.toml").write_text(PROFILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_names_every_exit_code():
    for arguments in (["--help"], ["run", "--help"]):
        said = call(*arguments).output
        codes = {*EXIT_CODES.values(), 1, 2, EXIT_TERMINATED}
        for code in codes:
            assert f"\n  {code:>5}  " in said
    assert EXIT_CODES[Verdict.NOT_WRITTEN] == main.EXIT_NOT_WRITTEN
    assert set(EXIT_CODES) == set(Verdict) - {Verdict.RUNNING}
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)


def test_list_shows_title_and_profiles_and_survives_a_broken_one(project):
    (project / "notebooks" / "04-broken.ipynb").write_text("{")
    result = call("list")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith("02-compare-policies  What does $n$ do?  [standard, ")
    assert lines[1].startswith("03-recovery-paradox  What does")
    assert lines[2].startswith("04-broken            cannot be run: 04-broken.ipynb: ")


def test_describe_tells_type_default_allowed_and_help(project):
    said = call("describe", "compare-policies").output
    assert "n (whole number, default 3)\n      how many\n      allowed: 1 to 9" in said
    assert "allowed: claims, evidence" in said
    assert "token (text, default )" in said
    assert "never the secret itself" in said
    assert "shares (list of number, default 0.5)" in said
    assert "  quick: n=1\n  full: n=9" in said


@pytest.mark.parametrize(
    "name", ["02", "compare-policies", "02-compare-policies.ipynb"]
)
def test_a_notebook_answers_to_its_names(project, name):
    assert call("describe", name).output.startswith("02-compare-policies\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare-policy"], "Did you mean '02-compare-policies'?"),
        (["../notebooks/02"], "there is no file"),
        (["nowhere/x.ipynb"], "there is no file"),
        (["02", "-p", "n=10"], "command line: n: 10 is not allowed; allowed is 1 to 9"),
        (["02", "-p", "m=1"], "no parameter 'm'"),
        (["02", "-p", "n"], "write it as name=value"),
        (["02", "-p", "n=1", "-p", "n=2"], "given twice"),
        (["02", "-p", "token=hunter2"], "never in plain text"),
        (["02", "-p", "n=1;import os"], "n: needs whole number"),
        (["02", "-p", "n;import os=1"], "cannot be the name"),
        (["02", "--profile", "fast"], "it has full, quick, standard"),
        (["02", "--params", "absent.toml"], "cannot read absent.toml"),
        (["02", "--timeout", "-1"], "positive number of seconds"),
        (["02", "--timeout", "nan"], "positive number of seconds"),
        (["02", "--cell-timeout", "soon"], "not a valid float"),
        ([], "missing argument"),
    ],
)
def test_bad_input_is_one_line_and_starts_nothing(project, arguments, said):
    result = call("run", *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert "hunter2" not in result.output
    assert result.stdout == ""
    assert not (project / "reports").exists()


def test_a_reports_folder_that_cannot_be_written(project):
    (project / "taken").write_text("a file")
    result = call("run", "02", "--reports", "taken")
    assert result.exit_code == 8
    assert "could not be written" in result.output
    assert "Traceback" not in result.output


def test_init_lays_out_a_project_that_runs(project, tmp_path, monkeypatch):
    """From a laid-out folder, `run` uses its notebooks and its reports."""
    monkeypatch.setattr(
        "recovery_research.reports.notebooks.source_root", lambda: project
    )
    new = tmp_path / "new" / "place"
    result = call("init", str(new))
    assert (result.exit_code, result.stdout) == (0, f"{new}\n")
    assert sorted(path.name for path in new.iterdir()) == [
        "notebooks",
        paths.PROJECT_FILE,
        "reports",
    ]
    again = call("init", str(new))
    assert (again.exit_code, again.stdout) == (2, "")
    assert "is not empty" in again.output

    command = [sys.executable, "-m", "recovery_research", "run", "02"]
    command += ["-p", "n=2", "--profile", "full", "-p", "world=claims"]
    done = subprocess.run(
        command,
        cwd=new / "notebooks",
        env={"PYTHONPATH": str(ROOT), "LANG": "C", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.strip())
    assert page.name == "report.html"
    assert page.is_relative_to(new / "reports" / "02-compare-policies")
    assert (page.parent / "tables" / "told.csv").read_text() == "n,world\n2,claims\n"
    origins = {p.name: p.origin for p in read_record(page.parent).parameters}
    assert origins == {
        "n": "command line",
        "world": "command line",
        "token": "default",
        "shares": "default",
    }
    lines = done.stderr.splitlines()
    assert all(line[:4].isdigit() for line in lines), "dated lines where no terminal is"
    assert any("cell 3 of 3" in line for line in lines)


def test_quick_commands_import_nothing_heavy(project):
    heavy = "numpy pandas matplotlib nbformat nbconvert papermill pydantic scipy numba"
    code = (
        "import sys\nfrom recovery_research.cli.main import main\n"
        f"main({['list']!r}, standalone_mode=False)\n"
        f"main({['describe', '02']!r}, standalone_mode=False)\n"
        f"print('heavy:', [m for m in {heavy.split()!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "heavy: []", done.stderr


def test_places_are_found_from_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert paths.source_root() == ROOT
    assert paths.notebooks_folder() == ROOT / "notebooks"
    assert paths.reports_folder() == ROOT / "reports"
    assert paths.reports_folder("x") == tmp_path / "x"
    assert paths.project_root(tmp_path) == ROOT
    for name in ("", "../pyproject.toml", "/etc/passwd", "a\\b"):
        with pytest.raises(ValueError, match="named inside"):
            paths.data_path(name)
    with pytest.raises(FileNotFoundError, match=r"no data file 'absent\.csv'"):
        paths.data_path("absent.csv")
    monkeypatch.setattr(paths, "INSTALLED", tmp_path)
    assert paths.source_root() == tmp_path
    assert paths.data_path("x.csv", must_exist=False) == tmp_path / "data" / "x.csv"
    assert paths.reports_folder() == tmp_path / "reports"
