"""What a plan says while it runs and when it has ended."""

import io
from datetime import datetime

import pytest

from recovery_research.reports.plan_progress import (
    Board,
    LineWriter,
    PlanEnd,
    ReportEnd,
)


def test_the_board_knows_how_long_it_takes():
    board = Board(io.StringIO())
    board.begin({"a": None, "b": 30.0, "c": None}, 2)
    # a and c are expected to take as long as b: 90 s of work for two.
    assert board.compute_left(0.0) == 45.0
    board.start("b")
    now = board._started["b"]
    assert board.compute_left(now + 20) == pytest.approx((30 + 10 + 30) / 2)
    board.end(ReportEnd("b", "b", "succeeded"))
    board.end(ReportEnd("a", "a", "cell failed", "no"))
    text = board.out.getvalue()
    assert "1 of 3 reports, about" in text
    assert "2 of 3 reports, 1 failed" in text
    assert Board(io.StringIO()).compute_left(0.0) is None


def test_lines_are_dated_and_failures_told_once():
    out = io.StringIO()
    writer = LineWriter(out)
    writer.log("a", 40, "a: cell failed: no")
    writer.end(ReportEnd("a", "a", "cell failed", "no"))
    writer.end(ReportEnd("b", "b", "not written", "full"))
    lines = out.getvalue().splitlines()
    assert [line.split(" ", 3)[3] for line in lines] == [
        "ERROR a: cell failed: no",
        "ERROR b: not written: full",
    ]
    datetime.strptime(lines[0][:19], "%Y-%m-%d %H:%M:%S")


def test_the_summary_fits_a_screen_and_the_worst_code_counts():
    good = [ReportEnd(f"good-{n}", "g", "succeeded", seconds=1.0) for n in range(500)]
    bad = [
        ReportEnd(f"bad-{n}", "b", "cell failed", "a\n" + "x" * 999) for n in range(500)
    ]
    text = PlanEnd((*good, *bad), 3.0, 3).summarise()
    assert len(text.splitlines()) <= 40
    assert text.startswith("1000 reports: 500 good (0 unchanged), 500 failed; 3 s")
    assert max(map(len, text.splitlines())) <= 200
    codes = [
        ReportEnd("a", "a", verdict, message).exit_code
        for verdict, message in (
            ("succeeded", ""),
            ("not run", ""),
            ("error", ""),
            ("timed out", ""),
            ("interrupted", "by SIGTERM"),
        )
    ]
    assert codes == [0, 0, 1, 5, 143]
