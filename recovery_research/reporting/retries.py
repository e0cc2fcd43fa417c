"""What is worth another attempt, and after how long."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recovery_research.reporting.ends import Outcome, Verdict

# How often a kernel that would not start is started again; no cell has run.
STARTS = 2
# What clients of databases and web services raise when nobody answers.
AWAY = frozenset(
    {
        "ConnectionError",
        "ConnectionAbortedError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "BrokenPipeError",
        "TimeoutError",
        "ConnectTimeout",
        "ConnectError",
        "ReadTimeout",
        "gaierror",
        "URLError",
        "EndpointConnectionError",
        "ServerSelectionTimeoutError",
    }
)
# These mean a server that is away or a query that is wrong; only words tell them apart.
_PERHAPS_AWAY = frozenset({"OperationalError", "InterfaceError", "DatabaseError"})
_AWAY_WORDS = re.compile(
    r"refused|(could ?n.t|could not|can.t|unable to) (open|connect)"
    r"|connection (is |was |has been )?(closed|reset|lost|failed|timed out)"
    r"|closed the connection|lost connection|gone away|timed? ?out|database is locked"
    r"|not accepting|starting up|shutting down|too many (connections|clients)"
    r"|name or service not known|network is unreachable|no route to host",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a run is attempted again, and after how long.

    Only what can pass is: a kernel that would not start, a database that is away. A
    cell that fails on its own, a limit and a bad parameter are not. A notebook may do
    things that must not be done twice, so once a cell has run it is not run again
    unless somebody asked for it.

    Attributes
    ----------
    times : int
        Attempts after the first, 0 to 10; by default none. A kernel that does not
        start has run nothing and is started anew, `STARTS` times at the least.
    wait_seconds : float
        Wait before the second attempt; doubled before each further one.
    errors : tuple of str
        Classes of further exceptions that can pass.

    Raises
    ------
    ValueError
        If a number is outside these limits.
    """

    times: int = 0
    wait_seconds: float = 5.0
    errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.times <= 10:
            raise ValueError(f"times is 0 to 10; got {self.times!r}.")
        if not 0 <= self.wait_seconds <= 3600:
            raise ValueError(
                f"wait_seconds is 0 to 3600 seconds; got {self.wait_seconds!r}."
            )

    def wait_after(self, outcome: Outcome, n_attempts: int) -> float | None:
        """Return the seconds to wait before another attempt, None if there is none.

        Parameters
        ----------
        outcome : Outcome
            How the last attempt ended.
        n_attempts : int
            Attempts made so far, the last one included.

        Examples
        --------
        >>> lost = Outcome(Verdict.CELL_FAILED, error="ConnectionError")
        >>> asked = Retries(times=2, wait_seconds=5)
        >>> [asked.wait_after(lost, made) for made in (1, 2, 3)]
        [5, 10, None]
        >>> Retries().wait_after(lost, 1) is None
        True
        """
        started = outcome.verdict is not Verdict.NOT_STARTED
        most = self.times if started else max(self.times, STARTS)
        if n_attempts > most or not self.can_pass(outcome):
            return None
        return self.wait_seconds * 2 ** (n_attempts - 1)

    def can_pass(self, outcome: Outcome) -> bool:
        """Return whether another attempt may end otherwise.

        Parameters
        ----------
        outcome : Outcome
            How the attempt ended.

        Returns
        -------
        bool
        """
        if outcome.verdict is Verdict.NOT_STARTED:
            # A program that is not there, or may not be executed, will not be so soon.
            return not outcome.error
        if outcome.verdict is not Verdict.CELL_FAILED:
            return False
        if outcome.error in AWAY or outcome.error in self.errors:
            return True
        said = f"{outcome.message}\n{outcome.traceback[-2000:]}"
        return outcome.error in _PERHAPS_AWAY and bool(_AWAY_WORDS.search(said))
