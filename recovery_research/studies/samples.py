"""What a study would see of its customers, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research.analysis.index_orders import customers_from_orders
from recovery_research.model.experiments import Experiment
from recovery_research.model.simulation import simulate
from recovery_research.model.tables import tabulate_customers, tabulate_orders
from recovery_research.studies.design import Study

# Customers simulated at a time: each slice is an experiment of its own, so that no
# sample depends on how many others were drawn, or where.
SLICE = 8192
# What is asked of one batch at most, before a group is called too rare to be found.
MOST_SLICES = 1000
DESIGNS = {"ever_failed": "ever-failed", "customer_based": "customer-based"}


def draw_sample(study: Study, *, seed: int = 0) -> pd.DataFrame:
    """Reveal what one such study would see of its customers.

    Parameters
    ----------
    study : Study
        Who is asked, how many, and what about.
    seed : int, optional
        Another seed is another sample.

    Returns
    -------
    DataFrame
        One row per customer asked: ``index_outcome`` (for a trial ``policy``), the
        outcome and the covariates. Everything else is hidden.

    Raises
    ------
    ValueError
        If a covariate is not one the study knows, or a group is too rare.

    Examples
    --------
    >>> import recovery_research as rr
    >>> study = rr.Study(
    ...     sampled="customer_based",
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["g_own_it"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=500,
    ... )
    >>> len(rr.draw_sample(study))
    500
    """
    return next(draw_samples(study, 1, seed=seed))


def draw_samples(
    study: Study, n_samples: int, *, seed: int, batch: int = 0
) -> Iterator[pd.DataFrame]:
    """Yield samples of fresh customers, as the study sees them."""
    sizes = size_groups(study)
    pools: dict[str, list[pd.DataFrame]] = {group: [] for group in sizes}
    found = dict.fromkeys(sizes, 0)
    for number in range(MOST_SLICES):
        if all(found[group] >= n * n_samples for group, n in sizes.items()):
            break
        asked = hide(study, ask_slice(study, derive_seed(seed, 1, batch, number)))
        for group in sizes:
            rows = asked
            if group != "all":
                rows = asked[asked[group_column(study)] == group]
            pools[group].append(rows)
            found[group] += len(rows)
    else:
        raise ValueError(
            f"among {MOST_SLICES * SLICE:,} simulated customers a study with "
            f"sampled={study.sampled!r} met {found}; {n_samples} samples need "
            f"{sizes} each. Ask fewer, or change policy or treated_share."
        )
    whole = {group: pd.concat(rows) for group, rows in pools.items()}
    for k in range(n_samples):
        parts = [whole[group].iloc[k * n : (k + 1) * n] for group, n in sizes.items()]
        yield pd.concat(parts, ignore_index=True)


def size_groups(study: Study) -> dict[str, int]:
    """Return how many of each group a sample holds; ``all`` as they come."""
    if study.treated_share is None or study.sampled == "trial":
        return {"all": study.n_customers}
    n_treated = max(1, round(study.treated_share * study.n_customers))
    return {study.treated: n_treated, study.control: study.n_customers - n_treated}


def group_column(study: Study) -> str:
    """Return the column that tells the groups apart."""
    return "policy" if study.sampled == "trial" else "index_outcome"


def derive_seed(*numbers: int) -> int:
    """Return a seed of its own for every list of whole numbers."""
    return int(np.random.SeedSequence(list(numbers)).generate_state(1, np.uint64)[0])


def hide(study: Study, asked: pd.DataFrame) -> pd.DataFrame:
    """Hide all but the group, the outcome and the covariates of those who answer."""
    unknown = [name for name in study.adjusts_for if name not in asked]
    if unknown:
        known = [name for name in asked if name not in ("answers", "in_question")]
        raise ValueError(
            f"a study with sampled={study.sampled!r}, index={study.index!r} cannot "
            f"know {unknown} of its customers; it has {known}."
        )
    columns = [group_column(study), study.outcome, *study.adjusts_for]
    rows = asked["answers"] & asked[study.outcome].notna()
    return asked.loc[rows, list(dict.fromkeys(columns))]


def ask_slice(study: Study, seed: int) -> pd.DataFrame:
    """Return a slice of fresh customers with all that is known of them.

    The column ``answers`` says who is asked and answers, ``in_question`` whose effect
    is the estimand.
    """
    experiment = study.form_experiment(n_customers=SLICE, seed=seed)
    if study.sampled == "trial":
        customers = assign_policies(study, experiment)
    elif study.uses_log:
        customers = index_orders(study, experiment)
    else:
        customers = tabulate_customers(simulate(experiment, threads=1))
        customers = customers.rename(columns={"index_severity": "severity"})
    return mark_answers(study, customers)


def look_up_orders(experiment: Experiment) -> pd.DataFrame:
    """Return every order of the slice's customers."""
    return tabulate_orders(experiment, customers=experiment.n_customers)


def index_orders(study: Study, experiment: Experiment) -> pd.DataFrame:
    """Return the slice's customers, grouped by an order of each, or on a day."""
    orders = look_up_orders(experiment)
    day = None
    if study.sampled == "customer_based":
        # Who is asked is whoever ordered; that they will not again, nobody can see.
        orders, day = orders.drop(columns="left"), study.survey_week
    customers = customers_from_orders(
        orders,
        design=DESIGNS.get(study.sampled, "order-based"),
        index=study.index,
        day=day,
        span=(0.0, experiment.weeks),
        seed=experiment.seed,
    )
    customers = customers[customers["index_outcome"] != "no_order"]
    return customers.rename(columns={"index_severity": "severity"})


def assign_policies(study: Study, experiment: Experiment) -> pd.DataFrame:
    """Return the slice's customers, each under the policy the lot fell on."""
    customers = tabulate_customers(simulate(experiment, threads=1))
    share = 0.5 if study.treated_share is None else study.treated_share
    lots = np.random.default_rng(experiment.seed).random(experiment.n_customers)
    names = np.where(lots < share, study.treated, study.control)
    mine = customers["policy"].to_numpy() == names[customers["customer"]]
    asked = customers[mine & (customers["index_outcome"] != "no_order")]
    return asked.sort_values("customer", ignore_index=True)


def mark_answers(study: Study, customers: pd.DataFrame) -> pd.DataFrame:
    """Mark who answers, and who it is that the estimand is about."""
    everybody = np.ones(len(customers), dtype=bool)
    if study.sampled == "trial":
        return customers.assign(answers=everybody, in_question=everybody)
    group = customers["index_outcome"].to_numpy(dtype=object)
    answers, in_question = everybody, group == study.treated
    if "index_complained" in customers:
        complained = as_flags(customers["index_complained"])
        if study.sampled == "complainers":
            answers = complained & np.isin(group, ["recovered", "not_recovered"])
            in_question = in_question & complained
        if study.sampled == "satisfied_complainers":
            satisfied = complained & (group == "recovered")
            answers = satisfied | (group == "no_failure")
            in_question = complained & (group != "no_failure")
    if study.sampled == "survivors":
        answers = as_flags(customers["alive_13w"])
    return customers.assign(
        answers=answers & (group != "no_order"), in_question=in_question
    )


def as_flags(column: pd.Series) -> NDArray[np.bool_]:
    """Return a yes/no column with unknown as no."""
    return column.to_numpy(dtype=bool, na_value=False)
