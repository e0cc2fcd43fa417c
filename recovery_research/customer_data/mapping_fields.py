"""Outcomes and covariates that a mapping names, and how their values are written."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from recovery_research._checks import did_you_mean
from recovery_research.analysis.covariates import AFTERWARDS
from recovery_research.customer_data.dates import UNITS
from recovery_research.customer_data.mapping_rules import (
    BETTER,
    BLANK,
    DECIMAL,
    KINDS,
    ROLES,
    Field,
    FileMapping,
    MappingError,
    TimeRule,
    ValueRule,
    as_number,
    read_rule,
    require_keys,
)
from recovery_research.customer_data.numbers import THOUSANDS

MAY_SAY = {
    "outcomes": ("column", "kind", "bounds", "unit", "before", "limits", "better"),
    "covariates": ("column", "kind", "others_below"),
}


def read_fields(name: str, part: str, content: Mapping) -> tuple[Field, ...]:
    """Return the outcomes or covariates."""
    table = content.get(part, {})
    place = f"{name}, [{part}]"
    if not isinstance(table, Mapping):
        raise MappingError(f"{place}: needs one line for each column; got {table!r}.")
    return tuple(
        read_field(f"{place}, {key}", part, key, entry) for key, entry in table.items()
    )


def read_field(where: str, part: str, key: str, entry: object) -> Field:
    """Return one outcome or covariate."""
    if not isinstance(entry, Mapping):
        raise MappingError(
            f'{where}: write {{ column = "its name", kind = "amount" }}, kind one '
            f"of {list(KINDS)}; got {entry!r}."
        )
    require_keys(where, entry, MAY_SAY[part])
    kind = entry.get("kind")
    kinds = [k for k in KINDS if part != "outcomes" or k != "category"]
    if kind not in kinds:
        raise MappingError(f"{where}: kind is one of {kinds}; got {kind!r}.")
    return Field(
        name=key,
        column=str(entry.get("column", key)),
        kind=kind,
        bounds=read_bound(where, entry.get("bounds")),
        unit=str(entry.get("unit", "")),
        others_below=int(
            as_number(where, "others_below", entry.get("others_below", 0), whole=True)
        ),
        before=read_before(where, entry.get("before", "")),
        limits=read_limits(where, kind, entry.get("limits")),
        better=read_better(where, entry.get("better", "")),
    )


def read_better(where: str, better: object) -> str:
    """Return whether more or less of an outcome is better, empty if nobody said."""
    if better not in ("", *BETTER):
        raise MappingError(
            f'{where}: better is "high" (more of it is better, as of spend) or "low" '
            f"(less is, as of churn); got {better!r}."
        )
    return better


def read_before(where: str, before: object) -> str:
    """Return the column of the same thing measured before, if any."""
    if not isinstance(before, str):
        raise MappingError(
            f"{where}: before is the column of the same thing measured before; got "
            f"{before!r}."
        )
    return before


def read_limits(where: str, kind: str, limits: Any) -> tuple[float, float] | None:
    """Return the least and the most an outcome can be, if any."""
    if kind == "yes_no":
        if limits is not None:
            raise MappingError(f"{where}: yes or no needs no limits; take them out.")
        return 0.0, 1.0
    if limits is None:
        return None
    right = isinstance(limits, list) and len(limits) == 2
    right = right and all(type(each) in (int, float) for each in limits)
    if not right or not limits[0] < limits[1]:
        raise MappingError(
            f"{where}: limits are the least and the most it can be, such as [1, 7]; "
            f"got {limits!r}."
        )
    return float(limits[0]), float(limits[1])


def read_bound(where: str, bounds: object) -> float | None:
    """Return the bounds of an outcome: a number, 0 or more, if any."""
    if bounds is None:
        return None
    if isinstance(bounds, bool) or not isinstance(bounds, int | float) or bounds < 0:
        raise MappingError(
            f"{where}: bounds is the largest difference not worth naming, a number "
            f"of 0 or more; got {bounds!r}."
        )
    return float(bounds)


def check_names(name: str, given: tuple[Field, ...], taken: tuple[str, ...]) -> None:
    """Raise if a name is taken, used twice, or cannot be a column of ours."""
    names = [each.name for each in given]
    columns = {each.name: each.column for each in given}
    # What was measured before may also be adjusted for, under the same name.
    names += [
        each.name_before
        for each in given
        if each.before and columns.get(each.name_before) != each.before
    ]
    for each in names:
        if not each.isidentifier() or each != each.lower():
            raise MappingError(
                f"{name}: {each!r} is not a name in lower-case letters, digits and "
                "underscores; name it so and give its column beside it."
            )
        if each in taken or names.count(each) > 1:
            raise MappingError(
                f"{name}: the name {each!r} is taken or used twice; choose another. "
                f"Taken are {list(taken)}."
            )


def check_covariates(name: str, covariates: tuple[Field, ...]) -> None:
    """Raise if a covariate has the name of something that comes afterwards."""
    for each in covariates:
        if each.name in AFTERWARDS:
            raise MappingError(
                f"{name}: covariate {each.name!r} is the name of something that comes "
                "after the failure. Covariates are what was known before; if this "
                "was, give it another name, such as "
                f"prior_{each.name}."
            )


# What may be said of one column: how its values are written, or its moments.
OF_VALUES = tuple(each.name for each in fields(ValueRule) if each.name != "known")
OF_TIMES = ("unit", "format", "timezone")
ByColumn = dict[str, tuple[ValueRule, TimeRule]]


def read_values(name: str, content: Mapping) -> tuple[ValueRule, TimeRule, ByColumn]:
    """Return how values and moments are written, and how those of single columns."""
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


def read_given(where: str, said: Mapping, rule: type) -> dict[str, Any]:
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
