"""How many customers a comparison needs before it can see a difference."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import pandas as pd

from recovery_research.analyses.intervals import check_level


@dataclass(frozen=True, slots=True)
class SampleSize:
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
    """

    difference: float
    n_treated: float
    n_control: float
    power: float
    confidence: float
    ratio: float

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as one row, one column per field."""
        return pd.DataFrame([asdict(self)])


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
        By the normal approximation, which for skewed outcomes is a lower bound.

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
    from statsmodels.stats.power import zt_ind_solve_power

    check_planning(difference, power, confidence, ratio)
    if not (math.isfinite(std_dev) and std_dev > 0.0):
        raise ValueError(f"std_dev is a number above 0; got {std_dev!r}.")
    n_treated = float(
        zt_ind_solve_power(
            effect_size=abs(difference) / std_dev,
            alpha=1.0 - confidence,
            power=power,
            ratio=ratio,
        )
    )
    return SampleSize(
        difference, n_treated, ratio * n_treated, power, confidence, ratio
    )


def sample_size_for_proportions(
    treated: float,
    control: float,
    *,
    power: float = 0.8,
    confidence: float = 0.95,
    ratio: float = 1.0,
) -> SampleSize:
    """Return how many customers a difference between two shares takes to be seen.

    Parameters
    ----------
    treated, control : float
        The two shares, strictly between 0 and 1 and different.
    power, confidence, ratio : float, optional
        As in `sample_size_for_means`.

    Returns
    -------
    SampleSize
        By the normal approximation, with the pooled share under no difference and
        the two shares as given under this one.

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
    from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

    for name, share in (("treated", treated), ("control", control)):
        if not 0.0 < share < 1.0:
            raise ValueError(
                f"{name} is a share strictly between 0 and 1; got {share!r}. For 88 % "
                "write 0.88."
            )
    check_planning(treated - control, power, confidence, ratio)
    # It halves alpha itself, and leaves out the far tail, which hardly ever rejects.
    n_treated = float(
        samplesize_proportions_2indep_onetail(
            treated - control, control, power, ratio=ratio, alpha=1.0 - confidence
        )
    )
    return SampleSize(
        treated - control, n_treated, ratio * n_treated, power, confidence, ratio
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
