"""A file's groups followed: before and after, and order by order."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from recovery_research.analysis.before_after import compare_before_after
from recovery_research.analysis.cox import (
    STATES,
    LeavingModel,
    fit_leaving,
    tabulate_spells,
)
from recovery_research.analysis.event_study import EventStudy, study_index
from recovery_research.analysis.mediation import Mediation, mediate
from recovery_research.analysis.order_logs import UNKNOWN
from recovery_research.analysis.parity import find_parity
from recovery_research.customer_data.answers import (
    answer,
    list_pairs,
    usable_covariates,
)
from recovery_research.customer_data.questions import (
    check_through,
    count_whole,
    doubt_groups,
    knows_leaving,
    main_questions,
    why_not_before,
)
from recovery_research.customer_data.reading import Customers
from recovery_research.customer_data.tables import QUALITY

NO_ORDERS = "the file is no order log"


def compare_changes(read: Customers, *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare customers with themselves, less what would have changed anyway."""
    rows: list[dict[str, object]] = []
    for known, each in list_pairs(read):
        if not each.before:
            continue
        names = {"before": each.name_before, "after": each.name}
        options = names | {"group": known["treated"], "control": known["control"]}
        if why_not_before(read):
            rows.append({**options, "note": why_not_before(read)})
            continue
        rows.append(
            answer(
                options, compare_before_after, read, confidence=confidence, **options
            )
        )
    return count_whole(pd.DataFrame(rows))


def follow_index_orders(
    read: Customers, *, period_weeks: float = 4.0, confidence: float = 0.95
) -> tuple[EventStudy | None, str]:
    """Follow spend around the index order, if the file is an order log."""
    asked = main_questions(read)
    if read.orders is None or read.end_week is None or not len(asked):
        return None, NO_ORDERS if read.orders is None else "no group to compare"
    if why_not_before(read):
        return None, why_not_before(read)
    row = asked.iloc[0]
    try:
        found = study_index(
            read.orders,
            read.customers,
            end_week=read.end_week,
            period_weeks=period_weeks,
            treated=row["treated"],
            control=row["control"],
            confidence=confidence,
        )
    except ValueError as error:
        return None, str(error).rstrip(".")
    return found, found.note


def explain_leaving(
    read: Customers, *, confidence: float = 0.95
) -> tuple[LeavingModel | None, str]:
    """Fit the risk of leaving to how a customer's last failure ended."""
    if read.orders is None:
        return None, NO_ORDERS
    if not knows_leaving(read) or read.end_week is None:
        return None, "the file does not say who left"
    orders = read.orders
    left_out = int(orders["outcome"].isna().sum())
    if "left" in orders:
        # In a log read from a file -1 says that nobody knows.
        orders = orders.assign(left=orders["left"].where(orders["left"] != UNKNOWN))
    try:
        spells = tabulate_spells(orders, read.customers, end_week=read.end_week)
        terms = [name for name in STATES if (spells[name] == 1).any()]
        if not terms:
            return None, "nobody was failed"
        found = fit_leaving(spells, terms=terms, confidence=confidence)
    except ValueError as error:
        return None, str(error).rstrip(".")
    unknown = f"{left_out:,} orders whose outcome is unknown are left out"
    return found, "; ".join(
        part for part in (found.note, unknown if left_out else "") if part
    )


def explain_through(
    read: Customers, through: str, *, confidence: float = 0.95
) -> tuple[list[Mediation], list[str]]:
    """Divide differences into the part that goes through one outcome and the rest."""
    check_through(through, read)
    found, notes = [], []
    for known, each in list_pairs(read):
        if each.name == through:
            continue
        fields = usable_covariates(read, known["treated"], known["control"])
        try:
            one = mediate(
                read.customers, mediator=through, confidence=confidence,
                covariates=[field.name for field in fields], **known,
            )  # fmt: skip
        except ValueError as error:
            notes.append(f"{each.name}: {str(error).rstrip('.')}")
        else:
            doubt = doubt_groups(
                read, known["treated"], known["control"], adjusted=True
            )
            told = "; ".join(part for part in (one.note, doubt) if part)
            found.append(replace(one, note=told))
    return found, notes


def find_parities(read: Customers, *, confidence: float = 0.95) -> pd.DataFrame:
    """Find how good a recovery must be for each outcome of customers never failed."""
    if QUALITY not in read.customers or not len(main_questions(read)):
        return pd.DataFrame()
    here = set(read.customers["index_outcome"].dropna().unique())
    among = [name for name in ("recovered", "not_recovered") if name in here]
    rows = [
        answer(pair, find_parity, read, among=among, confidence=confidence, **pair)
        for pair in (
            {"outcome": each.name, "quality": QUALITY} for each in read.outcomes
        )
    ]
    return count_whole(pd.DataFrame(rows))
