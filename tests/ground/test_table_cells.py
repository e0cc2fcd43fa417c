"""Tables for spreadsheets: no text runs as a formula, and the same is read back."""

import csv
import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from customer_files import HEADER, ROWS, write_rows
from hypothesis import example, given, settings
from hypothesis import strategies as st
from run_records import keep_run

import recovery_research as rr
from recovery_research.cli import main
from recovery_research.exhibits import METADATA_KEY, show_table
from recovery_research.reports.artifacts import find_exhibits
from recovery_research.reports.comparisons import compare_runs
from recovery_research.spreadsheet_cells import (
    bare_cell,
    guard_cell,
    guard_csv,
    read_csv,
    write_csv,
)

TRIALS = settings(max_examples=100, deadline=None, derandomize=True)
PAYLOADS = [
    "=cmd|'/c calc'!A0", '=HYPERLINK("http://x.example";"y")', "+1+2", "-2+3+cmd|' /C x'!A0",
    "@SUM(1+1)*cmd|' /C x'!A0", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "\u00a0=1+1",
    "\ufeff=1+1", "\uff1d1+1", "\uff0d1+x", "'=1+1", "''=1+1", "-", "=", "--1", "-1,5", "+49 30 1",
    "-0.1 to 0.3", "=\"a\"\"b\"", "-1e5x", "\0=1", "\u200b@x",
]  # fmt: skip
NUMBERS = ["-3.2", "+5", "-1e-5", "-.5", "5", "-inf", "nan", "1.", "-0"]
TEXTS = st.one_of(
    st.sampled_from(PAYLOADS + NUMBERS),
    st.text("=+-@'\t\r\n ,;\"|a1.eE\ufeff\uff1d", max_size=8),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)


def would_run(text):
    """Whether a spreadsheet may take a cell for a formula: judged by its first sign."""
    seen = text.lstrip(" \t\r\n\u00a0\ufeff\0\u200b\u200c\u200d\u200e\u200f\u3000")
    if not seen or seen[0] not in "=+-@\uff1d\uff0b\uff0d\uff20":
        return text[:1] in ("\t", "\r", "\n")
    try:
        float(text)
    except ValueError:
        return True
    return False


def cells_of(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@TRIALS
@given(TEXTS)
def test_a_guarded_text_does_not_run_and_comes_back(text):
    guarded = guard_cell(text)
    assert not would_run(guarded)
    assert bare_cell(guarded) == text
    assert guarded in (text, f"'{text}")
    assert guard_cell(guarded) != guarded or guarded == text


@pytest.mark.parametrize("text", PAYLOADS)
def test_payloads_are_guarded_and_numbers_are_not(text):
    assert guard_cell(text) == f"'{text}"
    for number in NUMBERS:
        assert guard_cell(number) == number
    for plain in ("", "a=1", "1-2", "don't", "'tis", "x@y.z", "1+1"):
        assert guard_cell(plain) == plain == bare_cell(plain)


NO_NA = TEXTS.filter(lambda t: "\0" not in t and t.strip().lower() not in
                     ("", "na", "nan", "n/a", "null", "none", "-nan", "<na>", "#n/a"))  # fmt: skip


@settings(TRIALS, max_examples=40)
@given(
    st.lists(st.tuples(NO_NA, NO_NA), max_size=5),
    st.lists(NO_NA, min_size=4, max_size=4, unique=True),
    st.sampled_from([object, "str", "category"]),
    st.booleans(),
)
@example([("a\rb", "=1\r\n2")], ["=h", "@x", "-y", "\tz"], object, True)
def test_a_table_is_read_back_as_it_was(tmp_path_factory, rows, names, kind, index):
    file = tmp_path_factory.mktemp("table") / "t.csv"
    # A row that keeps every column one of texts.
    texts = pd.DataFrame([*rows, ("z", "zz")], columns=names[:2]).astype(kind)
    frame = texts.assign(**{"n n": np.arange(len(texts)) - 1.5})
    if index:
        frame = frame.set_index(names[0])
    write_csv(frame, file, index=index)
    for line in cells_of(file.read_bytes().decode()):
        assert not any(would_run(cell) for cell in line)
    back = read_csv(file)
    expected = frame.reset_index() if index else frame
    assert list(back) == list(expected)
    for name in expected:
        assert back[name].tolist() == expected[name].tolist()


def test_numbers_times_and_layered_indices_are_untouched(tmp_path):
    frame = pd.DataFrame(
        {"n": [-1.5, np.nan, -np.inf], "k": [-1, 2, 3], "b": [True, False, True],
         "t": pd.to_datetime(["2024-01-01", None, "2024-01-02"]),
         "mixed": [-1, "=x", None]},
        index=pd.MultiIndex.from_tuples([("=a", -1), ("b", 2), ("c", 3)], names=["@p", "q"]),
    )  # fmt: skip
    made = write_csv(frame, index=True)
    plain = frame.to_csv(index=True, lineterminator="\n")
    assert made == plain.replace("=x", "'=x").replace("=a", "'=a").replace("@p", "'@p")
    calm = frame[["n", "k", "b", "t"]].droplevel(0)
    assert write_csv(calm, index=True) == calm.to_csv(index=True, lineterminator="\n")


@TRIALS
@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=4))
def test_what_a_notebook_calls_a_table_is_guarded(rows):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    guarded = guard_csv(out.getvalue())
    for line in cells_of(guarded):
        assert not any(would_run(cell) for cell in line)
    assert guard_csv(guarded) == guarded


@pytest.mark.parametrize(
    "content", ["", "a,b\n1,-2\n", "\0", '"open =1+1\n=2', '=1,"x', "a\n" * 3]
)
def test_what_is_no_table_or_needs_nothing_stays_or_is_guarded(content):
    guarded = guard_csv(content)
    if "=" not in content:
        assert guarded == content
    for line in guarded.splitlines():
        assert not line.startswith(("=", "@"))


def exhibit_outputs(content):
    marks = {METADATA_KEY: {"kind": "table", "name": "told", "caption": "C."}}
    output = nbformat.v4.new_output(
        "display_data", {"text/csv": content}, metadata=marks
    )
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("1", outputs=[output])]
    )


def test_tables_of_reports_are_guarded_by_whomever_they_are_shown(tmp_path):
    frame = pd.DataFrame({"=x": ["=1+1", "-3.2", "kept"], "estimate": [-1.5, 2.0, 3.0]})
    shown = show_table(frame, name="told", caption="C.")
    own, by_hand = (find_exhibits(exhibit_outputs(c))[0].content for c in
                    (shown.data, frame.to_csv(index=False)))  # fmt: skip
    assert (
        own == shown.data == by_hand == "'=x,estimate\n'=1+1,-1.5\n-3.2,2.0\nkept,3.0\n"
    )
    assert "=1+1" in shown.html
    assert "'=1+1" not in shown.html
    # A run of before, whose table was written bare, is no other.
    old = keep_run(tmp_path, 0, tables={"told": frame.to_csv(index=False)})
    new = keep_run(tmp_path, 1, tables={"told": shown.data})
    assert compare_runs(old, new).cells == ()


def test_rows_set_aside_are_guarded(tmp_path):
    rows = [row.replace("north", "=1+1").replace("south", "@x") for row in ROWS]
    rows.append("=9+9,yes,yes,maybe,2024-02-11,,x,no,-a")
    file = write_rows(tmp_path / "mine.csv", rows, HEADER)
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        'shape = "customers"\nunreadable = "set aside"\n[columns]\ncustomer = "id"\n'
        'problem = "problem"\nresolved = "resolved"\n'
        '[outcomes]\nspend = { column = "spend_90", kind = "amount" }\n'
    )
    out = tmp_path / "out.csv"
    arguments = ["check", str(file), "--mapping", str(mapping), "--excluded", str(out)]
    done = CliRunner().invoke(main.main, arguments)
    assert done.exit_code == 0, done.output
    text = out.read_text()
    assert "'=9+9" in text
    for line in cells_of(text):
        assert not any(would_run(cell) for cell in line)


def test_no_table_is_written_in_another_way():
    package = Path(rr.__file__).parent
    writers = re.compile(r"\.to_csv\(|csv\.writer\(|\.to_excel\(|DictWriter\(")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if writers.search(path.read_text("utf-8"))
    }
    assert found == {"spreadsheet_cells.py"}
