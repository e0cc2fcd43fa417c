"""Runs to be spoiled: small notebooks, processes of their own, and what they leave."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
from sample_notebooks import write_notebook

from recovery_research.reports.processes import MARK

ROOT = Path(__file__).resolve().parents[2]
TAG = "RECOVERY_RESEARCH_TEST"
SHORT = "parameters:n = 1  # how many\nseed = 5  # luck"
TABLE = (
    "from IPython.display import display\n"
    "marks = {'recovery_research': {'kind': 'table', 'name': 'told', 'caption': 'c'}}\n"
    "display({'text/csv': f'n\\n{n}\\n', 'text/plain': 't'}, raw=True, metadata=marks)"
)
PAUSES = [SHORT, TABLE, *["import time; time.sleep(0.15)"] * 6]
RUN = (
    "import sys\nfrom recovery_research.reports import run_report\n"
    "run = run_report({notebook!r}, reports={reports!r})\n"
    "sys.exit(run.exit_code)"
)


def notebook(folder, *cells, name="fault"):
    return write_notebook(folder / f"{name}.ipynb", [SHORT, *cells])


def start(folder, path, *, code=None, **options):
    """Run a notebook as a report in a process of its own."""
    code = code or RUN.format(notebook=str(path), reports=str(folder / "reports"))
    # With pytest's mark in the environment, kernels do not hear their children.
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def marked():
    """Processes that kernels of this test have started."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if MARK in environment and environment.get(TAG) == str(os.getpid()):
            found.append(process.pid)
    return found


def await_gone(seconds=10):
    end = time.monotonic() + seconds
    while marked() and time.monotonic() < end:
        time.sleep(0.1)
    return marked() == []
