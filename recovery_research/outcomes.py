"""What became of the customers, as tidy tables."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import _books
from .justice import KINDS
from .simulation import (
    FOLLOWUP_WEEKS,
    MEASURES,
    YEAR_WEEKS,
    History,
    alive_after,
)

INDEX_OUTCOMES = ("no_failure", "silent", "recovered", "not_recovered", "no_order")
CODES = ("index_outcome", "last_outcome")  # names in the records: no mean of these
# Outcomes of loyalty that the analyses know by name, with their unit.
OUTCOMES = {
    "satisfaction_after": "points on a scale from 1 to 7",
    "trust": "log of perceived risk at first over perceived risk now",
    "alive_13w": "share of customers",
    "alive_52w": "share of customers",
    "followup_spend": "dollars in 13 weeks",
    "spend": "dollars",
    "n_orders": "orders",
    "mentions_positive": "mentions",
    "mentions_negative": "mentions",
    "margin": "dollars",
    "recovery_cost": "dollars",
    "net_value": "dollars",
}
OUTCOME_NAMES = tuple(OUTCOMES)


def tabulate_customers(history: History) -> pd.DataFrame:
    """Tabulate every customer under every policy.

    Parameters
    ----------
    history : History
        From ``simulate(experiment)``.

    Returns
    -------
    DataFrame
        One row per policy and customer:

        - ``policy``, ``customer``: which; customers count from 0;
        - ``n_orders``, ``spend``: over the whole time; dollars;
        - ``index_week``, ``index_outcome``: the index order, which is the first order;
          ``no_failure``, ``silent``, ``recovered``, ``not_recovered``, ``no_order``;
        - ``followup_spend``: dollars in the 13 weeks after the index order, that order
          excluded; who drops out counts 0;
        - ``alive_13w``, ``alive_52w``: still a customer so long after the index order.
          These three are missing where the follow-up runs past the end;
        - ``left_week``: week of dropout, missing if she stayed;
        - ``n_failures, n_complaints, n_recovered``: over the whole time;
        - ``trust, satisfaction_before, satisfaction_after``: right after, before and
          after the index order was dealt with; satisfaction on a scale from 1 to 7;
        - ``mentions_positive, mentions_negative``: word of mouth, whole time;
        - ``margin, recovery_cost, net_value``: present values in dollars;
          ``net_value`` is ``margin + referral_value - recovery_cost``;
        - ``index_severity, index_kind, index_complained, referral_value``.

    Raises
    ------
    ValueError
        If the history kept only sums.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=5,
    ... )
    >>> customers = rr.tabulate_customers(rr.simulate(experiment))
    >>> len(customers)
    5
    """
    if history.customers is None:
        raise ValueError(
            "this history kept only sums; write simulate(experiment, keep='customers')."
        )
    experiment = history.experiment
    n_policies, n_customers = history.customers["n_orders"].shape
    flat = {name: column.reshape(-1) for name, column in history.customers.items()}
    policy = pd.Categorical.from_codes(
        np.repeat(np.arange(n_policies, dtype=np.int8), n_customers)
        if n_policies < 128
        else np.repeat(np.arange(n_policies, dtype=np.int16), n_customers),
        categories=[each.name for each in experiment.policies],
    )
    ordered = flat["index_outcome"] != _books.NO_ORDER
    followed = flat["index_week"] + FOLLOWUP_WEEKS <= experiment.weeks
    columns = {
        "policy": policy,
        "customer": np.tile(np.arange(n_customers), n_policies),
        "n_orders": flat["n_orders"],
        "spend": flat["spend"],
        "index_week": flat["index_week"],
        "index_outcome": pd.Categorical.from_codes(
            flat["index_outcome"], categories=list(INDEX_OUTCOMES)
        ),
        "followup_spend": np.where(followed, flat["followup_spend"], np.nan),
        "alive_13w": stay_or_missing(flat, FOLLOWUP_WEEKS, experiment.weeks),
        "alive_52w": stay_or_missing(flat, YEAR_WEEKS, experiment.weeks),
    }
    for name in ("left_week", "n_failures", "n_complaints", "n_recovered", "trust",
                 "satisfaction_before", "satisfaction_after", "mentions_positive",
                 "mentions_negative", "margin", "recovery_cost"):  # fmt: skip
        columns[name] = flat[name]
    columns["net_value"] = (
        flat["margin"] + flat["referral_value"] - flat["recovery_cost"]
    )
    columns["index_severity"] = flat["index_severity"]
    columns["index_kind"] = name_kinds(flat["index_process"])
    columns["index_complained"] = pd.arrays.BooleanArray(
        flat["index_complained"].astype(bool), ~ordered
    )
    columns["referral_value"] = flat["referral_value"]
    # Without copying: a large table is made of the history's own columns.
    return pd.DataFrame(columns, copy=False)


def stay_or_missing(
    flat: dict[str, NDArray], window: float, weeks: float
) -> pd.arrays.BooleanArray:
    """Return who is still here, missing where the window runs past the end."""
    alive = alive_after(flat["index_week"], flat["left_week"], window, weeks)
    return pd.arrays.BooleanArray(alive == 1.0, np.isnan(alive))


def name_kinds(process: NDArray) -> pd.Categorical:
    """Return the kind of failure by name, missing where nothing failed."""
    codes = np.where(np.isnan(process), -1, process).astype(np.int8)
    return pd.Categorical.from_codes(codes, categories=list(KINDS))


def tabulate_weeks(history: History) -> pd.DataFrame:
    """Tabulate what happened in each week under each policy.

    Parameters
    ----------
    history : History
        From ``simulate``; sums suffice.

    Returns
    -------
    DataFrame
        One row per policy and week: ``policy, week`` (0 is the first), the week's
        ``n_orders, spend, n_failures, n_complaints, n_recovered, n_left,
        mentions_positive, mentions_negative, margin, recovery_cost`` (money as
        present value, spend excepted; running costs of the programme not included),
        and ``n_alive``, ``alive_share`` at the week's end.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=5,
    ...     weeks=4,
    ... )
    >>> rr.tabulate_weeks(rr.simulate(experiment))["week"].tolist()
    [0, 1, 2, 3]
    """
    experiment = history.experiment
    tables = []
    for policy, sums in zip(experiment.policies, history.weekly, strict=True):
        table = pd.DataFrame(sums, columns=list(_books.WEEK))
        counts = [name for name in table if name.startswith(("n_", "mentions_"))]
        table[counts] = table[counts].astype(np.int64)
        table.insert(0, "week", np.arange(len(table)))
        table.insert(0, "policy", policy.name)
        table["n_alive"] = experiment.n_customers - table["n_left"].cumsum()
        tables.append(table)
    weeks = pd.concat(tables, ignore_index=True)
    names = [policy.name for policy in experiment.policies]
    weeks["policy"] = pd.Categorical(weeks["policy"], categories=names)
    weeks["alive_share"] = weeks["n_alive"] / experiment.n_customers
    return weeks


def tabulate_groups(history: History) -> pd.DataFrame:
    """Tabulate the mean of every measure by policy and index outcome.

    Parameters
    ----------
    history : History
        From ``simulate``; sums suffice.

    Returns
    -------
    DataFrame
        One row per policy, index outcome and measure: ``policy, index_outcome,
        measure, n, mean, std_dev, std_error``. ``n`` counts customers for whom the
        measure is there; mean and spread are missing where there are too few.
    """
    rows = []
    for policy, by_group in zip(history.experiment.policies, history.sums, strict=True):
        for outcome, by_measure in zip(INDEX_OUTCOMES, by_group, strict=True):
            for name, (n, total, squares) in zip(MEASURES, by_measure, strict=True):
                if name not in CODES:
                    rows.append((policy.name, outcome, name, int(n), total, squares))
    table = pd.DataFrame(
        rows, columns=["policy", "index_outcome", "measure", "n", "total", "squares"]
    )
    n = table["n"].where(table["n"] > 0)
    table["mean"] = table["total"] / n
    spread = (table["squares"] - n * table["mean"] ** 2) / (n - 1).where(n > 1)
    table["std_dev"] = np.sqrt(spread.clip(lower=0.0))
    table["std_error"] = table["std_dev"] / np.sqrt(n)
    return table.drop(columns=["total", "squares"])
