"""Runs of one report with the same parameters, which are compared with one another."""

from __future__ import annotations

import json
from collections.abc import Sequence

from recovery_research.reporting.past_runs import PastRun


def sort_by_parameters(runs: Sequence[PastRun]) -> list[list[PastRun]]:
    """Sort runs by report and parameters.

    Parameters
    ----------
    runs : sequence of PastRun
        Newest first.

    Returns
    -------
    list of list of PastRun
        Newest first within each; those whose newest failed before the others.
    """
    sets: dict[tuple[str, str], list[PastRun]] = {}
    for run in runs:
        sets.setdefault((run.report, name_set(run)), []).append(run)
    return sorted(sets.values(), key=lambda each: each[0].succeeded)


def name_set(run: PastRun) -> str:
    """Return a text that is the same for runs with the same parameters.

    Parameters
    ----------
    run : PastRun
        The run.

    Returns
    -------
    str
    """
    return json.dumps(sorted(run.parameters.items()))
