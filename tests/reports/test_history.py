"""Runs of before: read, listed, found; the records are the only truth."""

import json
import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from command_calls import call
from past_runs import START, lay_run, make_record

from recovery_research.reports import history as history_module
from recovery_research.reports.history import ABANDONED, CACHE_FILE, read_history
from recovery_research.reports.records import read_record, write_record
from recovery_research.reports.run_finder import choose_runs, find_run, read_moment
from recovery_research.reports.staging import Shelf


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
        "rerun_of memory_limit total_seconds notebook_path sources inputs"
    )
    for name in fresh.split():
        del document[name]
    for name in ("package_sha256", "modules_sha256", "sources_sha256"):
        del document["provenance"][name]
    document["schema_version"] = 1
    (folder / "run.json").write_text(json.dumps(document))
    record = read_record(folder)
    assert (record.schema_version, record.key, record.attempts) == (3, None, [])
    assert len(read_history(tmp_path).runs) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 4}, "later version of this program .*reads up to 3"),
        ({"schema_version": "2"}, "schema_version is 1 to 3; got '2'"),
        ({"schema_version": True}, "schema_version is 1 to 3; got True"),
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


@pytest.mark.fault(
    event="A record cannot be written over",
    survives="the record of before",
)
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


@pytest.mark.fault(
    event="Runs are changed, copied and deleted behind the history's back",
    survives="the truth: its cache is not believed",
)
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


@pytest.mark.fault(
    event="Records are cut, empty or gone",
    survives="every other run; the damaged are named",
)
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
        "2026-01-05 07:30 UTC  loyalty  20260105-073000-000001  cell"
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


@pytest.mark.fault(
    event="The history's folder cannot be written",
    survives="the history, without a cache",
)
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
