"""The table of faults: what may happen, what survives it, and the test that says so.

``python -m tests.support.fault_table`` prints it, ``--write`` puts it into
reports/README.md, and ``--run`` runs every test in it.
"""

import argparse
import ast
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1]
README = TESTS.parent / "reports" / "README.md"
BEGIN, END = "<!-- faults: written by `make faults WRITE=1` -->\n", "<!-- end -->\n"


class Fault(NamedTuple):
    """An event, and the test that something survives it."""

    event: str
    survives: str
    test: str


def list_faults(tests=TESTS):
    """List the faults that are marked on tests, by file and in the order there."""
    return [
        fault
        for path in sorted(tests.rglob("test_*.py"))
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
        for fault in read_marks(node, path.relative_to(tests).as_posix())
    ]


def read_marks(function, file):
    """Read the marks of one test; each has both words, and they are plain texts."""
    for mark in function.decorator_list:
        if not ast.unparse(mark).startswith("pytest.mark.fault"):
            continue
        name = f"{file}::{function.name}"
        words = {
            k.arg: ast.literal_eval(k.value) for k in getattr(mark, "keywords", [])
        }
        if set(words) != {"event", "survives"} or not function.name.startswith("test_"):
            raise ValueError(f"{name}: a fault is marked with event= and survives=")
        yield Fault(words["event"], words["survives"], name)


def write_table(faults):
    """Write the table as Markdown."""
    lines = ["| What happens | What survives | Test |", "|---|---|---|"]
    for fault in faults:
        event, survives = (text.replace("|", "\\|") for text in fault[:2])
        lines.append(f"| {event} | {survives} | `{fault.test}` |")
    return "\n".join(lines) + "\n"


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--write", action="store_true", help="into reports/README.md")
    asked.add_argument("--run", action="store_true", help="run every test in it")
    options = asked.parse_args()
    table = write_table(list_faults())
    sys.stdout.write(table)
    sys.stdout.flush()
    if options.write:
        before, _, rest = README.read_text("utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        README.write_text(f"{before}{BEGIN}{table}{END}{after}", "utf-8")
    if options.run:
        pytest = [sys.executable, "-m", "pytest", "-m", "fault"]
        sys.exit(subprocess.run(pytest, cwd=TESTS.parent, check=False).returncode)


if __name__ == "__main__":
    main()
