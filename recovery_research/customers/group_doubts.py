"""What must be said of every difference between two groups of a file."""

from __future__ import annotations

import pandas as pd

from recovery_research.analyses.likeness import KNOWN_BEFORE, tell_unlike
from recovery_research.customers.findings import TURNS, Finding
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

# How a note begins that tells what in the file may turn the answer.
DOUBTFUL = "doubtful: "


def doubt_file(
    read: Customers, outcome: str | None = None, *, adjusted: bool = True
) -> list[str]:
    """Say what in a file may turn an answer: the doubts that do, in a clause each.

    Parameters
    ----------
    read : Customers
        The file.
    outcome : str, optional
        What the answer is about; by default whatever is asked.
    adjusted : bool, optional
        Whether covariates play a part in it.

    Returns
    -------
    list of str
        The gravest first as found; empty if nothing is so doubtful.
    """
    grave = [each for each in read.findings if each.turns]
    told = [each for each in grave if bears_on(each, read, outcome, adjusted=adjusted)]
    return list(dict.fromkeys(map(say_doubt, told)))


def bears_on(
    finding: Finding, read: Customers, outcome: str | None, *, adjusted: bool
) -> bool:
    """Return whether a doubt is about what an answer is made of."""
    if outcome is None or finding.column in ("", *read.mapping.columns.values()):
        return True  # the whole file, or who is in which group
    asked = [each for each in read.outcomes if each.name == outcome]
    columns = [column for each in asked for column in (each.column, each.before)]
    if adjusted:
        columns += [each.column for each in read.covariates]
    return finding.column in columns


def say_doubt(finding: Finding) -> str:
    """Return a doubt that turns answers in one clause, with where it was found."""
    where = [f"column {finding.column!r}"] if finding.column else []
    if finding.n_rows:
        where.append("1 row" if finding.n_rows == 1 else f"{finding.n_rows:,} rows")
    found = f" ({', '.join(where)})" if where else ""
    return f"{DOUBTFUL}{TURNS[finding.kind]}{found}"


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
    """Return a table of differences with what is doubtful in every row's note.

    That is what in the file may turn it (`doubt_file`), and `doubt_groups`.

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
            file = doubt_file(read, row.get("outcome"), adjusted=alike)
            note = "; ".join(part for part in (*file, note, *parts) if part)
        notes.append(note)
    return table.assign(note=notes) if notes else table
