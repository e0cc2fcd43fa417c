"""What a file holds, what was found in it and what it cannot say, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recovery_research.analysis.order_logs import OUTCOMES_OF_ORDERS
from recovery_research.customer_data.questions import (
    DOUBTFUL,
    doubt_file,
    knows_leaving,
    list_questions,
    main_questions,
)
from recovery_research.customer_data.reading import Customers
from recovery_research.texts import escape, isolate, say, say_name

# Groups that are named by us; all others are words of the file.
OWN_GROUPS = (*OUTCOMES_OF_ORDERS, "no_order")
# How a note begins that says under which unknown outcomes a verdict turns.
UNKNOWN_FOR = "the outcome is unknown for"
NOTHING_BEFORE = (
    "The mapping names no outcome measured before (`before`), so this cannot be asked."
)


def say_verdicts(
    table: pd.DataFrame, *, units: Mapping[str, str] | None = None
) -> list[str]:
    """Return one line of Markdown for each row of `contrast_groups`.

    What is doubtful about an estimate stands behind it. With `units`, by outcome, the
    interval has its unit.
    """
    lines = []
    for row in table.itertuples():
        said, note = say_found(row, "", (units or {}).get(row.outcome, ""))
        line = f"- {say_compared(row)}: {said.strip()}."
        lines.append(f"{line} *{note}.*" if note else line)
    return lines


def say_found(row: Any, view: str, unit: str) -> tuple[str, str]:
    """Return an answer with its interval, and what is doubtful about it."""
    note = row.note.rstrip(". ") if isinstance(row.note, str) else ""
    if pd.isna(row.ci_low):
        why = note or "the data allow none"
        found = "" if pd.isna(row.estimate) else f"{say_number(row.estimate)}, "
        return f"{view} **{row.answer}** ({found}no interval: {escape(why)})", ""
    said = f"{view} **{row.answer}** ({escape(say_interval(row, unit))})"
    # The view says in passing how many it is of; the note need not.
    start = view.partition(",")[0]
    note = f"{start}: {note}" if start and note else note
    return said, escape(note[:1].upper() + note[1:])


def find_untold(probes: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return probes of unknown outcomes that turn and that no note speaks of."""
    keys = ["outcome", "treated"]
    speaks = [UNKNOWN_FOR in str(note) for note in table["note"]]
    told = table[pd.Series(speaks, index=table.index, dtype=bool)]
    pairs = set(zip(*(told[key] for key in keys), strict=True))
    turns = probes[probes["turns"].astype(bool)].drop_duplicates(keys)
    new = [pair not in pairs for pair in zip(*(turns[k] for k in keys), strict=True)]
    return turns[pd.Series(new, index=turns.index, dtype=bool)]


def say_notes(table: pd.DataFrame, *names: str) -> list[str]:
    """Return what is doubtful in a table's rows, one line of Markdown each."""
    if "note" not in table:
        return []
    told = table[table["note"].fillna("") != ""]
    lines = [
        f"- {escape(name)}: {escape(str(note).rstrip('.'))}."
        for name, note in zip(name_rows(told, *names), told["note"], strict=True)
    ]
    return list(dict.fromkeys(lines))


def say_absent(
    read: Customers,
    why: str,
    *,
    of: Sequence[str] = (),
    notes: pd.DataFrame | None = None,
) -> str:
    """Return why a table is not there: nobody to compare, a note, or what lacks."""
    here = set(read.customers["index_outcome"].dropna())
    empty = [name for name in of if name not in here]
    if empty:
        return (
            f"Nobody is {' or '.join(map(say_group, empty))}: nothing to compare with."
        )
    if not of and not len(main_questions(read)):
        first = list_questions(read).iloc[0]
        return f"There is nobody to compare: {escape(str(first['note']))}."
    told = [] if notes is None or "note" not in notes else notes["note"].dropna()
    reasons = dict.fromkeys(str(note) for note in told if str(note))
    return "; ".join(map(escape, reasons)) + "." if reasons else why


def say_compared(row: Any) -> str:
    """Return in Markdown which outcome of which groups a row compares."""
    one, other = map(say_group, (row.treated, row.control))
    return f"**{say_name(row.outcome)}**, {one} against {other}"


def show_group(name: object) -> str:
    """Return a group as it is said, one in a file's own words as the file has it."""
    return say(name) if name in OWN_GROUPS else str(name)


def say_group(name: object) -> str:
    """Return a group as it is said, with nothing that Markdown takes for its own."""
    return escape(isolate(show_group(name)))


def name_rows(table: pd.DataFrame, *columns: str) -> list[str]:
    """Return what each row of a figure is called, by columns such as its outcome."""
    shown = [
        table[each].map(show_group if each in ("treated", "group") else show_term)
        for each in columns
    ]
    return [", ".join(map(isolate, row)) for row in zip(*shown, strict=True)]


def show_term(name: object) -> str:
    """Return a covariate as it is said, the level of a category as the file has it."""
    head, mark, level = str(name).partition("=")
    return f"{say(head)}{mark}{isolate(level)}"


def say_interval(row: Any, unit: str = "") -> str:
    """Return an estimate with its interval in words, as in ``+2, -1 to +5 dollars``."""
    if pd.isna(row.estimate):
        return "no estimate"
    if pd.isna(row.ci_low):
        return f"{say_number(row.estimate)}, no interval"
    said = f"{say_number(row.estimate)}, {say_number(row.ci_low)} to "
    return f"{said}{say_number(row.ci_high)}{' ' if unit else ''}{unit}"


def say_number(number: float) -> str:
    """Return a signed number with three digits that count, and never as a power."""
    # 999.7 to three digits would be a power.
    if abs(number) >= 999.5:
        return f"{number:+,.0f}"
    if 0.0 < abs(number) < 1e-4:
        return np.format_float_positional(
            number, precision=3, unique=False, fractional=False, trim="-", sign=True
        )
    return f"{number:+.3g}"


def say_p(p_value: float) -> str:
    """Return a p-value in words: ``= 0.042``, and never that it is zero."""
    return "below 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


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
    doubts = [each.removeprefix(DOUBTFUL) for each in doubt_file(read)]
    turned = f" Any answer may be turned: {'; '.join(doubts)}." if doubts else ""
    if first["asked"]:
        return (
            "The main question can be asked: recovered against no failure "
            f"({first['n_treated']:,} and {first['n_control']:,} customers).{turned}"
        )
    said = f"The main question, {first['question']} cannot be asked: {first['note']}."
    return said + (turned if asked["asked"].any() else "")


def tabulate_mapping(read: Customers) -> pd.DataFrame:
    """List which column of the file means what."""
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
    design = read.mapping.order_rule().design if read.shape == "orders" else ""
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
