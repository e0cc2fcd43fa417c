"""The lists of names that a notebook's parameters may be chosen from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

Source = str | Callable[[], Iterable[str]] | Iterable[str]

# Written as "module:attribute" so that describing a notebook imports no simulation
# unless one of its parameters asks for such a name.
_SOURCES: dict[str, Source] = {
    "policy names": "recovery_research.policies:load_policies",
    "world names": "recovery_research.worlds:WORLD_NAMES",
    "population names": "recovery_research.populations:POPULATION_NAMES",
    "outcome names": "recovery_research.outcomes:OUTCOME_NAMES",
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
        module, attribute = source.split(":")
        source = getattr(import_module(module), attribute)
    return tuple(source() if callable(source) else source)
