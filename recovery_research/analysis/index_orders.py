"""Index orders drawn by the customers' ids, and what came of them.

References
----------
Steele, G. L., Lea, D., & Flood, C. H. (2014). Fast splittable pseudorandom number
generators. OOPSLA '14. doi:10.1145/2660193.2660195
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research._checks import did_you_mean
from recovery_research.analysis.order_logs import (
    INDEX_OUTCOMES,
    NO_FAILURE,
    NO_ORDER,
    NOT_RECOVERED,
    RECOVERED,
    SILENT,
    UNKNOWN,
    YES,
    Answers,
    OrderLog,
    sort_log,
)
from recovery_research.analysis.rounding import at_most

# Sixteen bytes, as the hash takes them; another key would be another luck for all.
KEY = "recovery-paradox"
# The increment and the multipliers of SplitMix64.
GOLDEN = 0x9E3779B97F4A7C15
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
LARGEST_SEED = 2**64 - 1
# More ids than this are worth what loading pyarrow takes.
MANY = 100_000


def draw_by_id(hashes: NDArray[np.uint64], seed: int, draw: int = 0) -> NDArray:
    """Draw one uniform number for each customer.

    Examples
    --------
    >>> few = draw_by_id(hash_ids(pd.Series([17, 4])), 0)
    >>> many = draw_by_id(hash_ids(pd.Series(["x", "17", "y", "4.0"])), 0)
    >>> few.tolist() == many[[1, 3]].tolist()
    True
    """
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed is a whole number, 0 to {LARGEST_SEED}; got {seed!r}.")
    start = mix(np.array([(int(seed) + GOLDEN) % 2**64], dtype=np.uint64))
    step = np.uint64((draw + 1) * GOLDEN % 2**64)
    words = mix(hashes ^ mix(start + step))
    # 53 bits, and half a step away from 0 and 1.
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the words scrambled by the finaliser of SplitMix64."""
    words = (words ^ (words >> np.uint64(30))) * FIRST
    words = (words ^ (words >> np.uint64(27))) * SECOND
    return words ^ (words >> np.uint64(31))


def hash_ids(ids: pd.Series) -> NDArray[np.uint64]:
    """Return a number for each id that depends on nothing but how the id is written.

    An id is the same whether it was read as a whole number, as a number with nothing
    after the point, or as text.
    """
    if isinstance(ids.dtype, np.dtype) and ids.dtype.kind in "iu" and len(ids) > MANY:
        texts = write_many(ids.to_numpy())
    else:
        texts = np.array(write_ids(ids), dtype=object)
    return pd.util.hash_array(texts, hash_key=KEY, categorize=False)


def write_many(ids: NDArray[np.int64]) -> NDArray:
    """Return whole numbers as text, as `write_ids` does, twice as fast."""
    import pyarrow as pa

    return pa.array(ids).cast(pa.string()).to_numpy(zero_copy_only=False)


def write_ids(ids: pd.Series) -> list[str]:
    """Return ids as text, whole numbers without a point."""
    if ids.dtype.kind in "iu":
        return list(map(str, ids.tolist()))
    return [
        each if isinstance(each, str) and each[-2:] != ".0" else write_id(each)
        for each in ids.tolist()
    ]


def write_id(one: Any) -> str:
    """Return one id as text."""
    if isinstance(one, str):
        bare = one.removesuffix(".0")
        return bare if bare.removeprefix("-").isdecimal() else one
    try:
        numerator, denominator = one.as_integer_ratio()
    except (AttributeError, OverflowError, ValueError):  # no number, or none finite
        return str(one)
    return str(int(numerator)) if denominator == 1 else str(one)


DESIGNS = ("order-based", "customer-based", "ever-failed")
INDEX_CHOICES = ("drawn", "first")


@dataclass(frozen=True, slots=True, eq=False)
class IndexOrders:
    """For each customer the order, or the day, that decides their group.

    Attributes
    ----------
    place : int64 array, shape (n_customers,)
        Their index order in the log; on a day their latest before it; -1 for none.
    problem : int64 array, shape (n_customers,)
        The order that is spoken of where problems are: the index order, on a day their
        last failed one.
    week : float64 array, shape (n_customers,)
        From when on outcomes count; NaN for none.
    outcome : int8 array, shape (n_customers,)
        Place in `INDEX_OUTCOMES`, -1 if unknown.
    on_day : bool
        Whether a day decides, and not an order.
    """

    place: NDArray[np.int64]
    problem: NDArray[np.int64]
    week: NDArray[np.float64]
    outcome: Answers
    on_day: bool


def check_options(
    design: str, index: str, followup_weeks: float, day: float | None
) -> None:
    """Raise unless the options are among those allowed."""
    for name, given, allowed in (
        ("design", design, DESIGNS), ("index", index, INDEX_CHOICES)
    ):  # fmt: skip
        if given not in allowed:
            raise ValueError(
                f"{name} is one of {list(allowed)}; got {given!r}."
                f"{did_you_mean(given, allowed)}"
            )
    if not (math.isfinite(followup_weeks) and followup_weeks > 0.0):
        raise ValueError(f"followup_weeks is above 0; got {followup_weeks!r}.")
    if day is not None and design != "customer-based":
        raise ValueError(
            f"day={day!r} belongs to design='customer-based'; got {design!r}. Leave it "
            "out."
        )


def choose_index_orders(
    log: OrderLog,
    design: str,
    *,
    index: str,
    day: float | None,
    followup_weeks: float,
    seed: int,
) -> IndexOrders:
    """Choose each customer's index order, or group them on a day."""
    if design == "customer-based":
        return group_on_day(log, find_day(log, day, followup_weeks))
    luck = draw_by_id(hash_ids(log.keys["customer"]), seed)
    if design == "ever-failed":
        place = find_first_failure(log, luck)
    elif index == "first":
        place = log.first[:-1].copy()
    else:
        place = find_drawn_order(log, luck, followup_weeks)
    return take_orders(log, place)


def take_orders(log: OrderLog, place: NDArray[np.int64]) -> IndexOrders:
    """Take orders, by their place in the log, as their customers' index orders."""
    there = place >= 0
    here = np.where(there, place, 0)
    week = np.where(there, log.week[here], np.nan)
    outcome = np.where(there, log.outcome[here], NO_ORDER).astype(np.int8)
    return IndexOrders(place, place, week, outcome, on_day=False)


def find_drawn_order(
    log: OrderLog, luck: NDArray[np.float64], followup_weeks: float
) -> NDArray[np.int64]:
    """Return each customer's first order from a drawn day on, -1 if there is none."""
    latest = log.end - followup_weeks
    if latest <= log.start:
        raise ValueError(
            f"the log covers {log.end - log.start:g} weeks, no more than a follow-up "
            f"of {followup_weeks:g}; shorten followup_weeks."
        )
    day = log.start + luck * (latest - log.start)
    earlier = log.week < day[log.code]
    place = log.first[:-1] + np.bincount(log.code[earlier], minlength=len(luck))
    return np.where(place < log.first[1:], place, -1)


def find_first_failure(log: OrderLog, luck: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each customer's first failed order, or any one if none failed."""
    failed = np.flatnonzero(log.outcome > NO_FAILURE)
    sizes = np.diff(log.first)
    place = log.first[:-1] + (luck * sizes).astype(np.int64)
    # Assigned backwards, so that the first failure is the one that stays.
    place[log.code[failed[::-1]]] = failed[::-1]
    return place


def find_day(log: OrderLog, day: float | None, followup_weeks: float) -> float:
    """Return the week on which groups are formed: as given, or the middle."""
    chosen = (log.start + log.end) / 2.0 if day is None else float(day)
    if not log.start < chosen <= log.end - followup_weeks:
        raise ValueError(
            f"day {chosen:g} leaves no past, or no whole follow-up of "
            f"{followup_weeks:g} weeks, in a log from {log.start:g} to {log.end:g}; "
            f"take one after {log.start:g} and up to {log.end - followup_weeks:g}, or "
            "shorten followup_weeks."
        )
    return chosen


def group_on_day(log: OrderLog, day: float) -> IndexOrders:
    """Group customers by the problems they had before a day."""
    before = log.week < day
    code = log.code[before]
    counts = {
        outcome: np.bincount(
            code[log.outcome[before] == outcome], minlength=log.n_customers
        )
        for outcome in (UNKNOWN, SILENT, RECOVERED, NOT_RECOVERED)
    }
    n_failed = counts[SILENT] + counts[RECOVERED] + counts[NOT_RECOVERED]
    n_orders = np.bincount(code, minlength=log.n_customers)
    gone = np.zeros(log.n_customers, dtype=bool)
    if log.left is not None:
        gone[code[log.left[before] == YES]] = True
    asked = (n_orders > 0) & ~gone
    # One order of which nothing is known can make good into not all made good.
    outcome = np.select(
        [
            ~asked,
            (counts[RECOVERED] < n_failed) & (counts[SILENT] < n_failed),
            counts[UNKNOWN] > 0,
            n_failed == 0,
            counts[RECOVERED] == n_failed,
        ],
        [NO_ORDER, NOT_RECOVERED, UNKNOWN, NO_FAILURE, RECOVERED],
        SILENT,
    ).astype(np.int8)
    place = np.where(asked, log.first[:-1] + n_orders - 1, -1)
    problem = place.copy()
    failed = np.flatnonzero(before & (log.outcome > NO_FAILURE))
    # Assigned in order, so that the last failure is the one that stays.
    problem[log.code[failed]] = failed
    week = np.where(asked, day, np.nan)
    return IndexOrders(place, problem, week, outcome, on_day=True)


FOLLOWUP_WEEKS, YEAR_WEEKS = 13.0, 52.0
# What was known when the index order was placed, or on the day.
COVARIATES = (
    "index_week", "index_amount", "weeks_known", "weeks_since_order", "prior_orders",
    "prior_spend", "prior_failures",
)  # fmt: skip
# What is said of a problem, not of the latest order.
ABOUT_PROBLEMS = ("severity", "kind", "recovery_quality")
OUTCOMES = ("followup_spend", "bought_again", "alive_13w", "alive_52w")


def customers_from_orders(
    orders: pd.DataFrame,
    *,
    design: str,
    followup_weeks: float = FOLLOWUP_WEEKS,
    index: str = "drawn",
    day: float | None = None,
    span: tuple[float, float] | None = None,
    keep: Sequence[str] = (),
    seed: int = 0,
) -> pd.DataFrame:
    """Make an order log into a table of customers, one index order each.

    Parameters
    ----------
    orders : DataFrame
        One row per order: ``customer``; ``week`` (number) or ``time`` (date);
        ``amount``, 0 or more; ``outcome`` (``no_failure, silent, recovered,
        not_recovered``) or the yes/no columns ``failed, resolved`` and, if known,
        ``complained, response``. If there: ``severity, kind, left`` (this was their
        last), ``policy``.
    design : {"order-based", "customer-based", "ever-failed"}
        Who is compared; there is no default, because the answer depends on it.

        - ``order-based``: one index order of each customer. Which one does not look
          at what comes of it nor at anything later, so having a problem does not
          depend on how much they buy.
        - ``customer-based``: on a day, everybody who has ordered and not left, by the
          problems they have had: none; all made good (``recovered``); none of them
          complained of (``silent``); the rest. Heavy buyers have more chances to be
          failed: a naive comparison fakes a paradox; adjusting for what was known on
          the day helps.
        - ``ever-failed``: anybody with a problem in the whole log, their first
          failed order being the index; a customer never failed has one order drawn.
          That they never were is known only afterwards, and no adjusting for what was
          known before makes up for it.
    followup_weeks : float, optional
        Length of the window after the index order.
    index : {"drawn", "first"}, optional
        For the order-based design: their first order on or after a day drawn for
        them from the start of the log to the last that leaves a whole window, or
        simply their first order. Only drawn orders have a past to adjust for.
    day : float, optional
        For the customer-based design: the week on which groups are formed and after
        which outcomes count; by default the middle of the log. The index columns are
        then about that day and their latest order before it.
    span : (float, float), optional
        Weeks between which the log is complete, of which the last one censors; by
        default the first and last order's.
    keep : sequence of str, optional
        Further columns to carry over from the index order.
    seed : int, optional
        Whole number that the drawing starts from. The order of rows plays no part,
        but for orders of one customer at one moment: they stay as they come.

    Returns
    -------
    DataFrame
        One row per customer (and policy), also for those without an index order
        (``no_order``): ``customer, n_orders, spend, index_week, index_outcome,
        followup_spend, followup_orders, bought_again``, with ``left`` in the log
        ``alive_13w, alive_52w, left_week``, then ``n_failures, n_complaints,
        n_recovered, index_severity, index_kind, index_complained`` as in
        `tables.tabulate_customers`, and what was known before: ``index_amount``,
        ``weeks_known`` (since their first order), ``prior_orders, prior_spend,
        prior_failures``, in the customer-based design ``weeks_since_order``, and
        ``followup_spend_before``, their spend in as long a window
        before the index order. The follow-up leaves the index order out; both windows
        are missing where they run past the end, or begin before the start.

    Raises
    ------
    ValueError
        If the design is not one of the three, a column is missing, a value unknown or
        impossible, somebody ordered after they had left, or the log is shorter than a
        follow-up window.

    Examples
    --------
    >>> orders = pd.DataFrame({
    ...     "customer": ["a", "a", "a", "b"], "week": [0.0, 5.0, 30.0, 2.0],
    ...     "amount": [10.0, 20.0, 40.0, 7.0],
    ...     "outcome": ["recovered"] + ["no_failure"] * 3})
    >>> table = customers_from_orders(orders, design="order-based", index="first")
    >>> table[["customer", "index_outcome", "followup_spend"]].values.tolist()
    [['a', 'recovered', 20.0], ['b', 'no_failure', 0.0]]
    """
    check_options(design, index, followup_weeks, day)
    optional = [name for name in ("severity", "kind") if name in orders]
    log = sort_log(orders, span=span, keep=list(dict.fromkeys([*optional, *keep])))
    chosen = choose_index_orders(
        log, design, index=index, day=day, followup_weeks=followup_weeks, seed=seed
    )
    return count_by_customer(log, chosen, followup_weeks, keep)


def count_by_customer(
    log: OrderLog, chosen: IndexOrders, followup_weeks: float, keep: Sequence[str]
) -> pd.DataFrame:
    """Sum up what came before, with and after each customer's index order."""
    week = chosen.week
    followed = at_most(week + followup_weeks, log.end)
    columns: dict[str, object] = {
        "n_orders": np.diff(log.first),
        "spend": add_up(log, log.amount),
        "index_week": week,
        "index_outcome": pd.Categorical.from_codes(
            chosen.outcome, list(INDEX_OUTCOMES)
        ),
    }
    columns |= count_after(log, chosen.place, week, followed, followup_weeks)
    if log.left is not None:
        columns |= count_staying(log, week)
    columns |= count_problems(log)
    columns |= read_index_order(log, chosen, keep)
    columns |= count_before(log, chosen, followup_weeks)
    return pd.concat([log.keys, pd.DataFrame(columns, copy=False)], axis=1)


def add_up(
    log: OrderLog, values: NDArray | None = None, where: NDArray | None = None
) -> NDArray:
    """Sum values (or count orders) by customer, in the order of the log."""
    # In that order a sum has the same bits as one kept while the orders came in.
    if where is None:
        return np.bincount(log.code, weights=values, minlength=log.n_customers)
    values = None if values is None else values[where]
    return np.bincount(log.code[where], weights=values, minlength=log.n_customers)


def count_after(
    log: OrderLog,
    place: NDArray[np.int64],
    index_week: NDArray[np.float64],
    followed: NDArray[np.bool_],
    followup_weeks: float,
) -> dict[str, object]:
    """Return spend and orders in the window after the index order."""
    number = np.arange(len(log.code))
    start = np.where(place >= 0, place, len(log.code))
    after = number > start[log.code]
    after &= at_most(log.week, index_week[log.code] + followup_weeks)
    n_after = add_up(log, where=after)
    return {
        "followup_spend": np.where(followed, add_up(log, log.amount, after), np.nan),
        "followup_orders": np.where(followed, n_after, np.nan),
        "bought_again": pd.arrays.BooleanArray(n_after > 0, ~followed),
    }


def count_staying(log: OrderLog, index_week: NDArray) -> dict[str, object]:
    """Return who is still a customer, where the log says who left."""
    assert log.left is not None, "asked of logs that say it"
    left_week = np.full(log.n_customers, np.nan)
    gone = np.flatnonzero(log.left == YES)
    left_week[log.code[gone]] = log.week[gone]
    # Nobody knows whether the last order was the last: it may have been.
    last = log.first[1:] - 1
    unsure = log.left[last] == UNKNOWN
    columns: dict[str, object] = {}
    for name, window in (("alive_13w", FOLLOWUP_WEEKS), ("alive_52w", YEAR_WEEKS)):
        unknown = unsure & at_most(log.week[last], index_week + window)
        seen = at_most(index_week + window, log.end)
        columns[name] = pd.arrays.BooleanArray(
            ~at_most(left_week, index_week + window), ~seen | unknown
        )
    return columns | {"left_week": left_week}


def count_problems(log: OrderLog) -> dict[str, object]:
    """Return how many problems, complaints and recoveries each customer had."""
    complained = log.complained
    columns = {"n_failures": add_up(log, where=log.outcome > NO_FAILURE)}
    if complained is not None:
        columns["n_complaints"] = add_up(log, where=complained == YES)
    return columns | {"n_recovered": add_up(log, where=log.outcome == RECOVERED)}


def read_index_order(
    log: OrderLog, chosen: IndexOrders, keep: Sequence[str]
) -> dict[str, object]:
    """Return what the log says of the index order itself, or of the last problem."""
    columns: dict[str, object] = {}
    there = chosen.place >= 0
    latest, problem = (np.where(there, p, 0) for p in (chosen.place, chosen.problem))
    for name in log.further:
        here = problem if name in ABOUT_PROBLEMS else latest
        values = log.further[name].iloc[here].reset_index(drop=True).where(there)
        columns[name if name in keep else f"index_{name}"] = values
    if log.complained is not None:
        said = log.complained[problem]
        unknown = ~there | (said == UNKNOWN)
        columns["index_complained"] = pd.arrays.BooleanArray(said == YES, unknown)
    return columns | {"index_amount": np.where(there, log.amount[latest], np.nan)}


def count_before(
    log: OrderLog, chosen: IndexOrders, followup_weeks: float
) -> dict[str, object]:
    """Return what was known of each customer when they placed the index order."""
    there = chosen.place >= 0
    # On a day the latest order has been placed; otherwise the index order is news.
    last = np.where(there, chosen.place + chosen.on_day, 0)
    before = np.arange(len(log.code)) < last[log.code]
    known = {
        "prior_orders": add_up(log, where=before),
        "prior_spend": add_up(log, log.amount, before),
        "prior_failures": add_up(log, where=before & (log.outcome > NO_FAILURE)),
    }
    columns: dict[str, object] = {"weeks_known": chosen.week - log.week[log.first[:-1]]}
    if chosen.on_day:
        latest = log.week[np.where(there, chosen.place, 0)]
        columns["weeks_since_order"] = chosen.week - latest
    for name, values in known.items():
        columns[name] = np.where(there, values, np.nan)
    opened = chosen.week - followup_weeks
    lately = before & at_most(opened[log.code], log.week)
    whole = there & at_most(log.start, opened)
    spent = add_up(log, log.amount, lately)
    return columns | {"followup_spend_before": np.where(whole, spent, np.nan)}
