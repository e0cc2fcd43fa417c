"""The lists of names that a notebook's parameters may be chosen from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

Source = str | Callable[[], Iterable[str]] | Iterable[str]

# Written as "module:attribute" so that describing a notebook imports no simulation
# unless one of its parameters asks for such a name.
_SOURCES: dict[str, Source] = {
    "policy names": "recovery_research.policies:load_policies",
    "recovering policy names": "recovery_research.policies:list_recovering",
    "world names": "recovery_research.worlds:WORLD_NAMES",
    "population names": "recovery_research.populations:POPULATION_NAMES",
    "outcome names": "recovery_research.outcomes:OUTCOME_NAMES",
}
# Why a name is not among them although it looks as if it should be: a callable that
# takes the name and returns the reason.
_REASONS = {
    "recovering policy names": "recovery_research.policies:why_no_recovery",
}


def register_vocabulary(title: str, source: Source) -> None:
    """Declare a list of names that parameters may be chosen from.

    Parameters
    ----------
    title : str
        How the comment of a parameter calls it, ending in ``names``; a comment
        ending in ``{tool names}`` uses the vocabulary ``"tool names"``.
    source : str, callable or iterable of str
        The names; a callable that returns them; or ``"module:attribute"``, imported
        when first asked for.

    Raises
    ------
    ValueError
        If `title` does not end in ``names``.

    Examples
    --------
    >>> register_vocabulary("colour names", ["red", "blue"])
    >>> read_vocabulary("colour names")
    ('red', 'blue')
    """
    if not title.endswith(" names"):
        raise ValueError(
            "a vocabulary's title ends in ' names', such as 'tool names'; "
            f"got {title!r}."
        )
    _SOURCES[title] = source


def read_vocabulary(title: str) -> tuple[str, ...]:
    """Return the names in a vocabulary.

    Parameters
    ----------
    title : str
        Title under which it was registered.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        If there is no such vocabulary.
    """
    if title not in _SOURCES:
        raise ValueError(
            f"there is no vocabulary {title!r}; there are {sorted(_SOURCES)}."
        )
    source = _SOURCES[title]
    if isinstance(source, str):
        source = _load(source)
    return tuple(source() if callable(source) else source)


def explain_absence(title: str, name: str) -> str:
    """Say why a name is not in a vocabulary; empty if there is no more to say."""
    if title not in _REASONS:
        return ""
    try:
        return _load(_REASONS[title])(name)
    except ValueError:  # a name that nobody knows
        return ""


def _load(place: str) -> object:
    """Import what stands at ``module:attribute``."""
    module, attribute = place.split(":")
    return getattr(import_module(module), attribute)
