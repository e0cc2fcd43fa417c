"""Sums by group, compiled: how many, how much, how much squared."""

import math

from ._compile import compiled


@compiled
def add_by_group(values, groups, sums):
    """Add each row's numbers to its group's sums, what is not a number left out.

    Parameters
    ----------
    values : float64 array, shape (n_rows, n_measures)
        Numbers, some of them not a number.
    groups : int64 array, shape (n_rows,)
        Group of each row.
    sums : float64 array, shape (n_groups, n_measures, 3)
        Count, sum and sum of squares; added to.
    """
    for i in range(values.shape[0]):
        group = groups[i]
        for j in range(values.shape[1]):
            value = values[i, j]
            if not math.isnan(value):
                sums[group, j, 0] += 1.0
                sums[group, j, 1] += value
                sums[group, j, 2] += value * value
