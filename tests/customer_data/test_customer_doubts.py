"""What is doubtful about a file is told before anything is computed."""

import numpy as np
import pandas as pd
import pyarrow.csv
import pytest

from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.reading import read_customers


def flags(n, **columns):
    frame = pd.DataFrame({"problem": np.arange(n) % 3 > 0, "x": np.arange(n) % 7})
    frame["resolved"] = frame["problem"] & (np.arange(n) % 2 > 0)
    return frame.assign(**columns)


def doubts(tmp_path, frame, **fields):
    frame.to_csv(tmp_path / "f.csv", index=False)
    mapping = {
        "shape": "customers",
        "columns": {"problem": "problem", "resolved": "resolved"},
        "outcomes": {"x": {"kind": "number"}},
    } | fields
    read = read_customers(tmp_path / "f.csv", mapping=mapping)
    return " | ".join(f.message for f in read.findings)


def test_an_outcome_that_is_the_group_by_another_name_is_told(tmp_path):
    frame = flags(3000)
    churned = frame["problem"] & ~frame["resolved"]
    churned = churned ^ (np.arange(3000) % 150 == 0)  # right for 99.3 %
    told = doubts(
        tmp_path, frame.assign(churned=churned),
        outcomes={"churned": {"kind": "yes_no"}},
    )  # fmt: skip
    assert "predicts 'churned' for 99.3%" in told
    # One in a hundred guesses nearly all of a rare outcome, which says nothing.
    rare = pd.Series(np.arange(3000) % 300 == 0)
    told = doubts(
        tmp_path, frame.assign(rare=rare), outcomes={"rare": {"kind": "yes_no"}}
    )
    assert "predicts" not in told
    told = doubts(
        tmp_path, frame.assign(tag=np.where(frame["problem"], "p", "q")),
        covariates={"tag": {"kind": "category"}},
    )  # fmt: skip
    assert "predicts 'tag' for 100.0%" in told


def test_constant_missing_and_small_are_told(tmp_path):
    told = doubts(
        tmp_path, flags(60, zero=0, never=""),
        outcomes={"zero": {"kind": "amount"}, "never": {"kind": "number"}},
    )  # fmt: skip
    assert "outcome 'zero' is 0 for everybody" in told
    assert "outcome 'never' is never known" in told
    assert "group 'silent': nobody" in told
    assert "group 'recovered': only 20" in told


@pytest.mark.slow
def test_a_million_levels_are_refused_and_can_be_grouped(tmp_path):
    n = 1_000_000
    frame = flags(
        n, town=np.char.add("t", np.minimum(np.arange(n), 999_000).astype(str))
    )
    pyarrow.csv.write_csv(pyarrow.Table.from_pandas(frame), tmp_path / "f.csv")
    mapping = {
        "shape": "customers",
        "columns": {"problem": "problem", "resolved": "resolved"},
        "outcomes": {"x": {"kind": "number"}},
        "covariates": {"town": {"kind": "category"}},
    }
    with pytest.raises(CustomerFileError, match="has 999,001 different values, 50 is"):
        read_customers(tmp_path / "f.csv", mapping=mapping)
    mapping["covariates"]["town"]["others_below"] = 30
    read = read_customers(tmp_path / "f.csv", mapping=mapping)
    assert set(read.customers["town"]) == {"t999000", "other"}
    assert any(
        "999,000 levels with fewer than 30 rows" in f.message for f in read.findings
    )


def test_a_narrative_is_not_a_category(tmp_path):
    frame = flags(4, story=["x" * 5000] * 4)
    frame.to_csv(tmp_path / "f.csv", index=False)
    with pytest.raises(CustomerFileError, match="5,000 characters: a narrative"):
        doubts(tmp_path, frame, covariates={"story": {"kind": "category"}})
