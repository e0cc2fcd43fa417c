"""Runs that were tampered with: read by everybody, they lead nowhere and stop nobody."""

import json
import os
import shutil
import signal
from contextlib import contextmanager, suppress

import pytest
from command_calls import call
from run_records import keep_run, parameter
from s3_server import list_keys

from recovery_research.reports.comparisons import compare_runs
from recovery_research.reports.history import read_history
from recovery_research.reports.index import write_index
from recovery_research.reports.pruning import choose_doomed
from recovery_research.reports.published_runs import name_file, name_host
from recovery_research.reports.publishing import PublicationError, publish_reports
from recovery_research.reports.records import read_record
from recovery_research.reports.runs import hand_back
from recovery_research.reports.staging import Shelf
from recovery_research.reports.stored_runs import _is_whole

TABLE = "name,estimate\nhonest,1\n"
SECRET = "name,estimate\nstolen,1\n"
NAMES = [
    "../../ESCAPED",
    "/tmp/recovery-research-ESCAPED",
    "..",
    "",
    ".",
    "a\\..\\..\\ESCAPED",
    "C:\\ESCAPED",
    "nul\0byte",
    "line\nbreak",
    "x" * 5000,
    "\u202egnp",
    "<img src=x onerror=alert(1)>",
    "latest",
    "index.html",
]


@contextmanager
def soon(seconds=20):
    """Fail, and do not hang, where something is waited for that never comes."""

    def stop(*_):
        raise TimeoutError("it waits for ever")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def reports(tmp_path):
    reports = tmp_path / "deep" / "reports"
    for number in range(3):
        keep_run(reports, number, tables={"kept": TABLE})
    (tmp_path / "outside.csv").write_text(SECRET)
    return reports


def spoil(folder, **changes):
    document = json.loads((folder / "run.json").read_text())
    file = changes.pop("file", None)
    if file is not None:
        for exhibit in document["exhibits"]:
            exhibit["file"] = file
    (folder / "run.json").write_text(json.dumps(document | changes))


def list_around(tmp_path):
    return sorted(
        p.relative_to(tmp_path).as_posix()
        for p in tmp_path.rglob("*")
        if "site" not in p.parts and ".lock" not in p.name and "sqlite" not in p.name
    )


@pytest.mark.parametrize("name", NAMES)
def test_names_in_a_record_lead_nowhere(reports, tmp_path, name):
    newest = Shelf(reports, "02-x").list_runs()[-1]
    spoil(newest, report=name, run_id=name, title=name, notebook=name, file=name)
    write_index(reports)
    before = list_around(tmp_path)
    with soon():
        done = publish_reports(reports, str(tmp_path / "deep" / "site"))
        write_index(reports)
        call("show", "02-x", "--reports", reports)
    assert list_around(tmp_path) == before
    assert not os.path.exists("/tmp/recovery-research-ESCAPED")
    assert done.n_runs == 3
    site = tmp_path / "deep" / "site"
    assert {p.name for p in site.iterdir()} == {
        "02-x", "latest", "index.html", name_file(name_host(reports)),
    }  # fmt: skip
    assert newest.name in (site / "latest" / "02-x.html").read_text()
    assert {run.report for run in read_history(reports).runs} == {"02-x"}
    with pytest.raises((ValueError, OSError)):
        hand_back(read_record(newest), newest).read_table(f"../../{name}")


def lay_pipe(path):
    os.mkfifo(path)


def lay_link(path):
    path.symlink_to(path.parents[4] / "outside.csv")


def lay_zeros(path):
    path.symlink_to("/dev/zero")


def lay_folder(path):
    path.mkdir()


ODD = [lay_pipe, lay_link, lay_zeros, lay_folder]


@pytest.mark.parametrize("lay", ODD)
@pytest.mark.parametrize(
    "name", ["tables/kept.csv", "checked.json", "notices.json", "dismissed.json"]
)
def test_what_is_no_file_is_not_opened(reports, tmp_path, lay, name):
    newest = Shelf(reports, "02-x").list_runs()[-1]
    (newest / "tables" / "kept.csv").unlink() if name.startswith("tables") else None
    lay(newest / name)
    with soon():
        page = write_index(reports).read_text()
        assert not _is_whole(read_record(newest), newest) or "kept" not in name
        done = publish_reports(reports, str(tmp_path / "site"))
        if "kept" in name:
            with pytest.raises(ValueError, match="kept"):
                compare_runs(newest, Shelf(reports, "02-x").list_runs()[0])
    assert "stolen" not in page
    site = tmp_path / "site"
    assert "stolen" not in (site / "index.html").read_text()
    assert not [p for p in site.rglob("*") if p.name == name.split("/")[-1]
                and newest.name in p.parts]  # fmt: skip
    told = [] if lay is lay_folder or name == "checked.json" else [name]
    assert [p.partition(newest.name + "/")[2] for p in done.left_out] == told


@pytest.mark.parametrize("file", ["/dev/zero", "/etc/passwd", "../../../../outside.csv",
                                  "tables", "run.json/x", "a\0b", "x" * 9000])  # fmt: skip
def test_no_table_is_read_elsewhere(reports, file):
    newest = Shelf(reports, "02-x").list_runs()[-1]
    spoil(newest, file=file)
    with soon():
        page = write_index(reports).read_text()
        assert not _is_whole(read_record(newest), newest)
    assert "stolen" not in page
    with pytest.raises(ValueError, match="table 'kept'"):
        compare_runs(newest, newest.with_name("20261103-070500-000000"))


def test_no_table_is_read_through_a_folder_that_is_a_link(reports, tmp_path):
    # Not the table of the runs before, for equal ones are read once.
    newest = keep_run(reports, 9, tables={"kept": TABLE.replace("1", "2")})
    (newest / "tables").rename(tmp_path / "tables")
    (tmp_path / "tables" / "kept.csv").write_text(SECRET)
    (newest / "tables").symlink_to(tmp_path / "tables")
    assert "stolen" not in write_index(reports).read_text()
    done = publish_reports(reports, str(tmp_path / "site"))
    assert done.left_out == (f"02-x/{newest.name}/tables",)
    assert not (tmp_path / "site" / "02-x" / newest.name / "tables").exists()


@pytest.mark.parametrize("lay", [*ODD, None])
def test_a_record_that_is_no_file_is_damaged_and_stops_nobody(reports, tmp_path, lay):
    newest = Shelf(reports, "02-x").list_runs()[-1]
    (newest / "run.json").unlink()
    if lay is None:
        (newest / "run.json").write_text("[" * 100_000)
    else:
        lay(newest / "run.json")
    with soon():
        past = read_history(reports)
        assert "run.json" in write_index(reports).read_text()
        assert publish_reports(reports, str(tmp_path / "site")).n_runs == 2
        assert len(choose_doomed(reports, keep=1)) in (0, 1)
    assert [damaged.folder for damaged in past.damaged] == [newest]
    assert not (tmp_path / "site" / "02-x" / newest.name).exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": float("nan")}, {"seconds": 1e308}, {"seconds": -1.0},
        {"started": "0001-01-01T00:00:00+14:00"}, {"started": "9999-12-31T23:59:59"},
        {"started": "2026-11-03T07:05:00"}, {"data_as_of": "0001-01-01T00:00:00+14:00"},
        {"title": "T" * 1_000_000}, {"peak_memory": 10**300},
        {"parameters": [{"name": "n", "type": "x", "value": "v" * 10**6, "default": 1,
                         "origin": "", "help": ""}]},
    ],
)  # fmt: skip
def test_no_value_in_a_record_keeps_the_index_from_being_written(reports, changes):
    newest = Shelf(reports, "02-x").list_runs()[-1]
    spoil(newest, **changes)
    with soon():
        page = write_index(reports).read_text()
    assert len(page) < 100_000
    assert newest.with_name("20261104-070500-000001").name in page
    assert call("history", "--reports", reports).exit_code == 0
    assert call("history", "--reports", reports, "--since", "9d").exit_code == 0
    assert call("prune", "--older-than", "9d", "--reports", reports).exit_code == 0


def test_odd_names_in_a_run_are_left_out_and_told(reports, tmp_path):
    newest = Shelf(reports, "02-x").list_runs()[-1]
    for name in ("a\\..\\b", "new\nline", "x" * 240, "c:d", "ok.txt"):
        (newest / name).write_text("x")
    (newest / "tree").symlink_to("/etc")
    (reports / "bad\\name").mkdir()
    shutil.copytree(newest, reports / "bad\\name" / newest.name, symlinks=True)
    done = publish_reports(reports, str(tmp_path / "site"))
    assert len(done.left_out) == 6
    assert [p for p in done.left_out if p.startswith("bad\\name/")]
    assert "6 files left out" in done.summarise()
    there = {p.name for p in (tmp_path / "site" / "02-x" / newest.name).iterdir()}
    assert there == {"ok.txt", "report.html", "report.ipynb", "run.json", "run.log",
                     "tables"}  # fmt: skip


# ----------------------------------------------------------------- a hostile place


@pytest.mark.parametrize("link", ["run", "tables", "latest", "index.html", "manifest"])
def test_links_at_the_destination_are_not_followed(reports, tmp_path, link):
    site, outside = tmp_path / "site", tmp_path / "outside"
    publish_reports(reports, str(site))
    outside.mkdir()
    (outside / "kept.csv").write_text("precious")
    run = "02-x/20261103-070500-000000"
    place = {"run": site / run, "tables": site / run / "tables"}.get(link, site / link)
    if link == "manifest":
        place = site / name_file(name_host(reports))
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.symlink_to(outside / "kept.csv" if "." in place.name else outside)
    shutil.rmtree(reports / run)
    with (
        pytest.raises(PublicationError, match="is a link")
        if link != "run" and (link != "tables")
        else soon()
    ):
        publish_reports(reports, str(site))
    with soon(), suppress(PublicationError):
        publish_reports(reports, str(site), delete=True)
    assert {p.name for p in outside.iterdir()} == {"kept.csv"}
    assert (outside / "kept.csv").read_text() == "precious"


TOLD = [
    None, [], {}, {"title": 7}, {"verdict": "fine"}, {"started": "soon"},
    {"started": "0001-01-01T00:00:00+14:00"}, {"seconds": float("nan")},
    {"title": "\ud800"}, {"title": "<script>alert(1)</script>"},
    {"parameters": {"n": {"deep": [[[]]]}}}, {"parameters": []},
    {"folder": "/etc"}, {"report": "../../ESCAPED", "run_id": "../x"},
    {"checked": "never"}, {"dismissed": "yes"}, {"more": 1},
]  # fmt: skip


@pytest.mark.parametrize("told", TOLD)
def test_what_another_host_tells_is_believed_only_if_it_can_be(reports, tmp_path, told):
    site, own = tmp_path / "site", tmp_path / "own"
    publish_reports(reports, str(site), host="other")
    manifest = site / "manifest-other.json"
    document = json.loads(manifest.read_text())
    for place in ("../../ESCAPED/20261103-070500-aaaaaa", "/etc/20261103-070500-aaaaaa",
                  "02-x/20261103-070500-..\\..", "latest/20261103-070500-aaaaaa"):  # fmt: skip
        document["runs"][place] = {"run.json": [1, "x"], "../../x": [1, "x"]}
    for place, said in document["told"].items():
        fresh = told if not isinstance(told, dict) else said | told
        document["told"][place] = fresh if told != {} else {}
    manifest.write_text(json.dumps(document))
    keep_run(own, 9, parameters=[parameter("n", 9)])
    with soon():
        assert publish_reports(own, str(site)).n_runs == 4
    page = (site / "index.html").read_text()
    assert page.count("/report.html") >= 4
    assert "<script>alert" not in page
    assert "ESCAPED" not in page
    assert list_around(tmp_path / "deep")[0] == "reports"


def test_s3_is_not_escaped_and_two_hosts_share_it(reports, tmp_path, bucket):
    spoil(Shelf(reports, "02-x").list_runs()[-1], report="../../ESCAPED", run_id="..")
    other = tmp_path / "other"
    keep_run(other, 9, report="02-x")
    assert publish_reports(reports, "s3://team/shared/site").n_runs == 3
    assert publish_reports(other, "s3://team/shared/site").n_runs == 4
    assert publish_reports(reports, "s3://team/shared/site", only=["02-x"]).n_runs == 4
    keys = list_keys(bucket)
    assert not [key for key in keys if "ESCAPED" in key]
    page = bucket.get_object(Bucket="team", Key="shared/site/index.html")
    text = page["Body"].read().decode()
    for number in range(3):
        assert f"-07050{0}-{number:06x}/report.html" in text
    assert "-000009/report.html" in text
