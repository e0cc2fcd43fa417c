"""The cache of compiled code follows its sources, and no damage to it does any harm."""

import errno
import importlib
import logging
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from failing_disks import FaultyDisk

from recovery_research.model import _compile

INNER = (
    "from ._compile import compiled\n\n\n@compiled\ndef grow(x):\n    return x * {}\n"
)
OUTER = (
    "from . import _inner\nfrom ._compile import compiled_entry\n\n\n"
    "@compiled_entry\ndef work(x):\n    return _inner.grow(x) + 1.0\n"
)
RUN = (
    "from copied import _outer; "
    "y = _outer.work(3.0); s = _outer.work.stats; "
    "print(y, sum(s.cache_hits.values()))"
)


def lay_package(folder):
    package = folder / "copied"
    package.mkdir()
    (package / "__init__.py").write_text("")
    source = Path(_compile.__file__).read_text()
    (package / "_compile.py").write_text(source)
    (package / "_inner.py").write_text(INNER.format(7.0))
    (package / "_outer.py").write_text(OUTER)
    return package


def run(folder):
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    answer, hits = done.stdout.split()
    return float(answer), int(hits)


def test_compiled_code_is_reused_until_a_file_it_calls_changes(tmp_path):
    package = lay_package(tmp_path)
    assert run(tmp_path) == (22.0, 0)
    assert run(tmp_path) == (22.0, 1)
    # `_outer.py` is untouched; Numba alone would run 3 * 7 + 1 again.
    (package / "_inner.py").write_text(INNER.format(11.0))
    assert run(tmp_path) == (34.0, 0)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A function that computes 22 as a new process would, and tells the hits."""
    lay_package(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def compute():
        for name in [n for n in sys.modules if n.split(".")[0] == "copied"]:
            del sys.modules[name]
        outer = importlib.import_module("copied._outer")
        answer = outer.work(3.0)
        return answer, sum(outer.work.stats.cache_hits.values())

    yield compute
    for name in [n for n in sys.modules if n.split(".")[0] == "copied"]:
        del sys.modules[name]


def find_kept(folder, name="_outer"):
    files = (folder / "copied" / "__pycache__").glob(f"{name}.*.nb?")
    return sorted(files, key=lambda path: path.suffix)


def damage(content):
    """Return a file's content, damaged in every way that a disk knows."""
    flipped = bytearray(content)
    where = random.Random(5).randrange(40, len(content))
    flipped[where] ^= 0x10
    lengths = (0, 1, 31, 32, 33, len(content) // 2, len(content) - 1)
    return [
        *(content[:length] for length in lengths),
        bytes(flipped), bytes(len(content)), content + b"x", b"no such thing" * 9,
        content[:32] + random.Random(6).randbytes(len(content) - 32),
    ]  # fmt: skip


@pytest.mark.fault(
    event="A file of compiled code is empty, cut, overwritten or a folder",
    survives="every simulation, by compiling anew; the file is written anew",
)
def test_damaged_compiled_code_is_compiled_anew(work, tmp_path, caplog):
    assert work() == (22.0, 0)
    assert work() == (22.0, 1)
    kept = find_kept(tmp_path)
    assert [path.suffix for path in kept] == [".nbc", ".nbi"]
    for path in kept:
        good = path.read_bytes()
        for content in damage(good):
            path.write_bytes(content)
            assert work() == (22.0, 0)
            assert path.read_bytes()[32:] != content[32:]
        assert work() == (22.0, 1)
        path.unlink()
        assert work() == (22.0, 0)
        assert work() == (22.0, 1)
    assert caplog.records == []
    path.unlink()
    path.mkdir()
    assert work() == (22.0, 0)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "cannot be kept there" in caplog.text
    shutil.rmtree(path.parent)
    assert work() == (22.0, 0)
    assert work() == (22.0, 1)


@pytest.mark.fault(
    event="Compiled code was kept by another version, or under another's name",
    survives="every simulation, by compiling anew",
)
def test_compiled_code_of_another_version_is_not_used(work, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(numba, "__version__", "0.1")
        assert work() == (22.0, 0)
        assert work() == (22.0, 1)
    assert work() == (22.0, 0)
    assert work() == (22.0, 1)
    (code, _), (other, _) = find_kept(tmp_path), find_kept(tmp_path, "_inner")
    code.write_bytes(other.read_bytes())
    assert work() == (22.0, 0)


@pytest.mark.fault(
    event="The disk is full or fails while compiled code is kept",
    survives="every simulation; that nothing is kept is said once",
)
def test_a_full_disk_under_the_compiled_code(work, tmp_path, caplog):
    assert work() == (22.0, 0)
    folder = tmp_path / "copied" / "__pycache__"
    number, fired = 0, True
    while fired:
        number += 1
        for path in find_kept(tmp_path):
            path.unlink()
        caplog.clear()
        disk = FaultyDisk(folder, number, errno.ENOSPC)
        with disk.mounted(), caplog.at_level(logging.WARNING):
            assert work() == (22.0, 0)
        fired = disk.fired
        assert len(caplog.records) <= 1
        assert not list(folder.glob("*.tmp.*"))
    assert number > 4


@pytest.mark.slow
@pytest.mark.fault(
    event="Every file of the simulation's compiled code is damaged at once",
    survives="every number of the simulation",
)
def test_the_real_simulation_survives_damage_to_all_of_its_code(tmp_path):
    source = Path(_compile.__file__).parents[1]
    shutil.copytree(source, tmp_path / source.name)
    shutil.copytree(source.parent / "data", tmp_path / "data")
    code = (
        "import recovery_research as r; e = r.Experiment(world=r.load_world('evidence'),"
        " policies=r.choose_policies(['service']), population=r.load_population("
        "'webshop'), n_customers=500, weeks=52.0, seed=3); "
        "t = r.tabulate_customers(r.simulate(e)); print(t.sum(numeric_only=True).sum())"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def simulate():
        return subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment,
            capture_output=True, text=True, check=True,
        )  # fmt: skip

    first = simulate()
    kept = sorted((tmp_path / source.name / "model/__pycache__").glob("*.nb?"))
    assert len(kept) > 40
    for number, path in enumerate(kept):
        ways = damage(path.read_bytes())
        path.write_bytes(ways[number % len(ways)])
    second = simulate()
    assert second.stdout == first.stdout
    assert second.stderr == ""
    stamps = [path.stat().st_mtime_ns for path in kept if path.is_file()]
    assert simulate().stdout == first.stdout
    assert [path.stat().st_mtime_ns for path in kept if path.is_file()] == stamps
