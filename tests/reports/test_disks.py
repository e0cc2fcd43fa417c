"""Full disks, folders that are gone, clocks that jump: nothing good is lost."""

import os
import resource
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fault_runs import TABLE, TAG, marked, notebook, start
from sample_notebooks import write_notebook

from recovery_research.reports import run_report
from recovery_research.reports.bookkeeping import bury_run
from recovery_research.reports.history import read_history
from recovery_research.reports.records import read_record
from recovery_research.reports.staging import BALLAST, Shelf


@pytest.fixture(autouse=True)
def _tag(monkeypatch):
    """Tell this test's processes from those of tests that run beside it."""
    monkeypatch.setenv(TAG, str(os.getpid()))


def limit_files(size):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.slow
@pytest.mark.fault(
    event="The disk is full in the middle of a run",
    survives="the last good report; a record that says so",
)
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


@pytest.mark.fault(
    event="The disk is full at the start of a run",
    survives="all that was there; nothing half is left",
)
def test_a_full_disk_at_the_start_leaves_nothing(tmp_path):
    process = start(tmp_path, notebook(tmp_path, TABLE), preexec_fn=limit_files(100))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "File too large" in said
    assert read_history(tmp_path / "reports").runs == ()
    assert not list((tmp_path / "reports").rglob("run.json"))
    assert run_report(tmp_path / "fault.ipynb", reports=tmp_path / "reports").succeeded


@pytest.mark.fault(
    event="The disk is full when a finished run is put in place",
    survives="the last good report; a record that says so",
)
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


@pytest.mark.fault(
    event="A run fills a real disk to the last byte",
    survives="a record that says so; the room is free again",
)
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


@pytest.mark.fault(
    event="Others fill the disk to the last byte during a run",
    survives="a record that says so",
)
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


@pytest.mark.fault(
    event="The data change while the report runs",
    survives="the report, with a warning; it is never taken for unchanged",
)
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


@pytest.mark.fault(
    event="The reports folder is on a read-only disk",
    survives="all that was there; the run is refused",
)
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


@pytest.mark.fault(
    event="The reports folder is deleted during a run",
    survives="the next run; no process is left",
)
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


@pytest.mark.fault(
    event="The clock jumps back by a month and by a year",
    survives="the order of the runs and the latest",
)
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


@pytest.mark.fault(
    event="The clock stands before the last run",
    survives="the order of the runs; the record says so",
)
def test_a_clock_that_jumps_back_is_said_in_the_record(tmp_path):
    path = notebook(tmp_path, TABLE)
    future = tmp_path / "reports/fault/20990101-000000-abcdef"
    future.mkdir(parents=True)
    run = run_report(path, reports=tmp_path / "reports")
    assert run.run_id.startswith("20990101-000001-")
    assert "the id follows it" in run.record.warnings[0]
    assert run.record.ended >= run.record.started
    assert abs(run.record.started - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.fault(
    event="The runner is killed between moving its run and pointing at it",
    survives="the run; the next run points at it",
)
def test_a_good_run_that_was_not_pointed_at_becomes_the_latest(tmp_path):
    """The runner was killed between moving its run and pointing at it."""
    path = notebook(tmp_path, TABLE)
    runs = [run_report(path, reports=tmp_path / "reports") for _ in range(2)]
    shelf = Shelf(tmp_path / "reports", "fault")
    shelf.point_latest_at(runs[0].run_id)
    shelf.sweep(bury_run)
    assert shelf.latest() == runs[1].folder
