"""Many index orders of each customer, one draw after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.groups import check_outcome, read_outcome
from recovery_research.analyses.times import at_most
from recovery_research.customers.id_luck import draw_by_id, hash_ids
from recovery_research.customers.index_orders import (
    IndexOrders,
    check_options,
    find_drawn_order,
    take_orders,
)
from recovery_research.customers.index_outcomes import INDEX_OUTCOMES
from recovery_research.customers.order_customers import (
    count_after,
    count_by_customer,
    count_staying,
)
from recovery_research.customers.order_logs import OrderLog, sort_log
from recovery_research.near_names import did_you_mean


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
