"""What it takes to begin: the import, and the loop compiled or found compiled."""

import os
import subprocess
import sys
import tempfile

from .tables import Finding, find
from .timing import time_in_turn

MOST_SECONDS = 1.0
IMPORTS = {
    "nothing": "pass",
    "pandas": "import pandas",
    "recovery_research": "import recovery_research",
    "its simulation": "import recovery_research as rr; rr.simulate",
}
FIRST_RUN = (
    "import recovery_research as rr; rr.simulate(rr.Experiment("
    "world=rr.load_world('evidence'), policies=rr.choose_policies(['service']), "
    "population=rr.load_population('webshop'), n_customers=10))"
)


def run_python(code: str, **environment: str) -> None:
    """Run a line of Python in a fresh process."""
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, **environment}
    )


def measure_start(*, small: bool) -> list[Finding]:
    """Measure importing the package beside importing nothing and pandas."""
    tasks = {name: lambda c=code: run_python(c) for name, code in IMPORTS.items()}
    timings = time_in_turn(tasks, 2 if small else 7)
    return [
        find(
            "start-up", f"import {name}", timing.seconds, "s",
            at_most=MOST_SECONDS if name == "recovery_research" else None,
            note="a process from start to end",
        )
        for name, timing in timings.items()
    ]  # fmt: skip


def measure_cache(*, small: bool) -> list[Finding]:
    """Measure a first process, which compiles, and a second, which need not."""
    first, second = [], []
    for _ in range(1 if small else 2):
        with tempfile.TemporaryDirectory() as folder:
            task = {"": lambda f=folder: run_python(FIRST_RUN, NUMBA_CACHE_DIR=f)}
            first += time_in_turn(task, 1)[""].seconds
            second += time_in_turn(task, 1)[""].seconds
    return [
        find("start-up", "first process, compiling", first, "s"),
        find(
            "start-up", "second process, from the cache", second, "s",
            note="10 customers: import, loading and living",
        ),
    ]  # fmt: skip
