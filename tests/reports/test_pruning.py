"""Pruning: shown first, and never the last good run."""

import shutil
from datetime import timedelta

import pytest
from command_calls import call
from past_runs import START, lay_run

from recovery_research.reports.history import dismiss_run, read_history
from recovery_research.reports.index import write_index
from recovery_research.reports.latest import TRASH
from recovery_research.reports.pruning import choose_doomed, delete_runs
from recovery_research.reports.staging import Shelf


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
    first, second, last = shelf.list_runs()
    for spoil in (
        lambda: (shelf.folder / "latest").unlink(),
        lambda: (shelf.folder / "latest.txt").unlink(),
        lambda: shelf.point_latest_at(first.name),
    ):
        spoil()
        doomed = [one.run.folder for one in choose_doomed(tmp_path, keep=0)]
        assert doomed == [first, second]
        assert shelf.latest() == last


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


# ---------------------------------------------------- sets of parameters, and remains


def lay_sets(reports, verdicts):
    """Lay runs in turn with n = 1, 2 and so on, each set as long as its verdicts."""
    number = 0
    for place in range(max(map(len, verdicts.values()))):
        for n, ends in verdicts.items():
            if place < len(ends):
                verdict = "succeeded" if ends[place] == "g" else "cell failed"
                lay_run(reports, number, parameters={"n": n}, verdict=verdict)
                number += 1


def list_left(reports):
    left = {}
    for run in read_history(reports).runs:
        ends = left.setdefault(run.parameters["n"], "")
        left[run.parameters["n"]] = ends + ("g" if run.succeeded else "f")
    return left


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (9, {1: "gggg", 2: "gff", 3: "f", 4: "gg"}),
        (2, {1: "gg", 2: "gff", 3: "f", 4: "gg"}),
        (1, {1: "g", 2: "gf", 3: "f", 4: "g"}),
        (0, {1: "g"}),
    ],
)
def test_runs_are_counted_for_each_set_of_parameters(tmp_path, keep, left):
    lay_sets(tmp_path, {1: "gggg", 2: "gff", 3: "f", 4: "gg"})
    call("prune", "--keep", keep, "--yes", "--reports", tmp_path)
    assert list_left(tmp_path) == left


def test_a_dismissed_failure_goes_first_and_age_spares_each_last_good(tmp_path):
    lay_sets(tmp_path, {1: "gff", 2: "gg"})
    failed = [run for run in read_history(tmp_path).runs if not run.succeeded]
    dismiss_run(failed[1].folder)
    doomed = choose_doomed(tmp_path, keep=1)
    gone = [one.run.folder for one in doomed]
    assert failed[1].folder in gone
    assert failed[0].folder not in gone
    later = START + timedelta(days=900)
    delete_runs(tmp_path, choose_doomed(tmp_path, older_than=timedelta(1), now=later))
    assert list_left(tmp_path) == {1: "g", 2: "g"}


def test_nothing_is_left_of_what_is_pruned(tmp_path):
    for number in range(4):
        folder = lay_run(tmp_path, number, tables={"a": "n\n1\n"})
        (folder / "tables").chmod(0o500)
    write_index(tmp_path)
    half = tmp_path / "loyalty" / "failed" / f"{TRASH}20250101-000000-abcdef"
    half.mkdir(parents=True)
    (half / "run.json").write_text("left by a prune that was killed")
    assert call("prune", "--keep", 2, "--yes", "--reports", tmp_path).exit_code == 0
    assert not list(tmp_path.rglob(f"{TRASH}*"))
    gone = ["20260105-063000-000000", "20260105-073000-000001"]
    page = (tmp_path / "index.html").read_text()
    assert [run for run in gone if run in page] == [], "a page without dead links"
    for path in tmp_path.rglob("*"):
        assert path.exists(), f"{path} leads nowhere"


def test_what_another_user_must_delete_is_told(tmp_path, monkeypatch):
    for number in range(3):
        lay_run(tmp_path, number)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    said = call("prune", "--keep", 1, "--yes", "--reports", tmp_path)
    assert said.exit_code == 8
    assert "2 folders could not be deleted; another user must" in said.stderr
    assert len(read_history(tmp_path).runs) == 1, "half a run is never seen"
    monkeypatch.undo()
    call("prune", "--keep", 1, "--yes", "--reports", tmp_path)
    assert not list(tmp_path.rglob(f"{TRASH}*"))
