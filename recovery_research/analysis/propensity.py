"""Propensity scores and weights that make two groups alike.

Every estimate comes with its influence function, one number per row, which includes
that the propensities and regressions were themselves estimated. Residuals in it are
those that a fit without the row would leave (a jackknife in one step), since those of
the fit itself are too small where few customers carry many terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

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
    # A penalised likelihood has a top, where the climb ends.
    chance = logistic(design @ cast("NDArray[np.float64]", beta))
    information = _information(design, chance, penalty)
    inverse = np.linalg.inv(information).astype(np.float64, copy=False)
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


METHODS = ("regression", "ipw", "aipw")
# One row carries a coefficient alone: no fit without it exists.
ALONE = 1e-9


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One group's mean, had the target population been in it.

    Attributes
    ----------
    mean : float
    influence : float64 array, shape (n,)
        Influence of each row on the mean; its square summed, over n squared, is the
        variance.
    weights : float64 array, shape (n,)
        How much each row's own outcome counts in the mean; they add up to one.
    """

    mean: float
    influence: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows to be adjusted, with what their outcome is fitted on.

    Attributes
    ----------
    outcome : float64 array, shape (n,)
    treated : bool array, shape (n,)
    design : float64 array, shape (n, n_columns)
        Of the outcome regressions: a column of ones, then centred columns.
    crossed : bool, optional
        Whether the residuals that are weighted are those of fits without the row, and
        weights without a regression are calibrated.
    careful : bool, optional
        Whether those in the influence are; False gives the plain influence function
        (M-estimation), which other packages have.
    """

    outcome: NDArray[np.float64]
    treated: NDArray[np.bool_]
    design: NDArray[np.float64]
    crossed: bool = True
    careful: bool = True


def weights_for(
    propensity: Propensity, treated: NDArray[np.bool_], *, target: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weigh both groups so that their covariates look like the target's."""
    p = propensity.chance
    if target == "treated":
        return treated.astype(float), np.where(treated, 0.0, p / (1.0 - p))
    inside = np.where(treated, p, 1.0 - p)
    return treated / inside, ~treated / inside


def adjust_mean(
    sample: Sample, propensity: Propensity, *, arm: bool, target: str, method: str
) -> Adjusted:
    """Estimate one group's mean outcome over the target's covariates.

    Parameters
    ----------
    sample : Sample
    propensity : Propensity
        Of those rows; not used by regression.
    arm : bool
        True for the treated group's outcome, False for the control group's.
    target : {"treated", "all"}
    method : {"regression", "ipw", "aipw"}
        Regression within the group, predicted for the target; outcomes weighted by
        inverse propensity (weights adding up to one, and where `sample.crossed`
        calibrated); or the regression plus its weighted residuals, right if either of
        the two models is.

    Returns
    -------
    Adjusted

    Notes
    -----
    The treated group's mean over the treated is its own mean, whatever the method.
    """
    member = sample.treated if arm else ~sample.treated
    if arm and target == "treated":
        return _weighted_mean(sample, member / member.sum())
    asked = sample.treated if target == "treated" else np.ones(len(member), dtype=bool)
    if method == "ipw":
        weights, alike = balance_weights(sample, propensity, arm=arm, target=target)
        if not alike:
            return _weigh(sample, propensity, weights, arm=arm, target=target)
        return _weigh_alike(sample, propensity, weights, asked, arm=arm, target=target)
    weights = weights_for(propensity, sample.treated, target=target)[0 if arm else 1]
    weights = weights / weights.sum()
    return _predict(
        sample, propensity, member, asked, weights if method == "aipw" else None,
        arm=arm, target=target,
    )  # fmt: skip


def balance_weights(
    sample: Sample, propensity: Propensity, *, arm: bool, target: str
) -> tuple[NDArray[np.float64], bool]:
    """Return one group's weights, adding up to one, and whether they are calibrated."""
    weights = weights_for(propensity, sample.treated, target=target)[0 if arm else 1]
    weights = weights / weights.sum()
    if (arm and target == "treated") or not sample.crossed:
        return weights, False
    asked = sample.treated if target == "treated" else np.ones(len(weights), dtype=bool)
    moved = calibrate(sample.design, weights, asked @ sample.design / asked.sum())
    return (weights, False) if moved is None else (moved, True)


def effective_size(weights: NDArray[np.float64]) -> float:
    """Return how many equally weighted customers tell as much (Kish).

    Examples
    --------
    >>> effective_size(np.array([1.0, 1.0, 2.0, 0.0]))
    2.6666666666666665
    """
    return float(weights.sum() ** 2 / (weights @ weights))


def _weighted_mean(sample: Sample, weights: NDArray[np.float64]) -> Adjusted:
    mean = float(weights @ sample.outcome)
    influence = len(weights) * weights * (sample.outcome - mean)
    if sample.careful:
        influence /= np.maximum(1.0 - weights, ALONE)
    return Adjusted(mean, influence, weights)


def _weigh(
    sample: Sample,
    propensity: Propensity,
    weights: NDArray[np.float64],
    *,
    arm: bool,
    target: str,
) -> Adjusted:
    """Weigh the outcomes, the weights being estimated."""
    found = _weighted_mean(sample, weights)
    slope = _slope(propensity, weights, arm=arm, target=target)
    pull = propensity.design.T @ (slope * (sample.outcome - found.mean))
    own = propensity.influence(pull, careful=sample.careful)
    return Adjusted(found.mean, found.influence + own, weights)


def _weigh_alike(
    sample: Sample,
    propensity: Propensity,
    weights: NDArray[np.float64],
    asked: NDArray[np.bool_],
    *,
    arm: bool,
    target: str,
) -> Adjusted:
    """Weigh the outcomes by calibrated weights.

    Weights that give every column the target's mean weigh what a regression on the
    columns explains to the same sum whatever they are: its residuals carry the error.
    """
    design, n = sample.design, len(weights)
    rows = np.flatnonzero(weights)
    inside, own = design[rows], weights[rows]
    factor = _factorise((inside * own[:, None]).T @ inside, len(rows))
    beta = factor @ (inside.T @ (own * sample.outcome[rows]))
    fitted = design @ beta
    mean = float(weights @ sample.outcome)
    rest = np.zeros(n)
    rest[rows] = sample.outcome[rows] - fitted[rows]
    if sample.careful:
        left = 1.0 - own * leverage_of(inside, factor)
        rest[rows] = np.where(left > ALONE, rest[rows] / np.maximum(left, ALONE), 0.0)
    influence = np.where(asked, (n / asked.sum()) * (fitted - fitted[asked].mean()), 0)
    slope = _slope(propensity, weights, arm=arm, target=target)
    pull = propensity.design.T @ (slope * rest)
    own_part = propensity.influence(pull, careful=sample.careful)
    return Adjusted(mean, influence + n * weights * rest + own_part, weights)


def _predict(
    sample: Sample,
    propensity: Propensity,
    member: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    *,
    arm: bool,
    target: str,
) -> Adjusted:
    """Predict the target from a regression, perhaps adding its weighted residuals."""
    design, outcome, n = sample.design, sample.outcome, len(member)
    inside = design[member]
    gram = inside.T @ inside
    factor = _factorise(gram, len(inside))
    beta = factor @ (inside.T @ outcome[member])
    fitted = design @ beta
    rest = np.where(member, outcome - fitted, 0.0)
    alone = rest.copy()
    if sample.careful or sample.crossed:
        left = 1.0 - leverage_of(inside, factor)
        alone[member] = np.where(
            left > ALONE, rest[member] / np.maximum(left, ALONE), 0
        )
    towards = asked @ design / asked.sum()
    mean = float(towards @ beta)
    influence = np.where(asked, (n / asked.sum()) * (fitted - mean), 0.0)
    added = np.zeros(n)
    if weights is not None:
        towards = towards - weights @ design
        # The residual of each row is that of the fit without it: cross-fitting in
        # as many folds as there are rows, which no order of the rows can change.
        weighed = alone if sample.crossed else rest
        more = float(weights @ weighed)
        own = n * weights * (weighed - more)
        slope = _slope(propensity, weights, arm=arm, target=target)
        pull = propensity.design.T @ (slope * (weighed - more))
        influence += own + propensity.influence(pull, careful=sample.careful)
        added, mean = weights, mean + more
    share = np.where(member, design @ (factor @ towards), 0.0)
    far = alone if sample.careful else rest
    return Adjusted(mean, influence + n * share * far, share + added)


def _slope(
    propensity: Propensity,
    weights: NDArray[np.float64],
    *,
    arm: bool,
    target: str,
) -> NDArray[np.float64]:
    """Differentiate a group's weights, adding up to one, with respect to the logit.

    The odds have themselves as derivative; 1 / p has 1 - 1 / p, 1 / (1 - p) the odds.
    """
    if target == "treated":
        return weights
    return -weights * (1.0 - propensity.chance) if arm else weights * propensity.chance


def _factorise(gram: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Invert a regression's cross-products, or say why it cannot be fitted."""
    scale = np.sqrt(np.diag(gram))
    if (scale > 0.0).all():
        scaled = gram / np.outer(scale, scale)
        if np.linalg.matrix_rank(scaled, tol=1e-10, hermitian=True) == len(gram):
            return np.linalg.inv(scaled) / np.outer(scale, scale)
    raise ValueError(
        f"a group of {size} customers is too small, or too uniform in its "
        "covariates, for a regression; leave covariates out."
    )


# Steps towards calibrated weights; where they exist, far fewer are needed.
MOST_TILTS = 25


def calibrate(
    design: NDArray[np.float64],
    weights: NDArray[np.float64],
    towards: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Move weights as little as can be until they have the target's means.

    Parameters
    ----------
    design : float64 array, shape (n, n_columns)
        A column of ones, then the columns to be alike.
    weights : float64 array, shape (n,)
        Not negative, adding up to one.
    towards : float64 array, shape (n_columns,)
        The means wanted.

    Returns
    -------
    float64 array, shape (n,), or None
        None where no weights on these rows have those means.

    Notes
    -----
    Each weight is multiplied by exp(a linear function of its row): entropy balancing,
    begun at the weights of the propensities. Chances fitted to few treated customers
    cannot follow a curve; means of squares can be made alike all the same.

    References
    ----------
    Hainmueller, J. (2012). Entropy balancing for causal effects. Political Analysis
    20, 25-46.

    Examples
    --------
    >>> design = np.column_stack([np.ones(3), [0.0, 1.0, 2.0]])
    >>> moved = calibrate(design, np.full(3, 1 / 3), np.array([1.0, 1.5]))
    >>> round(float(moved @ design[:, 1]), 9)
    1.5
    """
    rows = np.flatnonzero(weights)
    centred = design[rows, 1:] - towards[1:]
    start = weights[rows]
    tilt = np.zeros(centred.shape[1])
    now, height = start, 0.0
    for _ in range(MOST_TILTS):
        gap = now @ centred
        if np.abs(gap).max(initial=0.0) < 1e-9:
            moved = np.zeros(len(weights))
            moved[rows] = now
            return moved
        curvature = (centred * now[:, None]).T @ centred - np.outer(gap, gap)
        try:
            step = np.linalg.solve(curvature, -gap)
        except np.linalg.LinAlgError:
            return None
        taken = 1.0
        while True:
            power = centred @ (tilt + taken * step)
            top = float(power.max())
            raw = start * np.exp(power - top)
            reached = float(np.log(raw.sum())) + top
            if reached <= height + 1e-12 or taken < 1e-3:
                break
            taken /= 2.0
        tilt, height, now = tilt + taken * step, reached, raw / raw.sum()
    return None
