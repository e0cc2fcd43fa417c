"""Somebody's own file: a million customers, ten million orders, many studies."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import recovery_research as rr
from recovery_research.analysis.bootstrap import bootstrap_difference

from .made_files import ORDERS_MAPPING, write_customers, write_orders
from .tables import Finding, find
from .timing import ratios, time_in_turn

ROOT = Path(__file__).resolve().parents[2]
RUN = "from recovery_research.cli import run; run()"
# Each in a process of its own: the peak of resident memory never comes down again.
READ = """
import json, resource, sys, time
from recovery_research.customer_data.reading import read_customers
path, mapping = json.loads(sys.argv[1])
clock = time.perf_counter()
n = len(read_customers(path, mapping=mapping).customers)
unit = 1024 if sys.platform != "darwin" else 1
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"seconds": time.perf_counter() - clock, "peak": peak, "n": n}))
"""
PLAIN = """
import json, resource, sys, time
import numpy as np, pandas as pd
path, _ = json.loads(sys.argv[1])
clock = time.perf_counter()
read = pd.read_parquet if path.endswith("parquet") else pd.read_csv
log = read(path)
log["placed"] = pd.to_datetime(log["placed"])
log["week"] = (log["placed"] - log["placed"].min()) / pd.Timedelta(weeks=1)
log = log.sort_values(["customer", "week"])
last = log["week"].max() - 13
names = log["customer"].unique()
day = pd.Series(np.random.default_rng(0).random(len(names)) * last, index=names)
index = log[log["week"] >= log["customer"].map(day)].drop_duplicates("customer")
log = log.merge(index[["customer", "week"]], on="customer", suffixes=("", "_index"))
since = log["week"] - log["week_index"]
after = log[(since > 0) & (since <= 13)].groupby("customer")["amount"].sum()
before = log[since < 0].groupby("customer")["amount"].agg(["size", "sum"])
table = index.set_index("customer").assign(after=after, before=before["sum"])
unit = 1024 if sys.platform != "darwin" else 1
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"seconds": time.perf_counter() - clock, "peak": peak,
                  "n": len(table)}))
"""
MOST_REPORT, MOST_ORDERS, MOST_STUDIES, MOST_GIGABYTES = 60.0, 30.0, 60.0, 4.0


def run_apart(script: str, *asked: object) -> dict:
    """Run a script in a fresh process and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(asked)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def measure_file_report(*, small: bool) -> list[Finding]:
    """Measure the report on a customer table beside the plainest pandas and scipy."""
    n = 5_000 if small else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path, mapping = write_customers(Path(folder), n)
        command = [sys.executable, "-c", RUN, "run", "10-your-customers"]
        command += ["-p", f"source={path}", "-p", f"mapping={mapping}"]
        # The second time it would be told that nothing has changed.
        command += ["--force", "--reports", folder]
        tasks = {
            "report": lambda: subprocess.run(
                command, check=True, cwd=ROOT, capture_output=True
            ),
            "plain": lambda: compare_plainly(path),
        }
        timings = time_in_turn(tasks, 1 if small else 2)
    whole, plain = timings["report"].seconds, timings["plain"].seconds
    return [
        find("customers", f"10-your-customers, {n:,} customers", whole, "s",
             at_most=None if small else MOST_REPORT, note="wall clock; all included"),
        find("customers", "the same against pandas and scipy", ratios(whole, plain), "x",
             note="those read the file and make one t-test an outcome"),
    ]  # fmt: skip


def compare_plainly(path: Path) -> list[float]:
    """Read a customer table with pandas; compare each outcome by a t-test of scipy."""
    table = pd.read_csv(path)
    recovered = table["resolved"] == "yes"
    never = table["problem"] == "no"
    table["stayed"] = (table["stayed"] == "yes").astype(float)
    return [
        stats.ttest_ind(table[name][recovered], table[name][never], equal_var=False)
        for name in ("spend", "stayed", "satisfaction")
    ]


def measure_order_logs(*, small: bool) -> list[Finding]:
    """Measure an order log becoming customers, beside plain pandas, and the memory."""
    n = 20_000 if small else 10_000_000
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        for path in write_orders(Path(folder), n):
            kind = path.suffix[1:]
            runs = [
                [run_apart(s, str(path), ORDERS_MAPPING) for s in (READ, PLAIN)]
                for _ in range(1 if small else 2)
            ]
            ours, plain = zip(*runs, strict=True)
            findings += [
                find("customers", f"{n:,} orders ({kind}) to customers",
                     [each["seconds"] for each in ours], "s",
                     at_most=None if small else MOST_ORDERS),
                find("customers", f"the same against pandas ({kind})",
                     ratios(tuple(e["seconds"] for e in ours),
                            tuple(e["seconds"] for e in plain)), "x",
                     note="which checks nothing and counts less"),
                find("customers", f"peak memory of it ({kind})",
                     [each["peak"] / 1e9 for each in ours], "GB",
                     at_most=None if small else MOST_GIGABYTES),
                find("customers", f"peak memory of pandas ({kind})",
                     [each["peak"] / 1e9 for each in plain], "GB"),
            ]  # fmt: skip
    return findings


def measure_bootstrap(*, small: bool) -> list[Finding]:
    """Measure BCa limits beside scipy's, which draws and jack-knifes."""
    n, few = (20_000, 200) if small else (1_000_000, 2_000)
    rng = np.random.default_rng(4)
    spend = rng.lognormal(3.0, 1.0, n) * (rng.random(n) < 0.6)
    whole = spend[: n // 10], spend[n // 10 :]
    part = spend[: few // 10], spend[few // 10 : few]
    tasks = {
        "whole": lambda: bootstrap_difference(*whole).limits(0.95),
        "part": lambda: bootstrap_difference(*part).limits(0.95),
        "scipy": lambda: stats.bootstrap(
            part, lambda a, b, axis: a.mean(axis) - b.mean(axis),
            n_resamples=9_999, method="BCa", rng=np.random.default_rng(5), batch=500,
        ),
    }  # fmt: skip
    timings = time_in_turn(tasks, 1 if small else 3)
    return [
        find("customers", f"BCa limits of {n:,} rows", timings["whole"].seconds, "s"),
        find("customers", f"scipy's BCa of {few:,} rows, 9,999 draws, against ours",
             ratios(timings["scipy"].seconds, timings["part"].seconds), "x"),
    ]  # fmt: skip


def measure_studies(*, small: bool) -> list[Finding]:
    """Measure 2,000 surveys of 1,000 customers, beside as many t-tests of scipy."""
    n_studies = 20 if small else 2_000
    findings = []
    for sampled, estimator in (("order_based", "naive"), ("customer_based", "aipw")):
        study = rr.Study(
            sampled=sampled, world=rr.load_world("evidence"),
            policies=rr.choose_policies(["service"]),
            population=rr.load_population("webshop"), n_customers=1_000,
        )  # fmt: skip
        clock = time.perf_counter()
        rr.diagnose(
            study, estimator, n_replications=n_studies, truth_customers=16_000, seed=3
        )
        taken = time.perf_counter() - clock
        sample = rr.draw_sample(study, seed=3)
        group = sample["index_outcome"].to_numpy(dtype=object)
        spend = sample["followup_spend"].to_numpy()
        clock = time.perf_counter()
        for _ in range(n_studies):
            stats.ttest_ind(
                spend[group == "recovered"], spend[group == "no_failure"],
                equal_var=False,
            )  # fmt: skip
        plain = time.perf_counter() - clock
        name = f"{n_studies:,} surveys of 1,000, {sampled}, {estimator}"
        findings += [
            find("customers", name, [taken], "s",
                 at_most=None if small else MOST_STUDIES),
            find("customers", "the same against scipy's t-tests alone",
                 [taken / plain], "x", note="which simulate nobody and know no truth"),
        ]  # fmt: skip
    return findings
