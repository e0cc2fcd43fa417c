"""A file that could not be read is refused before a kernel starts."""

import pytest
from customer_files import ROWS, write_rows

from recovery_research.reports import run_report
from recovery_research.reports.checked_parameters import Layer
from recovery_research.reports.declared_parameters import ParameterError
from recovery_research.reports.run_request import prepare_request

MAPPING = """\
shape = "customers"
[columns]
problem = "problem"
resolved = "resolved"
[outcomes]
spend = { column = "spend_90", kind = "amount" }
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "mine.csv", ROWS)
    (tmp_path / "mine.toml").write_text(MAPPING)
    (tmp_path / "bad.toml").write_text(MAPPING.replace("spend_90", "spent_90"))
    (tmp_path / "none.toml").write_text("shape = 5")
    return tmp_path


def request(**given):
    return prepare_request("10-your-customers", [Layer("command line", given)])


@pytest.mark.parametrize(
    ("source", "mapping", "message"),
    [
        ("mine.cvs", "mine.toml", r"source: there is no file 'mine.cvs'.*mine.csv"),
        ("mine.csv", "mine.tml", "mapping: there is no mapping 'mine.tml'"),
        ("mine.csv", "none.toml", "mapping: none.toml: shape is one of"),
        ("mine.csv", "bad.toml", r"source: .*spent_90.*Did you mean 'spend_90'"),
        ("env:NOT_SET", "mine.toml", "source: the environment variable 'NOT_SET'"),
    ],
)
def test_what_cannot_be_read_is_refused(mine, source, mapping, message):
    with pytest.raises(ParameterError, match=f"(?s){message}"):
        request(source=source, mapping=mapping)


def test_what_can_be_read_is_not(mine, monkeypatch):
    for given in (
        {"source": "mine.csv", "mapping": "mine.toml"},
        {"source": "example-orders", "mapping": "example-orders"},
        # Away or not, a database is not asked.
        {"source": "sqlite:///not/there.db", "mapping": "mine.toml"},
    ):
        assert request(**given).values().items() >= given.items()
    # Nothing is read of a mapping for a file that was not given.
    given = {"mapping": "not there"}
    simulated = prepare_request("03-recovery-paradox", [Layer("here", given)])
    assert simulated.values()["source"] == "simulated"


def test_nothing_is_left_behind(mine):
    with pytest.raises(ParameterError, match="there is no file"):
        run_report(
            "10-your-customers", {"source": "mine.cvs"}, reports=mine / "reports"
        )
    assert not (mine / "reports").exists() or not list((mine / "reports").iterdir())
