"""A file's groups followed: before and after, and order by order."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from recovery_research.analysis.before_after import compare_before_after
from recovery_research.analysis.cox import (
    STATES,
    CoxModel,
    fit_cox,
    tabulate_spells,
)
from recovery_research.analysis.event_study import EventStudy, fit_index_event_study
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
    """Compare customers with themselves, less what would have changed anyway.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each outcome that was also measured before: the fields of
        `BeforeAfter`. `estimate` is the treated group's further change in the outcome's
        unit. A `note` alone where it cannot be had.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.compare_changes(read)["after"].tolist()
    ['followup_spend', 'satisfaction']
    """
    rows: list[dict[str, object]] = []
    for known, each in list_pairs(read):
        if not each.before:
            continue
        names = {"before": each.name_before, "after": each.name}
        groups = {name: known[name] for name in ("treated", "control")}
        row = names | {"group": groups["treated"], "control": groups["control"]}
        if why_not_before(read):
            rows.append({**row, "note": why_not_before(read)})
            continue
        options = names | groups | {"confidence": confidence}
        rows.append(answer(row, compare_before_after, read, **options))
    return count_whole(pd.DataFrame(rows))


def follow_index_orders(
    read: Customers, *, period_weeks: float = 4.0, confidence: float = 0.95
) -> tuple[EventStudy | None, str]:
    """Follow spend around the index order, if the file is an order log.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    period_weeks : float, optional
        Length of a period, in weeks.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    EventStudy or None, str
        As from `fit_index_event_study` (treated minus control in currency a period),
        and its note; None and the reason if spend cannot be followed.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.follow_index_orders(read)
    (None, 'the file is no order log')
    """
    asked = main_questions(read)
    if read.orders is None or read.end_week is None or not len(asked):
        return None, NO_ORDERS if read.orders is None else "no group to compare"
    if why_not_before(read):
        return None, why_not_before(read)
    row = asked.iloc[0]
    try:
        found = fit_index_event_study(
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


def fit_group_cox(
    read: Customers, *, confidence: float = 0.95
) -> tuple[CoxModel | None, str]:
    """Fit the risk of leaving to how a customer's last failure ended.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    CoxModel or None, str
        As from `fit_cox` (ratios above 1 are a higher risk than that of the never
        failed), and its note; None and the reason if the risk cannot be had.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.fit_group_cox(read)
    (None, 'the file is no order log')
    """
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
        found = fit_cox(spells, terms=terms, confidence=confidence)
    except ValueError as error:
        return None, str(error).rstrip(".")
    unknown = f"{left_out:,} orders whose outcome is unknown are left out"
    return found, "; ".join(
        part for part in (found.note, unknown if left_out else "") if part
    )


def explain_through(
    read: Customers, through: str, *, confidence: float = 0.95
) -> tuple[list[Mediation], list[str]]:
    """Divide differences into the part that goes through one outcome and the rest.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    through : str
        The outcome that is taken for the mediator.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    list of Mediation, list of str
        One for each other outcome of the main questions, as from `mediate`; and why the
        rest could not be divided.

    Raises
    ------
    ValueError
        If the file has no such outcome.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> found, notes = rr.customer_data.explain_through(read, "satisfaction")
    >>> [each.outcome for each in found]
    ['followup_spend', 'stayed']
    """
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
    """Find how good a recovery must be for each outcome of customers never failed.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each outcome: the fields of `ParityPoint`, `estimate` in units of the
        mapping's quality of recovery. Empty if the mapping names no quality.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.find_parities(read)["outcome"].tolist()
    ['followup_spend', 'stayed', 'satisfaction']
    """
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
