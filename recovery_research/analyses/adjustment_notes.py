"""What is doubtful about an adjustment, in words."""

from __future__ import annotations

from recovery_research.analyses.adjusted_limits import AdjustedInterval
from recovery_research.analyses.overlap import ONLY_LINES, Prepared

# Fewer than this many weighted customers leave the interval to a handful of people.
FEW_EFFECTIVE = 30.0
# A treated customer whose chance of treatment no control customer comes near.
THIN_CHANCE = 0.02
# Standardised differences and variance ratios beyond which groups are not alike.
FAR_APART = 0.1
UNEQUAL = 2.0


def note_adjustment(
    ready: Prepared,
    interval: AdjustedInterval,
    numbers: dict[str, float],
    *,
    terms: str,
) -> str:
    """Say what is doubtful about an adjustment; empty if nothing is.

    Parameters
    ----------
    ready : Prepared
    interval : AdjustedInterval
    numbers : dict
        From `balance.diagnose_overlap`.
    terms : str
        As in `adjustment.adjust`.

    Returns
    -------
    str
    """
    parts = [interval.note, *_left_out(ready)]
    smallest = min(interval.sizes)
    if smallest < FEW_EFFECTIVE:
        parts.append(
            f"the weighted groups are worth {smallest:.0f} customers at the least, so "
            "the interval may cover less often than it says"
        )
    if numbers["share_outside"] > THIN_CHANCE:
        parts.append(
            f"{numbers['share_outside']:.0%} of the customers asked about have no "
            "counterpart in the other group: their part is extrapolated"
        )
    parts += _unlike(ready, numbers, terms=terms)
    return "; ".join(part for part in parts if part)


def _left_out(ready: Prepared) -> list[str]:
    """Say who was left out, and which covariates."""
    said, comparison = [], ready.comparison
    if comparison.n_missing_covariates:
        compared = len(comparison.treated) + sum(ready.n_set_aside)
        known = compared + comparison.n_missing_covariates
        said.append(
            f"{comparison.n_missing_covariates} of {known} customers are left out, a "
            f"covariate being unknown ({comparison.missing_covariates})"
        )
    said += [f"left out: {remark}" for remark in comparison.remarks]
    said += ready.remarks
    return said


def _unlike(ready: Prepared, numbers: dict[str, float], *, terms: str) -> list[str]:
    """Say where the weighted groups are not alike, and what a line cannot see."""
    said = []
    if numbers["imbalance_after"] > FAR_APART:
        said.append(
            "weights leave a standardised difference of "
            f"{numbers['imbalance_after']:.2f}"
        )
    ratio = numbers["variance_ratio_after"]
    if not 1.0 / UNEQUAL <= ratio <= UNEQUAL:
        said.append(f"weights leave a ratio of variances of {ratio:.2g}")
    if (
        terms == "flexible"
        and not ready.curved[1]
        and ONLY_LINES not in ready.remarks
        and any(not each.levels for each in ready.comparison.covariates)
    ):
        said.append(
            "the groups are too small for curves: covariates are adjusted for as "
            "straight lines"
        )
    if ready.propensity.penalised:
        said.append(
            "the covariates tell some of the customers apart almost exactly: their "
            "chances of treatment are held back by a penalty"
        )
    return said
