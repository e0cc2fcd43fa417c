"""The two worlds on the command line."""

import pandas as pd
import pytest
from click.testing import CliRunner

from recovery_research.calibration import fit as calibration
from recovery_research.calibration import stylized_facts
from recovery_research.cli.main import main


def test_verify_says_line_by_line_and_ends_well():
    done = CliRunner().invoke(main, ["verify", "evidence"])
    assert done.exit_code == 0, done.output
    assert "less trust than silence" in done.output


def test_verify_ends_badly_if_a_line_fails(monkeypatch):
    table = pd.DataFrame({"statement": ["a", "b"], "holds": [True, False]})
    monkeypatch.setattr(stylized_facts, "check_targets", lambda world: table)
    assert CliRunner().invoke(main, ["verify", "evidence"]).exit_code == 3


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [(["met", "met"], 0), (["met", "cannot tell"], 0), (["missed", "cannot tell"], 3)],
)
def test_verify_fails_only_where_a_figure_is_missed(monkeypatch, verdicts, code):
    table = pd.DataFrame({"moment": ["a", "b"], "verdict": verdicts})
    monkeypatch.setattr(stylized_facts, "check_targets", lambda world: table)
    done = CliRunner().invoke(main, ["verify", "claims"])
    assert done.exit_code == code
    assert ("cannot tell from a miss: b" in done.stderr) == ("cannot tell" in verdicts)


def test_verify_names_the_worlds_there_are():
    done = CliRunner().invoke(main, ["verify", "evidense"])
    assert done.exit_code == 2
    assert "Did you mean 'evidence'?" in done.output


def test_calibrate_writes_where_it_is_told(monkeypatch, tmp_path):
    written = []
    fit = pd.DataFrame({"moment": ["x"], "meaning": ["y"]})
    fake = type("C", (), {"fit": fit})()
    monkeypatch.setattr(calibration, "calibrate", lambda: fake)
    monkeypatch.setattr(
        calibration,
        "write_calibration",
        lambda made, folder: written.append((made, folder)) or [folder / "fit.csv"],
    )
    done = CliRunner().invoke(main, ["calibrate", "--into", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output
    assert written == [(fake, tmp_path / "new")]
    assert "fit.csv" in done.output


def test_calibrate_says_at_once_where_it_cannot_write(monkeypatch, tmp_path):
    monkeypatch.setattr(calibration, "calibrate", lambda: pytest.fail("it was run"))
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, ["calibrate", "--into", str(tmp_path / "file/new")])
    assert done.exit_code == 8
    assert "cannot write" in done.output
    assert "Not a directory" in done.output
