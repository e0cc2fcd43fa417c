"""How many customers a comparison needs before it can see a difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from recovery_research.analysis.intervals import check_level
from recovery_research.results import Result

# Below it the normal approximation is off by more than a customer in ten.
FEW_CUSTOMERS = 30
# For the mean over a chi-squared; 100 agree with R's power.t.test to eight digits.
NODES = 200


@dataclass(frozen=True, slots=True)
class SampleSize(Result):
    """Customers needed to see a difference between two groups.

    Attributes
    ----------
    difference : float
        What is to be seen, treated minus control, in the outcome's unit.
    n_treated, n_control : float
        Customers needed in each group; not rounded. Take the next whole number.
    power : float
        Chance of an interval that leaves out zero, if the difference is there.
    confidence : float
        Level of that interval.
    ratio : float
        Control customers per treated customer.
    note : str
        What is doubtful about so few; empty otherwise.
    """

    difference: float
    n_treated: float
    n_control: float
    power: float
    confidence: float
    ratio: float
    note: str = ""


def sample_size_for_means(
    difference: float,
    *,
    std_dev: float,
    power: float = 0.8,
    confidence: float = 0.95,
    ratio: float = 1.0,
) -> SampleSize:
    """Return how many customers a difference between two means takes to be seen.

    Parameters
    ----------
    difference : float
        Treated minus control, in the outcome's unit; not zero.
    std_dev : float
        Spread of the outcome among customers, the same in both groups and in the same
        unit. For spend it is often as large as the mean or larger.
    power : float, optional
        Chance of seeing it, above ``1 - confidence`` and below 1.
    confidence : float, optional
        Level of the two-sided interval.
    ratio : float, optional
        Control customers per treated customer.

    Returns
    -------
    SampleSize
        By the normal approximation, which for skewed outcomes is a lower bound; never
        fewer than two in a group, without whom there is no interval. For fewer than 30
        the note has what Student's t takes.

    Raises
    ------
    ValueError
        If a number is not as above.

    Examples
    --------
    The practitioners' $106 against $100, if spend varies as much as its mean:

    >>> needed = sample_size_for_means(6.0, std_dev=100.0)
    >>> round(needed.n_treated)
    4360
    """
    check_planning(difference, power, confidence, ratio)
    if not (math.isfinite(std_dev) and std_dev > 0.0):
        raise ValueError(f"std_dev is a number above 0; got {std_dev!r}.")
    z = float(-ndtri((1.0 - confidence) / 2.0))
    # How many standard errors the difference must be away from none.
    away = float(
        brentq(
            lambda far: ndtr(far - z) + ndtr(-far - z) - power, 0.0, z + 10.0,
            xtol=1e-13, rtol=1e-14,
        )
    )  # fmt: skip
    # By logarithms, so that no square overflows.
    logarithm = 2.0 * (math.log(away) + math.log(std_dev) - math.log(abs(difference)))
    asked = math.exp(min(logarithm, 700.0)) * (1.0 + 1.0 / ratio)
    if logarithm >= 700.0 or not math.isfinite(asked * max(1.0, ratio)):
        raise ValueError(
            f"no number of customers shows a difference of {difference!r} where "
            f"outcomes spread by {std_dev!r}; name a difference worth seeing."
        )
    n_treated = max(asked, 2.0, 2.0 / ratio)
    note = ""
    if n_treated * min(1.0, ratio) < FEW_CUSTOMERS:
        # Beyond a hundred standard deviations it makes no difference.
        effect = math.exp(min(math.log(abs(difference)) - math.log(std_dev), 5.0))
        needed = solve_student(effect, power, confidence, ratio, n_treated)
        note = (
            f"so few: by Student's t it takes {needed:.3g} treated and "
            f"{ratio * needed:.3g} control, if the outcome is bell-shaped"
        )
    return SampleSize(
        difference, n_treated, ratio * n_treated, power, confidence, ratio, note
    )


def solve_student(
    effect: float, power: float, confidence: float, ratio: float, least: float
) -> float:
    """Return how many treated customers Student's t test takes, at least `least`."""
    at, weights = np.polynomial.legendre.leggauss(NODES)
    at, weights = (at + 1.0) / 2.0, weights / 2.0

    def short(n: float) -> float:
        freedom = n * (1.0 + ratio) - 2.0
        far = effect / math.sqrt((1.0 + 1.0 / ratio) / n)
        t = float(stats.t.isf((1.0 - confidence) / 2.0, freedom))
        # Noncentral t as a normal over a root of chi-squared, by its quantiles.
        needed = t * np.sqrt(stats.chi2.ppf(at, freedom) / freedom)
        return power - float(weights @ (ndtr(far - needed) + ndtr(-far - needed)))

    most = least
    while short(most) > 0.0:
        most *= 2.0
    return least if most == least else float(brentq(short, most / 2.0, most))


def sample_size_for_proportions(
    share_treated: float,
    share_control: float,
    *,
    power: float = 0.8,
    confidence: float = 0.95,
    ratio: float = 1.0,
) -> SampleSize:
    """Return how many customers a difference between two shares takes to be seen.

    Parameters
    ----------
    share_treated, share_control : float
        The two shares, strictly between 0 and 1 and different.
    power, confidence, ratio : float, optional
        As in `sample_size_for_means`.

    Returns
    -------
    SampleSize
        By the normal approximation, with the pooled share under no difference and
        the two shares as given under this one; never fewer than one in a group.

    Raises
    ------
    ValueError
        If a number is not as above.

    Examples
    --------
    >>> needed = sample_size_for_proportions(0.92, 0.88)
    >>> 875 < needed.n_treated < 885
    True
    """
    for name, share in (
        ("share_treated", share_treated),
        ("share_control", share_control),
    ):
        if not 0.0 < share < 1.0:
            raise ValueError(
                f"{name} is a share strictly between 0 and 1; got {share!r}. For 88 % "
                "write 0.88."
            )
    check_planning(share_treated - share_control, power, confidence, ratio)
    pooled = (share_treated + ratio * share_control) / (1.0 + ratio)
    null = math.sqrt(pooled * (1.0 - pooled) * (1.0 + 1.0 / ratio))
    there = math.sqrt(
        share_treated * (1.0 - share_treated)
        + share_control * (1.0 - share_control) / ratio
    )
    # The far tail is left out; it hardly ever rejects.
    z = float(-ndtri((1.0 - confidence) / 2.0))
    away = max(0.0, z * null + float(ndtri(power)) * there)
    n_treated = max((away / (share_treated - share_control)) ** 2, 1.0, 1.0 / ratio)
    note = ""
    if n_treated * min(1.0, ratio) < FEW_CUSTOMERS:
        note = "so few that the normal approximation is rough: take more"
    return SampleSize(
        share_treated - share_control,
        n_treated,
        ratio * n_treated,
        power,
        confidence,
        ratio,
        note,
    )


def check_planning(
    difference: float, power: float, confidence: float, ratio: float
) -> None:
    """Refuse a plan that cannot be one."""
    check_level(confidence)
    if not math.isfinite(difference) or difference == 0.0:
        raise ValueError(
            f"the difference to be seen is a number other than 0; got {difference!r}."
        )
    if not 1.0 - confidence < power < 1.0:
        raise ValueError(
            f"power lies between {1.0 - confidence:g} (what chance alone gives at this "
            f"confidence) and 1; got {power!r}. For 80 % write 0.8."
        )
    if not (math.isfinite(ratio) and ratio > 0.0):
        raise ValueError(f"ratio is a number above 0; got {ratio!r}.")
