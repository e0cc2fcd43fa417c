"""Planted faults are seen: each one of ``mutants.toml`` turns its tests red.

A check of the check: the text to be replaced must stand exactly once, the tests must
fail, not merely not run, and what failed must pass with nothing planted.
"""

import compileall
import contextlib
import functools
import os
import py_compile
import shutil
import tomllib
from pathlib import Path

import pytest
from planted_runs import WarmRunner

import recovery_research as rr

TESTS = Path(__file__).parent
PACKAGE = Path(rr.__file__).parent
MUTANTS = tomllib.loads((TESTS / "mutants.toml").read_text("utf-8"))["mutant"]
# Quick without compiling; whatever else is named runs compiled.
PLAIN = {"model/test_random.py", "model/test_customer_by_hand.py", "model/test_lifetimes_by_hand.py",
         "model/test_paradox_condition.py"}  # fmt: skip
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
        "model/_random.py", "model/_customer.py", "model/_lifetime_loop.py",
        "model/_accounts.py", "model/justice.py", "model/simulation.py",
        "model/tables.py", "model/forks.py",
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
    # By content: what is planted is seen, and what is not need not be compiled again.
    compileall.compile_dir(
        tree / PACKAGE.name, quiet=1,
        invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
    )  # fmt: skip
    return tree


@pytest.fixture(scope="module")
def run(copied):
    """Run test files of the copied tree: exit code, the tests red, what was said."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def runner(compiled):
            warm = WarmRunner(copied, compiled=compiled)
            return stack.enter_context(contextlib.closing(warm))

        yield lambda names, **tier: runner(not is_plain(names)).run(names, **tier)


def is_plain(names):
    return PLAIN.issuperset(name.partition("::")[0] for name in names)


@contextlib.contextmanager
def planted(path, text, instead):
    sound = path.read_text("utf-8")
    times = path.stat()
    path.write_text(sound.replace(text, instead), "utf-8")
    try:
        yield
    finally:
        path.write_text(sound, "utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.slow
def test_what_runs_is_the_copy(copied, run):
    # The package cannot even be imported there, whatever stands elsewhere.
    with planted(copied / PACKAGE.name / "__init__.py", '"""', "raise KeyError\n"):
        code, _, said = run(["model/test_random.py"])
    assert code not in (PASSED, FAILED)
    assert "KeyError" in said


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m["fault"])
def test_a_mutant_is_seen(copied, run, mutant):
    path = copied / PACKAGE.name / mutant["file"]
    with planted(path, mutant["text"], mutant["instead"]):
        code, red, said = run(mutant["tests"])
        if code == PASSED:  # what takes long may see what the quick ones do not
            code, red, said = run(mutant["tests"], tier="slow")
    assert code == FAILED, f"{mutant['fault']}: survived or did not run\n{said}"
    # It was the fault that turned it red, and not the copy.
    code, _, said = run(red, tier="slow or not slow")
    assert code == PASSED, f"{red} is red with nothing planted\n{said}"
