"""Runs that are stopped or killed, and where runs are put."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sample_notebooks import write_notebook

from recovery_research.reports.bookkeeping import bury_run
from recovery_research.reports.records import read_record
from recovery_research.reports.staging import Shelf

ROOT = Path(__file__).resolve().parents[2]

SHORT = "parameters:n = 1  # how many\nseed = 5  # luck"


def kernels():
    return {
        process.pid
        for process in psutil.Process().children(recursive=True)
        if "ipykernel_launcher" in " ".join(process.cmdline())
    }


def start_slow_run(tmp_path):
    write_notebook(
        tmp_path / "slow.ipynb", [SHORT, "1", "import time; time.sleep(60)", "2"]
    )
    code = (
        "import sys\nfrom recovery_research.cli.main import main\n"
        f"main(['run', r'{tmp_path}/slow.ipynb', '--reports', r'{tmp_path}/reports'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    for line in process.stderr:
        if "cell 3 of" in line:
            break
    return process


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
@pytest.mark.fault(
    event="Ctrl-C or SIGTERM stops a run",
    survives="the last good report; an honest record",
)
def test_a_stopped_run_leaves_an_honest_record(tmp_path, number, code):
    process = start_slow_run(tmp_path)
    time.sleep(0.2)
    process.send_signal(number)
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == code
    assert f"slow: interrupted: stopped by {number.name}, in cell 3" in said
    assert "Task" not in said
    assert "site-packages" not in said
    (folder,) = (tmp_path / "reports/slow/failed").iterdir()
    assert read_record(folder).verdict == "interrupted"
    assert {p.name for p in folder.iterdir()} >= {"report.ipynb", "report.html"}
    assert not list((tmp_path / "reports/slow/.staging").iterdir())


@pytest.mark.fault(
    event="A runner is killed outright",
    survives="the last good report; the next run records the dead one",
)
def test_a_killed_run_is_put_away_by_the_next(tmp_path):
    process = start_slow_run(tmp_path)
    process.kill()
    process.stderr.close()
    process.wait(timeout=30)
    shelf = Shelf(tmp_path / "reports", "slow")
    assert len(list((shelf.folder / ".staging").glob("*[!k]"))) == 1
    with shelf.stage(datetime.now(UTC)) as alive:
        shelf.sweep(bury_run)
        assert alive.is_dir(), "a run that is alive is left alone"
    (folder,) = (shelf.folder / "failed").iterdir()
    record = read_record(folder)
    assert record.verdict == "interrupted"
    assert "stopped before" in record.failure.message
    assert not (folder / "input.ipynb").exists()
    assert not list((shelf.folder / ".staging").iterdir())


@pytest.mark.fault(
    event="The file system has no links",
    survives="latest, as a text and a page",
)
def test_latest_falls_back_to_a_page_where_links_do_not_work(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    shelf = Shelf(tmp_path, "x")
    assert shelf.latest() is None
    with shelf.stage(datetime.now(UTC)) as stage:
        place = shelf.keep(stage, succeeded=True)
    assert shelf.latest() == place
    page = (tmp_path / "x" / "latest.html").read_text()
    assert f"url={place.name}/report.html" in page


def test_latest_moves_on_and_ids_sort_by_time(tmp_path):
    shelf = Shelf(tmp_path, "x")
    places = []
    for day in (1, 2):
        with shelf.stage(datetime(2026, 1, day, tzinfo=UTC)) as stage:
            places.append(shelf.keep(stage, succeeded=True))
        assert shelf.latest() == places[-1].resolve()
    with shelf.stage(datetime(2026, 1, 3, tzinfo=UTC)) as stage:
        shelf.keep(stage, succeeded=False)
    assert shelf.latest() == places[-1].resolve()
    assert places == sorted(places)
    with shelf.stage(datetime(2026, 1, 4, tzinfo=UTC)) as stage:
        pass
    assert not stage.exists()
