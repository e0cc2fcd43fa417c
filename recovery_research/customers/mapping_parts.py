"""The parts of a mapping that are plain rules: read, with types checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TypeVar

from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.index_orders import DESIGNS, INDEX_CHOICES
from recovery_research.customers.mapping_rules import (
    LINES,
    RETURNS,
    OrderRule,
    SourceRule,
    TimeRule,
    ValueRule,
)
from recovery_research.near_names import did_you_mean

# Numbers that rules name, and whether they are whole.
NUMBERS = dict.fromkeys(("seed", "skip_rows", "header_rows"), True)
NUMBERS["followup_weeks"] = False
Rule = TypeVar("Rule", ValueRule, TimeRule, SourceRule, OrderRule)


class MappingError(CustomerFileError):
    """A mapping that cannot be used."""


def require_keys(name: str, table: object, allowed: object) -> None:
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


def as_number(place: str, key: str, given: object, *, whole: bool) -> float | int:
    """Return a number above or at 0, or raise."""
    right = isinstance(given, int if whole else (int, float)) and given >= 0
    if not right or isinstance(given, bool):
        kind = "whole number" if whole else "number"
        raise MappingError(f"{place}: {key} is a {kind}, 0 or more; got {given!r}.")
    return given
