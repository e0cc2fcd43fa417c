"""A run as whoever asked for it gets it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.reports.exit_codes import Verdict, find_exit_code
from recovery_research.reports.records import RunRecord
from recovery_research.reports.report_folders import open_within

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ReportRun:
    """One run of a notebook as a report.

    Attributes
    ----------
    name : str
        Name of the report.
    run_id : str
        Start of the run in UTC and six random digits; sorts by time.
    verdict : str
        ``succeeded``, ``cell failed``, ``kernel died``, ``timed out``,
        ``incomplete``, ``not started``, ``interrupted`` or ``not written``.
    message : str
        Why it did not succeed, in one line; empty if it did.
    seconds : float
        How long the notebook took, kernel start included.
    folder : Path
        Where the report is.
    record : RunRecord
        Everything that ``run.json`` holds.
    stored : bool
        Whether nothing was run, because this run of before is still the answer.
    """

    name: str
    run_id: str
    verdict: str
    message: str
    seconds: float
    folder: Path
    record: RunRecord = field(repr=False)
    stored: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the report is complete."""
        return self.verdict == Verdict.SUCCEEDED

    @property
    def page(self) -> Path:
        """The report as HTML."""
        return self.folder / "report.html"

    @property
    def exit_code(self) -> int:
        """What the command line exits with."""
        return find_exit_code(self.verdict, self.message)

    def read_table(self, name: str) -> pd.DataFrame:
        """Read one of the report's tables, in full precision.

        Parameters
        ----------
        name : str
            Name under which the notebook showed it.

        Returns
        -------
        DataFrame

        Raises
        ------
        ValueError
            If the report has no such table.
        """
        from recovery_research.spreadsheet_cells import read_csv

        names = [e.name for e in self.record.exhibits if e.kind == "table"]
        if name not in names:
            raise ValueError(f"{self.run_id} has no table {name!r}; it has {names}.")
        with open_within(self.folder, f"tables/{name}.csv") as file:
            return read_csv(file)

    def to_frame(self) -> pd.DataFrame:
        """Return the run as one row, parameters apart.

        Returns
        -------
        DataFrame
        """
        import pandas as pd

        record = self.record
        row = {
            "report": self.name,
            "run_id": self.run_id,
            "verdict": self.verdict,
            "message": self.message,
            "profile": record.profile,
            "seed": record.seed,
            "started": record.started,
            "seconds": self.seconds,
            "n_tables": sum(e.kind == "table" for e in record.exhibits),
            "n_figures": sum(e.kind == "figure" for e in record.exhibits),
            "folder": str(self.folder),
        }
        return pd.DataFrame([row])


def hand_back(record: RunRecord, folder: Path, *, stored: bool = False) -> ReportRun:
    """Return a run that ended as its record says."""
    return ReportRun(
        name=record.report,
        run_id=record.run_id,
        verdict=record.verdict.value,
        message=record.failure.message if record.failure else "",
        seconds=record.seconds or 0.0,
        folder=folder,
        record=record,
        stored=stored,
    )


class ReportInterrupted(KeyboardInterrupt):
    """A run that was stopped; its honest record is in `run`.

    Attributes
    ----------
    run : ReportRun
        The run as far as it came.
    """

    def __init__(self, run: ReportRun) -> None:
        super().__init__(run.message)
        self.run = run
