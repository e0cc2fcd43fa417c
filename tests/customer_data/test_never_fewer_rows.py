"""Never fewer rows than there are: quotes, sizes that lie, blank lines, broken rows."""

import csv
import io
import random
import re
import zipfile

import numpy as np
import openpyxl
import pytest
from customer_files import write_rows

from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.reading import check_customers, read_customers
from recovery_research.customer_data.sources import read_source

MAPPING = {
    "shape": "customers",
    "columns": {name: name for name in ("customer", "problem", "resolved")},
    "outcomes": {"spend": {"column": "spend", "kind": "amount"}},
}
HEADER = "customer,problem,resolved,spend"


def people(n=80):
    """Return rows of which every second failed, half of these resolved."""
    said = ("no,", "yes,yes", "no,", "yes,no")
    return [f"{k},{said[k % 4]},{10 + k % 7}" for k in range(n)]


def read(path, **rule):
    return read_source(path, SourceRule(**rule))


@pytest.mark.parametrize("more", [[], ["", 'x,"fine, all",'], ["", '"two\nlines"']])
@pytest.mark.parametrize("place", [0, 1, 3, 4])
def test_a_quote_that_is_not_closed_is_told_by_its_row(tmp_path, place, more):
    rows = [[*row.split(","), "fine"] for row in people()]
    rows[20][place] = f'"{rows[20][place]}'
    rows[50] = [*rows[50][:4], *more[1:]] if more else rows[50]
    lines = [",".join(row) for row in rows]
    path = write_rows(tmp_path / "open.csv", lines, HEADER + ",note")
    with pytest.raises(CustomerFileError, match="row 22 a quote is opened"):
        read(path)


def test_a_quote_closed_by_the_next_one_swallows_no_rows_unseen(tmp_path):
    rows = [row + ",fine" for row in people()]
    rows[20], rows[40] = rows[20][:-4] + '"fine', rows[40] + '"'
    path = write_rows(tmp_path / "between.csv", rows, HEADER + ",note")
    with pytest.raises(CustomerFileError, match=r"row 22 .*swallows 20 lines"):
        read(path)


def test_texts_of_several_lines_are_texts(tmp_path):
    rows = [row + ',"one\n\ntwo, three\n"' for row in people(9)]
    path = write_rows(tmp_path / "long.csv", rows, HEADER + ",note")
    raw = read(path)
    assert raw.rows.tolist() == list(range(2, 11))
    assert raw.told == ()
    rows = ['1,"a,b\nc,d"', "2,x"]
    raw = read(write_rows(tmp_path / "two.csv", rows, "id,note"))
    assert len(raw.rows) == 2
    assert not raw.told or "looks like a row" in str(raw.told[0])


def test_inches_within_a_text_are_no_quotes(tmp_path):
    rows = ['1,5" pipe', '2,"say ""hi"""', "3,plain", '4,7" or 8" or 9"']
    raw = read(write_rows(tmp_path / "inch.csv", rows, "id,note"))
    assert raw.table.column("note").to_pylist()[0] == '5" pipe'
    assert len(raw.rows) == 4


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_rows_are_called_as_a_spreadsheet_calls_them(tmp_path, ends):
    # The hand example of the plain reader of Python, which keeps blank lines.
    rng = random.Random(5)
    for trial in range(20):
        out, expected = [HEADER], []
        for k in range(30):
            if rng.random() < 0.2:
                out.append("")
            text = rng.choice(["a", '"b, c"', f'"d{ends}{ends}e"', '"f ""g"""'])
            out.append(f"{k},{text},,1")
        path = tmp_path / f"{trial}.csv"
        path.write_bytes((ends.join(out) + ends * (trial % 2)).encode())
        with path.open(newline="") as file:
            rows = list(csv.reader(io.StringIO(file.read(), newline="")))
        expected = [place for place, row in enumerate(rows, 1) if row][1:]
        assert read(path).rows.tolist() == expected


def test_a_broken_row_among_blank_lines_is_found_and_told(tmp_path):
    rows = people(30)
    rows[7] = "7,no"
    rows.insert(3, "")
    path = write_rows(tmp_path / "gap.csv", rows, HEADER)
    found = check_customers(path, mapping=MAPPING)
    (told,) = [f for f in found.findings if f.weight == "set aside"]
    assert (told.row, told.n_rows) == (10, 1)
    assert "has 2 fields, the header has 4" in told.message
    made = read_customers(path, mapping=MAPPING)
    assert made.excluded["row"].tolist() == [10]
    assert read(path).rows.tolist() == [2, 3, 4, 6, 7, 8, 9, *range(11, 33)]


def rewrite(source, made, change):
    """Write a workbook again with another first sheet."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(
                name, change(content) if name.endswith("sheet1.xml") else content
            )
    return made


def workbook(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("size", [b"A1", b"A1:D11", b"A1:XFD1048576", b"B2:C3"])
def test_the_size_that_a_sheet_claims_is_not_believed(tmp_path, size):
    rows = [HEADER.split(",")] + [[k, "no", None, k % 7] for k in range(200)]
    path = workbook(tmp_path / "a.xlsx", rows)
    made = rewrite(
        path,
        tmp_path / "b.xlsx",
        lambda text: re.sub(
            rb'<dimension ref="[^"]*"', b'<dimension ref="%s"' % size, text
        ),
    )
    raw = read(made)
    assert raw.table.column("customer").to_pylist() == list(range(200))
    assert raw.rows.tolist() == list(range(2, 202))


def test_formulas_without_a_result_are_told(tmp_path):
    rows = [HEADER.split(",")]
    rows += [[k, "no", None, f"={k}+0" if k % 3 == 0 else k] for k in range(80)]
    raw = read(workbook(tmp_path / "f.xlsx", rows))
    (told,) = raw.told
    assert (told.column, told.row, told.n_rows) == ("spend", 2, 27)
    assert "formula without a stored result" in told.message


def test_rows_that_a_reader_loses_are_missed(tmp_path, monkeypatch):
    # The second way of counting is one: a reader that stops halfway is seen.
    from recovery_research.customer_data import text_files

    path = write_rows(tmp_path / "a.csv", people(), HEADER)
    real = text_files.take_csv
    monkeypatch.setattr(text_files, "take_csv", lambda *a: real(*a).slice(0, 50))
    with pytest.raises(CustomerFileError, match="50 rows were read, but its lines"):
        read(path)


def test_a_large_file_is_counted_across_its_blocks(tmp_path, monkeypatch):
    from recovery_research.customer_data import text_rows

    ends = ["a,b", '1,"x\r\ny"', "", "2,z", '3,"q""', '"']
    path = tmp_path / "a.csv"
    path.write_bytes("\r\n".join(ends).encode())
    expected = read(path)
    for size in range(1, 12):
        monkeypatch.setattr(text_rows, "BLOCK", size)
        raw = read(path)
        np.testing.assert_array_equal(raw.rows, expected.rows)
    assert expected.rows.tolist() == [2, 4, 5]
