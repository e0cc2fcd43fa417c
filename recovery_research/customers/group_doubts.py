"""What must be said of every difference between two groups of a file."""

from __future__ import annotations

import pandas as pd

from recovery_research.analyses.likeness import KNOWN_BEFORE, tell_unlike
from recovery_research.customers.reading import Customers

NEVER_FAIR = (
    "in the ever-failed design those who order more are failed more, which nothing "
    "makes up for: no difference here says what failure or recovery did"
)
NO_PAST = (
    "a first order has no past: nobody can say whether the groups were alike beforehand"
)
HEAVY_FAILED = (
    "in the customer-based design those who order more are failed more: as they come "
    "the groups differ for that alone"
)


def doubt_groups(
    read: Customers, treated: str, control: str, *, adjusted: bool = False
) -> str:
    """Say why a difference between two groups may not be what a problem did.

    Parameters
    ----------
    read : Customers
        The file.
    treated, control : str
        The groups.
    adjusted : bool, optional
        Whether what was known beforehand has been allowed for.

    Returns
    -------
    str
        What the design does to every such difference, and what the groups differed in
        beforehand; empty if there is nothing to say.
    """
    design = read.mapping.orders.design if read.mapping.orders else ""
    if design == "ever-failed":
        return NEVER_FAIR
    first = design == "order-based" and read.mapping.orders.index == "first"
    if adjusted:
        return NO_PAST if first else ""
    # What a table made of an order log knows; what the mapping of another names.
    names = list(KNOWN_BEFORE)
    if read.mapping.orders is None:
        names = [each.name for each in read.covariates]
        names += [each.name_before for each in read.outcomes if each.before]
    said = [HEAVY_FAILED] if design == "customer-based" else []
    if first:
        said.append(NO_PAST)
    said.append(
        tell_unlike(
            read.customers, policy=None, treated=treated, control=control, columns=names
        )
    )
    return "; ".join(part for part in said if part)


def add_doubts(
    read: Customers, table: pd.DataFrame, *, adjusted: bool = False
) -> pd.DataFrame:
    """Return a table of differences with `doubt_groups` in every row's note.

    Parameters
    ----------
    read : Customers
        The file.
    table : DataFrame
        With ``treated, control`` and ``note``; rows without an estimate keep theirs,
        and where there is a ``view`` it says which rows are adjusted.
    adjusted : bool, optional
        Whether the rows are, where no ``view`` tells.
    """
    notes = []
    for row in table.to_dict("records"):
        note = row["note"] if isinstance(row.get("note"), str) else ""
        answered = any(
            not pd.isna(row.get(name, float("nan")))
            for name in ("estimate", "bound_low")
        )
        if answered:
            alike = str(row.get("view", "")).startswith("adjusted") or adjusted
            doubt = doubt_groups(read, row["treated"], row["control"], adjusted=alike)
            # The analyses of groups as they come may have said a part of it already.
            parts = [each for each in doubt.split("; ") if each not in note]
            note = "; ".join(part for part in (note, *parts) if part)
        notes.append(note)
    return table.assign(note=notes) if notes else table
