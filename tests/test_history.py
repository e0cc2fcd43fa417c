"""Runs of before: listed, found, compared, pruned; the records are the only truth."""

import json
import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from past_runs import START, lay_run, make_record

from recovery_research import command_line
from recovery_research.reporting import history as history_module
from recovery_research.reporting.comparison_pages import write_comparison
from recovery_research.reporting.comparisons import compare_runs
from recovery_research.reporting.history import ABANDONED, read_history
from recovery_research.reporting.history_cache import CACHE_FILE
from recovery_research.reporting.history_filters import choose_runs, read_moment
from recovery_research.reporting.locks import Lock
from recovery_research.reporting.pruning import choose_doomed, delete_runs
from recovery_research.reporting.records import read_record, write_record
from recovery_research.reporting.run_finder import find_run
from recovery_research.reporting.shelf import Shelf


def call(*arguments):
    result = CliRunner().invoke(command_line.main, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def reports(tmp_path):
    """Four runs of two reports: the second of the first one failed."""
    lay_run(tmp_path, 0, parameters={"n": 3, "world": "claims"})
    lay_run(tmp_path, 1, verdict="cell failed")
    lay_run(tmp_path, 2, report="churn", parameters={"n": 7, "deep": True})
    lay_run(tmp_path, 3, parameters={"n": 3, "world": "evidence"})
    return tmp_path


# ---------------------------------------------------------------------- records


def test_a_record_of_version_1_is_read(tmp_path):
    folder = lay_run(tmp_path)
    document = json.loads((folder / "run.json").read_text())
    fresh = (
        "attempts key ingredients data_as_of data_as_of_origin peak_memory plan host "
        "rerun_of memory_limit total_seconds notebook_path sources"
    )
    for name in fresh.split():
        del document[name]
    for name in ("package_sha256", "modules_sha256", "sources_sha256"):
        del document["provenance"][name]
    document["schema_version"] = 1
    (folder / "run.json").write_text(json.dumps(document))
    record = read_record(folder)
    assert (record.schema_version, record.key, record.attempts) == (2, None, [])
    assert len(read_history(tmp_path).runs) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 3}, "later version of this program .*reads up to 2"),
        ({"schema_version": "2"}, "schema_version is 1 to 2; got '2'"),
        ({"schema_version": True}, "schema_version is 1 to 2; got True"),
        ({"verdict": "fine"}, "run.json: verdict: "),
        ({"more": 1}, "run.json: more: Extra"),
        ({"seconds": "2.5"}, "run.json: seconds: "),
    ],
)
def test_other_records_are_refused(tmp_path, change, said):
    folder = lay_run(tmp_path)
    document = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(document | change))
    with pytest.raises(ValueError, match=said):
        read_record(folder)


def test_a_record_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = lay_run(tmp_path)
    before = (folder / "run.json").read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_record(make_record(seed=12), folder)
    assert (folder / "run.json").read_bytes() == before
    assert not (folder / ".run.json").exists()


# ---------------------------------------------------------------------- history


def test_history_is_read_from_the_records(reports):
    past = read_history(reports)
    assert [(r.report, r.verdict) for r in past.runs] == [
        ("loyalty", "succeeded"),
        ("loyalty", "cell failed"),
        ("churn", "succeeded"),
        ("loyalty", "succeeded"),
    ]
    assert past.runs[1].message == "ValueError: no, in cell 4"
    assert past.runs[1].cell == 4
    assert past.runs[0].started == START
    assert past.runs[2].parameters == {"n": 7, "deep": True}
    assert past.runs[0].read().provenance.python == "CPython 3.11.7"
    assert list(past.to_frame()["param_n"]) == [3, 3, 7, 3]
    assert read_history(reports / "nowhere").runs == ()


def test_the_cache_is_used_and_never_believed(reports, monkeypatch):
    before = read_history(reports)
    assert (reports / CACHE_FILE).is_file()
    opened = []
    real = history_module._summarise
    monkeypatch.setattr(
        history_module, "_summarise", lambda f: opened.append(f.name) or real(f)
    )
    assert read_history(reports) == before
    assert opened == []

    # Changed, copied and deleted folders are seen at once.
    changed = before.runs[0].folder
    write_record(read_record(changed).model_copy(update={"seconds": 9.0}), changed)
    copy = changed.with_name("20260106-000000-c0ffee")
    shutil.copytree(changed, copy)
    shutil.rmtree(before.runs[2].folder)
    after = read_history(reports)
    assert len(after.runs) == 4
    assert {run.seconds for run in after.runs if run.folder in (changed, copy)} == {9.0}
    assert all(run.report == "loyalty" for run in after.runs)
    assert sorted(opened) == sorted([changed.name, copy.name])


@pytest.mark.parametrize("harm", ["delete", "garbage", "empty", "version", "table"])
def test_the_cache_may_be_lost_or_damaged(reports, harm):
    before = read_history(reports)
    cache = reports / CACHE_FILE
    if harm == "delete":
        cache.unlink()
    elif harm == "garbage":
        cache.write_bytes(b"no database at all" * 1000)
    elif harm == "empty":
        cache.write_bytes(b"")
    else:
        with sqlite3.connect(cache) as connection:
            sql = "PRAGMA user_version = 99" if harm == "version" else "DROP TABLE runs"
            connection.execute(sql)
        connection.close()
    assert read_history(reports) == before
    lay_run(reports, 9)
    assert len(read_history(reports).runs) == 5


def test_damaged_runs_are_named_and_the_others_listed(reports):
    runs = read_history(reports).runs
    (runs[0].folder / "run.json").write_text('{"schema_version": 2,')
    (runs[1].folder / "run.json").write_bytes(b"")
    (runs[2].folder / "run.json").unlink()
    for _ in range(2):  # also from the cache
        past = read_history(reports)
        assert [run.run_id for run in past.runs] == [runs[3].run_id]
        assert {d.folder for d in past.damaged} == {r.folder for r in runs[:3]}
    said = call("history", "--reports", reports)
    assert said.exit_code == 0
    for run in runs[:3]:
        assert f"damaged: {run.folder}: " in said.stderr
    assert "there is no run.json" in said.stderr
    assert json.loads(call("history", "--json", "--reports", reports).stdout)["damaged"]


def test_runs_under_way_and_abandoned_are_told_apart(reports):
    shelf = Shelf(reports, "loyalty")
    with shelf.stage(datetime.now(UTC)) as stage:
        write_record(make_record(run_id=stage.name, verdict="running"), stage)
        assert read_history(reports).runs[-1].verdict == "running"
        abandoned = shutil.copytree(stage, stage.with_name("20260105-235959-dead00"))
    assert abandoned.is_dir()
    (run,) = [r for r in read_history(reports).runs if r.message == ABANDONED]
    assert (run.verdict, run.folder) == ("interrupted", abandoned)


def test_runs_are_chosen_by_what_is_asked(reports):
    runs = read_history(reports).runs

    def numbers(**conditions):
        return [runs.index(run) for run in choose_runs(runs, **conditions)]

    assert numbers() == [0, 1, 2, 3]
    assert numbers(reports=["churn"]) == [2]
    assert numbers(parameters={"n": "3", "world": "evidence"}) == [3]
    assert numbers(parameters={"deep": "true"}) == [2]
    assert numbers(verdicts=["failed"]) == [1]
    assert numbers(verdicts=["succeeded", "cell failed"]) == [0, 1, 2, 3]
    assert numbers(
        since=START + timedelta(hours=1), until=START + timedelta(hours=3)
    ) == [1, 2]
    for wrong, said in (
        ({"reports": ["loyality"]}, "Did you mean 'loyalty'"),
        ({"parameters": {"worlds": "x"}}, "Did you mean 'world'"),
        ({"verdicts": ["success"]}, "there are cell failed, failed, .*'succeeded'"),
    ):
        with pytest.raises(ValueError, match=said):
            choose_runs(runs, **wrong)


def test_moments_are_read():
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert read_moment("36h", now=now) == datetime(2026, 3, 9, tzinfo=UTC)
    assert read_moment("2w", now=now) == datetime(2026, 2, 24, 12, tzinfo=UTC)
    assert read_moment("2026-03-09T01:00+02:00") == datetime(2026, 3, 8, 23, tzinfo=UTC)
    for wrong in ("yesterday", "7", "d", "-1d", "99999999999w", "2026-13-01"):
        with pytest.raises(ValueError, match="write a date such as"):
            read_moment(wrong)


def test_the_history_command(reports):
    lines = call("history", "--reports", reports).stdout.splitlines()
    assert len(lines) == 4
    assert lines[1].startswith(
        "2026-01-05 07:30  loyalty  20260105-073000-000001  cell"
    )
    assert lines[1].endswith("2.5 s  ValueError: no, in cell 4")
    said = call("history", "--reports", reports, "--report", "churn", "--json").stdout
    (run,) = json.loads(said)["runs"]
    assert run["parameters"] == {"n": 7, "deep": True}
    assert (
        len(call("history", "--reports", reports, "--last", 2).stdout.splitlines()) == 2
    )
    for wrong in (["-p", "n"], ["--since", "soon"], ["--verdict", "good"]):
        assert call("history", "--reports", reports, *wrong).exit_code == 2


def test_a_folder_that_cannot_be_written_is_read_all_the_same(reports, monkeypatch):
    def refuse(*_args, **_options):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    assert len(read_history(reports).runs) == 4


# -------------------------------------------------------------- finding, showing


def test_a_run_answers_to_its_names(reports):
    runs = read_history(reports).runs
    last = runs[3].folder
    for name in ("loyalty", "loyalty/latest", last.name, last.name[:14], "000003"):
        assert find_run(reports, name) == last
    assert find_run(reports, f"loyalty/{runs[1].run_id}") == runs[1].folder
    assert find_run(reports, str(runs[1].folder)) == runs[1].folder
    for wrong, said in (
        ("20260105", "may be any of 4 runs"),
        ("loyality", "Did you mean 'loyalty'"),
        ("churns/latest", "Did you mean 'churn'"),
        ("000", "there is no run"),
        ("churn/../loyalty", "there is no run"),
    ):
        with pytest.raises(ValueError, match=said):
            find_run(reports, wrong)
    lay_run(reports, 0, report="young", verdict="timed out")
    with pytest.raises(ValueError, match="no good run yet"):
        find_run(reports, "young")


def test_show_tells_what_is_known(reports):
    said = call("show", "000001", "--reports", reports).stdout
    for part in (
        "cell failed",
        "ValueError: no",
        "world = claims  (default)",
        "d" * 40,
    ):
        assert part in said
    whole = json.loads(call("show", "churn", "--json", "--reports", reports).stdout)
    assert whole["parameters"][1]["value"] is True
    assert call("show", "nothing", "--reports", reports).exit_code == 2


# --------------------------------------------------------------------- comparing


@pytest.fixture
def pair(tmp_path):
    before = lay_run(
        tmp_path,
        0,
        tables={
            "kept": "policy,estimate\na,1.0\nb,0.2\nc,\n",
            "same": "x\n1\n",
            "old": "x\n1\n",
        },
    )
    after = lay_run(
        tmp_path,
        1,
        parameters={"n": 4, "world": "claims", "<b>": "<script>alert(1)</script>"},
        provenance={"distributions": {"package-000": "1.2.4"}},
        tables={
            "kept": "policy,estimate,more\na,1.0001,1\nb,0.3,2\n",
            "same": "x\n1\n",
            "new": "x\n1\n",
        },
    )
    return before, after


def test_every_changed_cell_is_found(pair):
    found = compare_runs(*pair)
    assert found.tables == {"kept": False, "new": False, "old": False, "same": True}
    cells = {(c.table, c.row, c.column): (c.before, c.after) for c in found.cells}
    assert cells == {
        ("kept", 1, "estimate"): ("1.0", "1.0001"),
        ("kept", 1, "more"): (None, "1"),
        ("kept", 2, "estimate"): ("0.2", "0.3"),
        ("kept", 2, "more"): (None, "2"),
        ("kept", 3, "policy"): ("c", None),
        ("kept", 3, "estimate"): ("", None),
        ("new", None, ""): (None, "present"),
        ("old", None, ""): ("present", None),
    }
    changes = {(c.part, c.name): (c.before, c.after) for c in found.changes}
    assert changes["parameters", "n"] == ("3", "4")
    assert changes["versions", "package-000"] == ("1.2.3", "1.2.4")
    assert changes["versions", "package-001"] == ("1.2.3", None)
    assert ("code", "notebook") not in changes
    assert len(found.to_frame()) == 8


def test_the_tolerance_is_as_it_says(pair):
    def estimates(**tolerance):
        found = compare_runs(*pair, **tolerance)
        return [c.row for c in found.cells if c.column == "estimate"]

    # 1.0 and 1.0001 differ by 1e-4 of the first; 0.2 and 0.3 by half of it.
    assert estimates(rtol=0.9e-4) == [1, 2, 3]
    assert estimates(rtol=1.1e-4) == [2, 3]
    assert estimates(atol=0.11) == [3]
    assert estimates(rtol=0.51) == [3]
    assert estimates(rtol=0.35) == [2, 3]
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="0 or more"):
            compare_runs(*pair, rtol=wrong)


def test_the_diff_command_and_its_page(pair, tmp_path):
    names = [folder.name for folder in pair]
    page = tmp_path / "diff.html"
    said = call("diff", *names, "--reports", tmp_path, "--page", page)
    assert said.exit_code == 9
    assert "parameters: n: 3 -> 4" in said.stdout
    assert "row 2, estimate: 0.2 -> 0.3" in said.stdout
    assert "table same: the same" in said.stdout
    html = page.read_text()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "default-src 'none'" in html
    assert html == write_comparison(compare_runs(*pair))
    same = call("diff", names[0], names[0], "--reports", tmp_path)
    assert (same.exit_code, "made of the same" in same.stdout) == (0, True)


# ----------------------------------------------------------------------- pruning


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


def test_prune_leaves_damaged_runs_alone(tmp_path):
    for number in range(3):
        lay_run(tmp_path, number)
    damaged = tmp_path / "loyalty" / "20260105-063000-000000"
    (damaged / "run.json").write_text("{")
    call("prune", "--keep", 0, "--yes", "--reports", tmp_path)
    assert damaged.is_dir()
    assert len(read_history(tmp_path).runs) == 1


# ------------------------------------------------------------------------- locks


def test_a_lock_of_another_host_is_believed_while_it_shows_itself(tmp_path):
    path = tmp_path / "x.lock"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    lock = Lock(path)
    assert not lock.take()
    old = path.stat().st_mtime - 601
    os.utime(path, (old, old))
    assert lock.take()
    assert not Lock(path).take(), "held by this process"
    lock.release()
    assert path.read_bytes() == b""


def test_a_lock_of_a_dead_process_is_free(tmp_path):
    path = tmp_path / "x.lock"
    import platform

    path.write_text(json.dumps({"host": platform.node(), "pid": 999_999}))
    lock = Lock(path)
    assert lock.take()
    lock.release(remove=True)
    assert not path.exists()
    path.write_text("not json")
    with lock.hold():
        assert json.loads(path.read_text())["pid"] == os.getpid()
