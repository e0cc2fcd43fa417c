"""Output of cells: heard by the line, cut where it floods."""

from recovery_research.reports.output_limits import (
    LONGEST_TEXT,
    OutputGuard,
    join_streams,
)


def stream(text):
    return {"msg_type": "stream", "content": {"name": "stdout", "text": text}}


def test_floods_are_cut_and_lines_are_heard():
    heard, refused = [], []
    guard = OutputGuard(heard.append, refused.append)
    message = stream("one\ntw")
    assert guard.admit(message, 0)
    assert guard.admit(stream("o\n10 %\r20 %\r30 %\n\x1b[31mred\x1b[0m"), 0)
    assert heard == ["one", "two", "30 %"]
    guard.end_cell()
    assert heard[-1] == "red"
    flood = stream("x" * (LONGEST_TEXT + 5))
    assert guard.admit(flood, 1)
    assert flood["content"]["text"].startswith("x" * LONGEST_TEXT + "\n[cut here")
    assert not guard.admit(stream("more"), 1)
    assert guard.cut_cells == [1]
    assert guard.admit(stream("another cell"), 2)
    # Just full is not cut yet; the next piece is, and it is said.
    assert guard.admit(stream("x" * LONGEST_TEXT), 3)
    last = stream("one more")
    assert guard.admit(last, 3)
    assert last["content"]["text"].startswith("\n[cut here")
    assert not guard.admit(stream("and more"), 3)
    assert guard.cut_cells == [1, 3]
    assert refused == []


def text_of(name, text):
    return {"output_type": "stream", "name": name, "text": text}


def test_pieces_of_text_are_joined_whatever_the_clock_did():
    table = {"output_type": "display_data", "data": {}}
    pieces = [
        text_of("stderr", "w"),
        text_of("stdout", "a\n1 %\r2 %"),
        table,
        text_of("stdout", "\r3 %\nb\r\n"),
        text_of("stderr", "arn"),
    ]
    joined = join_streams(pieces)
    assert [o.get("text") for o in joined] == ["a\n3 %\nb\r\n", "warn", None]
    # A single line of ten million characters; the square of that would take days.
    long = join_streams([text_of("stdout", "x" * 10_000_000 + "\ry")])
    assert long[0]["text"] == "y"


def test_too_large_outputs_are_refused_not_dropped(monkeypatch):
    monkeypatch.setattr("recovery_research.reports.output_limits.LARGEST_OUTPUTS", 100)
    refused = []
    guard = OutputGuard(lambda _: None, refused.append)
    data = {"msg_type": "display_data", "content": {"data": {"text/html": "x" * 99}}}
    assert guard.admit(data, 0)
    assert not guard.admit(data, 1)
    assert refused == ["the report's outputs are more than 100 characters"]
