"""What practitioners claim, and how a simulated world is held against it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import pandas as pd
from pydantic import Field

from .ledgers import LedgerError, LedgerRow, read_ledger
from .places import data_path

# The three spend groups, the complaints of leavers and the causes of departure are
# all measured under one policy of middling quality, the same for all.
MIDDLING = "delight_sometimes"
FLAWLESS = "zero_defects"
GREAT = "service"
MET, MISSED, CANNOT_TELL = "met", "missed", "cannot tell"
CONFIDENCE = 0.95


class ClaimRow(LedgerRow):
    """One published figure."""

    claim: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    value: Annotated[float, Field(gt=0)]
    unit: str
    question: str
    provenance: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Target:
    """One figure that a calibrated world should show.

    Attributes
    ----------
    moment : str
        Name.
    value : float
        The published figure.
    low, high : float
        What still counts as met.
    meaning : str
        How it is measured on simulated customers.
    """

    moment: str
    value: float
    low: float
    high: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One figure as measured on simulated customers.

    Attributes
    ----------
    value : float
        The figure; not a number if nobody was there to measure it on.
    std_error : float
        Its Monte Carlo error.
    n : int
        Size of the smallest group behind it.
    """

    value: float
    std_error: float
    n: int


def load_claims() -> dict[str, ClaimRow]:
    """Read the seven published figures with their provenance.

    Returns
    -------
    dict of str to ClaimRow

    Raises
    ------
    LedgerError
        If ``data/claims.csv`` is not as it must be.

    Examples
    --------
    >>> load_claims()["spend_resolved"].value
    106.0
    """
    rows = read_ledger(data_path("claims.csv"), ClaimRow, key="claim")
    return {row.claim: row for row in rows}


def list_targets() -> list[Target]:
    """Return what a world calibrated to the claims should show.

    Returns
    -------
    list of Target
        Spend ratios to within 0.02, retention to within 1 point, complaints of
        leavers between 1 in 32 and 1 in 20, departures to within 3 points.
    """
    claims = load_claims()
    missing = [name for name in CLAIMS_NEEDED if name not in claims]
    if missing:
        raise LedgerError(
            f"claims.csv has no claim {missing[0]!r}; it must hold {CLAIMS_NEEDED}."
        )
    value = {name: row.value for name, row in claims.items()}
    recovered = value["spend_resolved"] / value["spend_no_problem"]
    lost = value["spend_not_resolved"] / value["spend_no_problem"]
    flawless, great = value["retention_flawless"], value["retention_handled_greatly"]
    treated = value["left_over_treatment"]
    return [
        Target("spend_ratio_recovered", recovered, recovered - 0.02, recovered + 0.02,
               f"follow-up spend, recovered over no failure, under {MIDDLING}"),
        Target("spend_ratio_not_recovered", lost, lost - 0.02, lost + 0.02,
               f"follow-up spend, not recovered over no failure, under {MIDDLING}"),
        Target("retention_flawless", flawless, flawless - 0.01, flawless + 0.01,
               f"still a customer 52 weeks after the index order, under {FLAWLESS}"),
        Target("retention_recovered", great, great - 0.01, great + 0.01,
               f"the same of those whose index order was recovered, under {GREAT}"),
        Target("complaint_share", value["complained_before_leaving"], 1 / 32, 1 / 20,
               f"had complained, of who left after a failed order, under {MIDDLING}"),
        Target("treatment_share", treated, treated - 0.03, treated + 0.03,
               f"stays when perfectly treated, of all who left, under {MIDDLING}"),
    ]  # fmt: skip


CLAIMS_NEEDED = [
    "spend_no_problem", "spend_not_resolved", "spend_resolved", "retention_flawless",
    "retention_handled_greatly", "complained_before_leaving", "left_over_treatment",
]  # fmt: skip


def compare_moments(
    targets: Iterable[Target], moments: Mapping[str, Moment]
) -> pd.DataFrame:
    """Hold measured figures against the published ones.

    Parameters
    ----------
    targets : iterable of Target
        The published figures.
    moments : mapping of str to Moment
        The measured ones.

    Returns
    -------
    DataFrame
        One row a target: ``moment, target, achieved, miss`` (achieved minus target),
        ``std_error, low, high`` (what counts as met), ``met`` (whether the estimate
        lies there), ``n, meaning, ci_low, ci_high, confidence`` (the Monte Carlo
        interval) and ``verdict``, see `judge_moment`. A figure that could not be
        measured has a missing value and is not met.
    """
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2.0)
    rows = []
    for target in targets:
        moment = moments[target.moment]
        ends = [moment.value + side * reach * moment.std_error for side in (-1, 1)]
        rows.append(
            {
                "moment": target.moment,
                "target": target.value,
                "achieved": moment.value,
                "miss": moment.value - target.value,
                "std_error": moment.std_error,
                "low": target.low,
                "high": target.high,
                "met": bool(target.low <= moment.value <= target.high),
                "n": moment.n,
                "meaning": target.meaning,
                "ci_low": ends[0],
                "ci_high": ends[1],
                "confidence": CONFIDENCE,
                "verdict": judge_moment(*ends, target),
            }
        )
    return pd.DataFrame(rows)


def judge_moment(ci_low: float, ci_high: float, target: Target) -> str:
    """Say whether a figure is met, missed, or measured too coarsely to tell.

    Parameters
    ----------
    ci_low, ci_high : float
        Its Monte Carlo interval.
    target : Target
        What counts as met, both ends included.

    Returns
    -------
    str
        ``met`` if the whole interval counts as met, ``missed`` if none of it does,
        else ``cannot tell``; that too where the figure could not be measured.

    Examples
    --------
    >>> target = Target("x", 0.4, 0.3, 0.6, "a figure")
    >>> [judge_moment(a, a + 0.1, target) for a in (0.4, 0.55, 0.7)]
    ['met', 'cannot tell', 'missed']
    """
    if target.low <= ci_low <= ci_high <= target.high:
        return MET
    if ci_high < target.low or ci_low > target.high:
        return MISSED
    return CANNOT_TELL
