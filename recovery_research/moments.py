"""The practitioners' figures, measured on simulated customers."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _books
from .claims import FLAWLESS, GREAT, MIDDLING, Moment
from .departures import count_causes
from .experiments import Experiment
from .justice import form_reply
from .policies import load_policies
from .populations import TRAIT_BLOCK, Population, load_population
from .simulation import (
    FOLLOWUP_WEEKS,
    MEASURES,
    YEAR_WEEKS,
    History,
    simulate,
    traits_of_chunk,
)
from .worlds import World

FAILED = (_books.SILENT, _books.RECOVERED, _books.NOT_RECOVERED)


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
    control = group_mean(well, "followup_spend", [_books.NO_FAILURE])
    answered = Answered.of(run, MIDDLING, "followup_spend")
    return {
        "spend_ratio_recovered": ratio_of(answered.mean(_books.RECOVERED), control),
        "spend_ratio_not_recovered": ratio_of(
            answered.mean(_books.NOT_RECOVERED), control
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
            flawless, "alive_52w", [_books.NO_FAILURE, *FAILED]
        ),
        "retention_recovered": answered.mean(_books.RECOVERED),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """Customers whose index order failed, each with her chance of being answered.

    On the fork every customer complains, and counts with the chance that she would
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
        answered = np.isin(self.outcome, (_books.RECOVERED, _books.NOT_RECOVERED))
        weights = np.where(answered, self.weights, 0.0)
        good = self.outcome == _books.RECOVERED
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
