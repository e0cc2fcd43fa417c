"""How soon the quick commands answer, also over ten thousand runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .tables import Finding, find
from .timing import time_in_turn

ROOT = Path(__file__).resolve().parents[2]
RUNS, NAMES = 10_000, 20
MOST_SECONDS, MOST_START_SECONDS = 2.0, 0.5
CACHE = ".history.sqlite"


def measure_history(*, small: bool) -> list[Finding]:
    """Measure `history` and `index` over many runs, some damaged, cached and not."""
    n_runs, rounds = (200, 1) if small else (RUNS, 5)
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder)
        lay_history(reports, runs=n_runs)
        tasks = {
            f"{command}, {known}": lambda c=command, k=known: list_runs(c, k, reports)
            for command in ("history", "index")
            for known in ("nothing known yet", "again")
        }
        timings = time_in_turn(tasks, rounds)
    return [
        find("history", f"{name}, {n_runs:,} runs", timing.seconds, "s",
             at_most=None if small else MOST_SECONDS,
             note="a process from start to end")
        for name, timing in timings.items()
    ]  # fmt: skip


def list_runs(command: str, known: str, reports: Path) -> None:
    """Run a command over a folder, after forgetting what is known if so told."""
    if known != "again":
        (reports / CACHE).unlink(missing_ok=True)
    run_command(command, "--reports", str(reports))


def measure_commands(*, small: bool) -> list[Finding]:
    """Measure how soon the quick commands answer."""
    with tempfile.TemporaryDirectory() as folder:
        words = (["--help"], ["list"], ["history", "--reports", folder])
        tasks = {w[0]: lambda w=w: run_command(*w) for w in words}
        timings = time_in_turn(tasks, 1 if small else 7)
    return [
        find("history", f"start-up of {name}", timing.seconds, "s",
             at_most=MOST_START_SECONDS, note="a process from start to end")
        for name, timing in timings.items()
    ]  # fmt: skip


def lay_history(reports: Path, *, runs: int = RUNS, names: int = NAMES) -> None:
    """Make up a folder of reports with many runs, one in a thousand damaged."""
    sys.path.insert(0, str(ROOT / "tests/support"))
    from past_runs import lay_run

    template = lay_run(reports, 0, report="report-00")
    text = (template / "run.json").read_text()
    for number in range(1, runs):
        day, rest = divmod(number, 1440)
        run_id = f"{20260106 + day:08}-{rest // 60:02}{rest % 60:02}00-{number:06x}"
        name = f"report-{number % names:02}"
        folder = reports / name / run_id
        folder.mkdir(parents=True)
        own = text.replace(template.name, run_id).replace("report-00", name)
        (folder / "run.json").write_text("{" if number % 1000 == 999 else own)


def run_command(*words: str) -> None:
    """Run one of our commands in a fresh process."""
    subprocess.run(
        [sys.executable, "-m", "recovery_research", *words],
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
