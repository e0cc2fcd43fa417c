"""How alike two groups were beforehand, and how alike weights make them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.covariates import Comparison, compare_with_covariates
from recovery_research.analyses.weighting import (
    Propensity,
    effective_size,
    fit_propensity,
    weights_for,
)

TARGETS = ("treated", "all")


def diagnose_overlap(
    comparison: Comparison, propensity: Propensity, *, target: str
) -> dict[str, float]:
    """Say how well the groups can stand in for one another.

    Returns
    -------
    dict
        The fields ``effective_treated`` to ``imbalance_after`` of
        `AdjustedEstimate`.
    """
    weights = weights_for(propensity, comparison.treated, target=target)
    chance, treated = propensity.chance, comparison.treated
    other = chance[~treated]
    outside = (chance < other.min()) | (chance > other.max())
    asked = treated
    if target == "all":
        own = chance[treated]
        outside = outside | (chance < own.min()) | (chance > own.max())
        asked = np.ones(len(treated), dtype=bool)
    before = standardised_differences(comparison, treated * 1.0, ~treated * 1.0)
    after = standardised_differences(comparison, *weights)
    return {
        "effective_treated": effective_size(weights[0]),
        "effective_control": effective_size(weights[1]),
        "overlap_low": float(chance.min()),
        "overlap_high": float(chance.max()),
        "share_outside": float(outside[asked].mean()),
        "imbalance_before": float(np.abs(before).max()),
        "imbalance_after": float(np.abs(after).max()),
    }


def tabulate_balance(
    customers: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str],
    target: str = "treated",
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
) -> pd.DataFrame:
    """List each covariate's standardised difference before and after weighting.

    Parameters
    ----------
    customers, outcome, covariates, target, policy, treated, control
        As in `adjust`; the outcome only decides whose outcome is known.

    Returns
    -------
    DataFrame
        One row per covariate (per level but one, for categories): `covariate`,
        `mean_treated`, `mean_control`, `difference_before`, `difference_after`. The
        differences are treated minus control over the root of the mean of the two
        groups' unweighted variances.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered", "no_failure"] * 3,
    ...     "spend": [1.0, 2, 3, 4, 5, 6], "tenure": [3.0, 2, 1, 5, 4, 4]})
    >>> table = tabulate_balance(customers, outcome="spend", covariates=["tenure"])
    >>> table["covariate"].tolist()
    ['tenure']
    """
    check_target(target)
    comparison = compare_with_covariates(
        customers,
        outcome=outcome,
        covariates=covariates,
        policy=policy,
        treated=treated,
        control=control,
    )
    group = comparison.treated
    weights = weights_for(fit_propensity(comparison), group, target=target)
    values = comparison.design[:, 1:]
    return pd.DataFrame(
        {
            "covariate": comparison.terms,
            "mean_treated": values[group].mean(axis=0),
            "mean_control": values[~group].mean(axis=0),
            "difference_before": standardised_differences(
                comparison, group * 1.0, ~group * 1.0
            ),
            "difference_after": standardised_differences(comparison, *weights),
        }
    )


def standardised_differences(
    comparison: Comparison,
    treated_weights: NDArray[np.float64],
    control_weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return weighted mean differences in units of the unweighted spread."""
    values = comparison.design[:, 1:]
    group = comparison.treated
    spread = np.sqrt((values[group].var(axis=0) + values[~group].var(axis=0)) / 2.0)
    gap = (
        treated_weights @ values / treated_weights.sum()
        - control_weights @ values / control_weights.sum()
    )
    return gap / spread


def check_target(target: str) -> None:
    """Raise unless the target population is one that weights can aim at."""
    if target not in TARGETS:
        raise ValueError(f"unknown target {target!r}; use one of {list(TARGETS)}.")
