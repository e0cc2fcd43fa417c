"""Many draws of index orders at once, and their totals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research._checks import did_you_mean
from recovery_research.analysis.curves import Curve, ScoreCurve, StudentCurve
from recovery_research.analysis.groups import check_outcome, read_outcome
from recovery_research.analysis.index_orders import (
    IndexOrders,
    check_options,
    count_after,
    count_by_customer,
    count_staying,
    draw_by_id,
    find_drawn_order,
    hash_ids,
    take_orders,
)
from recovery_research.analysis.order_logs import INDEX_OUTCOMES, OrderLog, sort_log
from recovery_research.analysis.rounding import at_most


def read_log(
    orders: pd.DataFrame,
    draws: int,
    followup_weeks: float,
    span: tuple[float, float] | None,
    keep: Sequence[str],
    outcome: str | None = None,
) -> OrderLog:
    """Check the options and sort the log, which is of one policy."""
    check_options("order-based", "drawn", followup_weeks, None)
    if not isinstance(draws, int | np.integer) or isinstance(draws, bool) or draws < 2:
        raise ValueError(f"draws is a whole number, 2 or more; got {draws!r}.")
    also = [name for name in ("severity", "kind") if name in orders]
    log = sort_log(orders, span=span, keep=list(dict.fromkeys([*also, *keep])))
    held = log.keys["policy"].unique().tolist() if "policy" in log.keys else []
    if len(held) > 1:
        raise ValueError(
            f"the log holds several policies, {held}; give the orders of one of them."
        )
    if outcome is not None:
        first = next(draw_orders(log, 1, followup_weeks, 0))
        check_outcome(count_by_customer(log, first, followup_weeks, keep), outcome)
    return log


def check_groups(treated: str, control: str) -> tuple[int, int]:
    """Return the places of two different groups of `INDEX_OUTCOMES`."""
    allowed = INDEX_OUTCOMES[:-1]
    for name, given in (("treated", treated), ("control", control)):
        if given not in allowed:
            raise ValueError(
                f"{name} is one of {list(allowed)}; got {given!r}."
                f"{did_you_mean(given, allowed)}"
            )
    if treated == control:
        raise ValueError(f"treated and control are both {treated!r}; name two groups.")
    return allowed.index(treated), allowed.index(control)


def draw_orders(
    log: OrderLog, draws: int, followup_weeks: float, seed: int
) -> Iterator[IndexOrders]:
    """Yield every draw's index orders; the first is that of `customers_from_orders`."""
    hashes = hash_ids(log.keys["customer"])
    for draw in range(draws):
        luck = draw_by_id(hashes, seed, draw)
        yield take_orders(log, find_drawn_order(log, luck, followup_weeks))


def read_draw(
    log: OrderLog,
    chosen: IndexOrders,
    outcome: str,
    followup_weeks: float,
    keep: Sequence[str],
) -> NDArray[np.float64]:
    """Return one outcome of every customer in one draw, NaN where unknown."""
    followed = at_most(chosen.week + followup_weeks, log.end)
    if outcome in ("followup_spend", "followup_orders", "bought_again"):
        columns = count_after(log, chosen.place, chosen.week, followed, followup_weeks)
    elif outcome in ("alive_13w", "alive_52w") and log.left is not None:
        columns = count_staying(log, chosen.week)
    else:
        columns = count_by_customer(log, chosen, followup_weeks, keep)
    return read_outcome(pd.Series(columns[outcome]))


@dataclass(frozen=True, slots=True)
class GroupTotals:
    """What the customers of one group came to, over all draws.

    Attributes
    ----------
    total, count : float64 array, shape (n_customers,)
        Sum of each customer's outcomes over the draws in which the customer was in
        the group and the outcome known, and the number of these draws.
    """

    total: NDArray[np.float64]
    count: NDArray[np.float64]

    @property
    def n_customers(self) -> int:
        """Return how many customers were in the group in a draw or more."""
        return int((self.count > 0.0).sum())

    @property
    def mean(self) -> float:
        """Return the mean of the group, each draw of each customer counted once."""
        return float(self.total.sum() / self.count.sum())

    @property
    def effective(self) -> float:
        """Return Kish's size: customers of even counts that would weigh as much."""
        return float(self.count.sum() ** 2 / (self.count**2).sum())

    def leave_out(self) -> NDArray[np.float64]:
        """Return how the mean moves when each customer is left out."""
        rest = self.count.sum() - self.count
        gap = self.total - self.mean * self.count
        # What rounding leaves of a customer who does not differ is no difference.
        scale = np.abs(self.total) + abs(self.mean) * self.count
        gap = np.where(np.abs(gap) > 1e-12 * scale, gap, 0.0)
        return -np.divide(gap, rest, out=np.zeros_like(rest), where=rest > 0.0)


def jackknife(moves: NDArray[np.float64], n: int) -> float:
    """Return the variance of an estimate that moves so when each one is left out."""
    return (n - 1) / n * float((moves**2).sum())


def fit_curve(
    treated: GroupTotals, control: GroupTotals, *, yes_no: bool
) -> tuple[Curve | None, float, str]:
    """Return the law of the difference of means, its standard error, and a note.

    The error is the jackknife's over customers, who are independent whatever their
    orders are. The degrees of freedom are Welch's at Kish's effective sizes.
    """
    n = int(((treated.count + control.count) > 0.0).sum())
    groups = (treated, control)
    if min(group.n_customers for group in groups) < 2:
        sizes = f"{treated.n_customers} treated, {control.n_customers} control"
        return None, math.nan, f"a group of one customer has no spread ({sizes})"
    moves = [group.leave_out() for group in groups]
    parts = [jackknife(each, n) for each in moves]
    sizes = [group.effective for group in groups]
    std_error = math.sqrt(jackknife(moves[0] - moves[1], n))
    if yes_no:
        counted = [
            effective_size(group, part)
            for group, part in zip(groups, parts, strict=True)
        ]
        return ScoreCurve(treated.mean, control.mean, *counted), std_error, ""
    if max(parts) == 0.0:
        return None, math.nan, "nothing varies within a group: no interval"
    note = ""
    if min(parts) == 0.0:
        parts, note = lend_spread(parts, sizes)
        std_error = math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (size - 1.0) for part, size in zip(parts, sizes, strict=True)
    )
    curve = StudentCurve(treated.mean - control.mean, std_error, freedom)
    return curve, std_error, note


def lend_spread(parts: list[float], sizes: list[float]) -> tuple[list[float], str]:
    """Give a group in which nobody differs the spread of the other."""
    which = int(np.argmin(parts))
    spread = parts[1 - which] * sizes[1 - which]
    lent = list(parts)
    lent[which] = spread / sizes[which]
    name = ("treated", "control")[which]
    return lent, (
        f"all {name} customers have the same outcome; their error is reckoned with the "
        "other group's spread"
    )


def effective_size(group: GroupTotals, variance: float) -> float:
    """Return how many independent customers would leave a share so uncertain."""
    share = group.mean
    if variance == 0.0 or share in (0.0, 1.0):
        return group.effective
    return min(share * (1.0 - share) / variance, group.effective)
