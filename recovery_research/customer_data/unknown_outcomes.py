"""What unknown outcomes of a file would have to be to turn what was found."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pandas as pd

from recovery_research.analysis.groups import GROUP_COLUMN, read_outcome
from recovery_research.analysis.missing_outcomes import find_range, probe_missing
from recovery_research.analysis.tipping_points import MissingProbe, say_tipping, tip
from recovery_research.customer_data.mapping_rules import Field
from recovery_research.customer_data.questions import count_whole
from recovery_research.customer_data.reading import Customers
from recovery_research.customer_data.sentences import say_compared
from recovery_research.texts import escape

AS_THEY_COME = "as they come"
OF_THE_GROUPS = "the shares unknown are those of the groups as they come"


def probe_unknown(
    read: Customers, adjusted: pd.DataFrame, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Ask of each difference which values of unknown outcomes would turn it."""
    by_name = {each.name: each for each in read.outcomes}
    rows = []
    for row in adjusted.itertuples():
        each = by_name.get(getattr(row, "outcome", None))
        if each is None or not is_unknown(read, row, each):
            continue
        view = getattr(row, "view", AS_THEY_COME)
        found = probe_row(read, row, each, view, confidence)
        start = {"question": row.question, "view": view}
        rows.append(
            start | found.to_frame().iloc[0].to_dict() | {"verdict": row.verdict}
        )
    columns = ["question", "view", *(each.name for each in fields(MissingProbe))]
    return count_whole(pd.DataFrame(rows, columns=columns))


def is_unknown(read: Customers, row: object, each: Field) -> bool:
    """Return whether somebody's outcome is unknown in the groups of a row."""
    chosen = read.customers[GROUP_COLUMN].isin([row.treated, row.control])
    return bool(read.customers.loc[chosen, each.name].isna().any())


def probe_row(
    read: Customers, row: object, each: Field, view: str, confidence: float
) -> MissingProbe:
    """Probe a difference as the groups come, or an adjusted one."""
    lowest, highest = each.limits or (None, None)
    ends = (row.equivalence_low, row.equivalence_high)
    bounds = tuple(0.0 if pd.isna(end) else float(end) for end in ends)
    if view == AS_THEY_COME:
        return probe_missing(
            read.customers, outcome=each.name, treated=row.treated,
            control=row.control, lowest=lowest, highest=highest, bounds=bounds,
            confidence=confidence,
        )  # fmt: skip
    values = read_outcome(read.customers[each.name])
    groups = read.customers[GROUP_COLUMN].to_numpy()
    parts = [values[groups == name] for name in (row.treated, row.control)]
    limits, source = find_range(np.concatenate(parts), lowest, highest)
    known = SimpleNamespace(
        outcome=each.name, policy=None, treated=row.treated, control=row.control,
        confidence=confidence, verdict=row.verdict, bounds_source="",
        equivalence_low=bounds[0], equivalence_high=bounds[1],
        **{name: float("nan") if pd.isna(value) else float(value)
           for name, value in (("estimate", row.estimate), ("ci_low", row.ci_low),
                               ("ci_high", row.ci_high))},
    )  # fmt: skip
    return tip(known, parts, limits, source, None, OF_THE_GROUPS)


def say_unknown(read: Customers, probes: pd.DataFrame) -> list[str]:
    """Return in Markdown where unknown outcomes turn what was found, one line each."""
    units = {each.name: each.unit for each in read.outcomes}
    lines = []
    for row in probes.itertuples():
        if row.turns:
            said = escape(say_tipping(row, unit=units.get(row.outcome, "")))
            lines.append(f"- {say_compared(row)}, {row.view}: {said}.")
    return lines
