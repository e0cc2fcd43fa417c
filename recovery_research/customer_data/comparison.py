"""A file's groups side by side, and what its unknown outcomes could turn."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from recovery_research.analysis.groups import (
    FAILED,
    GROUP_COLUMN,
    group_by_exposure,
    read_outcome,
)
from recovery_research.analysis.ratios import paradox_ratio
from recovery_research.analysis.tipping_points import MissingProbe, say_tipping, tip
from recovery_research.analysis.worst_cases import find_range, probe_missing
from recovery_research.customer_data.mapping_rules import Field
from recovery_research.customer_data.questions import (
    DOUBTFUL,
    add_doubts,
    contrast_groups,
    count_whole,
    doubt_file,
    list_questions,
    main_questions,
    read_bounds,
)
from recovery_research.customer_data.reading import Customers
from recovery_research.customer_data.sentences import find_untold, say_compared
from recovery_research.texts import escape, quote_code

AS_THEY_COME = "as they come"
OF_THE_GROUPS = "the shares unknown are those of the groups as they come"


def probe_unknown(
    read: Customers, adjusted: pd.DataFrame, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Ask of each difference which values of unknown outcomes would turn it.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    adjusted : DataFrame
        As from `adjust_groups` or `contrast_groups`.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each of its rows where an outcome is unknown of somebody: `question`,
        `view` and the fields of `MissingProbe`; `turns` is true if some means of the
        unknown outcomes would change the verdict.
    """
    by_name = {each.name: each for each in read.outcomes}
    rows = []
    for row in adjusted.itertuples():
        each = by_name.get(getattr(row, "outcome", ""))
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


def is_unknown(read: Customers, row: Any, each: Field) -> bool:
    """Return whether somebody's outcome is unknown in the groups of a row."""
    chosen = read.customers[GROUP_COLUMN].isin([row.treated, row.control])
    return bool(read.customers.loc[chosen, each.name].isna().any())


def probe_row(
    read: Customers, row: Any, each: Field, view: str, confidence: float
) -> MissingProbe:
    """Probe a difference as the groups come, or an adjusted one."""
    lowest, highest = each.limits or (None, None)
    ends = (row.equivalence_low, row.equivalence_high)
    low, high = (0.0 if pd.isna(end) else float(end) for end in ends)
    if view == AS_THEY_COME:
        return probe_missing(
            read.customers, outcome=each.name, treated=row.treated,
            control=row.control, lowest=lowest, highest=highest, bounds=(low, high),
            confidence=confidence,
        )  # fmt: skip
    values = read_outcome(read.customers[each.name])
    groups = read.customers[GROUP_COLUMN].to_numpy()
    parts = [values[groups == name] for name in (row.treated, row.control)]
    limits, source = find_range(np.concatenate(parts), lowest, highest)
    known = SimpleNamespace(
        outcome=each.name, policy=None, treated=row.treated, control=row.control,
        confidence=confidence, verdict=row.verdict, bounds_source="",
        equivalence_low=low, equivalence_high=high,
        **{name: float("nan") if pd.isna(value) else float(value)
           for name, value in (("estimate", row.estimate), ("ci_low", row.ci_low),
                               ("ci_high", row.ci_high))},
    )  # fmt: skip
    return tip(known, parts, limits, source, None, OF_THE_GROUPS)


def say_unknown(read: Customers, probes: pd.DataFrame) -> list[str]:
    """Return in Markdown where unknown outcomes turn what was found, one line each.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    probes : DataFrame
        As from `probe_unknown`.

    Returns
    -------
    list of str
        A line for each row that turns; none if nothing does.
    """
    units = {each.name: each.unit for each in read.outcomes}
    lines = []
    for row in probes.itertuples():
        if row.turns:
            said = escape(say_tipping(row, unit=units.get(row.outcome, "")))
            lines.append(f"- {say_compared(row)}, {row.view}: {said}.")
    return lines


NO_FAILURE = "no_failure"
EXPOSURE = ("n_orders", "n_failures", "n_recovered", "spend")


def find_groups(customers: pd.DataFrame) -> list[str]:
    """Return the failed groups that can be compared with customers without a problem.

    Parameters
    ----------
    customers : DataFrame
        With ``index_outcome``.

    Returns
    -------
    list of str
        Of ``silent``, ``recovered`` and ``not_recovered`` those with two customers or
        more; none if fewer than two never failed.

    Examples
    --------
    >>> find_groups(pd.DataFrame({"index_outcome": ["silent", "no_failure"] * 2}))
    ['silent']
    """
    counts = customers["index_outcome"].value_counts()
    if counts.get(NO_FAILURE, 0) < 2:
        return []
    return [name for name in FAILED if counts.get(name, 0) >= 2]


def list_outcomes(read: Customers | None, *, kind: str = "") -> list[str]:
    """Return the outcomes of a file by which the paradox can be asked for."""
    if read is None or read.shape == "complaints" or not len(main_questions(read)):
        return []
    names = [each.name for each in read.outcomes if kind in ("", each.kind)]
    return [name for name in names if kind != "amount" or has_ratios(read, name)]


def has_ratios(read: Customers, outcome: str) -> bool:
    """Return whether each group's mean can be a multiple of the never failed's."""
    try:
        for group in find_groups(read.customers):
            paradox_ratio(read.customers, outcome=outcome, treated=group)
    except ValueError:
        return False
    return True


def compare_ratios(read: Customers | None) -> pd.DataFrame:
    """Compare each group's amounts with those of customers without a problem.

    Parameters
    ----------
    read : Customers or None
        As from `read_customers`; None if no file was given.

    Returns
    -------
    DataFrame
        A row for each amount and failed group: the fields of `RatioEstimate`.
        `estimate` is the group's mean over that of the never failed (above 1 it has
        more). Empty without a file, or if none can be had.

    Examples
    --------
    >>> len(compare_ratios(None))
    0
    """
    if read is None:
        return pd.DataFrame(columns=["outcome", "treated", "note"])
    frames = [
        paradox_ratio(read.customers, outcome=name, treated=group).to_frame()
        for name in list_outcomes(read, kind="amount")
        for group in find_groups(read.customers)
    ]
    if not frames:
        return pd.DataFrame(columns=["outcome", "treated", "note"])
    return add_doubts(read, pd.concat(frames, ignore_index=True))


def contrast_outcomes(read: Customers | None) -> pd.DataFrame:
    """Compare a file's recovered with its never failed, as `contrast_groups` does.

    Parameters
    ----------
    read : Customers or None
        As from `read_customers`; None if no file was given.

    Returns
    -------
    DataFrame
        As from `contrast_groups`, of the main question and with the mapping's bounds.
        Empty without a file, or if the paradox cannot be asked of it.

    Examples
    --------
    >>> len(contrast_outcomes(None))
    0
    """
    if read is None or not list_outcomes(read):
        return pd.DataFrame()
    bounds = read_bounds(["mapping"], read)
    return contrast_groups(read, questions=main_questions(read), bounds=bounds)


def tell_unknown(read: Customers | None) -> list[str]:
    """Say where outcomes that nobody knows would turn a file's verdicts, one a line.

    Parameters
    ----------
    read : Customers or None
        As from `read_customers`; None if no file was given.

    Returns
    -------
    list of str
        Lines of Markdown; none without a file, or if nothing turns.

    Examples
    --------
    >>> tell_unknown(None)
    []
    """
    table = contrast_outcomes(read)
    if read is None or not len(table):
        return []
    return say_unknown(read, find_untold(probe_unknown(read, table), table))


def count_exposure(read: Customers | None) -> pd.DataFrame | None:
    """Return a file's customers if all their orders and problems are counted.

    None if they are not, or if nobody's every problem was made good, or nobody went
    without any, or no money was spent.

    Parameters
    ----------
    read : Customers or None
        As from `read_customers`; None if no file was given.

    Returns
    -------
    DataFrame or None
        The file's customers, for `compare_carelessly`.

    Examples
    --------
    >>> count_exposure(None) is None
    True
    """
    if read is None or not list_outcomes(read):
        return None
    if not set(EXPOSURE) <= set(read.customers):
        return None
    try:
        paradox_ratio(group_by_exposure(read.customers), outcome="spend")
    except ValueError:
        return None
    return read.customers


def tell_file(read: Customers | None) -> str:
    """Return in words what a file holds, and why it cannot be compared if so.

    Parameters
    ----------
    read : Customers or None
        As from `read_customers`; None if no file was given.

    Returns
    -------
    str
        Markdown, one paragraph.

    Examples
    --------
    >>> tell_file(None)
    'No file was given: all customers here are simulated.'
    """
    if read is None:
        return "No file was given: all customers here are simulated."
    unit = "complaints" if read.shape == "complaints" else "customers"
    said = (
        f"The file is {quote_code(read.name)}: {len(read.customers):,} {unit}; "
        f"{len(read.excluded):,} rows of it were set aside."
    )
    if list_outcomes(read):
        doubts = [each.removeprefix(DOUBTFUL) for each in doubt_file(read)]
        if doubts:
            told = escape("; ".join(doubts))
            said += f" **What is compared below may be turned: {told}.**"
        amounts = {each.name for each in read.outcomes if each.kind == "amount"}
        left_out = sorted(amounts - set(list_outcomes(read, kind="amount")))
        if left_out:
            names = ", ".join(map(escape, left_out))
            said += f" No ratio of means can be had of {names}."
        return said
    why = list_questions(read)["note"].iloc[0]
    return f"{said} **The paradox cannot be asked of it:** {escape(why)}."
