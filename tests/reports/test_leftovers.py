"""What the dead have left: locks, half-made runs, folders. The next run starts anyhow."""

import json
import os
import platform
import shutil
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fault_runs import TABLE, notebook

from recovery_research.reports import run_report
from recovery_research.reports.bookkeeping import bury_run
from recovery_research.reports.history import read_history
from recovery_research.reports.index import write_index
from recovery_research.reports.locks import BELIEVED_SECONDS, Holder
from recovery_research.reports.processes import private_folder
from recovery_research.reports.records import read_record
from recovery_research.reports.run_request import prepare_request
from recovery_research.reports.staging import Shelf, alive_lock
from recovery_research.reports.stored_runs import deliver_request

DEAD = {"host": platform.node(), "pid": 2**22 + 7}
AWAY = {"host": "another-machine", "pid": 17}


def leave_lock(path, holder, *, age):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(holder))
    then = time.time() - age
    os.utime(path, (then, then))


def list_locks(reports):
    return [
        reports / "fault" / ".run.lock",
        reports / "fault" / ".lock",
        reports / ".index.lock",
    ]


@pytest.mark.parametrize(
    ("holder", "age"), [(DEAD, 0), (AWAY, BELIEVED_SECONDS + 5), (AWAY, -86_400)]
)
@pytest.mark.fault(
    event="Locks of dead processes and of silent machines are left",
    survives="every new run, at once",
)
def test_stale_locks_of_the_dead_and_of_another_host_stop_nobody(tmp_path, holder, age):
    reports = tmp_path / "reports"
    request = prepare_request(notebook(tmp_path, TABLE))
    for path in list_locks(reports):
        leave_lock(path, holder, age=age)
    waited = []
    run = deliver_request(request, reports, on_wait=waited.append)
    assert run.succeeded
    assert waited == []
    assert (reports / "index.html").is_file()


@pytest.mark.fault(
    event="Another machine runs the report",
    survives="both runs; who is waited for is said",
)
def test_a_living_lock_of_another_host_is_waited_for_and_its_holder_named(tmp_path):
    reports = tmp_path / "reports"
    request = prepare_request(notebook(tmp_path, TABLE))
    lock = reports / "fault" / ".run.lock"
    leave_lock(lock, AWAY, age=0)
    waited = []
    freed = threading.Timer(1.0, lambda: lock.write_text(""))
    freed.start()
    started = time.monotonic()
    run = deliver_request(request, reports, on_wait=waited.append)
    assert run.succeeded
    assert time.monotonic() - started > 0.9
    assert waited == [Holder("another-machine", 17)]


def leave_stage(reports, name, good):
    """Leave a run in the staging folder whose maker is dead."""
    stage = reports / "fault" / ".staging" / name
    shutil.copytree(good.folder, stage)
    record = json.loads((stage / "run.json").read_text())
    record |= {"run_id": name, "verdict": "running"}
    (stage / "run.json").write_text(json.dumps(record))
    alive_lock(stage).path.write_text(json.dumps(DEAD))
    return stage


@pytest.mark.fault(
    event="A run whose runner is dead is left in staging",
    survives="its honest record; the last good report",
)
def test_a_run_of_the_dead_is_shown_for_what_it_is_and_put_away(tmp_path):
    reports = tmp_path / "reports"
    good = run_report(notebook(tmp_path, TABLE), reports=reports)
    stage = leave_stage(reports, "20990101-000000-aaaaaa", good)
    (abandoned,) = (r for r in read_history(reports).runs if r.folder == stage)
    assert (abandoned.verdict, abandoned.succeeded) == ("interrupted", False)
    assert "its runner is dead" in write_index(reports).read_text()
    assert run_report(notebook(tmp_path, TABLE), reports=reports).succeeded
    assert not stage.exists()
    put = reports / "fault" / "failed" / stage.name
    assert read_record(put).verdict == "interrupted"
    assert (good.folder / "report.html").is_file()


@pytest.mark.fault(
    event="What a dead runner has left cannot be put away",
    survives="every new run",
)
def test_what_cannot_be_put_away_stops_no_new_run(tmp_path):
    reports = tmp_path / "reports"
    good = run_report(notebook(tmp_path, TABLE), reports=reports)
    stage = leave_stage(reports, "20260101-000000-aaaaaa", good)
    other = leave_stage(reports, "20260101-000001-bbbbbb", good)
    seen = []

    def refuse(folder):
        seen.append(folder)
        if folder == stage:
            raise PermissionError(13, "Permission denied", str(folder))
        bury_run(folder)

    Shelf(reports, "fault").sweep(refuse)
    assert seen == [stage, other], "the others are put away"
    assert stage.exists()
    assert not other.exists()
    assert run_report(notebook(tmp_path, TABLE), reports=reports).succeeded


@pytest.fixture
def short_folder():
    # A folder of pytest's own has too long a path for a kernel's sockets.
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield Path(folder)


@pytest.mark.fault(
    event="Runners die before their kernel's folder has its name",
    survives="nothing of theirs after an hour",
)
def test_unnamed_private_folders_of_the_dead_are_removed_in_time(
    short_folder, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    old, young = short_folder / ".rr-new-old", short_folder / ".rr-new-young"
    for folder, age in ((old, 3700), (young, 60)):
        folder.mkdir()
        (folder / "alive").touch()
        then = time.time() - age
        os.utime(folder, (then, then))
    with private_folder() as own:
        assert own.parent == short_folder
        assert not old.exists()
        assert young.exists()


@pytest.mark.slow
@pytest.mark.fault(
    event="A report is read while hundreds of runs replace it",
    survives="a whole report at every moment",
)
def test_the_last_good_report_is_read_while_hundreds_of_runs_replace_it(tmp_path):
    """A reader polls `latest`; it never finds half a report or none."""
    shelf = Shelf(tmp_path, "fault")
    stop, wrong, looks = threading.Event(), [], []

    def poll():
        while not stop.is_set():
            try:
                text = (tmp_path / "latest" / "fault" / "report.html").read_text()
            except OSError as error:
                wrong.append(repr(error))
            else:
                looks.append(len(text))

    def put():
        with shelf.stage(datetime.now(UTC)) as stage:
            (stage / "report.html").write_text("x" * 100_000)
            shelf.keep(stage, succeeded=True)

    put()
    reader = threading.Thread(target=poll)
    reader.start()
    for _ in range(200):
        put()
    stop.set()
    reader.join()
    assert wrong == []
    assert set(looks) == {100_000}
    assert len(looks) > 50
