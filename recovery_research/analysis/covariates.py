"""Covariates made ready for a comparison: checked, bent, and without repeats."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research._checks import did_you_mean
from recovery_research.analysis.groups import (
    GROUP_COLUMN,
    check_outcome,
    customer_clusters,
    read_outcome,
    require_column,
    rows_of_policy,
)

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
        Rows of the two groups left out because the outcome or a covariate is unknown.
    covariates : tuple of Covariate
        What the columns were made of.
    clusters : int64 array, shape (n,), or None
        Which customer each row is of, if some customer has several.
    n_missing_covariates : int
        Rows left out with a known outcome, for a covariate alone.
    missing_covariates : str
        Which covariates are unknown in how many of those, ``"region 200, age 90"``.
    remarks : tuple of str
        What was done to the covariates, for a note.
    """

    outcome: NDArray[np.float64]
    treated: NDArray[np.bool_]
    design: NDArray[np.float64]
    terms: tuple[str, ...]
    n_missing: int
    covariates: tuple[Covariate, ...] = ()
    clusters: NDArray[np.int64] | None = None
    n_missing_covariates: int = 0
    missing_covariates: str = ""
    remarks: tuple[str, ...] = ()

    def keep(self, rows: NDArray[np.bool_]) -> Comparison:
        """Return the comparison of some of its rows, with a design of their own."""
        if rows.all():
            return self
        covariates = tuple(each.keep(rows) for each in self.covariates)
        design, terms, remarks = build_design(covariates, int(rows.sum()))
        clusters = None
        if self.clusters is not None:
            clusters = number_again(self.clusters[rows])
        return replace(
            self,
            outcome=self.outcome[rows],
            treated=self.treated[rows],
            design=design,
            terms=terms,
            covariates=drop_idle(covariates, terms),
            clusters=clusters,
            remarks=tuple(dict.fromkeys((*self.remarks, *remarks))),
        )


@dataclass(frozen=True, slots=True)
class Covariate:
    """One covariate of those compared, without unknown values.

    Attributes
    ----------
    name : str
    values : float64 array, shape (n,)
        Numbers; for a category the place of each level in `levels`.
    levels : tuple of str
        Names of a category's levels, sorted; empty for numbers.
    """

    name: str
    values: NDArray[np.float64]
    levels: tuple[str, ...] = ()

    def keep(self, rows: NDArray[np.bool_]) -> Covariate:
        """Return the covariate of some of the rows."""
        return replace(self, values=self.values[rows])

    def expand(self) -> list[tuple[str, NDArray[np.float64]]]:
        """Return its columns: itself, or an indicator for each level but one."""
        if not self.levels:
            return [(self.name, self.values)]
        codes = self.values.astype(np.int64)
        found = np.flatnonzero(np.bincount(codes, minlength=len(self.levels)))
        return [
            (f"{self.name}={self.levels[code]}", (codes == code).astype(np.float64))
            for code in found[1:]
        ]


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
    unknown = chosen.isna().to_numpy()
    known = ~unknown.any(axis=1)
    for name, size in ((treated, (is_treated & known).sum()),
                       (control, (~is_treated & known).sum())):  # fmt: skip
        if size < 2:
            raise ValueError(
                f"{size} customers are {name!r} with outcome and covariates known; "
                "an adjusted comparison needs two in each group at the least."
                f"{_say_unknown(names, unknown)}"
            )
    identity = customers.loc[rows, [n for n in ("customer",) if n in customers]]
    clusters = customer_clusters(identity[known])
    covariates_read = tuple(read_covariate(chosen.loc[known, name]) for name in names)
    design, terms, remarks = build_design(covariates_read, int(known.sum()))
    if names and not terms:
        raise ValueError(f"{'; '.join(remarks)}: no covariate is left to adjust for.")
    lost = ~unknown[:, 0] & ~known
    return Comparison(
        outcome=read_outcome(chosen.loc[known, outcome]),
        treated=is_treated[known],
        design=design,
        terms=terms,
        n_missing=int((~known).sum()),
        covariates=drop_idle(covariates_read, terms),
        clusters=clusters,
        n_missing_covariates=int(lost.sum()),
        missing_covariates=_count_unknown(names, unknown[lost]),
        remarks=remarks,
    )


def number_again(clusters: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Give customers numbers from 0 without gaps; None if each has one row."""
    found, codes = np.unique(clusters, return_inverse=True)
    return None if len(found) == len(clusters) else codes


def _count_unknown(names: Sequence[str], unknown: NDArray[np.bool_]) -> str:
    """Say which covariates are unknown how often, the outcome being known."""
    counts = unknown[:, 1:].sum(axis=0)
    order = np.argsort(-counts, kind="stable")
    return ", ".join(f"{names[k]} {counts[k]}" for k in order if counts[k])


def _say_unknown(names: Sequence[str], unknown: NDArray[np.bool_]) -> str:
    counted = _count_unknown(names, unknown[~unknown[:, 0]])
    return f" Unknown with a known outcome: {counted}." if counted else ""


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


def build_design(
    covariates: Sequence[Covariate], size: int
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
    """Turn covariates into columns behind a column of ones; say what was left out."""
    columns, terms, remarks = [np.ones(size)], [], []
    for each in covariates:
        found = each.expand()
        if not found or all(v.min() == v.max() for _, v in found):
            remarks.append(
                f"{each.name!r} is {_only_value(each)} for everybody compared"
            )
            continue
        columns += [values for _, values in found]
        terms += [term for term, _ in found]
    design = np.column_stack(columns)
    repeated = find_repeated(design)
    if repeated:
        named = ", ".join(repr(terms[k - 1]) for k in repeated)
        remarks.append(f"{named} follows exactly from other covariates")
        design = np.delete(design, repeated, axis=1)
        terms = [term for k, term in enumerate(terms, 1) if k not in repeated]
    return design, tuple(terms), tuple(remarks)


def drop_idle(
    covariates: Sequence[Covariate], terms: Sequence[str]
) -> tuple[Covariate, ...]:
    """Leave out covariates of which no column is left."""
    held = set(terms)
    return tuple(
        each for each in covariates if held & {name for name, _ in each.expand()}
    )


def read_covariate(column: pd.Series) -> Covariate:
    """Read a column without unknown values: numbers, or a category's levels."""
    name = str(column.name)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return Covariate(name, read_outcome(column))
    codes, levels = pd.factorize(column)
    if len(levels) > MOST_LEVELS:
        raise ValueError(
            f"covariate {name!r} has {len(levels)} levels, {MOST_LEVELS} is the "
            "most; group them first."
        )
    named = [str(level) for level in levels]
    order = sorted(range(len(named)), key=named.__getitem__)
    place = np.empty(len(named))
    place[order] = np.arange(len(named))
    return Covariate(name, place[codes], tuple(named[k] for k in order))


def _only_value(covariate: Covariate) -> str:
    low = float(np.min(covariate.values))
    return covariate.levels[int(low)] if covariate.levels else f"{low:g}"


# A curve of so many terms follows what one covariate can plausibly do.
MOST_TERMS = 4
# Customers of the smaller group (or whose outcome is fitted) for each term.
CUSTOMERS_PER_TERM = 10
# Beyond the quartiles by three times their distance (Tukey's outer fence) a curve is
# a straight line: nobody's square may outweigh everybody else's.
FENCE = 3.0


def count_terms(size: int, covariates: Sequence[Covariate]) -> int:
    """Say how many terms each number may have for a group of this size.

    Examples
    --------
    >>> age = Covariate("age", np.arange(50.0))
    >>> [count_terms(n, [age]) for n in (12, 20, 35, 1000)], count_terms(60, [age] * 3)
    ([1, 2, 3, 4], 2)
    """
    curved = sum(not each.levels for each in covariates)
    straight = sum(max(len(each.levels) - 1, 0) for each in covariates)
    room = size // CUSTOMERS_PER_TERM - straight
    return int(np.clip(room // max(curved, 1), 1, MOST_TERMS))


def place_knots(
    values: NDArray[np.float64], treated: NDArray[np.bool_], n_terms: int
) -> NDArray[np.float64]:
    """Place a spline's knots where both groups have customers.

    Examples
    --------
    >>> place_knots(np.arange(9.0), np.arange(9) % 2 == 0, 3).tolist()
    [0.0, 4.0, 8.0]
    """
    low, high = float(values.min()), float(values.max())
    inside = values[(values > low) & (values < high)]
    if n_terms < 2 or inside.size == 0:
        return np.empty(0)
    levels = np.r_[0.25, 0.75, np.arange(1, n_terms - 1) / (n_terms - 1)]
    found = _middle_quantiles(values, treated, levels)
    if found[1] - found[0] <= 0.0:
        # Most have the same value (no earlier order, say): look at the others.
        usual = values != found[0]
        found = _middle_quantiles(values[usual], treated[usual], levels)
        found[:2] = min(found[0], np.median(values)), max(found[1], np.median(values))
    reach = FENCE * (found[1] - found[0])
    ends = max(low, found[0] - reach), min(high, found[1] + reach)
    knots = np.unique(np.clip(np.r_[ends, found[2:]], *ends))
    return knots if knots.size > 1 else np.empty(0)


def bend(
    values: NDArray[np.float64], knots: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Return a covariate's columns: itself, and one per interval between knots.

    A column's second derivative is one within its interval and zero elsewhere, so
    with the straight line they make every quadratic spline with these knots.

    Examples
    --------
    >>> bend(np.array([-1.0, 1.0, 3.0]), np.array([0.0, 2.0]))[1].tolist()
    [0.0, 0.5, 4.0]
    """
    columns = [values]
    for low, high in itertools.pairwise(knots):
        width = high - low
        part = np.clip(values - low, 0.0, width)
        # Half a square within the interval, a straight line of slope `width` beyond.
        beyond = np.maximum(values - high, 0.0)
        columns.append(part * part / 2.0 + width * beyond)
    return columns


def curved_design(
    covariates: Sequence[Covariate], treated: NDArray[np.bool_], n_terms: int
) -> NDArray[np.float64]:
    """Make a design in which every number may bend."""
    columns = []
    for each in covariates:
        if each.levels:
            columns += [values for _, values in each.expand()]
            continue
        knots = place_knots(each.values, treated, n_terms)
        columns += bend(each.values, knots)
    return standardise(columns, treated.size)


def standardise(
    columns: Sequence[NDArray[np.float64]], size: int
) -> NDArray[np.float64]:
    """Put columns behind one of ones, each centred and of spread one."""
    design = np.empty((size, len(columns) + 1), order="F")
    design[:, 0] = 1.0
    kept = 1
    for values in columns:
        column = design[:, kept]
        np.subtract(values, values.mean(), out=column)
        spread = float(np.sqrt(column @ column / size))
        if spread > 1e-12 * float(np.abs(values).max()):
            column /= spread
            kept += 1
    design = design[:, :kept]
    repeated = find_repeated(design, 1e-9)
    return np.delete(design, repeated, axis=1) if repeated else design


def _middle_quantiles(
    values: NDArray[np.float64],
    treated: NDArray[np.bool_],
    levels: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the mean of the two groups' quantiles; of one, if the other is empty."""
    parts = [values[treated], values[~treated]]
    found = [np.quantile(part, levels) for part in parts if part.size]
    return np.mean(found, axis=0)


def find_repeated(design: NDArray[np.float64], tolerance: float = 1e-10) -> list[int]:
    """Return the columns that follow from those before them, the ones first.

    Examples
    --------
    >>> x = np.arange(4.0)
    >>> find_repeated(np.column_stack([np.ones(4), x, 3 - 2 * x, x**2]))
    [2]
    """
    n, width = design.shape
    if width < 3:
        return []
    centre = design.mean(axis=0)
    spread = design.std(axis=0)
    spread[0] = 1.0
    # Spread 0 is a constant beside the ones.
    flat = spread <= 1e-12 * np.abs(centre)
    gram = design.T @ design / n - np.outer(centre, centre)
    if (spread < 1e-4 * np.abs(centre)).any():
        # The shortcut would subtract two numbers that are nearly equal.
        shifted = design - centre
        gram = shifted.T @ shifted / n
    spread = np.where(flat, 1.0, spread)
    gram = gram / np.outer(spread, spread)
    repeated = []
    for k in range(1, width):
        if flat[k] or gram[k, k] < tolerance:
            repeated.append(k)
            continue
        column = gram[:, k].copy()
        gram -= np.outer(column, column) / column[k]
    return repeated


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
