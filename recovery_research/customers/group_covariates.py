"""Which covariates of a file two of its groups can be made alike in."""

from __future__ import annotations

import pandas as pd

from recovery_research.customers.mapping_rules import Field
from recovery_research.customers.reading import Customers


def usable_covariates(read: Customers, treated: str, control: str) -> list[Field]:
    """Return the covariates that are known and vary in the two groups."""
    rows = read.customers["index_outcome"].isin([treated, control])
    chosen = read.customers[rows]
    return [each for each in read.covariates if varies(chosen[each.name])]


def varies(column: pd.Series) -> bool:
    """Return whether a column holds more than one known value."""
    known = column.dropna()
    return len(known) > 0 and bool((known != known.iloc[0]).any())
