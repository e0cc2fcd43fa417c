"""Every number of every notebook's quick tables is what it was when it was pinned."""

import json

import pandas as pd
import pytest
from reference.quick_tables import PINS, describe_report, describe_table

from recovery_research.paths import notebooks_folder
from recovery_research.reports.notebooks import list_notebooks

NOTEBOOKS = [path.stem for path in list_notebooks(notebooks_folder())]


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_table_is_as_pinned(name, tmp_path):
    pinned = json.loads(PINS.read_text(encoding="utf-8"))[name]
    found = describe_report(name, tmp_path)
    assert found == pinned, "python -m tests.reference.quick_tables, if it is meant"


def test_a_pin_sees_a_digit_a_row_and_a_word():
    table = pd.DataFrame({"estimate": [1.23456, 2.0], "note": ["a", "b"]})
    pin = describe_table(table)
    assert describe_table(table * 1) == pin
    assert describe_table(table.assign(estimate=[1.23457, 2.0])) != pin
    assert describe_table(table.assign(note=["a", "c"])) != pin
    assert describe_table(table.iloc[:1]) != pin
    # What processors differ in is none of these.
    assert describe_table(table.assign(estimate=[1.23456 + 1e-12, 2.0])) == pin
