"""What an interval cannot do, or is doubtful about it, for the data in hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recovery_research.analyses.margins import FewEvents
from recovery_research.analyses.rounding import varies

# Measured (tests/test_interval_coverage.py): past 0.2 Welch's and BCa's intervals for a
# mean of skewed spend covered 68 to 93 % instead of 95 %, below it 93 % and more.
SKEWNESS_TO_MENTION = 0.2
FEW_CUSTOMERS = 30
NEARLY_CONSTANT = (
    "nearly everybody of a group has the same value: the interval by this method is "
    "too narrow, use method='auto'"
)


def why_no_interval(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    covariance: float = 0.0,
) -> str:
    """Say why two groups' means allow no interval; empty if they do."""
    if min(treated.size, control.size) < 2:
        return (
            f"a group of one customer has no spread ({treated.size} treated, "
            f"{control.size} control): no interval"
        )
    if not (varies(treated) or varies(control)):
        return (
            f"every treated customer has {treated[0]:g} and every control customer "
            f"{control[0]:g}: without variation there is no interval"
        )
    variance = sum(v.var(ddof=1) / v.size for v in (treated, control))
    if variance - 2.0 * covariance <= 1e-12 * variance:
        return (
            "every customer differs by the same amount between the groups: without "
            "variation there is no interval"
        )
    return ""


def note_on_skewness(skewness: float, smallest: int) -> str:
    """Say what a symmetric interval leans on, if the data give reason to doubt it."""
    if abs(skewness) > SKEWNESS_TO_MENTION:
        return (
            f"skewed: the estimate's own skewness is {skewness:+.2f}, so the interval "
            "may cover less often than it says"
        )
    if smallest < FEW_CUSTOMERS:
        return (
            f"the smaller group has {smallest} customers: the interval leans on the "
            "outcome being roughly bell-shaped"
        )
    return ""


def note_on_borrowed_shape(
    shapes: str,
    sizes: tuple[int, int],
    rare: tuple[FewEvents | None, FewEvents | None],
) -> str:
    """Say what a small group's interval takes from the larger group."""
    notes = [
        f"{_count(few.n_events)} of the {size} {name} customers differ from "
        f"{few.common:g}: the limits allow for as many more or fewer as chance may "
        "bring, and for values as far off as any seen"
        for few, size, name in zip(rare, sizes, ("treated", "control"), strict=True)
        if few is not None
    ]
    small = min(sizes)
    if shapes == "more skewed":
        notes.append(
            f"the smaller group ({small} customers) has rarer and larger extremes than "
            "the larger group: the interval may cover less often than it says"
        )
    elif shapes == "less skewed":
        notes.append(
            f"the smaller group ({small} customers) is less skewed than the larger: "
            "each limit is the further of two ways to reckon it"
        )
    elif small < FEW_CUSTOMERS and not notes:
        notes.append(
            f"the smaller group has {small} customers: the interval leans on their "
            "outcomes being spread out as those of the larger group are"
        )
    return "; ".join(notes)


def _count(number: int) -> str:
    return "none" if number == 0 else f"only {number}"
