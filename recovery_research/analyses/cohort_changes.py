"""Changes around an event, cohort by cohort, against those without the event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analyses.groups import require_column
from recovery_research.analyses.influences import compare_numbers
from recovery_research.analyses.intervals import Interval

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
        """Weigh the periods so that a control customer's change is a product.

        Returns
        -------
        float64 array, shape (n_periods, n_relative)
            Cohorts by their share of the treated seen at that period: plus it in the
            period itself, less it in the one before the event.
        """
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

    Returns
    -------
    own, other : float64 array, shape (n_seen,) and (n_control,)
    """
    rows = cohorts.treated[cohorts.seen(k)]
    event = cohorts.event[rows]
    calm = cohorts.wide[cohorts.event < 0]
    other = (calm @ cohorts.weights(np.array([k])))[:, 0]
    level = calm.mean(axis=0)
    own = cohorts.wide[rows, event + k] - cohorts.wide[rows, event - 1]
    own = own - (level[event + k] - level[event - 1]) + other.mean()
    scale = ROUNDING * float(np.abs(cohorts.wide).max())
    return tuple(np.where(np.abs(v) <= scale, 0.0, v) for v in (own, other))


def compare_period(cohorts: Cohorts, k: int, *, confidence: float) -> Interval:
    """Compare the two groups' changes to one period after (or before) the event."""
    return compare_numbers(*changes_at(cohorts, k), confidence=confidence)


def tabulate_periods(
    cohorts: Cohorts, relative: range, *, confidence: float
) -> tuple[pd.DataFrame, dict[int, Interval]]:
    """List every period's difference; the one before the event is 0 by construction.

    Returns
    -------
    table : DataFrame
        ``period, estimate, std_error, ci_low, ci_high, confidence, n_treated,
        n_control``.
    found : dict of int to Interval
        The intervals themselves, by period, without the one before the event.
    """
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
