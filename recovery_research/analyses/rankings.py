"""Which policy leads, and by how much."""

import pandas as pd

from .policy_effects import PolicyContrast, policy_contrast


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
        The leader is `treated`, the next best `control`. Its interval does not allow
        for the two having been picked as the best: read a lead whose interval comes
        near zero with care.

    Raises
    ------
    ValueError
        If there are fewer than two policies or the outcome is not there.

    Examples
    --------
    >>> customers = pd.DataFrame({"policy": ["a"] * 3 + ["b"] * 3,
    ...                           "customer": [1, 2, 3, 1, 2, 3],
    ...                           "spend": [2.0, 3.0, 5.0, 3.0, 5.0, 8.0]})
    >>> find_leader(customers, outcome="spend").treated
    'b'
    """
    if outcome not in customers:
        raise ValueError(
            f"the table has no column {outcome!r}; it has {list(customers)}."
        )
    means = customers.groupby("policy", observed=True)[outcome].mean().sort_values()
    if len(means) < 2:
        raise ValueError(
            "a lead is of one policy over another; the table holds "
            f"{list(means.index)}."
        )
    return policy_contrast(
        customers, outcome=outcome, treated=means.index[-1], control=means.index[-2],
        paired=True,
    )  # fmt: skip
