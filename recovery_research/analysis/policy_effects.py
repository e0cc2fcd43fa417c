"""Policies compared on the same customers under the same luck; leaders and ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from recovery_research.analysis.bootstrap import bootstrap_mean, skewness_of_estimate
from recovery_research.analysis.contrasts import compare
from recovery_research.analysis.groups import (
    FAILED,
    GROUP_COLUMN,
    check_outcome,
    customer_clusters,
    observed_levels,
    read_outcome,
    require_column,
    rows_of_policy,
    two_groups,
)
from recovery_research.analysis.intervals import (
    Interval,
    check_choice,
    check_level,
    with_limits,
    without_interval,
)
from recovery_research.analysis.rounding import ROUNDING, varies
from recovery_research.analysis.small_samples import note_on_skewness
from recovery_research.analysis.verdicts import Curve, PointCurve, StudentCurve
from recovery_research.results import Result


def paired_difference(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    method: str = "paired_t",
) -> Interval:
    """Average the difference within pairs, with a t or a BCa interval.

    Examples
    --------
    >>> difference = paired_difference(np.array([3.0, 5, 8]), np.array([2.0, 3, 5]))
    >>> round(difference.estimate, 3), round(difference.std_error, 3)
    (2.0, 0.577)
    """
    check_level(confidence)
    check_choice(method, ("paired_t", "bca"))
    if treated.shape != control.shape:
        raise ValueError(
            f"pairs need arrays of one length; got {treated.size} and {control.size}. "
            "For different customers use difference_of_means."
        )
    gaps = treated - control
    scale = max(float(np.abs(treated).max()), float(np.abs(control).max()))
    estimate = float(gaps.mean())
    sizes = (gaps.size, gaps.size)
    if gaps.size < 2:
        return without_interval(
            method, estimate, sizes, confidence, "one pair has no spread: no interval"
        )
    if not varies(gaps, scale):
        # All pairs differ by one amount; by rounding, if it is that small.
        alike = abs(estimate) <= ROUNDING * scale
        return _same_for_all(method, 0.0 if alike else estimate, sizes, confidence)
    std_error = float(gaps.std(ddof=1)) / math.sqrt(gaps.size)
    curve: Curve = bootstrap_mean(gaps)
    if method == "paired_t":
        curve = StudentCurve(estimate, std_error, gaps.size - 1)
    note = note_on_skewness(skewness_of_estimate(gaps), gaps.size)
    return with_limits(method, curve, std_error, sizes, confidence, note)


def _same_for_all(
    method: str, estimate: float, sizes: tuple[int, int], confidence: float
) -> Interval:
    note = f"every pair differs by exactly {estimate:g}: the interval has no width"
    curve = PointCurve(estimate)
    certain = with_limits(method, curve, 0.0, sizes, confidence, note)
    return replace(certain, p_value=1.0 if estimate == 0.0 else 0.0)


@dataclass(frozen=True, slots=True)
class PairedShareCurve:
    """Limits of a difference of shares of yes in pairs, at every level.

    `gained` pairs say yes under the treated alone, `lost` under the control alone, out
    of `size`.
    """

    gained: int
    lost: int
    size: int

    @property
    def estimate(self) -> float:
        """Return the difference of the shares."""
        return (self.gained - self.lost) / self.size

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided limits at a level between 0 and 1."""
        z = float(stats.norm.isf((1.0 - confidence) / 2.0))
        low, high = -1.0, 1.0
        if self.lost < self.size:
            low = brentq(lambda d: self.score(d) - z, -1.0, self.estimate, xtol=1e-14)
        if self.gained < self.size:
            high = brentq(lambda d: self.score(d) + z, self.estimate, 1.0, xtol=1e-14)
        return float(low), float(high)

    def tail(self, delta: float) -> float:
        """Return the one-sided p-value of "the difference is at most `delta`"."""
        return float(stats.norm.sf(self.score(delta)))

    def score(self, delta: float) -> float:
        """Return the score statistic of a difference; infinite where it cannot be.

        The share lost is the most likely one under the difference, the root of a
        quadratic (the derivative of the likelihood), in a form that loses no digits.
        """
        n, gap = self.size, self.gained - self.lost - self.size * delta
        if abs(delta) >= 1.0:
            return 0.0 if gap == 0.0 else math.copysign(math.inf, gap)
        b = self.gained + self.lost - (2.0 * n - self.gained + self.lost) * delta
        c = self.lost * delta * (1.0 - delta)
        root = math.sqrt(max(0.0, b * b + 8.0 * n * c))
        lost = (b + root) / (4.0 * n) if b >= 0.0 else 2.0 * c / (root - b)
        lost = max(lost, 0.0, -delta)
        variance = n * (2.0 * lost + delta * (1.0 - delta))
        if variance <= 0.0:
            return 0.0 if gap == 0.0 else math.copysign(math.inf, gap)
        return gap / math.sqrt(variance)


def paired_shares(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    confidence: float = 0.95,
) -> Interval:
    """Compare shares of yes within pairs by the score interval of Tango.

    Parameters
    ----------
    treated, control : float64 array, shape (n_pairs,)
        Zeros and ones of the same customers in the same order; at least one pair.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.

    Returns
    -------
    Interval
        Its limits lie within -1 and 1, and have a width also where every pair agrees;
        its p-value is McNemar's without correction.

    References
    ----------
    Tango, T. (1998). Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design. Statistics in Medicine 17, 891-908.

    Examples
    --------
    >>> found = paired_shares(np.array([1.0, 1, 1, 0]), np.array([1.0, 0, 0, 0]))
    >>> found.estimate, round(found.ci_low, 3), round(found.ci_high, 3)
    (0.5, -0.235, 0.85)
    """
    check_level(confidence)
    n = treated.size
    curve = PairedShareCurve(
        int((treated > control).sum()), int((treated < control).sum()), n
    )
    low, high = curve.limits(confidence)
    spread = (curve.gained + curve.lost) / n - curve.estimate**2
    return Interval(
        method="tango",
        estimate=curve.estimate,
        std_error=math.sqrt(max(spread, 0.0) / n),
        ci_low=low,
        ci_high=high,
        confidence=confidence,
        p_value=min(1.0, 2.0 * float(stats.norm.sf(abs(curve.score(0.0))))),
        n_treated=n,
        n_control=n,
        note="",
        curve=curve,
    )


@dataclass(frozen=True, slots=True)
class PolicyContrast(Result):
    """How much one policy moves one outcome against another policy.

    Attributes
    ----------
    outcome : str
        The column compared.
    treated, control : str
        The two policies.
    paired : bool
        Whether each customer was compared with themselves under the other policy.
    failed_only : bool
        Whether only customers whose index order failed were compared.
    method : str
        ``"paired_t"``, ``"tango"`` (pairs of yes and no), ``"welch"``,
        ``"bootstrap_t"`` or ``"clopper_pearson"``.
    estimate, std_error : float
        Mean under treated minus mean under control, in the outcome's unit.
    ci_low, ci_high, confidence : float
        Its confidence interval; NaN if the data allow none (see `note`).
    n_treated, n_control : int
        Customers behind each mean; equal if paired.
    mean_treated, mean_control : float
        The two means.
    p_value : float
        Two-sided, of no difference.
    correlation : float
        Between a customer's two outcomes; NaN if not paired or one never varies.
        The nearer to 1, the more the pairing gains.
    n_missing : int
        Values (pairs, if paired) left out because an outcome is unknown.
    note : str
        What could not be done or is doubtful; empty otherwise.
    """

    outcome: str
    treated: str
    control: str
    paired: bool
    failed_only: bool
    method: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    n_treated: int
    n_control: int
    mean_treated: float
    mean_control: float
    p_value: float
    correlation: float
    n_missing: int
    note: str

    def __str__(self) -> str:
        head = f"{self.outcome}: {self.treated} minus {self.control} = "
        if math.isnan(self.ci_low):
            return f"{head}{self.estimate:+.4g} (no interval: {self.note})"
        return (
            f"{head}{self.estimate:+.4g} ({self.confidence:.0%} CI {self.ci_low:+.4g} "
            f"to {self.ci_high:+.4g})"
        )


def policy_contrast(
    customers: pd.DataFrame,
    *,
    outcome: str,
    treated: str,
    control: str,
    paired: bool,
    failed_only: bool = False,
    confidence: float = 0.95,
) -> PolicyContrast:
    """Compare two policies on one outcome, over all their customers.

    Nothing is conditioned on that a policy could have changed, so this is the effect
    of the policy, unlike the contrast of recovered and never-failed customers.

    Parameters
    ----------
    customers : DataFrame
        One row per policy and customer, with `policy`, `customer` and the outcome.
    outcome : str
        A numeric or yes/no column. Unknown values are left out and counted.
    treated, control : str
        Two policies; the estimate is treated minus control.
    paired : bool
        True if the same customers lived under both policies (a simulation), each
        then being compared with themselves. False if the customers are different people
        (a field trial), compared as `paradox` does; errors are clustered by customer
        where a policy's customers have several rows each.
    failed_only : bool, optional
        Compare only customers whose index order failed (silent, recovered or not);
        if paired, under both policies. Which customers fail must not depend on the
        policy for this to be its effect; a note counts those who failed under one.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.

    Returns
    -------
    PolicyContrast

    Raises
    ------
    ValueError
        If a column or policy is not there, the outcome cannot be averaged, a customer
        appears twice under a policy, or pairing is asked of different customers.

    Examples
    --------
    >>> customers = pd.DataFrame({"policy": ["a"] * 3 + ["b"] * 3,
    ...                           "customer": [1, 2, 3, 1, 2, 3],
    ...                           "spend": [2.0, 3.0, 5.0, 3.0, 5.0, 8.0]})
    >>> contrast = policy_contrast(customers, outcome="spend", treated="b",
    ...                            control="a", paired=True)
    >>> round(contrast.estimate, 3), round(contrast.std_error, 3)
    (2.0, 0.577)
    """
    check_level(confidence)
    check_outcome(customers, outcome)
    frames = _two_policies(customers, outcome, treated, control, paired, failed_only)
    remark = ""
    if paired:
        values, remark = _align(frames[0], frames[1], failed_only)
        interval, values, n_missing = _compare_pairs(*values, confidence)
    else:
        frames = [frame[frame["kept"]] for frame in frames]
        own, other = (frame["value"].to_numpy() for frame in frames)
        groups = two_groups(own, other, _customers_of(frames))
        interval = compare(groups, method="auto", confidence=confidence)
        values, n_missing = (groups.treated, groups.control), groups.n_missing
    return PolicyContrast(
        outcome=outcome,
        treated=treated,
        control=control,
        paired=paired,
        failed_only=failed_only,
        method=interval.method,
        estimate=interval.estimate,
        std_error=interval.std_error,
        ci_low=interval.ci_low,
        ci_high=interval.ci_high,
        confidence=confidence,
        n_treated=interval.n_treated,
        n_control=interval.n_control,
        mean_treated=float(values[0].mean()) if values[0].size else math.nan,
        mean_control=float(values[1].mean()) if values[1].size else math.nan,
        p_value=interval.p_value,
        correlation=_correlation(*values) if paired else math.nan,
        n_missing=n_missing,
        note="; ".join(part for part in (interval.note, remark) if part),
    )


def policy_contrasts(
    customers: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    control: str,
    paired: bool,
    failed_only: bool = False,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare every policy of the table with one, on every outcome named.

    Parameters
    ----------
    customers : DataFrame
        As in `policy_contrast`.
    outcomes : list of str
        Columns to compare.
    control : str
        The policy that all others are compared with.
    paired, failed_only, confidence : optional
        As in `policy_contrast`.

    Returns
    -------
    DataFrame
        One row per outcome and policy other than `control`, with the fields of
        `PolicyContrast`.

    Raises
    ------
    ValueError
        As `policy_contrast`; also if the table holds no other policy.

    Examples
    --------
    >>> customers = pd.DataFrame({"policy": ["a"] * 3 + ["b"] * 3,
    ...                           "customer": [1, 2, 3, 1, 2, 3],
    ...                           "spend": [2.0, 3.0, 5.0, 3.0, 5.0, 8.0]})
    >>> table = policy_contrasts(customers, outcomes=["spend"], control="a",
    ...                          paired=True)
    >>> table["treated"].tolist()
    ['b']
    """
    if isinstance(outcomes, str):
        raise TypeError(f"outcomes is a list of columns; write [{outcomes!r}].")
    require_column(customers, "policy")
    others = [p for p in observed_levels(customers["policy"]) if p != control]
    if not others or not outcomes:
        raise ValueError(
            f"nothing to compare with {control!r}: outcomes {list(outcomes)}, other "
            f"policies in the table {others}."
        )
    rows = [
        policy_contrast(
            customers,
            outcome=outcome,
            treated=other,
            control=control,
            paired=paired,
            failed_only=failed_only,
            confidence=confidence,
        ).to_frame()
        for outcome in outcomes
        for other in others
    ]
    return pd.concat(rows, ignore_index=True)


def _two_policies(
    customers: pd.DataFrame,
    outcome: str,
    treated: str,
    control: str,
    paired: bool,
    failed_only: bool,
) -> list[pd.DataFrame]:
    """Cut out customer, value and kept for each policy."""
    if treated == control:
        raise ValueError(
            f"treated and control are both {treated!r}; name two policies."
        )
    needed = ["policy", *(["customer"] if paired else [])]
    for column in needed + ([GROUP_COLUMN] if failed_only else []):
        require_column(customers, column)
    frames = []
    for name in (treated, control):
        rows = customers[rows_of_policy(customers, name)]
        frame = pd.DataFrame({"value": read_outcome(rows[outcome])})
        frame["kept"] = True
        if failed_only:
            frame["kept"] = rows[GROUP_COLUMN].isin(FAILED).to_numpy()
        if "customer" in rows:
            frame["customer"] = rows["customer"].to_numpy()
        if paired:
            _refuse_repeats(frame["customer"], name)
        frames.append(frame)
    return frames


def _customers_of(
    frames: list[pd.DataFrame],
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return numbers that no two policies share: unpaired, people differ."""
    codes = [customer_clusters(frame) for frame in frames]
    if codes[0] is None and codes[1] is None:
        return None
    own, other = (
        np.arange(len(frame)) if each is None else each
        for each, frame in zip(codes, frames, strict=True)
    )
    return own, other + own.max(initial=-1) + 1


def _refuse_repeats(customer: pd.Series, policy: str) -> None:
    repeated = customer[customer.duplicated()].unique()
    if repeated.size:
        raise ValueError(
            f"pairing needs each customer once per policy; under {policy!r} "
            f"{repeated.size} appear more often, for example {repeated[0]}."
        )


def _align(
    treated: pd.DataFrame, control: pd.DataFrame, failed_only: bool
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], str]:
    """Put the two policies' customers in one order and keep those asked for."""
    treated, control = (f.sort_values("customer") for f in (treated, control))
    ids = [frame["customer"].to_numpy() for frame in (treated, control)]
    if not np.array_equal(*ids):
        alone = np.setxor1d(*ids).size
        raise ValueError(
            f"pairing needs the same customers under both policies; {alone} appear "
            "under one only. For different people write paired=False."
        )
    asked = [frame["kept"].to_numpy() for frame in (treated, control)]
    kept, lost = asked[0] & asked[1], int((asked[0] ^ asked[1]).sum())
    said = f"{lost} customers failed under one policy only are left out"
    first, second = (f["value"].to_numpy()[kept] for f in (treated, control))
    return (first, second), said if failed_only and lost else ""


def _compare_pairs(
    treated: NDArray[np.float64], control: NDArray[np.float64], confidence: float
) -> tuple[Interval, tuple[NDArray[np.float64], NDArray[np.float64]], int]:
    known = ~(np.isnan(treated) | np.isnan(control))
    n_missing = int((~known).sum())
    pair = (treated[known], control[known])
    if not known.any():
        note = f"no pair with both outcomes known ({n_missing} missing)"
        nothing = without_interval("none", math.nan, (0, 0), confidence, note)
        return nothing, pair, n_missing
    compare_pairs = paired_shares if two_groups(*pair).yes_no else paired_difference
    return compare_pairs(*pair, confidence=confidence), pair, n_missing


def _correlation(treated: NDArray[np.float64], control: NDArray[np.float64]) -> float:
    if treated.size < 2 or np.ptp(treated) == 0.0 or np.ptp(control) == 0.0:
        return math.nan
    return float(np.corrcoef(treated, control)[0, 1])


def find_best_policy(customers: pd.DataFrame, *, outcome: str) -> PolicyContrast:
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
    >>> find_best_policy(customers, outcome="spend").treated
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
