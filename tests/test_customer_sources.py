"""The same customers out of every kind of file and database; and what is none."""

import sqlite3
import warnings

import numpy as np
import pandas as pd
import pytest
import sqlalchemy
from customer_files import HEADER, MAPPING, ROWS, but, write_rows
from postgres import running_server

from recovery_research.customers import databases
from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.mapping_rules import SourceRule
from recovery_research.customers.reading import read_customers
from recovery_research.customers.sources import find_file, read_source


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("plain") / "mine.csv", ROWS)


@pytest.fixture(scope="module")
def expected(plain):
    return read_customers(plain, mapping=MAPPING).customers


@pytest.fixture(scope="module")
def typed(plain):
    """The same table with real numbers, dates and booleans in it."""
    frame = pd.read_csv(plain)
    for name in ("ordered", "called"):
        frame[name] = pd.to_datetime(frame[name])
    for name in ("problem", "complained", "resolved", "active"):
        frame[name] = frame[name].map({"yes": True, "no": False}).astype("boolean")
    return frame


@pytest.fixture(scope="module")
def server():
    """The address of a PostgreSQL of our own; without one the tests are skipped."""
    started = running_server()
    try:
        url = started.__enter__()
    except RuntimeError as error:
        # Loudly: in the summary, and as a warning that is no error.
        print(f"\nNOT TESTED against PostgreSQL: {error}")  # noqa: T201
        pytest.skip(f"NOT TESTED against PostgreSQL: {error}")
    yield url
    started.__exit__(None, None, None)


def same(read, expected):
    made = read.customers
    assert list(made) == list(expected)
    for name in made:
        left, right = made[name].tolist(), expected[name].tolist()
        pd.testing.assert_series_equal(
            pd.Series(left), pd.Series(right), check_dtype=False, obj=name
        )


def test_tabs_semicolons_and_a_byte_order_mark(tmp_path, plain, expected):
    text = plain.read_text()
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
        CustomerFileError, match=r"sheets \['notes', 'people'\]; name one"
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


def test_sqlite(tmp_path, typed, expected):
    path = tmp_path / "mine.sqlite"
    with sqlite3.connect(path) as base:
        typed.to_sql("people", base, index=False)
    base.close()
    before = path.read_bytes()
    same(read_customers(path, mapping=MAPPING), expected)
    assert path.read_bytes() == before
    chosen = but(source={"query": "select * from people where region = 'south';"})
    assert len(read_customers(path, mapping=chosen).customers) == 4
    with pytest.raises(
        CustomerFileError, match=r"no table 'peple'; it has \['people'\]"
    ):
        read_customers(path, mapping=but(source={"table": "peple"}))
    with pytest.raises(CustomerFileError, match="SQLite says: no such table: nobody"):
        read_customers(path, mapping=but(source={"query": "select * from nobody"}))


def test_duckdb(tmp_path, typed, expected):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "mine.db"  # a name that SQLite files have too
    with duckdb.connect(str(path)) as base:
        base.register("typed", typed)
        base.execute("create table people as select * from typed")
        base.execute("create table other as select 1 as x")
    same(read_customers(path, mapping=but(source={"table": "people"})), expected)
    with pytest.raises(
        CustomerFileError, match=r"tables \['other', 'people'\]; name one"
    ):
        read_customers(path, mapping=MAPPING)
    with pytest.raises(CustomerFileError, match="DuckDB says"):
        read_customers(path, mapping=but(source={"query": "select * from nobody"}))


def test_any_sqlalchemy_url(tmp_path, typed, expected, monkeypatch):
    url = f"sqlite:///{tmp_path / 'any.sqlite'}"
    engine = sqlalchemy.create_engine(url)
    typed.to_sql("people", engine, index=False)
    engine.dispose()
    same(read_customers(url, mapping=MAPPING), expected)
    monkeypatch.setenv("MY_CUSTOMERS", url)
    same(read_customers("env:MY_CUSTOMERS", mapping=MAPPING), expected)
    monkeypatch.delenv("MY_CUSTOMERS")
    with pytest.raises(CustomerFileError, match="'MY_CUSTOMERS' is not set"):
        read_customers("env:MY_CUSTOMERS", mapping=MAPPING)


def test_postgres_gives_the_same_customers(server, typed, expected):
    engine = sqlalchemy.create_engine(server)
    typed.to_sql("people", engine, index=False, if_exists="replace")
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("alter table people alter spend_90 type numeric(10, 2)")
        )
    engine.dispose()
    read = read_customers(server, mapping=but(source={"table": "people"}))
    same(read, expected)
    assert "s3cret" not in read.name
    chosen = but(source={"query": "select * from people order by id"})
    same(read_customers(server, mapping=chosen), expected)
    with pytest.raises(CustomerFileError, match='relation "nobody" does not exist'):
        read_customers(server, mapping=but(source={"query": "select * from nobody"}))


def test_a_connection_that_breaks_halfway_says_how_far_it_came(server, monkeypatch):
    monkeypatch.setattr(databases, "ROWS_AT_ONCE", 1000)
    engine = sqlalchemy.create_engine(server)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("drop table if exists long"))
        connection.execute(
            sqlalchemy.text(
                "create table long as select g as x, repeat('y', 400) as y "
                "from generate_series(1, 200000) g"
            )
        )
    real = databases.build_column
    pieces = []

    def cut_after_three(values):
        pieces.append(len(values))
        if len(pieces) == 6:  # two columns, three pieces
            with engine.begin() as connection:
                connection.execute(
                    sqlalchemy.text(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where pid <> pg_backend_pid() and backend_type = 'client backend'"
                    )
                )
        return real(values)

    monkeypatch.setattr(databases, "build_column", cut_after_three)
    with pytest.raises(CustomerFileError) as caught:
        read_source(server, SourceRule(table="long"))
    engine.dispose()
    said = str(caught.value)
    assert "reading ended after 3,000 rows, none of which are used" in said
    assert "s3cret" not in said


def test_a_server_that_is_not_there_is_told_without_the_password():
    url = "postgresql+psycopg://me:s3cret@localhost:1/nothing?connect_timeout=2"
    with pytest.raises(CustomerFileError, match="reading ended after 0 rows") as caught:
        read_source(url, SourceRule(table="x"))
    assert "s3cret" not in str(caught.value)
    with pytest.raises(CustomerFileError, match="is its driver installed") as caught:
        read_source("nosuch://me:s3cret@localhost/x", SourceRule(table="x"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"PAR1....", "named as CSV, but holds Parquet; rename it to end in .parquet"),
        ("a.csv", b"PK\x03\x04....", "holds Excel; rename it to end in .xlsx"),
        ("a.xlsx", b"id,x\n1,2\n", "named as Excel, but holds CSV; rename it to end in .csv"),
        ("a.csv", b"SQLite format 3\x00...", "holds SQLite"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0....", r"an old Excel workbook \(.xls\); save it as .xlsx"),
        ("a.csv", b"\x1f\x8b....", "a gzip archive; unpack it"),
        ("a.csv", b"<!DOCTYPE html><html>", "a web page"),
        ("a.csv", b'[{"id": 1}]', "holds JSON"),
        ("a.csv", b"id,x\n1,\x00\x01", "binary data of an unknown kind"),
        ("a.csv", "id,x\n1,ü\n".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("a.csv", "id,x\n1,Müller\n".encode("latin-1"), "is not utf-8 text"),
        ("a.csv", b"", "is empty: 0 bytes"),
        ("a.csv", b"\n\n", "the first row holds no column names"),
        ("a.csv", b"id,x,id\n1,2,3\n", r"columns \['id'\] more than once"),
        ("a.parquet", b"PAR1 and then nothing", "broken or cut short"),
        ("a.xlsx", b"PK\x03\x04 and then nothing", "not a workbook that can be read"),
        ("a.sqlite", b"SQLite format 3\x00 and then nothing", "SQLite says"),
        ("a.docx", b"PK\x03\x04....", r"files end in .*; got '.docx'"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_says_is_told_in_one_line(
    tmp_path, name, content, message
):
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
    with pytest.raises(CustomerFileError, match="a quote was opened"):
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


def test_missing_files_and_columns_are_named(tmp_path, monkeypatch, plain):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "customers.csv", ROWS)
    with pytest.raises(CustomerFileError, match=r"Did you mean 'customers.csv'"):
        read_source("custmers.csv", SourceRule())
    with pytest.raises(
        CustomerFileError, match=r"no column 'spend90'.*Did you mean 'spend_90'"
    ):
        read_source(plain, SourceRule(), columns=["spend90"])


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


def test_mixed_kinds_of_a_loose_database_keep_what_they_show(tmp_path):
    path = tmp_path / "loose.sqlite"
    with sqlite3.connect(path) as base:
        base.execute("create table t (x, y)")
        base.executemany(
            "insert into t values (?, ?)",
            [(1, 2**60 + 1), ("two", 0.5), (3.5, None), (None, 7)],
        )
    base.close()
    table = read_source(path, SourceRule()).table
    assert table.column("x").to_pylist() == ["1", "two", "3.5", None]
    assert table.column("y").to_pylist() == [str(2**60 + 1), "0.5", None, "7"]


def test_pieces_of_different_kinds_are_joined(monkeypatch, tmp_path):
    monkeypatch.setattr(databases, "ROWS_AT_ONCE", 2)
    path = tmp_path / "pieces.sqlite"
    with sqlite3.connect(path) as base:
        base.execute("create table t (x, y)")
        rows = [(1, None), (2, None), (0.5, 3), (None, 4), (None, "five"), (6, "six")]
        base.executemany("insert into t values (?, ?)", rows)
    base.close()
    table = read_source(path, SourceRule()).table
    assert table.column("x").to_pylist() == [1.0, 2.0, 0.5, None, None, 6.0]
    assert table.column("y").to_pylist() == [None, None, "3", "4", "five", "six"]
    np.testing.assert_array_equal(read_source(path, SourceRule()).rows, np.arange(1, 7))
