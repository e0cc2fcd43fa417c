"""Retries: only of what can pass by itself."""

import pytest

from recovery_research.reporting.ends import Outcome, Verdict
from recovery_research.reporting.retries import Retries


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


def test_retries_are_checked():
    assert list(Retries(0).waits()) == []
    for wrong in ({"times": 11}, {"times": -1}, {"wait_seconds": -1.0}):
        with pytest.raises(ValueError, match="is 0 to"):
            Retries(**wrong)
