"""The same rules in plain NumPy, Mesa 3 and SimPy, beside the compiled loop."""

import importlib.util

import numpy as np

import recovery_research as rr
from recovery_research.model._accounts import WEEK

from .numpy_shop import run_shop
from .subjects import WEEKS, form_experiment, form_rules
from .tables import Finding, find, say
from .timing import ratios, time_in_turn

# Sums over thousands of orders, in another order and by another inverse normal.
TOLERANCE = 1e-9


def compare_customers(experiment) -> list[str]:
    """Return the columns in which NumPy and the compiled loop differ; best: none."""
    history = rr.simulate(experiment)
    record, weekly = run_shop(form_rules(experiment))
    differ = []
    for name, values in history.customers.items():
        whole = np.issubdtype(values.dtype, np.integer)
        tolerance = 0.0 if whole else TOLERANCE
        if not np.allclose(
            values[0], record[name], rtol=tolerance, atol=tolerance, equal_nan=True
        ):
            differ.append(name)
    for j, name in enumerate(WEEK):
        if not np.allclose(history.weekly[0, :, j], weekly[name], rtol=TOLERANCE):
            differ.append(f"weekly {name}")
    return differ


def measure_peers(*, small: bool) -> list[Finding]:
    """Measure the compiled loop against its peers, initialisation apart."""
    found = measure_numpy(small=small)
    for name in ("mesa", "simpy"):
        if importlib.util.find_spec(name) is None:
            say(f"SKIPPED: {name} is not installed; pip install '.[bench]' has it.")
            continue
        found += measure_framework(name, small=small)
    return found


def measure_numpy(*, small: bool) -> list[Finding]:
    """Measure plain NumPy on the same luck; it must come to the same customers."""
    n = 3_000 if small else 100_000
    experiment = form_experiment(n)
    rules = form_rules(experiment)
    differ = compare_customers(experiment)
    if differ:
        raise AssertionError(f"NumPy and the compiled loop differ in {differ}.")
    tasks = {
        "ours": lambda: rr.simulate(experiment, threads=1),
        "numpy": lambda: run_shop(rules),
    }
    timings = time_in_turn(tasks, 2 if small else 5)
    note = f"{n:,} customers, same luck, every customer the same; traits drawn outside"
    return report("NumPy", timings["ours"], timings["numpy"], n, note)


def measure_framework(name: str, *, small: bool) -> list[Finding]:
    """Measure an agent framework; it has its own luck and only totals to compare."""
    shop = importlib.import_module(f".{name}_shop", __package__)
    n = 200 if small else 5_000
    experiment, rounds = form_experiment(n), 2 if small else 3
    rules = form_rules(experiment)
    rr.simulate(experiment.but(n_customers=10))
    built = [shop.build(rules) for _ in range(rounds)]
    start = time_in_turn({"build": lambda: shop.build(rules)}, rounds)["build"]
    tasks = {
        "ours": lambda: rr.simulate(experiment, threads=1),
        name: lambda: shop.run(built.pop()),
    }
    timings = time_in_turn(tasks, rounds)
    title = {"mesa": "Mesa 3", "simpy": "SimPy"}[name]
    note = f"{n:,} customers, own luck; initialisation apart"
    found = report(title, timings["ours"], timings[name], n, note)
    return [*found, find("peers", f"{title}, initialisation", start.seconds, "s")]


def report(title: str, ours, theirs, n: int, note: str) -> list[Finding]:
    """Return a peer's speed and how many times as fast the compiled loop is."""
    speed = [n * WEEKS / 1e6 / s for s in theirs.seconds]
    return [
        find("peers", title, speed, "million customer-weeks/s", note=note),
        find(
            "peers", f"ours over {title}", ratios(theirs.seconds, ours.seconds),
            "times as fast", note="1 thread; ours includes drawing the traits",
        ),
    ]  # fmt: skip
