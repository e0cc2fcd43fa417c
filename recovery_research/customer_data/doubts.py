"""What makes one doubt a table of customers: told before anything is computed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.groups import read_outcome
from recovery_research.customer_data.columns import Reading, count_rows
from recovery_research.customer_data.dates import COUNTED
from recovery_research.customer_data.mapping_rules import ROLES, Field

# Fewer customers than this in a group say little; in a level, nothing.
SMALL_GROUP, SMALL_LEVEL = 30, 5
# One thing predicts another for so many, and leaves so few of the errors that
# guessing would make: they are two names of one thing.
LEAK_SHARE, LEAK_ERRORS_LEFT = 0.99, 0.1
LEAK = "they look like two names of one thing"
# With more rows set aside than this, those left may not be like the whole.
MANY_SET_ASIDE = 0.1
# Outcomes of which less is better, by what they are commonly called.
LESS_IS_BETTER = (
    r"churn|exit|attrit|turnover|cancel|complain|^left$|return|refund|days_since|"
    r"dispute|unsubscri|defect"
)


def tell_doubts(
    reading: Reading,
    customers: pd.DataFrame,
    outcomes: Sequence[Field],
    covariates: Sequence[Field],
) -> None:
    """Note what is doubtful about a table of customers."""
    doubt_losses(reading)
    doubt_groups(reading, customers["index_outcome"])
    for each in outcomes:
        doubt_outcome(reading, each, customers[each.name])
        doubt_direction(reading, each)
    for each in covariates:
        if each.kind == "category":
            doubt_levels(reading, each, customers[each.name])
    doubt_unknown_covariates(reading, customers, covariates)
    clues = list_clues(reading, customers)
    kinds = [("leak", each) for each in outcomes]
    for kind, each in (*kinds, *(("other name", each) for each in covariates)):
        for clue, values in clues.items():
            doubt_leak(reading, kind, each, customers[each.name], clue, values)


def doubt_losses(reading: Reading) -> None:
    """Tell if many rows are set aside, or the design cannot be mended."""
    share = 1.0 - float(reading.kept.mean()) if len(reading.kept) else 0.0
    if share > MANY_SET_ASIDE:
        reading.add_doubt(
            "losses",
            "",
            f"{share:.0%} of the rows are set aside: what is left may be unlike the "
            "whole",
            n_rows=int((~reading.kept).sum()),
        )
    rule = reading.mapping.orders
    if rule is not None and rule.design == "ever-failed":
        reading.add_doubt(
            "design",
            "",
            'design = "ever-failed" favours the recovered whatever recovery did, also '
            "when adjusted: that somebody was never failed is known only in the end, "
            "and true of those who ordered little. Choose another design",
        )


def doubt_direction(reading: Reading, each: Field) -> None:
    """Tell an outcome of which nobody says whether more or less is better."""
    if each.better:
        return
    paradox = "" if reading.mapping.shape == "complaints" else ", and no paradox"
    sounds = re.search(LESS_IS_BETTER, f"{each.name} {each.column}".lower())
    hint = " (it sounds as if less were)" if sounds else ""
    reading.add_doubt(
        "direction",
        each.column,
        f"is more of {each.name!r} better? The mapping does not say, so it is told "
        f'what is higher or lower{paradox}. Write better = "high" in its line if '
        f'more is better, better = "low" if less is{hint}',
    )


def doubt_unknown_covariates(
    reading: Reading, customers: pd.DataFrame, covariates: Sequence[Field]
) -> None:
    """Tell how many customers an adjustment must leave out, and for which covariate."""
    group = customers["index_outcome"]
    compared = group.notna() & (group != "no_order")
    if reading.mapping.shape != "complaints":
        compared = group.isin(["recovered", "no_failure"])
    chosen = customers.loc[compared, [each.name for each in covariates]]
    unknown = chosen.isna()
    # A covariate that nobody's is known of is not adjusted for.
    counts = unknown.sum()[lambda n: (n > 0) & (n < len(chosen))]
    lost = int(unknown[list(counts.index)].any(axis=1).sum())
    if not lost:
        return
    counts = counts.sort_values(ascending=False, kind="stable")
    told = ", ".join(f"{name!r} {n:,}" for name, n in counts.items())
    fields = {each.name: each for each in covariates}
    worst = fields[counts.index[0]]
    # A word for unknown may be a value here, such as NA for North America.
    hint = " ([values] blank says which words mean unknown)"
    reading.add_doubt(
        "unknown covariates",
        worst.column,
        f"of {len(chosen):,} customers compared as they come {len(chosen) - lost:,} "
        f"can be compared once adjusted: for the others a covariate is unknown, {told}"
        f"{hint if worst.kind == 'category' else ''}",
        n_rows=lost,
    )


def doubt_groups(reading: Reading, group: pd.Series) -> None:
    """Tell groups that are empty or small."""
    column = reading.mapping.columns.get("group", "")
    counts = group.value_counts(sort=False)
    for name, n in counts.items():
        if name != "no_order" and n < SMALL_GROUP:
            many = "nobody" if n == 0 else f"only {n}"
            reading.add_doubt("few", column, f"group {name!r}: {many}", n_rows=int(n))


def doubt_outcome(reading: Reading, each: Field, values: pd.Series) -> None:
    """Tell an outcome that is never known, or the same for everybody."""
    known = read_outcome(values)
    known = known[~np.isnan(known)]
    if len(known) == 0:
        reading.add_doubt(
            "no outcome", each.column, f"outcome {each.name!r} is never known"
        )
    elif known.min() == known.max():
        reading.add_doubt(
            "no outcome",
            each.column,
            f"outcome {each.name!r} is {known[0]:g} for everybody: nothing to compare",
        )


def doubt_levels(reading: Reading, each: Field, values: pd.Series) -> None:
    """Tell the levels of a category that hardly anybody has."""
    counts = values.value_counts()
    small = counts[(counts > 0) & (counts < SMALL_LEVEL)]
    if len(small):
        shown = ", ".join(f"{name!r} ({n})" for name, n in small.head(5).items())
        reading.add_doubt(
            "levels",
            each.column,
            f"{len(small)} levels of {each.name!r} with fewer than {SMALL_LEVEL} "
            f"customers: {shown}; group them if an adjustment fails",
            n_rows=int(small.sum()),
        )


def list_clues(reading: Reading, customers: pd.DataFrame) -> dict[str, NDArray]:
    """Return what defines the groups, as codes with -1 for unknown."""
    group = customers["index_outcome"].cat
    clues = {"the group": group.codes.to_numpy()}
    if reading.mapping.shape == "customers":
        for role in ("problem", "complained", "resolved"):
            answers = reading.part(role)
            if answers is not None:
                clues[repr(reading.mapping.columns[role])] = answers[reading.kept]
    return clues


def doubt_leak(
    reading: Reading,
    kind: str,
    each: Field,
    values: pd.Series,
    clue: str,
    codes: NDArray,
) -> None:
    """Tell a column that is the group, or what makes it, by another name."""
    share = predict_share(values, codes)
    if share is None or any(
        f.column == each.column and "predicts" in f.message for f in reading.findings
    ):
        return
    reading.add_doubt(
        kind,
        each.column,
        f"{clue} predicts {each.name!r} for {share:.1%} of customers: {LEAK}. A "
        "difference in it would say nothing, and adjusting for it would hide all",
    )


def predict_share(values: pd.Series, codes: NDArray) -> float | None:
    """Return for how many customers one column says another, None unless it leaks."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        found = values.cat.codes.to_numpy().astype(np.int64)
        known = (found >= 0) & (codes >= 0)
    else:
        numbers = read_outcome(values)
        known = ~np.isnan(numbers) & (codes >= 0)
        if not known.any() or not np.isin(numbers[known], (0.0, 1.0)).all():
            return None
        found = np.where(known, numbers, 0.0).astype(np.int64)
    if not known.any():
        return None
    width = int(found.max()) + 1
    both = codes[known].astype(np.int64) * width + found[known]
    table = np.bincount(both, minlength=(int(codes.max()) + 1) * width)
    table = table.reshape(-1, width)
    n = table.sum()
    right, guessed = table.max(axis=1).sum() / n, table.sum(axis=0).max() / n
    leaks = right >= LEAK_SHARE and 1.0 - right <= LEAK_ERRORS_LEFT * (1.0 - guessed)
    return float(right) if leaks and guessed < 1.0 else None


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
    """Note values that are most likely not what they say."""
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
