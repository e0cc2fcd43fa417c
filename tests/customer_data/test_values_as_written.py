"""Values as people write them: ids, numbers, words, moments; what looks wrong is told."""

import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from customer_files import write_rows
from hypothesis import given
from hypothesis import strategies as st

from recovery_research.customer_data.cells import read_keys
from recovery_research.customer_data.columns import read_cells
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping import read_mapping
from recovery_research.customer_data.mapping_rules import FileMapping, MappingError
from recovery_research.customer_data.reading import check_customers, read_customers

BLANK = FileMapping("none", "customers", {})
HEADER = "customer,problem,resolved,spend"


def mapped(kind="amount", column="spend", **parts):
    """Return a mapping of a customer table."""
    return {
        "shape": "customers",
        "columns": {name: name for name in ("customer", "problem", "resolved")},
        "outcomes": {"spend": {"column": column, "kind": kind}},
    } | parts


def people(tmp_path, spends, header=HEADER):
    said = ("no,", "yes,yes", "no,", "yes,no")
    rows = [f"{k},{said[k % 4]},{spend}" for k, spend in enumerate(spends)]
    return write_rows(tmp_path / "mine.csv", rows, header)


def spends(path, **parts):
    return read_customers(path, mapping=mapped(**parts)).customers["spend"].tolist()


def told(path, mapping):
    return " | ".join(map(str, check_customers(path, mapping=mapping).findings))


def keys(array):
    cells = read_keys(pa.chunked_array([array]), BLANK)
    if cells.levels:
        return [None if k < 0 else cells.levels[k] for k in cells.content]
    return [str(k) for k in cells.content]


LARGE = [123456789012345678 + k for k in range(9)]


@pytest.mark.parametrize(
    "array",
    [
        pa.array(LARGE),
        pa.array(LARGE, pa.uint64()),
        pa.array(list(map(str, LARGE))),
        pa.array(list(map(decimal.Decimal, LARGE)), pa.decimal128(38, 0)),
        pa.array(list(map(decimal.Decimal, LARGE)), pa.decimal256(60, 0)),
        pa.array(list(map(str, LARGE))).dictionary_encode(),
        pa.array(list(map(str, LARGE)), pa.large_string()),
    ],
    ids=lambda array: str(array.type)[:20],
)
def test_an_id_comes_out_as_it_was_written(array):
    assert keys(array) == list(map(str, LARGE))


def test_ids_of_every_type_of_number():
    assert keys(pa.array([7.0, None, 12.0])) == ["7", None, "12"]
    assert keys(pa.array([7.0, 7.5])) == ["7", "7.5"]
    assert keys(pa.array([1e20, 3.0])) == ["1" + "0" * 20, "3"]
    assert keys(pa.array(["007", "7"])) == ["007", "7"]
    assert keys(pa.array([2**64 - 1, 1], pa.uint64())) == [str(2**64 - 1), "1"]
    cells = read_keys(pa.chunked_array([[1.0, np.inf]]), BLANK)
    assert cells.unreadable.tolist() == [1]
    assert "beyond 2^53" in read_keys(pa.chunked_array([[1e20, 2e20]]), BLANK).told


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=9))
def test_whole_numbers_are_the_same_ids_as_texts_and_as_numbers(numbers):
    expected = list(map(str, numbers))
    assert keys(pa.array(numbers, pa.int64())) == expected
    assert keys(pa.array(expected)) == expected
    assert keys(pa.array(list(map(decimal.Decimal, numbers)))) == expected


def test_ids_that_a_spreadsheet_rounded_are_doubted():
    rounded = [f"{n // 100 * 100}" for n in (20240101000123456, 20240101000223456)]
    for array in (pa.array(rounded), pa.array(list(map(int, rounded)))):
        assert (
            "a spreadsheet rounded them"
            in read_keys(pa.chunked_array([array]), BLANK).told
        )
    short = pa.chunked_array([["1.23457E+16", "1.23458E+16"]])
    assert "a spreadsheet shortened them" in read_keys(short, BLANK).told
    assert read_keys(pa.chunked_array([LARGE]), BLANK).told == ""


def test_thousands_are_read_where_said_and_seen_where_not(tmp_path):
    path = people(tmp_path, ['"1,250"' if k % 10 == 0 else 900 + k for k in range(80)])
    with pytest.raises(CustomerFileError, match=r"thousands = ',' if that parts"):
        spends(path)
    for values in ({"thousands": ","}, {"spend": {"thousands": ","}}):
        read = read_customers(path, mapping=mapped(values=values))
        groups = read.customers.groupby("index_outcome", observed=True)["spend"]
        assert groups.mean()["no_failure"] == 1002.0
    misread = told(path, mapped(values={"decimal": ","}))
    assert "'1,250' is read as 1.25; every number with a ','" in misread


@pytest.mark.parametrize(
    ("written", "values", "expected"),
    [
        ("1.250,50", {"decimal": ",", "thousands": "."}, 1250.5),
        ("1\u202f250,50", {"decimal": ",", "thousands": " "}, 1250.5),
        ("1\u00a0250,50 €", {"decimal": ",", "thousands": " "}, 1250.5),
        ("1\u2019250.50", {"thousands": "'"}, 1250.5),
        ('"$1,250.50"', {"thousands": ","}, 1250.5),
        ("EUR 12", {}, 12.0),
        ("12 kr", {}, 12.0),
        ("R$12", {}, 12.0),
        ("45%", {}, 45.0),
        ("12.5", {"thousands": ","}, 12.5),
    ],
)
def test_numbers_are_read_as_they_are_written(tmp_path, written, values, expected):
    cell = f'"{written}"' if "," in written and '"' not in written else written
    path = people(tmp_path, [cell] * 8)
    assert spends(path, values=values) == [expected] * 8


@pytest.mark.parametrize(
    "cells", [["$5", "€5"], ["45%", "0.45"], ["5kg", "6kg"], ["1,25"]]
)
def test_what_cannot_be_added_up_is_refused(tmp_path, cells):
    path = people(tmp_path, [f'"{cell}"' for cell in cells * 4])
    with pytest.raises(CustomerFileError, match="allowed is a number"):
        spends(path, values={"thousands": ","})


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=9))
def test_a_number_written_with_marks_is_that_number(numbers):
    # The plain formatter of Python is the second way.
    for mark in (",", "'", " "):
        texts = pa.chunked_array([[f"{n:,}.5".replace(",", mark) for n in numbers]])
        rules = read_mapping(mapped(values={"thousands": mark}))
        read = read_cells(texts, "number", rules).content
        expected = [float(f"{n}.5") for n in numbers]
        np.testing.assert_array_equal(read, expected)


def test_a_code_for_unknown_is_doubted_and_can_be_told(tmp_path):
    path = people(tmp_path, [99 if k % 8 == 0 else 1 + k % 7 for k in range(80)])
    assert "99 in 10 rows, others from 1 to 7" in told(path, mapped("number"))
    blank = {"spend": {"blank": ["99"]}}
    assert np.nanmean(spends(path, kind="number", values=blank)) == 4.0
    good = people(tmp_path, [1 + k % 7 for k in range(80)])
    assert "code for unknown" not in told(good, mapped("number"))
    minus = people(tmp_path, [-1 if k == 3 else 1 + k % 7 for k in range(80)])
    assert "-1 in 1 row" in told(minus, mapped("number"))


def test_a_code_for_unknown_counts_in_every_kind_of_column(tmp_path):
    frame = pd.DataFrame({"customer": range(8), "problem": ["no"] * 8, "resolved": "",
                          "spend": [99, 1, 2, 3, 4, 5, 6, 7]})  # fmt: skip
    path = tmp_path / "a.parquet"
    for kind in ("int64", "float64", "str"):
        frame.astype({"spend": kind}).to_parquet(path)
        read = spends(path, kind="number", values={"spend": {"blank": ["99"]}})
        np.testing.assert_array_equal(read, [np.nan, 1, 2, 3, 4, 5, 6, 7])


def test_a_scale_in_words_becomes_numbers_in_the_order_given(tmp_path):
    words = ["very bad", "Bad", "good", "", "NA"]
    path = people(tmp_path, [words[k % 5] for k in range(20)])
    order = {"spend": {"order": ["NA", "very bad", "bad", "good"]}}
    read = spends(path, kind="number", values=order)
    np.testing.assert_array_equal(read[:5], [2, 3, 4, np.nan, 1])
    with pytest.raises(CustomerFileError, match=r"'good'.*allowed is one of"):
        spends(path, kind="number", values={"spend": {"order": ["very bad", "bad"]}})
    with pytest.raises(
        CustomerFileError, match=r"order = \[its words, the lowest first"
    ):
        spends(path, kind="number")


def groups(path, **parts):
    read = read_customers(path, mapping=mapped(**parts))
    counts = read.customers["index_outcome"].value_counts()
    return [int(counts[name]) for name in ("no_failure", "recovered", "not_recovered")]


def test_words_belong_to_a_column(tmp_path):
    # A column that is turned round turns no other.
    said = ("yes,", "no,yes", "yes,", "no,no")
    rows = [f"{k},{said[k % 4]},{k}" for k in range(80)]
    path = write_rows(tmp_path / "mine.csv", rows, "customer,on_time,resolved,spend")
    columns = {"customer": "customer", "problem": "on_time", "resolved": "resolved"}
    turned = {"on_time": {"yes": ["no"], "no": ["yes"]}}
    assert groups(path, columns=columns, values=turned) == [40, 20, 20]
    assert groups(path, columns=columns) != [40, 20, 20]


def test_a_blank_box_is_no_where_that_is_said(tmp_path):
    said = (",", "x,x", ",", "x,")
    path = write_rows(
        tmp_path / "m.csv", [f"{k},{said[k % 4]},{k}" for k in range(80)], HEADER
    )
    assert groups(path, values={"yes": ["x"], "no": [""]}) == [40, 20, 20]
    single = {name: {"yes": ["x"], "no": [""]} for name in ("problem", "resolved")}
    assert groups(path, values=single) == [40, 20, 20]


def test_a_groups_word_is_no_blank(tmp_path):
    words = ["N/A", "Solved", "Unsolved", ""]
    path = write_rows(
        tmp_path / "g.csv",
        [f"{k},{words[k % 4]},{k}" for k in range(80)],
        "customer,how,spend",
    )
    named = {
        "no_failure": ["N/A", ""],
        "recovered": ["Solved"],
        "not_recovered": ["Unsolved"],
    }
    columns = {"customer": "customer", "group": "how"}
    assert groups(path, columns=columns, groups=named) == [40, 20, 20]
    with pytest.raises(
        MappingError, match="'N/A' in column 'how' is a word with a meaning"
    ):
        groups(path, columns=columns, groups=named, values={"blank": ["N/A", "?"]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"spent": {"blank": ["9"]}}, "is the column 'spent'.*Did you mean 'spend'"),
        ({"spend": {"blanks": ["9"]}}, r"values.spend\]: 'blanks' is not known here"),
        ({"thousands": "_"}, "thousands is one of"),
        ({"thousands": "."}, "decimal and thousands are both"),
        ({"yes": ["no"], "no": ["No"]}, "'no' stands for yes and for no"),
        ({"spend": {"order": ["a", "A"]}}, "names each word of a scale once"),
        ({"spend": {"unit": "moons"}}, "unit is 'dates', or what numbers count"),
    ],
)  # fmt: skip
def test_what_may_not_be_said_of_values(values, message):
    with pytest.raises(MappingError, match=message):
        read_mapping(mapped(values=values))


def test_a_time_zone_is_one():
    with pytest.raises(
        MappingError, match=r"got 'Berlin'. Did you mean 'Europe/Berlin'"
    ):
        read_mapping(mapped(time={"timezone": "Berlin"}))


def test_a_word_taken_for_unknown_is_told(tmp_path):
    rows = [f"{k},no,,{k},{('NA', 'EMEA')[k % 2]}" for k in range(8)]
    path = write_rows(tmp_path / "r.csv", rows, HEADER + ",region")
    region = {"region": {"column": "region", "kind": "category"}}
    assert "'NA' in 4 rows is taken as unknown" in told(path, mapped(covariates=region))
    kept = mapped(covariates=region, values={"region": {"blank": []}})
    assert "taken as unknown" not in told(path, kept)
    assert set(read_customers(path, mapping=kept).customers["region"]) == {"NA", "EMEA"}
