"""Whether two groups were drifting apart before anything happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recovery_research.analyses.cohort_changes import Cohorts
from recovery_research.analyses.intervals import Interval

# Up to this size of the smaller group its own skewness, not only its spread, decides
# how often the F law rejects; beyond it the two agree (see the tests).
FEW_TO_REDRAW = 1000
# More treated customers than these are not redrawn: it would take minutes.
MOST_TO_REDRAW = 2000
# 0.05 is known to half a point.
REDRAWS = 1999
CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Pretrend:
    """A joint test that nothing happened before the period before the event.

    Attributes
    ----------
    statistic : float
        A T-squared; NaN if there is nothing to test.
    p_value : float
    n_periods : int
        Periods tested; those that follow from others, or do not vary, are left out.
    law : str
        What the p-value is from: ``"interval"``, ``"permutation"``, ``"F"`` or empty.
    """

    statistic: float
    p_value: float
    n_periods: int
    law: str


NOTHING = Pretrend(np.nan, np.nan, 0, "")


def measure_pretrend(
    cohorts: Cohorts, first: int, found: Mapping[int, Interval]
) -> Pretrend:
    """Test jointly that the groups changed alike in the periods before -1.

    Where one period is left to test, the p-value is that of its interval in `found`.

    Notes
    -----
    The statistic is Hotelling's for unequal variances. Where a group is small its law
    is drawn: customers are dealt anew to the two groups (and cohorts), 1,999 times,
    always the same for the same data. That is exact where being failed had nothing to
    do with the outcome, however skewed, and right in large groups also where spreads
    differ (Chung and Romano). Elsewhere the F law of Krishnamoorthy and Yu.

    References
    ----------
    Chung, E. and Romano, J. P. (2016). Multivariate and multiple permutation tests.
    J. Econometrics 193, 76-91.
    Krishnamoorthy, K. and Yu, J. (2004). Modified Nel and Van der Merwe test for the
    multivariate Behrens-Fisher problem. Statistics & Probability Letters 66, 161-169.
    """
    relative = np.array(
        [k for k in range(first, -1) if cohorts.seen(k).any()], dtype=np.int64
    )
    dealt = _Dealt.of(cohorts, relative)
    order = np.flatnonzero(dealt.rows_of_treated)
    gap, own, other = dealt.deal(order[None, :])
    kept = _independent(own[0] + other[0], dealt.scale)
    if not kept.size:
        return NOTHING
    seen = [int(cohorts.seen(k).sum()) for k in relative[kept]]
    sizes = (min(seen), int((cohorts.event < 0).sum()))
    statistic = float(_t_squared(gap, own + other, kept)[0])
    if kept.size == 1 and not np.isnan(found[int(relative[kept[0]])].p_value):
        p_value = found[int(relative[kept[0]])].p_value
        return Pretrend(statistic, p_value, 1, "interval")
    small = min(sizes) <= FEW_TO_REDRAW and len(order) <= MOST_TO_REDRAW
    if not small:
        p_value = _f_law(statistic, [m[0][np.ix_(kept, kept)] for m in (own, other)],
                         sizes)  # fmt: skip
        return Pretrend(statistic, p_value, kept.size, "F")
    drawn = np.concatenate(
        [
            _t_squared(gaps, owns + others, kept)
            for gaps, owns, others in map(dealt.deal, dealt.redraws())
        ]
    )
    # Ties by rounding count as ties.
    as_far = int((drawn >= statistic * (1.0 - 1e-9)).sum())
    return Pretrend(statistic, (1 + as_far) / (1 + REDRAWS), kept.size, "permutation")


@dataclass(frozen=True, slots=True)
class _Dealt:
    """Customers in an order that is theirs alone, to be dealt to the groups."""

    wide: NDArray[np.float64]
    rows_of_treated: NDArray[np.bool_]
    event: NDArray[np.int64]
    relative: NDArray[np.int64]
    seen: NDArray[np.bool_]
    calm: NDArray[np.float64]
    totals: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    scale: float

    @classmethod
    def of(cls, cohorts: Cohorts, relative: NDArray[np.int64]) -> _Dealt:
        """Sort customers by their numbers, so that the rows' order plays no part."""
        order = np.lexsort((cohorts.event, *cohorts.wide.T[::-1]))
        wide, event = cohorts.wide[order], cohorts.event[order]
        wide = wide - wide.mean(axis=0)
        calm = wide @ cohorts.weights(relative)
        treated = event >= 0
        place = event[treated][:, None] + relative
        return cls(
            wide=wide,
            rows_of_treated=treated,
            event=event[treated],
            relative=relative,
            seen=(place >= 0) & (place < wide.shape[1]),
            calm=calm,
            totals=(wide.sum(axis=0), calm.sum(axis=0), calm.T @ calm),
            scale=float(np.abs(wide).max(initial=0.0)),
        )

    def redraws(self) -> list[NDArray[np.int64]]:
        """Return rows drawn for the treated, in batches that fit into memory."""
        size = self.event.size
        rows = _draw_rows(len(self.wide), size)
        step = max(1, CELLS_AT_ONCE // (size * self.wide.shape[1]))
        return [rows[start : start + step] for start in range(0, REDRAWS, step)]

    def deal(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Compare as if those rows had been treated, in the cohorts' order.

        Returns
        -------
        gap : float64 array, shape (n_deals, n_relative)
        own, other : float64 array, shape (n_deals, n_relative, n_relative)
            The two groups' parts of its covariance.
        """
        chosen = self.wide[rows]
        n_other = len(self.wide) - self.event.size
        level = (self.totals[0] - chosen.sum(axis=1)) / n_other
        place = np.where(self.seen, self.event[:, None] + self.relative, 0)
        before = self.event - 1
        each = np.arange(self.event.size)[:, None]
        change = chosen[:, each, place] - chosen[:, each, before[:, None]]
        change -= level[:, place] - level[:, before][:, :, None]
        count = self.seen.sum(axis=0)
        change *= self.seen
        gap = change.sum(axis=1) / count
        rest = (change - gap[:, None, :]) * self.seen
        rest /= np.sqrt(count * np.maximum(count - 1, 1))
        own = np.einsum("dik,dil->dkl", rest, rest)
        calm = self.calm[rows]
        mean = (self.totals[1] - calm.sum(axis=1)) / n_other
        square = self.totals[2] - np.einsum("dik,dil->dkl", calm, calm)
        square -= n_other * mean[:, :, None] * mean[:, None, :]
        return gap, own, square / (n_other * max(n_other - 1, 1))


@lru_cache(maxsize=2)
def _draw_rows(n: int, size: int) -> NDArray[np.int64]:
    """Draw as many of n rows again and again, the same for the same two numbers."""
    rng = np.random.default_rng([8, n, size])
    rows = np.array([rng.choice(n, size, replace=False) for _ in range(REDRAWS)])
    rows.setflags(write=False)
    return rows


def _independent(covariance: NDArray[np.float64], scale: float) -> NDArray[np.int64]:
    """Return the periods that vary and do not follow from the ones before them."""
    kept: list[int] = []
    for column in range(len(covariance)):
        trial = [*kept, column]
        spread = np.sqrt(np.diag(covariance)[trial])
        if spread.min() <= 1e-12 * scale:
            continue
        part = covariance[np.ix_(trial, trial)] / np.outer(spread, spread)
        if np.linalg.eigvalsh(part).min() > 1e-10:
            kept = trial
    return np.array(kept, dtype=np.int64)


def _t_squared(
    gap: NDArray[np.float64],
    covariance: NDArray[np.float64],
    kept: NDArray[np.int64],
) -> NDArray[np.float64]:
    gap = gap[:, kept]
    covariance = covariance[:, kept[:, None], kept]
    inverse = np.linalg.pinv(covariance, rcond=1e-12, hermitian=True)
    return np.einsum("dk,dkl,dl->d", gap, inverse, gap)


def _f_law(
    statistic: float, parts: list[NDArray[np.float64]], sizes: tuple[int, int]
) -> float:
    """Return how often two groups with the same means are as far apart."""
    n_periods = len(parts[0])
    total = parts[0] + parts[1]
    spread = 0.0
    for part, size in zip(parts, sizes, strict=True):
        share = np.linalg.solve(total, part)
        spread += (np.trace(share @ share) + np.trace(share) ** 2) / (size - 1)
    freedom = n_periods * (1 + n_periods) / spread
    rest = freedom - n_periods + 1
    if rest <= 0.0:
        return np.nan
    return float(stats.f.sf(statistic * rest / (freedom * n_periods), n_periods, rest))
