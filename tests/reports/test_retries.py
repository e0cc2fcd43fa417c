"""Retries: only of what can pass by itself."""

import pytest
from fault_runs import TABLE, notebook

from recovery_research.reports.exit_codes import Outcome, Verdict
from recovery_research.reports.records import read_record
from recovery_research.reports.run_request import Retries, prepare_request
from recovery_research.reports.runner import fulfil_request
from recovery_research.reports.stopping import Deadline


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        (Outcome(Verdict.NOT_STARTED, "the kernel did not start"), True),
        (Outcome(Verdict.CELL_FAILED, error="ConnectionRefusedError"), True),
        (
            Outcome(
                Verdict.CELL_FAILED,
                "could not connect to server",
                error="OperationalError",
            ),
            True,
        ),
        (
            Outcome(
                Verdict.CELL_FAILED, "database is locked", error="OperationalError"
            ),
            True,
        ),
        (
            Outcome(Verdict.CELL_FAILED, "no such table: x", error="OperationalError"),
            False,
        ),
        (
            Outcome(Verdict.CELL_FAILED, "connection refused", error="AssertionError"),
            False,
        ),
        (Outcome(Verdict.CELL_FAILED, error="Odd"), True),
        (Outcome(Verdict.CELL_FAILED, error="ValueError"), False),
        (Outcome(Verdict.TIMED_OUT, "timed out"), False),
        (Outcome(Verdict.KERNEL_DIED), False),
        (Outcome(Verdict.INTERRUPTED), False),
        (Outcome(Verdict.SUCCEEDED), False),
    ],
)
def test_only_what_can_pass_is_tried_again(outcome, again):
    assert Retries(errors=("Odd",)).can_pass(outcome) is again


AWAY = Outcome(Verdict.CELL_FAILED, error="ConnectionError")
NOT_STARTED = Outcome(Verdict.NOT_STARTED, "the kernel did not start")


def test_what_has_run_runs_once_unless_asked():
    assert Retries().wait_after(AWAY, 1) is None
    assert Retries(times=1, wait_seconds=3).wait_after(AWAY, 1) == 3
    assert Retries(times=1, wait_seconds=3).wait_after(AWAY, 2) is None


@pytest.mark.fault(
    event="A kernel does not start",
    survives="the report: it is started again",
)
def test_a_kernel_that_ran_nothing_is_started_again():
    waits = [Retries(wait_seconds=2).wait_after(NOT_STARTED, n) for n in (1, 2, 3)]
    assert waits == [2, 4, None]
    assert Retries(times=3).wait_after(NOT_STARTED, 3) == 20


def test_the_limit_of_a_run_holds_for_all_its_attempts():
    assert Deadline(10.0, spent=7.5).allows(2.0)
    assert not Deadline(10.0, spent=7.5).allows(3.0)
    assert not Deadline(10.0, spent=10.0).allows(0.0)
    assert Deadline(None).allows(1e9)


def test_retries_are_checked():
    for wrong in ({"times": 11}, {"times": -1}, {"wait_seconds": -1.0}):
        with pytest.raises(ValueError, match="is 0 to"):
            Retries(**wrong)


COUNT = """\
from pathlib import Path
tried = Path({path!r})
tried.write_text(tried.read_text() + "x" if tried.exists() else "x")
if len(tried.read_text()) < 2:
    raise ConnectionError("nobody answers")"""


@pytest.mark.parametrize(("times", "tried", "ended"), [(0, 1, 3), (2, 2, 0)])
def test_a_notebook_runs_once_unless_more_was_asked_for(tmp_path, times, tried, ended):
    # It ran three times by default, and what it had done was done three times.
    count = tmp_path / "tried"
    path = notebook(tmp_path, COUNT.format(path=str(count)), TABLE)
    request = prepare_request(str(path), retries=Retries(times, wait_seconds=0.0))
    run = fulfil_request(request, tmp_path / "reports")
    assert run.exit_code == ended
    assert len(count.read_text()) == tried
    assert len(read_record(run.folder).attempts) == tried
