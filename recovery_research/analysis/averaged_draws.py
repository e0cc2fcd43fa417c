"""Analyses averaged over many draws of index orders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recovery_research._checks import did_you_mean
from recovery_research.analysis.groups import check_outcome, read_outcome, two_groups
from recovery_research.analysis.index_orders import (
    FOLLOWUP_WEEKS,
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
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.order_logs import INDEX_OUTCOMES, OrderLog, sort_log
from recovery_research.analysis.rounding import at_most
from recovery_research.analysis.verdicts import (
    Bounds,
    Curve,
    ScoreCurve,
    StudentCurve,
    critical_value,
    decide,
    set_bounds,
)
from recovery_research.results import Result


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
        few = f"{treated.n_customers} treated, {control.n_customers} control"
        return None, math.nan, f"a group of one customer has no spread ({few})"
    moves = [group.leave_out() for group in groups]
    parts = [jackknife(each, n) for each in moves]
    sizes = [group.effective for group in groups]
    std_error = math.sqrt(jackknife(moves[0] - moves[1], n))
    if yes_no:
        own, other = (
            effective_size(group, part)
            for group, part in zip(groups, parts, strict=True)
        )
        return ScoreCurve(treated.mean, control.mean, own, other), std_error, ""
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


@dataclass(frozen=True, slots=True)
class DrawAverage(Result):
    """An analysis averaged over many draws of index orders.

    Attributes
    ----------
    estimate : float
        Mean of the draws' estimates.
    std_error : float
        Its error; see the notes of `average_draws`.
    ci_low, ci_high, confidence : float
        Student's interval.
    p_value : float
        Two-sided, of no effect; agrees with the interval.
    n_draws, n_failed : int
        Draws averaged, and draws in which the analysis had no answer.
    error_of_one_draw : float
        Root mean square of the draws' own standard errors: what one draw's would be.
    spread_of_draws : float
        Standard deviation of the draws' estimates, which one draw hides.
    note : str
        What is doubtful; empty otherwise.
    """

    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    p_value: float
    n_draws: int
    n_failed: int
    error_of_one_draw: float
    spread_of_draws: float
    note: str


class Estimate(Protocol):
    """What the analysis of a draw must return; it may count its groups, too."""

    @property
    def estimate(self) -> float:
        """Return the estimate."""

    @property
    def std_error(self) -> float:
        """Return its standard error."""


def average_draws(
    orders: pd.DataFrame,
    analysis: Callable[[pd.DataFrame], Estimate],
    *,
    draws: int = 50,
    followup_weeks: float = FOLLOWUP_WEEKS,
    span: tuple[float, float] | None = None,
    keep: Sequence[str] = (),
    seed: int = 0,
    confidence: float = 0.95,
) -> DrawAverage:
    """Average any analysis of customers over many index orders of each.

    Parameters
    ----------
    orders, followup_weeks, span, keep, seed
        As in `customers_from_orders`; the log is of one policy.
    analysis : callable
        Takes the table of customers of one draw; returns an object with ``estimate``
        and ``std_error`` (and ``n_treated, n_control``, if it has them). Where it
        raises ValueError, or has no estimate, the draw is left out and counted.
    draws : int, optional
        How many, 2 or more.
    confidence : float, optional
        Level of the interval.

    Returns
    -------
    DrawAverage

    Raises
    ------
    ValueError
        If the log is not as it must be, or fewer than two draws can be analysed.

    See Also
    --------
    paradox_over_draws : of two means, with a shorter and steadier interval.

    Notes
    -----
    Within-cluster resampling: the variance of the mean is the mean of the draws'
    variances less the variance between draws (times ``1 - 1/draws``, because the draws
    are finitely many). Both are estimates; where the difference is not above zero, the
    mean variance of one draw stands in for it, which is too large, and ``note`` says
    so.

    References
    ----------
    Hoffman, E. B., Sen, P. K. and Weinberg, C. R. (2001). Within-cluster resampling.
    Biometrika 88, 1121-1134.

    Examples
    --------
    >>> from recovery_research.analysis.paradox import paradox
    >>> orders = pd.DataFrame({
    ...     "customer": [1, 2, 3, 4, 5, 6] * 2, "week": [2.0] * 6 + [6.0] * 6,
    ...     "amount": [10.0, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21],
    ...     "outcome": (["recovered"] * 3 + ["no_failure"] * 3) * 2})
    >>> found = average_draws(
    ...     orders, lambda table: paradox(table, outcome="followup_spend"), draws=9,
    ...     followup_weeks=4, span=(0, 12))
    >>> found.n_draws + found.n_failed
    9
    """
    check_level(confidence)
    log = read_log(orders, draws, followup_weeks, span, keep)
    found: list[Estimate] = []
    reason = ""
    for chosen in draw_orders(log, draws, followup_weeks, seed):
        try:
            one = analysis(count_by_customer(log, chosen, followup_weeks, keep))
        except ValueError as error:
            reason = str(error)
            continue
        if math.isfinite(one.estimate) and math.isfinite(one.std_error):
            found.append(one)
    if len(found) < 2:
        why = f": {reason}" if reason else "."
        raise ValueError(f"{len(found)} of {draws} draws have an answer, not two{why}")
    return combine(found, draws - len(found), confidence)


def combine(found: Sequence[Estimate], n_failed: int, confidence: float) -> DrawAverage:
    """Return the average of draws with its error."""
    estimates = np.array([one.estimate for one in found])
    within = float(np.mean([one.std_error**2 for one in found]))
    between = float(estimates.var(ddof=1))
    variance = within - (1.0 - 1.0 / len(found)) * between
    notes = []
    if not variance > 0.0:
        variance = within
        notes.append(
            "the draws differ by more than their own errors, so that the error of the "
            "average cannot be told; the one shown is that of a single draw, too large"
        )
    if n_failed:
        notes.append(f"{n_failed} draws without an answer are left out")
    sizes = [
        min(one.n_treated, one.n_control)
        for one in found
        if hasattr(one, "n_treated") and hasattr(one, "n_control")
    ]
    freedom = max(float(np.mean(sizes)) - 1.0, 1.0) if sizes else math.inf
    estimate, error = float(estimates.mean()), math.sqrt(variance)
    reach = critical_value(confidence, freedom) * error
    p_value = 1.0 if estimate == 0.0 else 0.0
    if error > 0.0:
        p_value = float(2.0 * stats.t.sf(abs(estimate) / error, freedom))
    return DrawAverage(
        estimate, error, estimate - reach, estimate + reach, confidence, p_value,
        len(found), n_failed, math.sqrt(within), math.sqrt(between), "; ".join(notes),
    )  # fmt: skip


RESAMPLING = "within-cluster resampling"
# Under so many, Student's t leans on the outcome being roughly bell-shaped.
FEW_CUSTOMERS = 30.0


@dataclass(frozen=True, slots=True)
class DrawnParadox(Result):
    """One outcome in two groups of customers, over many draws of index orders.

    Attributes
    ----------
    outcome, treated, control, method : str
        The column compared, the groups of `index_outcome`, and
        ``"within-cluster resampling"``.
    estimate, std_error : float
        Mean of treated minus mean of control, in the outcome's unit, and its error.
    ci_low, ci_high, confidence : float
        Its confidence interval; NaN if the data allow none (see `note`).
    p_value : float
        Two-sided, of no difference; agrees with the interval.
    n_treated, n_control : int
        Customers who are in the group, with a known outcome, in a draw or more.
    mean_treated, mean_control : float
        The two means.
    equivalence_low, equivalence_high : float
        Differences between these, both included, are not worth naming.
    bounds_source : str
        Who set the bounds.
    p_value_equivalence : float
        Two one-sided tests; small says the difference lies within the bounds.
    verdict : str
        See `verdicts.decide`.
    n_draws : int
        Draws.
    treated_per_draw, control_per_draw : float
        Mean number of customers in the group in one draw.
    error_of_one_draw, spread_of_draws : float
        Root mean square standard error (Welch) of single draws, and the standard
        deviation of their estimates; NaN where a draw has no customer to compare.
    note : str
        What could not be done or is doubtful; empty otherwise.
    """

    outcome: str
    treated: str
    control: str
    method: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    p_value: float
    n_treated: int
    n_control: int
    mean_treated: float
    mean_control: float
    equivalence_low: float
    equivalence_high: float
    bounds_source: str
    p_value_equivalence: float
    verdict: str
    n_draws: int
    treated_per_draw: float
    control_per_draw: float
    error_of_one_draw: float
    spread_of_draws: float
    note: str

    def __str__(self) -> str:
        head = f"{self.outcome}: {self.treated} minus {self.control} = "
        if math.isnan(self.ci_low):
            return (
                f"{head}{self.estimate:+.4g} (no interval: {self.note}); {self.verdict}"
            )
        return (
            f"{head}{self.estimate:+.4g} ({self.confidence:.0%} CI {self.ci_low:+.4g} "
            f"to {self.ci_high:+.4g}, {self.n_draws} draws); {self.verdict}"
        )


def paradox_over_draws(
    orders: pd.DataFrame,
    *,
    outcome: str = "followup_spend",
    treated: str = "recovered",
    control: str = "no_failure",
    bounds: float | tuple[float, float] | None = None,
    draws: int = 200,
    followup_weeks: float = FOLLOWUP_WEEKS,
    span: tuple[float, float] | None = None,
    keep: Sequence[str] = (),
    seed: int = 0,
    confidence: float = 0.95,
) -> DrawnParadox:
    """Compare recovered with never-failed customers over many index orders of each.

    In the order-based design one order of each customer is drawn, and most of a log
    is left unused; another seed would be another answer. Here it is drawn many times.

    Parameters
    ----------
    orders, followup_weeks, span, keep, seed
        As in `customers_from_orders`; the log is of one policy. `keep` names a column
        of the index order that is the outcome, if it is one.
    outcome : str, optional
        A numeric or yes/no column of the customers that `customers_from_orders` makes.
    treated, control, bounds, confidence
        As in `paradox`; bounds by default are averaged over the draws.
    draws : int, optional
        How many, 2 or more; a customer's are the same whoever else is in the log.

    Returns
    -------
    DrawnParadox

    Raises
    ------
    ValueError
        If the log is not as it must be, the outcome is not there, the log holds
        several policies, or a group is met in no draw.

    Notes
    -----
    This is within-cluster resampling (Hoffman, Sen & Weinberg), a customer being the
    cluster, with the draws pooled: every draw of every customer counts once. Its
    published variance, the mean variance within draws less the variance between
    them, was negative in a quarter of simulated logs (300 to 1,000 customers, 50
    draws). The error here is the jackknife's over customers instead, which cannot be;
    in the same simulations its intervals were a third as long as one draw's.

    References
    ----------
    Hoffman, E. B., Sen, P. K. and Weinberg, C. R. (2001). Within-cluster resampling.
    Biometrika 88, 1121-1134.

    Examples
    --------
    >>> orders = pd.DataFrame({
    ...     "customer": [1, 1, 2, 2, 3, 3, 4, 4], "week": [2.0, 7, 1, 8, 3, 7, 4, 8],
    ...     "amount": [10.0, 20, 10, 14, 12, 16, 10, 18],
    ...     "outcome": ["recovered", "no_failure"] * 2 + ["no_failure"] * 4})
    >>> found = paradox_over_draws(orders, draws=10, followup_weeks=4, span=(0, 12))
    >>> found.n_treated, found.n_control
    (2, 4)
    """
    check_level(confidence)
    log = read_log(orders, draws, followup_weeks, span, keep, outcome)
    tally = Tally(log.n_customers, treated, control, bounds)
    for chosen in draw_orders(log, draws, followup_weeks, seed):
        tally.add(chosen, read_draw(log, chosen, outcome, followup_weeks, keep))
    return tally.conclude(outcome, draws, confidence)


class Tally:
    """Two groups' outcomes, added up draw by draw."""

    def __init__(
        self,
        n_customers: int,
        treated: str,
        control: str,
        bounds: float | tuple[float, float] | None,
    ) -> None:
        self.names = (treated, control)
        self.codes = check_groups(treated, control)
        self.given = bounds
        self.groups = tuple(
            GroupTotals(np.zeros(n_customers), np.zeros(n_customers)) for _ in "tc"
        )
        self.singles: list[tuple[float, float]] = []  # estimate and variance of a draw
        self.bounds: list[Bounds] = []
        self.yes_no = True

    def add(self, chosen: IndexOrders, values: NDArray[np.float64]) -> None:
        """Add one draw."""
        held = []
        for group, code in zip(self.groups, self.codes, strict=True):
            here = (chosen.outcome == code) & ~np.isnan(values)
            group.total[here] += values[here]
            group.count[here] += 1.0
            held.append(values[here])
        pair = two_groups(*held)
        self.yes_no &= pair.yes_no
        if min(each.size for each in held) > 0:
            self.bounds.append(set_bounds(self.given, pair))
        if min(each.size for each in held) > 1:
            variance = sum(each.var(ddof=1) / each.size for each in held)
            self.singles.append((held[0].mean() - held[1].mean(), variance))

    def conclude(self, outcome: str, draws: int, confidence: float) -> DrawnParadox:
        """Return what all draws say together."""
        treated, control = self.groups
        for name, group in zip(self.names, self.groups, strict=True):
            if group.n_customers == 0:
                raise ValueError(
                    f"no index order of {draws} draws is {name!r} with a known "
                    f"{outcome}; there is nothing to compare."
                )
        curve, std_error, note = fit_curve(treated, control, yes_no=self.yes_no)
        low, high = (math.nan,) * 2 if curve is None else curve.limits(confidence)
        bounds = self.average_bounds()
        below = math.nan if curve is None else curve.tail(0.0)
        equivalence = math.nan
        if curve is not None:
            equivalence = max(curve.tail(bounds.low), 1.0 - curve.tail(bounds.high))
        smallest = min(treated.effective, control.effective)
        if curve is not None and not note and smallest < FEW_CUSTOMERS:
            note = (
                f"the smaller group weighs as much as {smallest:.0f} customers: the "
                "interval leans on the outcome being roughly bell-shaped"
            )
        one_error, spread = self.describe_single_draws()
        return DrawnParadox(
            outcome, *self.names, RESAMPLING, treated.mean - control.mean, std_error,
            low, high, confidence, min(2.0 * min(below, 1.0 - below), 1.0),
            treated.n_customers, control.n_customers, treated.mean, control.mean,
            bounds.low, bounds.high, bounds.source, equivalence,
            decide(low, high, bounds), draws, float(treated.count.sum() / draws),
            float(control.count.sum() / draws), one_error, spread, note,
        )  # fmt: skip

    def average_bounds(self) -> Bounds:
        """Return the bounds of the draws, averaged."""
        if not self.bounds:
            return Bounds(0.0, 0.0, "no default: no draw has both groups")
        low, high = (np.mean([b[k] for b in map(as_pair, self.bounds)]) for k in (0, 1))
        return Bounds(float(low), float(high), self.bounds[-1].source)

    def describe_single_draws(self) -> tuple[float, float]:
        """Return the usual error of one draw, and how much draws differ."""
        if len(self.singles) < 2:
            return math.nan, math.nan
        estimates, variances = np.array(self.singles).T
        return math.sqrt(variances.mean()), float(estimates.std(ddof=1))


def as_pair(bounds: Bounds) -> tuple[float, float]:
    """Return bounds as a pair."""
    return bounds.low, bounds.high
