"""What CI does with tests that fail now and pass then."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLAKY = """
from pathlib import Path
import pytest

@pytest.mark.slow
@pytest.mark.parametrize("name", ["a", "b c"])
def test_now_and_then(name):
    begun = Path(f"begun {name}")
    was = begun.exists()
    begun.touch()
    assert was

@pytest.mark.slow
def test_sound():
    pass

@pytest.mark.slow
def test_wanting():
    assert not Path("broken").exists()
"""


@pytest.fixture
def checkout(tmp_path):
    """A small project with CI's script, whose tests fail as they are told."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "test_some.py").write_text(FLAKY)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    (tmp_path / "Makefile").write_text(
        "test-long:\n\t.venv/bin/python -m pytest -q -m slow\n"
    )
    return tmp_path


def run_long(folder):
    done = subprocess.run(
        ["bash", ".ci/test-long"], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTEST_XDIST_WORKER": ""},
    )  # fmt: skip
    flaky = [line for line in done.stdout.splitlines() if line.startswith("FLAKY")]
    return done.returncode, flaky


BOTH = [f"FLAKY: test_some.py::test_now_and_then[{name}]" for name in ("a", "b c")]


def test_what_fails_first_and_passes_then_is_named(checkout):
    assert run_long(checkout) == (0, BOTH)
    assert run_long(checkout) == (0, [])


def test_what_fails_again_fails_the_build_and_is_not_called_flaky(checkout):
    (checkout / "broken").touch()
    assert run_long(checkout) == (1, BOTH)


def test_what_did_not_come_to_a_test_is_no_pass(checkout):
    (checkout / "Makefile").write_text("test-long:\n\tfalse\n")
    code, flaky = run_long(checkout)
    assert (code != 0, flaky) == (True, [])
