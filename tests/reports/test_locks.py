"""Locks: believed while their holder shows itself."""

import errno
import json
import logging
import os
import platform
import threading
from pathlib import Path

import pytest

from recovery_research.reports import locks
from recovery_research.reports.index import write_index
from recovery_research.reports.locks import Holder, Lock, read_holder
from recovery_research.reports.publishing import publish_reports


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
    path.write_text(json.dumps({"host": platform.node(), "pid": 999_999}))
    lock = Lock(path)
    assert lock.take()
    lock.release(remove=True)
    assert not path.exists()
    path.write_text("not json")
    with lock.hold():
        assert json.loads(path.read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(
    ("act", "name"),
    [
        (write_index, ".index.lock"),
        (lambda f: publish_reports(f, str(f.parent / "site")), ".publish.lock"),
    ],
)
@pytest.mark.fault(
    event="A lock of another machine is met, of a run, the index or a publication",
    survives="all; who holds it, for how long and what to do is said, then waited",
)
def test_who_waits_says_for_whom_how_long_and_what_to_do(
    tmp_path, act, name, monkeypatch, caplog
):
    monkeypatch.setattr(locks, "PATIENT_SECONDS", 0.0)
    reports = tmp_path / "reports"
    reports.mkdir()
    lock = reports / name
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 17}))
    then = lock.stat().st_mtime - 400
    os.utime(lock, (then, then))
    threading.Timer(0.5, lambda: lock.write_text("")).start()
    with caplog.at_level(logging.WARNING):
        act(reports)
    (said,) = [r.getMessage() for r in caplog.records]
    assert said.startswith(f"process 17 on elsewhere holds {lock}; waiting for its end")
    assert "last seen 40" in said
    assert "199 s more" in said or "200 s more" in said
    assert f"delete {lock}" in said


def test_a_short_wait_says_nothing(tmp_path, caplog):
    with Lock(tmp_path / "x").hold():
        holder = read_holder(tmp_path / "x")
        assert holder == Holder(platform.node(), os.getpid())
        assert holder.advice == "", "a process here frees its lock when it dies"
        waiting = Lock(tmp_path / "x")
        done = threading.Thread(target=lambda: waiting.hold().__enter__())
        done.start()
    done.join(10)
    waiting.release()
    assert caplog.records == []


@pytest.mark.fault(
    event="The file system of the reports has no file locks",
    survives="what is there; nothing is started, and what can be done is said",
)
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_file_system_without_locks_is_told_with_a_way_out(
    tmp_path, monkeypatch, number
):
    import fcntl

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    n_open = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="without file locks") as caught:
        Lock(tmp_path / "x").take()
    assert caught.value.errno == number
    for word in (str(tmp_path), "--reports", "local_lock=flock", "publish"):
        assert word in str(caught.value)
    assert len(os.listdir("/proc/self/fd")) == n_open
    assert Path(tmp_path / "x").exists()
