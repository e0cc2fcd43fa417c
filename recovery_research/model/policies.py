"""What a firm does about failing its customers, before and after."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pandas as pd
from pydantic import Field

from recovery_research._checks import did_you_mean
from recovery_research.model.coefficients import LedgerError, LedgerRow, read_ledger
from recovery_research.paths import data_path
from recovery_research.results import Result

FORMS = ("refund", "discount", "gift", "gesture")


class Lever(NamedTuple):
    """The range of one lever, its unit, and how to write a value of it."""

    low: float
    high: float
    unit: str
    remedy: str


LEVERS = {
    "apology": Lever(0, 1, "sincerity", "For a full apology write 1."),
    "days_to_resolve": Lever(0, 365, "days", "For the same day write 0."),
    "empathy": Lever(0, 1, "share", "For full empathy write 1."),
    "compensation": Lever(-1, 5, "share of the loss", "For a 40 % refund write 0.40."),
    "improvement": Lever(0, 1, "share", "For full improvement write 1."),
    "communication": Lever(0, 1, "share", "For a cause fully explained write 1."),
    "follow_up": Lever(0, 1, "share", "For full follow-up write 1."),
    "accountability": Lever(-1, 1, "from denial to ownership", "To deny write -1."),
    "invitation": Lever(-3, 5, "logit", "For no invitation write 0."),
    "empowerment": Lever(0, 1, "share", "For a fully empowered staff write 1."),
    "consistency": Lever(0, 1, "share", "For no variation write 1."),
    "proactive": Lever(0, 1, "share", "To wait for complaints write 0."),
    "failure_multiplier": Lever(0, 10, "times", "For no failures write 0."),
}


@dataclass(frozen=True, slots=True)
class RecoveryPolicy(Result):
    """One way of making good a service failure.

    Attributes
    ----------
    name : str
        Label in tables and figures; unique within an experiment.
    apology : float
        Sincerity of the apology, 0 to 1.
    days_to_resolve : float
        Days from complaint to resolution, 0 to 365.
    empathy : float
        Empathy of the reply, 0 to 1.
    compensation : float
        What is given back as a share of the loss, 1 makes it whole; -1 to 5,
        negative charges the customer.
    form : str
        ``refund``, ``discount``, ``gift`` or ``gesture``.
    improvement : float
        Effort to prevent later failures, 0 to 1.
    communication : float
        How fully cause and cure are explained, 0 to 1.
    follow_up : float
        Follow-up after the case is closed, 0 to 1.
    accountability : float
        From -1 (blames or denies) to 1 (owns the mistake).
    invitation : float
        Logits added to the readiness to complain, -3 to 5.
    empowerment : float
        How far the front line may act at once, 0 to 1.
    consistency : float
        1 for the same recovery every time, 0 for the widest spread.
    proactive : float
        Effort to reach customers who stay silent, 0 to 1.
    failure_multiplier : float
        Failures against the world's own rate, 0 to 10.
    description, source : str
        One line each: what it is, and where the advice comes from.

    Raises
    ------
    ValueError
        If a lever lies outside its range or is no finite number.
    TypeError
        If a lever is no number, or a label no text.

    Examples
    --------
    >>> half = RecoveryPolicy("half_refund", compensation=0.5)
    >>> half.compensation
    0.5
    """

    name: str
    apology: float = 0.0
    days_to_resolve: float = 7.0
    empathy: float = 0.0
    compensation: float = 0.0
    form: str = "refund"
    improvement: float = 0.0
    communication: float = 0.0
    follow_up: float = 0.0
    accountability: float = 0.0
    invitation: float = 0.0
    empowerment: float = 0.0
    consistency: float = 1.0
    proactive: float = 0.0
    failure_multiplier: float = 1.0
    description: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise TypeError(f"a policy's name is a text; got {self.name!r}.")
        for label in ("description", "source"):
            value = getattr(self, label)
            if not isinstance(value, str):
                raise TypeError(
                    f"policy {self.name!r}: {label} is a text; got {value!r}."
                )
        if self.form not in FORMS:
            raise ValueError(
                f"policy {self.name!r}: form is one of {list(FORMS)}; got "
                f"{self.form!r}.{did_you_mean(self.form, FORMS)}"
            )
        for lever, bounds in LEVERS.items():
            value = getattr(self, lever)
            check_lever(self.name, lever, value, bounds)
            # The loop is compiled for floats, and again for other kinds of number.
            object.__setattr__(self, lever, float(value))

    @property
    def answers(self) -> bool:
        """Whether a complaint gets any answer: a word, or something given or taken."""
        said = (self.apology, self.empathy, self.communication, self.accountability)
        return any(lever != 0.0 for lever in (*said, self.compensation))

    def but(self, name: str, **levers: Any) -> "RecoveryPolicy":
        """Return this policy under another name with some levers moved.

        Parameters
        ----------
        name : str
            Name of the new policy.
        **levers
            New values of any field.

        Returns
        -------
        RecoveryPolicy

        Raises
        ------
        ValueError
            If a lever is unknown or out of its range.

        Examples
        --------
        >>> load_policies()["service"].but("slow_service", days_to_resolve=30).name
        'slow_service'
        """
        known = [field.name for field in fields(self) if field.name != "name"]
        for lever in levers:
            if lever not in known:
                raise ValueError(
                    f"a policy has no lever {lever!r}; it has {known}."
                    f"{did_you_mean(lever, known)}"
                )
        return replace(self, name=name, **levers)


def check_lever(policy: str, lever: str, value: object, bounds: Lever) -> None:
    """Refuse a lever that is no number or lies outside its range."""
    allowed = f"{lever} is in {bounds.unit}, {bounds.low:g} to {bounds.high:g}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"policy {policy!r}: {allowed}; got {value!r}. {bounds.remedy}")
    if not math.isfinite(value) or value < bounds.low or not value <= bounds.high:
        raise ValueError(
            f"policy {policy!r}: {allowed}; got {value!r}. {bounds.remedy}"
        )


def within(lever: str) -> Any:
    """Return what a lever's cell is held to: the lever's range."""
    return Field(ge=LEVERS[lever].low, le=LEVERS[lever].high)


class PolicyRow(LedgerRow):
    """One line of the catalogue."""

    policy: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    apology: Annotated[float, within("apology")]
    days_to_resolve: Annotated[float, within("days_to_resolve")]
    empathy: Annotated[float, within("empathy")]
    compensation: Annotated[float, within("compensation")]
    form: Literal["refund", "discount", "gift", "gesture"]
    improvement: Annotated[float, within("improvement")]
    communication: Annotated[float, within("communication")]
    follow_up: Annotated[float, within("follow_up")]
    accountability: Annotated[float, within("accountability")]
    invitation: Annotated[float, within("invitation")]
    empowerment: Annotated[float, within("empowerment")]
    consistency: Annotated[float, within("consistency")]
    proactive: Annotated[float, within("proactive")]
    failure_multiplier: Annotated[float, within("failure_multiplier")]
    description: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]


def load_policies(path: str | Path | None = None) -> dict[str, RecoveryPolicy]:
    """Read a catalogue of recovery policies.

    Parameters
    ----------
    path : path, optional
        A table of your own with the columns of ``data/policies.csv``; by default the
        package's catalogue.

    Returns
    -------
    dict of str to RecoveryPolicy
        By name, in the table's order.

    Raises
    ------
    LedgerError
        If the table is not as it must be; the message names row and column.

    Examples
    --------
    >>> load_policies()["g_own_it"].compensation
    1.0
    """
    if path is None:
        return dict(read_own_catalogue())
    if not Path(path).is_file():
        raise LedgerError(f"there is no table of policies at {str(path)!r}.")
    return read_catalogue(Path(path))


@cache
def read_own_catalogue() -> dict[str, RecoveryPolicy]:
    """Read the package's catalogue, once."""
    return read_catalogue(data_path("policies.csv"))


def read_catalogue(path: Path) -> dict[str, RecoveryPolicy]:
    """Read a catalogue from disk."""
    catalogue = {}
    for row in read_ledger(path, PolicyRow, key="policy"):
        levers = row.model_dump()
        name = levers.pop("policy")
        catalogue[name] = RecoveryPolicy(name, **levers)
    return catalogue


def choose_policies(names: Iterable[str]) -> list[RecoveryPolicy]:
    """Return catalogue policies by name, in the order asked for.

    Parameters
    ----------
    names : iterable of str
        Names from the catalogue, at least one, each once.

    Returns
    -------
    list of RecoveryPolicy

    Raises
    ------
    ValueError
        If a name is unknown or stands twice, or none is given.

    Examples
    --------
    >>> [policy.name for policy in choose_policies(["service", "silence"])]
    ['service', 'silence']
    """
    names = [names] if isinstance(names, str) else list(names)
    catalogue = load_policies()
    if not names:
        raise ValueError(f"no policy was named; the catalogue holds {[*catalogue]}.")
    for name in names:
        if name not in catalogue:
            raise ValueError(
                f"the catalogue has no policy {name!r}; it holds {[*catalogue]}."
                f"{did_you_mean(name, catalogue)}"
            )
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"policy {twice[0]!r} is named twice; name each once.")
    return [catalogue[name] for name in names]


def why_no_recovery(policy: RecoveryPolicy | str) -> str:
    """Say why nobody can be recovered under a policy; empty if customers can be.

    Parameters
    ----------
    policy : RecoveryPolicy or str
        A policy, or the name of one in the catalogue.

    Returns
    -------
    str
        The reason in words, for a sentence; ``""`` if there is none.

    Raises
    ------
    ValueError
        If the catalogue has no policy of that name.

    Examples
    --------
    >>> why_no_recovery("service")
    ''
    >>> why_no_recovery("silence")
    "'silence' answers nobody, and what nobody answers cannot be recovered"
    """
    if isinstance(policy, str):
        policy = choose_policies([policy])[0]
    if policy.failure_multiplier == 0.0:
        return f"{policy.name!r} never fails anybody: there is nothing to recover"
    if not policy.answers:
        why = "answers nobody, and what nobody answers cannot be recovered"
        return f"{policy.name!r} {why}"
    return ""


def list_recovering() -> list[str]:
    """Return the names of the catalogue's policies under which recovery can happen."""
    return [name for name in load_policies() if not why_no_recovery(name)]


def require_recovery(policy: RecoveryPolicy | str) -> None:
    """Refuse a policy under which nobody can be recovered, naming those that do."""
    why = why_no_recovery(policy)
    if why:
        raise ValueError(f"{why}. Of the catalogue ask one of {list_recovering()}.")


def tabulate_policies(policies: Iterable[RecoveryPolicy] | None = None) -> pd.DataFrame:
    """Return policies as a table, one row each.

    Parameters
    ----------
    policies : iterable of RecoveryPolicy, optional
        By default the whole catalogue.

    Returns
    -------
    DataFrame
        One column per field of `RecoveryPolicy`.

    Examples
    --------
    >>> len(tabulate_policies())
    17
    """
    chosen = load_policies().values() if policies is None else policies
    return pd.DataFrame([asdict(policy) for policy in chosen])
