"""What a gap between groups is made of: what recovery did, and who was there."""

import numpy as np
import pandas as pd

from recovery_research.analyses.curves import critical_value

from .experiments import Experiment, check_choice
from .outcomes import INDEX_OUTCOMES, OUTCOME_NAMES, tabulate_customers
from .policies import require_recovery
from .simulation import simulate

PARTS = ("gap", "recovery", "who")


def decompose_gap(
    experiment: Experiment,
    *,
    outcome: str = "followup_spend",
    group: str = "recovered",
    threads: int | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Split the gap between a group and the never-failed into cause and selection.

    The customers of the group are replayed with the same luck, had their index order
    not failed. What they gain or lose against that is what failure and recovery did;
    what is left of the gap is that they were other customers to begin with.

    Parameters
    ----------
    experiment : Experiment
        Customers as they come (``first_order="as_it_comes"``), one policy.
    outcome : str, optional
        One of ``outcomes.OUTCOME_NAMES``.
    group : str, optional
        ``recovered``, ``not_recovered`` or ``silent``.
    threads : int, optional
        As in `simulate`.
    confidence : float, optional
        Coverage of the normal intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        Three rows: ``policy, outcome, group, part, estimate, std_error, ci_low,
        ci_high, confidence, n_group, n_no_failure``. Parts: ``gap`` (the group's mean
        less that of customers whose index order did not fail), ``recovery`` (what
        failure and recovery did to this group) and ``who`` (the rest). The first is
        the sum of the others, exactly.

    Raises
    ------
    ValueError
        If the outcome or group is unknown, the experiment has several policies or is
        forked already, nobody can be recovered under its policy, or a group has fewer
        than two customers.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=5000,
    ... )
    >>> parts = rr.decompose_gap(experiment).set_index("part")["estimate"]
    >>> bool(abs(parts["gap"] - parts["recovery"] - parts["who"]) < 1e-9)
    True
    """
    check_gap(experiment, outcome, group, confidence)
    tables = replay_gap(experiment, threads=threads)
    return divide_gap(*tables, outcome=outcome, group=group, confidence=confidence)


def check_gap(
    experiment: Experiment, outcome: str, group: str, confidence: float
) -> None:
    """Refuse a gap that cannot be asked for."""
    check_choice("outcome", outcome, OUTCOME_NAMES)
    check_choice("group", group, INDEX_OUTCOMES[1:4])
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence lies strictly between 0 and 1; got {confidence}.")
    check_unforked(experiment)
    if group == "recovered":
        require_recovery(experiment.policies[0])


def replay_gap(
    experiment: Experiment, *, threads: int | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the customers as they come, and had their index order not failed."""
    spared = experiment.but(first_order="no_failure")
    return (
        tabulate_customers(simulate(experiment, threads=threads)),
        tabulate_customers(simulate(spared, threads=threads)),
    )


def divide_gap(
    actual: pd.DataFrame,
    other: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Divide a group's gap, as `decompose_gap` does, given both tables."""
    policy = actual["policy"].iloc[0]
    seen = actual[outcome].astype("Float64").astype(float)
    unseen = other[outcome].astype("Float64").astype(float)
    there = seen.notna() & unseen.notna()
    treated = there & (actual["index_outcome"] == group)
    control = there & (actual["index_outcome"] == "no_failure")
    for name, members in ((group, treated), ("no_failure", control)):
        if members.sum() < 2:
            raise ValueError(
                f"{int(members.sum())} customers of {policy!r} are "
                f"{name} with a known {outcome}; at least 2 are needed. Simulate more."
            )
    parts = {
        "gap": (seen[treated], seen[control]),
        "recovery": (seen[treated] - unseen[treated], None),
        "who": (unseen[treated], seen[control]),
    }
    rows = [
        {"policy": policy, "outcome": outcome, "group": group, "part": part}
        | estimate_part(*samples, confidence)
        for part, samples in parts.items()
    ]
    table = pd.DataFrame(rows)
    table["n_group"] = int(treated.sum())
    table["n_no_failure"] = int(control.sum())
    return table


def check_unforked(experiment: Experiment) -> None:
    """Refuse an experiment whose groups are not those of a survey."""
    names = [policy.name for policy in experiment.policies]
    if len(names) != 1:
        raise ValueError(f"a gap is of one policy; the experiment has {names}.")
    if experiment.first_order != "as_it_comes" or experiment.later_order is not None:
        raise ValueError(
            "a gap is between groups as they come; got first_order="
            f"{experiment.first_order!r}, later_order={experiment.later_order!r}."
        )


def estimate_part(
    treated: pd.Series, control: pd.Series | None, confidence: float
) -> dict[str, float]:
    """Return a mean, or a difference of two means, with its normal interval."""
    estimate = float(treated.mean())
    variance = float(treated.var(ddof=1)) / len(treated)
    if control is not None:
        estimate -= float(control.mean())
        variance += float(control.var(ddof=1)) / len(control)
    error = float(np.sqrt(variance))
    reach = critical_value(confidence) * error
    return {
        "estimate": estimate, "std_error": error, "ci_low": estimate - reach,
        "ci_high": estimate + reach, "confidence": confidence,
    }  # fmt: skip
