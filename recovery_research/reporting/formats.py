"""What may stand in a plan and in a mapping: every key, from what reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from textwrap import fill

from pydantic import BaseModel

from recovery_research.customers.index_outcomes import OUTCOMES_OF_ORDERS
from recovery_research.customers.mapping_fields import MAY_SAY
from recovery_research.customers.mapping_rules import (
    ROLES,
    SHAPES,
    OrderRule,
    SourceRule,
)
from recovery_research.customers.mapping_values import OF_TIMES, OF_VALUES
from recovery_research.customers.mappings import PARTS
from recovery_research.reporting.notify_settings import NotifySettings
from recovery_research.reporting.plan_tables import (
    DefaultsTable,
    LimitsTable,
    PlanTable,
    ReportTable,
    RetriesTable,
    ScheduleTable,
)

# The table's place in a plan, and what reads it.
PLAN = {
    "plan": PlanTable,
    "defaults": DefaultsTable,
    "defaults.limits": LimitsTable,
    "defaults.retries": RetriesTable,
    "reports.NAME": ReportTable,
    "notify": NotifySettings,
    "schedule": ScheduleTable,
}
MEANINGS = {
    "plan": {
        "reports": "folder of the reports; by default that of the project",
        "jobs": "most reports at a time; by default one for each core",
        "memory_mb": "most memory to plan with; by default what is free",
    },
    "defaults": {
        "profile": "values of the notebooks' parameters, from profiles.toml",
        "limits": "a table, below; a report may have its own",
        "retries": "a table, below; a report may have its own",
    },
    "defaults.limits": {
        "cell_seconds": "longest time for a cell",
        "run_seconds": "longest time for a run",
        "memory_mb": "most memory for a kernel",
    },
    "defaults.retries": {
        "times": "how often a run is tried again if something was away",
        "wait_seconds": "how long to wait before",
        "errors": "names of further errors after which to try again",
    },
    "reports.NAME": {
        "notebook": "its name, or its path from the plan's folder; needed",
        "profile": "as in defaults",
        "parameters": "a table of names and values; files from the plan's folder",
        "grid": "a table of names and lists; one report for every combination",
        "data": "a table of files and addresses that are read; env:NAME for secrets",
        "data_as_of": "a date: up to when the data reach",
        "limits": "as in defaults",
        "retries": "as in defaults",
        "always_run": "whether it is run though nothing has changed",
        "notify": "as the table notify, for this report alone",
    },
    "notify": {
        "on": "what is told: failure, slow, recovery, success",
        "slower_than_seconds": "the limit for slow",
        "urls_from": "names of environment variables that hold Apprise's addresses",
        "command": "a program and its arguments, run in the plan's folder",
        "command_seconds": "how long the command may take",
    },
    "schedule": {
        "at": "minute, hour, day, month, weekday, as cron has them",
        "limit_hours": "how long a scheduled run of the plan may take",
    },
}
# The keys of each part of a mapping.
MAPPING = {
    "": PARTS,
    "columns": tuple(dict.fromkeys(role for each in ROLES.values() for role in each)),
    "outcomes": MAY_SAY["outcomes"],
    "covariates": MAY_SAY["covariates"],
    "groups": OUTCOMES_OF_ORDERS,
    "answers": ("control",),
    "values": OF_VALUES,
    "time": (*OF_TIMES, "start", "end"),
    "source": tuple(each.name for each in fields(SourceRule)),
    "orders": tuple(each.name for each in fields(OrderRule)),
}


def describe_plan() -> str:
    """Describe every key of a plan: its table, default and meaning.

    Returns
    -------
    str
    """
    lines = ["A plan is a TOML file. Relative paths start from its folder."]
    for place, model in PLAN.items():
        lines += ["", f"[{place}]", *_describe_table(place, model)]
    return "\n".join(lines)


def _describe_table(place: str, model: type[BaseModel]) -> Iterator[str]:
    for key, field in model.model_fields.items():
        default = field.default
        plain = isinstance(default, bool | int | float | str) or default == []
        said = f" (default {default!r})" if plain and not field.is_required() else ""
        yield f"  {key}: {MEANINGS[place][key]}{said}"


def describe_mapping() -> str:
    """Describe every key of a mapping, by the parts it may have.

    Returns
    -------
    str
    """
    lines = ["A mapping is a TOML file that says which column means what.", ""]
    lines += [f'  shape = "{shape}": {what}' for shape, what in SHAPES.items()]
    for part, keys in MAPPING.items():
        if part:
            lines += ["", f"[{part}]", fill(", ".join(keys), 84, initial_indent="  ",
                                            subsequent_indent="  ")]  # fmt: skip
    lines += ["", 'unreadable = "refuse" or "set aside", at the top.']
    lines += ["Outcomes and covariates are one line each: name = { column = ... }."]
    return "\n".join(lines)
