"""Numbers with their unit, range, evidence class and source."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field

from .ledgers import LedgerError, LedgerRow, read_ledger
from .near_names import did_you_mean


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
        """Return a ledger with some values replaced and marked as assumed.

        Parameters
        ----------
        values : mapping of str to float
            New values by coefficient.
        source : str
            What is written as their source.

        Returns
        -------
        Ledger

        Raises
        ------
        ValueError
            If a coefficient is unknown or a value is outside its range.
        """
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
    """Read what coefficients there are, and what values they have.

    Parameters
    ----------
    meanings : Path
        Table of names, units and ranges.
    values : Path
        Table of values, evidence classes and sources.

    Returns
    -------
    Ledger
        In the order of `meanings`.

    Raises
    ------
    LedgerError
        If either table is not as it must be, or they do not name the same.
    """
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
