"""How alike two groups were beforehand, and how alike weights make them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.covariates import (
    Comparison,
    Covariate,
    compare_with_covariates,
    place_knots,
)
from recovery_research.analysis.groups import GROUP_COLUMN, rows_of_policy
from recovery_research.analysis.overlap import TARGETS, TERMS, prepare
from recovery_research.analysis.propensity import Propensity, Sample, balance_weights


@dataclass(frozen=True, slots=True)
class Balance:
    """How alike two weighted groups are in each term of their covariates.

    Attributes
    ----------
    differences, squares, ratios : float64 array, shape (n_terms,)
        Standardised differences of the terms, those of numbers' squares, and weighted
        variances of numbers, treated over control; the last two not a number for
        indicators and for numbers with two values.
    """

    differences: NDArray[np.float64]
    squares: NDArray[np.float64]
    ratios: NDArray[np.float64]

    @property
    def largest(self) -> float:
        """Return the largest difference of a term or a square."""
        found = np.abs(np.r_[self.differences, self.squares])
        return float(np.nanmax(found))

    @property
    def furthest(self) -> float:
        """Return the ratio of variances that is furthest from one."""
        known = self.ratios[np.isfinite(self.ratios) & (self.ratios > 0.0)]
        return float(known[np.argmax(np.abs(np.log(known)))]) if known.size else 1.0


class Overlap(TypedDict):
    """How well the groups stand in for one another, as fields of an estimate."""

    overlap_low: float
    overlap_high: float
    share_outside: float
    imbalance_before: float
    imbalance_after: float
    variance_ratio_after: float


def diagnose_overlap(
    comparison: Comparison,
    propensity: Propensity,
    weights: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    target: str,
) -> Overlap:
    """Say how well the groups can stand in for one another."""
    chance, treated = propensity.chance, comparison.treated
    other = chance[~treated]
    outside = (chance < other.min()) | (chance > other.max())
    asked = treated
    if target == "all":
        own = chance[treated]
        outside = outside | (chance < own.min()) | (chance > own.max())
        asked = np.ones(len(treated), dtype=bool)
    plain = (treated.astype(np.float64), (~treated).astype(np.float64))
    before, after = measure_balance(comparison, plain, weights)
    return {
        "overlap_low": float(chance.min()),
        "overlap_high": float(chance.max()),
        "share_outside": float(outside[asked].mean()),
        "imbalance_before": before.largest,
        "imbalance_after": after.largest,
        "variance_ratio_after": after.furthest,
    }


def tabulate_balance(
    customers: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str],
    target: str = "treated",
    terms: str = "flexible",
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
) -> pd.DataFrame:
    """List each covariate's standardised difference before and after weighting.

    Parameters
    ----------
    customers, outcome, covariates, target, terms, policy, treated, control
        As in `adjust`; the outcome only decides whose outcome is known.

    Returns
    -------
    DataFrame
        One row per covariate (per level but one, for categories): `covariate`,
        `mean_treated`, `mean_control`, `difference_before`, `difference_after`,
        `square_before`, `square_after`, `variance_ratio_before`,
        `variance_ratio_after`. The differences are treated minus control over the
        root of the mean of the two groups' unweighted variances (with n - 1, as Austin
        has them); squares are those of the distance from the two groups' middle, and
        not a number, like the ratio of variances (treated over control), for
        categories and yes/no. Customers without a counterpart are set aside, as in
        `adjust`.

    Notes
    -----
    Means alone do not show two groups alike: where the treated are the highest and the
    lowest, means agree and squares do not. A square is taken no further out than
    the outer fences of `covariates.place_knots`, or one customer would decide it.

    References
    ----------
    Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline
    covariates between treatment groups in propensity-score matched samples.
    Statistics in Medicine 28, 3083-3107.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered", "no_failure"] * 3,
    ...     "spend": [1.0, 2, 3, 4, 5, 6], "tenure": [3.0, 2, 1, 5, 4, 4]})
    >>> table = tabulate_balance(customers, outcome="spend", covariates=["tenure"])
    >>> table["covariate"].tolist()
    ['tenure']
    """
    for name, value, allowed in (
        ("target", target, TARGETS), ("terms", terms, TERMS)
    ):  # fmt: skip
        if value not in allowed:
            raise ValueError(f"unknown {name} {value!r}; use one of {list(allowed)}.")
    comparison = compare_with_covariates(
        customers,
        outcome=outcome,
        covariates=covariates,
        policy=policy,
        treated=treated,
        control=control,
    )
    ready = prepare(comparison, (treated, control), target=target, terms=terms)
    comparison = ready.comparison
    group = comparison.treated
    sample = Sample(
        comparison.outcome, group, ready.design, crossed=terms == "flexible"
    )
    weights = [
        balance_weights(sample, ready.propensity, arm=arm, target=target)[0]
        for arm in (True, False)
    ]
    plain = (group.astype(np.float64), (~group).astype(np.float64))
    before, after = measure_balance(comparison, plain, (weights[0], weights[1]))
    values = comparison.design[:, 1:]
    return pd.DataFrame(
        {
            "covariate": comparison.terms,
            "mean_treated": values[group].mean(axis=0),
            "mean_control": values[~group].mean(axis=0),
            "difference_before": before.differences,
            "difference_after": after.differences,
            "square_before": before.squares,
            "square_after": after.squares,
            "variance_ratio_before": before.ratios,
            "variance_ratio_after": after.ratios,
        }
    )


def measure_balance(
    comparison: Comparison,
    *weightings: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> list[Balance]:
    """Compare the groups' means, squares and variances, term by term, under weights."""
    group = comparison.treated
    by_name = {each.name: each for each in comparison.covariates}
    rows: list[list[tuple[float, float, float]]] = [[] for _ in weightings]
    for term, values in zip(comparison.terms, comparison.design.T[1:], strict=True):
        gaps = _standardised(values, group, weightings)
        shapes = [(np.nan, np.nan)] * len(weightings)
        if term in by_name and not by_name[term].levels:
            shapes = _shapes(by_name[term], group, weightings)
        for row, gap, shape in zip(rows, gaps, shapes, strict=True):
            row.append((gap, *shape))
    return [Balance(*np.array(row).T) for row in rows]


def _shapes(
    covariate: Covariate,
    group: NDArray[np.bool_],
    weightings: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> list[tuple[float, float]]:
    """Compare a number's squares and variances; not a number if it has two values."""
    knots = place_knots(covariate.values, group, 2)
    if not knots.size:
        return [(np.nan, np.nan)] * len(weightings)
    values = np.clip(covariate.values, knots[0], knots[-1])
    middle = (values[group].mean() + values[~group].mean()) / 2.0
    squares = (values - middle) ** 2
    gaps = _standardised(squares, group, weightings)
    ratios = []
    for weights in weightings:
        spreads = []
        for w in weights:
            # Around the middle, which is near: nothing is lost by the short cut.
            total = float(w.sum())
            shift = float(w @ values) / total - middle
            spreads.append(float(w @ squares) / total - shift * shift)
        both = min(spreads) > 0.0
        ratios.append(spreads[0] / spreads[1] if both else np.nan)
    return list(zip(gaps, ratios, strict=True))


def _standardised(
    values: NDArray[np.float64],
    group: NDArray[np.bool_],
    weightings: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> list[float]:
    """Return weighted mean differences in units of the unweighted spread."""
    spread = np.sqrt((values[group].var(ddof=1) + values[~group].var(ddof=1)) / 2.0)
    gaps = []
    for weights in weightings:
        means = [float(w @ values / w.sum()) for w in weights]
        gaps.append((means[0] - means[1]) / float(spread) if spread > 0.0 else 0.0)
    return gaps


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
        yield name, (known_values(treated), known_values(control))
        return
    known = [each.dropna().astype(str) for each in (treated, control)]
    levels = sorted(set(known[0]) | set(known[1]))
    for level in levels if len(levels) <= MOST_LEVELS else ():
        own, other = ((each == level).to_numpy(np.float64) for each in known)
        yield f"{name} {level}", (own, other)


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
