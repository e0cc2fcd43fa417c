"""Several hosts publish to one place: the index there lists exactly the union."""

import json
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from command_calls import call
from hypothesis import given, settings
from hypothesis import strategies as st
from run_records import keep_run, make_failure

from recovery_research.reports import destinations
from recovery_research.reports.history import dismiss_run
from recovery_research.reports.locks import Lock
from recovery_research.reports.published_runs import is_place, name_file, name_host
from recovery_research.reports.publishing import PublicationError, publish_reports
from recovery_research.reports.staging import Shelf

pytest.importorskip("fsspec", reason="NOT TESTED: fsspec is not installed")
TABLE = "what,estimate\na,1.5\n"


def add_run(reports, number, report="02-x", *, good=True):
    failed = {} if good else {"verdict": "cell failed", "failure": make_failure()}
    folder = keep_run(
        reports, number, report=report, tables={"kept": TABLE}, files=["report.html"],
        **failed,
    )  # fmt: skip
    return folder.relative_to(reports).as_posix()


def list_index(site):
    """Runs that the index leads to, each of which is there whole."""
    page = (site / "index.html").read_text()
    places = {unquote(p) for p in re.findall(r'href="([^"#]+)/report\.html"', page)}
    for place in places:
        assert is_place(place)
        for name in ("report.html", "run.json", "tables/kept.csv"):
            assert (site / place / name).is_file(), (place, name)
    tally = re.search(r"<b>([\d,]+)</b> runs?<", page)[1]
    assert int(tally) == len(places), "the total is the sum of what is listed"
    return places


@pytest.fixture
def two(tmp_path):
    """Two hosts with two runs each, of one report in common, and a place."""
    hosts = tmp_path / "one", tmp_path / "two"
    for number, reports in enumerate(hosts):
        add_run(reports, number)
        add_run(reports, 10 + number, f"0{number}-own", good=False)
        add_run(reports, 20 + number, f"0{number}-own")
    return *hosts, tmp_path / "site"


def local(reports):
    return {
        path.parent.relative_to(reports).as_posix()
        for path in reports.rglob("run.json")
        if "latest" not in path.parts
    }


def test_publishing_adds_whatever_is_published(two, tmp_path):
    one, other, site = two
    publish_reports(one, str(site))
    assert list_index(site) == local(one)
    done = publish_reports(other, str(site))
    assert list_index(site) == local(one) | local(other)
    assert (done.n_runs, done.n_new_runs) == (6, 3)
    (tmp_path / "empty").mkdir()
    for reports, options in (
        (one, {"only": ["02-x"]}),
        (one, {"last": 1}),
        (tmp_path / "empty", {}),
        (tmp_path / "empty", {"delete": True}),
    ):
        done = publish_reports(reports, str(site), **options)
        assert list_index(site) == local(one) | local(other)
        assert (done.n_runs, done.n_new_files, done.gone) == (6, 0, ())
    # Of all hosts the newest good run of a report is the last good one.
    page = (site / "latest" / "02-x.html").read_text()
    assert "20261104-070500-000001" in page


def test_a_host_deletes_what_it_put_there_and_nothing_else(two):
    one, other, site = two
    publish_reports(one, str(site))
    publish_reports(other, str(site))
    old, shared = "00-own/failed/20261113-070500-00000a", "02-x/20261103-070500-000000"
    add_run(one, 30)
    shutil.copytree(one / shared, other / shared)  # two hosts have the same run
    publish_reports(other, str(site))
    publish_reports(one, str(site))
    for place in (old, shared):
        shutil.rmtree(one / place)
    assert publish_reports(other, str(site), delete=True).gone == ()
    listed = call("publish", site, "--delete", "--reports", one)
    assert listed.stdout.splitlines()[:2] == [old, shared]
    before = list_index(site)
    assert {old, shared} < before
    assert publish_reports(one, str(site), only=["02-x"], delete=True).gone == (shared,)
    assert list_index(site) == before, "the other host has it still"
    assert publish_reports(one, str(site), delete=True).gone == (old,)
    assert list_index(site) == before - {old}
    assert not (site / old).exists()


def test_a_folder_without_a_run_has_nothing_deleted(two):
    one, _, site = two
    add_run(one, 30)
    publish_reports(one, str(site))
    before = list_index(site)
    for report in one.glob("0*"):
        shutil.rmtree(report)
    done = publish_reports(one, str(site), delete=True)
    assert (done.gone, done.n_runs) == ((), 4)
    assert list_index(site) == before


def test_a_machine_that_is_another_each_time_has_a_name(two):
    one, other, site = two
    assert name_host(one) != name_host(other)
    add_run(one, 30)
    call("publish", site, "--as", "nightly", "--reports", one)
    assert (site / "manifest-nightly.json").is_file()
    for place in local(one):
        shutil.copytree(one / place, other / "again" / place)
    gone = "02-x/20261103-070500-000000"
    shutil.rmtree(other / "again" / gone)
    done = publish_reports(other / "again", str(site), host="nightly", delete=True)
    assert done.gone == (gone,)
    for wrong in ("", "../x", "a/b", "x" * 61, "-x", "a\0", "a\n"):
        with pytest.raises(ValueError, match="a host is named with letters"):
            publish_reports(one, str(site), host=wrong)


@pytest.mark.parametrize("harm", ["lost", "garbage", "later", "old"])
def test_a_lost_manifest_takes_nothing_from_the_page(two, harm):
    one, other, site = two
    publish_reports(one, str(site))
    manifest = site / name_file(name_host(one))
    if harm == "lost":
        manifest.unlink()
    elif harm == "old":
        runs = json.loads(manifest.read_text())["runs"]
        document = {"schema_version": 2, "runs": runs}
        (site / "manifest.json").write_text(json.dumps(document))
        manifest.unlink()
    else:
        text = '{"schema_version": 99}' if harm == "later" else "\0" * 100
        manifest.write_text(text)
    publish_reports(other, str(site))
    assert list_index(site) == local(one) | local(other)
    again = publish_reports(one, str(site))
    assert list_index(site) == local(one) | local(other)
    assert (again.n_new_files == 0) == (harm == "old")


def test_what_another_host_has_put_there_is_not_replaced(two):
    one, other, site = two
    shared = "02-x/20261103-070500-000000"
    shutil.copytree(one / shared, other / shared)
    (other / shared / "report.html").write_text("another word")
    (other / shared / "report.pdf").write_text("more of it")
    publish_reports(one, str(site))
    done = publish_reports(other, str(site))
    assert done.left_out == (f"{shared}/report.html",)
    assert "1 files left out" in done.summarise()
    assert (site / shared / "report.html").read_text() == ""
    assert (site / shared / "report.pdf").read_text() == "more of it"
    assert publish_reports(one, str(site)).n_new_files == 0


def test_a_dismissed_failure_is_dismissed_there_also_for_others(two):
    one, other, site = two
    place = "00-own/failed/20261113-070500-00000a"
    publish_reports(one, str(site))
    dismiss_run(one / place, why="a typing error")
    publish_reports(one, str(site))
    publish_reports(other, str(site))
    page = (site / "index.html").read_text()
    assert "<b>1</b> dismissed" in page
    assert (site / place / "dismissed.json").is_file()


def test_odd_but_lawful_names_and_folders_that_can_only_be_read(tmp_path, monkeypatch):
    one, other, site = tmp_path / "one", tmp_path / "other", tmp_path / "a [b] {c}"
    for number, reports in enumerate((one, other)):
        add_run(reports, number)
        (reports / "02-x").rename(reports / f"it's 100% [{number}] & more")

    def refuse(self):
        raise PermissionError(13, "Read-only file system")

    monkeypatch.setattr(Lock, "take", refuse)
    for reports in (one, other, one):
        publish_reports(reports, str(site))
    (site / name_file(name_host(other))).unlink()
    publish_reports(one, str(site))
    assert list_index(site) == local(one) | local(other)


# ------------------------------------------------------------ interrupted, at once


def break_off_at(monkeypatch, number):
    put, names = destinations.Store.put, []

    def break_off(self, file, name):
        names.append(name)
        if len(names) > number:
            raise ConnectionError("the line went dead")
        put(self, file, name)

    monkeypatch.setattr(destinations.Store, "put", break_off)
    return names


def test_an_interrupted_copy_goes_on_where_it_was(tmp_path, monkeypatch):
    reports, site = tmp_path / "reports", tmp_path / "site"
    for number in range(12):
        add_run(reports, number)
    sent = []
    for stop_at in (17, 11, 10_000):
        with monkeypatch.context() as patch:
            names = break_off_at(patch, stop_at)
            if stop_at < 100:
                with pytest.raises(PublicationError, match="the line went dead"):
                    publish_reports(reports, str(site))
                names.pop()
            else:
                publish_reports(reports, str(site))
        sent += [name for name in names if is_place(name.split("/tables")[0]
                 .removesuffix("/run.json").removesuffix("/report.html"))]  # fmt: skip
    assert list_index(site) == local(reports)
    # Each break costs at most the files of one run again.
    assert len(sent) <= 12 * 3 + 2 * 3
    assert set(sent) == {
        f"{p}/{n}" for p in local(reports)
        for n in ("report.html", "run.json", "tables/kept.csv")
    }  # fmt: skip


def test_two_hosts_at_once_have_both_on_the_page(two, monkeypatch):
    """One is about to write an index when the other publishes from start to end."""
    one, other, site = two
    put, met = destinations.Store.put, []

    def meet(self, file, name):
        if name == "index.html" and not met:
            met.append(name)
            publish_reports(other, str(site))
            assert list_index(site) == local(one) | local(other)
        put(self, file, name)

    monkeypatch.setattr(destinations.Store, "put", meet)
    assert publish_reports(one, str(site)).n_runs == 6
    assert list_index(site) == local(one) | local(other)


HOSTS = ("a", "b")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["run", "run", "fail", "prune", "publish", "only", "break",
                         "empty", "delete", "list"]),
        st.sampled_from(HOSTS),
        st.integers(0, 12),
    ),
    min_size=3, max_size=12,
)  # fmt: skip


def check_steps(folder, steps, site):
    """Compare the index after every step with a dictionary of who has put what."""
    model = {host: set() for host in HOSTS}
    unsure, number = {host: set() for host in HOSTS}, 0
    for what, host, n in [*steps, ("publish", "a", 0), ("publish", "b", 0)]:
        reports, number = folder / host, number + 1
        reports.mkdir(exist_ok=True)
        name = f"0{n % 2}-{host if n % 3 else 'both'}"
        if what in ("run", "fail"):
            add_run(reports, number, name, good=what == "run")
            continue
        here = local(reports)
        if what == "prune":
            last = {Shelf(reports, r.name).latest() for r in reports.glob("0*")}
            old = sorted(p for p in here if reports / p not in last)
            if old:
                shutil.rmtree(reports / old[n % len(old)])
            continue
        put, options = here, {}
        if what == "only":
            names = sorted({p.partition("/")[0] for p in here})
            chosen = names[n % len(names) :][:1] if names else []
            put = {p for p in here if p.partition("/")[0] in chosen}
            options["only"] = chosen
        elif what == "empty":
            reports, put = folder / "nothing", set()
            reports.mkdir(exist_ok=True)
        elif what in ("delete", "list"):
            options["delete"] = what == "delete"
        elif what == "break":
            with pytest.MonkeyPatch.context() as patch:
                break_off_at(patch, n)
                try:
                    publish_reports(reports, str(site))
                except PublicationError:
                    unsure[host] |= here
                else:
                    model[host] |= here
            continue
        done = publish_reports(reports, str(site), **options)
        if what != "empty":
            model[host] |= put
        if what == "delete":
            assert set(done.gone) <= (model[host] | unsure[host]) - here
            assert len(here) == 0 or set(done.gone) >= {
                p for p in model[host] - here
                if any("failed" not in q and q > p and q.split("/")[0] ==
                       p.split("/")[0] for q in model[host] & here)
            }  # fmt: skip
            model[host] -= set(done.gone)
            unsure[host] -= set(done.gone)
        sure, perhaps = model["a"] | model["b"], unsure["a"] | unsure["b"]
        listed = list_index(site)
        assert sure <= listed <= sure | perhaps
        assert done.n_runs == len(listed)


def check_in_a_folder(steps):
    with tempfile.TemporaryDirectory() as folder:
        check_steps(Path(folder), steps, Path(folder) / "site")


@settings(max_examples=12)
@given(steps=STEPS)
def test_any_sequence_leaves_the_union_on_the_page(steps):
    check_in_a_folder(steps)


@pytest.mark.slow
@settings(max_examples=100)
@given(steps=STEPS)
def test_a_hundred_sequences_leave_the_union_on_the_page(steps):
    check_in_a_folder(steps)
