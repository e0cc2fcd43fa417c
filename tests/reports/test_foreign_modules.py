"""Files that happen to lie about are not taken for modules by the processes of ours."""

import os
import pickle
import queue
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from fault_runs import SHORT
from run_records import make_record
from sample_notebooks import write_notebook

from recovery_research.paths import PACKAGE
from recovery_research.reports.plan_workers import Worker
from recovery_research.reports.run_request import prepare_request
from recovery_research.studies.replications import no_imports_from_here

NAMES = ["json", "pandas", "numpy", "ast", "decimal", "nbformat", "papermill", "psutil"]
TRAP = "open({mark!r}, 'a').write(__file__ + chr(10))\nraise SystemExit('caught')\n"


def lay_traps(folder, mark, names=NAMES):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.py").write_text(TRAP.format(mark=str(mark)))


@pytest.mark.fault(
    event="json.py or pandas.py lies in the folder that a plan is run from",
    survives="every report; only a notebook's own imports look beside the notebook",
)
def test_a_plans_processes_import_nothing_of_the_working_folder(tmp_path, monkeypatch):
    mark, here, there = tmp_path / "mark", tmp_path / "here", tmp_path / "there"
    lay_traps(here, mark)
    lay_traps(there, mark, ["runpy", "traitlets", "ipykernel", "zmq"])
    (there / "beside.py").write_text("said = 7\n")
    path = write_notebook(
        there / "fault.ipynb", [SHORT, "import beside\nassert beside.said == 7"]
    )
    request = prepare_request(path)
    monkeypatch.chdir(here)
    # With pytest's mark in the environment, kernels do not hear their children.
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    inbox = queue.Queue()
    worker = Worker(inbox)
    try:
        worker.send(
            request, tmp_path / "reports", make_record().provenance, aloud=False
        )
        kind = None
        while kind not in ("end", "gone"):
            _, kind, content = inbox.get(timeout=120)
    finally:
        worker.close()
    assert not mark.exists(), mark.read_text()
    assert (kind, content["verdict"]) == ("end", "succeeded"), content


def test_a_studys_processes_import_nothing_of_the_working_folder(tmp_path, monkeypatch):
    mark = tmp_path / "mark"
    lay_traps(tmp_path / "here", mark, ["pickle", "struct", "socket", "ctypes"])
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    with no_imports_from_here():
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        answer = pool.submit(pickle.dumps, 7)
    with pool:
        assert pickle.loads(answer.result()) == 7
    assert not mark.exists(), mark.read_text()
    assert "PYTHONSAFEPATH" not in os.environ


def test_the_module_as_a_command_imports_nothing_of_the_working_folder(tmp_path):
    mark = tmp_path / "mark"
    lay_traps(tmp_path / "here", mark)
    done = subprocess.run(
        [sys.executable, "-m", "recovery_research", "list"],
        cwd=tmp_path / "here", capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    assert "compare-policies" in done.stdout, done.stderr
    assert not mark.exists(), mark.read_text()
