"""The commands `map` and `check`: what they say, and how they end."""

import pandas as pd
import pytest
from command_calls import call
from customer_files import ROWS, write_rows

MAPPING = """
shape = "customers"
[columns]
customer = "id"
problem = "problem"
complained = "complained"
resolved = "resolved"
[outcomes]
spend = { column = "spend_90", kind = "amount" }
"""


@pytest.fixture
def mapping(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MAPPING)
    return path


def test_map_prints_or_writes_a_draft_and_overwrites_nothing(tmp_path):
    printed = call("map", "example")
    assert printed.exit_code == 0
    path = tmp_path / "draft.toml"
    written = call("map", "example", "--into", path)
    assert written.exit_code == 0
    assert path.read_text() == printed.output
    again = call("map", "example", "--into", path)
    assert again.exit_code == 2
    assert "is not overwritten" in again.output
    assert path.read_text() == printed.output
    nowhere = call("map", "example", "--into", tmp_path / "no" / "draft.toml")
    assert nowhere.exit_code == 8


def test_check_of_a_good_file_tells_the_flow_and_ends_well(tmp_path, mapping):
    bad = "x,no,no,yes,2024-01-05,,10,yes,north"
    path = write_rows(tmp_path / "mine.csv", [*ROWS, bad])
    out = tmp_path / "out.csv"
    result = call("check", path, "--mapping", mapping, "--excluded", out)
    assert result.exit_code == 0, result.output
    assert (
        "set aside: row 10, column 'resolved': resolved without a problem"
        in result.output
    )
    assert "mine.csv can be analysed as customers." in result.output
    written = pd.read_csv(out)
    assert written[["row", "id"]].to_numpy().tolist() == [[10, "x"]]


def test_check_of_a_bad_file_tells_every_error_and_ends_with_2(tmp_path, mapping):
    bad = "x,perhaps,no,yes,2024-01-05,,ten,yes,north"
    path = write_rows(tmp_path / "mine.csv", [*ROWS, bad])
    result = call("check", path, "--mapping", mapping)
    assert result.exit_code == 2
    assert "error: row 10, column 'problem': 'perhaps' in 1 row" in result.output
    assert "error: row 10, column 'spend_90': 'ten' in 1 row" in result.output
    assert "cannot be analysed" in result.output
    assert "Traceback" not in result.output


def test_what_is_not_there_ends_with_2(tmp_path, mapping):
    for arguments in (
        ("check", tmp_path / "no.csv", "--mapping", mapping),
        ("check", "example", "--mapping", "nosuch"),
        ("check", "example"),
        ("map", tmp_path / "no.csv"),
    ):
        result = call(*arguments)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


def test_help_names_the_exit_codes():
    for command in ("map", "check"):
        said = call(command, "--help").output
        assert "2  bad input" in said
