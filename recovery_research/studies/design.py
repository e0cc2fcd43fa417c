"""What a study is: who is asked, how many, in which world, under which policy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from recovery_research.analysis.index_orders import INDEX_CHOICES
from recovery_research.model.experiments import (
    Experiment,
    check_choice,
    check_policies,
    check_type,
    check_weeks,
    check_whole,
)
from recovery_research.model.policies import RecoveryPolicy, require_recovery
from recovery_research.model.populations import Population
from recovery_research.model.simulation import FOLLOWUP_WEEKS, YEAR_WEEKS
from recovery_research.model.worlds import World

# Outcomes that an order log gives, and those of the first order or of a trial.
LOG_OUTCOMES = ("followup_spend", "followup_orders", "bought_again", "alive_13w",
                "alive_52w")  # fmt: skip
FIRST_OUTCOMES = ("followup_spend", "alive_13w", "alive_52w", "trust",
                  "satisfaction_after")  # fmt: skip
TRIAL_OUTCOMES = (*FIRST_OUTCOMES, "spend", "n_orders", "net_value",
                  "mentions_positive", "mentions_negative")  # fmt: skip
PAST = ("prior_orders", "prior_spend", "weeks_known")


@dataclass(frozen=True, slots=True)
class Sampling:
    """One way of choosing whom to ask, and what is compared then.

    Attributes
    ----------
    treated, control : str
        Groups compared; empty for a trial, where they are the policies.
    covariates : tuple of str
        What the study knows of its customers beforehand.
    by_order : bool
        Whether one order of each customer decides their group.
    """

    treated: str
    control: str
    covariates: tuple[str, ...]
    by_order: bool


SAMPLINGS = {
    "order_based": Sampling("recovered", "no_failure", (*PAST, "index_week"), True),
    "survivors": Sampling("recovered", "no_failure", (*PAST, "index_week"), True),
    "satisfied_complainers": Sampling(
        "recovered", "no_failure", (*PAST, "index_week"), True
    ),
    "complainers": Sampling("recovered", "not_recovered", ("severity", *PAST), True),
    "customer_based": Sampling(
        "recovered", "no_failure", (*PAST, "weeks_since_order"), False
    ),
    "ever_failed": Sampling("recovered", "no_failure", (*PAST, "index_week"), False),
    "trial": Sampling("", "", (), True),
}


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study of simulated customers that sees no more than a real one would.

    Attributes
    ----------
    sampled : str
        Who is asked.

        - ``order_based``: one order of each customer decides their group; which one
          looks neither at what came of it nor at anything later. Estimand: what
          failure and recovery did to the recovered, against the same customers, same
          luck, had that order not failed.
        - ``survivors``: the same, but only who is still a customer at the end of the
          follow-up answers. Estimand as before, for all recovered.
        - ``satisfied_complainers``: the same, but of those failed only who complained
          and was satisfied answers. Estimand: what failure and the firm's answer did
          to all who complained, satisfied or not.
        - ``complainers``: only who complained: recovered against not recovered.
          Estimand: what being recovered did to the recovered, against a complaint
          answered badly.
        - ``customer_based``: on a day (the middle of the observation) customers are
          grouped by any problem before it: never; all made good; the rest, as the
          customer-based design of `customers_from_orders` does. What they spend after
          the day is compared. Estimand: what their problems did to those
          recovered, against the same customers without any problem before the day.
        - ``ever_failed``: who was ever failed, from their first failed order on,
          against any order of who never was, as the ever-failed design of
          `customers_from_orders`. Estimand: what failures did to those whose first
          one was made good, against the same customers without failures.
        - ``trial``: everybody's first order fails and one of two policies, drawn by
          lot, answers. Estimand: first policy minus second, each customer under both.
    world : World
        How customers take failure and recovery.
    policies : tuple of RecoveryPolicy
        One; two for a trial. Given as any iterable.
    population : Population
        Who the customers are.
    n_customers : int
        Customers who answer, 10 to 10,000,000, of every group the study meets.
    outcome : str
        What is compared; see `LOG_OUTCOMES`, `FIRST_OUTCOMES`, `TRIAL_OUTCOMES`.
    weeks : float
        Length of the observation.
    index : str
        ``drawn``: the first order from a drawn day on, so that it has a past to
        adjust for; ``first``: the very first order, with all outcomes but no past.
    covariates : tuple of str, or None
        What is adjusted for; by default what such a study knows. Columns of
        `customers_from_orders`, for complainers also ``severity``.
    treated_share : float or None
        Share of those asked who are from the treated group (the control group makes
        up the rest); None takes all groups as they come, in a trial one half.

    Raises
    ------
    ValueError, TypeError
        If a field is not as above.

    Examples
    --------
    >>> import recovery_research as rr
    >>> study = rr.Study(
    ...     sampled="customer_based",
    ...     world=rr.load_world("evidence"),
    ...     policies=rr.choose_policies(["g_own_it"]),
    ...     population=rr.load_population("webshop"),
    ... )
    >>> study.treated, study.control
    ('recovered', 'no_failure')
    """

    sampled: str
    world: World
    policies: tuple[RecoveryPolicy, ...] = field()
    population: Population
    n_customers: int = 1000
    outcome: str = "followup_spend"
    weeks: float = 104.0
    index: str = "drawn"
    covariates: tuple[str, ...] | None = None
    treated_share: float | None = None

    def __post_init__(self) -> None:
        check_choice("sampled", self.sampled, SAMPLINGS)
        check_type("world", self.world, World, "load_world('evidence')")
        check_type("population", self.population, Population,
                   "load_population('webshop')")  # fmt: skip
        object.__setattr__(self, "policies", check_policies(self.policies))
        check_number_of_policies(self)
        if self.treated == "recovered" and self.sampled != "trial":
            require_recovery(self.policies[0])
        check_whole("n_customers", self.n_customers, 10, 10_000_000)
        check_weeks(self.weeks)
        check_choice("index", self.index, INDEX_CHOICES)
        check_choice("outcome", self.outcome, list_outcomes(self))
        check_window(self)
        object.__setattr__(self, "covariates", check_covariates(self.covariates))
        if self.treated_share is not None and not 0.0 < self.treated_share < 1.0:
            raise ValueError(
                "treated_share lies strictly between 0 and 1, or is None; got "
                f"{self.treated_share!r}."
            )

    @property
    def treated(self) -> str:
        """Name of the group, or policy, that is compared."""
        return SAMPLINGS[self.sampled].treated or self.policies[0].name

    @property
    def control(self) -> str:
        """Name of the group, or policy, it is compared with."""
        return SAMPLINGS[self.sampled].control or self.policies[1].name

    @property
    def uses_log(self) -> bool:
        """Whether customers come from an order log, not from their first order."""
        if self.sampled == "trial":
            return False
        return not SAMPLINGS[self.sampled].by_order or self.index == "drawn"

    @property
    def survey_week(self) -> float:
        """Week of the day on which a customer-based study asks."""
        return float(int(self.weeks / 2.0))

    def form_experiment(self, *, n_customers: int, seed: int) -> Experiment:
        """Return the experiment that customers of this study live in."""
        return Experiment(
            world=self.world,
            policies=self.policies,
            population=self.population,
            n_customers=n_customers,
            weeks=self.weeks,
            seed=seed,
            first_order="failed" if self.sampled == "trial" else "as_it_comes",
        )

    @property
    def adjusts_for(self) -> tuple[str, ...]:
        """Covariates given, or what such a study knows of its customers."""
        if self.covariates is not None:
            return self.covariates
        known = SAMPLINGS[self.sampled].covariates
        if self.uses_log or self.sampled == "trial":
            return known
        # A first order has no past, but it has a date.
        return (*(name for name in known if name == "severity"), "index_week")

    def but(self, **changes: Any) -> Study:
        """Return this study with some fields changed."""
        return replace(self, **changes)


def check_number_of_policies(study: Study) -> None:
    """Refuse a trial of other than two policies, or another study of several."""
    wanted = 2 if study.sampled == "trial" else 1
    names = [policy.name for policy in study.policies]
    if len(names) != wanted:
        raise ValueError(
            f"a study with sampled={study.sampled!r} takes {wanted} "
            f"{'policies' if wanted > 1 else 'policy'}; got {names}."
        )


def list_outcomes(study: Study) -> tuple[str, ...]:
    """Return the outcomes such a study can have."""
    if study.sampled == "trial":
        return TRIAL_OUTCOMES
    if study.sampled == "customer_based":
        return LOG_OUTCOMES[:3]
    return LOG_OUTCOMES if study.uses_log else FIRST_OUTCOMES


def check_window(study: Study) -> None:
    """Refuse an observation that ends before the follow-up does."""
    start = study.survey_week if study.sampled == "customer_based" else 0.0
    window = YEAR_WEEKS if study.outcome == "alive_52w" else FOLLOWUP_WEEKS
    if study.weeks <= start + window:
        raise ValueError(
            f"weeks={study.weeks:g} leaves no whole follow-up of {window:g} weeks for "
            f"sampled={study.sampled!r}; observe longer."
        )


def check_covariates(covariates: Any) -> tuple[str, ...] | None:
    """Return the covariates as a tuple, None if left to the study."""
    if covariates is None:
        return None
    if isinstance(covariates, str):
        raise TypeError(f"covariates is a list of columns; write [{covariates!r}].")
    return tuple(covariates)
