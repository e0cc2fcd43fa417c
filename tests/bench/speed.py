"""How fast customers live, against drawing their luck alone; and where time goes."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np

import recovery_research as rr
from recovery_research.model import (
    _accounts,
    _customer,
    _lifetime_loop,
    _random,
    simulation,
)
from recovery_research.model._accounts import add_by_group
from recovery_research.model.populations import TRAIT_BLOCK

from .stubs import build_stub
from .subjects import WEEKS, form_experiment, form_rules
from .tables import Finding, find
from .timing import ratios, time_in_turn

TARGET = 50.0  # million customer-weeks a second
TARGET_RATIO = 4.0  # times the draws alone


@numba.njit(nogil=True, error_model="numpy")
def draw_alone(source, first, n_basics, n_events, n_answers):
    """Draw what the loop draws, and add it up so that nothing can be left out."""
    total = 0.0
    for i in range(n_basics.size):
        for k in range(n_basics[i]):
            four = _random.draw_group(source, first + i, k, _random.EVERY_ORDER)
            total += four[0] + four[1] + four[2] + four[3]
            if k < n_events[i]:
                four = _random.draw_group(source, first + i, k, _random.EVENTS)
                total += four[0] + four[1] + four[2] + four[3]
            if k < n_answers[i]:
                four = _random.draw_group(source, first + i, k, _random.ANSWERS)
                total += four[0] + four[1] + four[2] + four[3]
    return total


def count_draws(history) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how often each customer's loop drew each of the three groups."""
    columns = {name: values[0] for name, values in history.customers.items()}
    orders = columns["n_orders"].astype(np.int64)
    stayed = np.isnan(columns["left_week"])
    index_fine = columns["index_outcome"] == _accounts.NO_FAILURE
    return orders + stayed, orders, columns["n_failures"] + index_fine


def draw_in_threads(seed, draws, threads: int) -> float:
    """Draw for all customers, a block a task."""
    source, size = _random.source_of(seed), TRAIT_BLOCK * simulation.CHUNKS_PER_BLOCK
    starts = range(0, draws[0].size, size)
    with ThreadPoolExecutor(threads) as pool:
        parts = [[n[k : k + size] for n in draws] for k in starts]
        jobs = [
            pool.submit(draw_alone, source, k, *p)
            for k, p in zip(starts, parts, strict=True)
        ]
        return sum(job.result() for job in jobs)


def measure_speed(*, small: bool) -> list[Finding]:
    """Measure customer-weeks a second and the ratio to the draws alone."""
    n = 20_000 if small else 1_000_000
    rounds = 2 if small else 5
    experiment = form_experiment(n)
    rr.simulate(experiment.but(n_customers=10))
    draws = count_draws(rr.simulate(experiment))
    draw_in_threads(0, [d[:10] for d in draws], 1)
    tasks = {}
    for threads in (1, 2):
        tasks[f"live {threads}"] = lambda t=threads: rr.simulate(experiment, threads=t)
        tasks[f"draw {threads}"] = lambda t=threads: draw_in_threads(0, draws, t)
    timings = time_in_turn(tasks, rounds)
    return report_speed(timings, n * WEEKS / 1e6)


def report_speed(timings, millions: float) -> list[Finding]:
    """Turn timings into findings, per million customer-weeks."""
    live, draw = timings["live 1"], timings["draw 1"]
    unit = "million customer-weeks/s"
    return [
        find("speed", "1 thread", [millions / s for s in live.seconds], unit),
        find(
            "speed", "2 threads", [millions / s for s in timings["live 2"].seconds],
            unit, at_least=TARGET, note="wall clock; the processors may be shared",
        ),
        find(
            "speed", "a processor", [millions / s for s in live.cpu_seconds], unit,
            note="by processor time of the 1-thread runs: a processor not shared",
        ),
        find(
            "speed", "1 thread over the draws alone", ratios(live.seconds, draw.seconds),
            "ratio", at_most=TARGET_RATIO, note="the breakdown says where the rest goes",
        ),
        find(
            "speed", "gain of a second thread",
            ratios(live.seconds, timings["live 2"].seconds), "ratio",
        ),
        find(
            "speed", "gain of a second thread, draws alone",
            ratios(draw.seconds, timings["draw 2"].seconds), "ratio",
            note="what this machine gives to a loop without memory or locks",
        ),
    ]  # fmt: skip


# A part of the loop, and what takes its place. Some stand-ins change how many orders
# there are, so that costs are compared by the order.
PARTS = {
    "failures": {("_lifetime_loop", "decide_failure"): "uniform < 0.0"},
    "loyalty's tangent": {("_customer", "loyalty_of"): "trust"},
    "trust": {("_customer", "trust_of"): "0.01 * state[B_FAILURE]"},
    "wait for the next order": {("_customer", "wait_for_order"): "patience / rate"},
    "normal score of the amount": {("_random", "to_normal"): "uniform"},
    "mentions": {("_lifetime_loop", "mention"): "0.0"},
    "dropout": {("_lifetime_loop", "drops_out"): "uniform < 0.02"},
    "booking failures and mentions": {
        ("_accounts", "book_failure"): "None",
        ("_accounts", "book_mention"): "None",
    },
    "surveys at the index order": {("_accounts", "rate_satisfaction"): "0.0"},
    "clearing the record": {("_accounts", "close_books"): "None"},
}


def make_task(kernel, mind, luck, experiment, rules):
    """Return a task that lets one chunk live by a stubbed kernel."""
    run = kernel.Run(
        source=luck.Source(*_random.source_of(rules.seed)), weeks=rules.weeks,
        amount_sd=rules.amount_sd, index_order=0, followup_weeks=13.0, replay=0,
        order_limit=simulation.ORDER_LIMIT,
    )  # fmt: skip
    c, traits = mind.Coefficients(*rules.c), rules.traits
    records = np.empty((len(traits), len(_accounts.RECORD)))
    weekly = np.zeros((int(np.ceil(rules.weeks)), len(_accounts.WEEK)))
    starts = np.zeros(len(traits) + 1, dtype=np.int64)

    def task() -> float:
        kernel.live(
            0, traits, run, c, rules.reply, experiment.list_forks(), records, weekly,
            simulation.NO_LOG, starts,
        )  # fmt: skip
        return records[:, _accounts.N_ORDERS].sum()

    return task


def measure_parts(*, small: bool) -> list[Finding]:
    """Measure what each part of the loop costs, by taking it out."""
    import importlib

    experiment = form_experiment(TRAIT_BLOCK)
    rules = form_rules(experiment)
    parts = dict(list(PARTS.items())[:1]) if small else PARTS
    tasks = {"": make_task(_lifetime_loop, _customer, _random, experiment, rules)}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, replacements) in enumerate(parts.items()):
            kernel = build_stub(f"{number}", replacements, Path(folder))
            package = kernel.__name__.rpartition(".")[0]
            mind, luck = (
                importlib.import_module(f"{package}.{m}")
                for m in ("_customer", "_random")
            )
            tasks[name] = make_task(kernel, mind, luck, experiment, rules)
        orders = {name: task() for name, task in tasks.items()}
    timings = time_in_turn(tasks, 3 if small else 40)
    whole = timings[""].cpu_seconds
    found = [
        find("loop", "whole", [1e9 * s / orders[""] for s in whole], "ns an order")
    ]
    for name in parts:
        each = [
            1e9 * (a / orders[""] - b / orders[name])
            for a, b in zip(whole, timings[name].cpu_seconds, strict=True)
        ]
        found.append(find("loop", name, each, "ns an order", note="saved without it"))
    return found


def measure_steps(*, small: bool) -> list[Finding]:
    """Measure the steps of one chunk: traits, loop, measures, sums, storing."""
    experiment = form_experiment(TRAIT_BLOCK)
    columns = simulation.allot_columns(experiment)
    replies = [form_rules(experiment).reply]
    taken = {
        name: [] for name in ("traits", "loop", "measures", "sums", "storing", "draws")
    }
    draws = count_draws(rr.simulate(experiment))
    for _ in range(3 if small else 40):
        for name, seconds in time_steps(experiment, replies, columns, draws):
            taken[name].append(seconds)
    draw = taken["draws"]
    return [
        find("chunk", name, ratios(seconds, draw), "times its draws")
        for name, seconds in taken.items()
        if name != "draws"
    ]


def time_steps(experiment, replies, columns, draws):
    """Yield each step's name and its seconds."""
    records = np.empty((1, TRAIT_BLOCK, len(_accounts.RECORD)))
    weekly = np.zeros((int(WEEKS), len(_accounts.WEEK)))
    sums = np.zeros((simulation.N_GROUPS, len(simulation.MEASURES), 3))
    clock = time.thread_time()
    traits = simulation.traits_of_chunk(experiment, 0)
    clock = yield from lap("traits", clock)
    simulation.live_policy(
        experiment, replies[0], 0, traits, records[0], weekly, policy=0
    )
    clock = yield from lap("loop", clock)
    measures = simulation.measure(records[0], WEEKS)
    clock = yield from lap("measures", clock)
    groups = records[0][:, _accounts.INDEX_OUTCOME].astype(np.int64)
    add_by_group(measures, groups, sums)
    clock = yield from lap("sums", clock)
    simulation.store_chunk(columns, 0, records)
    clock = yield from lap("storing", clock)
    draw_alone(_random.source_of(0), 0, *draws)
    yield from lap("draws", clock)


def lap(name, clock):
    """Yield a step's name and seconds since `clock`; return the time now."""
    yield name, time.thread_time() - clock
    return time.thread_time()
