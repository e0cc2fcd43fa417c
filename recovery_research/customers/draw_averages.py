"""An analysis of customers, averaged over many index orders of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from recovery_research.analyses.curves import critical_value
from recovery_research.analyses.intervals import check_level
from recovery_research.customers.index_draws import draw_orders, read_log
from recovery_research.customers.order_customers import (
    FOLLOWUP_WEEKS,
    count_by_customer,
)
from recovery_research.results import Result


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


def average_draws(
    orders: pd.DataFrame,
    analysis: Callable[[pd.DataFrame], object],
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
    >>> from recovery_research.analyses.paradox import paradox
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
    found, reason = [], ""
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


def combine(found: Sequence[object], n_failed: int, confidence: float) -> DrawAverage:
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
        min(one.n_treated, one.n_control) for one in found if hasattr(one, "n_treated")
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
