"""What was found in a file: errors, rows set aside, doubts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pandas as pd

from recovery_research.results import Result

if TYPE_CHECKING:
    from recovery_research.customers.reading import Customers

# An error stops everything; rows are set aside; a doubt is told and stops nothing.
WEIGHTS = ("error", "set aside", "doubt")
MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in a file.

    Attributes
    ----------
    weight : str
        ``"error"``, ``"set aside"`` or ``"doubt"``.
    column : str
        The file's own name of the column; empty if it is about the whole.
    row : int or None
        The first row concerned, counted as the file's kind is counted (`RawTable`).
    value : str
        What stands there.
    n_rows : int
        How many rows are concerned.
    message : str
        What is wrong and what is allowed.
    """

    weight: str
    column: str
    row: int | None
    value: str
    n_rows: int
    message: str

    def __str__(self) -> str:
        where = "" if self.row is None else f"row {self.row}, "
        where += f"column {self.column!r}: " if self.column else ""
        return f"{self.weight}: {where}{self.message}"


class CustomerFileError(ValueError):
    """A file, or its mapping, that cannot be made into customers.

    Attributes
    ----------
    findings : tuple of Finding
        Everything that was found; empty if the file could not be opened at all.
    """

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class CustomerCheck(Result):
    """The outcome of checking a file against its mapping.

    Attributes
    ----------
    name : str
        The file.
    shape : str
        ``customers``, ``orders`` or ``complaints``.
    findings : tuple of Finding
        Errors first, then rows set aside, then doubts.
    flow : DataFrame or None
        As in `customers.Customers`; None if there are errors.
    read : Customers or None
        What was read; None if there are errors.
    """

    name: str
    shape: str
    findings: tuple[Finding, ...]
    flow: pd.DataFrame | None
    read: Customers | None = None

    @property
    def passed(self) -> bool:
        """Whether the file can be analysed."""
        return not any(finding.weight == "error" for finding in self.findings)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per finding."""
        return frame_findings(self.findings)


def frame_findings(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return findings as a table, one row each."""
    columns = list(Finding.__dataclass_fields__)
    frame = pd.DataFrame([asdict(finding) for finding in findings], columns=columns)
    return frame.astype({"row": "Int64", "n_rows": "int64"})


def sort_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Put errors before rows set aside before doubts."""
    return tuple(sorted(findings, key=lambda each: WEIGHTS.index(each.weight)))


def refuse(name: str, findings: Sequence[Finding]) -> CustomerFileError:
    """Return the error that tells every error found."""
    errors = [finding for finding in findings if finding.weight == "error"]
    told = [f"  {finding}" for finding in errors[:MOST_TOLD]]
    if len(errors) > MOST_TOLD:
        told.append(f"  and {len(errors) - MOST_TOLD} more")
    many = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    return CustomerFileError(f"{name}: {many}\n" + "\n".join(told), findings)
