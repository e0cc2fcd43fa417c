"""A source is read only: one select, nothing written, nothing reached beyond it."""

import sqlite3

import duckdb
import pytest

from recovery_research.customer_data import databases
from recovery_research.customer_data.databases import check_query
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.sources import read_source

GOOD = [
    "select * from people",
    "SELECT id, 'drop table; x' as note from people;",
    "with few as (select id from people) select * from few -- delete nothing",
    "/* insert */ select id from people where x <> 'it''s'",
    'select "update" from (select id as "update" from people) as t',
    "select replace(x, 'a', 'b') as x from people",
    "select id from people union all select id from people",
    "select count(*) as n from people;  -- the end; really",
]
BAD = [
    "drop table people",
    "select 1; drop table people",
    "select * from people; select 2",
    "delete from people",
    "update people set id = 2",
    "insert into people values (9, 'z')",
    "create table other as select 1",
    "alter table people add y int",
    "vacuum into '{folder}/copy.db'",
    "attach '{folder}/other.db' as o",
    "pragma journal_mode = wal",
    "copy people to '{folder}/out.csv'",
    "copy (select 1) to '{folder}/out.csv'",
    "export database '{folder}/out'",
    "install httpfs",
    "select * into other from people",
    "with gone as (delete from people returning *) select * from gone",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select load_extension('evil')",
    "select pg_read_file('/etc/passwd')",
    "select pg_terminate_backend(1)",
    "select lo_export(1, '/tmp/x')",
    "select nextval('s')",
    "explain select 1",
    "call something()",
    "set threads = 1",
    "select 1 /*! into outfile '/tmp/x' */",
    "select 'a\\' ; drop table people; --'",
    "select 'not closed",
    "",
]


@pytest.mark.parametrize("query", GOOD)
def test_a_select_is_asked(query, tmp_path):
    for path in make(tmp_path):
        assert read_source(path, SourceRule(query=query)).table.num_rows >= 1


def make(folder):
    """Return a SQLite and a DuckDB file of one table."""
    rows = "insert into people values (1, 'a'), (2, 'b')"
    with sqlite3.connect(folder / "p.sqlite") as base:
        base.execute("create table people (id int, x text)")
        base.execute(rows)
    base.close()
    with duckdb.connect(str(folder / "p.duckdb")) as base:
        base.execute("create table people (id int, x text)")
        base.execute(rows)
    return folder / "p.sqlite", folder / "p.duckdb"


@pytest.mark.parametrize("query", BAD)
@pytest.mark.parametrize("guarded", [True, False])
def test_nothing_else_is(query, guarded, tmp_path, monkeypatch):
    if not guarded:
        # Without the reading of the query the connection itself still refuses.
        if any(word in query for word in ("pg_", "lo_", "nextval", "explain", "/*!")):
            pytest.skip("not known to these databases, or harmless in them")
        if query.startswith("set ") or "pragma" in query:
            pytest.skip("changes nothing but the connection")
        monkeypatch.setattr(
            "recovery_research.customer_data.databases.check_query", lambda _, q: q
        )
    paths = make(tmp_path)
    before = {path: path.read_bytes() for path in paths}
    for path in paths:
        with pytest.raises((CustomerFileError, sqlite3.Warning, TypeError)) as caught:
            read_source(
                path, SourceRule(query=query.format(folder=tmp_path), table="nobody")
            )
        if guarded:
            assert isinstance(caught.value, CustomerFileError)
    assert {path: path.read_bytes() for path in paths} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.duckdb", "p.sqlite"]


def test_no_file_is_made_where_none_was(tmp_path):
    for kind in ("sqlite", "duckdb"):
        with pytest.raises(CustomerFileError, match="nothing was made"):
            read_source(f"{kind}:///{tmp_path}/none.db", SourceRule())
    assert list(tmp_path.iterdir()) == []


def test_reading_leaves_nothing_beside_a_file_with_a_log(tmp_path):
    path = tmp_path / "w.sqlite"
    base = sqlite3.connect(path)
    base.execute("pragma journal_mode = wal")
    base.execute("create table people (id int)")
    base.execute("insert into people values (1)")
    base.commit()
    base.close()
    assert read_source(path, SourceRule()).table.num_rows == 1
    assert [each.name for each in tmp_path.iterdir()] == ["w.sqlite"]
    # While somebody writes, what is in the log counts.
    base = sqlite3.connect(path)
    base.execute("insert into people values (2)")
    base.commit()
    assert read_source(path, SourceRule()).table.num_rows == 2
    base.close()


def test_a_query_that_never_ends_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "MOST_SECONDS", 0.3)
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) as c from n"
    with pytest.raises(CustomerFileError, match="was stopped"):
        read_source(make(tmp_path)[0], SourceRule(query=endless))
    many = "select count(*) as c from range(100000000) a, range(100000000) b where a.range + b.range = 7"
    with pytest.raises(CustomerFileError, match="was stopped"):
        read_source(tmp_path / "p.duckdb", SourceRule(query=many))


def test_more_rows_than_allowed_are_not_read(tmp_path, monkeypatch):
    from recovery_research.customer_data import databases

    monkeypatch.setattr(databases, "MOST_ROWS", 1)
    monkeypatch.setattr(databases, "MOST_ROWS", 1)
    for path in make(tmp_path):
        with pytest.raises(CustomerFileError, match="more than 1 rows"):
            read_source(path, SourceRule())


def test_words_in_texts_and_comments_are_no_words_of_the_query():
    query = "select 'insert; delete' /* drop */ as x, \"copy\" from t -- update;"
    expected = "select 'insert; delete'   as x, \"copy\" from t"
    assert check_query("t", query) == expected
    with pytest.raises(CustomerFileError, match="a column called like a command goes"):
        check_query("t", "select copy from t")


def test_decimals_of_a_database_stay_what_they_are(tmp_path):
    with duckdb.connect(str(tmp_path / "d.duckdb")) as base:
        base.execute(
            "create table t as select (123456789012345678 + range)::decimal(38, 0) as id from range(30)"
        )
    raw = read_source(tmp_path / "d.duckdb", SourceRule())
    assert len(set(raw.table.column("id").to_pylist())) == 30


@pytest.mark.parametrize(
    "query", [q for q in BAD if not q.endswith("from '/etc/passwd'")]
)
def test_the_query_alone_says_that_it_is_not_asked(query):
    # As of a database that does not guard itself.
    with pytest.raises(CustomerFileError, match="query is not asked"):
        check_query("t", query)
