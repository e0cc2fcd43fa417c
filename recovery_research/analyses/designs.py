"""What a study would see: who is sampled, and how groups are formed."""

import pandas as pd


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
