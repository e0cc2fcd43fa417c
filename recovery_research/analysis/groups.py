"""Who is compared with whom: groups read out of a customers table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research._checks import did_you_mean
from recovery_research.analysis.rounding import varies

GROUP_COLUMN = "index_outcome"
IDENTIFIERS = ("policy", "customer", GROUP_COLUMN)
# Beyond it the third powers of an outcome overflow, and no unit makes it a spend.
LARGEST_OUTCOME = 1e60
FAILED = ("silent", "recovered", "not_recovered")


@dataclass(frozen=True, slots=True)
class TwoGroups:
    """One outcome in two groups of customers, missing values set aside.

    Attributes
    ----------
    treated, control : float64 array
        Known values; yes is 1 and no is 0.
    n_missing : int
        Customers of both groups whose outcome is unknown.
    customers_treated, customers_control : int64 array or None
        Which customer each known value is of, where some customer has several; None
        where each value is a customer of its own.
    yes_no : bool
        Whether every known value is 0 or 1.
    """

    treated: NDArray[np.float64]
    control: NDArray[np.float64]
    n_missing: int
    customers_treated: NDArray[np.int64] | None = None
    customers_control: NDArray[np.int64] | None = None

    @property
    def yes_no(self) -> bool:
        """Return whether every known value is 0 or 1."""
        return all(
            bool(np.isin(values, (0.0, 1.0)).all())
            for values in (self.treated, self.control)
        )


def select_groups(
    customers: pd.DataFrame,
    *,
    outcome: str,
    policy: str | None,
    treated: str,
    control: str,
    clusters: str | None = None,
) -> TwoGroups:
    """Read one outcome in two groups of one policy's customers.

    Examples
    --------
    >>> customers = pd.DataFrame({"index_outcome": ["recovered", "no_failure"],
    ...                           "spend": [5.0, None]})
    >>> groups = select_groups(customers, outcome="spend", policy=None,
    ...                        treated="recovered", control="no_failure")
    >>> groups.treated, groups.n_missing
    (array([5.]), 1)
    """
    if treated == control:
        raise ValueError(f"treated and control are both {treated!r}; name two groups.")
    require_column(customers, GROUP_COLUMN)
    check_outcome(customers, outcome)
    rows = rows_of_policy(customers, policy)
    groups = customers[GROUP_COLUMN]
    # Compared as stored: a million texts turned into objects first take a tenth of a
    # second longer.
    masks = [
        rows & (groups == name).to_numpy(dtype=bool, na_value=False)
        for name in (treated, control)
    ]
    for name, mask in zip((treated, control), masks, strict=True):
        if not mask.any():
            raise ValueError(_no_such_group(groups.to_numpy()[rows], name, policy))
    compared = masks[0] | masks[1]
    column = "customer" if clusters is None else clusters
    if clusters is not None and clusters not in customers:
        raise ValueError(f"the table has no column {clusters!r} to cluster by.")
    ids = [name for name in customers.columns if name == column]
    whole = customers.loc[compared, ids].set_axis(["customer"] * len(ids), axis=1)
    codes = customer_clusters(whole)
    whose = None
    if codes is not None:
        whose = (codes[masks[0][compared]], codes[masks[1][compared]])
    own, other = (read_outcome(customers[outcome][mask]) for mask in masks)
    return two_groups(own, other, whose)


def two_groups(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    customers: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> TwoGroups:
    """Set missing values aside and count them."""
    pair = (treated, control)
    seen = [~np.isnan(values) for values in pair]
    known = [values[mask] for values, mask in zip(pair, seen, strict=True)]
    missing = treated.size + control.size - known[0].size - known[1].size
    if customers is None:
        return TwoGroups(known[0], known[1], missing)
    whose = [codes[mask] for codes, mask in zip(customers, seen, strict=True)]
    if np.unique(np.concatenate(whose)).size == known[0].size + known[1].size:
        return TwoGroups(known[0], known[1], missing)
    return TwoGroups(known[0], known[1], missing, *whose)


def keep_values(
    groups: TwoGroups, treated: NDArray[np.bool_], control: NDArray[np.bool_]
) -> TwoGroups:
    """Keep some of each group's known values, and whose they are."""
    kept = (groups.treated[treated], groups.control[control])
    if groups.customers_treated is None or groups.customers_control is None:
        return TwoGroups(*kept, groups.n_missing)
    whose = (groups.customers_treated[treated], groups.customers_control[control])
    return TwoGroups(*kept, groups.n_missing, *whose)


def rows_of_policy(customers: pd.DataFrame, policy: str | None) -> NDArray[np.bool_]:
    """Mark the rows of one policy; refuse to mix several."""
    if "policy" not in customers:
        if policy is None:
            return np.ones(len(customers), dtype=bool)
        raise ValueError(f"policy={policy!r}, but the table has no column 'policy'.")
    held = observed_levels(customers["policy"])
    if policy is None:
        if len(held) > 1:
            raise ValueError(
                f"the table holds several policies, {held}; say which one with policy=."
            )
        return np.ones(len(customers), dtype=bool)
    if policy not in held:
        raise ValueError(
            f"no customer has policy {policy!r}; the table holds {held}."
            f"{did_you_mean(policy, held)}"
        )
    return (customers["policy"] == policy).to_numpy(dtype=bool)


def customer_clusters(table: pd.DataFrame) -> NDArray[np.int64] | None:
    """Return which customer each row is of, if some customer has several rows.

    Examples
    --------
    >>> customer_clusters(pd.DataFrame({"customer": ["b", "a", "b"]})).tolist()
    [0, 1, 0]
    >>> customer_clusters(pd.DataFrame({"customer": ["b", "a", "c"]})) is None
    True
    """
    if "customer" not in table:
        return None
    codes, ids = pd.factorize(table["customer"].to_numpy())
    blank = codes < 0
    if len(ids) + int(blank.sum()) == len(table):
        return None
    codes[blank] = len(ids) + np.arange(int(blank.sum()))
    return codes.astype(np.int64)


def require_column(customers: pd.DataFrame, column: str) -> None:
    """Raise if a column is not there, naming those that are."""
    if column not in customers:
        held = [str(name) for name in customers.columns]
        raise ValueError(
            f"the table has no column {column!r}; it has {held}."
            f"{did_you_mean(column, held)}"
        )


def check_outcome(customers: pd.DataFrame, outcome: str) -> None:
    """Raise unless the outcome is a column whose mean says something."""
    allowed = [str(name) for name in customers.columns if _is_outcome(customers[name])]
    if outcome not in customers:
        raise ValueError(
            f"the table has no column {outcome!r}; outcomes it has: {allowed}."
            f"{did_you_mean(outcome, allowed)}"
        )
    if outcome == "left_week":
        raise ValueError(
            "left_week is blank for everybody who stayed, so its mean compares leavers "
            "only; use alive_13w or alive_52w, or the analyses of staying."
        )
    if outcome not in allowed:
        raise ValueError(
            f"{outcome!r} is {customers[outcome].dtype}, not a number or yes/no that "
            f"can be averaged; outcomes the table has: {allowed}."
        )


def read_outcome(column: pd.Series) -> NDArray[np.float64]:
    """Read a numeric or yes/no column as floats, NaN where unknown."""
    values = column.astype("boolean") if column.dtype == object else column
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    boundless = np.abs(numbers) > LARGEST_OUTCOME
    if boundless.any():
        raise ValueError(
            f"column {column.name!r} holds {int(boundless.sum())} infinite values (or "
            f"beyond {LARGEST_OUTCOME:g}); write unknown as blank."
        )
    return numbers


def observed_levels(column: pd.Series) -> list[str]:
    """List the values that occur, in order of category or of name."""
    return [str(level) for level in sorted(column.dropna().unique().tolist())]


def _is_outcome(column: pd.Series) -> bool:
    if column.name in (*IDENTIFIERS, "left_week"):
        return False
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) == "boolean"
    return pd.api.types.is_numeric_dtype(column) and not isinstance(
        column.dtype, pd.CategoricalDtype
    )


def _no_such_group(groups: NDArray, name: str, policy: str | None) -> str:
    held = pd.Series(groups).value_counts()
    counts = {str(level): int(count) for level, count in held.items() if count}
    where = "" if policy is None else f" under policy {policy!r}"
    return (
        f"no customer has {GROUP_COLUMN} {name!r}{where}; the groups are {counts}."
        f"{did_you_mean(name, counts)}"
    )


def group_by_exposure(customers: pd.DataFrame) -> pd.DataFrame:
    """Group customers by any problem in the whole time, as a database invites one to.

    Whoever orders more has more chances to be failed, so that groups formed this way
    differ before anything is done to them. It is here to be seen through.

    Parameters
    ----------
    customers : DataFrame
        From `tabulate_customers`: ``n_orders, n_failures, n_recovered``.

    Returns
    -------
    DataFrame
        The customers who ordered, with ``index_outcome`` replaced: ``no_failure`` (no
        problem ever), ``recovered`` (every problem was made good) and
        ``not_recovered`` (some problem was not).

    Examples
    --------
    >>> customers = pd.DataFrame({"n_orders": [0, 3, 9, 9], "n_failures": [0, 0, 1, 2],
    ...                           "n_recovered": [0, 0, 1, 1]})
    >>> group_by_exposure(customers)["index_outcome"].tolist()
    ['no_failure', 'recovered', 'not_recovered']
    """
    ordered = customers[customers["n_orders"] > 0]
    groups = pd.Series("not_recovered", index=ordered.index)
    made_good = ordered["n_recovered"] == ordered["n_failures"]
    groups = groups.mask(made_good, "recovered").mask(
        ordered["n_failures"] == 0, "no_failure"
    )
    names = ["no_failure", "recovered", "not_recovered"]
    return ordered.assign(index_outcome=pd.Categorical(groups, categories=names))


@dataclass(frozen=True, slots=True)
class Gathered:
    """Two groups as independent customers.

    Attributes
    ----------
    treated, control : float64 array
        One number per customer; their mean is that of the rows, and the spread of
        their mean the clustered one of the rows' mean.
    covariance : float
        Of the two means, by customers who stand in both groups.
    n_in_both : int
        Such customers.
    worth : (float, float) or None
        For shares, how many independent rows each group is worth; None if all are.
    note : str
        How many rows are of how many customers; empty if each row is a customer.
    """

    treated: NDArray[np.float64]
    control: NDArray[np.float64]
    covariance: float
    n_in_both: int
    worth: tuple[float, float] | None
    note: str


def gather_rows(groups: TwoGroups) -> Gathered:
    """Add up each customer's rows, so that customers can be compared.

    A customer's number is the group's mean, plus the sum of that customer's rows less
    the mean, times customers over rows: the linearised mean of a cluster sample.

    Examples
    --------
    >>> groups = TwoGroups(np.array([1.0, 3.0, 8.0]), np.array([2.0, 4.0]), 0,
    ...                    np.array([0, 0, 1]), np.array([2, 3]))
    >>> gathered = gather_rows(groups)
    >>> gathered.treated.round(2).tolist(), gathered.covariance
    ([1.33, 6.67], 0.0)
    """
    if groups.customers_treated is None or groups.customers_control is None:
        return Gathered(groups.treated, groups.control, 0.0, 0, None, "")
    pair = (
        _add_up(groups.treated, groups.customers_treated),
        _add_up(groups.control, groups.customers_control),
    )
    (own, own_ids), (other, other_ids) = pair
    both, left, right = np.intersect1d(own_ids, other_ids, return_indices=True)
    covariance = 0.0
    if both.size and min(own.size, other.size) > 1:
        moved = (own[left] - own.mean()) * (other[right] - other.mean())
        sizes = (own.size, other.size)
        stretch = math.sqrt(math.prod(n / (n - 1) for n in sizes))
        covariance = stretch * float(moved.sum()) / math.prod(sizes)
    rows = groups.treated.size + groups.control.size
    n_customers = own.size + other.size - both.size
    note = f"{rows} rows of {n_customers} customers: errors are by customer"
    if both.size:
        note += f", {both.size} of whom stand in both groups"
    worth = (_worth(groups.treated, own), _worth(groups.control, other))
    if covariance < 0.0:  # a customer's yes here goes with a no there: less sure
        parts = sum(v.var(ddof=1) / v.size for v in (own, other))
        shrink = parts / (parts - 2.0 * covariance)
        worth = (worth[0] * shrink, worth[1] * shrink)
    return Gathered(own, other, covariance, both.size, worth, note)


def _add_up(
    values: NDArray[np.float64], customers: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    ids, codes = np.unique(customers, return_inverse=True)
    mean = float(values.mean())
    gaps = values - mean if varies(values) else np.zeros(values.size)
    sums = np.bincount(codes, weights=gaps, minlength=ids.size).astype(
        np.float64, copy=False
    )
    return mean + sums * (ids.size / values.size), ids


def _worth(values: NDArray[np.float64], gathered: NDArray[np.float64]) -> float:
    """Return how many independent rows would leave a share so uncertain."""
    share = float(values.mean())
    if gathered.size < 2 or not varies(gathered):
        return float(gathered.size)
    # As a share's own variance has n below it: all rows twice are worth once.
    variance = float(gathered.var()) / gathered.size
    return min(share * (1.0 - share) / variance, float(values.size))
