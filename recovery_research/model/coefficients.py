"""Numbers with their unit, range, evidence class and source."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recovery_research._checks import did_you_mean

Row = TypeVar("Row", bound="LedgerRow")


class LedgerRow(BaseModel):
    """One row of a ledger: every column known, no column more."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LedgerError(ValueError):
    """A table of coefficients or policies that cannot be read as it stands."""


def read_ledger(path: Path, row_type: type[Row], *, key: str) -> list[Row]:
    """Read a CSV table whose rows are described by a pydantic model."""
    rows = read_rows(path, row_type)
    if not rows:
        raise LedgerError(f"{path.name} holds no row below its header.")
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        name = getattr(row, key)
        if name in seen:
            raise LedgerError(
                f"{path.name}, row {number}: {key} {name!r} stands already in row "
                f"{seen[name]}; each may stand once. Remove or rename one."
            )
        seen[name] = number
    return rows


def read_rows(path: Path, row_type: type[Row]) -> list[Row]:
    """Return the rows of a table, each checked."""
    try:
        # Spreadsheets write a byte order mark in front of UTF-8.
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            check_columns(path, reader.fieldnames or [], row_type)
            return [
                read_row(path, number, cells, row_type)
                for number, cells in enumerate(reader, start=2)
            ]
    except UnicodeDecodeError as error:
        raise LedgerError(
            f"{path.name} is not text in UTF-8 ({error.reason} at byte "
            f"{error.start}). Save it as CSV in UTF-8."
        ) from None


def check_columns(path: Path, found: Iterable[str], row_type: type[Row]) -> None:
    """Refuse a table that lacks a column or has one too many."""
    wanted = list(row_type.model_fields)
    found = list(found)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise LedgerError(
            f"{path.name} lacks column {missing[0]!r}; its columns must be {wanted}, "
            f"it has {found}."
        )
    extra = [name for name in found if name not in wanted]
    if extra:
        raise LedgerError(
            f"{path.name} has an unknown column {extra[0]!r}; its columns must be "
            f"{wanted}.{did_you_mean(extra[0], wanted)}"
        )


def read_row(path: Path, number: int, cells: dict, row_type: type[Row]) -> Row:
    """Turn one line of a table into a checked row."""
    if None in cells or None in cells.values():
        raise LedgerError(
            f"{path.name}, row {number}: the line has more or fewer cells than the "
            f"header's {len(row_type.model_fields)}. Quote texts that hold a comma."
        )
    try:
        return row_type(**cells)
    except ValidationError as error:
        first = error.errors()[0]
        column = first["loc"][0] if first["loc"] else "?"
        raise LedgerError(
            f"{path.name}, row {number}, column {column}: got {first['input']!r}; "
            f"{first['msg'][0].lower()}{first['msg'][1:]}."
        ) from None


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One number the simulation rests on, and how well it is known.

    Attributes
    ----------
    name : str
        Identifier.
    part : str
        Part of the model it belongs to.
    value, low, high : float
        The value, and the range it may take.
    unit, meaning : str
        What it is measured in, and what it says.
    evidence_class : str
        ``sourced``, ``calibrated`` or ``assumed``.
    source : str
        Where the value, or its sign, comes from.

    Raises
    ------
    ValueError
        If the value lies outside its range.
    """

    name: str
    part: str
    value: float
    low: float
    high: float
    unit: str
    meaning: str
    evidence_class: str
    source: str

    def __post_init__(self) -> None:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{self.name} is a number in {self.unit}; got {value!r}.")
        if not math.isfinite(value) or not self.low <= value <= self.high:
            raise ValueError(
                f"{self.name} ({self.meaning}) is in {self.unit}, {self.low:g} to "
                f"{self.high:g}; got {value!r}."
            )
        # The loop is compiled for floats, and again for every other kind of number.
        object.__setattr__(self, "value", float(value))


class CoefficientRow(LedgerRow):
    """One line of the list of coefficients a model has."""

    coefficient: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    part: str
    unit: str
    low: float
    high: float
    meaning: str


class ValueRow(LedgerRow):
    """One line of the values that a world or population gives them."""

    coefficient: str
    value: float
    evidence_class: Literal["sourced", "calibrated", "assumed"]
    source: Annotated[str, Field(min_length=1)]


class Ledger(Mapping[str, Coefficient]):
    """All coefficients of a world or a population, read only, by name."""

    def __init__(self, coefficients: Mapping[str, Coefficient]) -> None:
        self._coefficients = dict(coefficients)

    def __getitem__(self, name: str) -> Coefficient:
        return self._coefficients[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._coefficients)

    def __len__(self) -> int:
        return len(self._coefficients)

    def __repr__(self) -> str:
        return f"Ledger of {len(self)} coefficients"

    def values_by_name(self) -> dict[str, float]:
        """Return the bare values."""
        return {name: each.value for name, each in self.items()}

    def with_values(self, values: Mapping[str, float], *, source: str) -> "Ledger":
        """Return a ledger with some values replaced and marked as assumed."""
        changed = dict(self._coefficients)
        for name, value in values.items():
            if name not in changed:
                raise ValueError(
                    f"there is no coefficient {name!r}; there are {sorted(changed)}."
                    f"{did_you_mean(name, changed)}"
                )
            changed[name] = replace(
                changed[name], value=value, evidence_class="assumed", source=source
            )
        return Ledger(changed)

    def to_frame(self) -> pd.DataFrame:
        """Return the ledger of assumptions, one row a coefficient."""
        return pd.DataFrame([asdict(each) for each in self.values()])


@cache
def load_ledger(meanings: Path, values: Path) -> Ledger:
    """Read what coefficients there are, and what values they have."""
    rows = read_ledger(meanings, CoefficientRow, key="coefficient")
    given = {row.coefficient: row for row in
             read_ledger(values, ValueRow, key="coefficient")}  # fmt: skip
    known = {row.coefficient for row in rows}
    for name in given:
        if name not in known:
            raise LedgerError(
                f"{values.name}: there is no coefficient {name!r}."
                f"{did_you_mean(name, known)}"
            )
    return Ledger({row.coefficient: join_rows(row, given, values) for row in rows})


def join_rows(
    row: CoefficientRow, given: Mapping[str, ValueRow], values: Path
) -> Coefficient:
    """Put a coefficient's meaning and its value together."""
    if row.coefficient not in given:
        raise LedgerError(f"{values.name} gives no value for {row.coefficient!r}.")
    value = given[row.coefficient]
    try:
        return Coefficient(
            row.coefficient, row.part, value.value, row.low, row.high, row.unit,
            row.meaning, value.evidence_class, value.source,
        )  # fmt: skip
    except ValueError as error:
        raise LedgerError(f"{values.name}: {error}") from None
