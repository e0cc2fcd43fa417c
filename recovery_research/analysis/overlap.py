"""Who can stand in for whom: customers without a counterpart are set aside."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recovery_research.analysis.covariates import (
    Comparison,
    Covariate,
    count_terms,
    curved_design,
    standardise,
)
from recovery_research.analysis.propensity import Propensity, fit_propensity

TARGETS = ("treated", "all")
TERMS = ("flexible", "linear")
# What a customer so far beyond everybody in the other group, in its standard
# deviations, would have done there is a guess. Who is not asked about (control
# customers, for an effect on the treated) and lies so far beyond all of those stands
# for none of them, and would only pull at the curve.
BEYOND_ASKED, BEYOND_OTHER = 0.5, 2.0
# Odds of treatment, over those of the two groups' sizes where these exceed one, below
# which nobody is set aside (a chance of 0.9, Crump and others' rule of thumb) and
# beyond which everybody is.
ODDS_KEPT, ODDS_LEFT = 9.0, 99.0
MOST_ROUNDS = 2
ONLY_LINES = (
    "curves of the covariates tell the groups apart exactly, so they are adjusted for "
    "as straight lines, which extrapolates"
)
# Combinations of a category's level and a group that a note names.
MOST_NAMED = 3


class NoOverlapError(ValueError):
    """Nobody in one group can stand in for anybody in the other."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Customers with a counterpart, and the models that compare them.

    Attributes
    ----------
    comparison : Comparison
        Those not set aside.
    propensity : Propensity
        Of those.
    design : float64 array, shape (n, n_columns)
        For regressions of the outcome.
    curved : tuple of bool
        Whether numbers may bend in the propensity, and in the regressions.
    n_set_aside : tuple of int
        Treated and control rows set aside.
    remarks : tuple of str
        Who was set aside and why, for a note.
    """

    comparison: Comparison
    propensity: Propensity
    design: NDArray[np.float64]
    curved: tuple[bool, bool]
    n_set_aside: tuple[int, int]
    remarks: tuple[str, ...]


def prepare(
    comparison: Comparison, names: tuple[str, str], *, target: str, terms: str
) -> Prepared:
    """Set aside who has no counterpart, and fit the chance of being treated.

    Parameters
    ----------
    comparison : Comparison
    names : (str, str)
        What the treated and the control group are called.
    target : {"treated", "all"}
    terms : {"flexible", "linear"}

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        If nobody, or next to nobody, has a counterpart.

    Notes
    -----
    Set aside are customers with a category's level (or one of two values) that
    nobody in the other group has; with ``flexible`` terms also those whose number
    lies far beyond all of the other group's, and, of the treated, those whose chance
    of treatment 1 / (1 - chance) is above twice its mean over those kept, which
    minimises the variance of an effect on the treated as Crump and others' rule does
    that of an effect on all, but nobody below a chance of 0.9 (odds of nine times the
    ratio of the groups where the treated are more). The chances are fitted again on
    those who are left.

    References
    ----------
    Crump, R. K., Hotz, V. J., Imbens, G. W. and Mitnik, O. A. (2009). Dealing with
    limited overlap in estimation of average treatment effects. Biometrika 96, 187-199.
    """
    if terms == "linear":
        return _prepare(comparison, names, target=target, terms=terms)
    try:
        return _prepare(comparison, names, target=target, terms=terms)
    except NoOverlapError:
        lines = _prepare(comparison, names, target=target, terms="linear")
        return replace(lines, remarks=(*lines.remarks, ONLY_LINES))


def _prepare(
    comparison: Comparison, names: tuple[str, str], *, target: str, terms: str
) -> Prepared:
    """Prepare with one kind of terms, or raise if these tell the groups apart."""
    first = comparison
    remarks: list[str] = []
    kept = share_levels(comparison, names, remarks)
    if terms == "flexible":
        kept = share_ranges(comparison, names, kept, remarks, target=target)
    comparison = _keep(comparison, kept, names)
    for left in reversed(range(MOST_ROUNDS + 1)):
        designs = _designs(comparison, target=target, terms=terms)
        propensity = fit_propensity(designs[0], comparison.treated)
        if left == 0 or (terms == "linear" and not propensity.penalised):
            break
        kept = _share_chances(propensity, names, target=target, remarks=remarks)
        if kept.all():
            break
        comparison = _keep(comparison, kept, names)
    _check_overlap(propensity, comparison, names)
    sizes = [
        int(each.sum() - other.sum())
        for each, other in (
            (first.treated, comparison.treated),
            (~first.treated, ~comparison.treated),
        )
    ]
    return Prepared(
        comparison=comparison,
        propensity=propensity,
        design=designs[1],
        curved=designs[2],
        n_set_aside=(sizes[0], sizes[1]),
        remarks=tuple(remarks),
    )


def share_levels(
    comparison: Comparison, names: tuple[str, str], remarks: list[str]
) -> NDArray[np.bool_]:
    """Mark who has no level of a category that the other group is without."""
    kept = np.ones(len(comparison.treated), dtype=bool)
    treated, found = comparison.treated, []
    for _ in range(len(comparison.covariates) + 1):
        before = int(kept.sum())
        for each in comparison.covariates:
            for level, code in _levels(each):
                rows = kept & (each.values == code)
                n_treated = int((rows & treated).sum())
                n_control = int(rows.sum()) - n_treated
                if min(n_treated, n_control) == 0 < max(n_treated, n_control):
                    kept &= ~rows
                    found.append((each.name, level, n_treated, n_control))
        if int(kept.sum()) == before:
            break
    if found:
        remarks.append(_say_levels(found, names))
    return kept


def share_ranges(
    comparison: Comparison,
    names: tuple[str, str],
    kept: NDArray[np.bool_],
    remarks: list[str],
    *,
    target: str,
) -> NDArray[np.bool_]:
    """Mark whose numbers do not lie far beyond all of the other group's."""
    kept, treated = kept.copy(), comparison.treated
    for each in comparison.covariates:
        groups = [each.values[kept & treated], each.values[kept & ~treated]]
        if each.levels or min(group.size for group in groups) < 2:
            continue
        outside = []
        reaches = [BEYOND_ASKED, BEYOND_ASKED if target == "all" else BEYOND_OTHER]
        for rows, other, reach in (
            (treated, groups[1], reaches[0] * float(groups[1].std(ddof=1))),
            (~treated, groups[0], reaches[1] * float(groups[0].std(ddof=1))),
        ):
            beyond = (each.values < other.min() - reach) | (
                each.values > other.max() + reach
            )
            outside.append(kept & rows & beyond)
        far = outside[0] | outside[1]
        left = [int((kept & ~far & rows).sum()) for rows in (treated, ~treated)]
        # Where they are not few but all, it is the others who are the exception.
        if far.any() and min(left) >= 2:
            sizes = [int(rows.sum()) for rows in outside]
            remarks.append(
                f"set aside: {_say_sizes(sizes, names)} whose {each.name} is far "
                "beyond the other group's"
            )
            kept &= ~far
    return kept


def _share_chances(
    propensity: Propensity, names: tuple[str, str], *, target: str, remarks: list[str]
) -> NDArray[np.bool_]:
    """Mark whose chance of treatment leaves somebody to compare them with."""
    odds = propensity.chance / (1.0 - propensity.chance)
    treated = propensity.treated
    ratio = float(treated.sum()) / float((~treated).sum())
    cut = _cut(odds, 1.0 + odds[treated], ratio)
    kept = odds <= cut
    if target == "all":
        kept &= 1.0 / odds <= _cut(1.0 / odds, 1.0 + 1.0 / odds[~treated], 1.0 / ratio)
    if not kept.all():
        left = ~kept
        sizes = [int((left & rows).sum()) for rows in (treated, ~treated)]
        remarks.append(
            f"set aside: {_say_sizes(sizes, names)} whom the covariates put almost "
            "surely into one group"
        )
    return kept


def _cut(odds: NDArray[np.float64], cost: NDArray[np.float64], ratio: float) -> float:
    """Return the odds beyond which customers are set aside."""
    usual = max(1.0, ratio)
    if float(odds.max()) <= ODDS_KEPT * usual:
        return np.inf
    costs = np.sort(cost)
    means = np.cumsum(costs) / np.arange(1, costs.size + 1)
    best = costs[costs <= 2.0 * means][-1] - 1.0
    return float(np.clip(best, ODDS_KEPT * usual, ODDS_LEFT * usual))


def _designs(
    comparison: Comparison, *, target: str, terms: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[bool, bool]]:
    """Return the designs of propensity and regressions: one, if they may bend alike."""
    treated, covariates = comparison.treated, comparison.covariates
    if terms == "linear":
        columns = list(comparison.design[:, 1:].T)
        design = standardise(columns, treated.size)
        return design, design, (False, False)
    sizes = int(treated.sum()), int((~treated).sum())
    smaller = min(sizes)
    fitted = sizes[1] if target == "treated" else smaller
    numbers = [count_terms(size, covariates) for size in (smaller, fitted)]
    design = curved_design(covariates, treated, numbers[0])
    other = design
    if numbers[1] != numbers[0]:
        other = curved_design(covariates, treated, numbers[1])
    return design, other, (numbers[0] > 1, numbers[1] > 1)


def _keep(
    comparison: Comparison, kept: NDArray[np.bool_], names: tuple[str, str]
) -> Comparison:
    """Return those kept, or raise if they are too few to compare."""
    treated = comparison.treated
    if min(int((kept & treated).sum()), int((kept & ~treated).sum())) < 2:
        raise NoOverlapError(_no_overlap(comparison, names))
    return comparison.keep(kept)


def _check_overlap(
    propensity: Propensity, comparison: Comparison, names: tuple[str, str]
) -> None:
    treated, chance = comparison.treated, propensity.chance
    if propensity.penalised and chance[treated].min() > chance[~treated].max():
        raise NoOverlapError(_no_overlap(comparison, names))


def _levels(covariate: Covariate) -> list[tuple[str, float]]:
    """List the levels of a category, or the two values of a number."""
    if covariate.levels:
        return [(name, float(k)) for k, name in enumerate(covariate.levels)]
    low, high = float(covariate.values.min()), float(covariate.values.max())
    if ((covariate.values == low) | (covariate.values == high)).all():
        return [(f"{value:g}", value) for value in (low, high)]
    return []


def _say_levels(found: list[tuple[str, str, int, int]], names: tuple[str, str]) -> str:
    """Say whose levels the other group is without."""
    said = []
    for name, level, n_treated, n_control in found[:MOST_NAMED]:
        sizes, other = (n_treated, n_control), names[1 if n_treated else 0]
        said.append(f"{_say_sizes(sizes, names)} with {name} {level}, which no "
                    f"{other} customer has")  # fmt: skip
    if len(found) > MOST_NAMED:
        rest = found[MOST_NAMED:]
        more = [sum(row[2] for row in rest), sum(row[3] for row in rest)]
        levels = len(rest)
        said.append(f"{_say_sizes(more, names)} with {levels} other such levels")
    return f"set aside: {', '.join(said)}"


def _say_sizes(sizes: tuple[int, int] | list[int], names: tuple[str, str]) -> str:
    parts = [f"{n} {name}" for n, name in zip(sizes, names, strict=True) if n]
    return " and ".join(parts)


def _no_overlap(comparison: Comparison, names: tuple[str, str]) -> str:
    return (
        f"no overlap: the covariates {list(comparison.terms)} tell {names[0]} and "
        f"{names[1]} apart (almost) exactly, so nobody can stand in for anybody. "
        "Leave out what decides the group, or compare fewer customers."
    )
