"""How long each customer of a group was followed, and who left."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.groups import (
    GROUP_COLUMN,
    customer_clusters,
    observed_levels,
    require_column,
    rows_of_policy,
)
from recovery_research.analyses.times import at_most, tie_times
from recovery_research.near_names import did_you_mean


def staying_times(
    customers: pd.DataFrame, *, group: str, policy: str | None, end_week: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read one group's weeks under observation, and whether they ended by leaving.

    Raises
    ------
    ValueError
        If a column or the group is not there, a week is unknown or impossible, or a
        customer has several rows.
    """
    check_stays(customers, policy)
    weeks, left = read_times(customers, group=group, policy=policy, end_week=end_week)
    return tie_times(weeks, scale=end_week)[0], left


def check_stays(customers: pd.DataFrame, policy: str | None) -> None:
    """Raise unless the table says of each customer once how long she stayed."""
    for column in (GROUP_COLUMN, "index_week", "left_week"):
        require_column(customers, column)
    _refuse_repeats(customers[rows_of_policy(customers, policy)])


def in_order(
    weeks: NDArray[np.float64], left: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Put customers in order of their weeks: what looks for weeks finds them sooner."""
    order = np.argsort(weeks, kind="stable")
    return weeks[order], left[order]


def read_times(
    customers: pd.DataFrame, *, group: str, policy: str | None, end_week: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read one group's weeks as they stand, ties not looked for."""
    labels = customers[GROUP_COLUMN]
    mine = rows_of_policy(customers, policy)
    rows = mine & (labels == group).to_numpy(dtype=bool, na_value=False)
    if not rows.any():
        held = observed_levels(labels)
        raise ValueError(
            f"no customer has {GROUP_COLUMN} {group!r}; the table holds {held}."
            f"{did_you_mean(group, held)}"
        )
    start, leaving = (
        pd.to_numeric(customers.loc[rows, name]).to_numpy(np.float64, na_value=np.nan)
        for name in ("index_week", "left_week")
    )
    left = at_most(leaving, end_week)
    end = np.where(left, leaving, end_week)
    weeks = end - start
    # Who left on the day of the order may have left before it by rounding.
    weeks = np.where((weeks < 0.0) & at_most(start, end), 0.0, weeks)
    if np.isnan(weeks).any() or (weeks < 0.0).any():
        raise ValueError(
            f"{int((~(weeks >= 0.0)).sum())} customers of {group!r} have no "
            f"index_week, one after end_week={end_week}, or left before it."
        )
    return weeks, left


def _refuse_repeats(customers: pd.DataFrame) -> None:
    """Raise if a customer has several rows: one leaves once, however often counted."""
    grouped = customers[customers[GROUP_COLUMN].notna()]
    if customer_clusters(grouped) is None:
        return
    counts = grouped["customer"].value_counts()
    raise ValueError(
        f"{int((counts > 1).sum()):,} customers have several rows, the first is "
        f"{counts.index[0]!r}; each leaves once, so keep one row of each (such as the "
        "first) and say which."
    )
