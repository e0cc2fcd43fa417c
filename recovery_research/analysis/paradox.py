"""Is a recovered customer more loyal than one never failed? The paradox, asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np
import pandas as pd

from recovery_research.analysis.contrasts import ParadoxEstimate, contrast_known
from recovery_research.analysis.worst_cases import tell_missing


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
        `contrasts.choose_method`.
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
    told = tell_missing(customers, found, limits or (None, None), method)
    return replace(found, note="; ".join(part for part in (found.note, told) if part))


class Asked(TypedDict):
    """What is asked of both ways to compare."""

    outcome: str
    policy: str | None
    treated: str
    control: str
    bounds: float | tuple[float, float] | None
    method: str
    confidence: float


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
    frames = []
    for name in names:
        asked: Asked = {
            "outcome": name, "policy": policy, "treated": treated, "control": control,
            "bounds": (bounds or {}).get(name), "method": method,
            "confidence": confidence,
        }  # fmt: skip
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
