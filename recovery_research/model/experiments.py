"""What is to be simulated: which world, whose customers, under which policies."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recovery_research._checks import did_you_mean
from recovery_research.model import _lifetime_loop
from recovery_research.model.policies import RecoveryPolicy, require_recovery
from recovery_research.model.populations import Population
from recovery_research.model.worlds import World

FORKS = {
    "as_it_comes": _lifetime_loop.AS_IT_COMES,
    "no_failure": _lifetime_loop.FORCE_NO_FAILURE,
    "failed": _lifetime_loop.FORCE_FAILURE,
    "silent": _lifetime_loop.FORCE_SILENCE,
    "complained": _lifetime_loop.FORCE_COMPLAINT,
    "recovered": _lifetime_loop.FORCE_RECOVERY,
    "not_recovered": _lifetime_loop.FORCE_NO_RECOVERY,
}
LUCKS = ("shared", "separate")
MOST_CUSTOMERS = 2**32
LONGEST_WEEKS = 5200.0


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One customer base, followed under several policies with the same luck.

    Attributes
    ----------
    world : World
        How customers take failure and recovery.
    policies : tuple of RecoveryPolicy
        At least one, of different names; given as any iterable.
    population : Population
        Who the customers are.
    n_customers : int
        Customers under each policy, 1 to 2**32.
    weeks : float
        Length of observation in weeks, above 0 and at most 5,200.
    seed : int
        0 to 2**64 - 1. The same seed is the same customers and the same luck.
    first_order : str
        What is made of every customer's first order: ``as_it_comes``;
        ``no_failure``; ``failed`` (whether they complain, and how it ends, as it
        comes); ``silent`` (failed, nothing said, nothing done); ``complained``
        (failed and answered, well or badly as it comes); ``recovered`` or
        ``not_recovered`` (answered, with that end). Nobody can be recovered by a
        policy that never answers, or never fails.
    later_order : tuple of int and str, or None
        ``(2, "recovered")`` does to the customer's second order what `first_order`
        does to the first; orders 2 to 10,000. It is then the index order.
    luck : str
        ``shared``: each customer has the same luck under every policy. ``separate``:
        each policy has its own luck (traits stay shared); only of use to see what
        shared luck is worth.

    Raises
    ------
    ValueError, TypeError
        If a field is not as above; the message says what came and what is allowed.

    Examples
    --------
    >>> import recovery_research as rr
    >>> experiment = rr.Experiment(
    ...     world=rr.load_world("evidence"),
    ...     policies=[rr.load_policies()["service"]],
    ...     population=rr.load_population("webshop"),
    ...     n_customers=100,
    ... )
    >>> experiment.weeks
    104.0
    """

    world: World
    policies: Sequence[RecoveryPolicy] = field()
    population: Population
    n_customers: int
    weeks: float = 104.0
    seed: int = 0
    first_order: str = "as_it_comes"
    later_order: tuple[int, str] | None = None
    luck: str = "shared"

    def __post_init__(self) -> None:
        check_type("world", self.world, World, "load_world('evidence')")
        check_type("population", self.population, Population,
                   "load_population('webshop')")  # fmt: skip
        object.__setattr__(self, "policies", check_policies(self.policies))
        check_whole("n_customers", self.n_customers, 1, MOST_CUSTOMERS)
        check_whole("seed", self.seed, 0, 2**64 - 1)
        object.__setattr__(self, "n_customers", int(self.n_customers))
        object.__setattr__(self, "seed", int(self.seed))
        check_weeks(self.weeks)
        object.__setattr__(self, "weeks", float(self.weeks))
        check_choice("first_order", self.first_order, FORKS)
        check_choice("luck", self.luck, LUCKS)
        if self.later_order is not None:
            check_later(self.later_order)
        check_recovered(self)

    @property
    def index_order(self) -> int:
        """Number of the order that starts the follow-up, counted from 1."""
        return 1 if self.later_order is None else self.later_order[0]

    def list_forks(self) -> np.ndarray:
        """Return what is made of the first, second, ... order (int8 codes)."""
        forks = np.zeros(self.index_order, dtype=np.int8)
        forks[0] = FORKS[self.first_order]
        if self.later_order is not None:
            forks[-1] = FORKS[self.later_order[1]]
        return forks

    def but(self, **changes: Any) -> "Experiment":
        """Return this experiment with some fields changed.

        Examples
        --------
        >>> import recovery_research as rr
        >>> base = rr.Experiment(
        ...     world=rr.load_world("evidence"),
        ...     policies=[rr.load_policies()["service"]],
        ...     population=rr.load_population("webshop"),
        ...     n_customers=100,
        ... )
        >>> base.but(first_order="recovered").first_order
        'recovered'
        """
        return replace(self, **changes)


def check_type(name: str, value: object, wanted: type, remedy: str) -> None:
    """Refuse a field of the wrong type."""
    if not isinstance(value, wanted):
        raise TypeError(
            f"{name} is a {wanted.__name__}; got {value!r}. Write {name}={remedy}."
        )


def check_policies(policies: object) -> tuple[RecoveryPolicy, ...]:
    """Return the policies as a tuple, or refuse them."""
    if isinstance(policies, RecoveryPolicy | str) or not isinstance(policies, Iterable):
        raise TypeError(
            f"policies is a list of RecoveryPolicy; got {policies!r}. "
            "Write policies=choose_policies(['service', 'silence'])."
        )
    chosen = tuple(policies)
    if not chosen:
        raise ValueError("policies is empty; an experiment needs at least one policy.")
    for policy in chosen:
        check_type("each policy", policy, RecoveryPolicy, "load_policies()['service']")
    names = [policy.name for policy in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"two policies are named {twice[0]!r}; names must differ, or tables could "
            "not tell them apart. Rename one with policy.but('another_name')."
        )
    return chosen


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse anything but a whole number within its range."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(
            f"{name} is a whole number, {low} to {high}; got {value!r} "
            f"({type(value).__name__})."
        )
    if not low <= value <= high:
        raise ValueError(f"{name} is a whole number, {low} to {high}; got {value}.")


def check_weeks(weeks: object) -> None:
    """Refuse a length of observation that is no positive, finite number."""
    allowed = f"weeks is a number above 0 and at most {LONGEST_WEEKS:g}"
    if isinstance(weeks, bool) or not isinstance(
        weeks, int | float | np.integer | np.floating
    ):
        raise TypeError(f"{allowed}; got {weeks!r}. For two years write 104.")
    if not math.isfinite(weeks) or not 0.0 < weeks <= LONGEST_WEEKS:
        raise ValueError(f"{allowed}; got {weeks!r}. For two years write 104.")


def check_choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """Refuse a value that is not one of the allowed names."""
    if value not in list(allowed):
        raise ValueError(
            f"{name} is one of {list(allowed)}; got {value!r}."
            f"{did_you_mean(value, allowed)}"
        )


def check_later(later: object) -> None:
    """Refuse a later fork that is not (order number, what is made of it)."""
    if not isinstance(later, tuple) or len(later) != 2:
        raise TypeError(
            "later_order is a pair of an order's number and what is made of it, such "
            f"as (2, 'recovered'); got {later!r}."
        )
    check_whole("the number in later_order", later[0], 2, 10_000)
    check_choice("the second part of later_order", later[1], FORKS)


def check_recovered(experiment: Experiment) -> None:
    """Refuse to have customers recovered under a policy that recovers nobody."""
    made = [experiment.first_order]
    if experiment.later_order is not None:
        made.append(experiment.later_order[1])
    if "recovered" in made:
        for policy in experiment.policies:
            require_recovery(policy)
