"""What practitioners claim, measured on simulated customers and held against it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from recovery_research.model import _accounts
from recovery_research.model.coefficients import LedgerError, LedgerRow, read_ledger
from recovery_research.model.experiments import Experiment
from recovery_research.model.justice import form_reply
from recovery_research.model.policies import load_policies
from recovery_research.model.populations import TRAIT_BLOCK, Population, load_population
from recovery_research.model.simulation import (
    FOLLOWUP_WEEKS,
    MEASURES,
    YEAR_WEEKS,
    History,
    simulate,
    traits_of_chunk,
)
from recovery_research.model.tables import count_causes
from recovery_research.model.worlds import World
from recovery_research.paths import data_path

# The three spend groups, the complaints of leavers and the causes of departure are
# all measured under one policy of middling quality, the same for all.
MIDDLING = "delight_sometimes"
FLAWLESS = "zero_defects"
GREAT = "service"
MET, MISSED, CANNOT_TELL = "met", "missed", "cannot tell"
CONFIDENCE = 0.95


class ClaimRow(LedgerRow):
    """One published figure."""

    claim: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    value: Annotated[float, Field(gt=0)]
    unit: str
    question: str
    provenance: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Target:
    """One figure that a calibrated world should show.

    Attributes
    ----------
    moment : str
        Name.
    value : float
        The published figure.
    low, high : float
        What still counts as met.
    meaning : str
        How it is measured on simulated customers.
    """

    moment: str
    value: float
    low: float
    high: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One figure as measured on simulated customers.

    Attributes
    ----------
    value : float
        The figure; not a number if nobody was there to measure it on.
    std_error : float
        Its Monte Carlo error.
    n : int
        Size of the smallest group behind it.
    """

    value: float
    std_error: float
    n: int


def load_claims() -> dict[str, ClaimRow]:
    """Read the seven published figures with their provenance.

    Returns
    -------
    dict of str to ClaimRow

    Raises
    ------
    LedgerError
        If ``data/claims.csv`` is not as it must be.

    Examples
    --------
    >>> load_claims()["spend_resolved"].value
    106.0
    """
    rows = read_ledger(data_path("claims.csv"), ClaimRow, key="claim")
    return {row.claim: row for row in rows}


def list_targets() -> list[Target]:
    """Return what a world calibrated to the claims should show.

    Returns
    -------
    list of Target
        Spend ratios to within 0.02, retention to within 1 point, complaints of
        leavers between 1 in 32 and 1 in 20, departures to within 3 points.
    """
    claims = load_claims()
    missing = [name for name in CLAIMS_NEEDED if name not in claims]
    if missing:
        raise LedgerError(
            f"claims.csv has no claim {missing[0]!r}; it must hold {CLAIMS_NEEDED}."
        )
    value = {name: row.value for name, row in claims.items()}
    recovered = value["spend_resolved"] / value["spend_no_problem"]
    lost = value["spend_not_resolved"] / value["spend_no_problem"]
    flawless, great = value["retention_flawless"], value["retention_handled_greatly"]
    treated = value["left_over_treatment"]
    return [
        Target("spend_ratio_recovered", recovered, recovered - 0.02, recovered + 0.02,
               f"follow-up spend, recovered over no failure, under {MIDDLING}"),
        Target("spend_ratio_not_recovered", lost, lost - 0.02, lost + 0.02,
               f"follow-up spend, not recovered over no failure, under {MIDDLING}"),
        Target("retention_flawless", flawless, flawless - 0.01, flawless + 0.01,
               f"still a customer 52 weeks after the index order, under {FLAWLESS}"),
        Target("retention_recovered", great, great - 0.01, great + 0.01,
               f"the same of those whose index order was recovered, under {GREAT}"),
        Target("complaint_share", value["complained_before_leaving"], 1 / 32, 1 / 20,
               f"had complained, of who left after a failed order, under {MIDDLING}"),
        Target("treatment_share", treated, treated - 0.03, treated + 0.03,
               f"stays when perfectly treated, of all who left, under {MIDDLING}"),
    ]  # fmt: skip


CLAIMS_NEEDED = [
    "spend_no_problem", "spend_not_resolved", "spend_resolved", "retention_flawless",
    "retention_handled_greatly", "complained_before_leaving", "left_over_treatment",
]  # fmt: skip


def compare_moments(
    targets: Iterable[Target], moments: Mapping[str, Moment]
) -> pd.DataFrame:
    """Hold measured figures against the published ones."""
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2.0)
    rows = []
    for target in targets:
        moment = moments[target.moment]
        ends = [moment.value + side * reach * moment.std_error for side in (-1, 1)]
        rows.append(
            {
                "moment": target.moment,
                "target": target.value,
                "achieved": moment.value,
                "miss": moment.value - target.value,
                "std_error": moment.std_error,
                "low": target.low,
                "high": target.high,
                "met": bool(target.low <= moment.value <= target.high),
                "n": moment.n,
                "meaning": target.meaning,
                "ci_low": ends[0],
                "ci_high": ends[1],
                "confidence": CONFIDENCE,
                "verdict": judge_moment(ends[0], ends[1], target),
            }
        )
    return pd.DataFrame(rows)


def judge_moment(ci_low: float, ci_high: float, target: Target) -> str:
    """Say whether a figure is met, missed, or measured too coarsely to tell.

    Examples
    --------
    >>> target = Target("x", 0.4, 0.3, 0.6, "a figure")
    >>> [judge_moment(a, a + 0.1, target) for a in (0.4, 0.55, 0.7)]
    ['met', 'cannot tell', 'missed']
    """
    if target.low <= ci_low <= ci_high <= target.high:
        return MET
    if ci_high < target.low or ci_low > target.high:
        return MISSED
    return CANNOT_TELL


FAILED = (_accounts.SILENT, _accounts.RECOVERED, _accounts.NOT_RECOVERED)


def measure_claims(
    world: World,
    *,
    n_customers: int,
    population: Population | None = None,
    seed: int = 0,
    fork: bool = True,
    threads: int | None = None,
) -> dict[str, Moment]:
    """Measure the claimed figures on simulated customers of a world.

    Parameters
    ----------
    world : World
        The world to measure.
    n_customers : int
        Customers in each simulation.
    population : Population, optional
        By default ``webshop``.
    seed : int, optional
        Seed; the same for every world compared, so that differences are not luck.
    fork : bool, optional
        True has every customer's index order fail, or not fail, in place of the few
        percent who fail by themselves. Which order fails is luck alone, so the figures
        are the same and their error is far smaller. False counts customers as a
        survey would.
    threads : int, optional
        As in `simulate`.

    Returns
    -------
    dict of str to Moment
        By the names of `list_targets`.
    """
    base = Experiment(
        world=world,
        policies=[load_policies()[MIDDLING]],
        population=load_population("webshop") if population is None else population,
        n_customers=n_customers,
        seed=seed,
    )
    run = Runs(base, fork, threads)
    moments = measure_spend(run)
    moments |= measure_retention(run)
    moments |= measure_leavers(run)
    return moments


@dataclass(frozen=True, slots=True)
class Runs:
    """The simulations that the figures are measured on."""

    base: Experiment
    fork: bool
    threads: int | None

    def under(self, policy: str, way: str, *, keep: str = "sums") -> History:
        """Simulate under a policy, the index order sent a way if forks are on."""
        experiment = self.base.but(policies=[load_policies()[policy]])
        if self.fork:
            experiment = experiment.but(first_order=way)
        return simulate(experiment, threads=self.threads, keep=keep)


def group_mean(history: History, measure: str, groups: Iterable[int]) -> Moment:
    """Return a measure's mean over some index outcomes, with its error and size."""
    n, total, squares = history.sums[0][list(groups), MEASURES.index(measure)].sum(0)
    if n < 2:
        return Moment(np.nan, np.nan, int(n))
    mean = total / n
    variance = max(squares / n - mean**2, 0.0)
    return Moment(float(mean), float(np.sqrt(variance / n)), int(n))


def ratio_of(top: Moment, bottom: Moment) -> Moment:
    """Return a quotient of two means by the delta method; n is the smaller group's.

    The two groups are taken as independent. On the fork they are the same customers
    and hardly correlated the wrong way, so the error is if anything too large.
    """
    n = min(top.n, bottom.n)
    if not bottom.value > 0.0:
        return Moment(np.nan, np.nan, n)
    value = top.value / bottom.value
    error = np.hypot(top.std_error, value * bottom.std_error) / bottom.value
    return Moment(float(value), float(error), n)


def measure_spend(run: Runs) -> dict[str, Moment]:
    """Measure the three spend groups of the order-based design.

    Two more figures are no targets: how many of those failed complained, and how many
    of those answered were recovered. They show on how many customers the rest stands.
    """
    well = run.under(MIDDLING, "no_failure")
    control = group_mean(well, "followup_spend", [_accounts.NO_FAILURE])
    answered = Answered.of(run, MIDDLING, "followup_spend")
    return {
        "spend_ratio_recovered": ratio_of(answered.mean(_accounts.RECOVERED), control),
        "spend_ratio_not_recovered": ratio_of(
            answered.mean(_accounts.NOT_RECOVERED), control
        ),
        "complained_of_failed": answered.chance_of_voice(),
        "recovered_of_answered": answered.chance_of_recovery(),
    }


def measure_retention(run: Runs) -> dict[str, Moment]:
    """Measure who stays a year with the flawless firm and after a great recovery."""
    flawless = run.under(FLAWLESS, "as_it_comes")
    answered = Answered.of(run, GREAT, "alive_52w")
    return {
        "retention_flawless": group_mean(
            flawless, "alive_52w", [_accounts.NO_FAILURE, *FAILED]
        ),
        "retention_recovered": answered.mean(_accounts.RECOVERED),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """Customers whose index order failed, each with their chance of being answered.

    On the fork every customer complains, and counts with the chance that they would
    have. Voice is decided by luck that decides nothing else, so the weighted figures
    are those of the customers who complain by themselves, on far more customers.
    """

    outcome: NDArray[np.int8]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    voices: NDArray[np.float64]

    @classmethod
    def of(cls, run: Runs, policy: str, measure: str) -> "Answered":
        """Simulate failed orders under a policy and take one measure after them."""
        history = run.under(policy, "complained", keep="customers")
        assert history.customers is not None, "they are kept"
        columns = {name: column[0] for name, column in history.customers.items()}
        experiment = history.experiment
        failed = np.isin(columns["index_outcome"], FAILED)
        window = FOLLOWUP_WEEKS if measure == "followup_spend" else YEAR_WEEKS
        followed = columns["index_week"] + window <= experiment.weeks
        if measure == "alive_52w":
            values = 1.0 * ~(columns["left_week"] <= columns["index_week"] + window)
        else:
            values = columns[measure]
        reply = form_reply(experiment.policies[0], experiment.world)
        if run.fork:
            voices = chance_of_voice(experiment, columns["index_severity"], reply.voice)
            weights = voices + (1.0 - voices) * reply.reach
        else:
            voices = columns["index_complained"].astype(float)
            weights = np.ones(len(values))
        return cls(
            columns["index_outcome"],
            values,
            np.where(failed & followed, weights, 0.0),
            voices[failed],
        )

    def mean(self, outcome: int) -> Moment:
        """Return the weighted mean of those who ended so; n is the effective size."""
        here = (self.outcome == outcome) & (self.weights > 0.0)
        weights, values = self.weights[here], self.values[here]
        total = weights.sum()
        if here.sum() < 2 or not total > 0.0:
            return Moment(np.nan, np.nan, int(here.sum()))
        mean = float(weights @ values / total)
        error = float(np.sqrt(((weights * (values - mean)) ** 2).sum()) / total)
        return Moment(mean, error, int(total**2 / (weights**2).sum()))

    def chance_of_voice(self) -> Moment:
        """Return the share of failed customers who complain."""
        n = len(self.voices)
        error = float(self.voices.std() / np.sqrt(n)) if n else np.nan
        return Moment(float(self.voices.mean()) if n else np.nan, error, n)

    def chance_of_recovery(self) -> Moment:
        """Return the share of answered customers who are recovered."""
        answered = np.isin(self.outcome, (_accounts.RECOVERED, _accounts.NOT_RECOVERED))
        weights = np.where(answered, self.weights, 0.0)
        good = self.outcome == _accounts.RECOVERED
        if not weights.sum() > 0.0:
            return Moment(np.nan, np.nan, 0)
        value = float(weights @ good / weights.sum())
        n = int(weights.sum() ** 2 / (weights**2).sum())
        return Moment(value, float(np.sqrt(value * (1.0 - value) / n)), n)


def chance_of_voice(
    experiment: Experiment, severity: NDArray[np.float64], voice: float
) -> NDArray[np.float64]:
    """Return each customer's chance of complaining about a failure so severe."""
    n_blocks = -(-experiment.n_customers // TRAIT_BLOCK)
    traits = [traits_of_chunk(experiment, block) for block in range(n_blocks)]
    own = np.concatenate(traits)[:, 3]
    urge = voice + experiment.world["voice_severity"] * severity + own
    return 1.0 / (1.0 + np.exp(-urge))


def measure_leavers(run: Runs) -> dict[str, Moment]:
    """Measure who complained before leaving, and who left over the treatment."""
    history = run.under(MIDDLING, "as_it_comes", keep="customers")
    assert history.customers is not None, "they are kept"
    records = {name: column[0] for name, column in history.customers.items()}
    gone = ~np.isnan(records["left_week"])
    failed = gone & np.isin(records["last_outcome"], FAILED)
    complained = int(records["last_complained"][failed].sum())
    causes = count_causes(run.base, run.threads)[0]
    return {
        "complaint_share": share(complained, int(failed.sum())),
        "treatment_share": share(int(causes[2]), int(causes.sum())),
    }


def share(count: int, n: int) -> Moment:
    """Return a share with its error."""
    if n == 0:
        return Moment(np.nan, np.nan, 0)
    value = count / n
    return Moment(value, float(np.sqrt(value * (1.0 - value) / n)), n)
