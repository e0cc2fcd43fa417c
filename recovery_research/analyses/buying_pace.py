"""Whether those who were failed had bought at another pace, before they were."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recovery_research.analyses.groups import FAILED

NEEDED = ("customer", "order", "weeks_known", "failed", *FAILED)
# With three states looked at, one log in 300 is called uneven by luck.
SURE = 0.001


def find_uneven_pace(spells: pd.DataFrame) -> list[str]:
    """Return the states into which a failure puts faster or slower buyers.

    Parameters
    ----------
    spells : DataFrame
        As `spells.tabulate_spells` gives it; without its columns nothing is found.

    Returns
    -------
    list of str
        States whose failures fall on orders that came sooner or later than others of
        the same number. How soon an order came is settled before it fails, so that a
        difference is of the customers, and not an effect.

    Notes
    -----
    Within each order number the weeks since the first order are ranked; a rank less
    its mean, times the state less its share, has mean 0 if failures are chance.
    Summed by customer these products are independent, whatever each one's pace.
    """
    if not set(NEEDED) <= set(spells.columns):
        return []
    known = spells["failed"].notna().to_numpy() & (spells["order"] > 1).to_numpy()
    rows = spells[known]
    customer, _ = pd.factorize(rows["customer"].to_numpy())
    order = rows["order"].to_numpy(np.int64)
    rank = _rank_within(order, rows["weeks_known"].to_numpy(np.float64))
    failed = rows["failed"].to_numpy(np.float64) == 1.0
    uneven = []
    for name in FAILED:
        state = failed & (rows[name].to_numpy(np.float64) == 1.0)
        product = (state - _mean_within(order, state)) * rank
        sums = np.bincount(customer, product) if len(rows) else np.zeros(0)
        spread = math.sqrt(float((sums**2).sum()))
        if state.sum() >= 10 and spread > 0.0:
            z = float(sums.sum()) / spread
            if 2.0 * stats.norm.sf(abs(z)) < SURE:
                uneven.append(name)
    return uneven


def _mean_within(order: NDArray[np.int64], values: NDArray) -> NDArray[np.float64]:
    return (np.bincount(order, values) / np.maximum(np.bincount(order), 1))[order]


def _rank_within(
    order: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rank values within each order number, from -1/2 to 1/2, ties in the middle."""
    place = np.lexsort((values, order))
    size = np.bincount(order)
    first = np.r_[0, np.cumsum(size)[:-1]]
    run = np.r_[True, (np.diff(values[place]) != 0.0) | (np.diff(order[place]) != 0)]
    start = np.flatnonzero(run)
    end = np.r_[start[1:], order.size]
    middle = np.repeat(0.5 * (start + end - 1), end - start)
    rank = np.empty(order.size)
    rank[place] = middle
    return (rank - first[order] + 0.5) / size[order] - 0.5
