"""Pruning: shown first, and never the last good run."""

import shutil
from datetime import timedelta

import pytest
from command_calls import call
from past_runs import START, lay_run

from recovery_research.reporting.history import read_history
from recovery_research.reporting.pruning import choose_doomed, delete_runs
from recovery_research.reporting.shelf import Shelf


def test_prune_shows_first_and_never_takes_the_last_good(tmp_path):
    for number, verdict in enumerate(
        ["succeeded", "succeeded", "cell failed", "cell failed", "cell failed"]
    ):
        lay_run(tmp_path, number, verdict=verdict)
    lay_run(tmp_path, 0, report="churn")
    said = call("prune", "--keep", 1, "--reports", tmp_path)
    assert said.exit_code == 0
    assert [line.split()[1][-6:] for line in said.stdout.splitlines()[:-1]] == [
        "000000",
        "000002",
        "000003",
    ]
    assert "3 runs, 0.0 MB would go; --yes deletes them" in said.stdout
    assert len(read_history(tmp_path).runs) == 6

    assert call("prune", "--keep", 0, "--yes", "--reports", tmp_path).exit_code == 0
    left = read_history(tmp_path).runs
    assert [(run.report, run.run_id[-6:]) for run in left] == [
        ("churn", "000000"),
        ("loyalty", "000001"),
    ]
    assert Shelf(tmp_path, "loyalty").latest() == left[1].folder
    assert not list(tmp_path.rglob(".trash-*"))


def test_prune_by_age_needs_both_conditions(tmp_path):
    for number in range(6):
        lay_run(tmp_path, number)
    now = START + timedelta(hours=6)

    def doomed(**conditions):
        found = choose_doomed(tmp_path, now=now, **conditions)
        return [one.run.run_id[-1] for one in found]

    assert doomed(older_than=timedelta(hours=3.5)) == ["0", "1", "2"]
    assert doomed(older_than=timedelta(hours=3.5), keep=4) == ["0", "1"]
    assert doomed(older_than=timedelta(hours=5.5), keep=1) == ["0"]
    assert doomed(keep=9) == []
    for wrong, said in (
        ({}, "say how many"),
        ({"keep": -1}, "0 or more"),
        ({"keep": 1, "names": ["x"]}, "no report 'x'"),
    ):
        with pytest.raises(ValueError, match=said):
            choose_doomed(tmp_path, **wrong)


@pytest.mark.fault(
    event="A run becomes the last good one while a prune is under way",
    survives="that run",
)
def test_prune_spares_what_has_become_the_last_good_since(tmp_path):
    lay_run(tmp_path, 0)
    lay_run(tmp_path, 1)
    doomed = choose_doomed(tmp_path, keep=0)
    assert len(doomed) == 1
    shutil.rmtree(tmp_path / "loyalty" / "20260105-073000-000001")
    Shelf(tmp_path, "loyalty").point_latest_at(doomed[0].run.run_id)
    assert delete_runs(tmp_path, doomed) == []
    assert doomed[0].run.folder.is_dir()


def test_prune_spares_the_last_good_with_and_without_a_pointer(tmp_path):
    for number in range(3):
        lay_run(tmp_path, number)
    shelf = Shelf(tmp_path, "loyalty")
    first, _, last = shelf.list_runs()
    (shelf.folder / "latest").unlink()
    assert [one.run.folder for one in choose_doomed(tmp_path, keep=0)][-1] != last
    shelf.point_latest_at(first.name)
    spared = {first, last}
    assert spared.isdisjoint(one.run.folder for one in choose_doomed(tmp_path, keep=0))


@pytest.mark.fault(
    event="A prune meets damaged runs",
    survives="them, for somebody to look at",
)
def test_prune_leaves_damaged_runs_alone(tmp_path):
    for number in range(3):
        lay_run(tmp_path, number)
    damaged = tmp_path / "loyalty" / "20260105-063000-000000"
    (damaged / "run.json").write_text("{")
    call("prune", "--keep", 0, "--yes", "--reports", tmp_path)
    assert damaged.is_dir()
    assert len(read_history(tmp_path).runs) == 1
