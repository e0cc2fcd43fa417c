"""Which policy leads, and by how much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from recovery_research.analyses.groups import (
    check_outcome,
    observed_levels,
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
    policies = observed_levels(customers["policy"])
    values = read_outcome(customers[outcome])
    known = ~np.isnan(values)
    ever = set(customers["policy"][known].astype(str))
    empty = [name for name in policies if name not in ever]
    if len(policies) - len(empty) < 2:
        raise ValueError(
            "a lead is of one policy over another; the table holds "
            f"{policies}{f', and of {empty} nothing is known' if empty else ''}."
        )
    compared = customers["policy"].astype(str).isin(ever).to_numpy()
    complete, n_missing = _mark_complete(customers, compared, known, len(ever))
    rows = customers.loc[complete]
    means = pd.Series(values[complete]).groupby(rows["policy"].astype(str).to_numpy())
    ranked = means.mean().sort_values(ascending=False, kind="stable").index
    found = policy_contrast(
        rows, outcome=outcome, treated=ranked[0], control=ranked[1], paired=True
    )
    remarks = [found.note] if found.note else []
    if n_missing:
        remarks.append(
            f"{n_missing} customers whose outcome is unknown under some policy are "
            "left out"
        )
    if empty:
        remarks.append(f"the outcome is never known under {empty}, left out")
    return replace(found, n_missing=n_missing, note="; ".join(remarks))


def _mark_complete(
    customers: pd.DataFrame,
    compared: np.ndarray,
    known: np.ndarray,
    n_policies: int,
) -> tuple[np.ndarray, int]:
    """Mark the rows of customers known under every policy, and count the others."""
    who, ids = pd.factorize(customers["customer"].to_numpy())
    if (who[compared] < 0).any():
        raise ValueError(
            f"{int((who[compared] < 0).sum())} rows name no customer; pairing needs to "
            "know whose each is."
        )
    pairs = customers.loc[compared, ["policy", "customer"]]
    twice = pairs.duplicated()
    if twice.any():
        policy, customer = pairs[twice].iloc[0]
        raise ValueError(
            "pairing needs each customer once per policy; "
            f"{int(twice.sum())} appear more often, for example {customer} under "
            f"{policy!r}."
        )
    times = np.bincount(who[compared], minlength=len(ids))
    some = (times > 0) & (times < n_policies)
    if some.any():
        raise ValueError(
            f"pairing needs the same customers under every policy; {int(some.sum())} "
            f"appear under some only, for example {ids[int(np.argmax(some))]}."
        )
    seen = np.bincount(who[compared & known], minlength=len(ids)) == n_policies
    seen &= times > 0
    if not seen.any():
        raise ValueError(
            "no customer's outcome is known under every policy: nobody to compare."
        )
    return compared & seen[who], int((times > 0).sum() - seen.sum())
