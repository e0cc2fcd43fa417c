"""What was known of customers before: covariates made ready for a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.groups import (
    GROUP_COLUMN,
    check_outcome,
    read_outcome,
    require_column,
    rows_of_policy,
)
from recovery_research.near_names import did_you_mean

MOST_LEVELS = 50
# Columns of the customers table that the failure or its recovery may have changed.
AFTERWARDS = (
    "n_orders", "spend", "index_outcome", "followup_spend", "alive_13w", "alive_52w",
    "left_week", "n_failures", "n_complaints", "n_recovered", "trust",
    "satisfaction_after", "mentions_positive", "mentions_negative", "margin",
    "recovery_cost", "net_value", "index_severity", "index_complained",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two groups with outcome and covariates, ready for a regression.

    Attributes
    ----------
    outcome : float64 array, shape (n,)
    treated : bool array, shape (n,)
    design : float64 array, shape (n, 1 + n_terms)
        A column of ones, then the covariates (categories as indicators).
    terms : tuple of str
        Names of the columns after the first.
    n_missing : int
        Customers of the two groups left out because the outcome or a covariate is
        unknown.
    """

    outcome: NDArray[np.float64]
    treated: NDArray[np.bool_]
    design: NDArray[np.float64]
    terms: tuple[str, ...]
    n_missing: int


def compare_with_covariates(
    customers: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str],
    policy: str | None,
    treated: str,
    control: str,
    allow_none: bool = False,
) -> Comparison:
    """Cut two groups out of a customers table with what was known of them before.

    Parameters
    ----------
    customers : DataFrame
        One row per policy and customer.
    outcome : str
        A numeric or yes/no column.
    covariates : sequence of str
        Columns known before the index order: numbers, yes/no or categories.
    policy : str or None
        Whose customers; None if the table holds one policy.
    treated, control : str
        Two values of `index_outcome`.
    allow_none : bool, optional
        Whether covariates may be empty.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If a column or group is not there, a covariate comes after the failure, does
        not vary, has too many levels or repeats others.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered", "no_failure"] * 2, "y": [1.0, 2, 3, 4],
    ...     "tenure": [3.0, 5, 8, 9]})
    >>> compare_with_covariates(customers, outcome="y", covariates=["tenure"],
    ...     policy=None, treated="recovered", control="no_failure").design.shape
    (4, 2)
    """
    check_outcome(customers, outcome)
    require_column(customers, GROUP_COLUMN)
    names: list[str] = []
    if covariates or not allow_none:
        names = check_covariates(customers, covariates, outcome)
    group = customers[GROUP_COLUMN].to_numpy()
    rows = rows_of_policy(customers, policy) & np.isin(group, (treated, control))
    chosen = customers.loc[rows, [outcome, *names]]
    is_treated = group[rows] == treated
    known = chosen.notna().all(axis=1).to_numpy()
    for name, size in ((treated, (is_treated & known).sum()),
                       (control, (~is_treated & known).sum())):  # fmt: skip
        if size < 2:
            raise ValueError(
                f"{size} customers are {name!r} with outcome and covariates known; "
                "an adjusted comparison needs two in each group at the least."
            )
    design, terms = build_design(chosen.loc[known, names])
    return Comparison(
        outcome=read_outcome(chosen.loc[known, outcome]),
        treated=is_treated[known],
        design=design,
        terms=terms,
        n_missing=int((~known).sum()),
    )


def check_covariates(
    customers: pd.DataFrame, covariates: Sequence[str], outcome: str
) -> list[str]:
    """Return the names as a list, or raise if one of them must not be adjusted for."""
    if isinstance(covariates, str):
        raise TypeError(f"covariates is a list of columns; write [{covariates!r}].")
    names = list(covariates)
    if not names:
        raise ValueError("covariates is empty; without any, use paradox.")
    if len(set(names)) < len(names) or outcome in names:
        raise ValueError(f"covariates repeat or hold the outcome: {names}.")
    for name in names:
        if name not in customers:
            held = [str(column) for column in customers.columns]
            raise ValueError(
                f"the table has no column {name!r}.{did_you_mean(name, held)}"
            )
        if name in AFTERWARDS:
            raise ValueError(
                f"{name!r} comes after the failure; adjusting for what the failure or "
                "the recovery changed hides their effect. Take what was known before."
            )
    return names


def build_design(covariates: pd.DataFrame) -> tuple[NDArray[np.float64], tuple]:
    """Turn covariates into columns of numbers behind a column of ones."""
    columns, terms = [np.ones(len(covariates))], []
    for name in covariates:
        for term, values in _expand(covariates[name]):
            if values.min() == values.max():
                raise ValueError(
                    f"covariate {term!r} is {values[0]:g} for everybody compared; "
                    "leave it out."
                )
            columns.append(values)
            terms.append(term)
    design = np.column_stack(columns)
    scaled = design / np.sqrt((design**2).mean(axis=0))
    if np.linalg.matrix_rank(scaled.T @ scaled / len(design), tol=1e-10) < len(columns):
        raise ValueError(
            f"the covariates {terms} repeat one another exactly (one follows from the "
            "rest); leave one out."
        )
    return design, tuple(terms)


def take_residuals(
    values: NDArray[np.float64], design: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what a least-squares fit on the design leaves of the values.

    Examples
    --------
    >>> take_residuals(np.array([1.0, 2.0, 6.0]), np.ones((3, 1))).tolist()
    [-2.0, -1.0, 3.0]
    """
    scaled = design / np.sqrt((design**2).mean(axis=0))
    gram = scaled.T @ scaled
    # The second pass takes away what rounding left in the first.
    for _ in range(2):
        values = values - scaled @ np.linalg.solve(gram, scaled.T @ values)
    return values


def _expand(column: pd.Series) -> list[tuple[str, NDArray[np.float64]]]:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return [(str(column.name), read_outcome(column))]
    levels = sorted(column.unique().tolist(), key=str)
    if len(levels) > MOST_LEVELS:
        raise ValueError(
            f"covariate {column.name!r} has {len(levels)} levels, {MOST_LEVELS} is the "
            "most; group them first."
        )
    return [
        (f"{column.name}={level}", (column == level).to_numpy(dtype=np.float64))
        for level in levels[1:]
    ]
