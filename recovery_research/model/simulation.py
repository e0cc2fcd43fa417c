"""Running an experiment: every customer, every policy, the same luck."""

import math
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from recovery_research.model import _accounts, _customer, _lifetime_loop, _random
from recovery_research.model._accounts import add_by_group
from recovery_research.model.experiments import Experiment, check_whole
from recovery_research.model.justice import Reply, form_reply
from recovery_research.model.populations import TRAIT_BLOCK, draw_traits
from recovery_research.model.worlds import World
from recovery_research.texts import bare_stream

Result = TypeVar("Result")

FOLLOWUP_WEEKS = 13.0
YEAR_WEEKS = 52.0
# No shop sells this often to one person. A customer who passes it has run away on the
# loop of trust and orders, and the coefficients are named.
ORDER_LIMIT = 20_000
CHUNKS_PER_BLOCK = 8
N_GROUPS = _accounts.NO_ORDER + 1

# What is summed by policy and index outcome, beyond the columns of a record.
MEASURES = (*_accounts.RECORD, "alive_13w", "alive_52w", "net_value")

STORED = {
    "n_orders": np.int32, "spend": np.float64, "index_week": np.float64,
    "index_outcome": np.int8, "index_severity": np.float64,
    "index_process": np.float32, "index_complained": np.int8,
    "followup_spend": np.float64, "left_week": np.float64, "n_failures": np.int32,
    "n_complaints": np.int32, "n_recovered": np.int32, "trust": np.float64,
    "satisfaction_before": np.float64, "satisfaction_after": np.float64,
    "mentions_positive": np.int32, "mentions_negative": np.int32,
    "margin": np.float64, "recovery_cost": np.float64, "referral_value": np.float64,
    "last_outcome": np.int8, "last_complained": np.int8,
}  # fmt: skip


class RunawayError(RuntimeError):
    """A customer whose orders passed every limit: orders feed on orders."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What became of every customer under every policy.

    Attributes
    ----------
    experiment : Experiment
        What was simulated.
    customers : dict of str to array, shape (n_policies, n_customers), or None
        The record of each customer, by column; None if only sums were kept.
    weekly : float64 array, shape (n_policies, n_weeks, n_columns)
        Sums over customers by week, in the columns of ``_accounts.WEEK``.
    sums : float64 array, shape (n_policies, 5, n_measures, 3)
        Count, sum and sum of squares of each measure by index outcome.
    """

    experiment: Experiment
    customers: dict[str, NDArray] | None
    weekly: NDArray[np.float64]
    sums: NDArray[np.float64]


class Chunk(NamedTuple):
    """One chunk of customers under every policy, lived to the end."""

    records: NDArray[np.float64]
    weekly: NDArray[np.float64]
    sums: NDArray[np.float64]


def simulate(
    experiment: Experiment,
    *,
    threads: int | None = None,
    block_size: int | None = None,
    keep: str = "customers",
) -> History:
    """Simulate an experiment.

    Parameters
    ----------
    experiment : Experiment
        What to simulate.
    threads : int, optional
        Threads to use; by default as many as there are processors.
    block_size : int, optional
        Customers that one thread takes at a time, rounded up to chunks of 4,096.
        Neither it nor `threads` changes any result by a bit.
    keep : str, optional
        ``customers`` keeps each customer's record; ``sums`` only the weekly table and
        the sums by index outcome, so that memory does not grow with customers.

    Returns
    -------
    History

    Raises
    ------
    MemoryError
        Before anything runs, if the records would not fit into memory.
    RunawayError
        If a customer's orders pass 20,000.
    ValueError, TypeError
        If an option is not as above.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service", "silence"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=50,
    ... )
    >>> rr.simulate(experiment).weekly.shape
    (2, 104, 10)
    """
    if keep not in ("customers", "sums"):
        raise ValueError(f"keep is 'customers' or 'sums'; got {keep!r}.")
    columns = allot_columns(experiment) if keep == "customers" else None
    n_policies = len(experiment.policies)
    weekly = np.zeros((n_policies, math.ceil(experiment.weeks), len(_accounts.WEEK)))
    sums = np.zeros((n_policies, N_GROUPS, len(MEASURES), 3))
    replies = [form_reply(policy, experiment.world) for policy in experiment.policies]
    chunks = work_through(
        experiment,
        lambda number: live_chunk(experiment, replies, number),
        threads=threads,
        block_size=block_size,
    )
    for number, chunk in chunks:
        weekly += chunk.weekly
        sums += chunk.sums
        if columns is not None:
            store_chunk(columns, number, chunk.records)
    # Tables are made of these very columns; a table edited must not edit the history.
    for column in (columns or {}).values():
        column.flags.writeable = False
    return History(experiment, columns, weekly, sums)


def check_threads(threads: int | None) -> int:
    """Return the number of threads to use."""
    if threads is None:
        return os.cpu_count() or 1
    check_whole("threads", threads, 1, 1024)
    return int(threads)


def allot_columns(experiment: Experiment) -> dict[str, NDArray]:
    """Return empty columns for the records, or say that they would not fit."""
    shape = (len(experiment.policies), experiment.n_customers)
    size = (
        shape[0] * shape[1] * sum(np.dtype(kind).itemsize for kind in STORED.values())
    )
    require_memory(
        size,
        f"the records of {shape[1]:,} customers under {shape[0]} policies",
        "Ask for fewer customers or policies, or write simulate(..., keep='sums').",
    )
    return {name: np.empty(shape, dtype=kind) for name, kind in STORED.items()}


def require_memory(size: int, what: str, remedy: str) -> None:
    """Refuse work that needs more memory than there is, before it starts."""
    from recovery_research.host_memory import available_memory

    there = available_memory()
    if size > 0.9 * there:
        raise MemoryError(
            f"{what} need {size / 1e9:,.1f} GB; {there / 1e9:,.1f} GB are free. "
            f"{remedy}"
        )


def work_through(
    experiment: Experiment,
    work: Callable[[int], Result],
    *,
    threads: int | None = None,
    block_size: int | None = None,
    label: str = "simulating",
) -> Iterator[tuple[int, Result]]:
    """Yield every chunk's number and what `work` made of it, in the chunks' order.

    Whatever is summed over chunks is thereby the same to the last bit, however the
    work was divided among threads.
    """
    from tqdm import tqdm

    threads = check_threads(threads)
    block = TRAIT_BLOCK * CHUNKS_PER_BLOCK if block_size is None else block_size
    check_whole("block_size", block, 1, 2**32)
    n_chunks = math.ceil(experiment.n_customers / TRAIT_BLOCK)
    per_task = math.ceil(block / TRAIT_BLOCK)
    waiting = deque(range(0, n_chunks, per_task))
    running: deque = deque()
    bar = tqdm(total=experiment.n_customers, unit=" customers", unit_scale=True,
               desc=label, leave=False, delay=1.0, file=bare_stream(sys.stderr),
               disable=not sys.stderr.isatty())  # fmt: skip
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        while waiting or running:
            # Twice as many tasks as threads keeps all busy and memory bounded.
            while waiting and len(running) < 2 * threads:
                first = waiting.popleft()
                numbers = range(first, min(first + per_task, n_chunks))
                job = pool.submit(lambda these: [work(k) for k in these], numbers)
                running.append((numbers, job))
            numbers, job = running.popleft()
            yield from zip(numbers, job.result(), strict=True)
            bar.update(len(numbers) * TRAIT_BLOCK)
    finally:
        bar.close()
        pool.shutdown(wait=False, cancel_futures=True)


def live_chunk(experiment: Experiment, replies: list[Reply], number: int) -> Chunk:
    """Let one chunk of customers live, under every policy."""
    traits = traits_of_chunk(experiment, number)
    n_policies = len(replies)
    records = np.empty((n_policies, len(traits), len(_accounts.RECORD)))
    weekly = np.zeros((n_policies, math.ceil(experiment.weeks), len(_accounts.WEEK)))
    sums = np.zeros((n_policies, N_GROUPS, len(MEASURES), 3))
    for p, reply in enumerate(replies):
        live_policy(experiment, reply, number, traits, records[p], weekly[p], policy=p)
        measures = measure(records[p], experiment.weeks)
        groups = records[p][:, _accounts.INDEX_OUTCOME].astype(np.int64)
        add_by_group(measures, groups, sums[p])
    return Chunk(records, weekly, sums)


def traits_of_chunk(experiment: Experiment, number: int) -> NDArray[np.float64]:
    """Return the traits of a chunk's customers, the last chunk cut to size."""
    size = min(TRAIT_BLOCK, experiment.n_customers - number * TRAIT_BLOCK)
    traits = draw_traits(experiment.population, seed=experiment.seed, block=number)
    return traits[:size]


NO_LOG = np.zeros((0, len(_accounts.LOG)))


def live_policy(
    experiment: Experiment,
    reply: Reply,
    number: int,
    traits: NDArray[np.float64],
    records: NDArray[np.float64],
    weekly: NDArray[np.float64],
    *,
    policy: int,
    replay: int = _lifetime_loop.AS_IT_WAS,
    logs: NDArray[np.float64] = NO_LOG,
    log_starts: NDArray[np.int64] | None = None,
    skip: int = 0,
) -> None:
    """Let a chunk's customers live under one policy, from its `skip`-th on."""
    attempt = 0 if experiment.luck == "shared" else policy
    run = _lifetime_loop.Run(
        source=_random.source_of(experiment.seed, attempt),
        weeks=experiment.weeks,
        amount_sd=experiment.population["amount_sd_within"],
        index_order=experiment.index_order - 1,
        followup_weeks=FOLLOWUP_WEEKS,
        replay=replay,
        order_limit=ORDER_LIMIT,
    )
    if log_starts is None:
        log_starts = np.zeros(len(traits) + 1, dtype=np.int64)
    runaway = _lifetime_loop.live(
        number * TRAIT_BLOCK + skip, traits, run, form_coefficients(experiment.world),
        reply, experiment.list_forks(), records, weekly, logs, log_starts,
    )  # fmt: skip
    if runaway >= 0:
        world = experiment.world
        raise RunawayError(
            f"customer {runaway} passed {ORDER_LIMIT:,} orders. Their rate is "
            f"order_shape / order_scale times exp(purchase_link * loyalty), in "
            f"population {experiment.population.name!r} and world {world.name!r} "
            f"(purchase_link {world['purchase_link']:g}, loyalty_gain_bound "
            f"{world['loyalty_gain_bound']:g}). Lower one of these."
        )


def form_coefficients(world: World) -> _customer.Coefficients:
    """Return the world as the loop takes it; `form_reply` switches reciprocity."""
    values = world.ledger.values_by_name()
    values["learning"] = 1.0
    values["discount_rate_week"] = math.log1p(values["discount_rate"]) / YEAR_WEEKS
    if "learning" in world.switched_off:
        values["learning"] = 0.0
    if "disconfirmation" in world.switched_off:
        values.update(hurt=0.0, delight=0.0, double_deviation=0.0)
    return _customer.Coefficients(
        **{name: float(values[name]) for name in _customer.Coefficients._fields}
    )


def measure(records: NDArray[np.float64], weeks: float) -> NDArray[np.float64]:
    """Return the records with the measures that follow from them.

    Follow-up measures are not a number where the follow-up runs past the end.
    """
    index = records[:, _accounts.INDEX_WEEK]
    left = records[:, _accounts.LEFT_WEEK]
    alive_13w = alive_after(index, left, FOLLOWUP_WEEKS, weeks)
    alive_52w = alive_after(index, left, YEAR_WEEKS, weeks)
    net = (
        records[:, _accounts.MARGIN]
        + records[:, _accounts.REFERRAL_VALUE]
        - records[:, _accounts.RECOVERY_COST]
    )
    measures = np.column_stack([records, alive_13w, alive_52w, net])
    measures[np.isnan(alive_13w), _accounts.FOLLOWUP_SPEND] = np.nan
    measures[np.isnan(index), _accounts.INDEX_COMPLAINED] = np.nan
    measures[records[:, _accounts.N_ORDERS] == 0.0, _accounts.LAST_COMPLAINED] = np.nan
    return measures


def alive_after(
    index: NDArray[np.float64], left: NDArray[np.float64], window: float, weeks: float
) -> NDArray[np.float64]:
    """Return 1 for who is still here a window after the index order, 0 for who left.

    Not a number without an index order, or where the window runs past the end.
    """
    gone = left <= index + window
    return np.where(index + window <= weeks, 1.0 - gone, np.nan)


def store_chunk(
    columns: dict[str, NDArray], number: int, records: NDArray[np.float64]
) -> None:
    """Copy a chunk's records into the columns."""
    first = number * TRAIT_BLOCK
    span = slice(first, first + records.shape[1])
    for j, name in enumerate(_accounts.RECORD):
        columns[name][:, span] = records[:, :, j]
