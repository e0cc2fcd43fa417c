"""Which value each parameter of a run has, and who chose it."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recovery_research.near_names import did_you_mean
from recovery_research.reporting.masks import holds_password
from recovery_research.reporting.parameters import Parameter, ParameterError
from recovery_research.reporting.values import check_value, read_text


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place.

    Attributes
    ----------
    origin : str
        Where they come from, such as ``profile quick`` or ``command line``.
    values : mapping of str to object
        Parameter names and values.
    as_text : bool
        Whether texts are converted to the declared type.
    folder : Path or None
        Where relative paths among them start from; None if they stay as they are.
    """

    origin: str
    values: Mapping[str, object]
    as_text: bool = False
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The value that one parameter has in a run.

    Attributes
    ----------
    parameter : Parameter
        Declaration.
    value : bool, int, float, str, dict, list or None
        Value, checked.
    origin : str
        ``default`` or the origin of the layer that chose it.
    """

    parameter: Parameter
    value: object
    origin: str


def choose_parameters(
    declared: Mapping[str, Parameter], layers: Sequence[Layer]
) -> dict[str, Choice]:
    """Choose every parameter's value; later layers win over earlier ones.

    Every value of every layer is checked, also one that a later layer overrides.

    Parameters
    ----------
    declared : mapping of str to Parameter
        Declarations of the notebook.
    layers : sequence of Layer
        Weakest first.

    Returns
    -------
    dict of str to Choice
        One for each declared parameter, in the order of the declarations.

    Raises
    ------
    ParameterError
        If a name is not declared or a value, default included, is not allowed.
    """
    chosen = {
        name: Choice(parameter, check_value(parameter, parameter.default), "default")
        for name, parameter in declared.items()
    }
    for layer in layers:
        for name, value in layer.values.items():
            parameter = _find_declared(declared, name, layer.origin)
            chosen[name] = Choice(
                parameter, _check(parameter, value, layer), layer.origin
            )
    return chosen


def _check(parameter: Parameter, value: object, layer: Layer) -> object:
    try:
        if not layer.as_text:
            return check_value(parameter, value)
        if isinstance(value, str):
            return read_text(parameter, value)
        if isinstance(value, list | dict):
            return _read_texts(parameter, value)
        return check_value(parameter, value)
    except ParameterError as error:
        raise type(error)(f"{layer.origin}: {error}") from None


def _read_texts(parameter: Parameter, texts: list | dict) -> object:
    """Convert the elements of a list one by one, each as a list of one."""
    if parameter.type in (dict, object):
        raise ParameterError(
            f"{parameter.name}: which of its values are numbers and which are texts, "
            "this file does not tell; write it in TOML or JSON."
        )
    if not parameter.many or isinstance(texts, dict):
        return check_value(parameter, texts)
    elements: list = []
    for text in texts:
        if isinstance(text, str) and parameter.type is not str:
            elements += read_text(parameter, text)
        else:
            elements.append(text)
    return check_value(parameter, elements)


def _find_declared(
    declared: Mapping[str, Parameter], name: object, origin: str
) -> Parameter:
    if isinstance(name, str) and name in declared:
        return declared[name]
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        shown = "what stands there" if holds_password(str(name)) else repr(name)
        raise ParameterError(f"{origin}: {shown} cannot be the name of a parameter.")
    there = ", ".join(declared) or "none in a cell tagged 'parameters'"
    raise ParameterError(
        f"{origin}: there is no parameter {name!r}; there are {there}."
        f"{did_you_mean(name, declared)}"
    )
