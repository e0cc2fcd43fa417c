"""The chance of being treated: a logistic regression that always ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Newton's method for a likelihood that has a maximum needs far fewer.
MOST_STEPS = 25
# The step of Newton's method squares the error of the one before.
SMALL_STEP = 1e-7
# Weight of a penalty on the squared coefficients (of columns with spread one), used
# only where there is no maximum: as if normal with mean 0 and variance 2.5 squared.
PENALTY = 1.0 / 2.5**2
# Above it a fit is begun on some of the rows; it ends on all.
MANY_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Propensity:
    """Chance of being treated, from a logistic regression.

    Attributes
    ----------
    chance : float64 array, shape (n,)
    design : float64 array, shape (n, n_columns)
    treated : bool array, shape (n,)
    inverse : float64 array, shape (n_columns, n_columns)
        Of the information.
    penalised : bool
        Whether the covariates tell (some of) the groups apart, so that only a
        penalised fit exists.
    """

    chance: NDArray[np.float64]
    design: NDArray[np.float64]
    treated: NDArray[np.bool_]
    inverse: NDArray[np.float64]
    penalised: bool

    def influence(
        self, pull: NDArray[np.float64], *, careful: bool = True
    ) -> NDArray[np.float64]:
        """Return each row's influence on coefficients times `pull`, times n."""
        rest = self.treated - self.chance
        if careful:
            spread = self.chance * (1.0 - self.chance)
            left = 1.0 - spread * leverage_of(self.design, self.inverse)
            rest = rest / np.maximum(left, 0.1)
        return len(rest) * rest * (self.design @ (self.inverse @ pull))


def fit_propensity(
    design: NDArray[np.float64], treated: NDArray[np.bool_]
) -> Propensity:
    """Fit the chance of being treated on covariates (logistic regression).

    Parameters
    ----------
    design : float64 array, shape (n, n_columns)
        A column of ones, then columns of mean zero and spread one.
    treated : bool array, shape (n,)

    Returns
    -------
    Propensity

    Notes
    -----
    Maximum likelihood by Newton's method with halved steps. Where covariates tell
    groups apart there is no maximum (``statsmodels`` ``Logit`` warns and returns the
    coefficients it had reached): there the coefficients' squares are penalised.
    """
    start = np.zeros(design.shape[1])
    if len(treated) > MANY_ROWS:
        some = slice(None, None, len(treated) // (MANY_ROWS // 4))
        begun = _climb(design[some], treated[some], start, 0.0)
        start = start if begun is None else begun
    beta = _climb(design, treated, start, 0.0)
    penalty = 0.0
    if beta is None:
        penalty = PENALTY
        beta = _climb(design, treated, np.zeros(design.shape[1]), penalty)
    chance = logistic(design @ beta)
    information = _information(design, chance, penalty)
    inverse = np.linalg.inv(information)
    return Propensity(chance, design, treated, inverse, penalty > 0.0)


def logistic(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return chances; those of huge logits end short of 0 and 1.

    Examples
    --------
    >>> logistic(np.array([0.0, 5000.0])).round(11).tolist()
    [0.5, 1.0]
    >>> bool(logistic(np.array([5000.0]))[0] < 1.0)
    True
    """
    # Past 27.69 a chance is 0 or 1 for every purpose, but its odds stay finite.
    return 1.0 / (1.0 + np.exp(-np.clip(logit, -27.69, 27.69)))


def leverage_of(
    design: NDArray[np.float64], inverse: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return x' inverse x for each row x."""
    return np.einsum("ij,ij->i", design @ inverse, design)


def _climb(
    design: NDArray[np.float64],
    treated: NDArray[np.bool_],
    beta: NDArray[np.float64],
    penalty: float,
) -> NDArray[np.float64] | None:
    """Maximise the likelihood; None if it rises for ever."""
    logit = design @ beta
    height = _height(logit, treated, beta, penalty)
    for _ in range(MOST_STEPS if penalty == 0.0 else 4 * MOST_STEPS):
        chance = logistic(logit)
        score = design.T @ (treated - chance)
        score[1:] -= penalty * beta[1:]
        try:
            step = np.linalg.solve(_information(design, chance, penalty), score)
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(step).all():
            return None
        taken = 1.0
        while True:
            moved = design @ (beta + taken * step)
            reached = _height(moved, treated, beta + taken * step, penalty)
            if reached >= height - 1e-12 * abs(height) or taken < 1e-4:
                break
            taken /= 2.0
        beta, logit, height = beta + taken * step, moved, reached
        if np.abs(step).max() < SMALL_STEP:
            return beta
    return beta if penalty > 0.0 else None


def _height(
    logit: NDArray[np.float64],
    treated: NDArray[np.bool_],
    beta: NDArray[np.float64],
    penalty: float,
) -> float:
    """Return the log-likelihood, less the penalty."""
    likelihood = float(logit[treated].sum()) - float(np.logaddexp(0.0, logit).sum())
    return likelihood - penalty / 2.0 * float(beta[1:] @ beta[1:])


def _information(
    design: NDArray[np.float64], chance: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    weighted = design * (chance * (1.0 - chance))[:, None]
    information = design.T @ weighted
    information[np.diag_indices_from(information)] += np.r_[
        0.0, np.full(design.shape[1] - 1, penalty)
    ]
    return information
