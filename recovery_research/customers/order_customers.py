"""An order log made into a table of customers, one index order each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.times import at_most
from recovery_research.customers.index_orders import (
    IndexOrders,
    check_options,
    choose_index_orders,
)
from recovery_research.customers.index_outcomes import (
    INDEX_OUTCOMES,
    NO_FAILURE,
    RECOVERED,
    UNKNOWN,
    YES,
)
from recovery_research.customers.order_logs import OrderLog, sort_log

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
        ``complained, response``. If there: ``severity, kind, left`` (this was her
        last), ``policy``.
    design : {"order-based", "customer-based", "ever-failed"}
        Who is compared; there is no default, because the answer depends on it.

        - ``order-based``: one index order of each customer. Which one does not look
          at what comes of it nor at anything later, so having a problem does not
          depend on how much she buys.
        - ``customer-based``: on a day, everybody who has ordered and not left, by the
          problems she has had: none; all made good (``recovered``); none of them
          complained of (``silent``); the rest. Heavy buyers have more chances to be
          failed: a naive comparison fakes a paradox; adjusting for what was known on
          the day helps.
        - ``ever-failed``: anybody with a problem in the whole log, her first failed
          order being the index; a customer never failed has one of her orders drawn.
          That she never was is known only afterwards, and no adjusting for what was
          known before makes up for it.
    followup_weeks : float, optional
        Length of the window after the index order.
    index : {"drawn", "first"}, optional
        For the order-based design: her first order on or after a day drawn for her
        from the start of the log to the last that leaves a whole window, or simply
        her first order. Only drawn orders have a past to adjust for.
    day : float, optional
        For the customer-based design: the week on which groups are formed and after
        which outcomes count; by default the middle of the log. The index columns are
        then about that day and her latest order before it.
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
        `outcomes.tabulate_customers`, and what was known before: ``index_amount``,
        ``weeks_known`` (since her first order), ``prior_orders, prior_spend,
        prior_failures``, in the customer-based design ``weeks_since_order``, and
        ``followup_spend_before``, her spend in as long a window
        before the index order. The follow-up leaves the index order out; both windows
        are missing where they run past the end, or begin before the start.

    Raises
    ------
    ValueError
        If the design is not one of the three, a column is missing, a value unknown or
        impossible, somebody ordered after she had left, or the log is shorter than a
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
    """Return what was known of each customer when she placed the index order."""
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
