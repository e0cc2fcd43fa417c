"""How cohorts changed before anything happened to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recovery_research.analysis.groups import FAILED, require_column
from recovery_research.analysis.influence import compare_numbers
from recovery_research.analysis.intervals import Interval

# Differences of sums are rounded in the last of some sixteen digits.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Customers by period, of whom some had an event.

    Attributes
    ----------
    wide : float64 array, shape (n_customers, n_periods)
        The outcome; nothing is unknown.
    event : int64 array, shape (n_customers,)
        Period of the event, 1 or later and within the panel; -1 if there was none.
    """

    wide: NDArray[np.float64]
    event: NDArray[np.int64]

    @property
    def treated(self) -> NDArray[np.int64]:
        """Return the rows of those with an event."""
        return np.flatnonzero(self.event >= 0)

    def seen(self, k: int) -> NDArray[np.bool_]:
        """Mark which of the treated have a period `k` after their event."""
        place = self.event[self.treated] + k
        return (place >= 0) & (place < self.wide.shape[1])

    def weights(self, relative: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weigh the periods so that a control customer's change is a product."""
        n_periods = self.wide.shape[1]
        found = np.zeros((n_periods, len(relative)))
        for column, k in enumerate(relative):
            event = self.event[self.treated][self.seen(k)]
            share = np.bincount(event, minlength=n_periods) / max(event.size, 1)
            cohorts = np.flatnonzero(share)
            found[cohorts + k, column] += share[cohorts]
            found[cohorts - 1, column] -= share[cohorts]
        return found


def read_cohorts(panel: pd.DataFrame, outcome: str) -> tuple[Cohorts, list[str]]:
    """Read a panel of one row per customer and period, and say who is left out."""
    return _choose_cohorts(*_spread(panel, outcome))


def _spread(
    panel: pd.DataFrame, outcome: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn the panel into one row per customer, periods from 0, and event periods."""
    for column in ("customer", "period", "event_period", outcome):
        require_column(panel, column)
    if panel.duplicated(["customer", "period"]).any():
        raise ValueError("a customer appears twice in a period; add up first.")
    # pivot_table would average repeats and drop blanks without a word.
    wide = panel.pivot(  # noqa: PD010
        index="customer", columns="period", values=outcome
    )
    holes = int(wide.isna().to_numpy().sum())
    steps = np.diff(wide.columns.to_numpy(dtype=np.float64))
    if holes or (steps != 1.0).any():
        raise ValueError(
            f"every customer needs every period; {holes} values are missing, periods "
            f"run {wide.columns.min()} to {wide.columns.max()}. No orders is 0, not "
            "blank."
        )
    return wide.to_numpy(dtype=np.float64), _read_events(panel, wide)


def _read_events(panel: pd.DataFrame, wide: pd.DataFrame) -> NDArray[np.float64]:
    """Return each customer's period of the event, from 0; NaN if never failed."""
    by_customer = panel.groupby("customer")["event_period"]
    told = by_customer.count()
    if (by_customer.max() > by_customer.min()).any() or (
        (told > 0) & (told < wide.shape[1])
    ).any():
        raise ValueError(
            "a customer has two event periods, or one in some rows and none in others; "
            "keep the first failure, in every row."
        )
    events = by_customer.first().reindex(wide.index)
    numbers = events.to_numpy(dtype=np.float64, na_value=np.nan)
    odd = numbers[~np.isnan(numbers) & (numbers != np.round(numbers))]
    if odd.size:
        raise ValueError(
            f"event_period is a whole number, as period is; got {odd[0]:g} and "
            f"{odd.size - 1} others."
        )
    return numbers - float(wide.columns.min())


def _choose_cohorts(
    wide: NDArray[np.float64], events: NDArray[np.float64]
) -> tuple[Cohorts, list[str]]:
    """Leave out those who cannot be compared with their own past, and say so."""
    n_periods = wide.shape[1]
    early, late = events < 1, events >= n_periods
    usable = ~(early | late)
    n_treated = int((usable & ~np.isnan(events)).sum())
    n_never = int(np.isnan(events).sum())
    if not n_never:
        raise ValueError(
            "0 customers are never failed, and the others are compared with them. To "
            "compare with those failed last, end the panel before they are failed and "
            "leave their event_period blank."
        )
    if not n_treated:
        raise ValueError(
            f"0 customers are failed in a period that has one before it: "
            f"{int(early.sum())} in the panel's first period or before, "
            f"{int(late.sum())} after its last. Take a panel that begins earlier and "
            "ends later."
        )
    notes = []
    if early.any():
        notes.append(
            f"{int(early.sum())} customers failed in the first period, or before, have "
            "no period before it and are left out"
        )
    if late.any():
        notes.append(
            f"{int(late.sum())} customers failed after the last period are left out"
        )
    event = np.where(np.isnan(events), -1, events)[usable].astype(np.int64)
    return Cohorts(wide[usable], event), notes


def changes_at(
    cohorts: Cohorts, k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both groups' changes to period `k`, one number for each customer.

    A treated customer's change is less that of the control group in the same periods;
    a control customer's is averaged over the cohorts by their size. The difference of
    the two means is the cohorts' differences in differences averaged by size, and what
    either mean owes to chance, the cohorts' sizes included, is the spread of its own
    group: a cohort of one customer has no spread of its own, but differs from others.
    """
    rows = cohorts.treated[cohorts.seen(k)]
    event = cohorts.event[rows]
    calm = cohorts.wide[cohorts.event < 0]
    other = (calm @ cohorts.weights(np.array([k])))[:, 0]
    level = calm.mean(axis=0)
    own = cohorts.wide[rows, event + k] - cohorts.wide[rows, event - 1]
    own = own - (level[event + k] - level[event - 1]) + other.mean()
    scale = ROUNDING * float(np.abs(cohorts.wide).max())
    changes = [np.where(np.abs(v) <= scale, 0.0, v) for v in (own, other)]
    return changes[0], changes[1]


def compare_period(cohorts: Cohorts, k: int, *, confidence: float) -> Interval:
    """Compare the two groups' changes to one period after (or before) the event."""
    return compare_numbers(*changes_at(cohorts, k), confidence=confidence)


def tabulate_periods(
    cohorts: Cohorts, relative: range, *, confidence: float
) -> tuple[pd.DataFrame, dict[int, Interval]]:
    """List every period's difference; the one before the event is 0 by construction."""
    rows, found = [], {}
    for k in relative:
        n_seen = int(cohorts.seen(k).sum())
        numbers: tuple[float, ...] = (0.0,) * 4
        if k != -1:
            one = compare_period(cohorts, k, confidence=confidence)
            numbers = (one.estimate, one.std_error, one.ci_low, one.ci_high)
            found[k] = one
        rows.append((k, *numbers, confidence, n_seen))
    columns = ["period", "estimate", "std_error", "ci_low", "ci_high", "confidence"]
    table = pd.DataFrame(rows, columns=[*columns, "n_treated"])
    table["n_control"] = int((cohorts.event < 0).sum())
    return table, found


def doubts_of(found: dict[int, Interval], n_seen: dict[int, int]) -> list[str]:
    """Say once for each kind of doubt what the intervals say, with the periods."""
    kinds: dict[str, list[int]] = {}
    first: dict[str, str] = {}
    for k, one in found.items():
        if one.note and n_seen[k]:
            kind = one.note.partition(":")[0]
            kinds.setdefault(kind, []).append(k)
            first.setdefault(kind, one.note)
    return [f"period {kinds[kind][0]}: {first[kind]}" for kind in kinds]


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
        """Compare as if those rows had been treated, in the cohorts' order."""
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


NEEDED = ("customer", "order", "weeks_known", "failed", *FAILED)
# With three states looked at, one log in 300 is called uneven by luck.
SURE = 0.001


def find_uneven_pace(spells: pd.DataFrame) -> list[str]:
    """Return the states into which a failure puts faster or slower buyers.

    Parameters
    ----------
    spells : DataFrame
        As `cox.tabulate_spells` gives it; without its columns nothing is found.

    Returns
    -------
    list of str
        States whose failures fall on orders that came sooner or later than others of
        the same number. How soon an order came is settled before it fails, so that a
        difference is of the customers, and not an effect.

    Notes
    -----
    Within each order number the weeks since the first order are ranked; a rank less
    its mean, times the state less its share, has mean 0 if failures are chance.
    Summed by customer these products are independent, whatever each one's pace.
    """
    if not set(NEEDED) <= set(spells.columns):
        return []
    known = spells["failed"].notna().to_numpy() & (spells["order"] > 1).to_numpy()
    rows = spells[known]
    customer, _ = pd.factorize(rows["customer"].to_numpy())
    order = rows["order"].to_numpy(np.int64)
    rank = _rank_within(order, rows["weeks_known"].to_numpy(np.float64))
    failed = rows["failed"].to_numpy(np.float64) == 1.0
    uneven = []
    for name in FAILED:
        state = failed & (rows[name].to_numpy(np.float64) == 1.0)
        product = (state - _mean_within(order, state)) * rank
        sums = np.bincount(customer, product) if len(rows) else np.zeros(0)
        spread = math.sqrt(float((sums**2).sum()))
        if state.sum() >= 10 and spread > 0.0:
            z = float(sums.sum()) / spread
            if 2.0 * stats.norm.sf(abs(z)) < SURE:
                uneven.append(name)
    return uneven


def _mean_within(order: NDArray[np.int64], values: NDArray) -> NDArray[np.float64]:
    return (np.bincount(order, values) / np.maximum(np.bincount(order), 1))[order]


def _rank_within(
    order: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rank values within each order number, from -1/2 to 1/2, ties in the middle."""
    place = np.lexsort((values, order))
    size = np.bincount(order)
    first = np.r_[0, np.cumsum(size)[:-1]]
    run = np.r_[True, (np.diff(values[place]) != 0.0) | (np.diff(order[place]) != 0)]
    start = np.flatnonzero(run)
    end = np.r_[start[1:], order.size]
    middle = np.repeat(0.5 * (start + end - 1), end - start)
    rank = np.empty(order.size)
    rank[place] = middle
    return (rank - first[order] + 0.5) / size[order] - 0.5
