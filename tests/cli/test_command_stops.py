"""Ctrl-C and SIGTERM at any moment of any command, and readers that go away."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from past_runs import lay_run
from sample_notebooks import write_notebook

from recovery_research import paths
from recovery_research.reports.records import read_record

ROOT = Path(__file__).resolve().parents[2]
# What Python does before a line of the command is read is Python's own.
CODE = (
    "import os\n"
    "from recovery_research import cli\n"
    "cli.await_command()\n"
    "os.write(2, b'!')\n"
    "cli.run()"
)
SLOW = ["parameters:n = 1  # how many", "import time; time.sleep(60)"]
TABLE = "policy,estimate\n" + "".join(f"p{i},{i / 7}\n" for i in range(400))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with two runs, a notebook that takes long, a file and a plan."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "notebooks").mkdir()
    (folder / paths.PROJECT_FILE).write_text("")
    write_notebook(folder / "notebooks" / "01-slow.ipynb", SLOW)
    lay_run(folder / "reports", 0, tables={"t": TABLE})
    lay_run(folder / "reports", 1, tables={"t": TABLE.replace("1,", "2,")})
    rows = "".join(f"c{i},no,no,no,{i % 97}\n" for i in range(60_000))
    (folder / "big.csv").write_text("id,problem,complained,resolved,spend\n" + rows)
    (folder / "plan.toml").write_text('[reports.slow]\nnotebook = "01-slow"\n')
    return folder


def start(project, arguments, **options):
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **options},
    )
    assert process.stderr.read(1) == b"!"
    return process


def stop(process, seconds, number=signal.SIGINT):
    """Send a signal after some time; return what was said, or None if it was over."""
    time.sleep(seconds)
    over = process.poll() is not None
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    return None if over else said.decode()


COMMANDS = {
    "list": 0.5,
    "describe slow": 0.5,
    "history": 0.5,
    "show loyalty": 1.0,
    "diff 20260105-063 20260105-073 --page d.html": 1.5,
    "map big.csv": 2.5,
    "check big.csv --mapping example": 2.5,
    "run slow --dry-run": 2.0,
    "run slow": 4.0,
    "run-all plan.toml --reports other": 4.0,
    "publish elsewhere": 1.5,
    "verify claims": 4.0,
    "calibrate --into fitted": 4.0,
}


# The notebook sleeps for longer than anybody waits here.
ENDLESS = {"run slow", "run-all plan.toml --reports other"}


def interrupt_at_random(project, command, luck, number=signal.SIGINT):
    moment = luck.uniform(0.0, COMMANDS[command]) ** 1.5 / COMMANDS[command] ** 0.5
    process = start(project, command.split())
    said = stop(process, moment, number)
    code = {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    # A signal that comes when all is done, and before the process is gone, is late.
    late = set() if command in ENDLESS else {0, 2, 9}
    if said is None:
        assert process.returncode in late, (command, moment)
        return
    assert process.returncode in {code} | late, (command, moment, said)
    if process.returncode == code:
        # The notebook's own, as a log tells it, has no colon.
        assert "Traceback (most recent call last):" not in said, (command, moment, said)
        assert "ignored" not in said, (command, moment, said)
        assert "error" in said.lower()


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_ends_every_command_with_130(project, command):
    interrupt_at_random(project, command, random.Random(command))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_ends_every_command_with_130_at_many_moments(project, command):
    luck = random.Random(f"many {command}")
    for _ in range(8):
        interrupt_at_random(project, command, luck)


CLEANING = """
import os, signal, time
from recovery_research import cli
cli.await_command()
import click
from recovery_research.cli.group import Commands
@click.group(cls=Commands)
def main():
    pass
@main.command()
def work():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
    finally:
        print("cleaned", flush=True)
main()
"""


def test_a_command_that_has_begun_cleans_up_before_it_ends():
    done = subprocess.run(
        [sys.executable, "-c", CLEANING, "work"], capture_output=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, b"cleaned\n"), done.stderr
    assert done.stderr == b"error: interrupted\n"


def test_sigterm_ends_a_command_with_143(project):
    process = start(project, ["verify", "claims"])
    said = stop(process, 0.3, signal.SIGTERM)
    # While the command is still being imported, the system itself ends it.
    assert process.returncode in (143, -signal.SIGTERM)
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["run slow", "run-all plan.toml"])
def test_an_interrupted_run_is_recorded_and_leaves_nothing_behind(
    project, tmp_path, command
):
    process = start(project, [*command.split(), "--reports", str(tmp_path)])
    for line in process.stderr:
        if b"cell 2 of" in line or b"started, run" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    said = stop(process, 1.0)
    assert process.returncode == 130, said
    (folder,) = (tmp_path).glob("*slow/failed/*")
    assert read_record(folder).verdict == "interrupted"
    assert not list(tmp_path.glob("*slow/.staging/*"))
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_an_interrupt_that_something_swallows_comes_again(project):
    swallow = (
        "import os, signal, sys, time\n"
        "from recovery_research.reports.stopping import hear_stops\n"
        "with hear_stops() as stops:\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(30)\n"
        "    except BaseException:\n"
        "        pass\n"
        "    try:\n"
        "        time.sleep(30)\n"
        "    except KeyboardInterrupt:\n"
        "        time.sleep(1.2)  # cleaning up is left in peace\n"
        "        print('cleaned up')\n"
        "sys.exit(stops.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", swallow],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (130, "cleaned up\n"), done.stderr


# ------------------------------------------------------------- readers that go away


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["history", "--json"]])
def test_a_reader_that_goes_away_is_no_trouble(project, arguments):
    read, write = os.pipe()
    os.close(read)
    process = start(project, arguments, stdout=write)
    os.close(write)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_cannot_be_written_is_told(project):
    with open("/dev/full", "wb") as full:
        process = start(project, ["list"], stdout=full)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 8
    assert said == b"error: the output could not be written: No space left on device\n"
