"""What was found in a file: errors, rows set aside, doubts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pandas as pd

from recovery_research.results import Result

if TYPE_CHECKING:
    from recovery_research.customer_data.reading import Customers

# An error stops everything; rows are set aside; a doubt is told and stops nothing.
WEIGHTS = ("error", "set aside", "doubt")
MOST_TOLD = 20
# What a kind of doubt, if it is right, has done to the answers: such a doubt is said
# beside every answer that it may turn (`questions`). A kind is here if the file may
# mean something else than it was taken for and nothing else beside the answer says so.
TURNS = {
    "lines": "rows of one customer and one moment are counted as orders of their own, "
    "though they may be lines of one order",
    "summed": "rows of one order are added up, though each may repeat its total",
    "returns": "negative amounts are left out, though they may be returns",
    "placeholder": "a moment far from all others is believed, though it may stand for "
    "an unknown one",
    "code": "a number is counted that may be a code for unknown",
    "ids": "ids look rounded, so that different customers may have become one",
    "marks": "a decimal mark may be one between thousands",
    "quotes": "rows may be missing behind a quote left open",
    "formulas": "formulas without a stored result are taken for unknown",
    "blank": "a word is taken for unknown, though it may be a value",
    "losses": "so many rows are set aside that the rest may be unlike the whole",
    "nameless": "rows without a name may repeat one another",
    "other name": "a covariate looks like the group by another name",
}
# Kinds that turn no answer, and why.
HARMLESS = {
    "encoding": "letters may be wrong, the rows and numbers are not",
    "title": "were the header another, its columns would not be found",
    "signs": "a currency or percent sign has no other meaning",
    "others": "the mapping says so",
    "dates unused": "no analysis uses them",
    "orders lost": "each is among the rows set aside, and many are another doubt",
    "design": "every difference says it, in words of its own",
    "direction": "an answer says higher or lower, and no more",
    "unknown covariates": "an adjusted answer says of how many it is",
    "few": "the interval says it",
    "no outcome": "there is no answer",
    "leak": "the answer is withheld",
    "levels": "an adjustment that fails says so",
}


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
    kind : str
        Of a doubt: one of `TURNS` or `HARMLESS`.
    """

    weight: str
    column: str
    row: int | None
    value: str
    n_rows: int
    message: str
    kind: str = ""

    def __post_init__(self) -> None:
        # Whoever adds a doubt decides whether it is said beside the answers.
        if self.weight == "doubt" and self.kind not in {**TURNS, **HARMLESS}:
            raise ValueError(f"a doubt of no known kind: {self.kind!r}")

    @property
    def turns(self) -> bool:
        """Whether the answers may be others if it is right, and nothing else tells."""
        return self.kind in TURNS

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
    """Put errors before rows set aside before doubts, those that turn answers first."""

    def rank(each: Finding) -> tuple[int, bool]:
        return WEIGHTS.index(each.weight), not each.turns

    return tuple(sorted(findings, key=rank))


def refuse(name: str, findings: Sequence[Finding]) -> CustomerFileError:
    """Return the error that tells every error found."""
    errors = [finding for finding in findings if finding.weight == "error"]
    told = [f"  {finding}" for finding in errors[:MOST_TOLD]]
    if len(errors) > MOST_TOLD:
        told.append(f"  and {len(errors) - MOST_TOLD} more")
    many = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    return CustomerFileError(f"{name}: {many}\n" + "\n".join(told), findings)
