"""The processes of a diagnosis: none outlives the one that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SCRIPT = """
import recovery_research as rr

if __name__ == "__main__":
    study = rr.Study(
        sampled="order_based", world=rr.load_world("evidence"),
        policies=rr.choose_policies(["service"]),
        population=rr.load_population("webshop"), n_customers=1_000,
    )
    rr.diagnose(study, "naive", n_replications=5_000, truth_customers=8_000,
                processes=2)
"""


def wait_until(true, seconds):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.1)
    return true()


@pytest.mark.parametrize(
    "sent", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
@pytest.mark.fault(
    event="The process that leads a diagnosis is killed",
    survives="none of its workers",
)
def test_workers_end_with_the_process_that_started_them(sent, tmp_path):
    (tmp_path / "mine.py").write_text(SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "mine.py")],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        children = psutil.Process(parent.pid).children

        def workers():
            return [c for c in children(recursive=True) if "spawn_main" in
                    " ".join(c.cmdline())]  # fmt: skip

        assert wait_until(lambda: len(workers()) == 2, 60)
        # Long enough for them to have begun.
        time.sleep(2.0)
        started = workers()
        parent.send_signal(sent)
        parent.wait(30)
        gone, alive = psutil.wait_procs(started, timeout=30)
        assert len(gone) == 2, alive
    finally:
        parent.kill()


def test_ctrl_c_ends_all_at_once_and_only_the_first_speaks(tmp_path):
    (tmp_path / "mine.py").write_text(SCRIPT.replace("5_000, truth", "500_000, truth"))
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "mine.py")],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        children = psutil.Process(parent.pid).children
        assert wait_until(lambda: len(children(recursive=True)) >= 2, 60)
        time.sleep(2.0)
        started = children(recursive=True)
        os.killpg(parent.pid, signal.SIGINT)
        _, said = parent.communicate(timeout=60)
        assert parent.returncode == -signal.SIGINT
        assert said.rstrip().endswith("KeyboardInterrupt")
        assert "SpawnProcess" not in said, "a child told its own"
        _, alive = psutil.wait_procs(started, timeout=30)
        assert alive == []
    finally:
        parent.kill()
