"""Plans and mappings are described whole, and the shipped plan runs."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from recovery_research import command_line
from recovery_research.customers.mappings import PARTS
from recovery_research.reporting.formats import MAPPING, MEANINGS, PLAN
from recovery_research.reporting.plan_tables import PlanFile
from recovery_research.reporting.plans import read_plan


def call(*arguments):
    result = CliRunner().invoke(command_line.main, [str(word) for word in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_key_is_described_and_every_description_is_of_a_key():
    assert {place.split(".")[0] for place in PLAN} == set(PlanFile.model_fields)
    for place, model in PLAN.items():
        assert set(MEANINGS[place]) == set(model.model_fields), place
    assert MEANINGS.keys() == PLAN.keys()
    assert set(MAPPING) - {""} == set(PARTS) - {"shape", "unreadable"}


def test_the_command_says_them():
    said = call("formats", "plan")
    for place, keys in MEANINGS.items():
        assert f"[{place}]" in said
        assert all(f"  {key}: " in said for key in keys)
    said = call("formats", "mapping")
    for part, keys in MAPPING.items():
        assert f"[{part}]" in said or not part
        assert all(key in said for key in keys)
    assert "formats plan" in call("run-all", "--help")
    assert "formats mapping" in call("check", "--help")


def test_the_plan_of_a_new_project_can_be_used_from_anywhere(tmp_path, monkeypatch):
    home = Path(call("init", tmp_path / "new").strip())
    monkeypatch.chdir("/")
    plan = read_plan(home / "plan.toml")
    assert [entry.name for entry in plan.entries] == ["policies", "customers"]
    assert plan.reports == home / "reports"
    assert plan.entries[1].order.values()["source"] == "../customers.csv"
    assert "2 reports in" in call("run-all", home / "plan.toml", "--dry-run")


@pytest.mark.slow
def test_the_plan_of_a_new_project_runs(tmp_path):
    home = Path(call("init", tmp_path / "new").strip())
    command = [sys.executable, "-m", "recovery_research", "run-all", home / "plan.toml"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 good" in done.stdout
