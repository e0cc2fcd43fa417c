"""Are we right? An estimator under a study design, held against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recovery_research.analysis.intervals import check_level
from recovery_research.model.experiments import check_type, check_whole
from recovery_research.results import Result
from recovery_research.studies.design import Study
from recovery_research.studies.estimands import count_slices, form_truth
from recovery_research.studies.performance import (
    MEASURES,
    Measure,
    Truth,
    measure_performance,
)
from recovery_research.studies.replications import (
    ADJUSTMENTS,
    COMPARISONS,
    Estimator,
    Job,
    check_estimator,
    do_all,
    list_tasks,
    name_estimator,
    read_sums,
)

ROW = ("replication", "estimator", "estimate", "ci_low", "ci_high", "failure")


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis(Result):
    """How an estimator does under a study design, against the truth.

    Attributes
    ----------
    study : Study
        The design.
    estimator : str
        Name of the estimator.
    truth : Truth
        What it should have found, with its own Monte Carlo error.
    n_replications, n_failed : int
        Studies simulated, and those without an estimate or an interval. Those are in
        no measure below.
    failures : dict of str to int
        How often for which reason.
    confidence : float
        Nominal level of the estimator's intervals, and level of the measures' own.
    bias, rmse, empirical_sd, coverage, power : Measure
        See `analyses.performance.measure_performance`.
    announced_above, announced_below, type_s, type_m : Measure
        Likewise.
    replications : DataFrame
        One row per study: ``replication, estimate, ci_low, ci_high, failure``.
    """

    study: Study
    estimator: str
    truth: Truth
    n_replications: int
    n_failed: int
    failures: dict[str, int]
    confidence: float
    bias: Measure
    rmse: Measure
    empirical_sd: Measure
    coverage: Measure
    power: Measure
    announced_above: Measure
    announced_below: Measure
    type_s: Measure
    type_m: Measure
    replications: pd.DataFrame

    def __str__(self) -> str:
        return (
            f"{self.estimator}, {self.study.sampled}, {self.study.outcome}: bias "
            f"{self.bias.estimate:+.4g} (Monte Carlo error {self.bias.std_error:.2g}), "
            f"coverage {self.coverage.estimate:.1%} ({self.coverage.std_error:.1%}), "
            f"power {self.power.estimate:.1%} ({self.power.std_error:.1%}); truth "
            f"{self.truth.estimate:+.4g} ({self.truth.std_error:.2g}); "
            f"{self.n_failed} of {self.n_replications} without an interval"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per measure, with the truth and the counts beside it."""
        rows = pd.concat(
            [getattr(self, name).to_frame() for name in MEASURES], ignore_index=True
        )
        facts = {
            "world": self.study.world.name,
            "sampled": self.study.sampled,
            "outcome": self.study.outcome,
            "n_customers": self.study.n_customers,
            "estimator": self.estimator,
        }
        for place, (name, value) in enumerate(facts.items()):
            rows.insert(place, name, value)
        return rows.assign(
            truth=self.truth.estimate,
            truth_std_error=self.truth.std_error,
            n_replications=self.n_replications,
            n_failed=self.n_failed,
        )


def diagnose(
    study: Study,
    estimator: Estimator,
    *,
    n_replications: int = 1000,
    seed: int = 0,
    truth: Truth | None = None,
    truth_customers: int = 200_000,
    confidence: float = 0.95,
    processes: int | None = None,
    resume: str | Path | None = None,
) -> Diagnosis:
    """Diagnose an estimator under a study design.

    The study is done again and again on fresh customers, and what the estimator says
    is held against what the customers' own replayed luck shows.

    Parameters
    ----------
    study : Study
        Who is asked, how many, in which world.
    estimator : str or callable
        ``naive`` (what `paradox` does), ``welch``, ``bootstrap_t``, ``bca``,
        ``clopper_pearson``, ``newcombe`` (yes/no only),
        ``regression``, ``ipw``, ``aipw``; or a function that takes the table of
        `draw_sample` and returns an object with ``estimate, ci_low, ci_high``. What it
        raises, and limits it does not give, are counted as failures.
    n_replications : int, optional
        Studies simulated, 2 or more.
    seed : int, optional
        The same seed gives the same result to the last bit, whatever the number of
        processes and whether or not the work was interrupted.
    truth : Truth, optional
        If it is known; by default it is computed (see `Study.sampled` for what is
        meant by it).
    truth_customers : int, optional
        Customers simulated to compute it.
    confidence : float, optional
        Level of the named estimators' intervals, and of the measures' own.
    processes : int, optional
        By default as many as there are processors, if the work is worth it; one for
        a function that other processes could not import. A script that asks for
        several must do so under ``if __name__ == "__main__":``.
    resume : path, optional
        Folder where batches are kept and looked for, under a hash of every
        ingredient; interrupted work goes on where it stopped.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ValueError, TypeError
        If an option is not as above, the study cannot be done or nobody is in
        question.

    Examples
    --------
    >>> import recovery_research as rr
    >>> study = rr.Study(
    ...     sampled="trial",
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["g_own_it", "d_no_mistakes"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=200,
    ...     outcome="satisfaction_after",
    ... )
    >>> found = rr.diagnose(
    ...     study, "welch", n_replications=20, truth_customers=8000, processes=1
    ... )
    >>> found.truth.estimate > 0.5
    True
    """
    return compare_estimators(
        study,
        [estimator],
        n_replications=n_replications,
        seed=seed,
        truth=truth,
        truth_customers=truth_customers,
        confidence=confidence,
        processes=processes,
        resume=resume,
    )[0]


def compare_estimators(
    study: Study,
    estimators: Iterable[Estimator],
    *,
    n_replications: int = 1000,
    seed: int = 0,
    truth: Truth | None = None,
    truth_customers: int = 200_000,
    confidence: float = 0.95,
    processes: int | None = None,
    resume: str | Path | None = None,
) -> list[Diagnosis]:
    """Diagnose several estimators on the very same simulated studies.

    Parameters
    ----------
    study, n_replications, seed, truth, truth_customers : optional
        As in `diagnose`.
    confidence, processes, resume : optional
        As in `diagnose`.
    estimators : iterable of str or callable
        As in `diagnose`; each sees every study.

    Returns
    -------
    list of Diagnosis
        One per estimator, in their order.

    Raises
    ------
    ValueError, TypeError
        As `diagnose`.
    """
    check_type("study", study, Study, "Study(sampled='order_based', ...)")
    estimators = check_estimators(study, estimators)
    check_level(confidence)
    check_whole("n_replications", n_replications, 2, 10_000_000)
    check_whole("seed", seed, 0, 2**64 - 1)
    check_whole("truth_customers", truth_customers, 1, 10**9)
    if processes is not None:
        check_whole("processes", processes, 1, 1024)
    job = Job(study, estimators, int(seed), float(confidence))
    n_slices = count_slices(truth_customers) if truth is None else 0
    tasks = list_tasks(study, n_replications=n_replications, n_slices=n_slices)
    done = do_all(job, tasks, processes=processes, resume=resume)
    if truth is None:
        sums = [s for t in tasks if t.kind == "truth" for s in read_sums(done[t])]
        truth = form_truth(study, sums)
    rows = [row for t in tasks if t.kind == "replications" for row in done[t]]
    table = pd.DataFrame(rows, columns=list(ROW))
    return [
        form_diagnosis(job, e, table[table["estimator"] == e], truth)
        for e in range(len(estimators))
    ]


def check_estimators(
    study: Study, estimators: Iterable[Estimator]
) -> tuple[Estimator, ...]:
    """Return the estimators as a tuple, or refuse them."""
    if isinstance(estimators, str) or not isinstance(estimators, Iterable):
        raise TypeError(
            f"estimators is a list; got {estimators!r}. Write [{estimators!r}]."
        )
    chosen = tuple(estimators)
    if not chosen:
        raise ValueError("estimators is empty; name at least one, such as 'naive'.")
    for estimator in chosen:
        check_estimator(study, estimator)
    return chosen


def form_diagnosis(job: Job, e: int, rows: pd.DataFrame, truth: Truth) -> Diagnosis:
    """Measure one estimator's rows against the truth."""
    fits = rows[rows["failure"] == ""]
    measures = measure_performance(
        *(fits[name].to_numpy(dtype=float) for name in ROW[2:5]),
        truth=truth,
        confidence=job.confidence,
    )
    failures = Counter(reason for reason in rows["failure"] if reason)
    return Diagnosis(
        study=job.study,
        estimator=name_estimator(job.estimators[e]),
        truth=truth,
        n_replications=len(rows),
        n_failed=len(rows) - len(fits),
        failures=dict(failures.most_common()),
        confidence=job.confidence,
        **measures,
        replications=rows.drop(columns="estimator").reset_index(drop=True),
    )


def tabulate_findings(diagnoses: Iterable[Diagnosis]) -> pd.DataFrame:
    """Tabulate what studies find, and how far they scatter, beside the truth.

    Parameters
    ----------
    diagnoses : iterable of Diagnosis
        Of any designs and worlds.

    Returns
    -------
    DataFrame
        ``world, sampled, outcome, view, estimate, low, high, n_used``. For an
        estimator (view ``naive`` for the comparisons of groups as they come,
        ``adjusted`` for the adjusting ones, else its name) the mean of the estimates
        and the range that the middle 95 % of them lie in, missing without any; for
        view ``truth``, once a design, the truth and its 95 % interval.
    """
    rows, seen = [], set()
    for found in diagnoses:
        study = found.study
        design = (study.world.name, study.sampled, study.outcome)
        fits = found.replications.loc[found.replications["failure"] == "", "estimate"]
        if design not in seen:
            seen.add(design)
            reach = 1.96 * found.truth.std_error
            value = found.truth.estimate
            rows.append((*design, "truth", value, value - reach, value + reach,
                         found.truth.n_used))  # fmt: skip
        view = name_view(found.estimator)
        rows.append((*design, view, fits.mean(), fits.quantile(0.025),
                     fits.quantile(0.975), len(fits)))  # fmt: skip
    columns = ["world", "sampled", "outcome", "view", "estimate", "low", "high",
               "n_used"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def name_view(estimator: str) -> str:
    """Return the kind of estimator: as they come, adjusted, or one of its own."""
    if estimator in COMPARISONS:
        return "naive"
    return "adjusted" if estimator in ADJUSTMENTS else estimator


def tabulate_diagnoses(diagnoses: Iterable[Diagnosis]) -> pd.DataFrame:
    """Tabulate diagnoses, one row each, every measure beside its Monte Carlo error.

    Parameters
    ----------
    diagnoses : iterable of Diagnosis
        Of any designs and worlds.

    Returns
    -------
    DataFrame
        ``world, sampled, outcome, n_customers, estimator, truth, truth_std_error``,
        then each measure and its error (``bias, bias_std_error`` ...),
        ``n_replications, n_failed``.
    """
    rows = []
    for found in diagnoses:
        row = found.to_frame().iloc[0].drop(["measure", "estimate", "std_error",
            "ci_low", "ci_high", "confidence", "n_used", "note"]).to_dict()  # fmt: skip
        counts = {name: row.pop(name) for name in ("n_replications", "n_failed")}
        for name in MEASURES:
            measure = getattr(found, name)
            row |= {name: measure.estimate, f"{name}_std_error": measure.std_error}
        rows.append(row | counts)
    return pd.DataFrame(rows)


def say_bias(one: Diagnosis) -> str:
    """Say in words how a study's bias lies to the truth, given its luck.

    Parameters
    ----------
    one : Diagnosis
        As from `diagnose`, of an amount in dollars.

    Returns
    -------
    str
        What follows a study's name: a verb, and the bias with its interval.
    """
    bias = one.bias
    said = f"{bias.estimate:+.2f} dollars, {bias.ci_low:+.2f} to {bias.ci_high:+.2f}"
    if bias.ci_low > 0.0:
        return f"flatters the treated ({said})"
    if bias.ci_high < 0.0:
        return f"makes the treated look worse ({said})"
    if bias.ci_low <= 0.0 <= bias.ci_high:
        return f"cannot be told from the truth ({said})"
    return "has too few answers to tell"
