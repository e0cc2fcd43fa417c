"""Dates as people write them: spellings, serial numbers, epochs, placeholders."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from customer_files import write_rows

from recovery_research.customer_data.columns import read_cells
from recovery_research.customer_data.dates import find_formats
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.mapping_rules import FileMapping, TimeRule
from recovery_research.customer_data.reading import check_customers, read_customers


def told(path, mapping):
    return " | ".join(map(str, check_customers(path, mapping=mapping).findings))


def written(way):
    """Return a mapping in which dates are written in a way."""
    return FileMapping("none", "customers", {}, time=TimeRule(format=way))


DAYS = pd.Series(pd.date_range("2023-11-05 09:05:07", periods=40, freq="9D7h"))
MONTHS = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janv. févr. mars avril mai juin juil. août sept. oct. nov. déc.",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}  # fmt: skip


@pytest.mark.parametrize(
    "way",
    ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d", "%d/%m/%y",
     "%m/%d/%y", "%d.%m.%y", "%d/%m/%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%m/%d/%Y %I:%M %p",
     "%m/%d/%Y %I:%M:%S %p", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d. %B %Y",
     "%d-%b-%y", "%B %d, %Y", "%d.%m.%Y %H:%M", "%Y.%m.%d %H:%M:%S"],
)  # fmt: skip
def test_common_spellings_of_dates_are_recognised(way):
    texts = DAYS.dt.strftime(way).tolist()
    (found,) = find_formats(texts)
    rules = written(found)
    weeks = read_cells(pa.chunked_array([texts]), "time", rules).content
    expected = pd.to_datetime(pd.Series(texts), format=way)
    days = (expected - pd.Timestamp(0)) / pd.Timedelta(weeks=1)
    np.testing.assert_allclose(weeks, days, rtol=1e-12)


@pytest.mark.parametrize("language", MONTHS)
def test_months_have_names_in_other_languages(language):
    names = MONTHS[language].split()
    texts = [f"{day.day} {names[day.month - 1]} {day.year}" for day in DAYS]
    (found,) = find_formats(texts)
    rules = written(found)
    weeks = read_cells(pa.chunked_array([texts]), "time", rules).content
    days = (DAYS.dt.normalize() - pd.Timestamp(0)) / pd.Timedelta(weeks=1)
    np.testing.assert_allclose(weeks, days, rtol=1e-12)


def test_the_whole_column_says_which_is_the_day():
    assert find_formats(["01/02/2024", "03/04/2024"]) == ["%m/%d/%Y", "%d/%m/%Y"]
    assert find_formats(["01/02/2024", "13/04/2024"]) == ["%d/%m/%Y"]
    assert find_formats(["01/02/2024", "04/13/2024"]) == ["%m/%d/%Y"]
    assert find_formats(["14/02/2024", "04/13/2024"]) == []


ORDERS = {
    "shape": "orders",
    "columns": {n: n for n in ("customer", "time", "amount", "failed", "resolved")},
    "orders": {"design": "order-based", "index": "first", "followup_weeks": 8.0},
}


def log(tmp_path, moments):
    rows = [
        f"{k % 30},{m},{10 + k % 9},{'yes,yes' if k % 4 == 0 else 'no,'}"
        for k, m in enumerate(moments)
    ]
    return write_rows(
        tmp_path / "log.csv", rows, "customer,time,amount,failed,resolved"
    )


FIRST = pd.Timestamp("2024-01-01")
COUNTS = {
    "excel": lambda day: (day - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1),
    "seconds": lambda day: day.timestamp(),
    "milliseconds": lambda day: day.timestamp() * 1e3,
    "microseconds": lambda day: day.timestamp() * 1e6,
    "nanoseconds": lambda day: day.timestamp() * 1e9,
}


@pytest.mark.parametrize("unit", COUNTS)
def test_serial_numbers_and_epochs_are_named_and_read_when_told(tmp_path, unit):
    days = [FIRST + pd.Timedelta(days=k) for k in range(240)]
    path = log(tmp_path, [f"{COUNTS[unit](day):.0f}" for day in days])
    for time in ({}, {"time": {"unit": "weeks"}}):
        with pytest.raises(CustomerFileError, match=f'unit = "{unit}"'):
            read_customers(path, mapping=ORDERS | time)
    read = read_customers(path, mapping=ORDERS | {"time": {"unit": unit}})
    plain = read_customers(log(tmp_path, [day.date() for day in days]), mapping=ORDERS)
    np.testing.assert_allclose(read.orders["week"], plain.orders["week"], atol=1e-9)


def test_nanoseconds_of_a_parquet_file_are_read(tmp_path):
    stamps = [1704067200000000123 + k * 86_400 * 10**9 for k in range(240)]
    log_ = pd.read_csv(log(tmp_path, [FIRST.date()] * 240))
    table = pa.Table.from_pandas(log_).set_column(
        1, "time", pa.array(stamps, pa.timestamp("ns"))
    )
    pq.write_table(table, tmp_path / "ns.parquet")
    read = read_customers(tmp_path / "ns.parquet", mapping=ORDERS)
    np.testing.assert_allclose(read.orders["week"] * 7, np.arange(240), atol=1e-6)


def test_one_placeholder_is_doubted(tmp_path):
    days = [(FIRST + pd.Timedelta(days=k)).date() for k in range(240)]
    assert "placeholder" not in told(log(tmp_path, days), ORDERS)
    days[7] = "1970-01-01"
    path = log(tmp_path, days)
    assert "row 9, column 'time': 1 row 54 years away" in told(path, ORDERS)
    blank = ORDERS | {"values": {"time": {"blank": ["1970-01-01"]}}}
    assert read_customers(path, mapping=blank).excluded["row"].tolist() == [9]


def test_a_serial_number_is_the_day_that_a_spreadsheet_shows():
    # Excel shows 45292 as 2024-01-01, and 45292.75 as six in the evening of it.
    rules = FileMapping("none", "customers", {}, time=TimeRule(unit="excel"))
    weeks = read_cells(pa.chunked_array([[45292.0, 45292.75]]), "time", rules).content
    days = pd.Timestamp(0) + pd.to_timedelta(weeks * 7.0, unit="D").round("s")
    assert [str(day) for day in days] == ["2024-01-01 00:00:00", "2024-01-01 18:00:00"]
