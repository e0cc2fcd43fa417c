"""Which policy leads, and by how much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.groups import (
    check_outcome,
    read_outcome,
    require_column,
)
from recovery_research.analyses.policy_effects import PolicyContrast, policy_contrast


def find_leader(customers: pd.DataFrame, *, outcome: str) -> PolicyContrast:
    """Compare the policy of the highest mean with the next, paired by customer.

    Parameters
    ----------
    customers : DataFrame
        From `tabulate_customers`, with at least two policies.
    outcome : str
        A numeric or yes/no column; more is better.

    Returns
    -------
    PolicyContrast
        The leader is `treated`, the next best `control`; of equal means the policy
        whose name comes first. Its interval does not allow for the two having been
        picked as the best: read a lead whose interval comes near zero with care.

    Raises
    ------
    ValueError
        If there are fewer than two policies, the outcome is not there, or no customer's
        outcome is known under every policy.

    Notes
    -----
    Means are compared over the same customers: those whose outcome is known under
    every policy. The others are left out and counted in `n_missing`, and a policy under
    which the outcome is never known is left out and named.

    Examples
    --------
    >>> customers = pd.DataFrame({"policy": ["a"] * 3 + ["b"] * 3,
    ...                           "customer": [1, 2, 3, 1, 2, 3],
    ...                           "spend": [2.0, 3.0, 5.0, 3.0, 5.0, 8.0]})
    >>> find_leader(customers, outcome="spend").treated
    'b'
    """
    for column in ("policy", "customer"):
        require_column(customers, column)
    check_outcome(customers, outcome)
    values = _by_policy(customers, read_outcome(customers[outcome]))
    known = [name for name in values if not np.isnan(values[name]).all()]
    empty = [name for name in values if name not in known]
    if len(known) < 2:
        raise ValueError(
            "a lead is of one policy over another; the table holds "
            f"{list(values)}{f', and of {empty} nothing is known' if empty else ''}."
        )
    complete = ~np.isnan([values[name] for name in known]).any(axis=0)
    if not complete.any():
        raise ValueError(
            "no customer's outcome is known under every policy: nobody to compare."
        )
    means = {name: float(values[name][complete].mean()) for name in known}
    # Sorted by name before; sorting keeps that order among equals.
    first, second = sorted(known, key=lambda name: -means[name])[:2]
    rows = pd.DataFrame({
        "policy": np.repeat([first, second], complete.sum()),
        "customer": np.tile(np.flatnonzero(complete), 2),
        outcome: np.r_[values[first][complete], values[second][complete]],
    })  # fmt: skip
    found = policy_contrast(
        rows, outcome=outcome, treated=first, control=second, paired=True
    )
    remarks = [found.note] if found.note else []
    n_missing = int((~complete).sum())
    if n_missing:
        remarks.append(
            f"{n_missing} customers whose outcome is unknown under some policy are "
            "left out"
        )
    if empty:
        remarks.append(f"the outcome is never known under {empty}, left out")
    return replace(found, n_missing=n_missing, note="; ".join(remarks))


def _by_policy(
    customers: pd.DataFrame, values: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return each policy's outcomes by name, all in one order of customers."""
    policy, names = pd.factorize(customers["policy"], sort=True)
    who, ids = pd.factorize(customers["customer"].to_numpy())
    named = policy >= 0
    if (who[named] < 0).any():
        raise ValueError(
            f"{int((who[named] < 0).sum())} rows name no customer; pairing needs to "
            "know whose each is."
        )
    cell = (policy * len(ids) + who)[named]
    times = np.bincount(cell, minlength=len(names) * len(ids))
    times = times.reshape(len(names), len(ids))
    if times.max(initial=0) > 1:
        which, customer = np.argwhere(times > 1)[0]
        raise ValueError(
            "pairing needs each customer once per policy; "
            f"{int((times > 1).sum())} appear more often, for example {ids[customer]} "
            f"under {str(names[which])!r}."
        )
    some = times.any(axis=0) & ~times.all(axis=0)
    if some.any():
        raise ValueError(
            f"pairing needs the same customers under every policy; {int(some.sum())} "
            f"appear under some only, for example {ids[int(np.argmax(some))]}."
        )
    table = np.full(times.size, np.nan)
    table[cell] = values[named]
    table = table.reshape(times.shape)[:, times.any(axis=0)]
    return {str(name): row for name, row in zip(names, table, strict=True)}
