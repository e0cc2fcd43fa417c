"""What may stand in a plan, a mapping and profiles: every key, from what reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from textwrap import fill
from typing import Annotated, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from recovery_research.customer_data import mapping_rules as rules
from recovery_research.customer_data.dates import UNITS
from recovery_research.customer_data.mapping_fields import MAY_SAY, OF_TIMES, OF_VALUES
from recovery_research.customer_data.numbers import THOUSANDS
from recovery_research.reports.parameter_files import OF_PROFILES, STANDARD
from recovery_research.reports.plan_schema import (
    DefaultsTable,
    LimitsTable,
    NotifySettings,
    PlanTable,
    ReportTable,
    RetriesTable,
    ScheduleTable,
)

# The table's place in a plan, and what reads it.
PLAN: dict[str, type[BaseModel]] = {
    "plan": PlanTable,
    "defaults": DefaultsTable,
    "defaults.limits": LimitsTable,
    "defaults.retries": RetriesTable,
    "reports.NAME": ReportTable,
    "reports.NAME.limits": LimitsTable,
    "reports.NAME.retries": RetriesTable,
    "notify": NotifySettings,
    "schedule": ScheduleTable,
}
# Of a mapping, what the reader checks a key's value against.
ALLOWED = {
    ("", "shape"): tuple(rules.SHAPES),
    ("", "unreadable"): rules.UNREADABLE,
    ("outcomes.NAME", "kind"): tuple(k for k in rules.KINDS if k != "category"),
    ("outcomes.NAME", "better"): rules.BETTER,
    ("covariates.NAME", "kind"): tuple(rules.KINDS),
    ("values", "decimal"): rules.DECIMAL,
    ("values", "thousands"): tuple(THOUSANDS),
    ("time", "unit"): ("dates", *UNITS),
    ("orders", "design"): rules.DESIGNS,
    ("orders", "lines"): tuple(filter(None, rules.LINES)),
    ("orders", "returns"): rules.RETURNS,
    ("orders", "index"): rules.INDEX_CHOICES,
}
HOLDS = rules.KINDS | {
    "key": "names or numbers", "share": "numbers from 0 to 1", "time": "moments"
}  # fmt: skip
TYPES = {
    "str": "text", "int": "whole number", "float": "number", "string": "text",
    "integer": "whole number", "boolean": "true or false", "object": "table",
}  # fmt: skip
STARTS = {
    "plan": "A plan is a TOML file. Relative paths start from its folder.",
    "mapping": "A mapping is a TOML file that says which column means what. Outcomes "
    "and covariates are one line each: name = { column = ..., kind = ... }.",
    "profile": "profiles.toml, beside the notebooks, holds values of their parameters "
    "by profile: --profile quick. `describe NOTEBOOK` lists the parameters.",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key that may stand in a file.

    Attributes
    ----------
    table, key : str
        Where it stands; the table is empty at the top.
    type : str
        What its value is.
    required : bool
        Whether there must be one, or one of `instead`.
    default : object
        What holds without it; None if nothing does, or it is found out.
    allowed : tuple or str
        Every value allowed, or what is in words; empty if the type says all.
    meaning : str
        In a line.
    shapes : tuple of str
        Of a mapping, the shapes whose tables may have it; empty if all.
    instead : tuple of str
        Keys of which one may stand in its place.
    """

    table: str
    key: str
    type: str
    required: bool
    default: object
    allowed: tuple[str, ...] | str
    meaning: str
    shapes: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()


def list_keys(kind: str) -> list[Key]:
    """List every key of a kind of file."""
    return {"plan": _of_plan, "mapping": _of_mapping, "profile": _of_profile}[kind]()


def describe_format(kind: str) -> str:
    """Describe every key of a kind of file, for readers."""
    lines, place = [fill(STARTS[kind], 84)], None
    for each in list_keys(kind):
        if (each.table, each.shapes) != place:
            place = (each.table, each.shapes)
            of = f"   (shape {each.shapes[0]})" if each.shapes else ""
            lines += ["", f"[{each.table}]{of}" if each.table else "at the top"]
        said = f"{each.key}: {each.meaning}. {say_rules(each)}"
        lines.append(fill(said, 84, initial_indent="  ", subsequent_indent="      "))
    return "\n".join(lines)


def say_rules(key: Key) -> str:
    """Return a key's type, whether it is needed, its default and what is allowed."""
    parts = [key.type]
    if key.allowed:
        told = key.allowed if isinstance(key.allowed, str) else ""
        parts.append(told or " | ".join(map(json.dumps, key.allowed)))
    if key.required:
        parts.append(
            " ".join(["needed, or", *key.instead]) if key.instead else "needed"
        )
    if key.default is not None:
        parts.append(f"default {json.dumps(key.default)}")
    return f"({'; '.join(parts)})"


def _of_plan() -> list[Key]:
    return [key for place, model in PLAN.items() for key in _of_model(place, model)]


def _of_model(place: str, model: type[BaseModel]) -> Iterator[Key]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        told = schema["properties"][name]
        options = [
            one for one in told.get("anyOf", [told]) if one.get("type") != "null"
        ]
        default = field.get_default()
        plain = isinstance(default, bool | int | float | str | list) and default != []
        yield Key(
            place, name, " or ".join(dict.fromkeys(map(_name_type, options))),
            field.is_required(), default if plain else None,
            "; ".join(filter(None, map(_name_limits, options))),
            field.description or "",
        )  # fmt: skip


def _name_type(told: dict) -> str:
    if told.get("type") == "array":
        return "list of texts"
    if "format" in told:
        return told["format"].replace("date-time", "time")
    return TYPES.get(told.get("type", "object"), told.get("type", "table"))


def _name_limits(told: dict) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "more than",
             "maximum": "at most"}  # fmt: skip
    said = [f"{word} {told[key]:g}" for key, word in words.items() if key in told]
    chosen = told.get("items", {}).get("enum", [])
    return ", ".join([*said, *([f"of {' | '.join(chosen)}"] if chosen else [])])


def _of_mapping() -> list[Key]:
    made = [*_of_rule("", rules.FileMapping, ("shape", "unreadable"))]
    for shape in rules.SHAPES:
        made += _of_columns(shape)
    for part, names in MAY_SAY.items():
        made += _of_rule(f"{part}.NAME", rules.Field, names)
    made += [
        Key("groups", name, "list of texts", False, None, "", meaning)
        for name, meaning in rules.GROUPS.items()
    ]
    control = _of_rule("answers", rules.FileMapping, ("control",))
    made += [
        Key(k.table, k.key, k.type, True, None, "", k.meaning, ("complaints",))
        for k in control
    ]
    made += _of_rule("values", rules.ValueRule, OF_VALUES)
    made += _of_rule("values.COLUMN", rules.ValueRule, OF_VALUES)
    made += _of_rule("values.COLUMN", rules.TimeRule, OF_TIMES)
    for place, rule in (
        ("time", rules.TimeRule),
        ("source", rules.SourceRule),
        ("orders", rules.OrderRule),
    ):
        shapes = ("orders",) if place == "orders" else ()
        made += _of_rule(place, rule, [f.name for f in fields(rule)], shapes)
    return made


def _of_columns(shape: str) -> Iterator[Key]:
    needed = {either[-1]: either[:-1] for either in rules.NEEDED[shape]}
    for role, kind in rules.ROLES[shape].items():
        yield Key(
            "columns", role, "name of a column", role in needed, None,
            f"holding {HOLDS[kind]}", rules.PARTS_OF_TABLES[role], (shape,),
            needed.get(role, ()),
        )  # fmt: skip


def _of_rule(
    place: str, rule: type, names: Sequence[str], shapes: tuple[str, ...] = ()
) -> Iterator[Key]:
    hints = get_type_hints(rule, include_extras=True)
    plain = "time" if rule is rules.TimeRule else place.removesuffix(".COLUMN")
    for each in fields(rule):
        if each.name not in names:
            continue
        kind, meaning = _part(hints[each.name])
        default = None if each.default is MISSING else each.default
        if isinstance(default, tuple):
            default = list(default)
        # What is found out if nothing is said is no value to write.
        unsaid = default in ("", [], -1, 0) and each.name != "seed"
        allowed = ALLOWED.get((plain, each.name), ())
        required = each.default is MISSING and each.name != "column"
        yield Key(
            place, each.name, kind, required, None if unsaid else default, allowed,
            meaning, shapes,
        )  # fmt: skip


def _part(hint: object) -> tuple[str, str]:
    """Return what a field's values are and what it means."""
    if get_origin(hint) is not Annotated:
        return "", ""
    kind, meaning = get_args(hint)[:2]
    options = [one for one in (get_args(kind) or (kind,)) if one is not type(None)]
    if get_origin(kind) is tuple:
        return "list of texts", meaning
    if any(get_origin(one) is tuple for one in options):
        return "list of two numbers", meaning
    return " or ".join(TYPES[one.__name__] for one in options), meaning


def _of_profile() -> list[Key]:
    return [
        Key('"NOTEBOOK".PROFILE', key, kind, False, None,
            f"{STANDARD} holds without a profile" if key == "PARAMETER" else "",
            meaning)
        for key, (kind, meaning) in OF_PROFILES.items()
    ]  # fmt: skip
