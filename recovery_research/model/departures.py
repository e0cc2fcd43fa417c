"""Why customers left: the same luck replayed without failures, and well treated."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.model import _lifetimes, _records
from recovery_research.model.experiments import Experiment
from recovery_research.model.justice import Reply, form_perfect_reply, form_reply
from recovery_research.model.simulation import (
    History,
    live_policy,
    traits_of_chunk,
    work_through,
)

CAUSES = ("anyway", "error", "treatment")


def tabulate_departures(
    source: History | Experiment,
    *,
    threads: int | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate why customers left, by replaying their luck.

    Each customer who left within the time observed is replayed with the same luck,
    once without any failure and once with every failure perfectly treated.

    Parameters
    ----------
    source : History or Experiment
        What was, or is to be, simulated.
    threads : int, optional
        Threads to use; by default as many as there are processors.
    confidence : float, optional
        Coverage of the Wilson interval, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        One row per policy and cause: ``policy, cause, estimate`` (share of those who
        left), ``std_error, ci_low, ci_high, confidence, n_cause, n_left,
        n_customers``. Causes: ``anyway`` (left without failures too), ``error`` (not
        without failures, but although they were perfectly treated), ``treatment``
        (stayed when perfectly treated). Shares are missing where nobody left.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["zero_defects"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=200,
    ... )
    >>> rr.tabulate_departures(experiment)["n_cause"].tolist()[1:]
    [0, 0]
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence lies strictly between 0 and 1; got {confidence}.")
    experiment = source.experiment if isinstance(source, History) else source
    counts = count_causes(experiment, threads)
    rows = [
        share_of_cause(policy.name, cause, n, by_cause.sum(), confidence)
        for policy, by_cause in zip(experiment.policies, counts, strict=True)
        for cause, n in zip(CAUSES, by_cause, strict=True)
    ]
    table = pd.DataFrame(rows)
    table["n_customers"] = experiment.n_customers
    return table


def count_causes(experiment: Experiment, threads: int | None) -> NDArray[np.int64]:
    """Return how many left for each cause, shape (n_policies, 3)."""
    replies = [
        (form_reply(policy, experiment.world),
         form_perfect_reply(policy, experiment.world))
        for policy in experiment.policies
    ]  # fmt: skip
    counts = np.zeros((len(replies), len(CAUSES)), dtype=np.int64)
    chunks = work_through(
        experiment,
        lambda number: count_in_chunk(experiment, replies, number),
        threads=threads,
        label="replaying",
    )
    for _, in_chunk in chunks:
        counts += in_chunk
    return counts


def count_in_chunk(
    experiment: Experiment, replies: list[tuple[Reply, Reply]], number: int
) -> NDArray[np.int64]:
    """Count the causes in one chunk of customers."""
    counts = np.zeros((len(replies), len(CAUSES)), dtype=np.int64)
    for p, (reply, perfect) in enumerate(replies):
        left = [
            replay_chunk(experiment, answer, number, policy=p, replay=replay)
            for answer, replay in (
                (reply, _lifetimes.AS_IT_WAS),
                (reply, _lifetimes.WITHOUT_FAILURES),
                (perfect, _lifetimes.PERFECTLY_TREATED),
            )
        ]
        as_it_was, without_failures, well_treated = left
        counts[p] = (
            (as_it_was & without_failures).sum(),
            (as_it_was & ~without_failures & well_treated).sum(),
            (as_it_was & ~without_failures & ~well_treated).sum(),
        )
    return counts


def replay_chunk(
    experiment: Experiment, reply: Reply, number: int, *, policy: int, replay: int
) -> NDArray[np.bool_]:
    """Return who leaves in one replay of a chunk's luck."""
    traits = traits_of_chunk(experiment, number)
    records = np.empty((len(traits), len(_records.RECORD)))
    weekly = np.zeros((math.ceil(experiment.weeks), len(_records.WEEK)))
    live_policy(
        experiment, reply, number, traits, records, weekly, policy=policy, replay=replay
    )
    return ~np.isnan(records[:, _records.LEFT_WEEK])


def share_of_cause(
    policy: str, cause: str, n: int, n_left: int, confidence: float
) -> dict[str, object]:
    """Return one row: a cause's share of those who left, with its Wilson interval."""
    from statsmodels.stats.proportion import proportion_confint

    share = spread = low = high = math.nan
    if n_left > 0:
        share = n / n_left
        spread = math.sqrt(share * (1.0 - share) / n_left)
        low, high = proportion_confint(
            n, n_left, alpha=1.0 - confidence, method="wilson"
        )
    return {
        "policy": policy, "cause": cause, "estimate": share, "std_error": spread,
        "ci_low": low, "ci_high": high, "confidence": confidence, "n_cause": int(n),
        "n_left": int(n_left),
    }  # fmt: skip
