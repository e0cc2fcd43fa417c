"""How complaints were answered, and what share of each answer's was yes after it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recovery_research._checks import did_you_mean
from recovery_research.analysis.groups import (
    GROUP_COLUMN,
    check_outcome,
    customer_clusters,
    read_outcome,
    require_column,
)
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.ratios import ratio_limits
from recovery_research.analysis.verdicts import (
    ScoreCurve,
    critical_value,
    wilson_limits,
)


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
        answered. Where ``customer`` names somebody more than once, errors are
        clustered by customer.
    outcome : str
        A yes/no column, such as ``disputed``. Unknown is left out and counted.
    control : str
        The group that the others are compared with.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        One row per group, the control first: ``group, n, n_yes, n_missing``;
        ``n_customers`` (who they are of) and ``n_effective`` (how many rows of
        different customers would say as much); ``estimate`` (share of yes),
        ``std_error`` and Wilson's ``ci_low, ci_high``; ``difference`` (share minus
        the control's), ``difference_std_error``, Newcombe's ``difference_ci_low,
        difference_ci_high`` and the two-sided ``p_value`` of no difference that
        agrees with them; ``ratio`` (share over the control's) with the score limits
        of Miettinen and Nurminen, ``ratio_ci_low, ratio_ci_high``, the upper one
        infinite where nobody of the control said yes; ``confidence`` and a ``note``
        where something could not be done or is doubtful.

    Raises
    ------
    ValueError
        If a column or the control is not there, or the outcome is not yes/no.

    Notes
    -----
    Rows of one customer say less than as many customers do. As Rao and Scott do, the
    numbers of each group are divided by its design effect, the variance of the share
    between customers over the binomial one, at least 1; Student's t with customers
    less one stands for the normal quantile. Where all or none say yes, nothing shows
    how alike a customer's rows are, and they count as entirely alike. Customers in
    both groups of a difference or ratio are allowed for by its own variance.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
    inference. JASA 22, 209-212.
    Newcombe, R. G. (1998). Interval estimation for the difference between independent
    proportions. Statistics in Medicine 17, 873-890.
    Miettinen, O. and Nurminen, M. (1985). Comparative analysis of two rates.
    Statistics in Medicine 4, 213-226.
    Rao, J. N. K. and Scott, A. J. (1992). A simple method for the analysis of clustered
    binary data. Biometrics 48, 577-585.

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
    require_column(customers, GROUP_COLUMN)
    check_outcome(customers, outcome)
    values = read_outcome(customers[outcome])
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise ValueError(f"{outcome!r} is not yes/no; compare means with paradox.")
    counts = count_groups(customers)
    names = [name for name, n in counts.items() if n and name != control]
    if control not in counts:
        raise ValueError(
            f"no row has {GROUP_COLUMN} {control!r}; the groups are {names}."
            f"{did_you_mean(control, names)}"
        )
    clusters = customer_clusters(customers)
    groups = customers[GROUP_COLUMN].to_numpy()
    shares = {
        name: gather_share(values, groups == name, clusters, confidence)
        for name in [control, *names]
    }
    rows = []
    for name, share in shares.items():
        row = describe_share(share, confidence) | {"group": name}
        if name != control:
            compared = compare_shares(share, shares[control], confidence)
            compared["note"] = join_notes(row["note"], compared.get("note", ""))
            row |= compared
        rows.append(row)
    columns = [
        "group", "n", "n_yes", "n_missing", "n_customers", "n_effective", "estimate",
        "std_error", "ci_low", "ci_high", "difference", "difference_std_error",
        "difference_ci_low", "difference_ci_high", "p_value", "ratio", "ratio_ci_low",
        "ratio_ci_high", "confidence", "note",
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=columns)


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A share of yes, and how much its rows say.

    Attributes
    ----------
    share : float
        Of the known rows; NaN if none is known.
    n, n_yes, n_missing, n_customers : int
        Known rows, yes among them, unknown rows, and customers of the known ones.
    n_effective : float
        Rows of different customers that would say as much.
    sureness : float
        By which an effective number is cut for being estimated from few customers;
        0 where one customer's rows cannot be told from chance.
    off : float64 array or None
        By customer, the sum of the rows' distances from the share; None where no
        customer of the table has several rows.
    """

    share: float
    n: int
    n_yes: int
    n_missing: int
    n_customers: int
    n_effective: float
    sureness: float
    off: NDArray[np.float64] | None

    @property
    def variance(self) -> float:
        """Return the square of the share's standard error."""
        return self.share * (1.0 - self.share) / self.n_effective


def count_groups(customers: pd.DataFrame) -> dict[str, int]:
    """Return how many rows each group has, in the groups' order."""
    counts = customers[GROUP_COLUMN].value_counts(sort=False)
    return {str(name): int(n) for name, n in counts.items()}


def gather_share(
    values: NDArray[np.float64],
    rows: NDArray[np.bool_],
    clusters: NDArray[np.int64] | None,
    confidence: float,
) -> Share:
    """Return a group's share and what its rows say of it."""
    known = rows & ~np.isnan(values)
    n, n_missing = int(known.sum()), int(rows.sum() - known.sum())
    if n == 0:
        return Share(math.nan, 0, 0, n_missing, 0, 0.0, 0.0, None)
    n_yes = int(values[known].sum())
    share = n_yes / n
    if clusters is None:
        return Share(share, n, n_yes, n_missing, n, float(n), 1.0, None)
    size = int(clusters.max()) + 1
    rows_of = np.bincount(clusters[known], minlength=size)
    sums = np.bincount(clusters[known], values[known] - share, minlength=size)
    off = sums.astype(np.float64, copy=False)
    k = int((rows_of > 0).sum())
    if k == n:
        return Share(share, n, n_yes, n_missing, n, float(n), 1.0, off)
    # As if a customer's rows were all alike; where all say the same they are.
    alike = n**2 / float((rows_of.astype(float) ** 2).sum())
    effective, sureness = alike, 0.0
    if k > 1:
        z, t = stats.norm, stats.t
        level = 0.5 + confidence / 2.0
        sureness = float(z.ppf(level) / t.ppf(level, k - 1)) ** 2
        between = k / (k - 1) * float(off @ off) / n**2
        if 0 < n_yes < n:
            effective = min(float(n), share * (1.0 - share) / between)
    return Share(share, n, n_yes, n_missing, k, effective, sureness, off)


def describe_share(group: Share, confidence: float) -> dict[str, object]:
    """Return a share of yes with Wilson's limits, as a row."""
    row: dict[str, object] = {
        "n": group.n,
        "n_yes": group.n_yes,
        "n_missing": group.n_missing,
        "n_customers": group.n_customers,
        "n_effective": group.n_effective,
        "confidence": confidence,
        "note": "",
    }
    if group.n == 0:
        return row | {"note": "the outcome is never known"}
    row["estimate"] = group.share
    if group.sureness == 0.0:
        return row | {"note": f"all {group.n} rows are of one customer: no interval"}
    if group.n_customers < group.n:
        row["note"] = (
            f"several rows of one customer: {group.n:,} rows of {group.n_customers:,} "
            f"customers say as much as {group.n_effective:,.0f} of different ones"
        )
    z = critical_value(confidence)
    low, high = wilson_limits(group.share, group.n_effective * group.sureness, z)
    error = math.sqrt(group.variance)
    return row | {"std_error": error, "ci_low": low, "ci_high": high}


def compare_shares(
    group: Share, control: Share, confidence: float
) -> dict[str, object]:
    """Return one group's share against the control's: difference and ratio."""
    if min(group.n, control.n) == 0:
        return {
            "note": f"no known outcome in a group ({group.n} treated, {control.n} "
            "control): nothing to compare"
        }
    row: dict[str, object] = {"difference": group.share - control.share}
    if control.share > 0.0:
        row["ratio"] = group.share / control.share
    if min(group.sureness, control.sureness) == 0.0:
        return row | {"note": "a group is one customer: no interval of the difference"}
    sizes = effective_sizes(group, control, (1.0, 1.0))
    curve = ScoreCurve(group.share, control.share, sizes[0], sizes[1])
    low, high = curve.limits(confidence)
    turned = ScoreCurve(control.share, group.share, sizes[1], sizes[0])
    error = math.sqrt(
        sum(
            each.share * (1.0 - each.share) / (size / each.sureness)
            for each, size in zip((group, control), sizes, strict=True)
        )
    )
    row |= {
        "difference_std_error": error,
        "difference_ci_low": low,
        "difference_ci_high": high,
        # Each tail is computed as one: what is left of 1 has no small digits.
        "p_value": min(1.0, 2.0 * min(curve.tail(0.0), turned.tail(0.0))),
    }
    return row | compare_ratio(group, control, confidence)


def compare_ratio(group: Share, control: Share, confidence: float) -> dict[str, object]:
    """Return limits of a ratio of shares, and what is to be said of them."""
    weights = (1.0, 1.0)
    if min(group.share, control.share) > 0.0:
        # The logarithm's variance weighs each share by one over itself.
        weights = (1.0 / group.share, 1.0 / control.share)
    sizes = effective_sizes(group, control, weights)
    low, high = ratio_limits(
        (group.share * sizes[0], sizes[0]),
        (control.share * sizes[1], sizes[1]),
        confidence,
    )
    row: dict[str, object] = {"ratio_ci_low": low, "ratio_ci_high": high}
    if control.share == 0.0:
        where = "the control group" if group.share else "either group"
        row["note"] = f"nobody in {where}: no ratio, and none is too large"
    return row


def effective_sizes(
    group: Share, control: Share, weights: tuple[float, float]
) -> tuple[float, float]:
    """Return effective numbers of rows for a comparison of two groups.

    Customers who are in both make the comparison surer, or less sure, than its two
    parts: the numbers are divided by the weighted difference's variance over what the
    parts' variances add up to, and are never more than there are rows.
    """
    ratio = 1.0
    if group.off is not None and control.off is not None:
        own = weights[0] * group.off / group.n
        other = weights[1] * control.off / control.n
        apart = float(own @ own + other @ other)
        gap = own - other
        if apart > 0.0:
            ratio = max(float(gap @ gap) / apart, 1e-9)
    treated, compared = (
        min(float(each.n), each.n_effective / ratio) * each.sureness
        for each in (group, control)
    )
    return treated, compared


def join_notes(*notes: object) -> str:
    """Join what is to be said, leaving out what is said already."""
    return "; ".join(dict.fromkeys(str(note) for note in notes if note))
