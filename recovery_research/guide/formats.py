"""Pages on the formats that people write, made from what checks them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel

from recovery_research.customers.mapping_rules import KINDS, NEEDED, ROLES, SHAPES
from recovery_research.reporting.ends import EXIT_CODES, EXIT_TERMINATED
from recovery_research.reporting.notify_settings import NotifySettings
from recovery_research.reporting.plan_tables import (
    DefaultsTable,
    LimitsTable,
    PlanFile,
    PlanTable,
    ReportTable,
    RetriesTable,
)

PLAN_TABLES = {
    "plan": PlanTable,
    "defaults": DefaultsTable,
    "reports.NAME": ReportTable,
    "reports.NAME.limits": LimitsTable,
    "reports.NAME.retries": RetriesTable,
    "notify": NotifySettings,
}


def write_formats(folder: Path) -> None:
    """Write the pages on the mapping, the plan, and the exit codes."""
    folder.mkdir(parents=True)
    pages = {"mapping": _mapping(), "plan": _plan(), "exit-codes": _exit_codes()}
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    index = ["# Formats", "", "What you write in files, and what a command answers.",
             "", "```{toctree}", ":maxdepth: 1", "", *pages, "```", ""]  # fmt: skip
    (folder / "index.md").write_text("\n".join(index), encoding="utf-8")


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        cells = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _mapping() -> str:
    lines = ["# The mapping of a file", "",
             "A small TOML file that says which column of a file means what. `map",
             "FILE` drafts one, `check FILE --mapping MAPPING` says all that is found.",
             "",
             "## Shapes", ""]  # fmt: skip
    lines += _table(("shape", "what a row is"), SHAPES.items())
    for shape, roles in ROLES.items():
        needed = " and ".join(" or ".join(f"`{part}`" for part in one)
                              for one in NEEDED[shape])  # fmt: skip
        lines += [f"## `[columns]` of {shape}", "", f"Needed: {needed}.", ""]
        lines += _table(
            ("part", "kind"), [(f"`{part}`", kind) for part, kind in roles.items()]
        )
    lines += ["## Kinds of outcomes and covariates", ""]
    lines += _table(("kind", "what it holds"), KINDS.items())
    return "\n".join(lines)


def _plan() -> str:
    lines = ["# The plan of many reports", "", "`run-all PLAN.toml` runs it.", ""]
    for name, model in PLAN_TABLES.items():
        lines += [f"## `[{name}]`", "", (model.__doc__ or "").partition("\n")[0], ""]
        lines += _table(("key", "type", "default"), _describe(model))
    known = set(PlanFile.model_fields)
    missing = known - {name.partition(".")[0] for name in PLAN_TABLES} - {"schedule"}
    if missing:
        raise RuntimeError(f"the plan's tables {sorted(missing)} are not described")
    return "\n".join(lines)


def _describe(model: type[BaseModel]) -> Iterable[tuple[str, str, str]]:
    schema = model.model_json_schema()
    for key, field in model.model_fields.items():
        told = schema["properties"][key]
        options = told.get("anyOf", [told])
        kinds = [str(one.get("type", one.get("$ref", "table").split("/")[-1]))
                 for one in options]  # fmt: skip
        default = "needed" if field.is_required() else f"`{field.default!r}`"
        if isinstance(field.default, BaseModel):
            default = "as there"
        yield f"`{key}`", " or ".join(k for k in kinds if k != "null"), default


def _exit_codes() -> str:
    rows = [(code, verdict.value) for verdict, code in EXIT_CODES.items()]
    rows += [(2, "refused before anything ran"), (EXIT_TERMINATED, "terminated")]
    lines = ["# Exit codes", "", *_table(("code", "how a run ended"), sorted(rows))]
    return "\n".join(lines)
