"""All runs that a reports folder holds, read from their records."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.reporting.ends import Verdict
from recovery_research.reporting.history_cache import (
    CACHE_FILE,
    State,
    read_cache,
    write_cache,
)
from recovery_research.reporting.locks import is_held
from recovery_research.reporting.past_runs import (
    PastRun,
    is_summary,
    revive_run,
    summarise_record,
)
from recovery_research.reporting.report_folders import (
    FAILED,
    STAGING,
    find_lost,
    list_ids,
    list_reports,
)
from recovery_research.reporting.shelf import alive_lock

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger(__name__)
RECORD_FILE = "run.json"
ABANDONED = "its runner is dead; the next run puts it away"


@dataclass(frozen=True, slots=True)
class DamagedRun:
    """A run whose record cannot be read.

    Attributes
    ----------
    folder : Path
        Where it is.
    reason : str
        What is wrong.
    """

    folder: Path
    reason: str


@dataclass(frozen=True, slots=True)
class RunHistory:
    """All runs of a reports folder.

    Attributes
    ----------
    runs : tuple of PastRun
        Oldest first.
    damaged : tuple of DamagedRun
        Those that could not be read.
    """

    runs: tuple[PastRun, ...]
    damaged: tuple[DamagedRun, ...] = field(default=())

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each run; each parameter is a column ``param_NAME``.

        Returns
        -------
        DataFrame
        """
        import pandas as pd

        rows = []
        for run in self.runs:
            row = asdict(run) | {"folder": str(run.folder)}
            given = row.pop("parameters")
            rows.append(row | {f"param_{n}": _flatten(v) for n, v in given.items()})
        return pd.DataFrame(rows)


def read_history(reports: Path) -> RunHistory:
    """Read all runs of a reports folder; also those that are under way.

    Only records that are new or changed since the last time are opened; what the
    others said is kept in ``.history.sqlite``, which may be deleted at any time.

    Parameters
    ----------
    reports : Path
        Folder of reports; none is an empty history.

    Returns
    -------
    RunHistory
    """
    kept = read_cache(reports)
    fresh: dict[str, tuple[State, dict]] = {}
    here: dict[str, dict] = {}
    for place in _list_places(reports):
        state = _read_state(f"{reports}/{place}/{RECORD_FILE}")
        known = kept.get(place)
        if state is None:
            here[place] = {"damaged": f"there is no {RECORD_FILE}"}
        elif known is not None and known[0] == state and is_summary(known[1]):
            here[place] = known[1]
        else:
            here[place] = _summarise(reports / place)
            fresh[place] = (state, here[place])
    gone = kept.keys() - here.keys()
    _LOG.debug("%s runs: %s in %s, %s records opened", len(here),
               len(here) - len(fresh), CACHE_FILE, len(fresh))  # fmt: skip
    if fresh or gone:
        write_cache(reports, fresh, gone)
    here |= _read_staged(reports)
    return _assemble(reports, here)


def _assemble(reports: Path, here: dict[str, dict]) -> RunHistory:
    runs, damaged = [], []
    for place, said in here.items():
        folder = reports / place
        if "damaged" in said:
            damaged.append(DamagedRun(folder, said["damaged"]))
            continue
        try:
            runs.append(revive_run(said, reports, place))
        except (ValueError, OverflowError) as error:
            damaged.append(DamagedRun(folder, f"{RECORD_FILE}: {error}"))
    for name, place in find_lost(reports).items():
        reason = f"a link to {place}, which is not there"
        damaged.append(DamagedRun(reports / name, reason))
    # Ids follow one another within a report even if the clock did not.
    runs.sort(key=lambda run: (run.run_id[:15], run.started, run.run_id))
    damaged.sort(key=lambda run: run.folder)
    return RunHistory(tuple(runs), tuple(damaged))


def _list_places(reports: Path) -> Iterator[str]:
    """Yield the paths of all finished runs, relative to the reports folder."""
    for name in list_reports(reports):
        for part in (name, f"{name}/{FAILED}"):
            yield from (f"{part}/{run}" for run in list_ids(f"{reports}/{part}"))


def _read_state(path: str) -> State | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _summarise(folder: Path) -> dict:
    from recovery_research.reporting.records import read_record

    try:
        record = read_record(folder)
    except (OSError, ValueError) as error:
        return {"damaged": str(error)}
    return summarise_record(record)


def _read_staged(reports: Path) -> dict[str, dict]:
    """Read the runs that are under way, and those whose runner is dead."""
    found = {}
    for name in list_reports(reports):
        for run_id in list_ids(f"{reports}/{name}/{STAGING}"):
            place = f"{name}/{STAGING}/{run_id}"
            said = _summarise(reports / place)
            if "damaged" in said:
                continue  # so young that it has no record yet
            if not is_alive(reports / place):
                verdict = Verdict.INTERRUPTED.value
                said |= {"verdict": verdict, "message": ABANDONED}
            found[place] = said
    return found


def is_alive(stage: Path) -> bool:
    """Return whether the runner of a staged run lives.

    Parameters
    ----------
    stage : Path
        Private folder of the run.

    Returns
    -------
    bool
    """
    path = alive_lock(stage).path
    try:
        return path.is_file() and is_held(path)
    except OSError:
        return True  # not ours to judge


def _flatten(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, list) else value
