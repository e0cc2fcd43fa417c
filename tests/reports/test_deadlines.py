"""The limit of a run bounds all of it: attempts, waits, page and print."""

import os
import signal
import threading
import time
from contextlib import suppress

import psutil
import pytest
from bs4 import BeautifulSoup
from command_calls import call
from fault_runs import TABLE, notebook
from nbformat.v4 import new_code_cell, new_notebook, new_output

from recovery_research.cli import main
from recovery_research.reports import pages, runner
from recovery_research.reports.execution import Execution
from recovery_research.reports.pages import PrintTimeoutError, print_page
from recovery_research.reports.plans import read_plan
from recovery_research.reports.records import read_record
from recovery_research.reports.run_request import (
    DEFAULT_RUN_SECONDS,
    Limits,
    Retries,
    prepare_request,
)
from recovery_research.reports.runner import fulfil_request
from recovery_research.reports.stopping import Deadline, TimeIsUp


def spin():
    ends = time.monotonic() + 20.0  # nothing stops it where the alarm is broken
    while time.monotonic() < ends:
        with suppress(Exception):  # as many a library does
            sum(range(1000))
    raise AssertionError("nothing stopped it")


def test_a_block_is_stopped_wherever_it_is():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimeIsUp), Deadline(0.05).enforce():
        spin()
    with pytest.raises(TimeIsUp), Deadline(0.0).enforce():
        raise AssertionError("nothing was left")
    with pytest.raises(TimeIsUp), Deadline(0.0).enforce(grace=0.05):
        spin()
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_block_in_time_is_left_alone():
    for deadline in (Deadline(None), Deadline(60.0)):
        with deadline.enforce():
            done = True
        assert done
    with pytest.raises(KeyError), Deadline(60.0).enforce():
        raise KeyError("its own")
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_in_another_thread_lateness_is_seen_at_the_end():
    seen = []

    def work():
        try:
            with Deadline(0.01).enforce():
                time.sleep(0.05)
        except TimeIsUp as error:
            seen.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(seen) == 1


def test_attempts_and_the_waits_between_share_one_deadline(tmp_path, monkeypatch):
    error = new_output("error", ename="ConnectionError", evalue="", traceback=[])
    ended = new_notebook(cells=[new_code_cell("x", outputs=[error])])
    handed = []

    def execute(request, output, deadline, *_):
        handed.append(deadline)
        return Execution(ended, running=0)

    monkeypatch.setattr(runner, "_execute", execute)
    request = prepare_request(notebook(tmp_path), retries=Retries(3, wait_seconds=0.01))
    log = runner.logging.getLogger("test")
    deadline = Deadline(60.0)
    made = runner.attempt_request(request, tmp_path, deadline=deadline, log=log)
    assert handed == [deadline] * 4
    assert len(made.records) == 4
    short = Deadline(60.0, spent=59.995)
    made = runner.attempt_request(request, tmp_path, deadline=short, log=log)
    assert len(made.records) == 1
    assert made.outcome.verdict == "cell failed"


# ---------------------------------------------------------------------- the page


class Short(Deadline):
    """A run whose time is nearly over when its page is begun."""

    def enforce(self, grace=0.0):
        self._ends = time.monotonic() + 0.05
        return super().enforce(grace)


def never_end(write):
    """Write pages of empty notebooks, and others never."""

    def compose_page(made, record, folder):
        if made.cells:
            spin()
        return write(made, record, folder)

    return compose_page


def test_a_run_whose_page_is_late_is_kept_and_called_that(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "compose_page", never_end(runner.compose_page))
    request = prepare_request(notebook(tmp_path, TABLE))
    run = fulfil_request(request, tmp_path / "reports", deadline=Short(600.0))
    assert (run.verdict, run.exit_code) == ("timed out", 5)
    assert run.message == (
        "the run took more than 600 s, while its page was written; the notebook and "
        "its tables are whole"
    )
    assert run.folder.parent.name == "failed"
    record = read_record(run.folder)
    assert record == run.record
    assert record.key is None, "it is no answer to the next one who asks"
    assert (run.folder / "tables/told.csv").read_text() == "n\n1\n"
    assert (run.folder / "report.ipynb").stat().st_size > 1000
    page = BeautifulSoup((run.folder / "report.html").read_text(), "html.parser")
    assert "while its page was written" in page.find(class_="failure").get_text()


def test_a_failed_run_has_a_page_though_its_time_is_over(tmp_path):
    path = notebook(tmp_path, "import time; time.sleep(60)")
    request = prepare_request(path, limits=Limits(run_seconds=0.5))
    run = fulfil_request(request, tmp_path / "reports")
    assert run.verdict == "timed out"
    assert "the run took more than 0.5 s" in run.message
    page = (run.folder / "report.html").read_text()
    assert "how many" in page


# ----------------------------------------------------------------------- the PDF

SLOW_BROWSER = "#!/bin/sh\nsleep 613 &\nsleep 613\n"


def sleepers():
    return [
        p
        for p in psutil.process_iter(["cmdline"])
        if "613" in (p.info["cmdline"] or [])
    ]


@pytest.mark.skipif(os.name != "posix", reason="NOT TESTED: a shell is needed")
def test_a_print_that_is_late_is_ended_with_all_its_processes(tmp_path, monkeypatch):
    browser = tmp_path / "browser"
    browser.write_text(SLOW_BROWSER)
    browser.chmod(0o755)
    monkeypatch.setenv(pages.BROWSER_VARIABLE, str(browser))
    (tmp_path / "report.html").write_text("x")
    with pytest.raises(PrintTimeoutError, match=r"no PDF in the 0\.3 s that there"):
        print_page(tmp_path / "report.html", seconds=0.3)
    with pytest.raises(PrintTimeoutError, match=r"in the 0 s"):
        print_page(tmp_path / "report.html", seconds=-2.0)
    assert sleepers() == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["browser", "report.html"]
    path = notebook(tmp_path)
    given = ("run", path, "--reports", tmp_path / "reports", "--pdf")
    monkeypatch.setattr(pages, "PRINT_SECONDS", 0.3)
    done = call(*given)
    assert done.exit_code == 5
    assert "the report is complete" in done.stderr
    assert (tmp_path / "reports/fault/latest/report.html").is_file()


# -------------------------------------------------------------------- the limits


def test_a_run_has_a_limit_unless_somebody_says_none(tmp_path):
    assert Limits().run_seconds == DEFAULT_RUN_SECONDS == 21_600
    assert Limits(run_seconds=float("inf")).run_seconds is None
    option = next(o for o in main.run.params if o.name == "timeout")
    assert option.default == DEFAULT_RUN_SECONDS
    path = notebook(tmp_path)
    plan = tmp_path / "plan.toml"
    limits = []
    for text in ("", "limits = { run_seconds = inf }", "limits = { run_seconds = 9 }"):
        plan.write_text(f'[reports.one]\nnotebook = "{path.name}"\n{text}\n')
        limits.append(read_plan(plan).entries[0].request.limits.run_seconds)
    assert limits == [DEFAULT_RUN_SECONDS, None, 9.0]
    plan.write_text(f"[defaults.limits]\nrun_seconds = 7\n{plan.read_text()}")
    assert read_plan(plan).entries[0].request.limits.run_seconds == 9.0
