"""The same customers out of every kind of file and database; and what is none."""

import warnings

import pandas as pd
import pytest
from customer_files import HEADER, MAPPING, ROWS, but, same, write_rows

from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.reading import read_customers
from recovery_research.customer_data.sources import find_file, read_source


def test_tabs_semicolons_and_a_byte_order_mark(tmp_path, customer_file, expected):
    text = customer_file.read_text()
    for name, mark in (("a.csv", ";"), ("a.tsv", "\t"), ("a.txt", "|")):
        path = tmp_path / name
        path.write_text("\ufeff" + text.replace(",", mark), encoding="utf-8")
        same(read_customers(path, mapping=MAPPING), expected)


def test_quoted_lines_break_no_rows(tmp_path):
    quoted = ROWS[0].replace("north", '"no\nrth, or so"')
    path = write_rows(tmp_path / "q.csv", [quoted, *ROWS[1:]])
    read = read_customers(path, mapping=MAPPING)
    assert read.customers["region"].tolist()[0] == "no\nrth, or so"
    assert len(read.customers) == 8


def test_parquet(tmp_path, typed, expected):
    typed.to_parquet(tmp_path / "mine.parquet")
    same(read_customers(tmp_path / "mine.parquet", mapping=MAPPING), expected)
    coded = typed.assign(region=typed["region"].astype("category"))
    coded.to_parquet(tmp_path / "coded.parquet")
    same(read_customers(tmp_path / "coded.parquet", mapping=MAPPING), expected)


def test_excel(tmp_path, typed, expected):
    path = tmp_path / "mine.xlsx"
    with pd.ExcelWriter(path) as book:
        typed.to_excel(book, sheet_name="people", index=False)
    same(read_customers(path, mapping=MAPPING), expected)
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="notes", index=False)
        typed.to_excel(book, sheet_name="people", index=False)
    with pytest.raises(
        CustomerFileError,
        match=r"sheets \['notes', 'people'\]; name one .*map: --sheet",
    ):
        read_customers(path, mapping=MAPPING)
    same(read_customers(path, mapping=but(source={"sheet": "people"})), expected)
    with pytest.raises(CustomerFileError, match="no sheet 'peple'"):
        read_customers(path, mapping=but(source={"sheet": "peple"}))


def test_rows_of_a_workbook_are_called_as_it_calls_them(tmp_path, typed):
    path = tmp_path / "gap.xlsx"
    frame = typed.astype(object).where(typed.notna(), None)
    frame.loc[7, "spend_90"] = -1.0
    with pd.ExcelWriter(path) as book:
        frame.iloc[:4].to_excel(book, index=False)
        frame.iloc[4:].to_excel(book, index=False, header=False, startrow=8)
    # The last of the eight is in row 12: header, four, three empty ones, four.
    read = read_customers(path, mapping=MAPPING)
    assert read.excluded["row"].tolist() == [12]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"PAR1....", "broken or cut short"),
        ("a.csv", b"PK\x03\x04....", "begins as a workbook or zip archive does, and its end"),
        ("a.csv", b"SQLite format 3\x00...", "SQLite says"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0....", "broken or cut short, or no old workbook"),
        ("a.csv", b"\x1f\x8b....", "broken or cut short"),
        ("a.csv", b"BZh91AY", "a bzip2 archive; unpack it"),
        ("a.csv", b"<!DOCTYPE html><html>", "a web page"),
        ("a.csv", b"%PDF-1.4", "a PDF"),
        ("a.csv", b"\x80\x04\x95", "a Python pickle, which is never opened"),
        ("a.csv", b"id,x\n1,\x00\x01", "binary data of an unknown kind"),
        ("a.csv", b"", "is empty: 0 bytes"),
        ("a.csv", b"\n\n", "the first row holds no column names"),
        ("a.json", b'{"a": [{"x": 1}], "b": [{"y": 1}]}', "several lists of records"),
        ("a.json", b'[{"id": 1}, {"id"', "broken or cut short, or no table"),
        ("a.parquet", b"PAR1 and then nothing", "broken or cut short"),
        ("a.xlsx", b"PK\x03\x04 and then nothing", "broken or cut short"),
        ("a.sqlite", b"SQLite format 3\x00 and then nothing", "SQLite says"),
        ("a.sav", b"$FL2 and then nothing", "not a SPSS file that can be read"),
        ("a.dta", b"<stata_dta> and then nothing", "not a Stata file that can be read"),
        ("a.feather", b"ARROW1 and then nothing", "broken or cut short"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_told_in_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CustomerFileError, match=message) as caught:
            read_source(path, SourceRule())
    assert "\n" not in str(caught.value)


def test_another_encoding_can_be_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("id,x\n1,Müller\n".encode("latin-1"))
    raw = read_source(path, SourceRule(encoding="latin-1"))
    assert raw.table.column("x").to_pylist() == ["Müller"]


def test_a_quote_that_never_closes_is_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,x\n1,"' + "never closed\n2,3\n" * 2_000_000)
    with pytest.raises(
        CustomerFileError, match="in row 2 a quote is opened and not closed"
    ):
        read_source(path, SourceRule())


def test_a_table_of_mostly_broken_rows_is_none(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Report of 2024\n" + "1,2,3\n" * 50)
    with pytest.raises(
        CustomerFileError, match="50 or more rows do not have the 1 fields"
    ):
        read_source(path, SourceRule())


def test_a_column_that_is_not_used_costs_nothing(tmp_path):
    # 200 MB in one column that no analysis needs.
    import resource

    path = tmp_path / "story.csv"
    with path.open("w") as file:
        file.write(HEADER + ",story\n")
        for k in range(2000):
            file.write(
                ROWS[k % 8].replace("1,", f"1{k},", 1) + "," + "z" * 100_000 + "\n"
            )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    raw = read_source(path, SourceRule(), columns=["id", "spend_90"])
    assert raw.table.nbytes < 1_000_000
    # In kB; a few blocks of 16 MB are in flight.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 190_000


def test_missing_files_and_columns_are_named(tmp_path, monkeypatch, customer_file):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "customers.csv", ROWS)
    with pytest.raises(CustomerFileError, match=r"Did you mean 'customers.csv'"):
        read_source("custmers.csv", SourceRule())
    with pytest.raises(
        CustomerFileError, match=r"no column 'spend90'.*Did you mean 'spend_90'"
    ):
        read_source(customer_file, SourceRule(), columns=["spend90"])
    twice = write_rows(tmp_path / "twice.csv", ["1,2,3,4"], "id,x,id,")
    held = read_source(twice, SourceRule()).table
    assert held.column_names == ["id (1)", "x", "id (2)", "column 4"]
    with pytest.raises(CustomerFileError, match=r"say which, 'id \(1\)' or 'id \(2\)'"):
        read_source(twice, SourceRule(), columns=["id"])


def test_a_relative_path_is_looked_for_where_the_command_was_called(
    tmp_path, monkeypatch
):
    called, kernel = tmp_path / "called", tmp_path / "kernel"
    for folder in (called, kernel):
        folder.mkdir()
    write_rows(called / "own.csv", ROWS)
    monkeypatch.chdir(kernel)
    monkeypatch.setenv("PWD", str(called))
    assert find_file("own.csv") == (called / "own.csv").resolve()
    write_rows(kernel / "own.csv", ROWS)
    with pytest.raises(CustomerFileError, match="is found twice"):
        find_file("own.csv")
