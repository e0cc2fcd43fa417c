"""Every combination of a grid of parameters, and what each report is called."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from itertools import product

from recovery_research.reporting.orders import LONGEST_NAME
from recovery_research.reporting.provenance import hash_bytes

LARGEST_GRID = 1000
_UNFIT = re.compile(r"[^A-Za-z0-9]+")


def lay_out_grid(entry: str, grid: dict[str, list]) -> dict[str, dict[str, object]]:
    """Return every combination of a grid under the name of its report.

    Parameters
    ----------
    entry : str
        Name of the entry of the plan.
    grid : dict of str to list
        Parameters and the values to combine; without any, there is one report.

    Returns
    -------
    dict of str to dict
        Report names and parameter values, the last parameter moving fastest.

    Raises
    ------
    ValueError
        If a value stands there twice, or there are more than 1,000 combinations.

    Examples
    --------
    >>> list(lay_out_grid("loyalty", {"world": ["claims"], "share": [0.25, -1]}))
    ['loyalty--world-claims--share-0_25', 'loyalty--world-claims--share-minus1']
    """
    for name, values in grid.items():
        written = [json.dumps(value, default=str) for value in values]
        twice = [text for text, count in Counter(written).items() if count > 1]
        if twice:
            raise ValueError(f"{name}: {twice[0]} stands there twice.")
    size = math.prod(len(values) for values in grid.values())
    if size > LARGEST_GRID:
        raise ValueError(f"{size:,} combinations; allowed are {LARGEST_GRID:,}.")
    combinations = [
        dict(zip(grid, values, strict=True)) for values in product(*grid.values())
    ]
    names = [_name(entry, combination) for combination in combinations]
    counts = Counter(name.lower() for name in names)
    return {
        _tell_apart(name, combination, crowded=counts[name.lower()] > 1): combination
        for name, combination in zip(names, combinations, strict=True)
    }


def _name(entry: str, combination: dict[str, object]) -> str:
    parts = [f"{name}-{_write(value)}" for name, value in combination.items()]
    return "--".join([entry, *parts])


def _write(value: object) -> str:
    if isinstance(value, list):
        return "_".join(_write(element) for element in value)
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    if isinstance(value, int | float):
        text = text.replace("-", "minus")
    return _UNFIT.sub("_", text).strip("_") or "x"


def _tell_apart(name: str, combination: dict[str, object], *, crowded: bool) -> str:
    """Return a name with a hash at its end if it alone would not do."""
    if not crowded and len(name) <= LONGEST_NAME:
        return name
    written = json.dumps(combination, sort_keys=True, default=str)
    return f"{name[: LONGEST_NAME - 9]}-{hash_bytes(written.encode())[:8]}"
