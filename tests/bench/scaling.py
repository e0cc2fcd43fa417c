"""Memory at the largest size asked for, and time and memory as customers grow."""

import json
import subprocess
import sys

import recovery_research as rr

from .subjects import WEEKS, form_experiment
from .tables import Finding, find
from .timing import time_in_turn

SEVEN = (
    "service", "silence", "over_deliver", "cost_center", "profit_center",
    "zero_defects", "g_own_it",
)  # fmt: skip
MOST_GIGABYTES = 3.0

# Run in a process of its own: the peak of resident memory never comes down again.
MEASURE = """
import json, resource, sys, time
import recovery_research as rr
n, keep, table, *policies = json.loads(sys.argv[1])
experiment = rr.Experiment(
    world=rr.load_world("evidence"), policies=rr.choose_policies(policies),
    population=rr.load_population("webshop"), n_customers=10, weeks={weeks},
)
rr.tabulate_customers(rr.simulate(experiment))
unit = 1024 if sys.platform != "darwin" else 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
clock = time.perf_counter()
history = rr.simulate(experiment.but(n_customers=n), keep=keep)
rows = len(rr.tabulate_customers(history)) if table else 0
print(json.dumps({{
    "seconds": time.perf_counter() - clock, "before": before, "rows": rows,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
}}))
"""


def run_apart(n: int, keep: str, *, table: bool, policies: tuple[str, ...]) -> dict:
    """Simulate in a fresh process; return its seconds and its peak of memory."""
    asked = json.dumps([n, keep, table, *policies])
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(weeks=WEEKS), asked],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    got = json.loads(done.stdout.splitlines()[-1])
    if table and got["rows"] != n * len(policies):
        raise AssertionError(f"the table has {got['rows']:,} rows, not {n:,} a policy.")
    return got


def measure_memory(*, small: bool) -> list[Finding]:
    """Measure the peak of 1,000,000 customers under 7 policies, with their table."""
    n = 5_000 if small else 1_000_000
    found = []
    for table, what in ((False, "records"), (True, "records and customer table")):
        got = run_apart(n, "customers", table=table, policies=SEVEN)
        found.append(
            find(
                "memory", f"{n:,} customers x 7 policies, {what}", [got["peak"] / 1e9],
                "GB at the peak", at_most=MOST_GIGABYTES,
                note=f"{got['before'] / 1e9:.2f} GB of it before anybody lived",
            )
        )  # fmt: skip
    return found


def measure_scaling(*, small: bool) -> list[Finding]:
    """Measure time and memory as customers grow tenfold, sums only."""
    sizes = (1_000, 10_000) if small else (10_000, 100_000, 1_000_000, 10_000_000)
    rr.simulate(form_experiment(10))
    found = []
    for n in sizes:
        experiment = form_experiment(n)
        rounds = 1 if n > 1_000_000 else 3
        timing = time_in_turn(
            {"": lambda e=experiment: rr.simulate(e, keep="sums")}, rounds
        )[""]
        each = [1e6 * s / n for s in timing.seconds]
        found.append(
            find("scaling", f"{n:,} customers, time", each, "microseconds each")
        )
        got = run_apart(n, "sums", table=False, policies=("service",))
        found.append(
            find(
                "scaling", f"{n:,} customers, memory", [got["peak"] / 1e6],
                "MB at the peak", note=f"{got['before'] / 1e6:.0f} MB before",
            )
        )  # fmt: skip
    return found
