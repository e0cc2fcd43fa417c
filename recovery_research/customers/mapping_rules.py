"""What a mapping may say: shapes, parts of a table, kinds of values, rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SHAPES = {
    "customers": "one row per customer, with what became of her",
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
    """A column of the user's own: an outcome or a covariate.

    Attributes
    ----------
    name : str
        What the analyses call it.
    column : str
        What the file calls it.
    kind : str
        One of `KINDS`.
    bounds : float or None
        For an outcome, the largest difference not worth naming.
    unit : str
        For an outcome, what it is counted in.
    others_below : int
        For a category, levels that fewer rows than this have become ``other``.
    before : str
        For an outcome, the column of the same thing measured before; it becomes
        ``NAME_before``.
    limits : (float, float) or None
        For an outcome that is a number, the least and the most it can be.
    better : str
        For an outcome, whether ``high`` or ``low`` is better; empty if nobody said, and
        then it is told what is higher and lower, and never of a paradox.
    """

    name: str
    column: str
    kind: str
    bounds: float | None = None
    unit: str = ""
    others_below: int = 0
    before: str = ""
    limits: tuple[float, float] | None = None
    better: str = ""

    @property
    def name_before(self) -> str:
        """What the analyses call the same thing measured before."""
        return f"{self.name}_before"


@dataclass(frozen=True, slots=True)
class ValueRule:
    """How values are written.

    Attributes
    ----------
    yes, no : tuple of str
        Compared without regard to upper and lower case.
    blank : tuple of str
        Texts that mean unknown, besides the empty one.
    decimal : str
        Decimal mark of numbers written as text.
    """

    yes: tuple[str, ...] = ("yes", "y", "true", "t", "1", "1.0")
    no: tuple[str, ...] = ("no", "n", "false", "f", "0", "0.0")
    blank: tuple[str, ...] = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null")
    decimal: str = "."


@dataclass(frozen=True, slots=True)
class TimeRule:
    """How moments are written.

    Attributes
    ----------
    unit : str
        ``dates``, or ``weeks`` for numbers of weeks.
    format : str
        Such as ``%d/%m/%Y``; empty for ISO 8601, ``2024-12-31`` and the like.
    timezone : str
        Where moments without a zone were written down; empty if nobody says.
    start, end : str, float or None
        Between which moments the file is complete.
    """

    unit: str = "dates"
    format: str = ""
    timezone: str = ""
    start: str | float | None = None
    end: str | float | None = None


@dataclass(frozen=True, slots=True)
class SourceRule:
    """Which part of a workbook or database is read.

    Attributes
    ----------
    sheet, table, query : str
        Of a workbook; of a database; SQL for a database in place of a table.
    encoding : str
        Of a text file.
    """

    sheet: str = ""
    table: str = ""
    query: str = ""
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class OrderRule:
    """How an order log becomes customers; see `customers_from_orders`."""

    design: str
    followup_weeks: float = 13.0
    index: str = "drawn"
    day: str | float | None = None
    seed: int = 0


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
    """

    name: str
    shape: str
    columns: Mapping[str, str]
    outcomes: tuple[Field, ...] = ()
    covariates: tuple[Field, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    control: str = ""
    writing: ValueRule = ValueRule()
    time: TimeRule = TimeRule()
    source: SourceRule = SourceRule()
    orders: OrderRule | None = None
    unreadable: str = "refuse"

    def used_columns(self) -> list[str]:
        """Return the file's columns that are read, each once."""
        fields = [each.column for each in (*self.outcomes, *self.covariates)]
        fields += [each.before for each in self.outcomes if each.before]
        return list(dict.fromkeys([*self.columns.values(), *fields]))
