"""Why a recovery works: how much of its effect goes through what it did to feelings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.covariates import Comparison, compare_with_covariates
from recovery_research.analyses.groups import (
    GROUP_COLUMN,
    check_outcome,
    read_outcome,
    rows_of_policy,
)
from recovery_research.analyses.intervals import check_level
from recovery_research.analyses.mediation_steps import Steps, fit_steps
from recovery_research.results import Result

ASSUMPTION = (
    "Among customers with the same covariates, who was recovered, and then how "
    "satisfied she was given that, had nothing to do with how loyal she would have "
    "been. The second half cannot be had by any experiment on recovery alone: whatever "
    "makes customers both content and loyal breaks it. The curve shows by how much."
)
CORRELATIONS = tuple(round(0.1 * step, 1) for step in range(-9, 10))


@dataclass(frozen=True, slots=True)
class Mediation(Result):
    """A contrast divided into what goes through a mediator and what does not.

    Attributes
    ----------
    outcome, mediator, policy, treated, control, covariates : str
        What was compared, through what, and what was adjusted for.
    total, total_low, total_high : float
        Adjusted treated minus control, in the outcome's unit.
    direct, direct_low, direct_high : float
        Its part that does not go through the mediator.
    estimate, std_error, ci_low, ci_high, confidence : float
        Its part that does (the indirect effect).
    p_value : float
        Two-sided, of no indirect effect; from the law of the limits.
    effect_on_mediator, effect_of_mediator : float
        The two steps whose product the indirect effect is.
    correlation_at_zero : float
        Correlation of what mediator and outcome leave unexplained at which the
        indirect effect would be nothing: the further from 0, the sturdier.
    n_treated, n_control, n_missing : int
        Customers compared, and left out.
    assumption : str
        What has to be believed.
    note : str
        What is doubtful; empty otherwise.
    curve : DataFrame
        The indirect effect if that correlation were so: `correlation, estimate,
        ci_low, ci_high`.
    """

    outcome: str
    mediator: str
    policy: str | None
    treated: str
    control: str
    covariates: str
    total: float
    total_low: float
    total_high: float
    direct: float
    direct_low: float
    direct_high: float
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    p_value: float
    effect_on_mediator: float
    effect_of_mediator: float
    correlation_at_zero: float
    n_treated: int
    n_control: int
    n_missing: int
    assumption: str
    note: str
    curve: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the division as one row; the curve is a table of its own."""
        row = asdict(replace(self, curve=None))
        del row["curve"]
        return pd.DataFrame([row])


def mediate(
    customers: pd.DataFrame,
    *,
    outcome: str,
    mediator: str = "satisfaction_after",
    covariates: Sequence[str] = (),
    policy: str | None = None,
    treated: str = "recovered",
    control: str = "no_failure",
    confidence: float = 0.95,
) -> Mediation:
    """Divide a contrast into the part through a mediator and the rest.

    Parameters
    ----------
    customers, outcome, policy, treated, control, confidence
        As in `paradox.paradox`.
    mediator : str, optional
        A numeric column the recovery changed and that may change the outcome, such
        as ``satisfaction_after`` or ``trust``.
    covariates : sequence of str, optional
        Columns known before the index order.

    Returns
    -------
    Mediation

    Raises
    ------
    ValueError
        As `adjustment.adjust`; also if the mediator does not vary within the groups,
        or there are no more customers than coefficients.

    Notes
    -----
    Straight lines, no interaction: mediator on group and covariates, outcome on group,
    covariates and mediator. With residual variances s1^2 (outcome, mediator left out)
    and s2^2 (mediator) and their correlation r, a correlation c of the two models'
    errors means an effect of the mediator of (s1 / s2) * (r - c * sqrt((1 - r^2) / (1
    - c^2))); at c = 0 it is the regression's, at c = r it is nothing.

    All errors are HC3, those of leaving out one customer (with all rows of the
    customer, where some have several): of the kinds that allow for unequal spreads it
    is the one that does not fall short in small groups. Limits of total and direct part
    are those of `paradox.paradox`, widened to that error. The indirect part is a
    product, which is skewed and, if either step may be nothing, peaked: its limits are
    the quantiles of the product of the two steps' own laws (the distribution of the
    product, computed on a grid).

    ``statsmodels.stats.mediation.Mediation`` gives the same estimate by simulation, at
    70 ms a draw, but with limits that are too wide: it draws each customer's mediator
    with fresh noise for each of the two groups (a test measures it).

    References
    ----------
    Imai, K., Keele, L. and Yamamoto, T. (2010). Identification, inference and
    sensitivity analysis for causal mediation effects. Statistical Science 25, 51-71.
    Long, J. S. and Ervin, L. H. (2000). Using heteroscedasticity consistent standard
    errors in the linear regression model. American Statistician 54, 217-224.
    MacKinnon, D. P., Lockwood, C. M. and Williams, J. (2004). Confidence limits for
    the indirect effect. Multivariate Behavioral Research 39, 99-128.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> recovered = np.repeat([1.0, 0.0], [200, 300])
    >>> content = 4 + 0.5 * recovered + rng.normal(0, 1, 500)
    >>> customers = pd.DataFrame({
    ...     "index_outcome": np.where(recovered == 1, "recovered", "no_failure"),
    ...     "satisfaction_after": content,
    ...     "spend": 50 + 6 * content - 2 * recovered + rng.normal(0, 5, 500)})
    >>> found = mediate(customers, outcome="spend")
    >>> bool(found.ci_low < 3.0 < found.ci_high)
    True
    """
    check_level(confidence)
    data, values, clusters = _read(
        customers,
        outcome=outcome,
        mediator=mediator,
        covariates=covariates,
        policy=policy,
        treated=treated,
        control=control,
    )
    steps = fit_steps(data, values, clusters, confidence)
    indirect = steps.indirect(0.0, confidence)
    return Mediation(
        outcome=outcome,
        mediator=mediator,
        policy=policy,
        treated=treated,
        control=control,
        covariates=", ".join(covariates),
        total=steps.total.estimate,
        total_low=steps.total.ci_low,
        total_high=steps.total.ci_high,
        direct=steps.direct.estimate,
        direct_low=steps.direct.ci_low,
        direct_high=steps.direct.ci_high,
        estimate=indirect.estimate,
        std_error=indirect.std_error,
        ci_low=indirect.ci_low,
        ci_high=indirect.ci_high,
        confidence=confidence,
        p_value=indirect.p_value,
        effect_on_mediator=steps.first.estimate,
        effect_of_mediator=steps.effect,
        correlation_at_zero=steps.correlation,
        n_treated=int(data.treated.sum()),
        n_control=int((~data.treated).sum()),
        n_missing=data.n_missing,
        assumption=ASSUMPTION,
        note=steps.doubt(),
        curve=_curve(steps, confidence),
    )


def _read(
    customers: pd.DataFrame, *, outcome: str, mediator: str, **which: object
) -> tuple[Comparison, NDArray[np.float64], NDArray[np.int64] | None]:
    check_outcome(customers, mediator)
    if mediator == outcome:
        raise ValueError(
            f"mediator and outcome are both {outcome!r}; name two columns."
        )
    if mediator in which["covariates"]:
        raise ValueError(f"{mediator!r} cannot be mediator and covariate at once.")
    check_outcome(customers, outcome)
    both = customers[mediator].notna() & customers[outcome].notna()
    # Make both unknown where one is, so that one call leaves the same customers out.
    made = customers.assign(
        **{name: customers[name].where(both) for name in (mediator, outcome)}
    )
    data = compare_with_covariates(made, outcome=outcome, allow_none=True, **which)
    groups = customers[GROUP_COLUMN]
    asked = (groups == which["treated"]) | (groups == which["control"])
    used = rows_of_policy(customers, which["policy"])
    used = used & asked.to_numpy(dtype=bool, na_value=False)
    used &= (both & customers[list(which["covariates"])].notna().all(axis=1)).to_numpy()
    return data, read_outcome(made.loc[used, mediator]), data.clusters


def _curve(steps: Steps, confidence: float) -> pd.DataFrame:
    rows = []
    for correlation in CORRELATIONS:
        found = steps.indirect(correlation, confidence)
        rows.append((correlation, found.estimate, found.ci_low, found.ci_high))
    return pd.DataFrame(rows, columns=["correlation", "estimate", "ci_low", "ci_high"])
