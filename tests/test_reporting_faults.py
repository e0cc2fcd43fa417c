"""Faults: whatever happens, the last good report stands and the record is honest."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_notebooks import write_notebook

from recovery_research.reporting import run_report
from recovery_research.reporting.bookkeeping import bury_run
from recovery_research.reporting.history import read_history
from recovery_research.reporting.orders import Limits, layer_given, prepare_order
from recovery_research.reporting.orphans import (
    MARK,
    find_marked,
    private_folder,
    sweep_all_orphans,
)
from recovery_research.reporting.records import read_record
from recovery_research.reporting.shelf import BALLAST, Shelf

ROOT = Path(__file__).resolve().parent.parent
TAG = "RECOVERY_RESEARCH_TEST"
SHORT = "parameters:n = 1  # how many\nseed = 5  # luck"
TABLE = (
    "from IPython.display import display\n"
    "marks = {'recovery_research': {'kind': 'table', 'name': 'told', 'caption': 'c'}}\n"
    "display({'text/csv': f'n\\n{n}\\n', 'text/plain': 't'}, raw=True, metadata=marks)"
)
PAUSES = [SHORT, TABLE, *["import time; time.sleep(0.15)"] * 6]
RUN = (
    "import sys\nfrom recovery_research.reporting import run_report\n"
    "run = run_report({notebook!r}, reports={reports!r})\n"
    "sys.exit(run.exit_code)"
)


def notebook(folder, *cells, name="fault"):
    return write_notebook(folder / f"{name}.ipynb", [SHORT, *cells])


def start(folder, path, **options):
    """Run a notebook as a report in a process of its own."""
    code = RUN.format(notebook=str(path), reports=str(folder / "reports"))
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture(autouse=True)
def _tag(monkeypatch):
    """Tell this test's processes from those of tests that run beside it."""
    monkeypatch.setenv(TAG, str(os.getpid()))


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


# ------------------------------------------------------------- killed at random


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
    good = run_report(path, reports=reports)
    whole = time.monotonic() - begun + 3.0
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


def test_the_runner_killed_at_random_moments(tmp_path):
    assert set(survive(tmp_path, kill_runner, 3)) <= {"succeeded", "interrupted"}


def test_the_kernel_killed_at_random_moments(tmp_path):
    allowed = {"succeeded", "kernel died", "not started"}
    assert set(survive(tmp_path, kill_kernel, 3)) <= allowed


@pytest.mark.slow
@pytest.mark.parametrize("kill", [kill_runner, kill_kernel])
def test_fifty_kills_at_random_moments(tmp_path, kill):
    verdicts = survive(tmp_path, kill, 50)
    assert verdicts.count("succeeded") >= 2


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


# ------------------------------------------------------------- unruly notebooks


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


def test_a_flood_of_output_is_cut_and_said(tmp_path):
    flood = "for _ in range(30):\n    print('x' * 1_000_000)"
    run = run_report(notebook(tmp_path, flood, TABLE), reports=tmp_path / "reports")
    assert run.succeeded, run.message
    assert run.record.warnings == ["cell 3 printed more than 1,000,000 characters; cut"]
    assert "[cut here" in (run.folder / "report.ipynb").read_text()
    assert sum(p.stat().st_size for p in run.folder.rglob("*.*")) < 6e6


@pytest.mark.slow
def test_a_gigabyte_of_output(tmp_path):
    flood = "for _ in range(1000):\n    print('x' * 1_000_000)"
    run = run_report(notebook(tmp_path, flood, TABLE), reports=tmp_path / "reports")
    assert run.succeeded, run.message
    assert run.record.warnings
    # Linux counts in kilobytes; the runner itself must not hold the flood.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1_500_000


def test_a_kernel_over_its_memory_is_stopped(tmp_path):
    hungry = "held = []\nwhile True:\n    held.append(bytearray(20_000_000))"
    limits = Limits(memory_bytes=400_000_000, run_seconds=60)
    path = notebook(tmp_path, hungry)
    run = run_report(path, reports=tmp_path / "reports", limits=limits)
    assert (run.verdict, run.exit_code) == ("kernel died", 4)
    assert run.message.startswith("the kernel took more than 400 MB of memory, in cell")
    assert run.record.peak_memory > 400e6
    assert marked() == []


def test_a_kernel_that_dies_of_memory(tmp_path):
    dying = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (10**9 * 3, 10**9 * 3))\n"
        "held = bytearray(10**10)"
    )
    run = run_report(notebook(tmp_path, dying), reports=tmp_path / "reports")
    assert run.verdict in ("cell failed", "kernel died")
    assert run.record.failure.cell == 3
    assert marked() == []


# ------------------------------------------------------- disks, folders, clocks


def limit_files(size):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_full_disk_in_the_middle_is_recorded(tmp_path):
    path = notebook(tmp_path, TABLE, "print('x' * 400_000)", "1")
    good = run_report(notebook(tmp_path, TABLE), reports=tmp_path / "reports")
    path = notebook(tmp_path, TABLE, "print('x' * 400_000)", "1")
    process = start(tmp_path, path, preexec_fn=limit_files(200_000))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "File too large" in said
    failed, ok = sorted(
        read_history(tmp_path / "reports").runs, key=lambda r: r.verdict
    )
    assert (failed.verdict, ok.folder) == ("not written", good.folder)
    assert "File too large" in failed.message
    assert Shelf(tmp_path / "reports", "fault").latest() == good.folder
    assert marked() == []


def test_a_full_disk_at_the_start_leaves_nothing(tmp_path):
    process = start(tmp_path, notebook(tmp_path, TABLE), preexec_fn=limit_files(100))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "File too large" in said
    assert read_history(tmp_path / "reports").runs == ()
    assert not list((tmp_path / "reports").rglob("run.json"))
    assert run_report(tmp_path / "fault.ipynb", reports=tmp_path / "reports").succeeded


def test_a_disk_full_at_the_move_is_recorded(tmp_path, monkeypatch):
    path = notebook(tmp_path, TABLE)
    good = run_report(path, reports=tmp_path / "reports")
    replace, refused = os.replace, []

    def refuse(source, target):
        if (
            not refused
            and Path(target).parent.name == "fault"
            and Path(source).is_dir()
        ):
            refused.append(target)
            raise OSError(28, "No space left on device")
        return replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        run_report(path, reports=tmp_path / "reports")
    assert len(refused) == 1
    (failed,) = (tmp_path / "reports/fault/failed").iterdir()
    assert read_record(failed).verdict == "not written"
    assert Shelf(tmp_path / "reports", "fault").latest() == good.folder


def test_the_record_has_room_on_a_really_full_disk(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system of its own cannot be mounted here")
    try:
        path = notebook(tmp_path, TABLE, "print('x' * 900_000)", "1")
        with pytest.raises(OSError, match="No space"):
            run_report(path, reports=small)
        (run,) = read_history(small).runs
        assert run.verdict == "not written"
        assert not list(small.rglob(BALLAST))
        # The room is free again, so the next run starts by itself.
        assert run_report(notebook(tmp_path, TABLE), reports=small).succeeded
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_the_record_has_room_though_others_have_filled_the_disk(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system of its own cannot be mounted here")
    fill = (
        f"filler = open({str(small / 'filler')!r}, 'wb', buffering=0)\n"
        "try:\n    while True:\n        filler.write(bytes(4096))\n"
        "except OSError:\n    pass"
    )
    try:
        path = notebook(tmp_path, fill, "print('x' * 20_000)", "1")
        with pytest.raises(OSError, match="No space"):
            run_report(path, reports=small)
        (run,) = read_history(small).runs
        assert run.verdict == "not written"
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_data_that_change_meanwhile_are_said_and_never_skipped(tmp_path):
    (tmp_path / "orders.csv").write_text("1")
    cells = [
        'parameters:orders_file = "orders.csv"  # the log',
        "open(orders_file, 'a').write('2')",
    ]
    path = write_notebook(tmp_path / "fault.ipynb", cells)
    run = run_report(path, reports=tmp_path / "reports")
    assert run.record.warnings == ["the data changed while the report ran"]
    assert run.record.key is None
    assert run.record.data_as_of_origin == "file times"


def test_a_reports_folder_that_is_read_only(tmp_path):
    reports = tmp_path / "reports"
    reports.mkdir(mode=0o555)
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(reports)]
    # The superuser writes where nobody may; a read-only disk stops her, too.
    mounted = os.getuid() == 0 and not subprocess.run(mount).returncode
    if os.getuid() == 0 and not mounted:
        pytest.skip("the superuser cannot mount a read-only disk here")
    try:
        with pytest.raises(OSError, match=r"Read-only|Permission denied"):
            run_report(notebook(tmp_path, TABLE), reports=reports)
        assert list(reports.iterdir()) == []
    finally:
        if mounted:
            subprocess.run(["umount", str(reports)], check=True)


def test_a_reports_folder_that_goes_away(tmp_path):
    # The runner may write in there at that moment.
    away = (
        f"import shutil\nshutil.rmtree({str(tmp_path / 'reports')!r}, "
        "ignore_errors=True)"
    )
    path = notebook(tmp_path, away, "1", "2")
    with pytest.raises(OSError, match=r"No such file|doesn't exist"):
        run_report(path, reports=tmp_path / "reports")
    assert marked() == []
    assert run_report(notebook(tmp_path, "1"), reports=tmp_path / "reports").succeeded


def test_a_clock_that_jumps_back(tmp_path):
    shelf = Shelf(tmp_path, "fault")
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    names = []
    for moment in (now, now - timedelta(days=30), now - timedelta(days=400), now):
        with shelf.stage(moment) as stage:
            shelf.keep(stage, succeeded=True)
            names.append(stage.name)
        assert shelf.latest().name == stage.name
    assert names == sorted(names)
    assert len({name[:15] for name in names}) == 4


def test_a_clock_that_jumps_back_is_said_in_the_record(tmp_path):
    path = notebook(tmp_path, TABLE)
    future = tmp_path / "reports/fault/20990101-000000-abcdef"
    future.mkdir(parents=True)
    run = run_report(path, reports=tmp_path / "reports")
    assert run.run_id.startswith("20990101-000001-")
    assert "the id follows it" in run.record.warnings[0]
    assert run.record.ended >= run.record.started
    assert abs(run.record.started - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_good_run_that_was_not_pointed_at_becomes_the_latest(tmp_path):
    """The runner was killed between moving its run and pointing at it."""
    path = notebook(tmp_path, TABLE)
    runs = [run_report(path, reports=tmp_path / "reports") for _ in range(2)]
    shelf = Shelf(tmp_path / "reports", "fault")
    shelf.point_latest_at(runs[0].run_id)
    shelf.sweep(bury_run)
    assert shelf.latest() == runs[1].folder


# --------------------------------------------------------- hostile parameter sets

DECLARED = (
    "parameters:n = 1  # how many [1 to 99]\nshare = 0.25  # of it [0 to 1]\n"
    'world = "evidence"  # beliefs {claims, evidence}\nnote = ""  # any text\n'
    'names = ["a"]  # any\nlearn = True  # whether'
)
TOLD = (
    "import json\nfrom IPython.display import display\n"
    "told = json.dumps([n, share, world, note, names, learn])\n"
    "marks = {'recovery_research': {'kind': 'table', 'name': 'told', 'caption': 'c'}}\n"
    "display({'text/csv': told, 'text/plain': 't'}, raw=True, metadata=marks)"
)
HOSTILE = [
    '"; raise SystemExit; "',
    "'''\nimport os; os._exit(3)\n'''",
    "{braces} {0} %s %(x)s ${HOME} `id` $(id)",
    "<script>alert(1)</script>",
    "\\",
    "\\n\\x00",
    "\u202e\u2028\ud7ff",
    "x" * 5000,
    "a\r\nb\tc",
]
ANY = st.one_of(
    st.integers(-5, 120),
    st.floats(-1, 2),
    st.sampled_from(
        [
            *HOSTILE,
            "claims",
            "evidence",
            "",
            "env:HOME",
            None,
            float("nan"),
            float("-inf"),
        ]
    ),
    st.text(max_size=20),
    st.booleans(),
    st.lists(st.one_of(st.text(max_size=9), st.sampled_from(HOSTILE)), max_size=3),
)
NAMES = st.sampled_from(
    [
        "n",
        "share",
        "world",
        "note",
        "names",
        "learn",
        "N",
        "n; import os",
        "class",
        "__x",
    ]
)
SETS = st.dictionaries(NAMES, ANY, max_size=4)
# Sets that are likely to be right, so that some do run.
FAIR = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 99),
        "share": st.floats(0, 1),
        "note": st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30)),
        "names": st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=3),
        "learn": st.booleans(),
    },
)
DEFAULTS = [1, 0.25, "evidence", "", ["a"], True]
KEYS = ["n", "share", "world", "note", "names", "learn"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    return write_notebook(folder / "told.ipynb", [DECLARED, TOLD])


def check_set(path, values, *, run):
    """Refused before anything starts, or run exactly as given."""
    reports = path.parent / "reports"
    try:
        order = prepare_order(path, layer_given(values))
    except ValueError:
        before = set(reports.rglob("*"))
        with pytest.raises(ValueError):
            run_report(path, values, reports=reports)
        assert set(reports.rglob("*")) == before
        return
    expected = [
        values.get(key, default) for key, default in zip(KEYS, DEFAULTS, strict=True)
    ]
    assert [order.values()[key] for key in KEYS] == expected
    if not run:
        return
    done = run_report(path, values, reports=reports)
    assert done.succeeded, (values, done.message)
    told = json.loads((done.folder / "tables/told.csv").read_text())
    assert told == expected
    assert [type(v) for v in told] == [type(v) for v in DEFAULTS]
    assert {p.name: p.value for p in done.record.parameters} == order.values()


@settings(max_examples=300)
@given(values=SETS)
def test_hostile_parameters_are_refused_or_kept_as_they_are(hostile, values):
    check_set(hostile, values, run=False)


@settings(max_examples=4)
@given(values=FAIR)
def test_fair_parameters_run_exactly_as_given(hostile, values):
    check_set(hostile, values, run=True)


@pytest.mark.slow
@settings(max_examples=1000)
@given(values=st.one_of(SETS, FAIR))
def test_a_thousand_parameter_sets(hostile, values):
    check_set(hostile, values, run=True)
