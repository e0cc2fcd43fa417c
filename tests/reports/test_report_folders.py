"""Folders of reports that are none, and times as readers and programs have them."""

import json
import time

import pytest
from command_calls import call
from past_runs import START, lay_run

from recovery_research.reports.formatting import show_local


@pytest.fixture
def reports(tmp_path):
    """Four runs of two reports, an hour apart."""
    for number, report in enumerate(("loyalty", "loyalty", "churn", "loyalty")):
        lay_run(tmp_path, number, report=report)
    return tmp_path


def test_a_folder_that_holds_no_reports_is_refused_and_never_made(reports, tmp_path):
    lost = tmp_path.with_name(f"{tmp_path.name}-")
    (tmp_path / "home" / "notes").mkdir(parents=True)
    (tmp_path / "home" / "notes" / "a.txt").write_text("")
    commands = (
        ["history"], ["history", "--json"], ["prune", "--keep", 1], ["index"],
        ["show", "loyalty"], ["diff", "000000", "000003"], ["rerun", "loyalty"],
        ["reproduce", "loyalty"], ["follow", "loyalty"], ["publish", tmp_path / "x"],
    )  # fmt: skip
    for command in commands:
        done = call(*command, "--reports", lost)
        assert (done.exit_code, done.stdout) == (2, ""), command
        assert f"there is no folder of reports {lost}." in done.stderr
        assert f"Did you mean {reports}?" in done.stderr
        assert not lost.exists()
    for wrong, said in (
        (tmp_path / "home", "is no folder of reports"),
        (tmp_path / "home" / "notes", "is no folder of reports"),
        (tmp_path / "loyalty", f"is one report of the folder {tmp_path}"),
        (tmp_path / "loyalty" / "latest.html", "there is no folder of reports"),
    ):
        done = call("history", "--reports", wrong)
        assert (done.exit_code, done.stdout) == (2, "")
        assert said in done.stderr
    (tmp_path / "home" / "reports").mkdir()
    lay_run(tmp_path / "home" / "reports", 0)
    said = call("history", "--reports", tmp_path / "home").stderr
    assert f"Did you mean {tmp_path / 'home' / 'reports'}?" in said
    missed = call("prune", "loyality", "--keep", 1, "--reports", tmp_path)
    assert "Did you mean 'loyalty'?" in missed.stderr


def test_a_new_folder_of_reports_is_one_without_runs(tmp_path):
    (tmp_path / "README.md").write_text("")
    done = call("history", "--reports", tmp_path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"there are no runs in {tmp_path} yet.\n"


@pytest.fixture
def _in_berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_in_berlin")
def test_readers_have_local_times_and_programs_utc(reports):
    lay_run(reports, 24 * 180)  # in summer
    lines = call("history", "--reports", reports).stdout.splitlines()
    assert lines[0].startswith("2026-01-05 07:30 CET  loyalty")
    assert lines[-1].startswith("2026-07-04 08:30 CEST  loyalty")
    told = json.loads(call("history", "--reports", reports, "--json").stdout)
    assert told["runs"][0]["started"] == "2026-01-05T06:30:00Z"
    said = call("show", "000001", "--reports", reports).stdout
    assert "started      2026-01-05 08:30:00 CET\n" in said
    # What is typed is taken as it is shown.
    for since, n in (
        ("2026-01-05T08:31", 3),
        ("2026-01-05T07:31Z", 3),
        ("2026-07-04", 1),
    ):
        done = call("history", "--reports", reports, "--since", since)
        assert len(done.stdout.splitlines()) == n, since


def test_zones_without_a_short_name_have_their_distance(monkeypatch):
    for zone, said in (
        ("<+0330>-3:30", "2026-01-05 10:00 UTC+0330"), ("UTC", "2026-01-05 06:30 UTC"),
    ):  # fmt: skip
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert show_local(START) == said
    monkeypatch.undo()
    time.tzset()
