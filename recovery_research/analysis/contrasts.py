"""Which interval suits two groups, and what it says about them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from recovery_research._checks import did_you_mean
from recovery_research.analysis.balance import tell_unlike
from recovery_research.analysis.bootstrap import borrowed_skewness
from recovery_research.analysis.groups import TwoGroups, gather_rows, select_groups
from recovery_research.analysis.intervals import (
    METHODS_FOR_MEANS,
    METHODS_FOR_SHARES,
    Interval,
    check_level,
    difference_of_means,
    difference_of_proportions,
    without_interval,
)
from recovery_research.analysis.small_samples import few_events
from recovery_research.analysis.verdicts import decide, set_bounds
from recovery_research.results import Result

METHODS = ("auto", *METHODS_FOR_MEANS, *METHODS_FOR_SHARES)

# Between groups of about one size opposite tails cancel, and Welch's interval keeps
# its level whatever the skewness; past twice the size it does not
# (tests/analysis/test_interval_coverage.py prints both).
LOPSIDED = 2.0
# A twentieth moves Welch's limits by 0.07 standard errors: 2.5 % becomes 2.9 and 2.1.
SKEWNESS_TO_RESAMPLE = 0.05


def compare(groups: TwoGroups, *, method: str, confidence: float) -> Interval:
    """Compare two groups by the method named, or by the one that suits the data.

    Examples
    --------
    >>> import numpy as np
    >>> groups = TwoGroups(np.array([2.0, 4, 6]), np.array([1.0, 2, 3]), 0)
    >>> compare(groups, method="auto", confidence=0.95).method
    'welch'
    """
    if method not in METHODS:
        raise ValueError(
            f"unknown method {method!r}; use one of {list(METHODS)}."
            f"{did_you_mean(method, METHODS)}"
        )
    check_level(confidence)
    shares = method in METHODS_FOR_SHARES
    if shares and not groups.yes_no:
        raise ValueError(
            f"method={method!r} is for outcomes of zeros and ones (yes/no); use "
            f"'auto' or one of {list(METHODS_FOR_MEANS)} for other numbers."
        )
    known = min(groups.treated.size, groups.control.size) > 0
    if known and (shares or (method == "auto" and groups.yes_no)):
        return _compare_shares(groups, method, confidence)
    return compare_means(groups, confidence=confidence, method=method)


def compare_means(
    groups: TwoGroups, *, confidence: float, method: str = "auto"
) -> Interval:
    """Compare two groups as numbers, also where all of them are 0 or 1."""
    sizes = (groups.treated.size, groups.control.size)
    if min(sizes) == 0:
        note = (
            f"no known outcome in a group ({sizes[0]} treated, {sizes[1]} control, "
            f"{groups.n_missing} missing): nothing to compare"
        )
        return without_interval("none", math.nan, sizes, confidence, note)
    gathered = gather_rows(groups)
    if method == "bca" and gathered.covariance:
        raise ValueError(
            f"{gathered.n_in_both} customers stand in both groups, and method='bca' "
            "takes groups for independent; use 'auto'."
        )
    pair = (gathered.treated, gathered.control)
    if method == "auto":
        method = choose_method(TwoGroups(*pair, 0))
    found = difference_of_means(
        *pair,
        confidence=confidence,
        method="bootstrap_t" if method in METHODS_FOR_SHARES else method,
        covariance=gathered.covariance,
    )
    return _with_rows(found, sizes, gathered.note)


def choose_method(groups: TwoGroups) -> str:
    """Name the interval that suits the data.

    Examples
    --------
    >>> import numpy as np
    >>> amounts = np.r_[np.zeros(60), np.arange(40.0) ** 2]
    >>> choose_method(TwoGroups(amounts[50:70], amounts, 0))
    'bootstrap_t'
    """
    if groups.yes_no:
        return "clopper_pearson"
    pair = (groups.treated, groups.control)
    if few_events(*pair) is not None or few_events(*pair[::-1]) is not None:
        return "bootstrap_t"
    small, large = sorted(values.size for values in pair)
    if large < LOPSIDED * small:
        return "welch"
    skewed = abs(borrowed_skewness(*pair)) > SKEWNESS_TO_RESAMPLE
    return "bootstrap_t" if skewed else "welch"


def _compare_shares(groups: TwoGroups, method: str, confidence: float) -> Interval:
    gathered = gather_rows(groups)
    found = difference_of_proportions(
        groups.treated,
        groups.control,
        confidence=confidence,
        method="clopper_pearson" if method == "auto" else method,
        worth=gathered.worth,
    )
    return _with_rows(found, (groups.treated.size, groups.control.size), gathered.note)


def _with_rows(found: Interval, sizes: tuple[int, int], note: str) -> Interval:
    """Count rows, and say that they are of fewer customers."""
    notes = "; ".join(part for part in (note, found.note) if part)
    return replace(found, n_treated=sizes[0], n_control=sizes[1], note=notes)


@dataclass(frozen=True, slots=True)
class ParadoxEstimate(Result):
    """One outcome in two groups of customers, and what may be said about it.

    Attributes
    ----------
    outcome : str
        The column compared.
    policy : str or None
        Whose customers, None if the table has no policies to tell apart.
    treated, control : str
        The two groups of `index_outcome`.
    method : str
        ``"welch"``, ``"bootstrap_t"``, ``"clopper_pearson"``, ``"newcombe"`` or
        ``"bca"``.
    estimate, std_error : float
        Mean of treated minus mean of control, in the outcome's unit.
    ci_low, ci_high, confidence : float
        Its confidence interval; NaN if the data allow none (see `note`).
    n_treated, n_control : int
        Customers with a known outcome (rows, where customers have several).
    mean_treated, mean_control : float
        The two means; NaN for a group without a known outcome.
    equivalence_low, equivalence_high : float
        Differences between these, both included, are not worth naming.
    p_value_equivalence : float
        Two one-sided tests; small says the difference lies within the bounds.
    n_missing : int
        Customers of the two groups whose outcome is unknown, left out.
    verdict : str
        See `verdicts.decide`. With groups other than recovered and no_failure read
        ``paradox`` as "treated above control by more than the bounds".
    p_value : float
        Two-sided, of no difference; agrees with the interval.
    bounds_source : str
        Who set the bounds.
    note : str
        What could not be done or is doubtful; empty otherwise.
    """

    outcome: str
    policy: str | None
    treated: str
    control: str
    method: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    n_treated: int
    n_control: int
    mean_treated: float
    mean_control: float
    equivalence_low: float
    equivalence_high: float
    p_value_equivalence: float
    n_missing: int
    verdict: str
    p_value: float
    bounds_source: str
    note: str

    def __str__(self) -> str:
        head = f"{self.outcome}: {self.treated} minus {self.control} = "
        if math.isnan(self.ci_low):
            return (
                f"{head}{self.estimate:+.4g} (no interval: {self.note}); {self.verdict}"
            )
        return (
            f"{head}{self.estimate:+.4g} ({self.confidence:.0%} CI {self.ci_low:+.4g} "
            f"to {self.ci_high:+.4g}); {self.verdict}"
        )


def contrast_known(
    customers: pd.DataFrame,
    *,
    outcome: str,
    policy: str | None = None,
    treated: str,
    control: str,
    bounds: float | tuple[float, float] | None = None,
    method: str = "auto",
    confidence: float = 0.95,
) -> ParadoxEstimate:
    """Compare two groups as `paradox` does, without a word on unknown outcomes."""
    groups = select_groups(
        customers, outcome=outcome, policy=policy, treated=treated, control=control
    )
    limits = set_bounds(bounds, groups)
    interval = compare(groups, method=method, confidence=confidence)
    unlike = tell_unlike(customers, policy=policy, treated=treated, control=control)
    return ParadoxEstimate(
        outcome=outcome,
        policy=policy,
        treated=treated,
        control=control,
        method=interval.method,
        estimate=interval.estimate,
        std_error=interval.std_error,
        ci_low=interval.ci_low,
        ci_high=interval.ci_high,
        confidence=confidence,
        n_treated=interval.n_treated,
        n_control=interval.n_control,
        mean_treated=_mean(groups.treated),
        mean_control=_mean(groups.control),
        equivalence_low=limits.low,
        equivalence_high=limits.high,
        p_value_equivalence=interval.equivalence_p_value(limits.low, limits.high),
        n_missing=groups.n_missing,
        verdict=decide(interval.ci_low, interval.ci_high, limits),
        p_value=interval.p_value,
        bounds_source=limits.source,
        note="; ".join(part for part in (interval.note, unlike) if part),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else math.nan
