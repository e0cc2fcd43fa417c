"""Values that look like something else: placeholders of dates, codes for unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.customers.file_readings import Reading, count_rows
from recovery_research.customers.mapping_rules import ROLES
from recovery_research.customers.moments import COUNTED

# Commonly written for "unknown", "refused" or "does not apply".
CODES = (
    -999999.0, -99999.0, -9999.0, -999.0, -998.0, -997.0, -99.0, -98.0, -97.0, -88.0,
    -77.0, -9.0, -8.0, -7.0, -2.0, -1.0, 9.0, 66.0, 77.0, 88.0, 96.0, 97.0, 98.0, 99.0,
    666.0, 777.0, 888.0, 996.0, 997.0, 998.0, 999.0, 9998.0, 9999.0, 99999.0, 999999.0,
    9999999.0, 99999999.0,
)  # fmt: skip
# Moments that hardly a row has, a year and the whole span of the others away.
MIDDLE, FEWEST_WEEKS, MOST_ROWS_APART = 0.98, 52.0, 0.01
SAMPLE = 100_000


def doubt_values(reading: Reading) -> None:
    """Note values that are most likely not what they say.

    Parameters
    ----------
    reading : Reading
        After rows have been set aside; gains findings.
    """
    mapping = reading.mapping
    for role, kind in ROLES[mapping.shape].items():
        values = reading.part(role)
        if values is not None and kind == "time":
            doubt_gap(reading, mapping.columns[role], values)
        if values is not None and kind in ("number", "amount"):
            doubt_code(reading, mapping.columns[role], values)
    for each in (*mapping.outcomes, *mapping.covariates):
        for name, column in ((each.name, each.column), (each.name_before, each.before)):
            counted = name in reading.fields and each.kind in ("number", "amount")
            if counted and not mapping.rules_of(column, each.kind).writing.order:
                doubt_code(reading, column, reading.fields[name].content)


def doubt_code(reading: Reading, column: str, values: NDArray[np.float64]) -> None:
    """Tell values that stand far from all others and are usual codes for unknown."""
    known = reading.kept & np.isfinite(values)
    codes = find_code(values[known])
    if not codes:
        return
    wrong = known & np.isin(values, codes)
    others = values[known & ~wrong]
    shown = ", ".join(f"{each:g}" for each in codes)
    quoted = ", ".join(f'"{each:g}"' for each in codes)
    reading.add_doubt(
        "code",
        column,
        f"{shown} in {count_rows(int(wrong.sum()))}, others from {others.min():g} to "
        f"{others.max():g}: is it a code for unknown? It is counted as a number; if it "
        f'is one, write blank = [{quoted}] in [values."{column}"]',
        place=int(np.argmax(wrong)),
        n_rows=int(wrong.sum()),
    )


def find_code(known: NDArray[np.float64]) -> list[float]:
    """Return the values of a column that look like codes for unknown.

    The largest or the least value, if it is a usual code and further from all others
    than these are from one another; or a usual code below 0 where none else is.
    """
    if not len(known):
        return []
    for most, extreme in ((True, known.max()), (False, known.min())):
        code = float(extreme)
        if code not in CODES:
            continue
        # A second code may stand beside the first, such as 98 beside 99.
        beside = [each for each in CODES if abs(each - code) <= 3.0]
        others = known[~np.isin(known, beside)]
        if not len(others):
            continue
        low, high = float(others.min()), float(others.max())
        gap = code - high if most else low - code
        below = not most and code < 0.0 <= low and low == np.floor(low)
        if (gap > max(high - low, 1.0) and (most or code < 0.0)) or below:
            found = known[np.isin(known, beside) & ((known > high) | (known < low))]
            return sorted(set(found.tolist()))
    return []


def doubt_gap(reading: Reading, column: str, weeks: NDArray[np.float64]) -> None:
    """Tell a few moments that lie far before or behind all others."""
    known = reading.kept & ~np.isnan(weeks)
    n = int(known.sum())
    if n < 10:
        return
    there = weeks[known]
    sample = there[:: max(1, n // SAMPLE)]
    low, high = np.quantile(sample, [(1 - MIDDLE) / 2, (1 + MIDDLE) / 2])
    far = max(FEWEST_WEEKS, high - low)
    apart = known & ((weeks < low - far) | (weeks > high + far))
    n_apart = int(apart.sum())
    if not n_apart or n_apart > max(MOST_ROWS_APART * n, 1):
        return
    place = int(np.argmax(apart))
    years = max(low - weeks[apart].min(), weeks[apart].max() - high) * 7.0 / 365.25
    shown = f"{weeks[place]:g}"
    if reading.mapping.rules_of(column, "time").time.unit not in COUNTED:
        shown = str((pd.Timestamp(0) + pd.Timedelta(weeks=weeks[place])).date())
    reading.add_doubt(
        "placeholder",
        column,
        f"{count_rows(n_apart)} {years:.0f} years away from all others ({shown}). "
        "A placeholder for an unknown moment? It stretches the time observed, and with "
        "it who is compared; if so, write "
        f'blank = ["{reading.show(column, place)}"] in [values."{column}"]',
        place=place,
        n_rows=n_apart,
    )
