"""What customers are like: beliefs, feelings, links to behaviour, and economics."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from recovery_research._checks import did_you_mean
from recovery_research.model.coefficients import Ledger, load_ledger
from recovery_research.paths import data_path
from recovery_research.results import Result

WORLD_NAMES = ("claims", "evidence")
MECHANISMS = ("learning", "disconfirmation", "reciprocity")


@dataclass(frozen=True, slots=True)
class World(Result):
    """All coefficients that say how customers take failure and recovery.

    Attributes
    ----------
    name : str
        ``claims``, ``evidence``, or a name of your own.
    ledger : Ledger
        Every coefficient by name.
    switched_off : frozenset of str
        Mechanisms that do nothing in this world.
    """

    name: str
    ledger: Ledger
    switched_off: frozenset[str] = frozenset()

    def __getitem__(self, coefficient: str) -> float:
        if coefficient not in self.ledger:
            raise KeyError(
                f"world {self.name!r} has no coefficient {coefficient!r}."
                f"{did_you_mean(coefficient, self.ledger)}"
            )
        return self.ledger[coefficient].value

    def without(self, *mechanisms: str) -> "World":
        """Return this world with some mechanisms switched off.

        Parameters
        ----------
        *mechanisms : str
            Any of ``learning`` (beliefs, so trust), ``disconfirmation`` (hurt, insult
            and delight) and ``reciprocity`` (obligation).

        Returns
        -------
        World

        Raises
        ------
        ValueError
            If a mechanism is unknown.

        Examples
        --------
        >>> sorted(load_world("evidence").without("learning").switched_off)
        ['learning']
        """
        for mechanism in mechanisms:
            if mechanism not in MECHANISMS:
                raise ValueError(
                    f"there is no mechanism {mechanism!r}; there are "
                    f"{list(MECHANISMS)}.{did_you_mean(mechanism, MECHANISMS)}"
                )
        return replace(self, switched_off=self.switched_off | frozenset(mechanisms))

    def but(self, name: str, **values: float) -> "World":
        """Return this world under another name with some coefficients changed.

        Parameters
        ----------
        name : str
            Name of the new world.
        **values : float
            New values by coefficient; each is marked as assumed.

        Returns
        -------
        World

        Raises
        ------
        ValueError
            If a coefficient is unknown or its value out of range.

        Examples
        --------
        >>> load_world("evidence").but("hardened", hurt=0.0)["hurt"]
        0.0
        """
        return replace(
            self,
            name=name,
            ledger=self.ledger.with_values(values, source=f"set for world {name!r}"),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the ledger of assumptions, one row a coefficient."""
        frame = self.ledger.to_frame()
        frame.insert(0, "world", self.name)
        return frame


def load_world(name: str) -> World:
    """Load one of the two worlds.

    Parameters
    ----------
    name : str
        ``claims``, calibrated to what practitioners say, or ``evidence``, set to the
        pattern of the reviewed studies.

    Returns
    -------
    World

    Raises
    ------
    ValueError
        If there is no such world.
    LedgerError
        If the world's table was edited into something that cannot be read.

    Examples
    --------
    >>> load_world("evidence")["parity_compensation"]
    0.8
    """
    if name not in WORLD_NAMES:
        raise ValueError(
            f"there is no world {name!r}; there are {list(WORLD_NAMES)}."
            f"{did_you_mean(name, WORLD_NAMES)}"
        )
    ledger = load_ledger(data_path("coefficients.csv"), data_path(f"world-{name}.csv"))
    return World(name, ledger)


def tabulate_worlds(worlds: Iterable[World]) -> pd.DataFrame:
    """Put worlds side by side: one row a coefficient, one column a world.

    Parameters
    ----------
    worlds : iterable of World
        Worlds of different names.

    Returns
    -------
    DataFrame
        ``coefficient, part, unit, low, high, meaning``, then for each world its value
        and its evidence class, and ``differs``.
    """
    worlds = list(worlds)
    first = worlds[0].ledger.to_frame()
    table = first[["name", "part", "unit", "low", "high", "meaning"]].rename(
        columns={"name": "coefficient"}
    )
    for world in worlds:
        frame = world.ledger.to_frame()
        table[world.name] = frame["value"]
        table[f"{world.name}_evidence_class"] = frame["evidence_class"]
    names = [world.name for world in worlds]
    table["differs"] = table[names].min(axis=1) < table[names].max(axis=1)
    return table
