"""A file's columns read as its mapping says, and which rows are set aside, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.customer_data.cells import (
    Cells,
    ColumnRefusedError,
    encode_texts,
    is_text,
    plain,
    read_common_levels,
    read_keys,
    read_levels,
    read_yes_no,
)
from recovery_research.customer_data.dates import read_moments, suggest_dates
from recovery_research.customer_data.issues import Finding
from recovery_research.customer_data.mapping_rules import BLANK, ROLES, FileMapping
from recovery_research.customer_data.numbers import read_numbers, suggest_numbers
from recovery_research.customer_data.raw_tables import RawTable
from recovery_research.customer_data.sources import read_source

if TYPE_CHECKING:
    import pyarrow as pa

MOST_EXAMPLES = 3
# Excluded rows are written out with what stands in them, within reason.
MOST_CHARACTERS = 80


def read_cells(column: pa.ChunkedArray, kind: str, mapping: FileMapping) -> Cells:
    """Read a column as the kind of value that the mapping says."""
    column = plain(column)
    if kind == "yes_no":
        return read_yes_no(column, mapping)
    if kind == "category":
        return read_levels(column, mapping)
    if kind == "key":
        return read_keys(column, mapping)
    if kind == "time":
        return read_moments(column, mapping)
    return read_numbers(column, mapping, kind)


@dataclass(slots=True, eq=False)
class Reading:
    """A file as far as it has been read; filled step by step.

    Attributes
    ----------
    raw : RawTable
        The file.
    mapping : FileMapping
        What its columns mean.
    parts : dict of str to Cells
        The parts of the table, such as ``problem``.
    fields : dict of str to Cells
        Outcomes and covariates.
    findings : list of Finding
        So far.
    reason : int16 array, shape (n_rows,)
        Place in `reasons` of the first reason to set the row aside, -1 for none.
    reasons : list of str
        Why rows are set aside.
    further : list of (int, int64 array)
        Rows that have a later reason too.
    """

    raw: RawTable
    mapping: FileMapping
    parts: dict[str, Cells] = field(default_factory=dict)
    fields: dict[str, Cells] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    reason: NDArray[np.int16] = field(init=False)
    reasons: list[str] = field(default_factory=list)
    further: list[tuple[int, NDArray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reason = np.full(len(self.raw.rows), -1, dtype=np.int16)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Mark the rows that have not been set aside."""
        return self.reason < 0

    def part(self, role: str) -> NDArray | None:
        """Return what was read of a part of the table, None if it is not mapped."""
        cells = self.parts.get(role)
        return None if cells is None else cells.content

    def held(self, role: str) -> NDArray:
        """Return what was read of a part that is mapped."""
        return self.parts[role].content

    def add_error(self, column: str, message: str, **where: Any) -> None:
        """Note something that stops everything."""
        self.note("error", column, message, **where)

    def add_doubt(self, kind: str, column: str, message: str, **where: Any) -> None:
        """Note something that is told and stops nothing, of a kind of `issues`."""
        self.note("doubt", column, message, kind=kind, **where)

    def note(
        self,
        weight: str,
        column: str,
        message: str,
        *,
        place: int | None = None,
        value: str = "",
        n_rows: int = 0,
        kind: str = "",
    ) -> None:
        """Note a finding; `place` counts from 0 among the rows read."""
        row = None if place is None else int(self.raw.rows[place])
        self.findings.append(
            Finding(weight, column, row, value, int(n_rows), message, kind)
        )

    def set_aside(self, wrong: NDArray[np.bool_], column: str, reason: str) -> None:
        """Set rows aside for a reason; each counts under its first one."""
        places = np.flatnonzero(wrong)
        if not len(places):
            return
        number = len(self.reasons)
        self.reasons.append(reason)
        fresh = places[self.reason[places] < 0]
        again = places[self.reason[places] >= 0]
        self.reason[fresh] = number
        self.further.append((number, again))
        self.note(
            "set aside", column, f"{reason} ({count_rows(len(places))})",
            place=places[0], value=self.show(column, int(places[0])),
            n_rows=len(places),
        )  # fmt: skip

    def show(self, column: str, place: int) -> str:
        """Return what stands in a cell, cut short."""
        if column not in self.raw.table.column_names:
            return ""
        value = self.raw.table.column(column)[place].as_py()
        text = "" if value is None else str(value)
        return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "..."


def count_rows(n: int) -> str:
    """Return a number of rows in words."""
    return "1 row" if n == 1 else f"{n:,} rows"


def read_file(source: str | Path, mapping: FileMapping) -> Reading:
    """Read the columns that a mapping names, as what it says they are."""
    raw = read_source(source, mapping.source, columns=mapping.used_columns())
    reading = Reading(raw, mapping, findings=list(raw.told))
    tell_broken(reading)
    if not len(raw.rows):
        reading.add_error("", "the table has a header but no rows.")
        return reading
    for role, column in mapping.columns.items():
        cells = read_column(reading, column, ROLES[mapping.shape][role])
        if cells is not None:
            reading.parts[role] = cells
    for each in (*mapping.outcomes, *mapping.covariates):
        cells = read_column(reading, each.column, each.kind, each.others_below)
        if cells is not None:
            reading.fields[each.name] = cells
    for each in mapping.outcomes:
        cells = read_column(reading, each.before, each.kind) if each.before else None
        if cells is not None:
            reading.fields[each.name_before] = cells
    return reading


def tell_broken(reading: Reading) -> None:
    """Note the rows that could not be read at all."""
    broken = reading.raw.broken
    if broken:
        row, why = broken[0]
        more = "" if len(broken) == 1 else f"; {len(broken) - 1:,} more such rows"
        said = Finding("set aside", "", row, "", len(broken), f"the row {why}{more}")
        reading.findings.append(said)


def read_column(
    reading: Reading, column: str, kind: str, others_below: int = 0
) -> Cells | None:
    """Read one column; what cannot be read is an error, or sets its row aside."""
    rules = reading.mapping.rules_of(column, kind)
    raw = reading.raw.table.column(column)
    labels = reading.raw.labels.get(column)
    if labels and (kind in ("yes_no", "category") or rules.writing.order):
        raw = put_labels(raw, labels, rules)
    try:
        if others_below:
            cells, told = read_common_levels(raw, rules, others_below)
            if told:
                reading.add_doubt("others", column, told)
        else:
            cells = read_cells(raw, kind, rules)
    except ColumnRefusedError as error:
        reading.add_error(column, str(error), n_rows=len(reading.raw.rows))
        return None
    if cells.told and all(f.message != cells.told for f in reading.findings):
        reading.add_doubt(cells.told_kind, column, cells.told)
    if kind == "category":
        doubt_blank_words(reading, column, raw, rules)
    if len(cells.unreadable):
        tell_unreadable(reading, column, cells, kind)
    return cells


def put_labels(
    column: pa.ChunkedArray, labels: dict[str, str], rules: FileMapping
) -> pa.ChunkedArray:
    """Return codes as what they are called; codes without a label stay."""
    import pyarrow as pa

    code, words = encode_texts(plain(column), rules)
    names = [labels.get(word, word) for word in words.to_pylist()]
    indices = pa.array(code, mask=code < 0)
    return pa.chunked_array([pa.array(names, pa.string()).take(indices)])


def doubt_blank_words(
    reading: Reading, column: str, raw: pa.ChunkedArray, rules: FileMapping
) -> None:
    """Tell a word of a category that is taken for unknown, though nobody said so."""
    if rules.writing.blank != BLANK or not is_text(plain(raw)):
        return
    import pyarrow.compute as pc

    texts = plain(raw)
    for word in rules.writing.unknown_words()[1:]:
        n = pc.sum(pc.equal(pc.utf8_trim_whitespace(texts), word)).as_py() or 0
        if n:
            reading.add_doubt(
                "blank",
                column,
                f"{word!r} in {count_rows(n)} is taken as unknown; if it is a value, "
                f"write [values.{json.dumps(column)}] blank = []",
                n_rows=n,
            )


def suggest(kind: str, texts: list[str], rules: FileMapping) -> str:
    """Return what else a mapping can say of values that cannot be read."""
    if kind == "yes_no":
        return "[values] yes = [...] and no = [...] with the words used, or "
    if kind == "time":
        if rules.time.unit == "dates" and not rules.time.format:
            return suggest_dates(texts)
        return ""
    if kind in ("number", "amount", "share"):
        return suggest_numbers(texts, rules.writing)
    return ""


def tell_unreadable(reading: Reading, column: str, cells: Cells, kind: str) -> None:
    """Note the cells of a column that hold something else than they should."""
    texts: dict[str, None] = {}
    for place in cells.unreadable[:1000].tolist():
        texts[reading.show(column, place)] = None
    shown = ", ".join(map(repr, list(texts)[:MOST_EXAMPLES]))
    if reading.mapping.unreadable == "set aside":
        wrong = np.zeros(len(reading.raw.rows), dtype=bool)
        wrong[cells.unreadable] = True
        reading.set_aside(wrong, column, f"{column}: not {cells.allowed}")
        return
    n_rows = len(cells.unreadable)
    first = next(iter(texts))
    rules = reading.mapping.rules_of(column, kind)
    hint = suggest(kind, list(texts), rules)
    reading.add_error(
        column,
        f"{shown} in {count_rows(n_rows)}; allowed is {cells.allowed}. Correct it, or "
        f"write in the mapping {hint}blank = [{json.dumps(first)}] "
        f"under [values.{json.dumps(column)}] if it means unknown, or, at the very "
        'top, unreadable = "set aside", which leaves these rows out.',
        place=int(cells.unreadable[0]),
        value=first,
        n_rows=n_rows,
    )


def write_out(reading: Reading) -> pd.DataFrame:
    """Return the rows set aside: row, reason, further reasons, what stands there."""
    places = np.flatnonzero(~reading.kept)
    table = reading.raw.table.take(places)
    frame = pd.DataFrame({"row": reading.raw.rows[places]})
    names = np.array([*reading.reasons, ""], dtype=object)
    frame["reason"] = names[reading.reason[places]]
    also = pd.Series("", index=np.arange(len(places)), dtype=object)
    for number, again in reading.further:
        also.iloc[np.searchsorted(places, again)] += reading.reasons[number] + "; "
    frame["further_reasons"] = also.str.removesuffix("; ").to_numpy()
    for name in table.column_names:
        # Named as the file names them; a name of ours gives way to the file's.
        key = name if name not in frame else f"{name}_in_file"
        frame[key] = table.column(name).to_pandas().to_numpy()
    broken = pd.DataFrame(
        [(row, f"the row {why}", "") for row, why in reading.raw.broken],
        columns=["row", "reason", "further_reasons"],
    )
    if broken.empty:
        return frame
    return pd.concat([frame, broken], ignore_index=True).sort_values(
        "row", ignore_index=True
    )
