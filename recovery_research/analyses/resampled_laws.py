"""The laws a comparison of skewed or hardly varying groups can rest on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recovery_research.analyses.bootstrap_t import BootstrapT, bootstrap_t
from recovery_research.analyses.curves import Margin
from recovery_research.analyses.interval_notes import note_on_borrowed_shape
from recovery_research.analyses.margins import StudentMean, few_events


@dataclass(frozen=True, slots=True)
class Laws:
    """What is known of the error of a comparison of two means; one or both of two.

    Attributes
    ----------
    resampled : BootstrapT or None
        The resampled t; None where the larger group hardly varies and has no shape to
        lend.
    margins : (Margin, Margin) or None
        Each group's own, where nearly everybody of a group has the same value.
    note : str
        What is doubtful; empty otherwise.
    """

    resampled: BootstrapT | None
    margins: tuple[Margin, Margin] | None
    note: str


def find_laws(
    treated: NDArray[np.float64], control: NDArray[np.float64], covariance: float = 0.0
) -> Laws:
    """Resample t, and find exact margins if hardly anybody of a group differs.

    Parameters
    ----------
    treated, control : float64 array, shape (n,)
        At least two values each, not all equal in both.
    covariance : float, optional
        Of the two means.

    Returns
    -------
    Laws
        If it holds both, limits are the further of the two.

    Examples
    --------
    >>> laws = find_laws(np.zeros(20), np.r_[np.zeros(90), np.arange(10.0)])
    >>> laws.resampled is None, laws.margins is None
    (False, False)
    """
    pair = (treated, control)
    rare = (few_events(treated, control), few_events(control, treated))
    largest = max(values.size for values in pair)
    lenders = [few for few, v in zip(rare, pair, strict=True) if v.size == largest]
    resampled = None
    if None in lenders:
        resampled = bootstrap_t(treated, control, covariance)
    shapes = "alike" if resampled is None else resampled.shapes
    note = note_on_borrowed_shape(shapes, (treated.size, control.size), rare)
    if rare == (None, None):
        return Laws(resampled, None, note)
    margins = [
        StudentMean(math.sqrt(values.var(ddof=1) / values.size), values.size - 1)
        if few is None
        else few
        for few, values in zip(rare, pair, strict=True)
    ]
    return Laws(resampled, (margins[0], margins[1]), note)
