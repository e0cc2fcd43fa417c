"""Coverage and false alarms counted in full, and what was found written down.

``python -m tests.support.certify`` runs what is marked ``certify`` and then the placebo
gate, and writes both into the guide's page, with the date and the commit.
"""

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "recovery_research" / "guide" / "pages" / "certified.md"
HEAD = """# Certified

How often intervals cover and tests are wrong, counted by `make certify` at commit
`{commit}` on {date}, in {minutes:.0f} minutes. A test's own text says what is drawn and
what is allowed.

| What is counted | Found | Held |
|---|---|---|
"""


class Findings:
    """A plugin that notes what the tests found, and whether it is what was promised."""

    def __init__(self):
        self.rows = []

    def pytest_runtest_logreport(self, report):
        if report.when != "call":
            return
        found = "; ".join(f"{what}: {write(x)}" for what, x in report.user_properties)
        self.rows.append((report.nodeid.removeprefix("tests/"), found, report.passed))


def write(value):
    """Write a share, or several, in percent."""
    return ", ".join(f"{100 * share:.1f} %" for share in np.atleast_1d(value))


def write_page(rows, commit, seconds):
    """Write the page from the rows of `Findings`."""
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    lines = [
        f"| `{name}` | {found} | {'yes' if passed else '**no**'} |"
        for name, found, passed in sorted(rows)
    ]
    head = HEAD.format(commit=commit, date=date, minutes=seconds / 60)
    return head + "\n".join(lines) + "\n"


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--logs", type=int, default=500, help="of the placebo gate")
    asked.add_argument("--only", default="", help="names of tests, as pytest -k has it")
    options = asked.parse_args()
    begun, findings = time.monotonic(), Findings()
    chosen = ["-k", options.only] if options.only else []
    code = pytest.main(["-q", "-n", "auto", "-m", "certify", *chosen], [findings])
    state = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(state, cwd=ROOT, capture_output=True, text=True, check=True)
    if findings.rows and not options.only:
        page = write_page(
            findings.rows, commit.stdout.strip(), time.monotonic() - begun
        )
        PAGE.write_text(page, "utf-8")
    if code or options.only:
        return code
    gate = [sys.executable, "-m", "tests.placebo", "--logs", str(options.logs)]
    return subprocess.run(gate, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
