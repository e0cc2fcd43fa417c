"""The pattern of the reviewed studies, line by line, asked of a simulated world."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from recovery_research.analyses.curves import critical_value

from .experiments import Experiment
from .forks import contrast_forks, tabulate_forks
from .policies import RecoveryPolicy, load_policies
from .populations import Population, load_population
from .worlds import World

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
    ``weeks`` the time since the first order, in which she may have complained.
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
