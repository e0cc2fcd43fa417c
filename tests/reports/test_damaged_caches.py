"""Whatever is kept to save time may be damaged in any way: it is made anew, or left."""

import json
import random
import sqlite3

import pytest
from past_runs import lay_run
from sample_studies import same, study_of

import recovery_research as rr
from recovery_research.reports import history
from recovery_research.reports.history import CACHE_FILE, read_history
from recovery_research.reports.index import write_index
from recovery_research.reports.staging import Shelf


@pytest.mark.slow
@pytest.mark.fault(
    event="A kept batch of a diagnosis is damaged, or cannot be kept",
    survives="the diagnosis, by doing the batch again",
)
def test_a_spoilt_batch_is_done_again(evidence, webshop, tmp_path):
    study = study_of(evidence, webshop, index="first", n_customers=50)
    options = {"n_replications": 2, "truth_customers": 20_000, "processes": 1}
    whole = rr.diagnose(study, "welch", resume=tmp_path, **options)
    path = next(tmp_path.rglob("replications-*.batch"))
    good = path.read_bytes()
    assert len(json.loads(good.partition(b"\n")[2])) == 2
    # Another digit is as good a number as the right one, and still not believed.
    digit = next(i for i in range(len(good) - 1, 0, -1) if good[i : i + 1].isdigit())
    other = b"3" if good[digit : digit + 1] != b"3" else b"4"
    for spoilt in (
        b"", b"[[0, 0, 1.0", good[:-5], good[:70], b"\xff" * 99, b"[" * 100_000,
        good[:digit] + other + good[digit + 1 :],
    ):  # fmt: skip
        path.write_bytes(spoilt)
        assert same(rr.diagnose(study, "welch", resume=tmp_path, **options), whole)
        assert path.read_bytes() == good
    path.unlink()
    path.mkdir()  # stands for all that cannot be written
    with pytest.warns(RuntimeWarning, match="goes on without"):
        assert same(rr.diagnose(study, "welch", resume=tmp_path, **options), whole)


def by_sql(*commands):
    def harm(path):
        with sqlite3.connect(path) as cache:
            for command in commands:
                cache.execute(command)
        cache.close()

    return harm


def by_bytes(change):
    return lambda path: path.write_bytes(change(path.read_bytes()))


def overwrite(seed, length):
    def change(content):
        luck = random.Random(seed)
        where = luck.randrange(len(content))
        return content[:where] + luck.randbytes(length) + content[where + length :]

    return change


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


def say(said):
    """Lie in the cache, and sign it as the cache is signed."""

    def harm(path):
        with sqlite3.connect(path) as cache:
            rows = cache.execute("SELECT path, mtime, size, inode FROM runs").fetchall()
            for row in rows:
                kept = (*row, said)
                cache.execute("REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
                              (*kept, history._sum_up(kept)))  # fmt: skip
        cache.close()

    return harm


FULL = dict.fromkeys(history._SUMMARY, "x")
HARMS = {
    **{f"cut at {n}": by_bytes(lambda c, n=n: c[:n]) for n in (0, 1, 15, 99, 4096, 6000)},
    **{f"overwritten {n}": by_bytes(overwrite(n, 1 + 40 * (n % 3))) for n in range(24)},
    "zeros": by_bytes(lambda c: bytes(len(c))),
    "no database": by_bytes(lambda c: b"no database at all" * 1000),
    "a folder": replace_by_folder,
    "gone": lambda path: path.unlink(),
    "odd keys": by_sql("UPDATE runs SET said = '{\"odd\": 1}'"),
    "more keys": by_sql("UPDATE runs SET said = json_set(said, '$.odd', 1)"),
    "another number": by_sql("UPDATE runs SET said = json_set(said, '$.seconds', 77)"),
    "another run": by_sql("UPDATE runs SET said = (SELECT min(said) FROM runs)"),
    "bytes": by_sql("UPDATE runs SET said = x'ff00ff'"),
    "no text": by_sql("UPDATE runs SET said = CAST(x'ff00ff' AS TEXT)"),
    "nothing": by_sql("UPDATE runs SET said = NULL, mtime = NULL"),
    "too deep": by_sql("UPDATE runs SET said = replace(zeroblob(99999), x'00', '[')"),
    "names are bytes": by_sql("UPDATE runs SET path = CAST(path AS BLOB)"),
    "no table": by_sql("DROP TABLE runs"),
    "a view": by_sql("DROP TABLE runs", "CREATE VIEW runs AS SELECT 1 AS path"),
    "other columns": by_sql("DROP TABLE runs", "CREATE TABLE runs (path, more)"),
    "a later version": by_sql("PRAGMA user_version = 99"),
    "an older version": by_sql("DROP TABLE runs", "PRAGMA user_version = 1"),
    "a trigger": by_sql("CREATE TRIGGER t BEFORE INSERT ON runs BEGIN SELECT "
                        "RAISE(ABORT, 'no'); END"),
    **{f"signed {said[:12]}": say(said) for said in
       ("{}", "[]", "null", "7", '{"damaged": 7}', '{"odd": 1}', json.dumps(FULL, sort_keys=True))},
}  # fmt: skip


@pytest.mark.fault(
    event="The history's cache is damaged, foreign, locked or no file at all",
    survives="every line of the history; the cache is made anew",
)
@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_history_cache_changes_no_line(tmp_path, harm, monkeypatch):
    for number in range(6):
        lay_run(tmp_path, number, seed=number)
    before = read_history(tmp_path)
    HARMS[harm](tmp_path / CACHE_FILE)
    assert read_history(tmp_path) == before
    lay_run(tmp_path, 9)
    assert len(read_history(tmp_path).runs) == 7
    if harm != "a folder":
        assert len(read_history(tmp_path).runs) == 7
        opened, real = [], history._summarise
        monkeypatch.setattr(
            history, "_summarise", lambda f: opened.append(f) or real(f)
        )
        assert len(read_history(tmp_path).runs) == 7
        assert opened == [], "it has been made anew"


def test_a_history_cache_that_others_hold_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "BUSY_SECONDS", 0.05)
    lay_run(tmp_path)
    before = read_history(tmp_path)
    holder = sqlite3.connect(tmp_path / CACHE_FILE)
    holder.execute("BEGIN EXCLUSIVE")
    assert read_history(tmp_path) == before
    lay_run(tmp_path, 1)
    assert len(read_history(tmp_path).runs) == 2
    holder.rollback()
    holder.close()
    assert (tmp_path / CACHE_FILE).is_file(), "it was in use, not damaged"
    assert len(read_history(tmp_path).runs) == 2


@pytest.mark.parametrize("beside", ["-journal", "-wal"])
def test_what_stands_beside_a_history_cache_is_not_mixed_into_it(tmp_path, beside):
    lay_run(tmp_path)
    before = read_history(tmp_path)
    (tmp_path / f"{CACHE_FILE}{beside}").write_bytes(b"\xd9\xd5\x05\xf9 odd" * 500)
    assert read_history(tmp_path) == before
    lay_run(tmp_path, 1)
    assert len(read_history(tmp_path).runs) == 2


ODD = [
    b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000,
    b'{"notices": 7}', b'{"notices": [7]}', b'{"notices": [{"odd": 1}]}',
    b'{"notices": "text"}', b'{"checked": 5}', b'{"checked": "soon"}',
    b'{"checked": "0001-01-01T00:00:00+23:59"}', b'{"host": 5, "pid": "x"}',
    b'{"host": null, "pid": null}', b'{"host": "a", "pid": 1e999}',
    b'{"notices": [{"event": 1, "channel": [], "ok": "no", "error": {}, "seconds": "s"}]}',
]  # fmt: skip


@pytest.mark.fault(
    event="Notes beside a run, or lock files, are damaged in any way",
    survives="every run, the index and the history",
)
def test_damaged_notes_and_locks_stop_nothing(tmp_path):
    made = lay_run(tmp_path, seed=1)
    index = write_index(tmp_path).read_text()
    assert made.name in index
    for content in ODD:
        for name in ("notices.json", "checked.json"):
            (made / name).write_bytes(content)
        (tmp_path / ".index.lock").write_bytes(content)
        (made.parent / ".lock").write_bytes(content)
        page = write_index(tmp_path).read_text()
        assert made.name in page, content[:40]
        with Shelf(tmp_path, made.parent.name).lock():
            assert len(read_history(tmp_path).runs) == 1
