"""Locks: believed while their holder shows itself."""

import json
import os

from recovery_research.reporting.locks import Lock


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
