"""Several rows of one customer: each customer's part in a group's mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recovery_research.analyses.groups import TwoGroups
from recovery_research.analyses.rounding import varies


@dataclass(frozen=True, slots=True)
class Gathered:
    """Two groups as independent customers.

    Attributes
    ----------
    treated, control : float64 array
        One number per customer; their mean is that of the rows, and the spread of
        their mean the clustered one of the rows' mean.
    covariance : float
        Of the two means, by customers who stand in both groups.
    n_in_both : int
        Such customers.
    worth : (float, float) or None
        For shares, how many independent rows each group is worth; None if all are.
    note : str
        How many rows are of how many customers; empty if each row is a customer.
    """

    treated: NDArray[np.float64]
    control: NDArray[np.float64]
    covariance: float
    n_in_both: int
    worth: tuple[float, float] | None
    note: str


def gather_rows(groups: TwoGroups) -> Gathered:
    """Add up each customer's rows, so that customers can be compared.

    A customer's number is the group's mean, plus the sum of that customer's rows less
    the mean, times customers over rows: the linearised mean of a cluster sample.

    Parameters
    ----------
    groups : TwoGroups
        With `customers_treated` and `customers_control` where rows repeat.

    Returns
    -------
    Gathered

    Examples
    --------
    >>> groups = TwoGroups(np.array([1.0, 3.0, 8.0]), np.array([2.0, 4.0]), 0,
    ...                    np.array([0, 0, 1]), np.array([2, 3]))
    >>> gathered = gather_rows(groups)
    >>> gathered.treated.round(2).tolist(), gathered.covariance
    ([1.33, 6.67], 0.0)
    """
    if groups.customers_treated is None or groups.customers_control is None:
        return Gathered(groups.treated, groups.control, 0.0, 0, None, "")
    pair = (
        _add_up(groups.treated, groups.customers_treated),
        _add_up(groups.control, groups.customers_control),
    )
    (own, own_ids), (other, other_ids) = pair
    both, left, right = np.intersect1d(own_ids, other_ids, return_indices=True)
    covariance = 0.0
    if both.size and min(own.size, other.size) > 1:
        moved = (own[left] - own.mean()) * (other[right] - other.mean())
        sizes = (own.size, other.size)
        stretch = math.sqrt(math.prod(n / (n - 1) for n in sizes))
        covariance = stretch * float(moved.sum()) / math.prod(sizes)
    rows = groups.treated.size + groups.control.size
    n_customers = own.size + other.size - both.size
    note = f"{rows} rows of {n_customers} customers: errors are by customer"
    if both.size:
        note += f", {both.size} of whom stand in both groups"
    worth = (_worth(groups.treated, own), _worth(groups.control, other))
    if covariance < 0.0:  # a customer's yes here goes with a no there: less sure
        parts = sum(v.var(ddof=1) / v.size for v in (own, other))
        shrink = parts / (parts - 2.0 * covariance)
        worth = (worth[0] * shrink, worth[1] * shrink)
    return Gathered(own, other, covariance, both.size, worth, note)


def _add_up(
    values: NDArray[np.float64], customers: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    ids, codes = np.unique(customers, return_inverse=True)
    mean = float(values.mean())
    gaps = values - mean if varies(values) else np.zeros(values.size)
    sums = np.bincount(codes, weights=gaps, minlength=ids.size)
    return mean + sums * (ids.size / values.size), ids


def _worth(values: NDArray[np.float64], gathered: NDArray[np.float64]) -> float:
    """Return how many independent rows would leave a share so uncertain."""
    share = float(values.mean())
    if gathered.size < 2 or not varies(gathered):
        return float(gathered.size)
    # As a share's own variance has n below it: all rows twice are worth once.
    variance = float(gathered.var()) / gathered.size
    return min(share * (1.0 - share) / variance, float(values.size))
