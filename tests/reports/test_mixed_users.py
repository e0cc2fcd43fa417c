"""Several users of one reports folder: each goes on with what another has made."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from recovery_research.reports.history import read_history
from recovery_research.reports.report_folders import make_shared, share, share_all

ROOT = Path(__file__).parents[2]
TEAM, ANN, BOB = 54321, 54322, 54323
SCRIPT = """
import _strptime, logging, os, sys, tempfile
from datetime import UTC, datetime
from pathlib import Path
logging.basicConfig(format="%(message)s")
sys.path.insert(0, {tests!r})
from past_runs import lay_run, make_record
from recovery_research.reports.history import read_history
from recovery_research.reports.index import refresh_index
from recovery_research.reports.pruning import choose_doomed, delete_runs
from recovery_research.reports.records import (write_record)
from recovery_research.reports.staging import Shelf

def run(reports, prune):
    shelf = Shelf(reports, "loyalty")
    shelf.sweep(lambda stage: None)
    with shelf.run_lock().hold(), shelf.stage(datetime.now(UTC)) as stage:
        (stage / "tables").mkdir()
        (stage / "tables" / "kept.csv").write_text("n")
        (stage / "report.html").write_text("x")
        write_record(make_record(run_id=stage.name), stage)
        shelf.keep(stage, succeeded=True)
    read_history(reports)
    refresh_index(reports)
    if prune:
        delete_runs(reports, choose_doomed(reports, keep=1))
    return shelf.latest().name

with tempfile.TemporaryDirectory() as folder:  # so that nothing is imported later
    for _ in range(2):
        run(Path(folder), True)
for user, prune in {steps}:
    child = os.fork()
    if child:
        if os.waitpid(child, 0)[1]:
            sys.exit("it ended badly")
        continue
    os.setgroups([{team}])
    os.setgid(user)
    os.setuid(user)
    os.umask(0o022)
    print(run(Path({reports!r}), prune), flush=True)
    os._exit(0)
"""


@pytest.fixture
def team():
    """A folder of a group that both users belong to; each has a group of her own."""
    if os.name != "posix" or os.getuid() != 0:
        pytest.skip("NOT TESTED: only the superuser can be two users")
    with tempfile.TemporaryDirectory(prefix="rr-team-") as folder:
        os.chmod(folder, 0o755)
        reports = Path(folder) / "reports"
        reports.mkdir()
        os.chown(reports, -1, TEAM)
        reports.chmod(0o775)
        yield reports


def run_as(users, reports, *, prune=False):
    """Have users run a report one after another; the last prunes if asked."""
    steps = [
        (user, prune and place == len(users)) for place, user in enumerate(users, 1)
    ]
    values = {
        "tests": str(ROOT / "tests/support"),
        "reports": str(reports),
        "steps": steps,
    }
    # The interpreter may lie where no other user comes, so it turns into one later.
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(**values, team=TEAM)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize("mode", [0o775, 0o2775])
def test_two_users_of_a_group_go_on_with_each_others_reports(team, mode):
    team.chmod(mode)
    ran, said = run_as([ANN, BOB, ANN], team)
    assert said == ""
    page = (team / "index.html").read_text()
    assert all(name in page for name in ran)
    assert (team / "loyalty" / "latest.txt").read_text().strip() == ran[-1]
    assert os.readlink(team / "loyalty" / "latest") == ran[-1]
    assert [run.run_id for run in read_history(team).runs] == ran
    # What one user kept to herself, before there was a rule, stops nobody.
    for name in (".index.lock", ".history.sqlite", "loyalty/.lock",
                 "loyalty/.run.lock", "index.html", "loyalty/latest.txt"):  # fmt: skip
        (team / name).chmod(0o644)
    (name,), said = run_as([BOB], team, prune=True)
    assert said == ""
    assert name in (team / "index.html").read_text()
    left = [run.run_id for run in read_history(team).runs]
    assert left == [name], "each may take away what the other made"
    assert not list(team.rglob(".trash-*"))
    for path in [team, *(team / "loyalty").rglob("*")]:
        if not path.is_symlink() and not path.name.endswith("lock"):
            assert path.stat().st_gid == TEAM, path
            assert path.stat().st_mode & 0o060 == 0o060, path


def test_who_may_not_write_the_index_says_so_and_the_next_repairs_it(team):
    first, _ = run_as([ANN], team)
    # The folder is now its owner's alone, and only the report's is for all.
    team.chmod(0o755)
    second, said = run_as([BOB], team)
    assert said.count("\n") == 1, said
    assert "the index of the reports was not written" in said
    assert "The next run of a user who may write there" in said
    assert second[0] not in (team / "index.html").read_text()
    os.chown(team, ANN, -1)
    third, said = run_as([ANN], team)
    assert said == ""
    page = (team / "index.html").read_text()
    assert all(name in page for name in (*first, *second, *third))
    assert os.readlink(team / "latest" / "loyalty") == f"../loyalty/{third[0]}"


def test_what_is_nobodys_group_keeps_its_own_settings(tmp_path):
    tmp_path.chmod(0o755)
    made = tmp_path / "a" / "b"
    make_shared(made)
    (made / "c").write_text("x")
    before = (made / "c").stat().st_mode, made.stat().st_mode
    share_all(made)
    assert ((made / "c").stat().st_mode, made.stat().st_mode) == before
    tmp_path.chmod(0o2770)
    share(tmp_path / "a")
    share_all(made)
    for path, mode in ((made, 0o770), (made / "c", 0o660), (tmp_path / "a", 0o2770)):
        assert path.stat().st_mode & mode == mode, path
    (made / "link").symlink_to(shutil.which("true"))
    share(made / "link")
