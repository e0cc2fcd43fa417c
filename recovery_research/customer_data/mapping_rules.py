"""What a mapping may say: shapes, parts of a table, kinds of values, rules.

What a key means stands beside it: `formats` and the guide say it from here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, TypeVar

from recovery_research._checks import did_you_mean
from recovery_research.analysis.index_orders import DESIGNS, INDEX_CHOICES
from recovery_research.customer_data.issues import CustomerFileError

# What may be done with rows of one order, and with negative rows.
LINES = ("", "sum", "first", "apart")
RETURNS = ("set aside", "match")
UNREADABLE = ("refuse", "set aside")
BETTER = ("high", "low")
DECIMAL = (".", ",")
SHAPES = {
    "customers": "one row per customer, with what became of the customer",
    "orders": "one row per order",
    "complaints": "one row per complaint, with how it was answered",
}
KINDS = {
    "yes_no": "yes or no",
    "number": "any number",
    "amount": "a number, 0 or more",
    "category": "one of a few texts",
}
# The parts that each shape's table may have, and the kind of their values.
ROLES = {
    "customers": {
        "customer": "key", "group": "category", "problem": "yes_no",
        "complained": "yes_no", "resolved": "yes_no", "response": "yes_no",
        "severity": "share", "quality": "number", "order_time": "time",
        "complaint_time": "time", "resolved_time": "time", "left_time": "time",
        "weeks_observed": "number", "observed_until": "time", "left": "yes_no",
    },
    "orders": {
        "customer": "key", "order": "key", "time": "time", "amount": "amount",
        "group": "category", "failed": "yes_no", "complained": "yes_no",
        "resolved": "yes_no", "response": "yes_no", "severity": "share",
        "quality": "number", "complaint_time": "time", "resolved_time": "time",
        "left": "yes_no",
    },
    "complaints": {
        "complaint": "key", "customer": "key", "answer": "category",
        "complaint_time": "time", "answer_time": "time",
    },
}  # fmt: skip
# What each part is.
PARTS_OF_TABLES = {
    "customer": "who it is; the same name is the same customer",
    "order": "which order it is; rows of one name are its lines",
    "complaint": "which complaint it is",
    "group": "what happened, in words that [groups] sorts",
    "problem": "whether the customer had a problem",
    "failed": "whether the order failed",
    "complained": "whether the customer complained",
    "resolved": "whether the problem was made good",
    "response": "whether the firm answered, asked or not",
    "severity": "how bad the problem was",
    "quality": "how good the recovery was",
    "amount": "what was paid for the order",
    "answer": "how the complaint was answered",
    "time": "when the order was placed",
    "order_time": "when the customer ordered, or began to be observed",
    "complaint_time": "when the customer complained",
    "resolved_time": "when the problem was made good",
    "answer_time": "when the complaint was answered",
    "left_time": "when the customer left; blank if not",
    "weeks_observed": "for how many weeks the customer was observed; goes with left",
    "observed_until": "until when the customer was observed; with left and order_time",
    "left": "whether the customer has left",
}
GROUPS = {
    "no_failure": "words for: had no problem",
    "silent": "words for: had one and told nobody",
    "recovered": "words for: had one that was made good",
    "not_recovered": "words for: had one, said so, and it was not made good",
}
NEEDED = {
    "customers": (("group", "problem"), ("group", "resolved")),
    "orders": (
        ("customer",), ("time",), ("amount",), ("group", "failed"),
        ("group", "resolved"),
    ),
    "complaints": (("answer",),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the user's own: an outcome or a covariate."""

    name: Annotated[str, "what the analyses call it"]
    column: Annotated[str, "what the file calls it; by default NAME"]
    kind: Annotated[str, "what it holds"]
    bounds: Annotated[float | None, "the largest difference not worth naming"] = None
    unit: Annotated[str, "what it is counted in"] = ""
    others_below: Annotated[
        int, "levels that fewer rows than this have become other"
    ] = 0
    before: Annotated[
        str, "the column of the same thing measured before; it becomes NAME_before"
    ] = ""
    limits: Annotated[
        tuple[float, float] | None,
        "of a number, the least and the most it can be: [1, 7]",
    ] = None
    better: Annotated[
        str, "whether high or low is better; without it nothing is told of a paradox"
    ] = ""

    @property
    def name_before(self) -> str:
        """What the analyses call the same thing measured before."""
        return f"{self.name}_before"


BLANK = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null")


@dataclass(frozen=True, slots=True)
class ValueRule:
    """How values are written, of all columns or of one."""

    yes: Annotated[tuple[str, ...], "words for yes, whatever the case"] = (
        "yes",
        "y",
        "true",
        "t",
        "1",
        "1.0",
    )
    no: Annotated[
        tuple[str, ...], "words for no; the empty text says that blank means no"
    ] = ("no", "n", "false", "f", "0", "0.0")
    blank: Annotated[
        tuple[str, ...], "texts that mean unknown, besides the empty one"
    ] = BLANK
    decimal: Annotated[str, "decimal mark of numbers written as text"] = "."
    thousands: Annotated[str, "mark between thousands, if any"] = ""
    order: Annotated[
        tuple[str, ...],
        "the words of a scale, the lowest first; they become 1, 2, 3",
    ] = ()
    known: Annotated[
        tuple[str, ...],
        "words that mean something though they are among the blank ones",
    ] = ()

    def unknown_words(self) -> list[str]:
        """Return the texts that mean unknown, the empty one too."""
        return [word for word in ("", *self.blank) if word not in self.known]


@dataclass(frozen=True, slots=True)
class TimeRule:
    """How moments are written."""

    unit: Annotated[
        str,
        "dates, or what numbers count; excel: a spreadsheet's serials of days",
    ] = "dates"
    format: Annotated[
        str, "such as %d/%m/%Y; empty for ISO 8601, 2024-12-31 and the like"
    ] = ""
    timezone: Annotated[
        str, "where moments without a zone were written down, such as Europe/Berlin"
    ] = ""
    start: Annotated[str | float | None, "from when on the file is complete"] = None
    end: Annotated[str | float | None, "until when the file is complete"] = None


@dataclass(frozen=True, slots=True)
class SourceRule:
    """Which part of a source is read."""

    sheet: Annotated[str, "of a workbook"] = ""
    table: Annotated[str, "of a database, or of a JSON document of several"] = ""
    query: Annotated[str, "one select, in place of a table; joins the files"] = ""
    member: Annotated[str, "of a zip archive that holds several files"] = ""
    files: Annotated[
        tuple[str, ...],
        "files beside the source that the query joins; each is a table of its name",
    ] = ()
    encoding: Annotated[str, "of a text file; found out if empty"] = ""
    delimiter: Annotated[str, "of a text file; found out if empty"] = ""
    skip_rows: Annotated[int, "rows above the header; found out if left out"] = -1
    header_rows: Annotated[int, "rows that the header has"] = 1


@dataclass(frozen=True, slots=True)
class OrderRule:
    """How an order log becomes customers; see `customers_from_orders`."""

    design: Annotated[
        str,
        "who is compared: by one order, by problems before a day, by any problem",
    ]
    lines: Annotated[
        str, "rows of one order: added up, the first counts, or orders of their own"
    ] = ""
    returns: Annotated[
        str, "negative rows: set aside, or taken off the order that they belong to"
    ] = "set aside"
    followup_weeks: Annotated[float, "over how many weeks outcomes count"] = 13.0
    index: Annotated[
        str, "which order counts: one drawn of each customer, or the first"
    ] = "drawn"
    day: Annotated[
        str | float | None, "the day of the customer-based design; by default found out"
    ] = None
    seed: Annotated[int, "of what is drawn by chance"] = 0


@dataclass(frozen=True, slots=True)
class FileMapping:
    """Which column of a file means what.

    Attributes
    ----------
    name : str
        Where the mapping comes from, for messages.
    shape : str
        One of `SHAPES`.
    columns : mapping of str to str
        Parts of the table (`ROLES`) and the file's columns.
    outcomes, covariates : tuple of Field
        What is compared, and what was known before.
    groups : mapping of str to tuple of str
        For a column ``group``: index outcomes and the file's words for them.
    control : str
        For complaints: the answer that the others are compared with.
    writing, time, source : ValueRule, TimeRule, SourceRule
        How values are written and where they are.
    orders : OrderRule or None
        Only for an order log, and then always.
    unreadable : str
        ``refuse`` or ``set aside``: what becomes of a value that cannot be read.
    by_column : mapping of str to (ValueRule, TimeRule)
        How single columns are written, by the file's names.
    """

    name: str
    shape: Annotated[str, "what a row is"]
    columns: Mapping[str, str]
    outcomes: tuple[Field, ...] = ()
    covariates: tuple[Field, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    control: Annotated[str, "the answer that the others are compared with"] = ""
    writing: ValueRule = ValueRule()
    time: TimeRule = TimeRule()
    source: SourceRule = SourceRule()
    orders: OrderRule | None = None
    unreadable: Annotated[str, "what becomes of rows that cannot be read"] = "refuse"
    by_column: Mapping[str, tuple[ValueRule, TimeRule]] = field(default_factory=dict)

    def rules_of(self, column: str, kind: str) -> FileMapping:
        """Return the mapping as it is for one column, whose words are no blanks."""
        writing, time = self.by_column.get(column, (self.writing, self.time))
        words: tuple[str, ...] = writing.order
        if kind == "yes_no":
            words += (*writing.yes, *writing.no)
        if column == self.columns.get("group"):
            words += tuple(word for said in self.groups.values() for word in said)
        return replace(self, writing=replace(writing, known=words), time=time)

    def order_rule(self) -> OrderRule:
        """Return how orders are read; a mapping of an order log has it always."""
        assert self.orders is not None, "the shape is orders"
        return self.orders

    def used_columns(self) -> list[str]:
        """Return the file's columns that are read, each once."""
        fields = [each.column for each in (*self.outcomes, *self.covariates)]
        fields += [each.before for each in self.outcomes if each.before]
        return list(dict.fromkeys([*self.columns.values(), *fields]))


# Numbers that rules name, and whether they are whole.
NUMBERS = dict.fromkeys(("seed", "skip_rows", "header_rows"), True)
NUMBERS["followup_weeks"] = False
Rule = TypeVar("Rule", ValueRule, TimeRule, SourceRule, OrderRule)


class MappingError(CustomerFileError):
    """A mapping that cannot be used."""


def require_keys(name: str, table: Any, allowed: Collection[str]) -> None:
    """Raise unless a table has only the keys allowed."""
    if not isinstance(table, Mapping):
        raise MappingError(f"{name}: needs a table of names and values; got {table!r}.")
    for key in table:
        if key not in allowed:
            raise MappingError(
                f"{name}: {key!r} is not known here; allowed are {list(allowed)}."
                f"{did_you_mean(key, allowed)}"
            )


def read_order_rule(name: str, shape: str, content: Mapping) -> OrderRule | None:
    """Return how an order log becomes customers; its design must be chosen."""
    table = content.get("orders")
    if shape != "orders":
        if table is not None:
            raise MappingError(f"{name}: [orders] belongs to the shape 'orders'.")
        return None
    if not isinstance(table, Mapping) or table.get("design") not in DESIGNS:
        given = table.get("design") if isinstance(table, Mapping) else table
        raise MappingError(
            f"{name}, [orders]: design must be chosen, one of {list(DESIGNS)}: one "
            "index order of each customer; everybody on a day; or anybody who ever had "
            f"a problem; got {given!r}."
        )
    rule = read_rule(name, "orders", content, OrderRule)
    if rule.index not in INDEX_CHOICES:
        raise MappingError(
            f"{name}, [orders]: index is one of {list(INDEX_CHOICES)}; "
            f"got {rule.index!r}."
        )
    for key, allowed in (("lines", LINES), ("returns", RETURNS)):
        if getattr(rule, key) not in allowed:
            raise MappingError(
                f"{name}, [orders]: {key} is one of {list(filter(None, allowed))}; got "
                f"{getattr(rule, key)!r}."
            )
    if rule.day is not None and rule.design != "customer-based":
        raise MappingError(
            f'{name}, [orders]: day belongs to design = "customer-based"; got '
            f"{rule.design!r}. Take it out."
        )
    return rule


def read_rule(name: str, part: str, content: Mapping, rule: type[Rule]) -> Rule:
    """Return one part of a mapping as the rule it is, types checked."""
    table = content.get(part, {})
    place = f"{name}, [{part}]"
    require_keys(place, table, [each.name for each in fields(rule)])
    values = {}
    for each in fields(rule):
        if each.name not in table:
            continue
        given = table[each.name]
        if "tuple" in str(each.type):
            given = as_texts(place, each.name, given)
        elif each.name in NUMBERS:
            given = as_number(place, each.name, given, whole=NUMBERS[each.name])
        elif each.name in ("start", "end", "day"):
            given = given if isinstance(given, int | float) else str(given)
        elif not isinstance(given, str):
            raise MappingError(f"{place}: {each.name} is a text; got {given!r}.")
        values[each.name] = given
    return rule(**values)


def as_texts(place: str, key: str, given: object) -> tuple[str, ...]:
    """Return a list of texts, or raise."""
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise MappingError(
            f'{place}: {key} is a list of texts, such as ["a", "b"]; got {given!r}.'
        )
    return tuple(given)


def as_number(place: str, key: str, given: Any, *, whole: bool) -> float | int:
    """Return a number above or at 0, or raise."""
    right = isinstance(given, int if whole else (int, float)) and given >= 0
    if not right or isinstance(given, bool):
        kind = "whole number" if whole else "number"
        raise MappingError(f"{place}: {key} is a {kind}, 0 or more; got {given!r}.")
    return given
