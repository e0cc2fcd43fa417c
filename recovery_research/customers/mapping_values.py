"""How values are written, of all columns and of single ones."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import fields, replace

from recovery_research.customers.mapping_parts import (
    MappingError,
    read_rule,
    require_keys,
)
from recovery_research.customers.mapping_rules import (
    BLANK,
    DECIMAL,
    ROLES,
    FileMapping,
    TimeRule,
    ValueRule,
)
from recovery_research.customers.moments import UNITS
from recovery_research.customers.numbers_written import THOUSANDS
from recovery_research.near_names import did_you_mean

# What may be said of one column: how its values are written, or its moments.
OF_VALUES = tuple(each.name for each in fields(ValueRule) if each.name != "known")
OF_TIMES = ("unit", "format", "timezone")
ByColumn = dict[str, tuple[ValueRule, TimeRule]]


def read_values(name: str, content: Mapping) -> tuple[ValueRule, TimeRule, ByColumn]:
    """Return how values and moments are written, and how those of single columns.

    Raises
    ------
    MappingError
        If a part says something that is not allowed.
    """
    table = content.get("values", {})
    place = f"{name}, [values]"
    if not isinstance(table, Mapping):
        require_keys(place, table, OF_VALUES)
    columns = {key: said for key, said in table.items() if isinstance(said, Mapping)}
    general = {key: said for key, said in table.items() if key not in columns}
    require_keys(place, general, OF_VALUES)
    writing = read_rule(name, "values", {"values": general}, ValueRule)
    time = read_rule(name, "time", content, TimeRule)
    check_time(f"{name}, [time]", time)
    check_words(place, writing)
    by_column = {}
    for column, said in columns.items():
        where = f"{name}, [values.{column}]"
        require_keys(where, said, (*OF_VALUES, *OF_TIMES))
        about = {key: each for key, each in said.items() if key in OF_VALUES}
        when = {key: each for key, each in said.items() if key in OF_TIMES}
        rule = replace(writing, **read_given(where, about, ValueRule))
        moment = replace(time, **read_given(where, when, TimeRule))
        check_time(where, moment)
        check_words(where, rule)
        by_column[column] = (rule, moment)
    return writing, time, by_column


def read_given(where: str, said: Mapping, rule: type) -> dict[str, object]:
    """Return what is said of a column, types checked, and nothing else."""
    read = read_rule(where, "values", {"values": said}, rule)
    return {key: getattr(read, key) for key in said}


def check_time(place: str, rule: TimeRule) -> None:
    """Raise if a unit, format or time zone is none."""
    if rule.unit not in ("dates", *UNITS):
        raise MappingError(
            f"{place}: unit is 'dates', or what numbers count, {list(UNITS)}; got "
            f"{rule.unit!r}."
        )
    if rule.format and "%" not in rule.format:
        raise MappingError(
            f"{place}: format says how dates are written, such as '%d/%m/%Y' (%d day, "
            f"%m month, %b its name, %Y year, %H:%M the clock); got {rule.format!r}."
        )
    if rule.timezone:
        known = zoneinfo.available_timezones()
        if rule.timezone not in known:
            ends = sorted(n for n in known if n.endswith(f"/{rule.timezone}"))
            near = f" Did you mean {ends[0]!r}?" if ends else ""
            near = near or did_you_mean(rule.timezone, sorted(known))
            raise MappingError(
                f"{place}: timezone is a name such as 'Europe/Berlin' or 'UTC'; got "
                f"{rule.timezone!r}.{near}"
            )


def check_words(place: str, rule: ValueRule) -> None:
    """Raise if marks are none, or one word means two things."""
    if rule.decimal not in DECIMAL:
        raise MappingError(f"{place}: decimal is '.' or ','; got {rule.decimal!r}.")
    if rule.thousands and rule.thousands not in THOUSANDS:
        raise MappingError(
            f"{place}: thousands is one of {list(THOUSANDS)}; got {rule.thousands!r}."
        )
    if rule.thousands == rule.decimal:
        raise MappingError(
            f"{place}: decimal and thousands are both {rule.decimal!r}; a number needs "
            "them to differ."
        )
    no = {word.casefold() for word in rule.no}
    both = [word for word in rule.yes if word.casefold() in no]
    if both:
        raise MappingError(f"{place}: {both[0]!r} stands for yes and for no.")
    folded = [word.casefold() for word in rule.order]
    if len(set(folded)) < len(folded) or len(folded) == 1:
        raise MappingError(
            f"{place}: order names each word of a scale once, the lowest first; got "
            f"{list(rule.order)}."
        )


def check_writing(mapping: FileMapping) -> None:
    """Raise if a word means something and unknown, or a column is of no use."""
    kinds = {column: ROLES[mapping.shape][r] for r, column in mapping.columns.items()}
    for each in (*mapping.outcomes, *mapping.covariates):
        kinds[each.column] = each.kind
        if each.before:
            kinds[each.before] = each.kind
    for column in mapping.by_column:
        if column not in kinds:
            raise MappingError(
                f"{mapping.name}, [values.{column}]: no part, outcome or covariate of "
                f"the mapping is the column {column!r}; they are {list(kinds)}."
                f"{did_you_mean(column, kinds)}"
            )
    for column, kind in kinds.items():
        rule = mapping.rules_of(column, kind).writing
        clash = [word for word in rule.blank if word in rule.known]
        if clash and rule.blank != BLANK:
            raise MappingError(
                f"{mapping.name}: {clash[0]!r} in column {column!r} is a word with a "
                "meaning (a group, yes or no, a point of a scale) and among the blank "
                "ones, which mean unknown; take it out of one of them."
            )
