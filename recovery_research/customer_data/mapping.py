"""Which column of a file means what: a small TOML file, read and checked."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recovery_research import paths
from recovery_research._checks import did_you_mean
from recovery_research.analysis.index_orders import COVARIATES
from recovery_research.analysis.order_logs import OUTCOMES_OF_ORDERS
from recovery_research.customer_data.mapping_fields import (
    check_covariates,
    check_names,
    check_writing,
    read_fields,
    read_values,
)
from recovery_research.customer_data.mapping_rules import (
    NEEDED,
    ROLES,
    SHAPES,
    UNREADABLE,
    FileMapping,
    MappingError,
    SourceRule,
    as_texts,
    read_order_rule,
    read_rule,
    require_keys,
)
from recovery_research.customer_data.sources import find_file

_LOG = logging.getLogger(__name__)
PARTS = (
    "shape", "columns", "outcomes", "covariates", "groups", "answers", "values", "time",
    "source", "orders", "unreadable",
)  # fmt: skip
RESOLVED = (
    " Without knowing whose problem was made good nobody can ask whether those are "
    "better off. Name the yes/no column (resolved), or a column that names the group:\n"
    '[columns]\ngroup = "what_happened"\n[groups]\nno_failure = ["none"]\n'
    'recovered = ["solved"]\nnot_recovered = ["unsolved"]'
)
MISSING: dict[tuple[str, ...], str] = {("group", "resolved"): RESOLVED}
# Names that the customers table uses itself, and an order log and what is made of it:
# a column of the same name would take the place of the real one.
TAKEN = (
    "policy",
    "customer",
    "index_outcome",
    "index_week",
    "left_week",
    "recovery_quality",
)
TAKEN_IN_ORDERS = (
    *COVARIATES,
    "week",
    "time",
    "amount",
    "outcome",
    "failed",
    "complained",
    "resolved",
    "response",
    "left",
    "severity",
    "kind",
    "bought_again",
    "followup_orders",
    "followup_spend_before",
)


def read_mapping(mapping: str | Path | Mapping | FileMapping) -> FileMapping:
    """Read and check a mapping.

    Examples
    --------
    >>> read_mapping("cfpb").shape
    'complaints'
    """
    if isinstance(mapping, FileMapping):
        return mapping
    if isinstance(mapping, Mapping):
        return check_mapping("the mapping", mapping)
    path = find_mapping(mapping)
    _LOG.debug("mapping %s", path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        quoted = (
            " A name on the left with letters other than a-z, with blanks or points "
            'stands in quotes, such as "Größe" = ...'
            if isinstance(error, tomllib.TOMLDecodeError)
            else ""
        )
        raise MappingError(
            f"cannot read the mapping {path}: {error}.{quoted}"
        ) from None
    return check_mapping(path.name, content)


def list_mappings() -> list[str]:
    """Return the names of the mappings that are shipped."""
    folder = paths.source_root() / "data" / "mappings"
    return sorted(path.stem for path in folder.glob("*.toml"))


def find_mapping(mapping: str | Path) -> Path:
    """Return the path of a mapping given by path or by shipped name."""
    if str(mapping) in list_mappings():
        return paths.data_path(f"mappings/{mapping}.toml")
    path = find_file(mapping)
    if path is None:
        raise MappingError(
            f"there is no mapping {str(mapping)!r}: no such file, and shipped are "
            f"{list_mappings()}.{did_you_mean(str(mapping), list_mappings())} To draft "
            "one from your file, run: recovery-research map FILE"
        )
    return path


def check_mapping(name: str, content: Mapping) -> FileMapping:
    """Return a mapping's content as rules, or raise saying what is wrong."""
    require_keys(name, content, PARTS)
    shape = content.get("shape")
    if shape not in SHAPES:
        shapes = "; ".join(f"{key!r}: {text}" for key, text in SHAPES.items())
        raise MappingError(
            f"{name}: shape is one of {list(SHAPES)} ({shapes}); got {shape!r}."
        )
    columns = read_columns(name, shape, content.get("columns", {}))
    outcomes = read_fields(name, "outcomes", content)
    covariates = read_fields(name, "covariates", content)
    taken = (*TAKEN, *TAKEN_IN_ORDERS) if shape == "orders" else TAKEN
    check_names(name, (*outcomes, *covariates), taken)
    check_covariates(name, covariates)
    unreadable = content.get("unreadable", "refuse")
    if unreadable not in UNREADABLE:
        raise MappingError(
            f"{name}: unreadable is 'refuse' or 'set aside'; got {unreadable!r}."
        )
    writing, time, by_column = read_values(name, content)
    checked = FileMapping(
        name=name,
        shape=shape,
        columns=columns,
        outcomes=outcomes,
        covariates=covariates,
        groups=read_groups(name, columns, content.get("groups", {})),
        control=read_control(name, shape, content.get("answers", {})),
        writing=writing,
        time=time,
        by_column=by_column,
        source=read_rule(name, "source", content, SourceRule),
        orders=read_order_rule(name, shape, content),
        unreadable=unreadable,
    )
    check_shape(checked)
    return checked


def read_columns(name: str, shape: str, table: Any) -> dict[str, str]:
    """Return the parts of the table and the file's columns."""
    place = f"{name}, [columns]"
    require_keys(place, table, ROLES[shape])
    for role, column in table.items():
        if not isinstance(column, str) or not column or column == "?":
            raise MappingError(
                f"{place}: {role} needs the name of a column; got {column!r}."
            )
    for either in NEEDED[shape]:
        if not any(role in table for role in either):
            raise MappingError(
                f"{place}: a table of {shape} needs {' or '.join(either)}; it names "
                f"{list(table)}.{MISSING.get(either, '')}"
            )
    return dict(table)


def read_groups(
    name: str, columns: Mapping[str, str], table: Any
) -> dict[str, tuple[str, ...]]:
    """Return the file's words for each index outcome."""
    place = f"{name}, [groups]"
    require_keys(place, table, OUTCOMES_OF_ORDERS)
    if ("group" in columns) != bool(table):
        raise MappingError(
            f"{place}: belongs to a column 'group' and says which of its values mean "
            f"{list(OUTCOMES_OF_ORDERS)}; give both or neither."
        )
    groups = {key: as_texts(place, key, words) for key, words in table.items()}
    words = [word for said in groups.values() for word in said]
    for word in words:
        if words.count(word) > 1:
            raise MappingError(f"{place}: {word!r} stands for two groups.")
    return groups


def read_control(name: str, shape: str, table: Any) -> str:
    """Return the answer that the other answers are compared with."""
    require_keys(f"{name}, [answers]", table, ("control",))
    control = table.get("control", "")
    if shape == "complaints" and not (isinstance(control, str) and control):
        raise MappingError(
            f"{name}, [answers]: a table of complaints needs control, the answer that "
            'the others are compared with, such as control = "none".'
        )
    if shape != "complaints" and table:
        raise MappingError(f"{name}: [answers] belongs to the shape 'complaints'.")
    return control


def check_shape(mapping: FileMapping) -> None:
    """Raise if a mapping lacks or has what its shape does not allow."""
    if mapping.shape == "orders" and mapping.outcomes:
        raise MappingError(
            f"{mapping.name}: the outcomes of an order log are counted from it "
            "(followup_spend, bought_again ...); take [outcomes] out."
        )
    check_observed(mapping)
    if mapping.shape != "orders" and not mapping.outcomes:
        raise MappingError(
            f"{mapping.name}: name at least one outcome, such as\n[outcomes]\n"
            'spend = { column = "spend_90_days", kind = "amount" }'
        )
    check_writing(mapping)


def check_observed(mapping: FileMapping) -> None:
    """Raise unless how long customers were observed and who left go together."""
    if mapping.shape != "customers":
        return
    columns = mapping.columns
    long = "weeks_observed" in columns or {"observed_until", "order_time"} <= {*columns}
    named = [k for k in ("left", "weeks_observed", "observed_until") if k in columns]
    both = {"weeks_observed", "observed_until"} <= {*columns}
    if named and (not long or "left" not in columns or both or "left_time" in columns):
        raise MappingError(
            f"{mapping.name}, [columns]: left (yes or no) goes with weeks_observed, or "
            "with order_time and observed_until, dates; where the day of leaving is "
            f"known, left_time with order_time says all. It names {list(columns)}."
        )
