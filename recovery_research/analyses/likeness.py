"""Whether two groups were alike in what was known of them beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.groups import GROUP_COLUMN, rows_of_policy

# What a table made of an order log knows of its customers beforehand; not the failures
# before, which on a day are the groups by another name.
KNOWN_BEFORE = (
    "weeks_known", "weeks_since_order", "prior_orders", "prior_spend",
    "followup_spend_before",
)  # fmt: skip
# Standardised differences up to this are called balance (Austin 2009).
ALIKE = 0.1
MOST_LEVELS = 30


def tell_unlike(
    customers: pd.DataFrame,
    *,
    policy: str | None,
    treated: str,
    control: str,
    columns: Iterable[str] = KNOWN_BEFORE,
) -> str:
    """Say what two groups differed in beforehand, if in anything.

    A difference between groups that were unlike before is no announcement of what
    failure and recovery did: it says who is in which group as well.

    Parameters
    ----------
    customers : DataFrame
        One row per policy and customer, with `index_outcome`.
    policy : str or None
        Which policy's customers.
    treated, control : str
        Groups of `index_outcome`.
    columns : iterable of str, optional
        What was known beforehand; those not in the table are passed over.

    Returns
    -------
    str
        The column with the largest standardised difference, if beyond 0.1, and that
        difference: treated minus control over the root of the mean of both groups'
        variances. Empty if the groups were alike, or nothing was known.

    References
    ----------
    Austin, P. C. (2009). Balance diagnostics for comparing the distribution of
    baseline covariates between treatment groups in propensity-score matched samples.
    Statistics in Medicine 28, 3083-3107.

    Examples
    --------
    >>> customers = pd.DataFrame({"index_outcome": ["recovered", "no_failure"] * 2,
    ...                           "prior_orders": [9.0, 1.0, 8.0, 2.0]})
    >>> tell_unlike(customers, policy=None, treated="recovered", control="no_failure")
    'unlike beforehand: prior_orders differed by +9.90 standard deviations'
    """
    rows = rows_of_policy(customers, policy)
    groups = customers[GROUP_COLUMN]
    masks = [
        rows & (groups == name).to_numpy(dtype=bool, na_value=False)
        for name in (treated, control)
    ]
    largest, where = 0.0, ""
    for name in columns:
        if name not in customers:
            continue
        parts = [customers[name][mask] for mask in masks]
        for label, pair in spread_out(name, *parts):
            found = standardise(*pair)
            if abs(found) > abs(largest):
                largest, where = found, label
    if abs(largest) <= ALIKE:
        return ""
    return f"unlike beforehand: {where} differed by {largest:+.2f} standard deviations"


def spread_out(
    name: str, treated: pd.Series, control: pd.Series
) -> Iterable[tuple[str, tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """Yield a column's known values in both groups; of a category, level by level."""
    if pd.api.types.is_numeric_dtype(treated.dtype):
        yield name, tuple(known_values(each) for each in (treated, control))
        return
    known = [each.dropna().astype(str) for each in (treated, control)]
    levels = sorted(set(known[0]) | set(known[1]))
    for level in levels if len(levels) <= MOST_LEVELS else ():
        yield f"{name} {level}", tuple((k == level).to_numpy(np.float64) for k in known)


def known_values(column: pd.Series) -> NDArray[np.float64]:
    """Return the known values of a column of numbers or yes/no."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values[np.isfinite(values)]


def standardise(treated: NDArray[np.float64], control: NDArray[np.float64]) -> float:
    """Return the standardised difference of two means; 0 where there is none."""
    if min(treated.size, control.size) < 2:
        return 0.0
    spread = math.sqrt((treated.var(ddof=1) + control.var(ddof=1)) / 2.0)
    gap = float(treated.mean() - control.mean())
    size = max(abs(float(treated.mean())), abs(float(control.mean())))
    # What is left by rounding is no difference.
    if abs(gap) <= 1e-12 * size:
        return 0.0
    return gap / spread if spread > 0.0 else math.copysign(math.inf, gap)
