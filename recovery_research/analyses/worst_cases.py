"""What a contrast can be at worst where some customers were never observed."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from recovery_research.analyses.groups import TwoGroups, select_groups
from recovery_research.analyses.intervals import check_level, difference_of_means

# A column for everybody, by a name that no column of a file has.
EVERYBODY = "EVERYBODY"


@dataclass(frozen=True, slots=True)
class WorstCase:
    """What the contrast can be, whatever the unknown outcomes are.

    Attributes
    ----------
    outcome, policy, treated, control
        What was compared.
    lowest, highest : float
        What an unknown outcome can be.
    bound_low, bound_high : float
        Difference of means if all unknown outcomes were at the extreme least, or
        most, favourable to the treated.
    ci_low, ci_high, confidence : float
        Outer limits of the two extremes' intervals.
    n_treated, n_control : int
        Customers, known or not.
    n_missing_treated, n_missing_control : int
        Unknown outcomes.
    note : str
        What could not be done; empty otherwise.
    """

    outcome: str
    policy: str | None
    treated: str
    control: str
    lowest: float
    highest: float
    bound_low: float
    bound_high: float
    ci_low: float
    ci_high: float
    confidence: float
    n_treated: int
    n_control: int
    n_missing_treated: int
    n_missing_control: int
    note: str

    def to_frame(self) -> pd.DataFrame:
        """Return the bounds as one row, one column per field."""
        return pd.DataFrame([asdict(self)])


def bound_worst_case(
    customers: pd.DataFrame,
    *,
    outcome: str,
    lowest: float,
    highest: float,
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    confidence: float = 0.95,
) -> WorstCase:
    """Bound a contrast when some outcomes are unknown for unknown reasons (Manski).

    Parameters
    ----------
    customers, outcome, policy, treated, control, confidence
        As in `contrasts.paradox`.
    lowest, highest : float
        The least and the most an unknown outcome can be, in the outcome's unit (0
        and 1 for yes/no). The bounds are as wide as this range is.

    Returns
    -------
    WorstCase

    Raises
    ------
    ValueError
        As `contrasts.paradox`; also if a known outcome lies outside the range.

    References
    ----------
    Manski, C. F. (1990). Nonparametric bounds on treatment effects. American Economic
    Review 80, 319-323.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 4 + ["no_failure"] * 4,
    ...     "stayed": [True, True, None, False, True, True, False, False]})
    >>> found = bound_worst_case(customers, outcome="stayed", lowest=0, highest=1)
    >>> found.bound_low, found.bound_high
    (0.0, 0.25)
    """
    check_level(confidence)
    groups = select_groups(
        customers, outcome=outcome, policy=policy, treated=treated, control=control
    )
    known = np.concatenate([groups.treated, groups.control])
    if not lowest < highest or (
        known.size and not (lowest <= known.min() and known.max() <= highest)
    ):
        raise ValueError(
            f"unknown outcomes were said to lie in {lowest} .. {highest}, but known "
            f"ones lie in {known.min() if known.size else '?'} .. "
            f"{known.max() if known.size else '?'}."
        )
    missing = _count_missing(customers, groups, policy, treated, control)
    ends = []
    for for_treated, for_control in ((lowest, highest), (highest, lowest)):
        filled = (
            np.r_[groups.treated, np.full(missing[0], float(for_treated))],
            np.r_[groups.control, np.full(missing[1], float(for_control))],
        )
        ends.append(difference_of_means(*filled, confidence=confidence))
    return WorstCase(
        outcome=outcome,
        policy=policy,
        treated=treated,
        control=control,
        lowest=float(lowest),
        highest=float(highest),
        bound_low=ends[0].estimate,
        bound_high=ends[1].estimate,
        ci_low=ends[0].ci_low,
        ci_high=ends[1].ci_high,
        confidence=confidence,
        n_treated=groups.treated.size + missing[0],
        n_control=groups.control.size + missing[1],
        n_missing_treated=missing[0],
        n_missing_control=missing[1],
        note=ends[0].note or ends[1].note,
    )


def _count_missing(
    customers: pd.DataFrame,
    groups: TwoGroups,
    policy: str | None,
    treated: str,
    control: str,
) -> tuple[int, int]:
    ones = customers.assign(**{EVERYBODY: 1.0})
    everybody = select_groups(
        ones, outcome=EVERYBODY, policy=policy, treated=treated, control=control
    )
    return (
        everybody.treated.size - groups.treated.size,
        everybody.control.size - groups.control.size,
    )
