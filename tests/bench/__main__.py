"""Run the benchmark: ``python -m tests.bench [SECTION ...] [--small]``."""

import argparse
import sys
from pathlib import Path

from .analysis_times import measure_analyses
from .common_luck import measure_luck
from .customer_times import (
    measure_bootstrap,
    measure_file_report,
    measure_order_logs,
    measure_studies,
)
from .history_times import measure_commands, measure_history
from .peers import measure_peers
from .report_times import measure_reports
from .runner_times import measure_overhead, measure_plan, measure_watch
from .scaling import measure_memory, measure_scaling
from .speed import measure_parts, measure_speed, measure_steps
from .start_up import measure_cache, measure_start
from .tables import save, say, write_markdown

SECTIONS = {
    "speed": (measure_speed, measure_steps),
    "loop": (measure_parts,),
    "peers": (measure_peers,),
    "memory": (measure_memory, measure_scaling),
    "start-up": (measure_start, measure_cache),
    "luck": (measure_luck,),
    "reports": (measure_reports,),
    "runner": (measure_overhead, measure_plan),
    "watch": (measure_watch,),
    "history": (measure_commands, measure_history),
    "customers": (
        measure_bootstrap,
        measure_studies,
        measure_order_logs,
        measure_file_report,
    ),
    "analyses": (measure_analyses,),
}
REPORTS = Path(__file__).resolve().parents[2] / "reports" / "bench"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION",
                        help=f"any of {', '.join(SECTIONS)}; by default all")  # fmt: skip
    parser.add_argument(
        "--small", action="store_true", help="a quick check of the code"
    )
    parser.add_argument("--reports", type=Path, default=REPORTS)
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    return asked


def main(arguments: list[str] | None = None) -> int:
    """Run the sections asked for; print their table, and save it."""
    asked = parse(arguments)
    findings = []
    for name in asked.sections or SECTIONS:
        say(f"{name} ...")
        for measure in SECTIONS[name]:
            findings += measure(small=asked.small)
    sys.stdout.write(write_markdown(findings))
    part = "-".join(asked.sections) or "all"
    for path in save(findings, asked.reports, f"{part}-small" if asked.small else part):
        say(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
