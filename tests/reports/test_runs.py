"""Runs of notebooks: what they leave behind, and the truth about failed ones."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from sample_notebooks import EXAMPLE, PARAMETERS, write_notebook

from recovery_research.reports import register_vocabulary, run_report
from recovery_research.reports.artifacts import drop_timings
from recovery_research.reports.provenance import gather_provenance
from recovery_research.reports.records import read_record
from recovery_research.reports.run_request import Limits

ROOT = Path(__file__).resolve().parents[2]
register_vocabulary("tool names", ["hammer", "saw", "glue_gun"])
SHORT = "parameters:n = 1  # how many\nseed = 5  # luck"


def statuses(run):
    notebook = nbformat.read(run.folder / "report.ipynb", as_version=4)
    return [
        cell.metadata.papermill.status
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def kernels():
    return {
        process.pid
        for process in psutil.Process().children(recursive=True)
        if "ipykernel_launcher" in " ".join(process.cmdline())
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("{braces} and spaces")


@pytest.fixture(scope="module")
def good(folder):
    """One good run, in a folder whose name would trip papermill."""
    notebook = write_notebook(folder / "02-example.ipynb", EXAMPLE)
    given = {"tools": ["saw", "glue_gun"], "note": '"; raise SystemExit; "'}
    return run_report(notebook, given, reports=folder / "reports")


@pytest.fixture(scope="module")
def failed(folder, good):
    """A failing run of the same report, after the good one."""
    cells = [SHORT, "1", "raise ValueError('a `claim` <b>failed</b>')", "1 + 1"]
    write_notebook(folder / "02-example.ipynb", cells)
    return run_report(folder / "02-example.ipynb", reports=folder / "reports")


# ------------------------------------------------------------------- good runs


def test_good_run_leaves_everything_in_its_place(good, folder):
    assert good.succeeded
    assert (good.exit_code, good.message) == (0, "")
    assert good.folder.parent == folder / "reports" / "02-example"
    names = sorted(path.name for path in good.folder.iterdir())
    assert names == [
        "figures",
        "report.html",
        "report.ipynb",
        "run.json",
        "run.log",
        "tables",
    ]
    assert list(good.read_table("kept-by-policy")["policy"]) == ["saw", "glue_gun"]
    assert (good.folder / "figures/trust-by-week.svg").read_text().startswith("<?xml")
    with pytest.raises(ValueError, match="no table 'x'; it has"):
        good.read_table("x")
    assert good.to_frame().loc[0, "n_figures"] == 1
    assert not list((folder / "reports/02-example/.staging").iterdir())


def test_record_holds_every_parameter_and_all_it_depends_on(good):
    record = read_record(good.folder)
    assert record == good.record
    origins = {p.name: (p.value, p.origin) for p in record.parameters}
    assert origins["tools"] == (["saw", "glue_gun"], "call")
    assert origins["n_customers"] == (50, "default")
    assert origins["learn"] == (True, "default")
    assert len(origins) == 7
    assert record.seed == 11
    assert record.title == "Which way of making good keeps most customers?"
    assert record.provenance.distributions["papermill"]
    assert len(record.provenance.notebook_sha256) == 64
    assert record.provenance.git is None
    assert record.started < record.ended
    assert 0 < record.seconds < 60
    assert {e.file for e in record.exhibits} == {
        "tables/kept-by-policy.csv",
        "figures/trust-by-week.svg",
    }
    raw = json.loads((good.folder / "run.json").read_text())
    assert raw["schema_version"] == 3
    with pytest.raises(ValueError, match="extra"):
        type(record).model_validate({**record.model_dump(), "more": 1})


def test_executed_notebook_is_marked_and_records_all_parameters(good):
    notebook = nbformat.read(good.folder / "report.ipynb", as_version=4)
    nbformat.validate(notebook)
    injected = [
        c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", [])
    ]
    assert len(injected) == 1
    for name in PARAMETERS.splitlines():
        assert f"{name.split(' ')[0]} = " in injected[0].source
    assert set(statuses(good)) == {"completed"}
    assert "{braces}" not in json.dumps(notebook.metadata.papermill)


def test_the_same_again_is_the_same_to_the_byte(good, folder):
    (folder / "again").mkdir()
    notebook = write_notebook(folder / "again" / "02-example.ipynb", EXAMPLE)
    given = {"tools": ["saw", "glue_gun"], "note": '"; raise SystemExit; "'}
    again = run_report(notebook, given, reports=folder / "elsewhere")
    assert again.record.content_sha256 == good.record.content_sha256
    assert again.record.exhibits == good.record.exhibits
    for file in ("tables/kept-by-policy.csv", "figures/trust-by-week.svg"):
        assert (again.folder / file).read_bytes() == (good.folder / file).read_bytes()
    bare = [
        nbformat.writes(drop_timings(nbformat.read(r.folder / "report.ipynb", 4)))
        for r in (good, again)
    ]
    assert bare[0] == bare[1]


# ----------------------------------------------------------------- failed runs


@pytest.mark.fault(event="A cell raises an error", survives="the last good report")
def test_failed_cell_is_named_and_the_last_good_report_stays(failed, good, folder):
    assert failed.verdict == "cell failed"
    assert failed.exit_code == 3
    assert failed.message == (
        "ValueError: a `claim` <b>failed</b>, in cell 3: "
        "raise ValueError('a `claim` <b>failed</b>')"
    )
    assert failed.folder.parent == folder / "reports" / "02-example" / "failed"
    assert statuses(failed)[-3:] == ["completed", "failed", "pending"]
    latest = folder / "reports" / "02-example" / "latest"
    assert latest.is_symlink()
    assert not os.path.isabs(os.readlink(latest))
    assert latest.resolve() == good.folder.resolve()
    assert (latest / "report.html").is_file()


def test_failed_run_says_so_everywhere(failed):
    notebook = nbformat.read(failed.folder / "report.ipynb", as_version=4)
    assert "not complete: cell failed" in notebook.cells[0].source
    assert not any(
        "papermill-error-cell-tag" in c.metadata.get("tags", []) for c in notebook.cells
    )
    page = (failed.folder / "report.html").read_text()
    assert 'class="failure"' in page
    assert "<b>failed</b>" not in page
    failure = read_record(failed.folder).failure
    assert failure.cell == 3
    assert "ValueError" in failure.traceback
    assert "\x1b" not in failure.traceback
    assert "Traceback" in (failed.folder / "run.log").read_text()


@pytest.mark.parametrize(
    ("name", "cells", "verdict", "code", "marks", "said"),
    [
        (
            "killed",
            ["print('before', flush=True)", "import os; os._exit(0)", "2"],
            "kernel died",
            4,
            ["completed", "failed", "pending"],
            "the kernel died, in cell 3: import os",
        ),
        (
            "left",
            ["1", "import sys; sys.exit(0)", "2"],
            "incomplete",
            6,
            ["completed", "failed", "pending"],
            "the notebook left, in cell 3: import sys",
        ),
        (
            "repeated",
            [
                "import pandas as pd\n"
                "from recovery_research.exhibits import show_table\n"
                "show_table(pd.DataFrame({'x': [1]}), name='x', caption='c')",
                "show_table(pd.DataFrame({'x': [2]}), name='x', caption='c')",
                "2",
            ],
            "cell failed",
            3,
            ["completed", "failed", "completed"],
            "the table name 'x' is used twice, again in cell 3",
        ),
    ],
)
def test_other_ends_are_told_truly(
    tmp_path, monkeypatch, name, cells, verdict, code, marks, said
):
    private = []
    make = tempfile.mkdtemp
    monkeypatch.setattr(
        tempfile, "mkdtemp", lambda **o: private.append(make(**o)) or private[-1]
    )
    notebook = write_notebook(tmp_path / f"{name}.ipynb", [SHORT, *cells])
    run = run_report(notebook, reports=tmp_path / "reports")
    assert (run.verdict, run.exit_code) == (verdict, code)
    assert run.message.startswith(said)
    assert statuses(run)[-3:] == marks
    assert not (tmp_path / "reports" / name / "latest").exists()
    assert kernels() == set()
    assert len(private) == 1
    assert not Path(private[0]).exists()


@pytest.mark.fault(event="A cell hangs for good", survives="an honest record")
def test_a_cell_over_its_limit_is_stopped_even_if_it_will_not(tmp_path):
    stubborn = (
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        pass"
    )
    notebook = write_notebook(tmp_path / "slow.ipynb", [SHORT, "1", stubborn, "2"])
    limits = Limits(cell_seconds=1)
    started = time.monotonic()
    run = run_report(notebook, reports=tmp_path, limits=limits)
    assert run.verdict == "timed out"
    assert run.exit_code == 5
    assert run.message.startswith("the cell took more than 1 s, in cell 3: import time")
    assert statuses(run)[-3:] == ["completed", "failed", "pending"]
    assert time.monotonic() - started < 30
    assert kernels() == set()


@pytest.mark.fault(event="A run is over its time limit", survives="an honest record")
def test_a_run_over_its_limit_is_stopped(tmp_path):
    cells = [SHORT, *["import time; time.sleep(1)"] * 9]
    notebook = write_notebook(tmp_path / "slow.ipynb", cells)
    run = run_report(notebook, reports=tmp_path, limits=Limits(run_seconds=3))
    assert run.verdict == "timed out"
    assert "the run took more than 3 s" in run.message
    failure = nbformat.read(run.folder / "report.ipynb", 4).cells[-1]
    assert failure.metadata.papermill.status == "pending"


def test_limits_are_checked():
    for wrong in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="positive number of seconds"):
            Limits(cell_seconds=wrong)


@pytest.mark.fault(event="The page cannot be written", survives="the last good report")
def test_a_page_that_cannot_be_written_is_recorded(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recovery_research.reports.runner.compose_page", refuse)
    notebook = write_notebook(tmp_path / "short.ipynb", [SHORT, "1"])
    with pytest.raises(OSError, match="No space"):
        run_report(notebook, reports=tmp_path / "reports")
    (folder,) = (tmp_path / "reports/short/failed").iterdir()
    record = read_record(folder)
    assert record.verdict == "not written"
    assert "No space" in record.failure.message
    page = (folder / "report.html").read_text()
    assert "not complete: not written" in page
    assert "No space" in page


# --------------------------------------------------- secrets and surroundings


def test_secrets_never_reach_the_report(tmp_path, monkeypatch):
    monkeypatch.setenv("RR_TOKEN", 'hush"\\quiet')
    cells = [
        'parameters:token = ""  # for the database',
        "import os\nvalue = os.environ[token.removeprefix('env:')]\nprint(value)\nvalue",
        "raise ValueError(value)",
    ]
    notebook = write_notebook(tmp_path / "secret.ipynb", cells)
    run = run_report(notebook, {"token": "env:RR_TOKEN"}, reports=tmp_path / "reports")
    assert run.verdict == "cell failed"
    assert "***" in run.message
    for path in run.folder.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "hush" not in text, path
            assert "quiet" not in text, path
    assert run.record.parameters[0].value == "env:RR_TOKEN"


def test_kernel_is_this_interpreter_in_the_notebooks_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "/nonexistent")
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.chdir("/")
    cells = [
        SHORT,
        "import os, sys, recovery_research, pandas as pd\n"
        "from recovery_research.exhibits import show_table\n"
        "frame = pd.DataFrame({'where': [sys.executable, os.getcwd(), "
        "recovery_research.__file__, str(sorted({'a', 'b'}))]})\n"
        "show_table(frame, name='where', caption='Where.')",
    ]
    own = {"kernelspec": {"name": "python3", "display_name": "?"}}
    notebook = write_notebook(tmp_path / "where.ipynb", cells, **own)
    run = run_report(notebook, reports=tmp_path / "reports")
    assert run.succeeded, run.message
    executable, cwd, package, _ = run.read_table("where")["where"]
    assert executable == sys.executable
    assert cwd == str(tmp_path)
    assert Path(package).parent == ROOT / "recovery_research"
    assert os.getcwd() == "/"


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0,
    reason="NOT TESTED: only the superuser can give a checkout away",
)
def test_the_commit_of_another_users_checkout_is_known(tmp_path, monkeypatch):
    """A checkout that the administrator has made, run by a user of its own."""
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "x").write_text("")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "x"], [*who, "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65_534, 65_534)
    bare = ["git", "-C", tmp_path, "rev-parse", "HEAD"]
    assert subprocess.run(bare, capture_output=True).returncode, "git alone is silent"
    record = gather_provenance(tmp_path / "x.ipynb", b"").git
    assert (len(record.commit), record.dirty) == (40, False)
