"""How complaints were answered, and what share of each answer's was yes after it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from recovery_research.analyses.contrasts import paradox
from recovery_research.analyses.curves import wilson_limits
from recovery_research.analyses.groups import GROUP_COLUMN, check_outcome, read_outcome
from recovery_research.analyses.intervals import check_level


def tabulate_shares(
    customers: pd.DataFrame,
    *,
    outcome: str,
    control: str,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the share of yes in each group, and how it differs from one of them.

    Parameters
    ----------
    customers : DataFrame
        One row per complaint (or customer), with ``index_outcome``: how it was
        answered.
    outcome : str
        A yes/no column, such as ``disputed``. Unknown is left out and counted.
    control : str
        The group that the others are compared with.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        One row per group, the control first: ``group, n, n_yes, n_missing,
        estimate`` (share of yes) with Wilson's ``ci_low, ci_high``; ``difference``
        (share minus the control's) with Newcombe's ``difference_ci_low,
        difference_ci_high``; ``ratio`` (share over the control's) with the score
        limits of Miettinen and Nurminen, ``ratio_ci_low, ratio_ci_high``;
        ``confidence`` and a ``note`` where something could not be done.

    Raises
    ------
    ValueError
        If a column or the control is not there, or the outcome is not yes/no.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
    inference. JASA 22, 209-212.
    Newcombe, R. G. (1998). Interval estimation for the difference between independent
    proportions. Statistics in Medicine 17, 873-890.
    Miettinen, O. and Nurminen, M. (1985). Comparative analysis of two rates.
    Statistics in Medicine 4, 213-226.

    Examples
    --------
    >>> complaints = pd.DataFrame({
    ...     "index_outcome": ["none"] * 10 + ["money"] * 10,
    ...     "disputed": [True] * 4 + [False] * 6 + [True] + [False] * 9})
    >>> table = tabulate_shares(complaints, outcome="disputed", control="none")
    >>> table[["group", "n_yes", "estimate", "ratio"]].values.tolist()
    [['none', 4, 0.4, nan], ['money', 1, 0.1, 0.25]]
    """
    check_level(confidence)
    check_outcome(customers, outcome)
    values = read_outcome(customers[outcome])
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise ValueError(f"{outcome!r} is not yes/no; compare means with paradox.")
    groups = customers[GROUP_COLUMN].to_numpy()
    names = [
        name for name, n in count_groups(customers).items() if n and name != control
    ]
    if control not in count_groups(customers):
        raise ValueError(
            f"no row has {GROUP_COLUMN} {control!r}; the groups are {names}."
        )
    rows = []
    for name in [control, *names]:
        row = describe_share(values[groups == name], confidence) | {"group": name}
        if name != control:
            row |= compare_share(customers, outcome, name, control, confidence)
        rows.append(row)
    columns = [
        "group", "n", "n_yes", "n_missing", "estimate", "ci_low", "ci_high",
        "difference", "difference_ci_low", "difference_ci_high", "ratio",
        "ratio_ci_low", "ratio_ci_high", "confidence", "note",
    ]  # fmt: skip
    table = pd.DataFrame(rows).reindex(columns=columns)
    return table.assign(note=table["note"].fillna(""))


def count_groups(customers: pd.DataFrame) -> dict[str, int]:
    """Return how many rows each group has, in the groups' order."""
    counts = customers[GROUP_COLUMN].value_counts(sort=False)
    return {str(name): int(n) for name, n in counts.items()}


def describe_share(values: np.ndarray, confidence: float) -> dict[str, object]:
    """Return a share of yes with Wilson's limits."""
    known = values[~np.isnan(values)]
    row = {
        "n": known.size,
        "n_yes": int(known.sum()),
        "n_missing": values.size - known.size,
        "confidence": confidence,
    }
    if known.size == 0:
        return row | {"note": "the outcome is never known"}
    share = float(known.mean())
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    low, high = wilson_limits(share, known.size, z)
    return row | {"estimate": share, "ci_low": low, "ci_high": high}


def compare_share(
    customers: pd.DataFrame, outcome: str, name: str, control: str, confidence: float
) -> dict[str, object]:
    """Return one group's share against the control's: difference and ratio."""
    found = paradox(
        customers, outcome=outcome, treated=name, control=control, confidence=confidence
    )
    if math.isnan(found.estimate):
        return {"note": found.note}
    row = {
        "difference": found.estimate,
        "difference_ci_low": found.ci_low,
        "difference_ci_high": found.ci_high,
    }
    if found.mean_control == 0.0:
        return row | {"note": "nobody in the control group: no ratio"}
    low, high = ratio_limits(
        (round(found.mean_treated * found.n_treated), found.n_treated),
        (round(found.mean_control * found.n_control), found.n_control),
        confidence,
    )
    ratio = found.mean_treated / found.mean_control
    return row | {"ratio": ratio, "ratio_ci_low": low, "ratio_ci_high": high}


def ratio_limits(
    treated: tuple[int, int], control: tuple[int, int], confidence: float
) -> tuple[float, float]:
    """Return score limits of a ratio of two shares, each given as (yes, all)."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    return confint_proportions_2indep(
        *treated, *control, method="score", compare="ratio", alpha=1.0 - confidence
    )
