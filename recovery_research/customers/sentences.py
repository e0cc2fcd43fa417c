"""What a file holds, what was found in it and what it cannot say, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recovery_research.customers.index_outcomes import OUTCOMES_OF_ORDERS
from recovery_research.customers.questions import knows_leaving, list_questions
from recovery_research.customers.reading import Customers


def say_verdicts(table: pd.DataFrame) -> list[str]:
    """Return one line of Markdown for each row of `contrast_groups`."""
    lines = []
    for row in table.itertuples():
        outcome, treated, control = (
            str(name).replace("_", " ")
            for name in (row.outcome, row.treated, row.control)
        )
        lines.append(
            f"- **{outcome}**, {treated} against {control}: **{row.verdict}** "
            f"({say_interval(row)})"
        )
    return lines


def say_interval(row: object, unit: str = "") -> str:
    """Return an estimate with its interval in words, as in ``+2, -1 to +5 dollars``."""
    if np.isnan(row.ci_low):
        return f"{say_number(row.estimate)}, no interval"
    said = f"{say_number(row.estimate)}, {say_number(row.ci_low)} to "
    return f"{said}{say_number(row.ci_high)}{' ' if unit else ''}{unit}"


def say_number(number: float) -> str:
    """Return a signed number with three digits that count, and never as a power."""
    return f"{number:+,.0f}" if abs(number) >= 1000.0 else f"{number:+.3g}"


def say_design(read: Customers) -> str:
    """Return in words who is in which group, and over what time outcomes count."""
    rule = read.mapping.orders
    if read.shape == "complaints":
        return "Each complaint is in the group of its answer."
    if rule is None:
        return (
            "Each customer is in the group that the file puts her in; over what time "
            "an outcome counts is for whoever made the file to say."
        )
    weeks = f"{rule.followup_weeks:g} weeks"
    if rule.design == "customer-based":
        day = read.customers["index_week"].dropna()
        when = f"week {day.iloc[0]:.1f} of the log" if len(day) else "a day"
        return (
            f"Design **customer-based**: everybody who had ordered by {when} is in the "
            f"group of the problems she had had; outcomes count over the {weeks} after."
        )
    which = {
        "order-based": "one order of each customer, the first from a day drawn for her",
        "ever-failed": "each customer's first failed order, or one drawn of who had "
        "none",
    }[rule.design]
    if rule.design == "order-based" and rule.index == "first":
        which = "each customer's first order"
    return (
        f"Design **{rule.design}**: {which}, puts her into a group; outcomes count "
        f"over the {weeks} after it."
    )


def say_main_question(read: Customers) -> str:
    """Return in a sentence whether the main question can be asked of a file."""
    asked = list_questions(read)
    first = asked.iloc[0]
    if first["asked"]:
        return (
            "The main question can be asked: recovered against no failure "
            f"({first['n_treated']:,} and {first['n_control']:,} customers)."
        )
    return f"The main question, {first['question']} cannot be asked: {first['note']}."


def tabulate_mapping(read: Customers) -> pd.DataFrame:
    """List which column of the file means what.

    Returns
    -------
    DataFrame
        ``part, name, column, kind, unit, better, bounds, before``.
    """
    rows = [
        {"part": "table", "name": role, "column": column}
        for role, column in read.mapping.columns.items()
    ]
    for part in ("outcomes", "covariates"):
        rows += [
            {"part": part[:-1], "name": each.name, "column": each.column,
             "kind": each.kind, "unit": each.unit, "better": each.better,
             "bounds": each.bounds, "before": each.before}
            for each in getattr(read.mapping, part)
        ]  # fmt: skip
    columns = ["part", "name", "column", "kind", "unit", "better", "bounds", "before"]
    return pd.DataFrame(rows, columns=columns)


def list_limits(read: Customers) -> list[str]:
    """List in sentences what a file cannot say, whatever is computed from it."""
    groups = set(read.customers["index_outcome"].dropna().unique())
    said = []
    if read.shape == "complaints":
        said.append(
            "**Whether there is a recovery paradox.** Everybody here had a problem and "
            "complained; nobody shows what she would have done without one."
        )
        said.append(
            "**What an answer does.** The firm chose whom to answer how, and it may "
            "have chosen by what mattered for the outcome."
        )
    elif "silent" not in groups:
        said.append(
            "**Those who never complained.** The file has no silent customers, or "
            "cannot tell them from customers who were not recovered."
        )
    missing = [name for name in OUTCOMES_OF_ORDERS[:3:2] if name not in groups]
    if read.shape != "complaints" and missing:
        said.append(f"**Anything about {' and '.join(missing)}:** nobody is.")
    if not read.covariates:
        said.append(
            "**Whether the groups were alike before.** The mapping names nothing that "
            "was known beforehand, so nothing could be adjusted for."
        )
    else:
        said.append(
            "**What was not recorded.** The adjustment holds if, among customers alike "
            "in what was recorded, problem and recovery came by chance. No data show "
            "that."
        )
    if not knows_leaving(read):
        said.append("**Who left, and when.** The file does not say.")
    return said + limit_by_design(read)


def limit_by_design(read: Customers) -> list[str]:
    """Say in sentences what the design of an order log takes away."""
    design = read.mapping.orders.design if read.shape == "orders" else ""
    if design == "customer-based":
        return [
            "**A fair comparison as they come.** In the customer-based design heavy "
            "buyers have more chances to be failed; only the adjusted rows mean "
            "anything.",
            "**What a problem did before the day.** Whoever left over a problem before "
            "the day is not here, and what is adjusted for, such as orders before the "
            "day, may have changed with the problem: harm done by then is not counted.",
        ]
    if design == "ever-failed":
        return [
            "**A fair comparison at all.** That a customer was *never* failed is known "
            "only in the end, and true of those who ordered little; adjusting for what "
            "was known before does not make up for it. Choose another design."
        ]
    return []
