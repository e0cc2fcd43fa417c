"""The same customers out of databases, files and servers, whole and broken."""

import os
import sqlite3

import numpy as np
import pytest
import sqlalchemy
from customer_files import MAPPING, but, same
from postgres import running_server

from recovery_research.customer_data import databases
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.reading import read_customers
from recovery_research.customer_data.sources import read_source


@pytest.fixture(scope="module")
def server():
    """The address of a PostgreSQL of our own; without one the tests are skipped.

    Not where there must be one: with RECOVERY_RESEARCH_TEST_POSTGRES set they fail.
    """
    started = running_server()
    try:
        url = started.__enter__()
    except RuntimeError as error:
        said = f"NOT TESTED against PostgreSQL: {error}"
        if os.environ.get("RECOVERY_RESEARCH_TEST_POSTGRES"):
            pytest.fail(said)
        # Loudly: in the summary, and as a line of its own.
        print(f"\n{said}")  # noqa: T201
        pytest.skip(said)
    yield url
    started.__exit__(None, None, None)


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
