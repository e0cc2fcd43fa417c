"""Drafts: valid for any header, in five languages, read back before they are shown."""

import tomllib

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_calls import call
from customer_files import write_rows
from hypothesis import given
from hypothesis import strategies as st

from recovery_research.customer_data.headers import name_columns
from recovery_research.customer_data.mapping import read_mapping
from recovery_research.customer_data.mapping_drafts import (
    check_draft,
    draft_mapping,
    quote,
)
from recovery_research.customer_data.mapping_rules import MappingError
from recovery_research.customer_data.reading import read_customers

HEADER = "customer,problem,resolved,spend"


def people(more=(), n=80):
    said = ("no,", "yes,yes", "no,", "yes,no")
    return [
        ",".join([f"{k},{said[k % 4]},{10 + k % 7}", *(f(k) for f in more)])
        for k in range(n)
    ]


def draft(tmp_path, header, more):
    path = write_rows(tmp_path / "d.csv", people(more), header)
    return tomllib.loads(draft_mapping(path)), path


@pytest.mark.parametrize(
    "header",
    ['"how do\nyou feel"', '"a ""quoted"" = name"', '"#"', '"\x7f\x85"', '""', "spend2",
     '"spend,\r\nbefore"', "größe", "日本語", "prior_orders", "123", "a.b", '"\\"'],
)  # fmt: skip
def test_a_draft_is_valid_whatever_the_header(tmp_path, header):
    content, path = draft(
        tmp_path, f"{HEADER},{header},{header}", [lambda k: f"t{k}"] * 2
    )
    assert content["columns"]["customer"] == "customer"
    made = read_customers(path, mapping=content)
    assert len(made.customers) == 80


@given(st.text(max_size=12))
def test_a_name_is_written_so_that_toml_reads_it_back(name):
    if not any("\ud800" <= mark <= "\udfff" for mark in name):
        assert tomllib.loads(f"x = {quote(name)}") == {"x": name}


@given(st.lists(st.sampled_from(["", "a", "a (1)", "b", "column 2"]), max_size=8))
def test_columns_have_a_name_each(names):
    named = name_columns(names)
    assert len(set(named)) == len(named) == len(names)
    for name, given_name in zip(named, names, strict=True):
        assert name == given_name or names.count(given_name) > 1 or not given_name


def test_counts_are_no_moments_and_rates_no_dates(tmp_path):
    header = HEADER + ",Prior_purchases,Calls_per_week,Outage_sec_perweek"
    content, _ = draft(tmp_path, header, [lambda k: str(k % 9)] * 3)
    assert "order_time" not in content["columns"]
    assert content["covariates"]["prior_purchases"]["kind"] == "amount"
    content, _ = draft(tmp_path, HEADER + ",order_week", [lambda k: str(k % 9)])
    assert content["columns"]["order_time"] == "order_week"
    assert content["values"]["order_week"] == {"unit": "weeks"}


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("Kunden-Nr;Bestelldatum;Umsatz;Störung;behoben", "{k};{d:%d.%m.%Y};{a},50;{ja};{ja}"),
        ("client_id;date_commande;montant;problème;résolu", "{k};{d:%d/%m/%Y};{a},50;{oui};{oui}"),
        ("cliente_id;fecha;importe;falla;resuelto", "{k};{d:%d-%m-%Y};{a},50;{sí};{sí}"),
        ("cliente;data;valor;falha;resolvido", "{k};{d:%d/%m/%y};{a},50;{sim};{sim}"),
    ],
)  # fmt: skip
def test_headers_and_words_of_other_languages(tmp_path, header, rows):
    no = {"ja": "nein", "oui": "non", "sí": "no", "sim": "não"}
    lines = []
    for k in range(240):
        words = {yes: yes if k % 4 == 0 else n for yes, n in no.items()}
        day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=k)
        lines.append(rows.format(k=k % 30, d=day, a=10 + k % 9, **words))
    path = write_rows(tmp_path / "log.csv", lines, header)
    content = tomllib.loads(draft_mapping(path))
    assert list(content["columns"]) == [
        "customer",
        "amount",
        "failed",
        "resolved",
        "time",
    ]
    content["orders"] = {
        "design": "order-based",
        "index": "first",
        "followup_weeks": 8.0,
    }
    read = read_customers(path, mapping=content)
    assert read.orders["amount"].tolist() == [10.5 + k % 9 for k in range(240)]
    assert (read.orders["outcome"] == "recovered").sum() == 60


def test_dates_that_leave_the_day_open_are_asked(tmp_path):
    rows = [
        f"{k % 30},{1 + k % 12:02d}/{1 + k % 11:02d}/2024,5,{('no,', 'yes,yes')[k % 2]}"
        for k in range(240)
    ]
    path = write_rows(
        tmp_path / "l.csv", rows, "customer,order_date,amount,failed,resolved"
    )
    text = draft_mapping(path)
    assert 'leave open where the day stands: "%m/%d/%Y" or "%d/%m/%Y"' in text
    text = text.replace('design = "?"', 'design = "order-based"')
    with pytest.raises(MappingError, match=r"order_date.*format says how dates"):
        read_mapping(tomllib.loads(text))


def test_the_whole_column_is_asked_where_the_first_rows_leave_it_open(tmp_path):
    rows = [f"{k},03/04/2024,5,no," for k in range(6_000)] + ["x,25/04/2024,5,no,"]
    path = write_rows(
        tmp_path / "l.csv", rows, "customer,order_date,amount,failed,resolved"
    )
    content = tomllib.loads(draft_mapping(path))
    assert content["values"]["order_date"] == {"format": "%d/%m/%Y"}


def test_how_values_are_written_is_seen(tmp_path):
    content, path = draft(
        tmp_path,
        HEADER + ",satisfaction",
        [lambda k: "99" if k % 8 == 0 else str(1 + k % 7)],
    )
    assert content["values"]["satisfaction"] == {"blank": ["99"]}
    assert read_customers(path, mapping=content).customers["satisfaction"].mean() == 4.0
    content, _ = draft(
        tmp_path, HEADER + ",spend_after", [lambda k: '"1,250.00"' if k % 9 else "5.00"]
    )
    assert content["values"]["spend_after"] == {"thousands": ","}
    content, _ = draft(
        tmp_path, HEADER + ",spend_after", [lambda k: "1.250" if k % 9 else "905"]
    )
    assert content["values"]["spend_after"] == {"thousands": ".", "decimal": ","}


def test_ids_are_ids_whatever_they_look_like(tmp_path):
    table = pa.table(
        {"customer": [123456789012345678 + k for k in range(30)],
         "problem": ["no"] * 30, "resolved": [""] * 30, "spend": list(range(30))}
    )  # fmt: skip
    pq.write_table(table, tmp_path / "i.parquet")
    assert "values" not in tomllib.loads(draft_mapping(tmp_path / "i.parquet"))


def test_ids_have_no_code_for_unknown(tmp_path):
    rows = [f"{k if k < 8 else 99},no,,{k}" for k in range(9)]
    path = write_rows(tmp_path / "i.csv", rows, HEADER)
    assert "values" not in tomllib.loads(draft_mapping(path))


def test_a_draft_is_read_back(tmp_path):
    with pytest.raises(MappingError, match="the draft"):
        check_draft('shape = "customers"\n[columns]\nproblem = "a"\n')


def test_map_leaves_no_empty_file_behind(tmp_path):
    failed = call("map", tmp_path / "nowhere.csv")
    assert failed.exit_code == 2
    assert "# No draft was made: there is no file" in failed.output


def test_map_takes_an_encoding_and_rows_to_skip(tmp_path):
    path = tmp_path / "l1.csv"
    rows = ["Bericht,für,alle,2024", "customer,problem,resolved,spend", *people()]
    path.write_bytes("\n".join(rows).encode("cp1252"))
    written = call("map", path, "--encoding", "cp1252", "--skip-rows", "1")
    assert written.exit_code == 0, written.output
    source = tomllib.loads(written.output)["source"]
    assert source == {"encoding": "cp1252", "skip_rows": 1}
    (tmp_path / "m.toml").write_text(written.output, encoding="utf-8")
    assert len(read_customers(path, mapping=tmp_path / "m.toml").customers) == 80


def test_a_mapping_that_is_no_toml_says_what_may_be_wrong(tmp_path):
    (tmp_path / "m.toml").write_text('größe = "x"', encoding="utf-8")
    with pytest.raises(MappingError, match="stands in quotes"):
        read_mapping(tmp_path / "m.toml")
