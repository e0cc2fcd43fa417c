"""What a failure and its recovery do to the risk of leaving, order by order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from recovery_research.analyses.groups import FAILED, observed_levels, require_column
from recovery_research.analyses.hazards import check_proportionality, fit_hazards
from recovery_research.analyses.intervals import check_level

# Somebody who leaves with an order leaves just after it, in the state it put her in.
JUST_AFTER = 1e-6
STATES = ("silent", "recovered", "not_recovered", "repeat_failure")


@dataclass(frozen=True, slots=True)
class LeavingModel:
    """Hazard ratios of leaving, by the state a customer's last failure left her in.

    Attributes
    ----------
    coefficients : DataFrame
        One row per term: `term, estimate, std_error, ci_low, ci_high, confidence`
        (logarithms), `hazard_ratio, ratio_low, ratio_high, p_value`,
        `p_value_proportional` (small: the ratio changes over time), `n_left` (leavers
        in that state).
    n_customers, n_spells, n_left : int
        Behind the fit.
    note : str
        What is doubtful; empty otherwise.
    """

    coefficients: pd.DataFrame
    n_customers: int
    n_spells: int
    n_left: int
    note: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per term, with the sizes and the note beside it."""
        return self.coefficients.assign(
            n_customers=self.n_customers, n_spells=self.n_spells, note=self.note
        )


def tabulate_spells(
    orders: pd.DataFrame, customers: pd.DataFrame, *, end_week: float
) -> pd.DataFrame:
    """Cut each customer's time into spells in which her state does not change.

    Parameters
    ----------
    orders : DataFrame
        The order log: `customer`, `week`, `outcome` (``no_failure``, ``silent``,
        ``recovered``, ``not_recovered``); one policy.
    customers : DataFrame
        `customer`, `left_week` (blank if never seen to leave); one row each.
    end_week : float
        Week the observation ends.

    Returns
    -------
    DataFrame
        One row per spell: `customer, start, stop` (weeks since her first order),
        `left`, and the state as 0/1: `silent`, `recovered`, `not_recovered` (how her
        last failure ended) and `repeat_failure` (whether it was not her first).

    Raises
    ------
    ValueError
        If a column or a customer is not there, or an outcome is unknown.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer": [1, 1, 1], "week": [0.0, 3.0, 5.0],
    ...                        "outcome": ["no_failure", "recovered", "no_failure"]})
    >>> customers = pd.DataFrame({"customer": [1], "left_week": [9.0]})
    >>> spells = tabulate_spells(orders, customers, end_week=20.0)
    >>> spells[["start", "stop", "left", "recovered"]].to_numpy().tolist()
    [[0.0, 3.0, False, 0], [3.0, 9.0, True, 1]]
    """
    _check_log(orders, customers)
    log = orders.loc[orders["week"] <= end_week, ["customer", "week", "outcome"]]
    log = log.sort_values(["customer", "week"], kind="stable")
    first = log.groupby("customer", sort=False)["week"].transform("min")
    failed = log["outcome"].isin(FAILED)
    log = log.assign(
        start=log["week"] - first,
        first=first,
        number=failed.groupby(log["customer"]).cumsum(),
        outcome=log["outcome"].where(failed).astype(object),
    )
    log["outcome"] = log.groupby("customer")["outcome"].ffill()
    opening = ~log["customer"].duplicated()
    log = log[failed | opening]
    ends = customers.set_index("customer")["left_week"].reindex(log["customer"])
    left = (ends <= end_week).to_numpy()
    end = np.where(left, ends.to_numpy(dtype=np.float64, na_value=np.nan), end_week)
    return _close(log, end - log["first"].to_numpy(), left)


def fit_leaving(
    spells: pd.DataFrame,
    *,
    terms: Sequence[str] = STATES,
    confidence: float = 0.95,
) -> LeavingModel:
    """Fit the risk of leaving to the state a customer is in (Cox).

    Parameters
    ----------
    spells : DataFrame
        As `tabulate_spells` gives it, with further columns if you add them.
    terms : sequence of str, optional
        Columns whose effect is wanted; never failed is the state compared with.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    LeavingModel

    Raises
    ------
    ValueError
        If a column is not there, nobody leaves, a term never varies, or in some
        state nobody or everybody leaves.

    Notes
    -----
    A customer has one leaving at most, so her spells need no clustering. Recovered
    and never-failed customers differ in more than the failure; this is a
    description unless the terms include what made them differ.

    Examples
    --------
    >>> spells = pd.DataFrame({
    ...     "customer": range(6), "start": 0.0, "stop": [1.0, 2, 3, 4, 5, 6],
    ...     "left": [True, True, True, True, True, False],
    ...     "recovered": [0, 1, 0, 1, 1, 0]})
    >>> fit_leaving(spells, terms=["recovered"]).to_frame()["hazard_ratio"].size
    1
    """
    check_level(confidence)
    for column in ("customer", "start", "stop", "left", *terms):
        require_column(spells, column)
    values = spells[list(terms)].to_numpy(dtype=np.float64)
    left = spells["left"].to_numpy(dtype=bool)
    _check_terms(values, left, terms)
    fit = fit_hazards(
        spells["start"].to_numpy(np.float64),
        spells["stop"].to_numpy(np.float64),
        left,
        values,
    )
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    error = np.sqrt(np.diag(fit.covariance))
    table = pd.DataFrame({"term": list(terms), "estimate": fit.coefficient})
    table["std_error"] = error
    table["ci_low"], table["ci_high"] = (
        fit.coefficient - z * error,
        fit.coefficient + z * error,
    )
    table["confidence"] = confidence
    for ratio, log_ratio in (
        ("hazard_ratio", "estimate"),
        ("ratio_low", "ci_low"),
        ("ratio_high", "ci_high"),
    ):
        table[ratio] = np.exp(table[log_ratio])
    table["p_value"] = 2.0 * stats.norm.sf(np.abs(fit.coefficient / error))
    table["p_value_proportional"] = check_proportionality(fit)
    table["n_left"] = (values[left] != 0.0).sum(axis=0)
    return LeavingModel(
        coefficients=table,
        n_customers=int(spells["customer"].nunique()),
        n_spells=len(spells),
        n_left=int(left.sum()),
        note=_doubt(table),
    )


def _close(log: pd.DataFrame, end: np.ndarray, left: np.ndarray) -> pd.DataFrame:
    """End each spell with the customer's next change of state, or her last week."""
    last = ~log["customer"].duplicated(keep="last").to_numpy()
    following = log["start"].shift(-1).to_numpy()
    start = log["start"].to_numpy()
    stop = np.where(last, np.maximum(end, start + JUST_AFTER), following)
    if (end < start - JUST_AFTER).any():
        culprit = log["customer"].to_numpy()[end < start - JUST_AFTER][0]
        raise ValueError(f"customer {culprit} ordered after she had left.")
    spells = pd.DataFrame({"customer": log["customer"].to_numpy()})
    spells["start"], spells["stop"], spells["left"] = start, stop, left & last
    for state in FAILED:
        spells[state] = (log["outcome"] == state).to_numpy().astype(np.int64)
    spells["repeat_failure"] = (log["number"] > 1).to_numpy().astype(np.int64)
    return spells[spells["stop"] > spells["start"]].reset_index(drop=True)


def _check_log(orders: pd.DataFrame, customers: pd.DataFrame) -> None:
    for column in ("customer", "week", "outcome"):
        require_column(orders, column)
    for column in ("customer", "left_week"):
        require_column(customers, column)
    if "policy" in orders and len(observed_levels(orders["policy"])) > 1:
        raise ValueError("the order log holds several policies; choose one first.")
    if customers["customer"].duplicated().any():
        raise ValueError("customers repeat; choose one policy's rows first.")
    known = {"no_failure", *FAILED}
    strange = sorted(set(map(str, orders["outcome"].unique())) - known)
    if strange:
        raise ValueError(f"unknown outcomes {strange}; allowed are {sorted(known)}.")
    strangers = ~orders["customer"].isin(customers["customer"])
    if strangers.any():
        raise ValueError(
            f"{orders.loc[strangers, 'customer'].nunique()} customers of the order log "
            "are not in the customers table."
        )


def _check_terms(values: np.ndarray, left: np.ndarray, terms: Sequence[str]) -> None:
    if not left.any():
        raise ValueError("nobody was seen to leave; there is no risk to compare.")
    for j, term in enumerate(terms):
        if np.isnan(values[:, j]).any():
            raise ValueError(f"term {term!r} is unknown in some spells; fill or drop.")
        if values[:, j].min() == values[:, j].max():
            raise ValueError(f"term {term!r} never varies; leave it out of terms.")


def _doubt(table: pd.DataFrame) -> str:
    parts = []
    few = table.loc[table["n_left"] < 10, "term"].tolist()
    if few:
        parts.append(f"fewer than 10 customers left in {few}: limits are rough")
    if table["p_value_proportional"].isna().any():
        parts.append(
            "all left at one moment since their first order: whether ratios change "
            "over time cannot be tested"
        )
    bent = table.loc[table["p_value_proportional"] < 0.01, "term"].tolist()
    if bent:
        parts.append(f"the hazard ratio of {bent} changes over time: read as average")
    return "; ".join(parts)
