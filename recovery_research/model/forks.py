"""Potential outcomes of the index order, and what gaps are made of."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recovery_research.analysis.verdicts import Bounds, critical_value, decide
from recovery_research.model.experiments import FORKS, Experiment, check_choice
from recovery_research.model.policies import require_recovery
from recovery_research.model.simulation import simulate
from recovery_research.model.tables import (
    INDEX_OUTCOMES,
    OUTCOME_NAMES,
    tabulate_customers,
)
from recovery_research.results import Result

FOUR_WAYS = ("no_failure", "silent", "recovered", "not_recovered")


@dataclass(frozen=True, slots=True)
class ForkContrast(Result):
    """What one way of the fork does to an outcome, against another way.

    Attributes
    ----------
    policy, outcome, treated, control : str
        Under which policy, on what, and which two ways are compared.
    estimate : float
        Mean difference within customers, treated minus control, in the outcome's
        unit. This is the truth of a simulated world, up to Monte Carlo error.
    std_error, ci_low, ci_high, confidence : float
        Monte Carlo error of `estimate` and its Student interval.
    mean_treated, mean_control : float
        The two means over the customers compared.
    n_pairs : int
        Customers compared with themselves.
    n_missing : int
        Customers whose outcome is missing on either way.
    verdict : str
        Follows from the interval: ``paradox`` if treated is above control, ``no
        paradox`` if it is not, ``cannot tell`` if the interval holds both, and ``no
        difference worth naming`` if every customer has the same outcome on both ways.
    """

    policy: str
    outcome: str
    treated: str
    control: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence: float
    mean_treated: float
    mean_control: float
    n_pairs: int
    n_missing: int
    verdict: str

    def __str__(self) -> str:
        return (
            f"{self.outcome} under {self.policy}: {self.treated} minus {self.control} "
            f"= {self.estimate:+.4g} ({self.confidence:.0%} CI {self.ci_low:+.4g} to "
            f"{self.ci_high:+.4g}, {self.n_pairs:,} customers each their own control)"
        )


def tabulate_forks(
    experiment: Experiment,
    *,
    ways: Iterable[str] = FOUR_WAYS,
    threads: int | None = None,
) -> pd.DataFrame:
    """Tabulate every customer on every way of the fork, whole lives simulated anew.

    Parameters
    ----------
    experiment : Experiment
        Which customers under which policies. The fork is at the experiment's index
        order: its first, or the one named in ``later_order``.
    ways : iterable of str, optional
        Any of the values of ``first_order``; by default ``no_failure``, ``silent``,
        ``recovered`` and ``not_recovered``.
    threads : int, optional
        As in `simulate`.

    Returns
    -------
    DataFrame
        The table of `tabulate_customers` once for each way, with a column ``way`` in
        front. Luck and customers are the same in all.

    Raises
    ------
    ValueError
        If a way is unknown.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=10,
    ... )
    >>> len(rr.tabulate_forks(experiment))
    40
    """
    ways = list(ways)
    for way in ways:
        check_choice("way", way, FORKS)
    tables = []
    for way in ways:
        forked = turn(experiment, way)
        table = tabulate_customers(simulate(forked, threads=threads))
        table.insert(0, "way", pd.Categorical([way] * len(table), categories=ways))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def turn(experiment: Experiment, way: str) -> Experiment:
    """Return the experiment with its index order sent one way."""
    if experiment.later_order is None:
        return experiment.but(first_order=way)
    return experiment.but(later_order=(experiment.later_order[0], way))


def contrast_forks(
    forks: pd.DataFrame,
    *,
    outcome: str,
    treated: str = "recovered",
    control: str = "no_failure",
    policy: str | None = None,
    confidence: float = 0.95,
) -> ForkContrast:
    """Compare each customer with the same one on another way of the fork.

    Parameters
    ----------
    forks : DataFrame
        From `tabulate_forks`; rows may have been left out by what both ways share.
    outcome : str
        Any numeric or yes/no column.
    treated, control : str, optional
        The two ways; the contrast is treated minus control.
    policy : str, optional
        Which policy, if the table holds several.
    confidence : float, optional
        Coverage of the interval, strictly between 0 and 1.

    Returns
    -------
    ForkContrast

    Raises
    ------
    ValueError
        If the outcome, a way or the policy is not there, or fewer than two customers
        can be compared.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["service"]),
    ...     population=rr.load_population("webshop"),
    ...     n_customers=1000,
    ... )
    >>> forks = rr.tabulate_forks(experiment, ways=["no_failure", "recovered"])
    >>> rr.contrast_forks(forks, outcome="trust").estimate < 0
    True
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence lies strictly between 0 and 1; got {confidence}.")
    policy = the_policy(forks, policy)
    check_choice("outcome", outcome, [c for c in forks if c not in ("way", "policy")])
    for way in (treated, control):
        check_choice("way", way, forks["way"].cat.categories)
    pairs = pair_ways(forks, outcome, treated, control, policy)
    there = pairs.dropna()
    if len(there) < 2:
        raise ValueError(
            f"{outcome} under {policy!r} is there on both ways for {len(there)} "
            f"customers; a contrast needs at least 2."
        )
    gain = there["treated"] - there["control"]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    reach = critical_value(confidence, len(gain) - 1) * error
    estimate = float(gain.mean())
    return ForkContrast(
        policy, outcome, treated, control, estimate, error, estimate - reach,
        estimate + reach, confidence, float(there["treated"].mean()),
        float(there["control"].mean()), len(there), len(pairs) - len(there),
        decide(estimate - reach, estimate + reach, Bounds(0.0, 0.0, "direction alone")),
    )  # fmt: skip


def the_policy(forks: pd.DataFrame, policy: str | None) -> str:
    """Return the policy to compare under, or say which there are."""
    names = list(forks["policy"].astype(str).unique())
    if policy is None and len(names) == 1:
        return names[0]
    if policy is None or policy not in names:
        raise ValueError(
            f"the table holds policies {names}; got policy={policy!r}. Name one."
        )
    return policy


def pair_ways(
    forks: pd.DataFrame, outcome: str, treated: str, control: str, policy: str
) -> pd.DataFrame:
    """Return outcomes on the two ways, of each customer who has an index order."""
    here = forks[(forks["policy"] == policy) & (forks["index_outcome"] != "no_order")]
    sides = {}
    for side, way in (("treated", treated), ("control", control)):
        rows = here[here["way"] == way].set_index("customer")[outcome]
        sides[side] = rows.astype("Float64").astype(float)
    # Customers are the same on both ways, and so is whether they reach the fork.
    return pd.DataFrame(sides)


PARTS = ("gap", "recovery", "who")


def decompose_gap(
    experiment: Experiment,
    *,
    outcome: str = "followup_spend",
    treated: str = "recovered",
    threads: int | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Split the gap between a group and those not failed into cause and selection.

    Not failed: at the index order; later they may be.

    The customers of the group are replayed with the same luck, had their index order
    not failed. What they gain or lose against that is what failure and recovery did;
    what is left of the gap is that they were other customers to begin with.

    Parameters
    ----------
    experiment : Experiment
        Customers as they come (``first_order="as_it_comes"``), one policy.
    outcome : str, optional
        One of ``tables.OUTCOME_NAMES``.
    treated : str, optional
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
    check_gap(experiment, outcome, treated, confidence)
    tables = replay_gap(experiment, threads=threads)
    return divide_gap(*tables, outcome=outcome, treated=treated, confidence=confidence)


def check_gap(
    experiment: Experiment, outcome: str, treated: str, confidence: float
) -> None:
    """Refuse a gap that cannot be asked for."""
    check_choice("outcome", outcome, OUTCOME_NAMES)
    check_choice("treated", treated, INDEX_OUTCOMES[1:4])
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence lies strictly between 0 and 1; got {confidence}.")
    check_unforked(experiment)
    if treated == "recovered":
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
    treated: str,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Divide a group's gap, as `decompose_gap` does, given both tables."""
    policy = actual["policy"].iloc[0]
    seen = actual[outcome].astype("Float64").astype(float)
    unseen = other[outcome].astype("Float64").astype(float)
    there = seen.notna() & unseen.notna()
    members = there & (actual["index_outcome"] == treated)
    control = there & (actual["index_outcome"] == "no_failure")
    for name, who in ((treated, members), ("no_failure", control)):
        if who.sum() < 2:
            raise ValueError(
                f"{int(who.sum())} customers of {policy!r} are "
                f"{name} with a known {outcome}; at least 2 are needed. Simulate more."
            )
    parts = {
        "gap": (seen[members], seen[control]),
        "recovery": (seen[members] - unseen[members], None),
        "who": (unseen[members], seen[control]),
    }
    rows = [
        {"policy": policy, "outcome": outcome, "group": treated, "part": part}
        | estimate_part(*samples, confidence)
        for part, samples in parts.items()
    ]
    table = pd.DataFrame(rows)
    table["n_group"] = int(members.sum())
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
