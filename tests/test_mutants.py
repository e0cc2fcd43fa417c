"""Planted faults are seen: each one of ``mutants.toml`` turns its tests red.

A check of the check: the text to be replaced must stand exactly once, the tests must
pass before the fault is planted, and must fail, not merely not run, after.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import recovery_research as rr

TESTS = Path(__file__).parent
PACKAGE = Path(rr.__file__).parent
MUTANTS = tomllib.loads((TESTS / "mutants.toml").read_text("utf-8"))["mutant"]
# Quick without compiling; whatever else is named runs compiled.
PLAIN = {"test_luck.py", "test_mind_by_hand.py", "test_kernel_by_hand.py",
         "test_paradox_condition.py"}  # fmt: skip
PASSED, FAILED = 0, 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m["fault"])
def test_a_mutant_can_be_planted(mutant):
    source = (PACKAGE / mutant["file"]).read_text("utf-8")
    assert source.count(mutant["text"]) == 1
    assert mutant["text"] != mutant["instead"]
    assert mutant["tests"]
    assert all((TESTS / name).is_file() for name in mutant["tests"])


def test_enough_mutants_in_every_part_that_matters():
    assert len(MUTANTS) >= 20
    assert len({mutant["fault"] for mutant in MUTANTS}) == len(MUTANTS)
    assert {mutant["file"] for mutant in MUTANTS} >= {
        "_luck.py", "_mind.py", "_kernel.py", "_books.py", "justice.py",
        "simulation.py", "outcomes.py", "departures.py", "forks.py",
    }  # fmt: skip


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A tree of its own, so that nothing planted can ever reach the real one."""
    tree = tmp_path_factory.mktemp("planted")
    unwanted = shutil.ignore_patterns("__pycache__", "_installed", "bench")
    for folder in (PACKAGE, TESTS):
        shutil.copytree(folder, tree / folder.name, ignore=unwanted)
    for folder in ("data", "notebooks"):
        shutil.copytree(PACKAGE.parent / folder, tree / folder)
    shutil.copy(PACKAGE.parent / "pyproject.toml", tree)
    return tree


def run(tree, names):
    """Run some test files of the tree; return pytest's exit code and what it said."""
    environment = os.environ | {
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",  # an edit within a second is seen
        "NUMBA_DISABLE_JIT": "1" if PLAIN.issuperset(names) else "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow",
         "-p", "no:cacheprovider", *(f"tests/{name}" for name in names)],
        cwd=tree, env=environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_nothing_planted_nothing_red(copied):
    named = sorted({name for mutant in MUTANTS for name in mutant["tests"]})
    for names in (sorted(PLAIN & set(named)), sorted(set(named) - PLAIN)):
        code, said = run(copied, names)
        assert code == PASSED, said
    where = subprocess.run(
        [sys.executable, "-c", "import recovery_research as r; print(r.__file__)"],
        cwd=copied, env=os.environ | {"PYTHONPATH": str(copied)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(copied)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m["fault"])
def test_a_mutant_is_seen(copied, mutant):
    path = copied / PACKAGE.name / mutant["file"]
    sound = path.read_text("utf-8")
    times = path.stat()
    path.write_text(sound.replace(mutant["text"], mutant["instead"]), "utf-8")
    try:
        code, said = run(copied, mutant["tests"])
    finally:
        path.write_text(sound, "utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert code == FAILED, f"{mutant['fault']}: survived or did not run\n{said}"
