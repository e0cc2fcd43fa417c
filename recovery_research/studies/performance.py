"""How well an estimator does over replications, each measure with its own error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recovery_research.analysis.intervals import check_level
from recovery_research.results import Result

MEASURES = (
    "bias", "rmse", "empirical_sd", "coverage", "power", "announced_above",
    "announced_below", "type_s", "type_m",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measure(Result):
    """One measure of performance with its Monte Carlo error.

    Attributes
    ----------
    measure : str
        One of `MEASURES`.
    estimate : float
        In the outcome's unit for bias, rmse and empirical_sd; a share for coverage,
        power, announcements and type_s; a ratio for type_m. NaN if it does not exist.
    std_error : float
        Monte Carlo standard error, the truth's own error included.
    ci_low, ci_high, confidence : float
        Interval for what endless replications would show.
    n_used : int
        Replications behind it.
    note : str
        Why it does not exist; empty otherwise.
    """

    measure: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    n_used: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Truth:
    """What an estimator should find.

    Attributes
    ----------
    estimate : float
        In the outcome's unit.
    std_error : float
        Its own Monte Carlo error; 0 if known exactly.
    n_used : int
        Customers it was computed on.
    """

    estimate: float
    std_error: float
    n_used: int


def measure_performance(
    estimate: NDArray[np.float64],
    ci_low: NDArray[np.float64],
    ci_high: NDArray[np.float64],
    *,
    truth: Truth,
    confidence: float = 0.95,
) -> dict[str, Measure]:
    """Measure an estimator over replications against the truth.

    Parameters
    ----------
    estimate, ci_low, ci_high : float64 array, shape (n,)
        One per replication that gave all three; failed fits are left out beforehand
        and counted by whoever leaves them out.
    truth : Truth
        What should have been found. Its error is part of every error below.
    confidence : float, optional
        Level of the measures' own intervals, strictly between 0 and 1.

    Returns
    -------
    dict of str to Measure
        ``bias`` (mean estimate minus truth); ``rmse``; ``empirical_sd`` (of the
        estimates); ``coverage`` (intervals that hold the truth); ``power`` (intervals
        that leave out zero), and its parts ``announced_above`` and
        ``announced_below`` zero; of those that leave out zero, ``type_s`` (share on
        the wrong side) and ``type_m`` (mean size of the estimate over that of the
        truth). The last two need a truth that is not zero.

    Notes
    -----
    Monte Carlo errors of bias, mean squared error, empirical standard error, coverage
    and power are those of Morris et al.; the root's is by the delta method.
    The truth's error is added in quadrature, times the measure's slope in the truth
    (for coverage: half of the change from one standard error below to one above).
    Intervals are normal, for shares Wilson's.

    References
    ----------
    Morris, T. P., White, I. R., & Crowther, M. J. (2019). Using simulation studies to
    evaluate statistical methods. Statistics in Medicine, 38(11), 2074-2102.
    doi:10.1002/sim.8086

    Gelman, A., & Carlin, J. (2014). Beyond power calculations: assessing type S (sign)
    and type M (magnitude) errors. Perspectives on Psychological Science, 9(6),
    641-651. doi:10.1177/1745691614551642

    Examples
    --------
    >>> found = np.array([1.0, 2.0, 3.0, 2.5])
    >>> measures = measure_performance(found, found - 1.0, found + 1.0,
    ...                                truth=Truth(2.0, 0.0, 1))
    >>> measures["bias"].estimate, measures["coverage"].estimate
    (0.125, 1.0)
    """
    check_level(confidence)
    found = (estimate, ci_low, ci_high)
    if not all(np.isfinite(values).all() for values in found):
        raise ValueError("estimates and limits must be finite; leave out failed fits.")
    n = len(estimate)
    if n < 2:
        note = f"{n} replications gave an estimate; at least 2 are needed"
        return {name: _absent(name, confidence, n, note) for name in MEASURES}
    measures = _measure_errors(estimate, truth, confidence)
    measures["coverage"] = _measure_coverage(ci_low, ci_high, truth, confidence)
    above, below = ci_low > 0.0, ci_high < 0.0
    for name, hits in (
        ("power", above | below), ("announced_above", above),
        ("announced_below", below),
    ):  # fmt: skip
        measures[name] = _share(name, hits, confidence)
    measures |= _measure_gelman(estimate, above, below, truth, confidence)
    return {name: measures[name] for name in MEASURES}


def _measure_errors(
    estimate: NDArray[np.float64], truth: Truth, confidence: float
) -> dict[str, Measure]:
    """Return bias, root mean squared error and the spread of the estimates."""
    n = len(estimate)
    spread = float(estimate.std(ddof=1))
    bias = float(estimate.mean()) - truth.estimate
    squares = (estimate - truth.estimate) ** 2
    rmse = math.sqrt(float(squares.mean()))
    rmse_error = 0.0
    if rmse > 0.0:
        of_square = float(squares.std(ddof=1)) / math.sqrt(n)
        rmse_error = math.hypot(of_square / 2.0, bias * truth.std_error) / rmse
    rows = {
        "bias": (bias, math.hypot(spread / math.sqrt(n), truth.std_error)),
        "rmse": (rmse, rmse_error),
        "empirical_sd": (spread, spread / math.sqrt(2.0 * (n - 1))),
    }
    return {
        name: _normal(name, value, error, confidence, n)
        for name, (value, error) in rows.items()
    }


def _measure_coverage(
    ci_low: NDArray[np.float64],
    ci_high: NDArray[np.float64],
    truth: Truth,
    confidence: float,
) -> Measure:
    def covers(value: float) -> NDArray[np.bool_]:
        return (ci_low <= value) & (value <= ci_high)

    share = _share("coverage", covers(truth.estimate), confidence)
    up, down = (
        float(covers(truth.estimate + side * truth.std_error).mean())
        for side in (1.0, -1.0)
    )
    shift = abs(up - down) / 2.0
    reach = _normal_quantile(confidence) * shift
    below = math.hypot(share.estimate - share.ci_low, reach)
    above = math.hypot(share.ci_high - share.estimate, reach)
    return Measure(
        "coverage",
        share.estimate,
        math.hypot(share.std_error, shift),
        max(0.0, share.estimate - below),
        min(1.0, share.estimate + above),
        confidence,
        share.n_used,
    )


def _measure_gelman(
    estimate: NDArray[np.float64],
    above: NDArray[np.bool_],
    below: NDArray[np.bool_],
    truth: Truth,
    confidence: float,
) -> dict[str, Measure]:
    """Return type S and type M errors, of the intervals that leave out zero."""
    claimed = above | below
    n = int(claimed.sum())
    if abs(truth.estimate) <= _normal_quantile(confidence) * truth.std_error:
        note = "the truth is zero, or not known to differ from it"
    elif n < 2:
        note = f"{n} of the intervals leave out zero"
    else:
        wrong = (below if truth.estimate > 0.0 else above)[claimed]
        size = np.abs(estimate[claimed]) / abs(truth.estimate)
        ratio = float(size.mean())
        error = math.hypot(
            float(size.std(ddof=1)) / math.sqrt(n),
            ratio * truth.std_error / abs(truth.estimate),
        )
        return {
            "type_s": _share("type_s", wrong, confidence),
            "type_m": _normal("type_m", ratio, error, confidence, n),
        }
    return {name: _absent(name, confidence, n, note) for name in ("type_s", "type_m")}


def _share(name: str, hits: NDArray[np.bool_], confidence: float) -> Measure:
    from statsmodels.stats.proportion import proportion_confint

    n, share = len(hits), float(hits.mean())
    low, high = proportion_confint(
        int(hits.sum()), n, alpha=1.0 - confidence, method="wilson"
    )
    error = math.sqrt(share * (1.0 - share) / n)
    return Measure(name, share, error, float(low), float(high), confidence, n)


def _normal(
    name: str, value: float, error: float, confidence: float, n: int
) -> Measure:
    reach = _normal_quantile(confidence) * error
    return Measure(name, value, error, value - reach, value + reach, confidence, n)


def _absent(name: str, confidence: float, n: int, note: str) -> Measure:
    return Measure(name, math.nan, math.nan, math.nan, math.nan, confidence, n, note)


def _normal_quantile(confidence: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2.0))
