"""Customers who were each observed for so long, and left or did not."""

from __future__ import annotations

import numpy as np

from recovery_research.customers.file_readings import Reading
from recovery_research.customers.index_outcomes import UNKNOWN, YES

# In a week.
MICROSECONDS = 7.0 * 86400.0 * 1e6


def count_observed(reading: Reading) -> tuple[dict[str, object], float | None]:
    """Return index and leaving weeks of customers observed for so long each.

    All are put at one end: whoever was observed for 7 weeks began 7 before it, and
    left there or was still a customer. Only how long it was is known, and counts.
    """
    weeks, left = reading.part("weeks_observed"), reading.part("left")
    column = reading.mapping.columns.get("weeks_observed")
    if weeks is None:
        column = reading.mapping.columns["observed_until"]
        weeks = reading.part("observed_until") - reading.part("order_time")
        # Equal spans of time are equal numbers, from whatever day they are counted.
        weeks = np.round(weeks * MICROSECONDS) / MICROSECONDS
    reading.set_aside(weeks < 0.0, column, "observed for less than no time")
    reading.set_aside(np.isnan(weeks), column, "how long it was observed is unknown")
    name = reading.mapping.columns["left"]
    reading.set_aside(left == UNKNOWN, name, f"{name} is unknown")
    if not reading.kept.any():
        return {}, None
    end = float(weeks[reading.kept].max())
    leaving = np.where(left == YES, end, np.nan)
    columns = {"index_week": end - weeks, "left_week": leaving}
    return {key: values[reading.kept] for key, values in columns.items()}, end
