"""The same customers out of every kind of file, whatever it is called."""

import gzip
import io
import json
import resource
import sqlite3
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pyreadstat
import pytest
from customer_files import HEADER, MAPPING, ROWS, but, same, write_rows

from recovery_research.customer_data import text_rows
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_drafts import draft_mapping
from recovery_research.customer_data.mapping_rules import SourceRule
from recovery_research.customer_data.reading import read_customers
from recovery_research.customer_data.sources import read_source
from recovery_research.customer_data.text_rows import name_encoding

TEXT = "\n".join([HEADER, *ROWS]) + "\n"


def records():
    return [dict(zip(HEADER.split(","), row.split(","), strict=True)) for row in ROWS]


def packed(content, name="inner.csv", more=()):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for each in (name, *more):
            archive.writestr(each, content)
    return made.getvalue()


CONTENTS = {
    "gzip": gzip.compress(TEXT.encode()),
    "zip": packed(TEXT),
    "zip with a read-me": packed(TEXT, more=("__MACOSX/._inner.csv", "README.md")),
    "zip in gzip": gzip.compress(packed(TEXT)),
    "tab": TEXT.replace(",", "\t").encode(),
    "bar": TEXT.replace(",", "|").encode(),
    "JSON": json.dumps(records()).encode(),
    "JSON in an object": json.dumps({"n": 8, "rows": records()}).encode(),
    "JSON by column": pd.DataFrame(records()).to_json(orient="columns").encode(),
    "JSON lines": "\n".join(map(json.dumps, records())).encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-32": TEXT.encode("utf-32"),
    "UTF-8 with a mark": TEXT.encode("utf-8-sig"),
    "Mac line ends": TEXT.replace("\n", "\r").encode(),
    "Windows line ends": TEXT.replace("\n", "\r\n").encode(),
    "Excel's sep=": ("sep=;\n" + TEXT.replace(",", ";")).encode(),
    "a title": ("Report 2024,,,\n\n" + TEXT).encode(),
    "Qualtrics": "\n".join(
        [HEADER, ",".join(["How are you?"] * 9), ",".join(['"{""ImportId"":""Q1""}"'] * 9), *ROWS]
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("kind", [k for k in CONTENTS if k != "JSON by column"])
def test_a_file_is_known_by_its_bytes(tmp_path, kind, expected):
    path = tmp_path / "mine.dat"
    path.write_bytes(CONTENTS[kind])
    same(read_customers(path, mapping=MAPPING), expected)


def test_json_by_column_of_lists(tmp_path, expected):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(pd.DataFrame(records()).to_dict(orient="list")))
    same(read_customers(path, mapping=MAPPING), expected)


def shop(path):
    """Write several tables in one document, as exports of a whole shop are."""
    albums = [{"id": "x", "title": "A"}]
    whole = {"Album": albums, "shop": {"Invoice": records()}, "made": "2024-01-01"}
    path.write_text(json.dumps(whole))
    return path


def test_one_of_several_tables_of_json(tmp_path, expected):
    path = shop(tmp_path / "shop.json")
    named = but(source={"table": "shop.Invoice"})
    same(read_customers(path, mapping=named), expected)
    # Nobody said which: the tables are listed, and what to write.
    with pytest.raises(CustomerFileError) as caught:
        read_customers(path, mapping=MAPPING)
    for said in ("'Album' (1), 'shop.Invoice' (8)", '[source] table = "Album"'):
        assert said in str(caught.value)
    with pytest.raises(CustomerFileError, match=r"Did you mean 'shop.Invoice'"):
        read_customers(path, mapping=but(source={"table": "shop.Invoices"}))
    # Drafted from the same table, a mapping names it.
    draft = draft_mapping(path, table="shop.Invoice")
    assert 'table = "shop.Invoice"' in draft
    for kind in ("JSON", "JSON lines"):
        path.write_bytes(CONTENTS[kind])
        with pytest.raises(CustomerFileError, match="it holds one alone"):
            read_customers(path, mapping=named)


def test_a_broken_line_of_json_is_set_aside(tmp_path):
    lines = [json.dumps(record) for record in records()]
    lines.insert(3, '{"id": ')
    path = tmp_path / "b.jsonl"
    path.write_text("\n".join(lines))
    read = read_customers(path, mapping=MAPPING)
    assert read.excluded["row"].tolist() == [4]
    assert len(read.customers) == 8


def test_feather(tmp_path, typed, expected):
    path = tmp_path / "mine.csv"
    pyarrow.feather.write_feather(pa.Table.from_pandas(typed), path)
    same(read_customers(path, mapping=MAPPING), expected)


def survey(n=40):
    """A survey as SPSS has it: codes, what they are called, and codes for unknown."""
    k = np.arange(n)
    return pd.DataFrame(
        {"id": k * 1.0, "problem": (k % 2) + 1.0, "resolved": np.where(k % 2, (k % 4 == 1) + 1.0, np.nan),
         "score": np.where(k % 8 == 0, 99.0, 1.0 + k % 5), "region": 1.0 + k % 3}
    )  # fmt: skip


LABELS = {
    "problem": {1.0: "No", 2.0: "Yes"}, "resolved": {1.0: "No", 2.0: "Yes"},
    "region": {1.0: "north", 2.0: "south", 3.0: "west"},
    "score": {1.0: "very bad", 5.0: "very good"},
}  # fmt: skip
SURVEY = {
    "shape": "customers",
    "columns": {"customer": "id", "problem": "problem", "resolved": "resolved"},
    "outcomes": {"score": {"kind": "number"}},
    "covariates": {"region": {"kind": "category"}},
}


def check_survey(path, *, missing_known):
    read = read_customers(path, mapping=SURVEY)
    counts = read.customers["index_outcome"].value_counts()
    assert counts[["no_failure", "recovered", "not_recovered"]].tolist() == [20, 10, 10]
    assert read.customers["customer"].tolist() == list(range(40))
    assert set(read.customers["region"]) == {"north", "south", "west"}
    scores = read.customers["score"]
    assert scores.isna().sum() == (5 if missing_known else 0)
    codes = read_customers(
        path, mapping=SURVEY | {"covariates": {"region": {"kind": "number"}}}
    )
    assert codes.customers["region"].tolist() == [1.0 + k % 3 for k in range(40)]


@pytest.mark.parametrize("compress", [False, True])
def test_spss_labels_codes_and_declared_unknown(tmp_path, compress):
    path = tmp_path / "survey.txt"
    pyreadstat.write_sav(
        survey(), str(path), variable_value_labels=LABELS, compress=compress,
        missing_ranges={"score": [99.0]},
    )  # fmt: skip
    check_survey(path, missing_known=True)


def test_stata_and_the_portable_and_transport_forms(tmp_path):
    path = tmp_path / "survey.dta"
    for version in (8, 10, 12, 13, 14, 15):
        pyreadstat.write_dta(
            survey(), str(path), variable_value_labels=LABELS, version=version
        )
        check_survey(path, missing_known=False)
    pyreadstat.write_por(survey(), str(tmp_path / "s.por"))
    raw = read_source(tmp_path / "s.por", SourceRule())
    assert (raw.kind, raw.table.num_rows) == ("SPSS portable", 40)
    pyreadstat.write_xport(survey(), str(tmp_path / "s.xpt"))
    assert read_source(tmp_path / "s.xpt", SourceRule()).table.num_rows == 40


def test_an_open_document_and_an_old_workbook(tmp_path):
    # Written by hand: a sheet of two rows, the second one repeated as blank.
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    rows = "".join(
        "<table:table-row>"
        + "".join(cell.format(v) for v in line.split(","))
        + "</table:table-row>"
        for line in ("id,x", "1,a", "2,b")
    )
    head = " ".join(
        f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"'
        for n in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0"?><office:document-content {head}><office:body><office:spreadsheet>'
        f'<table:table table:name="S">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    raw = read_source(path, SourceRule())
    assert (raw.kind, raw.rows.tolist()) == ("OpenDocument", [2, 3])
    assert raw.table.to_pydict() == {"id": ["1", "2"], "x": ["a", "b"]}


def test_a_locked_workbook_is_called_that(tmp_path):
    path = tmp_path / "locked.xlsx"
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(512)
        + "EncryptedPackage".encode("utf-16-le")
    )
    with pytest.raises(CustomerFileError, match="protected by a password"):
        read_source(path, SourceRule())


def test_a_sheet_that_is_a_chart_is_called_that(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["id"])
    book.create_chartsheet("curve").add_chart(openpyxl.chart.BarChart())
    book.save(tmp_path / "c.xlsx")
    assert read_source(tmp_path / "c.xlsx", SourceRule()).table.column_names == ["id"]
    with pytest.raises(CustomerFileError, match="'curve' holds a chart"):
        read_source(tmp_path / "c.xlsx", SourceRule(sheet="curve"))


def test_two_header_rows_are_joined_when_told(tmp_path):
    path = write_rows(tmp_path / "h.csv", ["id,one,two,x", "1,2,3,4"], ",before,,after")
    raw = read_source(path, SourceRule(header_rows=2))
    assert raw.table.column_names == ["id", "before one", "before two", "after x"]
    assert raw.rows.tolist() == [3]
    assert read_source(path, SourceRule(skip_rows=1)).table.column_names == [
        "id",
        "one",
        "two",
        "x",
    ]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("cp1252", "Müller"), ("cp1252", "Le problème a été résolu"), ("cp1252", "El niño compró"),
     ("cp1250", "Żółta łódka źle się zachowała"), ("cp1251", "Клиент был недоволен услугой"),
     ("cp932", "お客様は満足しています"), ("gb18030", "客户对服务非常满意问题已经解决"),
     ("cp949", "고객은 서비스에 매우 만족했습니다")],
)  # fmt: skip
def test_an_encoding_is_found_said_and_overruled(tmp_path, encoding, text):
    assert name_encoding(text.encode(encoding)) == encoding
    path = tmp_path / "e.csv"
    path.write_bytes(f"id,x\n1,{text}\n".encode(encoding))
    raw = read_source(path, SourceRule())
    assert raw.table.column("x").to_pylist() == [text]
    assert f"read as {encoding} text" in raw.told[0].message
    other = read_source(path, SourceRule(encoding="latin-1"))
    assert other.table.column("x").to_pylist() == [
        text.encode(encoding).decode("latin-1")
    ]
    with pytest.raises(CustomerFileError, match="is not utf-8 text"):
        read_source(path, SourceRule(encoding="utf-8"))


def test_several_tables_in_an_archive_are_named(tmp_path):
    path = tmp_path / "two.zip"
    path.write_bytes(packed(TEXT, "a.csv", more=("b.csv",)))
    with pytest.raises(CustomerFileError, match=r"\['a.csv', 'b.csv'\]; name one"):
        read_source(path, SourceRule())
    assert read_source(path, SourceRule(member="b.csv")).table.num_rows == 8


def test_files_are_joined_by_a_query(tmp_path, expected):
    frame = pd.DataFrame(records())
    left, right = frame[["id", "problem", "complained", "resolved", "ordered"]], frame.drop(
        columns=["problem", "complained", "resolved", "ordered"])  # fmt: skip
    left.to_csv(tmp_path / "people.csv", index=False)
    right.to_json(tmp_path / "more.json", orient="records")
    query = "select * from people join more using (id) order by id"
    source = {"files": ["more.json"], "query": query}
    same(read_customers(tmp_path / "people.csv", mapping=but(source=source)), expected)
    for bad, said in (
        ("select * from read_csv('more.json')", "it calls read_csv"),
        ("select sum(spend_90) as id from more", "cast(amount as double)"),
    ):
        with pytest.raises(CustomerFileError) as caught:
            read_source(
                tmp_path / "people.csv", SourceRule(files=("more.json",), query=bad)
            )
        assert said in str(caught.value)
    with pytest.raises(CustomerFileError, match="files need a query"):
        read_source(tmp_path / "people.csv", SourceRule(files=("more.json",)))


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(text_rows, "available_memory", lambda: 40_000_000)


def test_what_unpacks_to_more_than_there_is_room_for_is_told(tmp_path, little_memory):
    path = tmp_path / "bomb.parquet"
    words = pa.DictionaryArray.from_arrays(
        np.zeros(20_000, np.int32), ["z" * 20_000]
    ).cast(pa.string())
    pq.write_table(pa.table({"id": range(20_000), "x": words}), path)
    del words
    assert path.stat().st_size < 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        CustomerFileError, match=r"takes about .*B, and 20.0 MB is the most"
    ):
        read_source(path, SourceRule())
    assert read_source(path, SourceRule(), columns=["id"]).table.num_rows == 20_000
    assert read_source(path, SourceRule(), limit=50).table.num_rows == 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4_000_000
    packed_path = tmp_path / "bomb.csv.gz"
    packed_path.write_bytes(
        gzip.compress(b"id,x\n" + b"1,zzzzzzzzzzzzzzzz\n" * 8_000_000, 1)
    )
    with pytest.raises(CustomerFileError, match="unpacked it is more than"):
        read_source(packed_path, SourceRule())


def test_a_database_too_large_is_stopped(tmp_path, little_memory):
    with sqlite3.connect(tmp_path / "a.sqlite") as base:
        base.execute("create table t (x)")
    base.close()
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select x, printf('%01000d', x) as y from n"
    with pytest.raises(CustomerFileError, match="what was read so far"):
        read_source(tmp_path / "a.sqlite", SourceRule(query=endless))
