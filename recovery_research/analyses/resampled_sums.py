"""Sums of values drawn with replacement, at one cost however many are drawn."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Half of the resamples are drawn, the other half are their mirror images: ranks
# counted from the other end. Outcomes turned round then give limits turned round.
HALF_OF_RESAMPLES = 1_500
# Of so many draws or fewer each is made; of more, the body is summed as a normal and
# about FAR_DRAWS of the values furthest from the mean are drawn one by one.
MOST_DRAWN = 96
FAR_DRAWS = 48.0


def resample_sums(
    shape: NDArray[np.float64], n_draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw sums and sums of squares of `n_draws` values, drawn with replacement.

    Parameters
    ----------
    shape : float64 array, shape (n,)
        Sorted values around zero.
    n_draws : int
        How many values each resample has; however many, the cost is that of a hundred.
    rng : Generator

    Returns
    -------
    total, square : float64 array, shape (3,000,)
        Each second half is the first one's mirror image.
    """
    half = HALF_OF_RESAMPLES
    if n_draws <= MOST_DRAWN:
        drawn = mirrored(shape, rng.integers(0, shape.size, (half, n_draws)))
        return drawn.sum(axis=1), np.einsum("ij,ij->i", drawn, drawn)
    # Far values are drawn one by one, as many of them as the resample has.
    body, far = _split_by_distance(shape, shape.size * FAR_DRAWS / n_draws)
    n_far = rng.binomial(n_draws, far.size / shape.size, half)
    widest = int(n_far.max())
    ranks = rng.integers(0, max(far.size, 1), (half, widest))
    kept = np.arange(widest) < np.concatenate([n_far, n_far])[:, None]
    drawn = np.where(kept, mirrored(far, ranks), 0.0) if widest else np.zeros((1, 1))
    # Of near values only the sum and the sum of squares, by the normal they come to.
    n_near = n_draws - np.concatenate([n_far, n_far]).astype(float)
    total, square = _draw_near(body, n_near, rng.standard_normal((2, half)))
    return total + drawn.sum(axis=1), square + np.einsum("ij,ij->i", drawn, drawn)


def _draw_near(
    body: NDArray[np.float64], n_near: NDArray[np.float64], normal: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw sums and sums of squares of many values by their joint normal limit."""
    squares = body**2
    spread = float(body.std())
    slope = rest = 0.0
    if spread > 0.0:
        slope = float(np.mean((body - body.mean()) * squares)) / spread
        rest = math.sqrt(max(float(squares.var()) - slope**2, 0.0))
    first = np.concatenate([normal[0], -normal[0]])
    second = np.concatenate([normal[1], normal[1]])
    root = np.sqrt(n_near)
    total = n_near * float(body.mean()) + root * spread * first
    square = n_near * float(squares.mean()) + root * (slope * first + rest * second)
    return total, np.maximum(square, total**2 / np.maximum(n_near, 1.0))


def mirrored(
    points: NDArray[np.float64], ranks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Look up ranks of sorted points, then the same ranks from the other end."""
    return np.concatenate([points[ranks], points[points.size - 1 - ranks]])


def _split_by_distance(
    shape: NDArray[np.float64], wanted: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Part sorted values into the nearest to zero and about `wanted` furthest."""
    n_far = min(max(1, round(wanted)), shape.size - 1)
    distance = np.abs(shape)
    # Of sorted values the furthest stand at the two ends.
    ends = distance
    if 2 * n_far < shape.size:
        ends = np.concatenate([distance[:n_far], distance[-n_far:]])
    edge = np.partition(ends, ends.size - n_far)[ends.size - n_far]
    far = distance >= edge
    if np.count_nonzero(far) > 2 * n_far:  # many at one distance: they are near
        far = distance > edge
    return shape[~far], shape[far]
