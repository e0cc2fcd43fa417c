"""Which run is the last good one: one text says so, whatever was copied or broken."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command_calls import call
from hypothesis import given
from hypothesis import strategies as st
from past_runs import lay_run

from recovery_research.reports.bookkeeping import bury_run
from recovery_research.reports.history import read_history
from recovery_research.reports.index import write_index
from recovery_research.reports.pruning import choose_doomed, delete_runs
from recovery_research.reports.report_folders import list_reports
from recovery_research.reports.run_finder import find_run
from recovery_research.reports.staging import Shelf


@pytest.fixture
def reports(tmp_path):
    reports = tmp_path / "reports"
    for number in range(3):
        lay_run(reports, number, tables={"kept": f"n\n{number}\n"})
    lay_run(reports, 3, verdict="cell failed")
    return reports


def check_whole(reports, run_id, name="loyalty"):
    """Everything that leads to the last good run leads to this one."""
    folder = reports / name
    assert Shelf(reports, name).latest() == folder / run_id
    assert find_run(reports, name) == folder / run_id
    assert (folder / "latest.txt").read_text() == f"{run_id}\n"
    assert os.readlink(folder / "latest") == run_id
    assert os.readlink(reports / "latest" / name) == f"../{name}/{run_id}"
    assert f"url={run_id}/report.html" in (folder / "latest.html").read_text()
    page = (reports / "latest" / f"{name}.html").read_text()
    assert f"url=../{name}/{run_id}/report.html" in page
    left = {p.name for p in [*folder.iterdir(), *(reports / "latest").iterdir()]}
    assert {p for p in left if p[0] == "."} <= {".lock", ".staging"}


def copy_with_links_followed(reports, to):
    subprocess.run(["cp", "-rL", reports, to], check=True)
    assert (to / "loyalty" / "latest" / "run.json").is_file()
    assert not (to / "loyalty" / "latest").is_symlink()
    return to


@pytest.mark.parametrize(
    "look",
    [
        lambda reports: Shelf(reports, "loyalty").latest(),
        lambda reports: Shelf(reports, "loyalty").sweep(bury_run),
        write_index,
        lambda reports: call("show", "loyalty", "--reports", reports),
    ],
)
def test_a_copy_that_followed_links_does_not_freeze(reports, tmp_path, look):
    copy = copy_with_links_followed(reports, tmp_path / "copy")
    fresh = lay_run(reports, 9).name
    shutil.copytree(reports / "loyalty" / fresh, copy / "loyalty" / fresh)
    (copy / "loyalty" / ".staging").mkdir()
    look(copy)
    check_whole(copy, fresh)
    assert len(read_history(copy).runs) == 5


def test_a_copied_shelf_goes_on_from_its_next_run(reports, tmp_path):
    copy = copy_with_links_followed(reports, tmp_path / "copy")
    check_whole(copy, lay_run(copy, 7).name)


def test_a_copy_without_its_run_is_put_back_and_an_edited_one_is_kept(reports, caplog):
    folder = reports / "loyalty"
    *_, last = Shelf(reports, "loyalty").list_runs()
    (folder / "latest").unlink()
    last.rename(folder / "latest")
    check_whole(reports, last.name)

    (folder / "latest").unlink()
    shutil.copytree(last, folder / "latest")
    (folder / "latest" / "report.html").write_text("my remarks")
    check_whole(reports, last.name)
    (kept,) = folder.glob("latest-*")
    assert (kept / "report.html").read_text() == "my remarks"
    assert "differs from the run it was copied from" in caplog.text
    assert len(read_history(reports).runs) == 4


def test_a_folder_that_is_no_copy_is_left_alone_and_a_page_leads_on(reports, caplog):
    folder, newest = reports / "loyalty", "20260105-083000-000002"
    (folder / "latest").unlink()
    (folder / "latest").mkdir()
    (folder / "latest" / "mine.txt").write_text("mine")
    (folder / "latest.html").unlink()
    assert Shelf(reports, "loyalty").latest().name == newest
    assert (folder / "latest" / "mine.txt").read_text() == "mine"
    assert newest in (folder / "latest.html").read_text()
    assert caplog.text.count("was left alone") == 1
    assert Shelf(reports, "loyalty").latest().name == newest
    assert caplog.text.count("was left alone") == 1, "said when it was found wrong"


@pytest.mark.parametrize(
    "said",
    [
        "", "\n", "nothing", "..", "../..", "/etc", "20260105-063000-/../../../etc",
        "20260105-063000-00000000", "failed/20260105-093000-000003", "x" * 100_000,
        "20260105-063000-000000", "\0", "20260105-083000-000002\\..",
    ],
)  # fmt: skip
@pytest.mark.parametrize("lead", ["text", "link", "file", "both"])
def test_whatever_is_wrong_is_put_right(reports, said, lead):
    folder = reports / "loyalty"
    if lead in ("text", "both"):
        (folder / "latest.txt").write_text(said)
    if lead in ("link", "both") and said and "\0" not in said and len(said) < 200:
        (folder / "latest").unlink()
        (folder / "latest").symlink_to(said)
    if lead == "file":
        (folder / "latest").unlink()
        (folder / "latest").write_text("20260105-063000-000000\n")
    check_whole(reports, "20260105-083000-000002")


HARMS = st.lists(
    st.sampled_from(
        ["text", "link", "page", "shared", "freeze", "newest", "run", "dir"]
    )
)


@given(harms=HARMS)
def test_any_harm_is_mended_and_the_newest_good_run_is_found(tmp_path_factory, harms):
    reports = tmp_path_factory.mktemp("harm")
    runs = [lay_run(reports, number).name for number in range(3)]
    folder = reports / "loyalty"
    for number, harm in enumerate(harms):
        link = folder / "latest"
        if harm in ("text", "page"):
            (folder / f"latest.{'txt' if harm == 'text' else 'html'}").write_text("")
        elif harm == "link" and link.is_symlink():
            link.unlink()
        elif harm == "shared":
            shutil.rmtree(reports / "latest", ignore_errors=True)
        elif harm == "freeze" and link.is_symlink() and link.exists():
            place = link.resolve()
            link.unlink()
            shutil.copytree(place, link)
        elif harm == "newest":
            Shelf(reports, "loyalty").point_latest_at(runs[-1])
            if len(runs) > 1:
                shutil.rmtree(folder / runs.pop())
        elif harm == "run":
            runs.append(lay_run(reports, 10 + number).name)
        elif harm == "dir" and not link.is_symlink():
            write_index(reports)
    # A copy of a run that is gone is that run, and is had again.
    there = [p.name for p in Shelf(reports, "loyalty").list_runs()]
    frozen = (
        [] if (folder / "latest").is_symlink() else list(folder.glob("latest/run*"))
    )
    if frozen:
        there.append(json.loads(frozen[0].read_text())["run_id"])
    check_whole(reports, max(there))


def test_without_links_a_page_and_the_text_lead_on(reports, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    newest = lay_run(reports, 9).name
    folder = reports / "loyalty"
    assert not os.path.lexists(folder / "latest"), "one that leads elsewhere is worse"
    assert (folder / "latest.txt").read_text() == f"{newest}\n"
    assert newest in (folder / "latest.html").read_text()
    assert newest in (reports / "latest" / "loyalty.html").read_text()
    assert Shelf(reports, "loyalty").latest().name == newest
    shutil.copytree(folder / newest, folder / "latest")
    assert Shelf(reports, "loyalty").latest().name == newest
    assert not (folder / "latest").exists(), "a copy would stay as it is for ever"


def test_when_no_good_run_is_left_nothing_leads_anywhere(reports):
    for run in Shelf(reports, "loyalty").list_runs():
        shutil.rmtree(run)
    shutil.rmtree(reports / "loyalty" / "failed")
    lay_run(reports, 1, report="churn")
    write_index(reports)
    assert Shelf(reports, "loyalty").latest() is None
    assert not list((reports / "loyalty").glob("latest*"))
    assert sorted(p.name for p in (reports / "latest").iterdir()) == [
        "churn", "churn.html",
    ]  # fmt: skip
    shutil.rmtree(reports / "churn")
    write_index(reports)
    assert list((reports / "latest").iterdir()) == []


def test_half_a_run_that_is_being_copied_is_not_the_last_good_one(reports):
    half = reports / "loyalty" / "20270101-000000-abcdef"
    half.mkdir()
    (half / "report.html").write_text("<html>")
    check_whole(reports, "20260105-083000-000002")


# ------------------------------------------------------------- on another disk


@pytest.fixture
def elsewhere(reports, tmp_path):
    """The report's folder on another disk, and links that lead in circles."""
    disk = tmp_path / "disk" / "loyalty"
    disk.parent.mkdir()
    (reports / "loyalty").rename(disk)
    (reports / "loyalty").symlink_to(disk, target_is_directory=True)
    (disk.parent / "precious.txt").write_text("keep")
    for name, to in {"self": "self", "here": ".", "up": "..", "root": "/",
                     "twin": str(disk), "alias": "loyalty"}.items():  # fmt: skip
        (reports / name).symlink_to(to)
    return disk


def test_a_report_on_another_disk_is_seen_everywhere_once(reports, elsewhere):
    first = read_history(reports)
    assert [run.report for run in first.runs] == ["loyalty"] * 4
    (lost,) = first.damaged
    assert lost.folder == reports / "self"
    newest = lay_run(reports, 9).name
    assert (elsewhere / newest / "run.json").is_file()
    check_whole(reports, newest)
    assert f"loyalty/{newest}/report.html" in write_index(reports).read_text()
    assert call("show", "loyalty", "--reports", reports).exit_code == 0
    assert call("diff", newest[:15], "loyalty", "--reports", reports).exit_code == 0


def test_pruning_there_takes_the_runs_and_nothing_beside_them(reports, elsewhere):
    secret = elsewhere.parent / "precious.txt"
    doomed_folder = elsewhere / "20260105-063000-000000"
    (doomed_folder / "link").symlink_to(elsewhere.parent)
    gone = delete_runs(reports, choose_doomed(reports, keep=1))
    assert not doomed_folder.exists()
    assert len(gone) == 2
    assert secret.read_text() == "keep"
    assert (reports / "loyalty").is_symlink()
    check_whole(reports, "20260105-083000-000002")


def test_a_disk_that_is_away_is_told(reports, elsewhere):
    elsewhere.rename(elsewhere.with_name("away"))
    past = read_history(reports)
    assert past.runs == ()
    reasons = {run.folder.name: run.reason for run in past.damaged}
    assert "which is not there" in reasons["loyalty"]
    assert "which is not there" in write_index(reports).read_text()
    with pytest.raises(OSError, match=r"is a link to .*Mount that disk, or remove"):
        Shelf(reports, "loyalty").run_lock()


def test_another_name_for_a_report_is_no_report(reports):
    lay_run(reports, 5, report="churn")
    for name, to in {"alias": "churn", "inner": "churn/failed", "all": "."}.items():
        (reports / name).symlink_to(to)
    assert list_reports(reports) == ["churn", "loyalty"]
    assert len(read_history(reports).runs) == 5


def test_failed_runs_are_not_listed_through_a_link(reports):
    shutil.rmtree(reports / "loyalty" / "failed")
    (reports / "loyalty" / "failed").symlink_to(".")
    assert len(read_history(reports).runs) == 3
    assert Shelf(reports, "loyalty").list_failed() == []
