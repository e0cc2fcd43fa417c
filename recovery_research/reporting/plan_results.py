"""What came of a plan."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.reporting.ends import Verdict, find_exit_code
from recovery_research.reporting.exit_codes import EXIT_ERROR

if TYPE_CHECKING:
    import pandas as pd

NOT_RUN = "not run"
ERROR = "error"


@dataclass(frozen=True, slots=True)
class ReportEnd:
    """What came of one report of a plan.

    Attributes
    ----------
    name, entry : str
        Name of the report, and of its table in the plan.
    verdict : str
        That of the run; ``not run`` if it was never started, ``error`` if the
        program itself failed.
    message : str
        Why it did not succeed.
    seconds : float or None
        How long the notebook took.
    folder : Path or None
        Where the run is.
    stored : bool
        Whether nothing had changed and the stored report was given.
    """

    name: str
    entry: str
    verdict: str
    message: str = ""
    seconds: float | None = None
    folder: Path | None = None
    stored: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether there is a good report."""
        return self.verdict == Verdict.SUCCEEDED

    @property
    def exit_code(self) -> int:
        """What a program exits with after this report alone."""
        if self.verdict == NOT_RUN:
            return 0
        if self.verdict == ERROR:
            return EXIT_ERROR
        return find_exit_code(self.verdict, self.message)


@dataclass(frozen=True, slots=True)
class PlanEnd:
    """What came of a plan.

    Attributes
    ----------
    reports : tuple of ReportEnd
        In the order of the plan.
    seconds : float
        How long all of it took.
    exit_code : int
        The highest of the reports', 0 if all are good; 130 or 143 if the plan was
        stopped by Ctrl-C or SIGTERM.
    """

    reports: tuple[ReportEnd, ...]
    seconds: float
    exit_code: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each report.

        Returns
        -------
        DataFrame
        """
        import pandas as pd

        rows = [asdict(end) | {"exit_code": end.exit_code} for end in self.reports]
        return pd.DataFrame(rows)

    def summarise(self) -> str:
        """Return the plan's end on one screen: failures in full, the rest counted.

        Returns
        -------
        str
        """
        good = [end for end in self.reports if end.succeeded]
        stored = sum(end.stored for end in good)
        idle = sum(end.verdict == NOT_RUN for end in self.reports)
        bad = [e for e in self.reports if not e.succeeded and e.verdict != NOT_RUN]
        counts = [f"{len(good)} good ({stored} unchanged)", f"{len(bad)} failed"]
        if idle:
            counts.append(f"{idle} not run")
        head = f"{len(self.reports)} reports: {', '.join(counts)}; {self.seconds:.0f} s"
        return "\n".join([head, *_list_bad(bad), *_list_good(good)])


LONGEST_LIST = 10


def _list_bad(bad: list[ReportEnd]) -> list[str]:
    lines = []
    for end in bad[:LONGEST_LIST]:
        said = end.message.strip().splitlines()[-1:] or [""]
        lines.append(f"  FAILED  {end.name}: {end.verdict}: {said[0]}"[:200])
        if end.folder is not None:
            lines.append(f"          {end.folder}")
    return [*lines, *_count_rest(len(bad), "failed")]


def _list_good(good: list[ReportEnd]) -> list[str]:
    lines = [
        f"  {'same' if end.stored else 'good':6}  {end.name}"
        + ("" if end.stored or end.seconds is None else f"  {end.seconds:.1f} s")
        for end in good[:LONGEST_LIST]
    ]
    return [*lines, *_count_rest(len(good), "good")]


def _count_rest(number: int, word: str) -> list[str]:
    rest = number - LONGEST_LIST
    return [f"  and {rest} more {word}; see `recovery-research history`"] * (rest > 0)
