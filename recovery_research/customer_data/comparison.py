"""A file of customers set beside simulated ones: what of it can be compared."""

from __future__ import annotations

import pandas as pd

from recovery_research.analysis.groups import FAILED, group_by_exposure
from recovery_research.analysis.ratios import paradox_ratio
from recovery_research.customer_data.questions import (
    DOUBTFUL,
    add_doubts,
    contrast_groups,
    doubt_file,
    list_questions,
    main_questions,
    read_bounds,
)
from recovery_research.customer_data.reading import Customers
from recovery_research.customer_data.sentences import find_untold
from recovery_research.customer_data.unknown_outcomes import probe_unknown, say_unknown
from recovery_research.texts import escape, quote_code

NO_FAILURE = "no_failure"
EXPOSURE = ("n_orders", "n_failures", "n_recovered", "spend")


def find_groups(customers: pd.DataFrame) -> list[str]:
    """Return the failed groups that can be compared with customers without a problem.

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
    """Compare each group's amounts with those of customers without a problem."""
    frames = [
        paradox_ratio(read.customers, outcome=name, treated=group).to_frame()
        for name in list_outcomes(read, kind="amount")
        for group in find_groups(read.customers)
    ]
    if not frames:
        return pd.DataFrame(columns=["outcome", "treated", "note"])
    return add_doubts(read, pd.concat(frames, ignore_index=True))


def contrast_outcomes(read: Customers | None) -> pd.DataFrame:
    """Compare a file's recovered with its never failed, as `contrast_groups` does."""
    if not list_outcomes(read):
        return pd.DataFrame()
    bounds = read_bounds(["mapping"], read)
    return contrast_groups(read, questions=main_questions(read), bounds=bounds)


def tell_unknown(read: Customers | None) -> list[str]:
    """Say where outcomes that nobody knows would turn a file's verdicts, one a line."""
    table = contrast_outcomes(read)
    if not len(table):
        return []
    return say_unknown(read, find_untold(probe_unknown(read, table), table))


def count_exposure(read: Customers | None) -> pd.DataFrame | None:
    """Return a file's customers if all their orders and problems are counted.

    None if they are not, or if nobody's every problem was made good, or nobody went
    without any, or no money was spent.
    """
    if not list_outcomes(read) or not set(EXPOSURE) <= set(read.customers):
        return None
    try:
        paradox_ratio(group_by_exposure(read.customers), outcome="spend")
    except ValueError:
        return None
    return read.customers


def tell_file(read: Customers | None) -> str:
    """Return in words what a file holds, and why it cannot be compared if so."""
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
