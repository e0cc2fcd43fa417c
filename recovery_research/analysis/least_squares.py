"""Least squares whose errors come from leaving out one customer (HC3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A row with more leverage alone decides a coefficient; its residual is rounding.
DECIDES = 1e-9
# Below this the square of a design has lost half its digits.
NEARLY_REPEATS = 1e-5


@dataclass(frozen=True, slots=True)
class Fit:
    """A regression, and what every customer does to its coefficients.

    Attributes
    ----------
    beta : float64 array, shape (n_columns,)
    rest : float64 array, shape (n_rows,)
        Residuals.
    leverage : float64 array, shape (n_rows,)
    influence : float64 array, shape (n_customers, n_columns)
        By how much each coefficient falls when that customer is left out: exactly,
        whether of one row or of several. Zero where the customer alone decides.
    covariance : float64 array, shape (n_columns, n_columns)
        Of the coefficients: HC3, or clustered by customer.
    n_deciding : int
        Customers who alone decide a coefficient.
    """

    beta: NDArray[np.float64]
    rest: NDArray[np.float64]
    leverage: NDArray[np.float64]
    influence: NDArray[np.float64]
    covariance: NDArray[np.float64]
    n_deciding: int


def fit_least_squares(
    design: NDArray[np.float64],
    outcome: NDArray[np.float64],
    clusters: NDArray[np.int64] | None = None,
) -> Fit:
    """Fit by least squares, with each customer's influence.

    Parameters
    ----------
    design : float64 array, shape (n_rows, n_columns)
        Of full rank, more rows than columns.
    outcome : float64 array, shape (n_rows,)
    clusters : int64 array, shape (n_rows,), optional
        Which customer each row is of, where some have several.

    Notes
    -----
    With one row a customer ``influence.T @ influence`` is HC3 of MacKinnon and White
    as Long and Ervin give it, ``(X'X)^-1 x e / (1 - h)`` squared; with several it is
    the jackknife that leaves out a customer (CV3 of MacKinnon, Nielsen and Webb but
    for their factor (G - 1) / G).

    References
    ----------
    Long, J. S. and Ervin, L. H. (2000). Using heteroscedasticity consistent standard
    errors in the linear regression model. American Statistician 54, 217-224.
    MacKinnon, J. G., Nielsen, M. O. and Webb, M. D. (2023). Fast and reliable
    jackknife and bootstrap methods for cluster-robust inference. J. Applied
    Econometrics 38, 671-694.
    """
    basis, triangle = orthogonalise(design)
    coefficients = basis.T @ outcome
    rest = outcome - basis @ coefficients
    leverage = np.einsum("ij,ij->i", basis, basis)
    scores = basis * rest[:, None]
    if clusters is None:
        free = 1.0 - leverage
        decides = free < DECIDES
        scale = np.divide(1.0, free, out=np.zeros_like(free), where=~decides)
        moved, n_deciding = scores * scale[:, None], int(decides.sum())
    else:
        moved, n_deciding = _leave_out(basis, scores, clusters)
    inverse = np.linalg.inv(triangle)
    influence = moved @ inverse.T
    return Fit(
        inverse @ coefficients,
        rest,
        leverage,
        influence,
        influence.T @ influence,
        n_deciding,
    )


def orthogonalise(
    design: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Write a design as orthonormal columns times a triangle.

    Twice by Cholesky's factor of the products, which takes a tenth of the time of
    Householder's reflections on a million rows; by those where columns nearly repeat.
    """
    basis, triangle = design, np.eye(design.shape[1])
    try:
        for _ in range(2):
            length = np.sqrt(np.einsum("ij,ij->j", basis, basis))
            factor = np.linalg.cholesky((basis / length).T @ (basis / length)).T
            if np.diag(factor).min() < NEARLY_REPEATS:
                return np.linalg.qr(design)
            factor = factor * length
            basis = basis @ np.linalg.inv(factor)
            triangle = factor @ triangle
    except np.linalg.LinAlgError:
        return np.linalg.qr(design)
    return basis, triangle


def _leave_out(
    basis: NDArray[np.float64],
    scores: NDArray[np.float64],
    clusters: NDArray[np.int64],
) -> tuple[NDArray[np.float64], int]:
    """Leave out all rows of a customer at once."""
    n, width = int(clusters.max()) + 1, basis.shape[1]
    own = np.column_stack([np.bincount(clusters, column, n) for column in scores.T])
    gram = np.empty((n, width, width))
    for i in range(width):
        for j in range(i, width):
            total = np.bincount(clusters, basis[:, i] * basis[:, j], n)
            gram[:, i, j] = gram[:, j, i] = total
    values, vectors = np.linalg.eigh(np.eye(width) - gram)
    decides = values < DECIDES
    scale = np.divide(1.0, values, out=np.zeros_like(values), where=~decides)
    turned = np.einsum("gij,gi->gj", vectors, own) * scale
    return np.einsum("gij,gj->gi", vectors, turned), int(decides.any(axis=1).sum())
