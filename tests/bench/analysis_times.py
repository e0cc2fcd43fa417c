"""Every analysis on a million rows, beside an earlier state of this package.

No analysis may become slower than twice what it took; a commit that is not there, as
in a shallow clone, is said and nothing is compared.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .tables import Finding, find, say
from .timing import ratios

ROOT = Path(__file__).resolve().parents[2]
# The state that the figures are held against: the release before the estimators were
# mended.
RELEASE = "e0fae05"
MOST_TIMES, MOST_LEAVING = 2.0, 10.0

# Runs in both trees: only what both have may be named here. One size is rows of a
# table of customers, the other orders of a log.
SCRIPT = """
import json, sys, time
import numpy as np, pandas as pd
import recovery_research as rr
n, rounds = json.loads(sys.argv[1])
rng = np.random.default_rng(5)
group = rng.choice(["no_failure", "silent", "recovered", "not_recovered"], n,
                   p=[0.88, 0.05, 0.05, 0.02])
before = rng.lognormal(3.0, 1.0, n) * (rng.random(n) < 0.7)
customers = pd.DataFrame({
    "customer": np.arange(n),
    "index_outcome": pd.Categorical(group),
    "index_week": rng.uniform(0.0, 40.0, n).round(3),
    "spend": rng.lognormal(3.0, 1.0, n) * (rng.random(n) < 0.6),
    "before": before,
    "stayed": rng.random(n) < 0.8,
    "satisfaction": rng.integers(1, 8, n).astype(float),
    "satisfaction_before": rng.integers(1, 8, n).astype(float),
    "quality": np.where(group == "recovered", rng.normal(4.0, 1.0, n).round(2), np.nan),
    "tenure": rng.gamma(2.0, 20.0, n), "orders": rng.poisson(4.0, n).astype(float),
    "age": rng.normal(45.0, 12.0, n), "region": rng.choice(list("abcd"), n),
})
left = rng.exponential(120.0, n)
customers["left_week"] = np.where(left < 60.0, customers["index_week"] + left, np.nan)
covariates = ["before", "tenure", "orders", "age", "region"]
# A log of n orders of n / 8 customers, of whom some leave at their last one.
who = np.sort(rng.integers(0, n // 8, n))
log = pd.DataFrame({
    "customer": who, "week": rng.uniform(0.0, 100.0, n).round(3),
    "amount": rng.lognormal(3.0, 1.0, n).round(2),
    "outcome": rng.choice(["no_failure", "silent", "recovered", "not_recovered"], n,
                          p=[0.88, 0.05, 0.05, 0.02]),
}).sort_values(["customer", "week"], ignore_index=True)
last = log.groupby("customer")["week"].max()
leavers = pd.DataFrame({"customer": last.index, "left_week": np.where(
    rng.random(len(last)) < 0.3, last.to_numpy(), np.nan)})
index = rr.customers_from_orders(log, design="order-based", span=(0.0, 100.0))
tasks = {
    "paradox, amounts": lambda: rr.paradox(customers, outcome="spend"),
    "paradox, yes/no": lambda: rr.paradox(customers, outcome="stayed"),
    "paradox, ratings": lambda: rr.paradox(customers, outcome="satisfaction"),
    "paradox_ratio": lambda: rr.paradox_ratio(customers, outcome="spend"),
    "decompose_spending": lambda: rr.decompose_spending(customers, outcome="spend"),
    "tabulate_shares": lambda: rr.tabulate_shares(
        customers, outcome="stayed", control="no_failure"),
    "bound_worst_case": lambda: rr.bound_worst_case(
        customers.assign(spend=customers["spend"].where(customers["age"] > 25.0)),
        outcome="spend", lowest=0.0, highest=50_000.0),
    "adjust, aipw": lambda: rr.adjust(
        customers, outcome="spend", covariates=covariates),
    "adjust, regression": lambda: rr.adjust(
        customers, outcome="spend", covariates=covariates, method="regression"),
    "adjust, ipw": lambda: rr.adjust(
        customers, outcome="stayed", covariates=covariates, method="ipw"),
    "tabulate_balance": lambda: rr.tabulate_balance(
        customers, outcome="spend", covariates=covariates),
    "check_placebo": lambda: rr.check_placebo(
        customers, before="before", covariates=covariates[1:]),
    "probe_confounding": lambda: rr.probe_confounding(
        customers, outcome="spend", covariates=covariates),
    "compare_before_after": lambda: rr.compare_before_after(
        customers, before="before", after="spend"),
    "mediate": lambda: rr.mediate(
        customers, outcome="spend", mediator="satisfaction", covariates=covariates),
    "find_parity": lambda: rr.find_parity(
        customers, outcome="spend", quality="quality"),
    "compare_survival": lambda: rr.compare_survival(
        customers, end_week=60.0, horizon=20.0),
    "tabulate_survival": lambda: rr.tabulate_survival(customers, end_week=60.0),
    "customers_from_orders": lambda: rr.customers_from_orders(
        log, design="order-based", span=(0.0, 100.0)),
    "fit_index_event_study": lambda: rr.fit_index_event_study(log, index, end_week=100.0),
    "tabulate_panel and fit_event_study": lambda: rr.fit_event_study(
        rr.tabulate_panel(log, end_week=100.0, period_weeks=10.0), outcome="spend"),
    "tabulate_spells and fit_cox": lambda: rr.fit_cox(
        rr.tabulate_spells(log, leavers, end_week=100.0)),
}
taken = {}
for name, task in tasks.items():
    seconds = []
    for _ in range(rounds):
        clock = time.perf_counter()
        try:
            task()
        except Exception as error:
            seconds = f"{type(error).__name__}: {error}"
            break
        seconds.append(time.perf_counter() - clock)
    taken[name] = seconds if isinstance(seconds, str) else min(seconds)
print(json.dumps(taken))
"""


def measure_analyses(*, small: bool) -> list[Finding]:
    """Measure every analysis on a million rows beside the release before."""
    n, rounds, turns = (4_000, 1, 1) if small else (1_000_000, 2, 3)
    with tempfile.TemporaryDirectory() as folder:
        trees = {"now": ROOT}
        if unpack(RELEASE, Path(folder)):
            trees["before"] = Path(folder)
        else:
            say(f"commit {RELEASE} is not here: nothing to compare the analyses with")
        taken: dict[str, list[dict]] = {name: [] for name in trees}
        for _ in range(turns):
            for name, tree in trees.items():
                taken[name].append(run_in(tree, n, rounds))
    findings = []
    for task in taken["now"][0]:
        now, before = (
            [run[task] for run in taken.get(k, [])] for k in ("now", "before")
        )
        if any(isinstance(seconds, str) for seconds in now):
            raise RuntimeError(f"{task} did not run: {now[0]}")
        most = MOST_LEAVING if "fit_cox" in task and not small else None
        findings.append(find("analyses", f"{task}, {n:,} rows", now, "s", at_most=most))
        if before and not isinstance(before[0], str):
            times = ratios(tuple(now), tuple(before))
            findings.append(
                find("analyses", f"{task}, against {RELEASE}", times, "x",
                     at_most=None if small else MOST_TIMES)
            )  # fmt: skip
        elif before:
            say(f"{task} did not run at {RELEASE}: {before[0]}")
    return findings


def unpack(commit: str, folder: Path) -> bool:
    """Write the package as it was at a commit into a folder, if the commit is there."""
    packed = subprocess.run(
        ["git", "archive", commit, "recovery_research", "data", "notebooks"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if packed.returncode:
        return False
    subprocess.run(["tar", "-x"], cwd=folder, input=packed.stdout, check=True)
    return True


def run_in(tree: Path, n: int, rounds: int) -> dict[str, float | str]:
    """Run the tasks with one tree's package; return the seconds each took."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([n, rounds])],
        capture_output=True, text=True, check=True, cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])
