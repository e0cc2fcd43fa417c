"""What other people wrote reaches a terminal as text, and never as an order to it."""

import io
import json
import os
import pty
import re
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st
from run_records import keep_run, make_failure, parameter
from sample_notebooks import write_notebook
from schedule_files import ROOT

from recovery_research.cli import main
from recovery_research.reports.failures import LAST_LINES
from recovery_research.texts import (
    CalmStream,
    bare_stream,
    calm,
    calm_streams,
    strip_sequences,
)

TRIALS = settings(max_examples=100, deadline=None, derandomize=True)
ORDERS = [
    "\x1b]0;owned\x07", "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "\x1b[2J\x1b[H",
    "\x1b]52;c;cHduZWQ=\x07", "\x1bP1$r0m\x1b\\", "\x9b2J", "\x9d0;owned\x9c", "\x1bc",
    "\x1b_apc\x1b\\", "\x1b^pm\x9c", "\x1b[38:5:1m", "\x1b(0", "\x1b]0;no end", "\x1b[", "\x1b",
    "a\bb", "a\rb", "\x07", "\x0b\x0c", "\x7f", "\u202egnp.exe", "\u2066x\u2069", "\u200fx\u200e",
    "\u061cx", "\u2028", "\x85", "\x90q\x9c",
]  # fmt: skip
DANGEROUS = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
ALL = "kept " + " ".join(ORDERS) + " kept too"
# In a table or a file's name there is no line's end.
LINE = ALL.replace("\r", "").replace("\x85", "").replace("\u2028", "")


def check(text):
    found = DANGEROUS.search(text)
    assert found is None, repr(text[max(0, found.start() - 40) : found.end() + 20])


@TRIALS
@given(st.one_of(st.text(st.characters(), max_size=30),
                 st.lists(st.sampled_from([*ORDERS, "a", "\n", "\t", ";", "[", "]"])).map("".join)))  # fmt: skip
@example(ALL)
@example("\x1b\x1b[[31mm")
@example("\udc80")
def test_nothing_dangerous_is_left_of_any_text(text):
    shown = calm(text)
    check(shown)
    shown.encode("utf-8")
    assert calm(shown) == shown
    assert (
        shown.count("\n") == text.count("\n")
        or "\x1b" in text
        or DANGEROUS.search(text)
    )


@pytest.mark.parametrize(
    "text", ["", "Zoë 日本語 עברית العربية 👩\u200d💻", "a\tb\nc", "\\u202e"]
)
def test_what_people_write_stays(text):
    assert calm(text) == text
    assert strip_sequences(text) == text


def test_colours_and_links_go_and_their_text_stays():
    text = "\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\a link\x1b]8;;\x1b\\ \x9b1mbold"
    assert calm(text) == "red a link \\u009b1mbold"


def test_a_long_text_takes_a_time_that_grows_with_it():
    for piece in ("\x1b]", "\x1b[0", "\x9d", "\x1b[" + "1;" * 50, "\x90;"):
        assert DANGEROUS.search(calm(piece * 20_000)) is None


def test_json_and_toml_stay_what_they_are():
    value = "".join(chr(n) for n in range(0x20, 0x3000) if not 0x7F <= n < 0x80)
    for ascii_only in (True, False):
        written = calm(json.dumps({"x": value}, ensure_ascii=ascii_only))
        assert json.loads(written) == {"x": value}
    check(written)
    assert tomllib.loads(calm('x = "\u202e\x85"')) == {"x": "\u202e\x85"}


def test_streams_are_calmed_once_and_given_back():
    before = sys.stdout, sys.stderr
    with calm_streams():
        inner = sys.stdout
        with calm_streams():
            assert bare_stream(sys.stdout) is bare_stream(inner)
    assert (sys.stdout, sys.stderr) == before
    out = io.StringIO()
    stream = CalmStream(out)
    stream.writelines(["\x1b[2Jx", "\x07"])
    assert out.getvalue() == "x\\u0007"
    assert stream.isatty() is False


# ------------------------------------------------------------------ through commands


def call(*arguments, codes=(0,)):
    result = CliRunner().invoke(main.main, [str(word) for word in arguments])
    assert result.exit_code in codes, result.output
    check(result.stdout)
    check(result.stderr)
    return result


def test_headers_and_values_of_files(tmp_path):
    source = tmp_path / "odd.csv"
    header = ["problem", "resolved", "spend", LINE.replace('"', "").replace(",", "")]
    rows = [[yes, no, str(n), "x\x1b[2J"] for n, (yes, no) in
            enumerate([("yes", "no"), ("no", ""), ("yes", "yes")] * 5)]  # fmt: skip
    rows.append(["\x1b]0;owned\x07", "\u202eyes", "12\x9b2J", "y"])
    text = "\n".join(",".join(cells) for cells in [header, *rows])
    source.write_text(text + "\n", encoding="utf-8", newline="")
    draft = call("map", source).stdout
    mapping = tmp_path / "mine.toml"
    mapping.write_text(draft, encoding="utf-8")
    call("check", source, "--mapping", mapping, codes=(0, 2))
    mapping.write_text(
        'shape = "customers"\n[columns]\nproblem = "problem"\nresolved = "resolved"\n'
        '[outcomes]\nspend = { column = "spend", kind = "amount" }\n'
    )
    refused = call("check", source, "--mapping", mapping, codes=(2,))
    assert "yes" in refused.output
    call("map", tmp_path / "no\x1b]0;x\x07.csv", codes=(2,))
    call("check", source, "--mapping", "\x1b[2Jx\u202e", codes=(2,))


def test_what_people_type(tmp_path):
    for words in (
        ["run", LINE], ["run", "01", "-p", LINE], ["run", "01", "-p", f"weeks={LINE}"],
        ["run", "01", "--profile", LINE], [LINE], ["run", f"--{LINE}"],
        ["history", "-p", LINE, "--reports", tmp_path], ["show", LINE, "--reports", tmp_path],
        ["run-all", tmp_path / "x\x1b[2J.toml"], ["diff", LINE, LINE, "--reports", tmp_path],
    ):  # fmt: skip
        call(*words, codes=(2,))
    plan = tmp_path / "plan.toml"
    plan.write_text(f"[reports.x]\nnotebook = {json.dumps(LINE)}\n")
    call("run-all", plan, codes=(2,))
    plan.write_text(f"[reports.x]\n{json.dumps(LINE)} = 1\n")
    call("run-all", plan, "--dry-run", codes=(2,))


def test_records_tables_and_notices_of_runs(tmp_path):
    reports = tmp_path / "reports"
    table = f"what,estimate\n{'x' + LINE.replace(chr(34), '')},1\n"
    hostile = {"title": ALL, "parameters": [parameter("note", ALL, "")]}
    first = keep_run(reports, 0, tables={"kept": table}, **hostile)
    keep_run(reports, 1, tables={"kept": table.replace(",1", ",2")}, **hostile)
    failure = make_failure(ALL)
    keep_run(
        reports, 2, verdict="cell failed", failure=failure, warnings=[ALL], **hostile
    )
    runs = sorted(path.name for path in reports.glob("*/2*"))
    for words in (["history"], ["history", "--json"], ["show", first.name],
                  ["show", first.name, "--json"], ["index"],
                  ["prune", "--keep", "0"]):  # fmt: skip
        result = call(*words, "--reports", reports)
        if "--json" in words:
            json.loads(result.stdout)
    assert "kept too" in call("history", "--reports", reports).stdout
    failed = next(reports.glob("*/failed/2*")).name
    assert "kept too" in call("show", failed, "--reports", reports).stdout
    call("diff", *runs[:2], "--reports", reports, codes=(9,))


NOISY = [
    f"md:# T {LINE}",
    'parameters:n = 1  # n',
    f"import sys, warnings\nprint({ALL!r})\nprint({ALL!r}, file=sys.stderr)\n"
    f"warnings.warn({ALL!r})",
    f"class Odd:\n    def __repr__(self):\n        return {ALL!r}\nOdd()",
    f"raise RuntimeError({ALL!r})",
]  # fmt: skip


def test_what_a_notebook_prints_shows_and_raises(tmp_path):
    write_notebook(tmp_path / "noisy.ipynb", NOISY)
    plan = tmp_path / "plan.toml"
    plan.write_text('[reports.noisy]\nnotebook = "./noisy.ipynb"\n')
    command = [sys.executable, "-m", "recovery_research"]
    reports = ["--reports", str(tmp_path / "reports")]
    log = ["--log", str(tmp_path / "plan.log")]
    done = subprocess.run(
        [*command, "run-all", str(plan), "--follow", *reports, *log],
        capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 3
    for written in (done.stdout, done.stderr, (tmp_path / "plan.log").read_bytes()):
        check(written.decode("utf-8"))
    assert done.stderr.decode().count("kept too") >= 3
    (log,) = (tmp_path / "reports" / "noisy" / "failed").glob("2*/run.log")
    check(log.read_text("utf-8"))
    assert LAST_LINES > 0


@pytest.mark.slow
def test_a_real_terminal_gets_only_our_own_moving_lines(tmp_path):
    write_notebook(tmp_path / "noisy.ipynb", NOISY)
    plan = tmp_path / "plan.toml"
    plan.write_text('[reports.noisy]\nnotebook = "./noisy.ipynb"\n')
    reports = ["--reports", str(tmp_path / "reports")]
    for words in (["run-all", str(plan)], ["run", str(tmp_path / "noisy.ipynb")]):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "recovery_research", *words, *reports],
            stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:
                break
        os.close(ours)
        assert process.wait() == 3
        text = said.decode("utf-8")
        assert "\x1b[" in text, "the control: a moving line is drawn"
        own = re.compile("\r\n|\r\x1b\\[K|\x1b\\[1A|\x1b\\[2K")
        check(own.sub("\n", text))
