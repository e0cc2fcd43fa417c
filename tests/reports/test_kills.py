"""Killed at any moment: the last good report stands and the record is honest."""

import json
import logging
import os
import random
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from fault_runs import (
    PAUSES,
    TAG,
    await_gone,
    marked,
    notebook,
    start,
)

from recovery_research.reports import run_report
from recovery_research.reports.history import read_history
from recovery_research.reports.processes import (
    MARK,
    find_marked,
    private_folder,
    sweep_all_orphans,
)


@pytest.fixture(autouse=True)
def _tag(monkeypatch):
    """Tell this test's processes from those of tests that run beside it."""
    monkeypatch.setenv(TAG, str(os.getpid()))


def kill_runner(folder, path, delay):
    process = start(folder, path)
    time.sleep(delay)
    process.kill()
    process.communicate(timeout=60)


def kill_kernel(folder, path, delay):
    """Kill the kernel some time after it appeared; the start of a process is slow."""
    process = start(folder, path)
    kernel = None
    while kernel is None and process.poll() is None:
        kernel = find_kernel(process.pid)
        time.sleep(0.02)
    time.sleep(delay / 3)
    if kernel is not None:
        with suppress(psutil.NoSuchProcess):
            kernel.kill()
    process.communicate(timeout=60)


def find_kernel(pid):
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children():
            if "ipykernel_launcher" in " ".join(child.cmdline()):
                return child
    return None


def check_after(reports, good, before):
    """The last good report opens, every record can be read, and none pretends."""
    history = read_history(reports)
    assert history.damaged == ()
    latest = reports / "latest" / "fault"
    assert (latest / "report.html").stat().st_size > 1000
    assert (latest / "tables/told.csv").read_text() == "n\n1\n"
    for run in history.runs:
        assert run.verdict != "running"
        if run.succeeded:
            json.loads((run.folder / "report.ipynb").read_text())
    assert (good.folder / "tables/told.csv").is_file()
    assert len(history.runs) >= before


def survive(tmp_path, kill, times):
    path = notebook(tmp_path, *PAUSES[1:])
    reports = tmp_path / "reports"
    begun = time.monotonic()
    process = start(tmp_path, path)
    process.communicate(timeout=300)
    whole = time.monotonic() - begun  # with the start of Python, which is slow
    (good,) = read_history(reports).runs
    assert good.succeeded
    luck = random.Random(11)
    verdicts = []
    for number in range(times):
        kill(tmp_path, path, luck.uniform(0.2, whole))
        check_after(reports, good, number // 50 + 1)
        assert await_gone(), "kernels outlived their runner"
    last = run_report(path, reports=reports)
    assert last.succeeded, "the next run starts by itself"
    check_after(reports, good, 2)
    assert not list((reports / "fault/.staging").glob("*"))
    verdicts = [run.verdict for run in read_history(reports).runs]
    assert (reports / "latest/fault").resolve() == last.folder.resolve()
    return verdicts


KILLS = {
    "runner": (kill_runner, {"succeeded", "interrupted"}),
    "kernel": (kill_kernel, {"succeeded", "kernel died", "not started"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["runner", "kernel"])
@pytest.mark.fault(
    event="The runner or its kernel is killed at any moment of a run",
    survives="the last good report; an honest record of the run; the next run is good",
)
def test_killed_at_random_moments(tmp_path, whom):
    kill, allowed = KILLS[whom]
    assert set(survive(tmp_path, kill, 3)) <= allowed


@pytest.mark.slow
@pytest.mark.parametrize("whom", KILLS)
@pytest.mark.fault(
    event="The runner or its kernel is killed, fifty times in a row",
    survives="the last good report; an honest record of each run",
)
def test_fifty_kills_at_random_moments(tmp_path, whom):
    kill, allowed = KILLS[whom]
    verdicts = Counter(survive(tmp_path, kill, 50))
    logging.getLogger(__name__).warning("50 kills of the %s: %s", whom, verdicts)
    assert set(verdicts) <= allowed
    # Two of them were not disturbed; enough of the kills must have met a run.
    assert verdicts["succeeded"] >= 2
    assert verdicts.total() - verdicts["succeeded"] >= 10


@pytest.mark.fault(
    event="The runner is killed and its kernel's children live on",
    survives="nothing of theirs; the next run ends them",
)
def test_orphans_of_a_killed_runner_are_cleared_by_the_next(tmp_path):
    # A child that has left the kernel's group and ignores everything it can.
    daemon = (
        "import subprocess, sys\n"
        "code = 'import signal, time\\nfor n in (1, 2, 15): "
        "signal.signal(n, signal.SIG_IGN)\\ntime.sleep(600)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        "print('child', child.pid)"
    )
    path = notebook(tmp_path, daemon, "import time; time.sleep(60)")
    process = start(tmp_path, path)
    end = time.monotonic() + 60
    stage = tmp_path / "reports/fault/.staging"
    while time.monotonic() < end:
        logs = [p.read_text() for p in stage.glob("*/run.log")]
        if logs and "| child" in logs[0]:
            break
        time.sleep(0.1)
    folders = {p.environ()[MARK] for p in map(psutil.Process, marked())}
    assert len(folders) == 1
    process.kill()
    process.communicate(timeout=60)
    assert find_marked(folders), "the daemon lives on"
    with private_folder() as own:
        assert find_marked(folders) == []
        assert not Path(*folders).exists()
        sweep_all_orphans()
        assert own.is_dir(), "a living runner's folder is left alone"
    assert not own.exists()
