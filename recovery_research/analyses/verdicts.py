"""What an interval lets one say: where it lies, and the bounds behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from recovery_research.analyses.groups import TwoGroups

PARADOX = "paradox"
NO_PARADOX = "no paradox"
NO_DIFFERENCE = "no difference worth naming"
CANNOT_TELL = "cannot tell"
# Where an interval lies against its bounds, whichever way is better.
HIGHER, LOWER = "higher", "lower"
NOT_HIGHER, NOT_LOWER = "not higher", "not lower"

# A quarter of what the practitioners claim: 6 % of spend, 4 points of retention.
SHARE_OF_MEAN = 0.015
SHARE_OF_YES = 0.01
# No claim exists on other scales; a convention of this package, not of the literature.
SHARE_OF_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Bounds:
    """The largest differences not worth naming, in the outcome's own unit.

    Attributes
    ----------
    low, high : float
        `low` is at most 0 and `high` at least 0.
    source : str
        Who set them.
    """

    low: float
    high: float
    source: str


def decide(ci_low: float, ci_high: float, bounds: Bounds) -> str:
    """Turn an interval and bounds into one of four words.

    Parameters
    ----------
    ci_low, ci_high : float
        Confidence limits of treated minus control; NaN if there are none.
    bounds : Bounds
        Differences from `low` to `high`, both included, are not worth naming.

    Returns
    -------
    str
        The first row that holds:

        =============================  ==============================
        the interval                   verdict
        =============================  ==============================
        is not there (NaN)             ``cannot tell``
        lies above ``high``            ``paradox``
        lies within ``low .. high``    ``no difference worth naming``
        ends at or below ``high``      ``no paradox``
        anything else                  ``cannot tell``
        =============================  ==============================

    Notes
    -----
    A limit that equals a bound counts as within the bounds, so `paradox` needs
    ``ci_low > high``. `no paradox` says that a paradox worth naming is ruled out:
    the interval reaches below ``low``, so the treated may be as loyal or less.
    Read with a 95 % interval, each of `paradox`, `no difference worth naming` and
    `no paradox` is announced wrongly in at most 2.5 % of samples; the verdict of no
    difference is the two one-sided tests at 2.5 % each, stricter than the 5 % in
    common use, so that one printed interval decides everything.

    Examples
    --------
    >>> decide(-0.2, 0.3, Bounds(-0.5, 0.5, "set by the caller"))
    'no difference worth naming'
    """
    place = place_interval(ci_low, ci_high, bounds)
    return {
        HIGHER: PARADOX, LOWER: NO_PARADOX, NOT_HIGHER: NO_PARADOX,
        NOT_LOWER: CANNOT_TELL,
    }.get(place, place)  # fmt: skip


def place_interval(ci_low: float, ci_high: float, bounds: Bounds) -> str:
    """Say where an interval lies against its bounds.

    Parameters
    ----------
    ci_low, ci_high : float
        Confidence limits of treated minus control; NaN if there are none.
    bounds : Bounds
        As for `decide`.

    Returns
    -------
    str
        ``higher`` (above `high`), ``lower`` (below `low`), ``no difference worth
        naming`` (within both), ``not higher`` (ends at or below `high`), ``not
        lower`` (begins at or above `low`), else ``cannot tell``.

    Examples
    --------
    >>> place_interval(0.4, 9.0, Bounds(-0.5, 0.5, "set by the caller"))
    'not lower'
    """
    if math.isnan(ci_low) or math.isnan(ci_high):
        return CANNOT_TELL
    if ci_low > bounds.high:
        return HIGHER
    if ci_high < bounds.low:
        return LOWER
    if ci_low >= bounds.low:
        return NO_DIFFERENCE if ci_high <= bounds.high else NOT_LOWER
    return NOT_HIGHER if ci_high <= bounds.high else CANNOT_TELL


def set_bounds(given: float | tuple[float, float] | None, groups: TwoGroups) -> Bounds:
    """Take the caller's bounds, or the package's default for this kind of outcome.

    Parameters
    ----------
    given : float, (float, float) or None
        A number for both sides (0 asks for the direction only), or a pair.
    groups : TwoGroups
        The data; a default is read off the control group.

    Returns
    -------
    Bounds

    Raises
    ------
    ValueError
        If the bounds do not have zero between them.

    Examples
    --------
    >>> groups = TwoGroups(np.array([90.0, 120.0]), np.array([80.0, 120.0]), 0)
    >>> set_bounds(None, groups)
    Bounds(low=-1.5, high=1.5, source='default: 1.5 % of the control mean')
    """
    if given is not None:
        low, high = _as_pair(given)
        return Bounds(low, high, "set by the caller")
    reach, source = _default_reach(groups)
    return Bounds(-reach, reach, source)


def _as_pair(given: float | tuple[float, float]) -> tuple[float, float]:
    try:
        pair = (-given, given) if np.isscalar(given) else tuple(given)
        low, high = (float(bound) for bound in pair)
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds is a number or a pair (low, high) in the outcome's unit; "
            f"got {given!r}."
        ) from None
    if not (low <= 0.0 <= high and math.isfinite(high - low)):
        raise ValueError(
            f"bounds must have zero between them, low <= 0 <= high, and be finite; "
            f"got {given!r}. For 'less than 2 is not worth naming' write bounds=2."
        )
    return low + 0.0, high + 0.0


def _default_reach(groups: TwoGroups) -> tuple[float, str]:
    control = groups.control
    if groups.yes_no:
        return SHARE_OF_YES, "default: 1 percentage point"
    if control.size == 0:
        return 0.0, "no default: the control group is empty"
    if min(control.min(), groups.treated.min(initial=0.0)) >= 0.0:
        reach = SHARE_OF_MEAN * float(control.mean())
        return reach, "default: 1.5 % of the control mean"
    if control.size == 1:
        return 0.0, "no default: the control group is one customer"
    reach = SHARE_OF_SPREAD * float(control.std(ddof=1))
    return reach, "default: a tenth of the control group's standard deviation"
