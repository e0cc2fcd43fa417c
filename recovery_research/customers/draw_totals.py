"""Sums over many draws of index orders, and what follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recovery_research.analyses.curves import Curve, ScoreCurve, StudentCurve


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

    Returns
    -------
    curve : Curve or None
        None where there is no error to be had.
    std_error : float
    note : str
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
