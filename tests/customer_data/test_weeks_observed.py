"""How long somebody was observed, and whether they left, mapped directly."""

import numpy as np
import pandas as pd
import pytest

from recovery_research.analysis.retention import compare_survival
from recovery_research.customer_data.mapping import read_mapping
from recovery_research.customer_data.mapping_rules import MappingError
from recovery_research.customer_data.reading import read_customers

COLUMNS = {"customer": "id", "problem": "problem", "resolved": "resolved"}
WEEKS = {"weeks_observed": "weeks", "left": "gone"}
DATES = {"order_time": "start", "observed_until": "until", "left": "gone"}


def mapped(columns, **parts):
    return {
        "shape": "customers",
        "columns": COLUMNS | columns,
        "outcomes": {"spend": {"kind": "number"}},
    } | parts


def people(n=400):
    rng = np.random.default_rng(11)
    k = np.arange(n)
    days = np.ceil(rng.exponential(140, n)).astype(int)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(k % 200, unit="D")
    return pd.DataFrame(
        {
            "id": k,
            "problem": np.where(k % 2, "yes", "no"),
            "resolved": np.where(k % 2, np.where(k % 4 == 1, "yes", "no"), ""),
            "weeks": days / 7.0,
            "start": start,
            "until": start + pd.to_timedelta(days, unit="D"),
            "gone": np.where(rng.random(n) < 0.6, "yes", "no"),
            "spend": 1.0 * k,
        }
    )


@pytest.mark.parametrize("columns", [WEEKS, DATES])
def test_what_was_observed_comes_back(tmp_path, columns):
    table = people()
    table.to_csv(tmp_path / "t.csv", index=False)
    read = read_customers(tmp_path / "t.csv", mapping=mapped(columns))
    made = read.customers
    left = made["left_week"].notna().to_numpy()
    np.testing.assert_array_equal(left, table["gone"] == "yes")
    observed = np.where(left, made["left_week"], read.end_week) - made["index_week"]
    np.testing.assert_allclose(observed, table["weeks"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("columns", [WEEKS, DATES])
def test_staying_is_that_of_the_weeks_observed(tmp_path, columns):
    # The product-limit estimate, written out, is the second way.
    table = people()
    table.to_csv(tmp_path / "t.csv", index=False)
    read = read_customers(tmp_path / "t.csv", mapping=mapped(columns))
    found = compare_survival(read.customers, end_week=read.end_week, horizon=26.0)
    for share, some in (
        (found.share_treated, table["resolved"] == "yes"),
        (found.share_control, table["problem"] == "no"),
    ):
        weeks, gone = table["weeks"][some], table["gone"][some] == "yes"
        expected = 1.0
        for week in np.unique(weeks[gone & (weeks <= 26.0)]):
            expected *= 1.0 - (gone & (weeks == week)).sum() / (weeks >= week).sum()
        assert share == pytest.approx(expected, abs=1e-9)


def test_what_cannot_be_is_set_aside(tmp_path):
    table = people(80)
    table.loc[3, "until"] = table["start"][3] - pd.Timedelta(days=1)
    table.loc[4, "until"] = pd.NaT
    table.loc[5, "gone"] = None
    table.to_csv(tmp_path / "t.csv", index=False)
    read = read_customers(tmp_path / "t.csv", mapping=mapped(DATES))
    assert read.excluded["row"].tolist() == [5, 6, 7]
    assert len(read.customers) == 77


@pytest.mark.parametrize(
    "columns",
    [{"left": "gone"}, {"weeks_observed": "weeks"}, {"left": "gone", "observed_until": "until"},
     WEEKS | DATES, WEEKS | {"left_time": "until"}],
)  # fmt: skip
def test_weeks_and_leaving_go_together(columns):
    with pytest.raises(
        MappingError, match=r"left .yes or no. goes with weeks_observed"
    ):
        read_mapping(mapped(columns))
