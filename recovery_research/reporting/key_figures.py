"""The few figures of a report that an index shows, and how they moved.

A report chooses them by showing a table called ``key-figures``; otherwise they are
the first rows of its first table with a column ``estimate``.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from recovery_research.reporting.details import DetailReader
from recovery_research.reporting.history import PastRun
from recovery_research.said_names import say
from recovery_research.table_cells import bare_cell

KEY_TABLE = "key-figures"
MOST_FIGURES = 3
LONGEST_LABEL = 60
_LONGEST_LINE = 100_000


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One estimate of a report.

    Attributes
    ----------
    label : str
        What is estimated, from the columns before the estimate.
    estimate : float
        The estimate, in full precision.
    ci_low, ci_high : float or None
        Its confidence limits, if the table has them.
    """

    label: str
    estimate: float
    ci_low: float | None = None
    ci_high: float | None = None


class FigureReader:
    """Reads the key figures of runs, equal tables only once.

    Parameters
    ----------
    details : DetailReader
        Knows the tables of each run.
    """

    def __init__(self, details: DetailReader) -> None:
        self._details = details
        self._read: dict[str, list[KeyFigure]] = {}

    def read(self, run: PastRun) -> list[KeyFigure]:
        """Return the key figures of a run.

        Parameters
        ----------
        run : PastRun
            The run.

        Returns
        -------
        list of KeyFigure
            Empty if no table has an estimate.
        """
        return self._choose(run)[1]

    def read_caption(self, run: PastRun) -> str:
        """Return the caption of the table that the key figures are of.

        Parameters
        ----------
        run : PastRun
            The run.

        Returns
        -------
        str
            Empty if no table has an estimate.
        """
        name, _ = self._choose(run)
        return self._details.read(run).captions.get(name, "")

    def _choose(self, run: PastRun) -> tuple[str, list[KeyFigure]]:
        tables = self._details.read(run).tables
        for name in [KEY_TABLE] if KEY_TABLE in tables else tables:
            file, digest = tables[name]
            if digest not in self._read:
                self._read[digest] = self._read_table(run.folder, str(file))
            if self._read[digest]:
                return name, self._read[digest]
        return "", []

    def _read_table(self, folder: Path, file: str) -> list[KeyFigure]:
        path = (folder / file).resolve()
        if not path.is_relative_to(
            folder.resolve()
        ):  # a record may have been tampered with
            return []
        try:
            with path.open(encoding="utf-8", newline="") as lines:
                rows = csv.reader(line[:_LONGEST_LINE] for line in lines)
                return _pick_figures(rows)
        except (OSError, ValueError, csv.Error):
            return []


def write_number(value: float) -> str:
    """Return a number as a reader wants it, with about four digits.

    Parameters
    ----------
    value : float
        The number.

    Returns
    -------
    str

    Examples
    --------
    >>> [write_number(x) for x in (0.0056411, 1234567.0, -3.0, 12.345)]
    ['0.005641', '1,234,567', '-3', '12.35']
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _pick_figures(rows: csv.reader) -> list[KeyFigure]:
    header = next(rows, [])
    if "estimate" not in header:
        return []
    place = header.index("estimate")
    limits = [header.index(c) if c in header else -1 for c in ("ci_low", "ci_high")]
    figures: list[KeyFigure] = []
    for row in rows:
        if len(figures) == MOST_FIGURES:
            break
        if len(row) != len(header):
            continue
        estimate = _read_number(row[place])
        if estimate is not None:
            told = map(bare_cell, row[:place])
            words = " \N{MIDDLE DOT} ".join(map(say, told))
            label = _shorten(words) or "estimate"
            low, high = (_read_number(row[i]) if i >= 0 else None for i in limits)
            figures.append(KeyFigure(label, estimate, low, high))
    return figures


def _shorten(words: str) -> str:
    if len(words) <= LONGEST_LABEL:
        return words
    return f"{words[: LONGEST_LABEL - 1].rsplit(' ', 1)[0]}\N{HORIZONTAL ELLIPSIS}"


def _read_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
