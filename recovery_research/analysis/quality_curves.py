"""A smooth curve of outcome against quality, and where it meets a level."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq, minimize_scalar
from scipy.special import stdtrit

from recovery_research.analysis.least_squares import (
    DECIDES,
    Fit,
    fit_least_squares,
    orthogonalise,
)

# Points between two knots at which signs are looked at; extremes are looked for too.
BETWEEN = 40
MOST_KNOTS = 12
# Of the spline that the fit is tested against.
MOST_BENDS = 16
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Basis:
    """Columns of a curve: powers, or a natural cubic spline.

    Attributes
    ----------
    low, high : float
        Range of quality, which becomes 0 to 1.
    degree : int
        Of the powers; 1 for a spline.
    knots : float64 array
        Of the spline, on 0 to 1, the first and last at the ends; empty for powers.
    """

    low: float
    high: float
    degree: int
    knots: NDArray[np.float64]

    def columns(self, quality: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns at some qualities, one row each."""
        place = (np.asarray(quality, dtype=np.float64) - self.low) / self.span
        powers = place[:, None] ** np.arange(self.degree + 1)
        return np.column_stack([powers, self._bends(place, 3)])

    def slopes(self, quality: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns' slopes, per unit of quality."""
        place = (np.asarray(quality, dtype=np.float64) - self.low) / self.span
        order = np.arange(self.degree + 1)
        powers = order * place[:, None] ** np.maximum(order - 1, 0)
        return np.column_stack([powers, 3.0 * self._bends(place, 2)]) / self.span

    @property
    def span(self) -> float:
        """Return the width of the range."""
        return self.high - self.low

    def _bends(self, place: NDArray[np.float64], power: int) -> NDArray[np.float64]:
        """Return the spline's bent columns (truncated powers, straight at the ends)."""
        if self.knots.size < 3:
            return np.empty((place.size, 0))
        above = np.maximum(place[:, None] - self.knots[:-1], 0.0)
        beyond = np.maximum(place - self.knots[-1], 0.0)
        # Products: a power of floats takes five times as long.
        cubes, last = above * above, beyond * beyond
        if power == 3:
            cubes, last = cubes * above, last * beyond
        part = (cubes - last[:, None]) / (self.knots[-1] - self.knots[:-1])
        return part[:, :-1] - part[:, -1:]


def place_knots(quality: NDArray[np.float64], n_knots: int) -> NDArray[np.float64]:
    """Place knots on 0 to 1: the ends, and quantiles that are different values."""
    low, high = float(quality.min()), float(quality.max())
    place = np.unique((quality - low) / (high - low))
    if place.size <= n_knots:
        return place
    inner = np.quantile((quality - low) / (high - low), np.linspace(0, 1, n_knots))
    knots = np.unique(inner)
    # Where many share a value, quantiles repeat: take the values themselves instead.
    if knots.size < min(n_knots, 4):
        knots = np.quantile(place, np.linspace(0, 1, n_knots))
    return knots


def make_basis(quality: NDArray[np.float64], shape: str, n_knots: int) -> Basis:
    """Return the columns of a straight line, a parabola or a spline."""
    degree = 2 if shape == "quadratic" else 1
    knots = np.empty(0)
    if shape == "spline":
        knots = place_knots(quality, n_knots)
    return Basis(float(quality.min()), float(quality.max()), degree, knots)


def count_knots(n: int) -> int:
    """Say how many knots a spline of so many customers has."""
    return int(min(max(round(n**0.25) + 1, 3), MOST_KNOTS))


@dataclass(frozen=True, slots=True)
class GapCurve:
    """Outcome of the failed, by quality, less the mean of the never failed.

    Attributes
    ----------
    basis : Basis
    fit : Fit
        Of the failed customers' outcome (HC3, by customer).
    control, control_error : float
        Mean of the never failed and its standard error.
    freedom : float
        Degrees of freedom of the curve.
    freedom_control : float
        Of the mean.
    size : float
        Largest absolute outcome, by which rounding is judged.
    """

    basis: Basis
    fit: Fit
    control: float
    control_error: float
    freedom: float
    freedom_control: float
    size: float

    def at(self, quality: float) -> tuple[float, float, float]:
        """Return the gap at a quality, its standard error and degrees of freedom."""
        gap, error, freedom = self.along(np.array([quality]))
        return float(gap[0]), float(error[0]), float(freedom[0])

    def along(self, quality: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return gaps, standard errors and degrees of freedom (Satterthwaite's)."""
        rows = self.basis.columns(quality)
        own = np.einsum("ij,jk,ik->i", rows, self.fit.covariance, rows)
        own = np.maximum(own, 0.0)
        other = self.control_error**2
        gap = rows @ self.fit.beta - self.control
        gap = np.where(np.abs(gap) <= ROUNDING * self.size, 0.0, gap)
        error = np.sqrt(own + other)
        error = np.where(error <= ROUNDING * self.size, 0.0, error)
        spread = own**2 / self.freedom + other**2 / self.freedom_control
        freedom = np.full(rows.shape[0], self.freedom)
        np.divide((own + other) ** 2, spread, out=freedom, where=spread > 0.0)
        return gap, error, freedom

    def slope_at(self, quality: float) -> tuple[float, float]:
        """Return the slope at a quality, and its standard error."""
        row = self.basis.slopes(np.array([quality]))[0]
        variance = max(float(row @ self.fit.covariance @ row), 0.0)
        return float(row @ self.fit.beta), math.sqrt(variance)

    def points(self) -> NDArray[np.float64]:
        """Return qualities close enough to one another to find where signs change."""
        knots = self.basis.knots if self.basis.knots.size else np.array([0.0, 1.0])
        parts = [np.linspace(a, b, BETWEEN, endpoint=False) for a, b in pairwise(knots)]
        place = np.concatenate([*parts, [1.0]])
        quality = self.basis.low + self.basis.span * place
        quality[-1] = self.basis.high
        return quality


def find_roots(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    points: NDArray[np.float64],
) -> list[float]:
    """Find every zero of a function, also where it only touches, among some points."""

    def one(point: float) -> float:
        return float(function(np.array([point]))[0])

    points = _with_extremes(one, points, function(points))
    values = function(points)
    roots = points[values == 0.0].tolist()
    for i in np.flatnonzero(values[:-1] * values[1:] < 0.0):
        roots.append(float(brentq(one, points[i], points[i + 1], xtol=1e-15)))
    return sorted(roots)


def _with_extremes(
    one: Callable[[float], float],
    points: NDArray[np.float64],
    values: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Add the points at which a function turns back towards zero between others."""
    size = np.abs(values)
    turns = np.flatnonzero((size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:])) + 1
    more = [
        float(
            minimize_scalar(
                lambda q: abs(one(q)),
                bounds=(points[i - 1], points[i + 1]),
                method="bounded",
                options={"xatol": 1e-12 * (points[-1] - points[0])},
            ).x
        )
        for i in turns
        if values[i - 1] * values[i + 1] > 0.0
    ]
    return np.unique(np.concatenate([points, more]))


def find_compatible(curve: GapCurve, confidence: float) -> list[tuple[float, float]]:
    """List the stretches of quality at which a test does not reject parity.

    Ends are where the test just rejects, or the ends of the range observed.
    """
    points = curve.points()
    zeros = find_roots(lambda q: curve.along(q)[0], points)
    points = np.unique(np.concatenate([points, zeros]))

    def excess(quality: NDArray[np.float64]) -> NDArray[np.float64]:
        gap, error, freedom = curve.along(quality)
        return np.abs(gap) - error * stdtrit(freedom, 0.5 + confidence / 2.0)

    # Where the gap is nearest to its limit between two points, it may dip below it.
    edges = find_roots(excess, points)
    marks = np.unique(np.concatenate([points, edges]))
    inside = (excess(marks) <= 0.0) | np.isin(marks, [*edges, *zeros])
    found: list[tuple[float, float]] = []
    start: float | None = None
    for i, (mark, is_inside) in enumerate(zip(marks, inside, strict=True)):
        if not is_inside:
            continue
        start = float(mark) if start is None else start
        if i == len(marks) - 1 or not inside[i + 1]:
            found.append((start, float(mark)))
            start = None
    return found


def fit_gap(
    quality: NDArray[np.float64],
    outcome: NDArray[np.float64],
    control: tuple[float, float, float],
    *,
    shape: str,
    clusters: NDArray[np.int64] | None = None,
    n_knots: int | None = None,
) -> GapCurve:
    """Fit outcome to quality; `control` is the others' mean, error and freedom."""
    basis = make_basis(quality, shape, n_knots or count_knots(quality.size))
    design = basis.columns(quality)
    rows = quality.size if clusters is None else int(clusters.max()) + 1
    return GapCurve(
        basis,
        fit_least_squares(design, outcome, clusters),
        control[0],
        control[1],
        float(max(rows - design.shape[1], 1)),
        max(control[2], 1.0),
        max(float(np.abs(outcome).max()), abs(control[0])),
    )


def measure_fit(
    curve: GapCurve,
    quality: NDArray[np.float64],
    outcome: NDArray[np.float64],
    clusters: NDArray[np.int64] | None,
) -> float:
    """Test whether a spline that bends more fits better; NaN if there is none."""
    distinct = np.unique(quality).size
    width = curve.fit.beta.size
    n_knots = min(
        max(2 * width - 1, width + 2), distinct, quality.size // 4, MOST_BENDS
    )
    basis = make_basis(quality, "spline", n_knots)
    more = basis.columns(quality)[:, 2:]
    base = orthogonalise(curve.basis.columns(quality))[0]
    more = more - base @ (base.T @ more)
    values, vectors = np.linalg.eigh(more.T @ more)
    kept = values > 1e-9 * max(float(values.max(initial=0.0)), 1e-9)
    more = more @ (vectors[:, kept] / np.sqrt(values[kept]))
    extra = more.shape[1]
    rows = quality.size if clusters is None else int(clusters.max()) + 1
    freedom = rows - base.shape[1] - extra
    if extra == 0 or freedom < 1:
        return math.nan
    # What is orthogonal to the curve is fitted to what the curve leaves (Frisch, Waugh
    # and Lovell), with the leverage of both.
    bends = more.T @ curve.fit.rest
    rest = curve.fit.rest - more @ bends
    free = 1.0 - curve.fit.leverage - np.einsum("ij,ij->i", more, more)
    scale = np.divide(rest, free, out=np.zeros_like(free), where=free > DECIDES)
    moved = more * scale[:, None]
    if clusters is not None:
        moved = np.column_stack([np.bincount(clusters, column) for column in moved.T])
    covariance = moved.T @ moved
    if math.sqrt(float(np.trace(covariance) / rows)) <= ROUNDING * curve.size:
        return math.nan
    inverse = np.linalg.pinv(covariance, hermitian=True)
    return float(stats.f.sf(bends @ inverse @ bends / extra, extra, freedom))
