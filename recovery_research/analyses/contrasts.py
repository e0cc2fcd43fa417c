"""Two groups of customers compared as they come, on one outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recovery_research.analyses.comparisons import compare
from recovery_research.analyses.groups import select_groups
from recovery_research.analyses.likeness import tell_unlike
from recovery_research.analyses.verdicts import decide, set_bounds
from recovery_research.results import Result


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
