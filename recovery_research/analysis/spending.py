"""Spend in two parts: whether a customer spends at all, and how much if so."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.balance import tell_unlike
from recovery_research.analysis.contrasts import compare, compare_means
from recovery_research.analysis.groups import (
    GROUP_COLUMN,
    TwoGroups,
    keep_values,
    rows_of_policy,
    select_groups,
)
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.verdicts import critical_value
from recovery_research.results import Result

FEW_CLUSTERS = 40


@dataclass(frozen=True, slots=True)
class SpendingDecomposition(Result):
    """The difference in mean spend, divided into buying at all and buying more.

    Attributes
    ----------
    outcome, policy, treated, control : str
        What was compared.
    share_difference, share_ci_low, share_ci_high : float
        Difference in the share who spend anything, with exact limits of each combined.
    amount_difference, amount_ci_low, amount_ci_high : float
        Difference in mean spend among those who spend, with `paradox`'s interval.
    estimate, std_error, ci_low, ci_high, confidence : float
        Difference in mean spend over everybody, with `paradox`'s interval; by t with a
        clustered error where clusters are named.
    from_share, from_amount : float
        How much of the estimate comes from each part; they add up to it.
    share_treated, share_control, amount_treated, amount_control : float
        The parts themselves.
    n_treated, n_control, n_buyers_treated, n_buyers_control, n_missing : int
        Customers, those who spent, and those whose spend is unknown.
    n_clusters : int
        Clusters behind the error (customers, where some have several rows); 0 if every
        row stands alone.
    note : str
        What could not be done or is doubtful; empty otherwise.
    """

    outcome: str
    policy: str | None
    treated: str
    control: str
    share_difference: float
    share_ci_low: float
    share_ci_high: float
    amount_difference: float
    amount_ci_low: float
    amount_ci_high: float
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    from_share: float
    from_amount: float
    share_treated: float
    share_control: float
    amount_treated: float
    amount_control: float
    n_treated: int
    n_control: int
    n_buyers_treated: int
    n_buyers_control: int
    n_missing: int
    n_clusters: int
    note: str


def decompose_spending(
    customers: pd.DataFrame,
    *,
    outcome: str = "followup_spend",
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    clusters: str | None = None,
    confidence: float = 0.95,
) -> SpendingDecomposition:
    """Divide a difference in mean spend into more buyers and bigger buyers.

    Parameters
    ----------
    customers, policy, treated, control, confidence
        As in `paradox.paradox`.
    outcome : str, optional
        A column of amounts, nowhere negative.
    clusters : str, optional
        Column that says which customers belong together (a household, a branch);
        the errors are then clustered by it, that of the total as CR1 with t and
        clusters less one. Without it, rows of one customer belong together.

    Returns
    -------
    SpendingDecomposition

    Raises
    ------
    ValueError
        As `paradox.paradox`; also if an amount is negative or a cluster unknown.

    Notes
    -----
    The division weighs each part's difference with the average of the two groups for
    the other part, so that it is the same whichever group comes first:
    ``from_share = (share_t - share_c) * (amount_t + amount_c) / 2``, and likewise.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 4 + ["no_failure"] * 4,
    ...     "followup_spend": [0.0, 8, 12, 10, 0, 0, 9, 11]})
    >>> parts = decompose_spending(customers)
    >>> parts.from_share, parts.from_amount, parts.estimate
    (2.5, 0.0, 2.5)
    """
    check_level(confidence)
    groups = select_groups(
        customers, outcome=outcome, policy=policy, treated=treated, control=control,
        clusters=clusters,
    )  # fmt: skip
    pair = _check_amounts(groups, outcome)
    buying = [values > 0.0 for values in pair]
    sides = [side.astype(np.float64) for side in buying]
    share = compare(
        replace(groups, treated=sides[0], control=sides[1]),
        method="clopper_pearson",
        confidence=confidence,
    )
    spenders = keep_values(groups, *buying)
    buyers = [spenders.treated, spenders.control]
    amount, amounts, note = _compare_amounts(spenders, confidence)
    which = (policy, treated, control)
    total, doubt = _compare_totals(
        customers, outcome, groups, which, clusters, confidence
    )
    unlike = tell_unlike(customers, policy=policy, treated=treated, control=control)
    note = "; ".join(part for part in (note, doubt, unlike) if part)
    shares = [float((values > 0.0).mean()) for values in pair]
    known = [0.0 if math.isnan(value) else value for value in amounts]
    return SpendingDecomposition(
        outcome=outcome,
        policy=policy,
        treated=treated,
        control=control,
        share_difference=share.estimate,
        share_ci_low=share.ci_low,
        share_ci_high=share.ci_high,
        amount_difference=amount[0],
        amount_ci_low=amount[1],
        amount_ci_high=amount[2],
        **total,
        confidence=confidence,
        from_share=(shares[0] - shares[1]) * (known[0] + known[1]) / 2.0,
        from_amount=(known[0] - known[1]) * (shares[0] + shares[1]) / 2.0,
        share_treated=shares[0],
        share_control=shares[1],
        amount_treated=amounts[0],
        amount_control=amounts[1],
        n_treated=pair[0].size,
        n_control=pair[1].size,
        n_buyers_treated=buyers[0].size,
        n_buyers_control=buyers[1].size,
        n_missing=groups.n_missing,
        note=note,
    )


def _check_amounts(
    groups: TwoGroups, outcome: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the two groups' amounts; refuse what cannot be divided."""
    pair = (groups.treated, groups.control)
    if min(values.min(initial=0.0) for values in pair) < 0.0:
        raise ValueError(
            f"{outcome!r} is negative somewhere; spend in two parts is not."
        )
    if min(values.size for values in pair) == 0:
        raise ValueError(
            f"{outcome!r} is unknown for a whole group ({pair[0].size} known treated, "
            f"{pair[1].size} known control): nothing to divide."
        )
    return pair


def _compare_amounts(
    buyers: TwoGroups, confidence: float
) -> tuple[tuple[float, float, float], list[float], str]:
    pair = (buyers.treated, buyers.control)
    means = [float(v.mean()) if v.size else math.nan for v in pair]
    if min(v.size for v in pair) == 0:
        nobody = " and ".join(
            name
            for name, v in zip(("treated", "control"), pair, strict=True)
            if v.size == 0
        )
        note = f"nobody among the {nobody} spent anything: no amounts to compare"
        return (math.nan, math.nan, math.nan), means, note
    found = compare_means(buyers, confidence=confidence)
    note = f"amounts: {found.note}" if found.note else ""
    return (found.estimate, found.ci_low, found.ci_high), means, note


class Total(TypedDict):
    """Mean spend over everybody compared, as fields of the result."""

    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    n_clusters: int


def _compare_totals(
    customers: pd.DataFrame,
    outcome: str,
    groups: TwoGroups,
    which: tuple[str | None, str, str],
    clusters: str | None,
    confidence: float,
) -> tuple[Total, str]:
    """Compare mean spend over everybody, with the error asked for; and a note."""
    total = compare_means(groups, confidence=confidence)
    n_clusters = 0
    if groups.customers_treated is not None and groups.customers_control is not None:
        whose = np.concatenate([groups.customers_treated, groups.customers_control])
        n_clusters = np.unique(whose).size
    found: Total = {
        "estimate": total.estimate,
        "std_error": total.std_error,
        "ci_low": total.ci_low,
        "ci_high": total.ci_high,
        "n_clusters": n_clusters,
    }
    if clusters is None:
        return found, total.note
    error, reach, n_clusters, doubt = _clustered_error(
        customers, outcome, clusters, which, confidence
    )
    clustered: Total = {
        "estimate": total.estimate,
        "std_error": error,
        "ci_low": total.estimate - reach,
        "ci_high": total.estimate + reach,
        "n_clusters": n_clusters,
    }
    return clustered, doubt


def _clustered_error(
    customers: pd.DataFrame,
    outcome: str,
    clusters: str,
    which: tuple[str | None, str, str],
    confidence: float,
) -> tuple[float, float, int, str]:
    """Sum each cluster's scores of the difference of means (CR1)."""
    policy, treated, control = which
    if clusters not in customers:
        raise ValueError(f"the table has no column {clusters!r} to cluster by.")
    group = customers[GROUP_COLUMN].to_numpy()
    rows = rows_of_policy(customers, policy) & np.isin(group, (treated, control))
    rows = rows & customers[outcome].notna().to_numpy()
    label = customers.loc[rows, clusters]
    if label.isna().any():
        raise ValueError(
            f"{int(label.isna().sum())} customers have no {clusters!r}; give each one."
        )
    values = customers.loc[rows, outcome].to_numpy(dtype=np.float64)
    codes, names = pd.factorize(label)
    if len(names) < 3:
        raise ValueError(f"{len(names)} clusters in {clusters!r}; three at the least.")
    scores = np.zeros(values.size)
    for name, sign in ((treated, 1.0), (control, -1.0)):
        inside = group[rows] == name
        centred = values[inside] - values[inside].mean()
        scores[inside] = sign * centred / inside.sum()
    sums = np.bincount(codes, weights=scores)
    n, g = values.size, len(names)
    error = math.sqrt(float(sums @ sums) * g / (g - 1) * (n - 1) / (n - 2))
    reach = error * critical_value(confidence, g - 1)
    doubt = ""
    if g < FEW_CLUSTERS:
        doubt = f"only {g} clusters: clustered errors tend to be too small below 40"
    return error, reach, g, doubt
