"""The same gate where something does happen: is the truth in the interval?

The truth is the fork: the same customers, the same luck, with and without what was done.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import pandas as pd

import recovery_research as rr
from recovery_research.studies.replications import apply_estimator

from .counting import count_shares

WORLDS = ("claims", "evidence")
ESTIMATORS = ("naive", "regression", "ipw", "aipw")
# Other samplings are wrong whatever the estimator, and are there to show it.
SAMPLINGS = {
    "order_based": ("followup_spend", "bought_again", "alive_13w"),
    "customer_based": ("followup_spend", "bought_again"),
    "trial": ("followup_spend", "satisfaction_after"),
}
TRUTH_CUSTOMERS = 400_000


class Question(NamedTuple):
    """One study design, outcome and size."""

    world: str
    sampled: str
    outcome: str
    n_customers: int


def list_questions(sizes: list[int]) -> list[Question]:
    """List the studies that are diagnosed."""
    return [
        Question(world, sampled, outcome, n)
        for n, world, (sampled, outcomes) in product(sizes, WORLDS, SAMPLINGS.items())
        for outcome in outcomes
    ]


class Recorder:
    """An estimator that remembers what it noted, study by study."""

    def __init__(self, study: rr.Study, name: str) -> None:
        self.study, self.__name__ = study, name
        self.notes: list[str] = []

    def __call__(self, sample: pd.DataFrame) -> Any:
        """Return what the named estimator makes of a sample."""
        self.notes.append("")
        found = apply_estimator(self.study, self.__name__, sample, 0.95)
        self.notes[-1] = found.note
        return found


def ask(question: Question, n_replications: int) -> pd.DataFrame:
    """Diagnose every estimator in one study; return a row for each."""
    policies = (
        ["service", "cost_center"] if question.sampled == "trial" else ["service"]
    )
    study = rr.Study(
        sampled=question.sampled, world=rr.load_world(question.world),
        policies=rr.choose_policies(policies), outcome=question.outcome,
        population=rr.load_population("webshop"), n_customers=question.n_customers,
    )  # fmt: skip
    names = ESTIMATORS if study.adjusts_for else ESTIMATORS[:1]
    recorders = [Recorder(study, name) for name in names]
    found = rr.compare_estimators(
        study, recorders, n_replications=n_replications, seed=17, processes=1,
        truth_customers=TRUTH_CUSTOMERS,
    )  # fmt: skip
    rows = []
    for diagnosis, recorder in zip(found, recorders, strict=True):
        done = diagnosis.replications
        truth = diagnosis.truth
        answered = done["failure"].eq("")
        said = pd.DataFrame(
            {
                "seed": done.index,
                "answered": answered,
                "above": answered & (done["ci_low"] > truth.estimate),
                "below": answered & (done["ci_high"] < truth.estimate),
                "rejected": False,
                "noted": [note != "" for note in recorder.notes],
                "promised": 0.05,
            }
        )
        rows.append(
            question._asdict()
            | {"estimator": diagnosis.estimator, "truth": truth.estimate,
               "truth_error": truth.std_error, "bias": diagnosis.bias.estimate}
            | count_shares(said)
        )  # fmt: skip
    return pd.DataFrame(rows).rename(columns={"announced": "missed"})
