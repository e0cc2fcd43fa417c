"""Publishing: to a folder and to a real S3 server on loopback, and never half."""

import json
import os
import shutil
import threading
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from run_records import keep_run, make_failure
from s3_server import list_keys

from recovery_research.cli import main
from recovery_research.reports import destinations
from recovery_research.reports.after_run import note_check
from recovery_research.reports.published_runs import name_file, name_host
from recovery_research.reports.publishing import PublicationError, publish_reports

pytest.importorskip("fsspec", reason="NOT TESTED: fsspec is not installed")
TABLE = "what,estimate\na,1.5\n"


@pytest.fixture
def reports(tmp_path):
    reports = tmp_path / "reports"
    for day in range(3):
        keep_run(reports, day, tables={"kept": TABLE})
    keep_run(reports, 3, verdict="cell failed", failure=make_failure())
    keep_run(reports, 1, report="01-y", title="<b>Other</b>")
    staged = reports / "01-y" / ".staging" / "20261121-060000-abcdef"
    staged.mkdir(parents=True)
    (staged / "run.json").write_text("{}")
    (reports / "01-y" / "latest").symlink_to("20261104-070500-000001")
    return reports


def list_all(folder):
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()
    )


def check_links(page, names):
    soup = BeautifulSoup(page, "html.parser")
    links = [unquote(a["href"]) for a in soup.find_all("a") if a["href"][0] != "#"]
    assert len(links) > 5
    assert set(links) <= set(names)


def test_a_folder_gets_every_finished_run_and_an_index_that_leads_to_them(
    reports, tmp_path
):
    done = publish_reports(reports, str(tmp_path / "the site"))
    assert (done.n_runs, done.n_new_runs) == (5, 5)
    names = list_all(tmp_path / "the site")
    check_links((tmp_path / "the site" / "index.html").read_text(), names)
    assert "02-x/20261103-070500-000000/tables/kept.csv" in names
    assert "02-x/failed/20261106-070500-000003/report.html" in names
    assert {"latest/01-y.html", "latest/02-x.html"} <= set(names)
    assert name_file(name_host(reports)) in names
    assert not [n for n in names if "staging" in n or n.startswith(".") or ".part" in n]
    redirect = (tmp_path / "the site" / "latest" / "02-x.html").read_text()
    assert 'url=../02-x/20261105-070500-000002/report.html"' in redirect
    again = publish_reports(reports, str(tmp_path / "the site"))
    assert (again.n_runs, again.n_new_runs, again.n_new_files) == (5, 0, 0)
    keep_run(reports, 9)
    more = publish_reports(reports, f"file://{tmp_path / 'the site'}")
    assert (more.n_runs, more.n_new_runs) == (6, 1)


def test_some_reports_and_the_last_of_each(reports, tmp_path):
    done = publish_reports(reports, str(tmp_path / "one"), only=["02-x"], last=1)
    names = list_all(tmp_path / "one")
    assert done.n_runs == 2, "the last, which failed, and the last good one"
    assert not [name for name in names if name.startswith("01-y")]
    check_links((tmp_path / "one" / "index.html").read_text(), names)
    with pytest.raises(ValueError, match="no report '02'; there are"):
        publish_reports(reports, str(tmp_path / "one"), only=["02"])


@pytest.mark.parametrize("stop_at", range(0, 23, 4))
def test_a_copy_that_breaks_off_leaves_what_was_there(
    reports, tmp_path, monkeypatch, stop_at
):
    """Stopped at any file, the old index stays and leads to whole runs only."""
    site = tmp_path / "site"
    publish_reports(reports, str(site), only=["01-y"])
    before = (site / "index.html").read_text()
    put, count = destinations.Store.put, []

    def break_off(self, file, name):
        count.append(name)
        if len(count) > stop_at:
            raise ConnectionError("the line went dead")
        put(self, file, name)

    monkeypatch.setattr(destinations.Store, "put", break_off)
    with pytest.raises(PublicationError, match=r"the line went dead\. The index there"):
        publish_reports(reports, str(site))
    assert (site / "index.html").read_text() == before
    check_links(before, list_all(site))
    monkeypatch.setattr(destinations.Store, "put", put)
    publish_reports(reports, str(site))
    check_links((site / "index.html").read_text(), list_all(site))


def test_the_index_comes_after_all_runs_and_the_manifest(
    reports, tmp_path, monkeypatch
):
    put, names = destinations.Store.put, []

    def note(self, file, name):
        names.append(name)
        put(self, file, name)

    monkeypatch.setattr(destinations.Store, "put", note)
    publish_reports(reports, str(tmp_path / "site"))
    latest = ["latest/01-y.html", "latest/02-x.html"]
    assert names[-4:] == [name_file(name_host(reports)), *latest, "index.html"]
    pages = [n for n in names if n.startswith("02-x/20261103")]
    assert pages[-2:] == [
        "02-x/20261103-070500-000000/run.json",
        "02-x/20261103-070500-000000/report.html",
    ]


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    store = destinations.open_store(str(tmp_path / "site"))
    (tmp_path / "x").write_text("new")
    seen = []
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "x").write_text("old")

    def move(source, target, **_):
        seen.append((tmp_path / "site" / "x").read_text())
        raise OSError("full")

    monkeypatch.setattr(store._system, "mv", move)
    with pytest.raises(OSError, match="full"):
        store.put(tmp_path / "x", "x")
    assert seen == ["old"]
    assert list_all(tmp_path / "site") == ["x"]
    (tmp_path / "site" / f"y{destinations.PART}dead").write_text(
        "left by a killed copy"
    )
    store.clear_parts()
    assert [p.name for p in (tmp_path / "site").iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ("", "is empty"),
        ("s3://", "name a folder or a bucket"),
        ("nosuch://x/y", "nosuch"),
        ("ftp://ann:hush@example.org/x", "holds a password"),
        ("{reports}/inside", "inside the reports themselves"),
        ("{reports}", "inside the reports themselves"),
    ],
)
def test_a_destination_that_cannot_be_used(reports, destination, said):
    result = CliRunner().invoke(
        main.main,
        ["publish", destination.format(reports=reports), "--reports", str(reports)],
    )
    assert result.exit_code == 2
    assert said in result.output
    assert "hush" not in result.output
    assert "Traceback" not in result.output


def test_a_destination_that_cannot_be_written(reports, tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ["publish", str(tmp_path / "file"), "--reports", str(reports)]
    result = CliRunner().invoke(main.main, arguments)
    assert result.exit_code == 8
    assert "still leads to what was there" in result.output


# --------------------------------------------------- content, and what is gone here


def test_files_are_compared_by_content_and_by_what_lies_there(reports, tmp_path):
    site = tmp_path / "site"
    publish_reports(reports, str(site))
    run = "02-x/20261103-070500-000000"
    page = reports / run / "tables/kept.csv"
    page.write_text(TABLE.replace("1.5", "1.6"))  # of the same size
    done = publish_reports(reports, str(site))
    assert (done.n_new_runs, done.n_new_files) == (1, 1)
    assert (site / run / "tables/kept.csv").read_text() == page.read_text()
    (site / run / "report.ipynb").unlink()
    (site / run / "run.json").write_text("cut")
    done = publish_reports(reports, str(site))
    assert (done.n_new_runs, done.n_new_files) == (1, 2)
    assert (site / run / "run.json").read_text() == (
        reports / run / "run.json"
    ).read_text()
    note_check(reports / run)
    assert publish_reports(reports, str(site)).n_new_files == 0


def call_publish(reports, site, *options):
    arguments = ["publish", str(site), "--reports", str(reports), *options]
    return CliRunner().invoke(main.main, arguments)


def check_deletion(reports, site, list_there):
    """Prune here, and see what is listed, what goes there, and what stays."""
    call_publish(reports, site)
    old, failed = "02-x/20261103-070500-000000", "02-x/failed/20261106-070500-000003"
    only_good = "01-y/20261104-070500-000001"
    for place in (old, failed, only_good):
        shutil.rmtree(reports / place)
    before = list_there()
    listed = call_publish(reports, site, "--delete")
    assert listed.exit_code == 0, listed.output
    assert listed.output.splitlines()[:3] == [
        old, failed, "2 runs would go there; --yes deletes them.",
    ]  # fmt: skip
    assert list_there() == before
    done = call_publish(reports, site, "--delete", "--yes")
    assert "; 2 no longer here, deleted there" in done.output
    gone = {name for name in before if name.startswith((old, failed))}
    assert len(gone) >= 8
    assert set(list_there()) == set(before) - gone, "the last good one stays"
    assert "no longer here" not in call_publish(reports, site).output
    assert call_publish(reports, site, "--yes").exit_code == 2


def test_what_was_pruned_here_is_deleted_there_when_asked(reports, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "02-x" / "20261103-070500-000000").mkdir(parents=True)
    (site / "02-x" / "mine.txt").write_text("not published by us")
    check_deletion(reports, site, lambda: list_all(site))
    assert not (site / "02-x" / "20261103-070500-000000").exists()


def test_a_deletion_that_breaks_off_is_finished_the_next_time(
    reports, tmp_path, monkeypatch
):
    site = str(tmp_path / "site")
    publish_reports(reports, site)
    gone = "02-x/20261103-070500-000000"
    shutil.rmtree(reports / gone)
    remove = destinations.Store.remove
    with monkeypatch.context() as patch:
        patch.setattr(
            destinations.Store, "remove", lambda self, folder, names: remove(
                self, folder, list(names)[:1]) or 1 / 0,
        )  # fmt: skip
        with pytest.raises(PublicationError, match="ZeroDivisionError"):
            publish_reports(reports, site, delete=True)
    assert list((tmp_path / "site" / gone).rglob("*")), "half of it is left"
    done = publish_reports(reports, site, delete=True)
    assert (done.gone, done.deleted) == ((gone,), True)
    assert not (tmp_path / "site" / gone).exists()


@pytest.mark.parametrize(
    "place", ["../outside", "02-x/../../outside", "/outside", "", "02-x", "02-x/latest"]
)
def test_a_manifest_that_lies_deletes_nothing_elsewhere(reports, tmp_path, place):
    site, outside = tmp_path / "deep" / "site", tmp_path / "deep" / "outside"
    publish_reports(reports, str(site))
    outside.mkdir()
    (outside / "run.json").write_text("precious")
    manifest = site / name_file(name_host(reports))
    document, gone = json.loads(manifest.read_text()), "02-x/20261103-070500-999999"
    (site / gone).mkdir()  # the last good run stays, so there is a later one of each
    for where in (place, f"{place.partition('/')[0]}/zzz"):
        document["runs"][where] = {"run.json": [1, "x"]}
    document["runs"][gone] = {"../../../outside/run.json": [1, "x"]}
    manifest.write_text(json.dumps(document))
    done = publish_reports(reports, str(site), delete=True)
    assert done.gone == (gone,)
    assert (outside / "run.json").read_text() == "precious"


# ------------------------------------------------------------- a real S3 server


def test_s3_gets_pages_that_a_browser_opens(reports, bucket):
    result = CliRunner().invoke(
        main.main, ["publish", "s3://team/site", "--reports", str(reports)]
    )
    assert result.exit_code == 0, result.output
    assert "5 runs, 5 of them new" in result.output
    keys = [key.removeprefix("site/") for key in list_keys(bucket)]
    page = bucket.get_object(Bucket="team", Key="site/index.html")
    check_links(page["Body"].read().decode(), keys)
    assert page["ContentType"] == "text/html"
    report = "site/02-x/20261105-070500-000002/report.html"
    assert bucket.head_object(Bucket="team", Key=report)["ContentType"] == "text/html"
    assert not [key for key in keys if destinations.PART in key]
    key = f"site/{name_file(name_host(reports))}"
    kept = bucket.get_object(Bucket="team", Key=key)["Body"].read()
    assert len(json.loads(kept)["runs"]) == 5
    again = publish_reports(reports, "s3://team/site")
    assert (again.n_runs, again.n_new_files) == (5, 0)


def test_s3_loses_what_was_pruned_here_when_asked(reports, bucket):
    keys = lambda: [k for k in list_keys(bucket) if k.startswith("pruned/")]  # noqa: E731
    check = lambda: [k.removeprefix("pruned/") for k in keys()]  # noqa: E731
    check_deletion(reports, "s3://team/pruned", check)


def test_two_at_once_and_a_bucket_that_is_not_there(reports, bucket):
    ends = []

    def go():
        ends.append(publish_reports(reports, "s3://team/both").n_runs)

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == [5, 5]
    with pytest.raises(PublicationError) as caught:
        publish_reports(reports, "s3://absent/site")
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
