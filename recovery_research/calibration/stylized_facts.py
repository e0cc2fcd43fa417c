"""The pattern of the reviewed studies, and a world's coefficients put to the test."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from recovery_research.analysis.verdicts import critical_value
from recovery_research.calibration.claims import (
    compare_moments,
    list_targets,
    measure_claims,
)
from recovery_research.model.experiments import Experiment, check_choice
from recovery_research.model.forks import contrast_forks, tabulate_forks
from recovery_research.model.policies import RecoveryPolicy, load_policies
from recovery_research.model.populations import (
    Population,
    expect_alive,
    expect_orders,
    load_population,
)
from recovery_research.model.simulation import simulate
from recovery_research.model.tables import tabulate_customers
from recovery_research.model.worlds import MECHANISMS, WORLD_NAMES, World, load_world

TOP = "service"
MIDDLING = "consistent"
MODEST = "a_sorry"  # says so, and gives nothing back
# Severities: below the first is mild, between the first two middling, above the last
# grave. The studies name no such shares; the cuts are ours.
MILD, MIDDLE, GRAVE = 0.2, 0.5, 0.7
# What the hotel guests of Edstrom et al. (2022) were offered, as a share of the price:
# 633, 1,204 and 1,774 of 1,500 kronor.
OFFERS = (633 / 1500, 1204 / 1500, 1774 / 1500)
RECENT_WEEKS, LONG_AGO_WEEKS = 4.0, 16.0
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Statement:
    """One line of the pattern, and whether a world follows it.

    Attributes
    ----------
    statement : str
        What the studies say.
    holds : bool
        Whether the interval says the same.
    estimate, ci_low, ci_high, confidence : float
        The contrast behind it, with its Monte Carlo interval.
    n : int
        Customers compared.
    unit : str
        What the contrast is measured in.
    """

    statement: str
    holds: bool
    estimate: float
    ci_low: float
    ci_high: float
    confidence: float
    n: int
    unit: str


@dataclass(frozen=True, slots=True)
class Setting:
    """The world under test and the customers it is tested on."""

    world: World
    population: Population
    n_customers: int
    seed: int
    threads: int | None

    def forks(
        self, policy: RecoveryPolicy, ways: Iterable[str], **also
    ) -> pd.DataFrame:
        """Return customers on some ways of the fork under one policy."""
        experiment = Experiment(
            world=self.world, policies=[policy], population=self.population,
            n_customers=self.n_customers, seed=self.seed, **also,
        )  # fmt: skip
        return tabulate_forks(experiment, ways=ways, threads=self.threads)


def check_pattern(
    world: World,
    *,
    n_customers: int = 20_000,
    population: Population | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> pd.DataFrame:
    """Ask a world every line of the pattern of the reviewed studies.

    Parameters
    ----------
    world : World
        Meant for ``evidence``; any world may be asked.
    n_customers : int, optional
        Customers in each simulation.
    population : Population, optional
        By default ``webshop``.
    seed : int, optional
        Seed of the simulations.
    threads : int, optional
        As in `simulate`.

    Returns
    -------
    DataFrame
        One row a line, with the fields of `Statement`.
    """
    setting = Setting(
        world, load_population("webshop") if population is None else population,
        n_customers, seed, threads,
    )  # fmt: skip
    lines = [
        *first_failure_lines(setting),
        second_failure_line(setting),
        deviation_line(setting),
        *parity_lines(setting),
        buffer_line(setting),
        aggravation_line(setting),
    ]
    return pd.DataFrame([asdict(line) for line in lines])


def first_failure_lines(setting: Setting) -> list[Statement]:
    """Return the lines on a first failure: satisfaction, and behaviour."""
    catalogue = load_policies()
    top = setting.forks(catalogue[TOP], ("no_failure", "recovered"))
    modest = setting.forks(catalogue[MODEST], ("no_failure", "complained"))
    mild, grave = pick(top, "recovered", most=MILD), pick(top, "recovered", least=GRAVE)
    lines = [
        state("satisfaction is above no failure after a mild first failure and a top "
              "recovery", mild, "satisfaction_after", is_positive),
        state("it is not above after a grave first failure, even recovered",
              grave, "satisfaction_after", is_not_positive),
        state("it is not above after a mild first failure and an apology alone",
              pick(modest, "complained", most=MILD), "satisfaction_after",
              is_not_positive, treated="complained"),
    ]  # fmt: skip
    for outcome, words in (
        ("followup_spend", "spend"),
        ("alive_52w", "retention"),
        ("mentions_positive", "word of mouth"),
    ):
        lines.append(
            state(f"{words} is not above no failure, even after a top recovery", top,
                  outcome, is_not_positive)
        )  # fmt: skip
    return lines


def second_failure_line(setting: Setting) -> Statement:
    """Return the line on a second failure after a first that was made good."""
    forks = setting.forks(
        load_policies()[TOP], ("no_failure", "recovered"), first_order="recovered",
        later_order=(2, "recovered"),
    )  # fmt: skip
    return state(
        "satisfaction is below after a second failure, even recovered", forks,
        "satisfaction_after", is_negative,
    )  # fmt: skip


def deviation_line(setting: Setting) -> Statement:
    """Return the line on the double deviation."""
    forks = setting.forks(load_policies()[MIDDLING], ("silent", "not_recovered"))
    return state(
        "a failed recovery leaves less trust than silence", forks, "trust",
        is_negative, treated="not_recovered", control="silent",
    )  # fmt: skip


def parity_lines(setting: Setting) -> list[Statement]:
    """Return the lines on how much compensation restores satisfaction."""
    middling = load_policies()[MIDDLING]
    lines = []
    for offer, words, test in zip(
        OFFERS,
        ("is below no failure at", "is near no failure at", "is above no failure at"),
        (is_negative, is_near_zero, is_positive),
        strict=True,
    ):
        policy = middling.but(f"offer_{offer:.2f}", compensation=offer)
        # The guests of the study met one failure, neither a trifle nor a disaster.
        every = setting.forks(policy, ("no_failure", "complained"))
        forks = pick(every, "complained", least=MILD, most=MIDDLE)
        lines.append(
            state(f"satisfaction after a middling failure {words} {offer:.0%} "
                  "compensation", forks, "satisfaction_after", test,
                  treated="complained")
        )  # fmt: skip
    return lines


def buffer_line(setting: Setting) -> Statement:
    """Return the line on prior orders: the same customers, failed late or early."""
    middling = load_policies()[MIDDLING]
    early = hurt_at(setting, middling, 2, "no_failure")
    late = hurt_at(setting, middling, 12, "no_failure")
    both = early.add_suffix("_early").join(late.add_suffix("_late")).dropna()
    gain = both["harm_late"] - both["harm_early"]
    return summarise(
        "prior orders buffer a failure (it does less harm at the twelfth order than at "
        "the second)", gain, is_positive,
    )  # fmt: skip


def aggravation_line(setting: Setting) -> Statement:
    """Return the line on prior complaints: worse when recent than when long ago."""
    middling = load_policies()[MIDDLING]
    after_complaint = hurt_at(setting, middling, 2, "recovered")
    after_none = hurt_at(setting, middling, 2, "no_failure")
    both = after_complaint.add_suffix("_complaint").join(after_none.add_suffix("_none"))
    both = both.dropna()
    extra = both["harm_complaint"] - both["harm_none"]
    recent = extra[both["weeks_complaint"] < RECENT_WEEKS]
    long_ago = extra[both["weeks_complaint"] > LONG_AGO_WEEKS]
    return compare(
        "a complaint aggravates the next failure briefly (more within "
        f"{RECENT_WEEKS:g} weeks than after {LONG_AGO_WEEKS:g})", recent, long_ago,
        is_negative,
    )  # fmt: skip


def hurt_at(
    setting: Setting, policy: RecoveryPolicy, order: int, first: str
) -> pd.DataFrame:
    """Return by customer the harm an unanswered failure does at some order.

    Harm is satisfaction after a silent failure less satisfaction after none, and
    ``weeks`` the time since the first order, in which they may have complained.
    """
    forks = setting.forks(
        policy, ("no_failure", "silent"), first_order=first,
        later_order=(order, "silent"),
    )  # fmt: skip
    first_weeks = setting.forks(policy, (first,)).set_index("customer")["index_week"]
    by_way = forks.pivot_table(
        index="customer", columns="way", values="satisfaction_after", observed=True
    )
    weeks = forks[forks["way"] == "silent"].set_index("customer")["index_week"]
    harm = by_way["silent"] - by_way["no_failure"]
    return pd.DataFrame({"harm": harm, "weeks": weeks - first_weeks}).dropna()


def pick(
    forks: pd.DataFrame, way: str, *, least: float = 0.0, most: float = 1.0
) -> pd.DataFrame:
    """Return both ways of the customers whose failure is so severe on one way."""
    failed = forks[forks["way"] == way]
    severe = failed["index_severity"].between(least, most)
    return forks[forks["customer"].isin(failed.loc[severe, "customer"])]


def state(
    statement: str,
    forks: pd.DataFrame,
    outcome: str,
    test: Callable[[float, float], bool],
    *,
    treated: str = "recovered",
    control: str = "no_failure",
) -> Statement:
    """Return one line from a contrast of two ways of the fork."""
    contrast = contrast_forks(
        forks, outcome=outcome, treated=treated, control=control, confidence=CONFIDENCE
    )
    return Statement(
        statement, test(contrast.ci_low, contrast.ci_high), contrast.estimate,
        contrast.ci_low, contrast.ci_high, CONFIDENCE, contrast.n_pairs, outcome,
    )  # fmt: skip


def summarise(
    statement: str, values: pd.Series, test: Callable[[float, float], bool]
) -> Statement:
    """Return one line from a mean, with its Student interval."""
    n = len(values)
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(n))
    reach = critical_value(CONFIDENCE, n - 1) * error
    return Statement(
        statement, test(mean - reach, mean + reach), mean, mean - reach, mean + reach,
        CONFIDENCE, n, "satisfaction_after",
    )  # fmt: skip


def compare(
    statement: str,
    treated: pd.Series,
    control: pd.Series,
    test: Callable[[float, float], bool],
) -> Statement:
    """Return one line from a difference of two groups' means (Welch)."""
    from scipy import stats

    result = stats.ttest_ind(treated, control, equal_var=False)
    low, high = result.confidence_interval(CONFIDENCE)
    return Statement(
        statement, test(float(low), float(high)),
        float(treated.mean() - control.mean()), float(low), float(high), CONFIDENCE,
        min(len(treated), len(control)), "satisfaction_after",
    )  # fmt: skip


def is_positive(low: float, high: float) -> bool:
    """Return whether an interval lies above zero."""
    return bool(low > 0.0)


def is_negative(low: float, high: float) -> bool:
    """Return whether an interval lies below zero."""
    return bool(high < 0.0)


def is_not_positive(low: float, high: float) -> bool:
    """Return whether an interval does not lie above zero."""
    return bool(low <= 0.0)


# A tenth of a point on a scale of seven: nobody would see it in a survey.
NEAR = 0.1


def is_near_zero(low: float, high: float) -> bool:
    """Return whether an interval lies within a tenth of a point of zero."""
    return bool(low > -NEAR and high < NEAR)


DEFAULT_CUSTOMERS = {"claims": 400_000, "evidence": 20_000}


def check_targets(
    world: World,
    *,
    against: str | None = None,
    n_customers: int | None = None,
    population: Population | None = None,
    seed: int = 1,
    threads: int | None = None,
) -> pd.DataFrame:
    """Put a world's stored coefficients to the test again by simulation.

    The seed is not the one the coefficients were fitted with, and there are many more
    customers, so this is a test and no repetition. Every customer's index order fails,
    or does not: a survey that waits for failures cannot tell at any size one can wait
    for.

    Parameters
    ----------
    world : World
        The world to test.
    against : str, optional
        ``claims``, the practitioners' figures, or ``evidence``, the pattern of the
        reviewed studies; by default the world's own name.
    n_customers : int, optional
        Customers in each simulation; by default 400,000 for ``claims``, whose figures
        have narrow targets, and 20,000 for ``evidence``.
    population : Population, optional
        By default ``webshop``.
    seed : int, optional
        Seed of the simulations.
    threads : int, optional
        As in `simulate`.

    Returns
    -------
    DataFrame
        For ``claims`` that of `claims.compare_moments`, where `n` is the size of the
        smallest group behind the figure and ``verdict`` is ``met``, ``missed`` or
        ``cannot tell``. For ``evidence``: ``statement, holds, estimate, ci_low,
        ci_high, confidence, n, unit``.

    Raises
    ------
    ValueError
        If it is not said what a world of another name is to be held against.

    Examples
    --------
    >>> from recovery_research.model.worlds import load_world
    >>> table = check_targets(load_world("evidence"), n_customers=4000)
    >>> table.columns[:2].tolist()
    ['statement', 'holds']
    """
    against = world.name if against is None else against
    check_choice("against", against, WORLD_NAMES)
    if n_customers is None:
        n_customers = DEFAULT_CUSTOMERS[against]
    if against == "evidence":
        return check_pattern(
            world, n_customers=n_customers, population=population, seed=seed,
            threads=threads,
        )  # fmt: skip
    moments = measure_claims(
        world, n_customers=n_customers, population=population, seed=seed,
        threads=threads,
    )  # fmt: skip
    return compare_moments(list_targets(), moments)


def check_customer_base(
    population: Population, *, n_customers: int, weeks: float = 104.0, seed: int = 0
) -> pd.DataFrame:
    """Hold the simulator, every effect off, against the BG/NBD closed forms.

    Parameters
    ----------
    population : Population
        Whose customers.
    n_customers : int
        How many are simulated.
    weeks : float, optional
        Length of observation.
    seed : int, optional
        Seed of the simulation.

    Returns
    -------
    DataFrame
        Two rows: ``population, quantity, closed_form, simulated, std_error,
        errors_apart`` (simulated minus closed form, in standard errors).
    """
    experiment = Experiment(
        world=load_world("evidence").without(*MECHANISMS),
        policies=[load_policies()["consistent"]], population=population,
        n_customers=n_customers, weeks=weeks, seed=seed,
    )  # fmt: skip
    customers = tabulate_customers(simulate(experiment))
    quantities = {
        "orders per customer": (expect_orders, customers["n_orders"]),
        "share still a customer": (expect_alive, customers["left_week"].isna()),
    }
    rows = [
        (population.name, name, expect(population, weeks), float(values.mean()),
         float(values.std(ddof=1) / np.sqrt(n_customers)))
        for name, (expect, values) in quantities.items()
    ]  # fmt: skip
    columns = ["population", "quantity", "closed_form", "simulated", "std_error"]
    table = pd.DataFrame(rows, columns=columns)
    miss = table["simulated"] - table["closed_form"]
    return table.assign(errors_apart=miss / table["std_error"])


def check_boundary(
    world: World, *, n_customers: int = 1000, seed: int = 0
) -> dict[str, object]:
    """Hold the algebra of trust after a first failure against the simulation.

    Parameters
    ----------
    world : World
        Gives the beliefs.
    n_customers : int, optional
        How many are simulated; the contrast is the same for each.
    seed : int, optional
        Seed of the simulation.

    Returns
    -------
    dict
        ``world, taken_for_granted`` (a_f w), ``known`` (a_r + b_r), ``algebra_gains``
        (the first exceeds the second) and ``trust_gain`` (simulated: recovered minus
        no failure, the cause not explained and no follow-up).
    """
    plain = load_policies()["g_own_it"].but("plain", communication=0.0, follow_up=0.0)
    experiment = Experiment(
        world=world, policies=[plain], population=load_population("webshop"),
        n_customers=n_customers, seed=seed,
    )  # fmt: skip
    forks = tabulate_forks(experiment, ways=["no_failure", "recovered"])
    granted = world["prior_failure_a"] * world["recovery_weight"]
    known = world["prior_recovery_a"] + world["prior_recovery_b"]
    return {
        "world": world.name,
        "taken_for_granted": granted,
        "known": known,
        "algebra_gains": granted > known,
        "trust_gain": contrast_forks(forks, outcome="trust").estimate,
    }
