"""The risk of leaving: spells at risk, and proportional hazards (Cox) of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.cox_few_events import Spells, StateFit, fit_states
from recovery_research.analysis.groups import (
    FAILED,
    customer_clusters,
    observed_levels,
    require_column,
)
from recovery_research.analysis.intervals import check_level
from recovery_research.analysis.pretrends import find_uneven_pace
from recovery_research.analysis.rounding import at_most
from recovery_research.results import Result

ENDINGS = ("no_failure", *FAILED)
CLOCKS = ("orders", "weeks")
# Weeks (ten minutes). Somebody who leaves with an order leaves just after it, in the
# state it ended in.
JUST_AFTER = 1e-3


def tabulate_spells(
    orders: pd.DataFrame,
    customers: pd.DataFrame,
    *,
    end_week: float,
    clock: str | None = None,
) -> pd.DataFrame:
    """Cut each customer's time into spells, one an order, each in one state.

    Parameters
    ----------
    orders : DataFrame
        The order log: `customer`, `week`, `outcome` (``no_failure``, ``silent``,
        ``recovered``, ``not_recovered``; blank if unknown); one policy. If it has
        `left`, a blank there for a customer's last order says that nobody knows.
    customers : DataFrame
        `customer`, `left_week` (blank if never seen to leave); one row each.
    end_week : float
        Week the observation ends.
    clock : {"orders", "weeks"}, optional
        What risk is counted against. ``orders`` where customers leave with an order,
        the week of leaving being that of the last order: then there is one risk an
        order, and the clock is the number of the order. ``weeks`` where they leave
        between orders: then the clock is the weeks since the latest order. By default
        ``orders`` if everybody seen to leave left with an order.

    Returns
    -------
    DataFrame
        One row per order: `customer, order` (1 is the first), `start, stop`, `left`
        (after this order, before another), and the state, this order included, as
        0/1: `silent`, `recovered`, `not_recovered` (how the customer's last failure
        ended; all 0 before the first) and `repeat_failure` (whether it was not the
        first); then `failed` (this order) and `weeks_known` (since the first order).
        With ``orders`` a row goes from ``order - 1`` to ``order``; with ``weeks`` from
        0 to the weeks until the next order, leaving or the end. The state is blank at
        an order whose outcome is unknown; later states are those of what is known.

    Raises
    ------
    ValueError
        If a column or a customer is not there, an outcome or week is impossible, a
        customer ordered after leaving, or ``clock="orders"`` and somebody left
        between orders.

    Notes
    -----
    Whoever orders more often is failed more often, and has more occasions to leave.
    Against the calendar the state of being failed therefore goes with leaving where
    failures do nothing at all (hazard ratios of 1.5 in such worlds). Among customers
    with the same number of orders how many of these failed is chance, whatever each
    customer's own rate of buying and of leaving: `fit_cox` compares within that
    number.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer": [1, 1, 1], "week": [0.0, 3.0, 5.0],
    ...                        "outcome": ["no_failure", "recovered", "no_failure"]})
    >>> customers = pd.DataFrame({"customer": [1], "left_week": [5.0]})
    >>> spells = tabulate_spells(orders, customers, end_week=20.0)
    >>> spells[["start", "stop", "left", "recovered"]].to_numpy().tolist()
    [[0.0, 1.0, False, 0], [1.0, 2.0, False, 1], [2.0, 3.0, True, 1]]
    """
    _check_log(orders, customers, end_week)
    log, ids = _sort_orders(orders, end_week)
    code, week = log["code"].to_numpy(), log["week"].to_numpy(np.float64)
    opening = np.diff(code, prepend=-1) != 0
    last = np.diff(code, append=-1) != 0
    first = np.maximum.accumulate(np.where(opening, np.arange(len(log)), 0))
    leaving = _find_leaving(ids, customers)[code]
    gone = at_most(leaving, end_week)
    _refuse_return(ids, code, week, leaving)
    between = gone & last & ~at_most(leaving, week)
    number = np.arange(len(log)) - first + 1
    spells = pd.DataFrame({"customer": ids.take(code), "order": number})
    if choose_clock(clock, ids.take(code[between])) == "orders":
        spells["start"], spells["stop"] = number - 1.0, number.astype(np.float64)
    else:
        after = np.where(gone, leaving, end_week)
        until = np.where(last, after, np.r_[week[1:], 0.0])
        spells["start"] = 0.0
        spells["stop"] = np.maximum(until - week, JUST_AFTER)
    spells["left"] = gone & last
    if "left" in log:
        unknown = log["left"].isna().to_numpy() & last & ~gone
        if unknown.any():
            spells["left"] = spells["left"].astype("boolean").mask(unknown)
    states = _name_states(log["ending"].to_numpy(), first)
    spells = pd.concat([spells, states], axis=1)
    return spells.assign(weeks_known=week - week[first])


def choose_clock(clock: str | None, between: NDArray) -> str:
    """Return the clock: that of orders, unless customers left between orders."""
    if clock not in (None, *CLOCKS):
        raise ValueError(f"clock is one of {list(CLOCKS)} or None; got {clock!r}.")
    if clock == "orders" and len(between):
        raise ValueError(
            f"{len(between):,} customers left later than their last order, the first "
            f"is {between[0]!r}: they were at risk between orders. Write "
            "clock='weeks'."
        )
    return clock or ("weeks" if len(between) else "orders")


def _sort_orders(
    orders: pd.DataFrame, end_week: float
) -> tuple[pd.DataFrame, pd.Index]:
    """Sort orders by customer and time; those of one moment by what came of them.

    Customers become places in a sorted list, which is returned too, and outcomes
    places in `ENDINGS`, -1 if unknown.
    """
    log = orders[at_most(orders["week"], end_week)]
    code, ids = pd.factorize(log["customer"], sort=True)
    place, names = pd.factorize(log["outcome"])
    ranks = np.array([*(ENDINGS.index(name) for name in names), -1], dtype=np.int8)
    week, ending = log["week"].to_numpy(np.float64), ranks[place]
    rank = np.lexsort((ending, week, code))
    columns = {"code": code[rank], "week": week[rank], "ending": ending[rank]}
    if "left" in log:
        columns["left"] = log["left"].array.take(rank)
    return pd.DataFrame(columns), pd.Index(ids)


def _find_leaving(ids: pd.Index, customers: pd.DataFrame) -> NDArray[np.float64]:
    """Return the week each customer of the log left, NaN if never seen to."""
    leaving = pd.to_numeric(customers["left_week"]).to_numpy(
        np.float64, na_value=np.nan
    )
    place = pd.Index(customers["customer"]).get_indexer(ids)
    if (place < 0).any():
        raise ValueError(
            f"{int((place < 0).sum())} customers of the order log are not in the "
            "customers table."
        )
    return leaving[place]


def _name_states(ending: NDArray[np.int8], first: NDArray[np.int64]) -> pd.DataFrame:
    """Return how each customer's last failure ended, and whether it was a repeat."""
    place, failed = np.arange(ending.size), ending > 0
    last = np.maximum.accumulate(np.where(failed, place, -1))
    state = np.where(last >= first, ending[np.maximum(last, 0)], 0)
    so_far = np.cumsum(failed)
    number = so_far - so_far[first] + failed[first]
    columns = {name: state == ENDINGS.index(name) for name in FAILED}
    columns |= {"repeat_failure": number > 1, "failed": failed}
    states = pd.DataFrame(columns).astype(np.int64)
    unknown = ending < 0
    if unknown.any():
        states = states.astype(np.float64)
        states.loc[unknown] = np.nan
    return states


def _refuse_return(
    ids: pd.Index,
    code: NDArray[np.int64],
    week: NDArray[np.float64],
    leaving: NDArray[np.float64],
) -> None:
    known = ~np.isnan(leaving)
    wrong = known & ~at_most(week, np.where(known, leaving, 0.0))
    if wrong.any():
        culprit = ids[code[wrong][0]]
        raise ValueError(f"customer {culprit} ordered after they had left.")


def _check_log(orders: pd.DataFrame, customers: pd.DataFrame, end_week: float) -> None:
    for column in ("customer", "week", "outcome"):
        require_column(orders, column)
    for column in ("customer", "left_week"):
        require_column(customers, column)
    if not np.isfinite(end_week):
        raise ValueError(f"end_week is the week the observation ends; got {end_week}.")
    if "policy" in orders and len(observed_levels(orders["policy"])) > 1:
        raise ValueError("the order log holds several policies; choose one first.")
    if customers["customer"].duplicated().any():
        raise ValueError("customers repeat; choose one policy's rows first.")
    strange = sorted(set(map(str, orders["outcome"].dropna().unique())) - {*ENDINGS})
    if strange:
        raise ValueError(f"unknown outcomes {strange}; allowed are {sorted(ENDINGS)}.")
    for column in ("customer", "week"):
        if orders[column].isna().any():
            raise ValueError(
                f"{int(orders[column].isna().sum())} orders have no known {column!r}; "
                "leave such orders out and say so."
            )


# The spells and what is fitted to them belong together.
__all__ = ["STATES", "CoxModel", "fit_cox", "tabulate_spells"]

STATES = ("silent", "recovered", "not_recovered", "repeat_failure")


@dataclass(frozen=True, slots=True)
class CoxModel(Result):
    """Hazard ratios of leaving, by the state a customer's last failure ended in.

    Attributes
    ----------
    coefficients : DataFrame
        One row per term: `term, estimate, std_error, ci_low, ci_high, confidence`
        (logarithms), `hazard_ratio, ratio_low, ratio_high, p_value`,
        `p_value_proportional` (small: the ratio changes over time), `n_left` (leavers
        in that state), `n_expected` (leavers expected there if the state made no
        difference; blank for a term that is not yes or no), `limits` (``wald``;
        ``exact``, with few leavers; ``clustered``; ``none``, if the term never varies
        among those at risk: then all is blank).
    n_customers, n_spells, n_left : int
        Behind the fit.
    n_unknown : int
        Spells set aside because something about them is unknown.
    note : str
        What is doubtful; empty otherwise.
    """

    coefficients: pd.DataFrame
    n_customers: int
    n_spells: int
    n_left: int
    n_unknown: int
    note: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per term, with the sizes and the note beside it."""
        return self.coefficients.assign(
            n_customers=self.n_customers, n_spells=self.n_spells,
            n_unknown=self.n_unknown, note=self.note,
        )  # fmt: skip


def fit_cox(
    spells: pd.DataFrame,
    *,
    terms: Sequence[str] = STATES,
    strata: Sequence[str] | None = None,
    ties: str = "efron",
    confidence: float = 0.95,
) -> CoxModel:
    """Fit the risk of leaving to the state a customer is in (Cox).

    Parameters
    ----------
    spells : DataFrame
        As `tabulate_spells` gives it, with further columns if you add them: at least
        `customer`, `start`, `stop` (times in any unit), `left` and the terms.
    terms : sequence of str, optional
        Columns whose effect is wanted; never failed is the state compared with.
    strata : sequence of str, optional
        Columns within whose values customers are compared; by default `order`, if
        there: customers with as many orders. ``[]`` compares all.
    ties : {"efron", "breslow"}, optional
        How leavings at one time are counted.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    CoxModel

    Raises
    ------
    ValueError
        If a column is not there, a spell stops before it starts, nobody leaves, no
        term varies among those at risk, terms repeat one another, or a term that is
        no yes or no tells leavers and stayers apart exactly.

    Notes
    -----
    In a world where failures do nothing every ratio is 1: among customers with as
    many orders it is chance how many of these failed. Three things can still make a
    ratio differ from 1. Customers prone to failures, or to silence, may be prone to
    leave for other reasons; the note says if those who were failed had bought at
    another pace, and ``weeks_known`` may be added to the terms. Those who stayed
    after a bad failure are the more loyal ones, so that a carried-over state looks
    better than it is wherever a failure does harm. And a customer who leaves unseen
    is taken to be there.

    A spell with an unknown time, leaving, term or stratum is set aside and counted. A
    customer has one leaving at most, so spells need no clustering; where somebody
    left several times, or has two spells at once, errors are clustered by customer
    (Lin and Wei 1989, as ``coxph(cluster=)`` in R). A state with fewer than 10
    leavers, or with all but 10 of them, gets exact limits, with other terms at their
    estimates; with none of them one limit is open, and the estimate is the ratio for
    which none is as likely as some. The proportionality test is that of
    `hazards.check_proportionality`.

    Examples
    --------
    >>> spells = pd.DataFrame({
    ...     "customer": range(6), "start": 0.0, "stop": [1.0, 2, 3, 4, 5, 6],
    ...     "left": [True, True, True, True, True, False],
    ...     "recovered": [0, 1, 0, 1, 1, 0]})
    >>> fit_cox(spells, terms=["recovered"]).to_frame()["hazard_ratio"].size
    1
    """
    check_level(confidence)
    terms = list(terms)
    within = [c for c in ("order",) if c in spells] if strata is None else list(strata)
    for column in ("customer", "start", "stop", "left", *terms, *within):
        require_column(spells, column)
    if not terms:
        raise ValueError(f"terms is empty; name columns, such as {list(STATES)}.")
    known = _find_known(spells, [*terms, *within])
    used = spells[known]
    left = used["left"].to_numpy(dtype=bool)
    if not left.any():
        raise ValueError("nobody was seen to leave; there is no risk to compare.")
    start, stop = (used[name].to_numpy(np.float64) for name in ("start", "stop"))
    stratum = _number_strata(used, within)
    arrays = Spells(
        start=start,
        stop=stop,
        left=left,
        values=used[terms].to_numpy(np.float64),
        stratum=stratum,
        cluster=_find_clusters(used, start, stop, left, stratum),
        ties=ties,
    )
    found = fit_states(arrays, terms, confidence)
    table = _tabulate(found, terms, confidence)
    parts = [
        *_doubt(table),
        *_say_unknown(len(spells) - len(used), len(spells)),
        *_say_pace(used, terms, within),
    ]
    return CoxModel(
        coefficients=table,
        n_customers=int(used["customer"].nunique()),
        n_spells=len(used),
        n_left=int(left.sum()),
        n_unknown=len(spells) - len(used),
        note="; ".join(parts),
    )


def _find_known(spells: pd.DataFrame, columns: list[str]) -> NDArray[np.bool_]:
    """Mark the spells of which all is known; refuse what is no time, yes or no."""
    known = np.ones(len(spells), dtype=bool)
    for name in ("start", "stop", *columns):
        if name in ("start", "stop") or pd.api.types.is_numeric_dtype(spells[name]):
            values = pd.to_numeric(spells[name]).to_numpy(np.float64, na_value=np.nan)
            if np.isinf(values).any():
                raise ValueError(
                    f"column {name!r} holds {int(np.isinf(values).sum())} infinite "
                    "values; write unknown as blank."
                )
        known &= spells[name].notna().to_numpy()
    left = spells["left"].dropna()
    if not left.isin((0, 1)).all():
        strange = left[~left.isin((0, 1))].unique()[:3].tolist()
        raise ValueError(f"column 'left' holds {strange}; it is True, False or blank.")
    return known & spells["left"].notna().to_numpy()


def _number_strata(used: pd.DataFrame, within: list[str]) -> NDArray[np.int64]:
    if not within:
        return np.zeros(len(used), dtype=np.int64)
    return used.groupby(within, sort=True, observed=True).ngroup().to_numpy(np.int64)


def _find_clusters(
    used: pd.DataFrame,
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    left: NDArray[np.bool_],
    stratum: NDArray[np.int64],
) -> NDArray[np.int64] | None:
    """Return each spell's customer, if one left twice or is at risk twice at once."""
    customer = customer_clusters(used)
    if customer is None:
        return None
    if np.bincount(customer[left]).max() > 1:
        return customer
    rank = np.lexsort((start, customer, stratum))
    same = np.diff(customer[rank]) == 0
    same &= np.diff(stratum[rank]) == 0
    overlap = start[rank][1:] < stop[rank][:-1]
    return customer if (same & overlap).any() else None


def _tabulate(found: StateFit, terms: list[str], confidence: float) -> pd.DataFrame:
    table = pd.DataFrame({"term": terms, "estimate": found.estimate})
    table["std_error"] = found.std_error
    table["ci_low"], table["ci_high"] = found.low, found.high
    table["confidence"] = confidence
    with np.errstate(over="ignore"):
        for ratio, log_ratio in (
            ("hazard_ratio", "estimate"),
            ("ratio_low", "ci_low"),
            ("ratio_high", "ci_high"),
        ):
            table[ratio] = np.exp(table[log_ratio])
    table["p_value"] = found.p_value
    table["p_value_proportional"] = found.p_value_proportional
    table["n_left"], table["n_expected"] = found.n_left, found.n_expected
    table["limits"] = found.limits
    return table


def _doubt(table: pd.DataFrame) -> list[str]:
    parts = []
    blank = table["limits"] == "none"
    if blank.any():
        parts.append(
            f"{table.loc[blank, 'term'].tolist()} never varies among those at risk "
            "when somebody leaves, and is left out"
        )
    for bound, word in (("ci_low", "nobody"), ("ci_high", "everybody")):
        edge = table.loc[np.isinf(table[bound]), "term"].tolist()
        if edge:
            parts.append(
                f"{word} who left was in the state {edge}: one limit is open, and the "
                "estimate is where that is as likely as not"
            )
    few = table.loc[(table["n_left"] < 10) & ~blank, "term"].tolist()
    if few:
        parts.append(f"fewer than 10 customers left in {few}: limits are rough")
    if (table["limits"] == "clustered").any():
        parts.append(
            "some customers left several times, or are at risk twice at once: errors "
            "are clustered by customer"
        )
    tested = table[
        ~blank & np.isfinite(table["ci_low"]) & np.isfinite(table["ci_high"])
    ]
    if tested["p_value_proportional"].isna().any():
        parts.append(
            "all left at one moment since their first order: whether ratios change "
            "over time cannot be tested"
        )
    bent = table.loc[table["p_value_proportional"] < 0.01, "term"].tolist()
    if bent:
        parts.append(f"the hazard ratio of {bent} changes over time: read as average")
    return parts


def _say_unknown(n_unknown: int, n_spells: int) -> list[str]:
    if not n_unknown:
        return []
    return [
        f"{n_unknown:,} of {n_spells:,} spells are set aside: a time, the state or "
        "whether the customer left is unknown"
    ]


def _say_pace(used: pd.DataFrame, terms: list[str], within: list[str]) -> list[str]:
    if "order" not in within or "weeks_known" in terms:
        return []
    uneven = [name for name in find_uneven_pace(used) if name in terms]
    if not uneven:
        return []
    return [
        f"failures {uneven} fell on customers who had bought faster or slower than "
        "others with as many orders: they may leave more or less often for what they "
        "are, not for what befell them; add 'weeks_known' to the terms and compare"
    ]
