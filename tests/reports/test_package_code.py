"""A stored report is given again until code changes that made it, not just any code."""

import json
import shutil
import subprocess
import sys

import pytest
from sample_notebooks import write_notebook

from recovery_research import own_code
from recovery_research.paths import PACKAGE
from recovery_research.reports.provenance import RUNNER, _list_runner

RUNS = """
import json, sys
from pathlib import Path
from recovery_research.paths import PACKAGE as package
from recovery_research.reports.stored_runs import deliver_request
from recovery_research.reports.run_request import prepare_request

def run():
    order = prepare_request(Path("mine.ipynb").resolve(), [])
    made = deliver_request(order, Path("reports").resolve())
    assert made.succeeded, made
    return made
first = run()
said = {"": [not run().stored, sorted(first.record.inputs.modules)]}
for name in json.loads(sys.argv[1]):
    path = package / name
    path.write_bytes(path.read_bytes() + b"\\n")
    said[name] = not run().stored
print(json.dumps(said))
"""
KEPT = ["cli/main.py", "guide/build.py", "analysis/cox.py", "results.py", "reports/schedules.py",
        "reports/templates/index/index.css", "model/simulation.py"]  # fmt: skip
ANEW = ["analysis/rounding.py", "exhibits.py", "reports/pages.py", "reports/kernel_watch_notes.py",
        "reports/templates/report/style.css"]  # fmt: skip


@pytest.fixture
def copied(tmp_path):
    """A project with a copy of the package in it, and a notebook that uses a part."""
    unwanted = shutil.ignore_patterns("__pycache__", "_installed")
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=unwanted)
    shutil.copytree(PACKAGE.parent / "data", tmp_path / "data")
    (tmp_path / "recovery-research.toml").touch()
    write_notebook(
        tmp_path / "mine.ipynb",
        ["from recovery_research.analysis import rounding", "1 + 1"],
    )
    return tmp_path


@pytest.mark.slow
def test_a_stored_report_is_of_the_code_that_made_it(copied):
    done = subprocess.run(
        [sys.executable, "-c", RUNS, json.dumps(KEPT + ANEW)],
        capture_output=True, text=True, cwd=copied, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    again, package = said.pop("")
    assert not again
    assert f"{PACKAGE.name}/analysis/rounding.py" in package
    assert not any("/reports/" in name or "/cli/" in name for name in package)
    assert {name for name, anew in said.items() if anew} == {*ANEW}


def test_a_kernel_has_at_its_start_what_the_hash_of_the_runner_has():
    script = (
        "import sys, recovery_research.reports.kernel_streams\n"
        "print(*[m for m in sys.modules if m.startswith('recovery_research')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    files = {own_code.find_module(name) for name in done.stdout.split()}
    assert files <= {*_list_runner()}
    assert own_code.trace_imports(RUNNER, room="reports").keys() >= {
        "recovery_research.reports.pages", "recovery_research.reports.execution",
    }  # fmt: skip
