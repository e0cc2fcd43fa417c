"""How long the main report takes, everything included."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .tables import Finding, find, say

NOTEBOOK = "02-compare-policies"
MOST_SECONDS = {"quick": 20.0, "standard": 60.0}
ROOT = Path(__file__).resolve().parents[2]
RUN = "from recovery_research.cli import run; run()"


def measure_reports(*, small: bool) -> list[Finding]:
    """Measure the main report under its profiles; skipped loudly where missing."""
    lacking = [
        path
        for path in (
            ROOT / "recovery_research" / "command_line.py",
            ROOT / "notebooks" / f"{NOTEBOOK}.ipynb",
        )
        if not path.is_file()
    ]
    if lacking:
        say(f"SKIPPED reports: there is no {lacking[0].name}.")
        return []
    profiles = ("quick",) if small else tuple(MOST_SECONDS)
    return [measure_report(profile, rounds=1 if small else 2) for profile in profiles]


def measure_report(profile: str, *, rounds: int) -> Finding:
    """Run the report into a folder of its own, by the command line."""
    seconds = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", RUN, "run", NOTEBOOK]
            command += ["--profile", profile, "--reports", folder]
            clock = time.perf_counter()
            subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
            seconds.append(time.perf_counter() - clock)
    return find(
        "reports", f"{NOTEBOOK}, {profile}", seconds, "s",
        at_most=MOST_SECONDS[profile], note="wall clock; all included",
    )  # fmt: skip
