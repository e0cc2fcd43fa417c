"""An order log's main question, asked of many index orders of each customer."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from recovery_research.customers.drawn_paradoxes import paradox_over_draws
from recovery_research.customers.questions import count_whole, judge, main_questions
from recovery_research.customers.reading import Customers

OVER_DRAWS = "over many draws"
# A draw of a million orders takes a twentieth of a second for each outcome.
DRAWS, LARGE_LOG, DRAWS_OF_LARGE = 200, 200_000, 20


def is_drawn(read: Customers) -> bool:
    """Return whether the index orders of a file were drawn by chance."""
    rule = read.mapping.orders
    if read.orders is None or rule is None:
        return False
    return rule.design == "order-based" and rule.index == "drawn"


def contrast_over_draws(
    read: Customers,
    *,
    bounds: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare the groups of an order log over many draws of index orders.

    Which of a customer's orders is the index order is drawn, once, for every other
    analysis of a file; another seed would be another answer. This takes the chance of
    the drawing out, and uses more of the log.

    Parameters
    ----------
    read : Customers
        The file.
    bounds : mapping, optional
        By outcome, the largest differences not worth naming.
    confidence : float, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        ``question, view``, the fields of `DrawnParadox` and the words of `judge`, one
        row per outcome; where it cannot be had ``note`` says why. Empty if no index
        orders were drawn, or the question cannot be asked.
    """
    if not is_drawn(read):
        return pd.DataFrame()
    rule, rows = read.mapping.orders, []
    options = {
        "followup_weeks": rule.followup_weeks, "seed": rule.seed,
        "span": (find_start(read), read.end_week), "confidence": confidence,
        "draws": DRAWS if len(read.orders) <= LARGE_LOG else DRAWS_OF_LARGE,
    }  # fmt: skip
    for row in main_questions(read).itertuples():
        for each in read.outcomes:
            known = {
                "outcome": each.name, "treated": row.treated, "control": row.control,
            }  # fmt: skip
            given = {"bounds": (bounds or {}).get(each.name)} | options
            try:
                found = paradox_over_draws(read.orders, **known, **given)
                found = found.to_frame().iloc[0].to_dict()
            except ValueError as error:
                found = known | {"note": str(error).rstrip(".")}
            rows.append(found | {"question": row.question, "view": OVER_DRAWS})
    if not rows:
        return pd.DataFrame()
    needed = [
        "question", "view", "outcome", "treated", "control", "estimate", "std_error",
        "ci_low", "ci_high", "n_treated", "n_control", "equivalence_low",
        "equivalence_high", "note",
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    table = table.reindex(columns=list(dict.fromkeys([*needed, *table.columns])))
    return judge(read, count_whole(table))


def find_start(read: Customers) -> float:
    """Return the first week of observation: dates count from it, weeks name it."""
    rule = read.mapping.time
    if rule.unit == "dates":
        return 0.0
    first = float(read.orders["week"].min())
    return first if rule.start is None else float(rule.start)
