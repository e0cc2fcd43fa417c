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

    Parameters
    ----------
    table : DataFrame
        As from `contrast_groups`.
    units : mapping of str to str, optional
        Unit by outcome.

    Returns
    -------
    list of str
        Lines of a list in Markdown.
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
    """Return probes of unknown outcomes that turn and that no note speaks of.

    Parameters
    ----------
    probes : DataFrame
        As from `probe_unknown`.
    table : DataFrame
        What was probed, with its notes.

    Returns
    -------
    DataFrame
        Rows of `probes`, one for each outcome and treated group.
    """
    keys = ["outcome", "treated"]
    speaks = [UNKNOWN_FOR in str(note) for note in table["note"]]
    told = table[pd.Series(speaks, index=table.index, dtype=bool)]
    pairs = set(zip(*(told[key] for key in keys), strict=True))
    turns = probes[probes["turns"].astype(bool)].drop_duplicates(keys)
    new = [pair not in pairs for pair in zip(*(turns[k] for k in keys), strict=True)]
    return turns[pd.Series(new, index=turns.index, dtype=bool)]


def say_notes(table: pd.DataFrame, *names: str) -> list[str]:
    """Return what is doubtful in a table's rows, one line of Markdown each.

    Parameters
    ----------
    table : DataFrame
        With ``note``, perhaps.
    *names : str
        Columns that say which row it is.

    Returns
    -------
    list of str
        Lines of a list in Markdown, none twice.

    Examples
    --------
    >>> table = pd.DataFrame({"outcome": ["spend", "stayed"], "note": ["few", ""]})
    >>> say_notes(table, "outcome")
    ['- spend: few.']
    """
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
    """Return why a table is not there: nobody to compare, a note, or what lacks.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    why : str
        What is said if nothing else is found.
    of : sequence of str, optional
        Groups that the table would need.
    notes : DataFrame, optional
        A table whose notes say why.

    Returns
    -------
    str
        One or more sentences of Markdown.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.say_absent(read, "No outcome is yes or no.")
    'No outcome is yes or no.'
    """
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


def say_nothing_before(read: Customers) -> str:
    """Return why nothing measured beforehand can be compared.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.

    Returns
    -------
    str
        One or more sentences of Markdown.
    """
    return say_absent(read, NOTHING_BEFORE)


def say_compared(row: Any) -> str:
    """Return in Markdown which outcome of which groups a row compares."""
    one, other = map(say_group, (row.treated, row.control))
    return f"**{say_name(row.outcome)}**, {one} against {other}"


def show_group(name: object) -> str:
    """Return a group as it is said, one in a file's own words as the file has it.

    Parameters
    ----------
    name : object
        A group's name.

    Returns
    -------
    str
        Without underscores, if the name is one of ours.

    Examples
    --------
    >>> show_group("not_recovered"), show_group("fast_refund")
    ('not recovered', 'fast_refund')
    """
    return say(name) if name in OWN_GROUPS else str(name)


def say_group(name: object) -> str:
    """Return a group as it is said, with nothing that Markdown takes for its own."""
    return escape(isolate(show_group(name)))


def name_rows(table: pd.DataFrame, *columns: str) -> list[str]:
    """Return what each row of a figure is called, by columns such as its outcome.

    Parameters
    ----------
    table : DataFrame
        A row of a figure each.
    *columns : str
        What tells the rows apart.

    Returns
    -------
    list of str
        One name a row, no Markdown.

    Examples
    --------
    >>> name_rows(pd.DataFrame({"treated": ["not_recovered"]}), "treated")
    ['not recovered']
    """
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
    """Return a p-value in words: ``= 0.042``, and never that it is zero.

    Parameters
    ----------
    p_value : float
        0 to 1.

    Returns
    -------
    str
        To follow the word p.

    Examples
    --------
    >>> say_p(0.0421), say_p(0.0)
    ('= 0.042', 'below 0.001')
    """
    return "below 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def say_design(read: Customers) -> str:
    """Return in words who is in which group, and over what time outcomes count.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.

    Returns
    -------
    str
        Sentences of Markdown.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.say_design(read).partition(";")[0]
    'Each customer is in the group that the file puts them in'
    """
    rule = read.mapping.orders
    if read.shape == "complaints":
        return "Each complaint is in the group of its answer."
    if rule is None:
        return (
            "Each customer is in the group that the file puts them in; over what time "
            "an outcome counts is for whoever made the file to say."
        )
    weeks = f"{rule.followup_weeks:g} weeks"
    if rule.design == "customer-based":
        day = read.customers["index_week"].dropna()
        when = f"week {day.iloc[0]:.1f} of the log" if len(day) else "a day"
        return (
            f"Design **customer-based**: everybody who had ordered by {when} is in the "
            "group of the problems they had had; outcomes count over the "
            f"{weeks} after."
        )
    which = {
        "order-based": "one order of each customer, the first from a day drawn for "
        "them",
        "ever-failed": "each customer's first failed order, or one drawn of who had "
        "none",
    }[rule.design]
    if rule.design == "order-based" and rule.index == "first":
        which = "each customer's first order"
    return (
        f"Design **{rule.design}**: {which}, puts them into a group; outcomes count "
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
    """List which column of the file means what.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.

    Returns
    -------
    DataFrame
        ``part`` (``table``, ``outcome``, ``covariate``), ``name, column, kind, unit,
        better, bounds, before``, one row a column of the file.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> sorted(rr.customer_data.tabulate_mapping(read)["part"].unique())
    ['covariate', 'outcome', 'table']
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
    """List in sentences what a file cannot say, whatever is computed from it.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.

    Returns
    -------
    list of str
        Sentences of Markdown, without a list's dash.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.list_limits(read)[0].partition("**")[2].partition("**")[0]
    'What was not recorded.'
    """
    groups = set(read.customers["index_outcome"].dropna().unique())
    said = []
    if read.shape == "complaints":
        said.append(
            "**Whether there is a recovery paradox.** Everybody here had a problem and "
            "complained; nobody shows what they would have done without one."
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
