"""Runs tests of a copied tree in forks of one warm process.

A planted fault is seen within a second or two, and importing what the tests need takes
longer than that: it is done once, here, and everything of the tree itself is imported
anew by every fork.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

# What no planted fault can touch; not all of it is needed by every test.
WARM = ("numpy", "pandas", "scipy.stats", "scipy.optimize", "statsmodels.api", "numba",
        "seaborn", "hypothesis.extra.numpy", "pydantic", "click", "papermill", "nbclient",
        "nbconvert")  # fmt: skip
# Asserts of a plugin that is warm are not written anew, and pytest warns of it.
LATE = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
PATIENCE = 900  # seconds for one run


class WarmRunner:
    """A process that runs test files or single tests of a tree, one run at a time."""

    def __init__(self, tree, *, compiled):
        self.process = subprocess.Popen(
            [sys.executable, "tests/support/planted_runs.py"], cwd=tree, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | {
                "PYTHONPATH": str(tree),
                "PYTHONDONTWRITEBYTECODE": "1",  # an edit within a second is seen
                "NUMBA_DISABLE_JIT": "0" if compiled else "1",
                "OMP_NUM_THREADS": "1",
            },
        )  # fmt: skip

    def run(self, names, tier="not slow"):
        """Run until the first failure; return exit code, the tests red, what was said."""
        asked = ["-m", tier, *(f"tests/{name}" for name in names)]
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["code"], answer["red"], answer["said"]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(PATIENCE)


class _Red:
    """A plugin that notes which tests fail."""

    def __init__(self):
        self.names = []

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.names.append(report.nodeid.removeprefix("tests/"))


def _run_here(asked, answer):
    """In the fork: run the tests, leave the answer in a file, and end."""
    os.setpgid(0, 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        red = _Red()
        code = pytest.main(
            ["-x", "-q", "-p", "no:cacheprovider", *LATE, *asked],
            [red],
        )
        sys.stdout.flush()
        said.seek(0)
        words = said.read().decode(errors="replace")
    _answer(answer, int(code), red.names, words)


def _answer(path, code, red, said):
    path.write_text(json.dumps({"code": code, "red": red, "said": said}), "utf-8")


def _run_in_fork(asked, answer):
    child = os.fork()
    if not child:
        try:
            _run_here(asked, answer)
        except BaseException:
            _answer(answer, -1, [], traceback.format_exc())
        finally:
            os._exit(0)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.alarm(PATIENCE)
    os.waitpid(child, 0)
    signal.alarm(0)
    with contextlib.suppress(ProcessLookupError):  # what the tests have left running
        os.killpg(child, signal.SIGKILL)


def _serve():
    for name in WARM:
        importlib.import_module(name)
    # A print of the tests must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        for line in sys.stdin:
            _answer(answer, -1, [], "the run did not end")
            _run_in_fork(json.loads(line), answer)
            answers.write(answer.read_text("utf-8") + "\n")
            answers.flush()


if __name__ == "__main__":
    _serve()
