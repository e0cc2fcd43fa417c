"""What each analysis of a file announces: one row for every interval or p-value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

import recovery_research as rr
from recovery_research.customer_data import (
    answers,
    answers_over_time,
    comparison,
    questions,
)
from recovery_research.customer_data.reading import Customers

METHODS = ("regression", "ipw", "aipw")
PERIOD_WEEKS = 13.0


class Announcement(NamedTuple):
    """One thing that an analysis says of one file.

    Attributes
    ----------
    analysis, term : str
        Which analysis, and which of its numbers.
    low, high : float
        Its interval, less what would be no effect; NaN where there is none.
    p_value : float
        Its two-sided p-value, NaN where it gives none.
    confidence : float
        Level of the interval.
    note : str
        What the analysis says is doubtful, or why it gives no interval.
    """

    analysis: str
    term: str
    low: float
    high: float
    p_value: float
    confidence: float
    note: str


def announce(read: Customers) -> list[Announcement]:
    """Run every analysis that a file of this shape can have; gather what they say."""
    said = []
    for analysis in ANALYSES:
        said += analysis(read)
    return said


def as_they_come(read: Customers) -> Iterator[Announcement]:
    """Contrasts of the groups as they are, for every question."""
    table = questions.contrast_groups(read)
    table = table[table["ci_low"].notna() | table["outcome"].notna()]
    yield from rows_of(table, "paradox", ("outcome", "treated", "control"))


def adjusted(read: Customers) -> Iterator[Announcement]:
    """Contrasts adjusted by each method."""
    table = answers.adjust_groups(read, methods=METHODS)
    for method in METHODS:
        rows = table[table["view"] == f"adjusted ({method})"]
        yield from rows_of(rows, f"adjust ({method})", ("outcome", "treated"))


def as_ratios(read: Customers) -> Iterator[Announcement]:
    """Ratios of mean amounts."""
    table = comparison.compare_ratios(read)
    yield from rows_of(table, "paradox_ratio", ("outcome", "treated"), centre=1.0)


def as_shares(read: Customers) -> Iterator[Announcement]:
    """Shares after each answer, as differences and ratios."""
    if read.shape != "complaints":
        return
    for each in read.outcomes:
        if each.kind != "yes_no":
            continue
        table = rr.tabulate_shares(
            read.customers, outcome=each.name, control=read.mapping.control
        ).iloc[1:]
        for part, centre in (("difference", 0.0), ("ratio", 1.0)):
            rows = table.rename(
                columns={"ci_low": "x", "ci_high": "y"}
                | {f"{part}_ci_low": "ci_low", f"{part}_ci_high": "ci_high"}
            )
            yield from rows_of(
                rows, f"tabulate_shares ({part})", ("group",), centre=centre
            )


def spending(read: Customers) -> Iterator[Announcement]:
    """The parts of a difference in amounts."""
    table = answers.decompose_group_spending(read)
    yield from rows_of(table, "decompose_spending", ("outcome",))
    for part in ("share", "amount"):
        yield from parts_of(table, "decompose_spending", part, f"{part}_ci_")


def staying(read: Customers) -> Iterator[Announcement]:
    """Weeks stayed, the share at the horizon and the log-rank test."""
    table = answers.compare_group_survival(read)
    if not len(table):
        return
    weeks = table.drop(columns="p_value", errors="ignore")
    yield from rows_of(weeks, "compare_survival", (), term="weeks")
    yield from parts_of(table, "compare_survival", "share", "share_ci_")
    tests = table.assign(ci_low=math.nan, ci_high=math.nan)
    yield from rows_of(tests, "compare_survival", (), term="log-rank")


def changes(read: Customers) -> Iterator[Announcement]:
    """Before and after, less what would have changed anyway."""
    table = answers_over_time.compare_changes(read)
    yield from rows_of(table, "compare_before_after", ("after",))


def around_index(read: Customers) -> Iterator[Announcement]:
    """Spend around the index order, period by period, and the test of parallel trends."""
    study, note = answers_over_time.follow_index_orders(read)
    yield from study_rows("fit_index_event_study", study, note)


def around_failure(read: Customers) -> Iterator[Announcement]:
    """Spend around the first failure, by the staggered event study."""
    if read.orders is None:
        return
    try:
        panel = rr.tabulate_panel(
            read.orders, end_week=read.end_week, period_weeks=PERIOD_WEEKS
        )
        study, note = rr.fit_event_study(panel, outcome="spend"), ""
    except ValueError as error:
        study, note = None, str(error)
    yield from study_rows(
        "fit_event_study", study, note if study is None else study.note
    )


def study_rows(name: str, study: object | None, note: str) -> Iterator[Announcement]:
    """Give the rows of an event study that is there, or the reason why not."""
    if study is None:
        yield Announcement(name, "periods", *[math.nan] * 4, note)
        return
    table = study.to_frame().assign(note=note)
    # The period compared with is zero by construction.
    table = table[table["std_error"] > 0.0]
    yield from rows_of(table, name, ("period",))
    p_value = study.pretrend_p_value
    nan = math.nan
    yield Announcement(name, "pre-trend", nan, nan, p_value, 0.95, note)


def leaving(read: Customers) -> Iterator[Announcement]:
    """Hazard ratios by how the last failure ended."""
    model, note = answers_over_time.fit_group_cox(read)
    if model is None:
        if read.orders is not None:
            yield Announcement("fit_cox", "states", *[math.nan] * 4, note)
        return
    table = model.to_frame().assign(note=note)
    yield from rows_of(table, "fit_cox", ("term",))


def mediation(read: Customers) -> Iterator[Announcement]:
    """Total, direct and indirect effect through each other outcome in turn."""
    through = "satisfaction" if read.shape == "customers" else read.outcomes[-1].name
    if len(read.outcomes) < 2:
        return
    found, notes = answers_over_time.explain_through(read, through)
    for each in found:
        table = each.to_frame()
        yield from rows_of(table, "mediate", ("outcome",), term="indirect")
        for part in ("total", "direct"):
            yield from parts_of(table, "mediate", part, f"{part}_", ("outcome",))
    for note in notes:
        yield Announcement("mediate", "none", *[math.nan] * 4, note)


def placebos(read: Customers) -> Iterator[Announcement]:
    """What the failure cannot have changed, adjusted."""
    if read.mapping.orders and read.mapping.orders.design == "ever-failed":
        return  # There it is asked in order to be failed: groups that were never alike.
    table = answers.check_placebos(read)
    yield from rows_of(table, "check_placebo", ("outcome", "method"))


def confounding(read: Customers) -> Iterator[Announcement]:
    """The estimate that is probed for something unseen."""
    table = answers.probe_groups(read)
    yield from rows_of(table, "probe_confounding", ("outcome",))


def worst_cases(read: Customers) -> Iterator[Announcement]:
    """Bounds whatever the unknown outcomes are."""
    table = answers.bound_groups(read)
    yield from rows_of(table, "bound_worst_case", ("outcome", "treated"))


ANALYSES: tuple[Callable[[Customers], Iterable[Announcement]], ...] = (
    as_they_come, adjusted, as_ratios, as_shares, spending, staying, changes,
    around_index, around_failure, leaving, mediation, placebos, confounding,
    worst_cases,
)  # fmt: skip


def rows_of(
    table: pd.DataFrame,
    analysis: str,
    names: Iterable[str],
    *,
    centre: float = 0.0,
    term: str = "",
) -> Iterator[Announcement]:
    """Turn a table of estimates into announcements, one a row."""
    for row in table.to_dict("records"):
        parts = [str(row[name]) for name in names if not missing(row.get(name))]
        yield Announcement(
            analysis,
            " ".join([*parts, term]).strip(),
            number(row.get("ci_low")) - centre,
            number(row.get("ci_high")) - centre,
            number(row.get("p_value")),
            0.95 if missing(row.get("confidence")) else float(row["confidence"]),
            "" if missing(row.get("note")) else str(row["note"]),
        )


def parts_of(
    table: pd.DataFrame,
    analysis: str,
    term: str,
    prefix: str,
    names: Iterable[str] = ("outcome",),
) -> Iterator[Announcement]:
    """Turn a part's own limits, named after it, into announcements."""
    low, high = f"{prefix}low", f"{prefix}high"
    if low not in table:
        return
    rows = table.drop(columns=["ci_low", "ci_high", "p_value"], errors="ignore")
    rows = rows.rename(columns={low: "ci_low", high: "ci_high"})
    yield from rows_of(rows, analysis, names, term=term)


def missing(value: object) -> bool:
    """Return whether a cell is empty."""
    return (
        value is None
        or value is pd.NA
        or (isinstance(value, float) and np.isnan(value))
    )


def number(value: object) -> float:
    """Return a cell as a number, NaN where it is empty."""
    return math.nan if missing(value) else float(value)
