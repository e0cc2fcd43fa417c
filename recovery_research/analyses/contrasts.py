"""Is a recovered customer more loyal than one never failed? One contrast."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from recovery_research.analyses.comparisons import compare
from recovery_research.analyses.groups import select_groups
from recovery_research.analyses.likeness import tell_unlike
from recovery_research.analyses.verdicts import decide, set_bounds


@dataclass(frozen=True, slots=True)
class ParadoxEstimate:
    """One outcome in two groups of customers, and what may be said about it.

    Attributes
    ----------
    outcome : str
        The column compared.
    policy : str or None
        Whose customers, None if the table has no policies to tell apart.
    treated, control : str
        The two groups of `index_outcome`.
    method : str
        ``"welch"``, ``"bootstrap_t"``, ``"clopper_pearson"``, ``"newcombe"`` or
        ``"bca"``.
    estimate, std_error : float
        Mean of treated minus mean of control, in the outcome's unit.
    ci_low, ci_high, confidence : float
        Its confidence interval; NaN if the data allow none (see `note`).
    n_treated, n_control : int
        Customers with a known outcome (rows, where customers have several).
    mean_treated, mean_control : float
        The two means; NaN for a group without a known outcome.
    equivalence_low, equivalence_high : float
        Differences between these, both included, are not worth naming.
    p_value_equivalence : float
        Two one-sided tests; small says the difference lies within the bounds.
    n_missing : int
        Customers of the two groups whose outcome is unknown, left out.
    verdict : str
        See `verdicts.decide`. With groups other than recovered and no_failure read
        ``paradox`` as "treated above control by more than the bounds".
    p_value : float
        Two-sided, of no difference; agrees with the interval.
    bounds_source : str
        Who set the bounds.
    note : str
        What could not be done or is doubtful; empty otherwise.
    """

    outcome: str
    policy: str | None
    treated: str
    control: str
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
    equivalence_low: float
    equivalence_high: float
    p_value_equivalence: float
    n_missing: int
    verdict: str
    p_value: float
    bounds_source: str
    note: str

    def __str__(self) -> str:
        head = f"{self.outcome}: {self.treated} minus {self.control} = "
        if math.isnan(self.ci_low):
            return (
                f"{head}{self.estimate:+.4g} (no interval: {self.note}); {self.verdict}"
            )
        return (
            f"{head}{self.estimate:+.4g} ({self.confidence:.0%} CI {self.ci_low:+.4g} "
            f"to {self.ci_high:+.4g}); {self.verdict}"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the estimate as one row, one column per field."""
        return pd.DataFrame([asdict(self)])


def paradox(
    customers: pd.DataFrame,
    *,
    outcome: str,
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    bounds: float | tuple[float, float] | None = None,
    limits: tuple[float | None, float | None] | None = None,
    method: str = "auto",
    confidence: float = 0.95,
) -> ParadoxEstimate:
    """Compare recovered customers with never-failed ones on one outcome.

    It compares groups as they come. Who is failed, complains or is recovered may
    differ beforehand; whether that explains the difference is for `adjust`. Where the
    table holds what was known beforehand (as `customers_from_orders` makes it) and the
    groups were unlike, the note says so.

    Parameters
    ----------
    customers : DataFrame
        One row per policy and customer: `index_outcome`, the outcome, and `policy`
        if there are several. Where a `customer` has several rows, errors are
        clustered by customer and the note says so.
    outcome : str
        A numeric or yes/no column. Unknown values are left out and counted; where
        they could turn what is found, the note says what they would have to be.
    policy : str, optional
        Which policy's customers; needed if the table holds several.
    treated, control : str, optional
        Groups of `index_outcome`; the estimate is treated minus control. For the
        double deviation take ``"not_recovered"`` and ``"silent"``.
    bounds : float or (float, float), optional
        Differences within these are not worth naming, in the outcome's unit; 0 asks
        for the direction alone. Without them: a quarter of what the practitioners
        claim, that is 1 percentage point for yes/no and 1.5 % of the control mean
        for outcomes that are never negative; a tenth of the control group's standard
        deviation for the rest. That default is a convention, not knowledge: set
        bounds whenever you know what a difference is worth.
    limits : (float, float), optional
        The least and the most an unknown outcome can be, as in `probe_missing`.
    method : {"auto", "welch", "bootstrap_t", "bca", "clopper_pearson", "newcombe"}
        ``auto``, the default, suits the method to the data, see
        `comparisons.choose_method`.
    confidence : float, optional
        Level of the interval, strictly between 0 and 1.

    Returns
    -------
    ParadoxEstimate

    Raises
    ------
    ValueError
        If a column, policy or group is not there, the table holds several policies
        and none is named, the outcome cannot be averaged, or an option is not one
        of those allowed.

    See Also
    --------
    verdicts.decide : the table from interval to verdict.
    missing_outcomes.probe_missing : what unknown outcomes could turn.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 3 + ["no_failure"] * 3,
    ...     "spend": [2.0, 4.0, 6.0, 1.0, 2.0, 3.0]})
    >>> print(paradox(customers, outcome="spend", bounds=0.3))
    spend: recovered minus no_failure = +2 (95% CI -2.155 to +6.155); cannot tell
    """
    found = contrast_known(
        customers, outcome=outcome, policy=policy, treated=treated, control=control,
        bounds=bounds, method=method, confidence=confidence,
    )  # fmt: skip
    if not found.n_missing:
        return found
    # It is built on this file.
    from recovery_research.analyses.missing_outcomes import tell_missing

    told = tell_missing(customers, found, limits or (None, None), method)
    return replace(found, note="; ".join(part for part in (found.note, told) if part))


def contrast_known(
    customers: pd.DataFrame,
    *,
    outcome: str,
    policy: str | None = None,
    treated: str,
    control: str,
    bounds: float | tuple[float, float] | None = None,
    method: str = "auto",
    confidence: float = 0.95,
) -> ParadoxEstimate:
    """Compare two groups as `paradox` does, without a word on unknown outcomes."""
    groups = select_groups(
        customers, outcome=outcome, policy=policy, treated=treated, control=control
    )
    limits = set_bounds(bounds, groups)
    interval = compare(groups, method=method, confidence=confidence)
    unlike = tell_unlike(customers, policy=policy, treated=treated, control=control)
    return ParadoxEstimate(
        outcome=outcome,
        policy=policy,
        treated=treated,
        control=control,
        method=interval.method,
        estimate=interval.estimate,
        std_error=interval.std_error,
        ci_low=interval.ci_low,
        ci_high=interval.ci_high,
        confidence=confidence,
        n_treated=interval.n_treated,
        n_control=interval.n_control,
        mean_treated=_mean(groups.treated),
        mean_control=_mean(groups.control),
        equivalence_low=limits.low,
        equivalence_high=limits.high,
        p_value_equivalence=interval.equivalence_p_value(limits.low, limits.high),
        n_missing=groups.n_missing,
        verdict=decide(interval.ci_low, interval.ci_high, limits),
        p_value=interval.p_value,
        bounds_source=limits.source,
        note="; ".join(part for part in (interval.note, unlike) if part),
    )


def paradox_by_outcome(
    customers: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    bounds: Mapping[str, float | tuple[float, float]] | None = None,
    limits: Mapping[str, tuple[float, float] | None] | None = None,
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    method: str = "auto",
    tell_unknown: bool = True,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Ask for the paradox on several outcomes, with p-values by Holm.

    Parameters
    ----------
    customers, policy, treated, control, method, confidence
        As in `paradox`.
    outcomes : sequence of str
        Columns, each once.
    bounds : mapping of str to float or pair, optional
        Bounds for the outcomes named; the others get the default.
    limits : mapping of str to pair, optional
        By outcome, the least and the most an unknown value can be.
    tell_unknown : bool, optional
        Whether the notes say what unknown outcomes would turn; False for those who
        ask `probe_missing` anyway.

    Returns
    -------
    DataFrame
        One row per outcome with the fields of `ParadoxEstimate` and
        `p_value_holm`, the two-sided p-value corrected for the outcomes that have
        one. Intervals and verdicts are per outcome, not corrected.

    Raises
    ------
    ValueError
        As `paradox`; also if outcomes is empty or repeats, or bounds name an outcome
        that is not asked for.

    Examples
    --------
    >>> customers = pd.DataFrame({
    ...     "index_outcome": ["recovered"] * 3 + ["no_failure"] * 3,
    ...     "spend": [2.0, 4.0, 6.0, 1.0, 2.0, 3.0],
    ...     "stayed": [True, True, False, True, False, False]})
    >>> table = paradox_by_outcome(customers, outcomes=["spend", "stayed"])
    >>> table["method"].tolist()
    ['welch', 'clopper_pearson']
    """
    from statsmodels.stats.multitest import multipletests

    names = _check_outcomes(outcomes, bounds or {})
    options = {"policy": policy, "treated": treated, "control": control,
               "method": method, "confidence": confidence}  # fmt: skip
    frames = []
    for name in names:
        asked = options | {"outcome": name, "bounds": (bounds or {}).get(name)}
        found = (
            paradox(customers, limits=(limits or {}).get(name), **asked)
            if tell_unknown
            else contrast_known(customers, **asked)
        )
        frames.append(found.to_frame())
    table = pd.concat(frames, ignore_index=True)
    known = table["p_value"].notna().to_numpy()
    table["p_value_holm"] = np.nan
    if known.any():
        raw = table.loc[known, "p_value"].to_numpy()
        table.loc[known, "p_value_holm"] = multipletests(raw, method="holm")[1]
    return table


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else math.nan


def _check_outcomes(outcomes: Sequence[str], bounds: Mapping) -> list[str]:
    if isinstance(outcomes, str):
        raise TypeError(f"outcomes is a list of columns; write [{outcomes!r}].")
    names = list(outcomes)
    if not names:
        raise ValueError("outcomes is empty; name at least one column.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"outcomes names {repeated} more than once.")
    strangers = sorted(set(bounds) - set(names))
    if strangers:
        raise ValueError(f"bounds name {strangers}, but outcomes are {names}.")
    return names
