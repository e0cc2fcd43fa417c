"""Which order of each customer, or which day, decides her group."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recovery_research.customers.id_luck import draw_by_id, hash_ids
from recovery_research.customers.index_outcomes import (
    NO_FAILURE,
    NO_ORDER,
    NOT_RECOVERED,
    RECOVERED,
    SILENT,
    UNKNOWN,
    YES,
    Answers,
)
from recovery_research.customers.order_logs import OrderLog
from recovery_research.near_names import did_you_mean

DESIGNS = ("order-based", "customer-based", "ever-failed")
INDEX_CHOICES = ("drawn", "first")


@dataclass(frozen=True, slots=True, eq=False)
class IndexOrders:
    """For each customer the order, or the day, that decides her group.

    Attributes
    ----------
    place : int64 array, shape (n_customers,)
        Her index order in the log; on a day her latest before it; -1 for none.
    problem : int64 array, shape (n_customers,)
        The order that is spoken of where problems are: the index order, on a day her
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
    """Choose each customer's index order, or group her on a day.

    Parameters
    ----------
    log : OrderLog
        The orders.
    design, index, day, followup_weeks, seed
        As in `order_customers.customers_from_orders`.

    Returns
    -------
    IndexOrders

    Raises
    ------
    ValueError
        If the log is too short for the follow-up, or the day lies outside of it.
    """
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
