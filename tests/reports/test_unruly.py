"""Notebooks that flood, fork and devour: contained, and told as it was."""

import os

import pytest
from fault_runs import RUN, TABLE, TAG, marked, notebook, start

from recovery_research.reports import run_report
from recovery_research.reports.history import read_history
from recovery_research.reports.kernels import LONGEST_LAST_WORDS, LastWords
from recovery_research.reports.run_request import Limits


@pytest.fixture(autouse=True)
def _tag(monkeypatch):
    """Tell this test's processes from those of tests that run beside it."""
    monkeypatch.setenv(TAG, str(os.getpid()))


@pytest.mark.fault(
    event="A notebook starts daemons and children that ignore signals",
    survives="the report; none of them",
)
def test_children_and_daemons_end_with_the_kernel(tmp_path):
    fork = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True)\n"
        "if os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n    os._exit(0)"
    )
    run = run_report(notebook(tmp_path, fork, TABLE), reports=tmp_path / "reports")
    assert run.succeeded, run.message
    assert marked() == []


FLOODS = {
    "printed": "for _ in range({0}):\n    print('x' * 1_000_000)",
    "in one": "print('x' * ({0} * 1_000_000))",
    "by a child": "import os\nos.system('yes some words | head -c {0}000000')",
    "as errors": "import sys\nfor _ in range({0}):\n    sys.stderr.write('x' * 10**6)",
}
PEAK = (
    "import resource\n"
    "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "run = run_report({notebook!r}, reports={reports!r})\n"
    "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "sys.stderr.write(f'{{after - before}} kB more')\n"
    "sys.exit(run.exit_code)"
)


def flood(tmp_path, text, megabytes):
    """Run a notebook that floods, and return by how many MB its runner grew."""
    path = notebook(tmp_path, text.format(megabytes), TABLE)
    # The quiet run before has imported and made all that every run needs.
    quiet = RUN.format(
        notebook=str(notebook(tmp_path, TABLE, name="quiet")),
        reports=str(tmp_path / "reports"),
    ).rpartition("\n")[0]
    noisy = PEAK.format(notebook=str(path), reports=str(tmp_path / "reports"))
    process = start(tmp_path, path, code=f"{quiet}\n{noisy}")
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    (run,) = (r for r in read_history(tmp_path / "reports").runs if r.report == "fault")
    cut = "cell 2 printed more than 1,000,000 characters; cut"
    assert run.read().warnings == [cut]
    assert "[cut here" in (run.folder / "report.ipynb").read_text()
    assert sum(p.stat().st_size for p in run.folder.rglob("*.*")) < 1e7
    # Linux counts in kilobytes.
    return int(said.split()[-3]) / 1000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=way, marks=[] if way == "printed" else pytest.mark.slow)
        for way, text in FLOODS.items()
    ],
)
@pytest.mark.fault(
    event="A notebook prints a flood",
    survives="the report, with what was cut told",
)
def test_a_flood_of_output_is_cut_and_said(tmp_path, text):
    # Were it sent whole, the runner would hold much of the 150 MB.
    assert flood(tmp_path, text, 150) < 60


def test_only_the_end_of_what_the_kernels_process_says_is_kept():
    words = LastWords()
    with words.hear() as handle:
        for number in range(2000):
            os.write(handle, f"line {number} {'x' * 4000}\n".encode())
        os.write(handle, "the last, überall".encode())
    assert words.text().endswith("x\nthe last, überall")
    assert len(words.said) == LONGEST_LAST_WORDS


@pytest.mark.slow
@pytest.mark.parametrize("text", FLOODS.values(), ids=FLOODS)
@pytest.mark.fault(
    event="A notebook prints a gigabyte",
    survives="the report; the runner's memory",
)
def test_a_gigabyte_of_output(tmp_path, text):
    assert flood(tmp_path, text, 1000) < 60


@pytest.mark.fault(
    event="A kernel takes more memory than it may",
    survives="the machine; an honest record",
)
def test_a_kernel_over_its_memory_is_stopped(tmp_path):
    hungry = "held = []\nwhile True:\n    held.append(bytearray(20_000_000))"
    limits = Limits(memory_bytes=400_000_000, run_seconds=60)
    path = notebook(tmp_path, hungry)
    run = run_report(path, reports=tmp_path / "reports", limits=limits)
    assert (run.verdict, run.exit_code) == ("kernel died", 4)
    assert run.message.startswith("the kernel took more than 400 MB of memory, in cell")
    assert run.record.peak_memory > 400e6
    assert marked() == []


@pytest.mark.fault(
    event="A kernel dies of memory",
    survives="the last good report; an honest record",
)
def test_a_kernel_that_dies_of_memory(tmp_path):
    dying = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (10**9 * 3, 10**9 * 3))\n"
        "held = bytearray(10**10)"
    )
    run = run_report(notebook(tmp_path, dying), reports=tmp_path / "reports")
    assert run.verdict in ("cell failed", "kernel died")
    assert run.record.failure.cell == 2
    assert marked() == []
