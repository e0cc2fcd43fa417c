"""The outcomes and covariates that a mapping names."""

from __future__ import annotations

from collections.abc import Mapping

from recovery_research.analyses.covariates import AFTERWARDS
from recovery_research.customers.mapping_parts import (
    MappingError,
    as_number,
    require_keys,
)
from recovery_research.customers.mapping_rules import BETTER, KINDS, Field

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
        others_below=as_number(
            where, "others_below", entry.get("others_below", 0), whole=True
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


def read_limits(where: str, kind: str, limits: object) -> tuple[float, float] | None:
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
