"""Parameters of a notebook, from all that gives them: chosen, checked, or refused."""

from __future__ import annotations

import ast
import json
import keyword
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from numbers import Integral, Real
from pathlib import Path
from typing import Any, cast

from recovery_research._checks import did_you_mean
from recovery_research.reports.declared_parameters import (
    Parameter,
    ParameterError,
    ParameterTypeError,
    explain_absence,
    read_declarations,
)
from recovery_research.reports.masking import holds_password

# What papermill puts over the values that it was given.
INJECTED_HEAD = "# Parameters\n"


class WrongParameterError(ParameterError):
    """A parameter that the notebook cannot use, told in one line where it runs."""

    def _render_traceback_(self) -> list[str]:
        # The way from here to where it was found out helps nobody.
        return [f"{type(self).__name__}: {self}"]


def check_parameters() -> None:
    """Refuse parameters that the command line would refuse, in a running notebook.

    Stands in the first cell after the parameters cell. In JupyterLab and plain
    papermill nothing else holds a value against the range, the choices or the names
    that stand behind it. Only IPython knows what cells there were; in other Pythons
    there is nothing to check.

    Raises
    ------
    ParameterError
        If a value, a name or the parameters cell itself cannot be used.

    Examples
    --------
    >>> check_parameters()
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    before = [str(source) for source in shell.user_ns.get("In", [])[:-1]]
    try:
        check_cells(before, shell.user_ns)
    except ParameterError as error:
        raise WrongParameterError(str(error)) from None


def check_cells(cells: Sequence[str], values: Mapping[str, object]) -> None:
    """Check the values of what cells have declared."""
    injected = cells[-1] if cells and cells[-1].startswith(INJECTED_HEAD) else ""
    written = [source for source in cells if not source.startswith(INJECTED_HEAD)]
    declared: dict[str, Parameter] = {}
    for age, source in enumerate(reversed(written)):
        found = _read_cell(source, strict=age == 0)
        # A cell that was edited and run again is no second one.
        if declared.keys().isdisjoint(found):
            declared |= found
    names = [name for name in declared if name in values]
    names += [name for name in _list_names(injected) if name not in declared]
    given = {name: values.get(name) for name in names}
    choose_parameters(declared, [Layer("parameters", given)])


def _read_cell(source: str, *, strict: bool) -> dict[str, Parameter]:
    """Return what a cell declares, if it is one that does nothing else."""
    try:
        found = read_declarations(source)
    except ParameterError:
        # The cell right before is taken for a mistake in the parameters cell where it
        # only sets names; of older ones nobody knows what they were.
        if strict and _list_names(source):
            raise
        return {}
    told = any(p.help or p.describe_allowed() for p in found.values())
    return found if told else {}


def _list_names(source: str) -> list[str]:
    """Return the names that a cell sets, if it does nothing else."""
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = []
    for each in statements:
        targets: list[ast.expr] = []
        if isinstance(each, ast.Assign):
            targets = each.targets
        elif isinstance(each, ast.AnnAssign):
            targets = [each.target]
        if len(targets) != 1 or not isinstance(targets[0], ast.Name):
            return []
        names.append(targets[0].id)
    return names


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
    value: Any
    origin: str


def choose_parameters(
    declared: Mapping[str, Parameter], layers: Sequence[Layer]
) -> dict[str, Choice]:
    """Choose every parameter's value; later layers win over earlier ones.

    Every value of every layer is checked, also one that a later layer overrides.
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
            # Of a parameter that is many comes a list.
            elements += cast("list", read_text(parameter, text))
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


_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_NONE = ("None", "null")
_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
LARGEST_WHOLE_NUMBER = 2**64 - 1
DEEPEST, LONGEST_SHOWN = 20, 200


def read_text(parameter: Parameter, text: str) -> object:
    """Convert a text to the declared type of a parameter and check it.

    A text is taken as it is; true or false is written just so; a whole number has
    digits only (``20_000`` is allowed, ``1e3`` and ``007`` are not); a list is JSON
    if it begins with a bracket, otherwise its elements stand between commas. What may
    be none is ``None`` or ``null``; a table is JSON; and where any value will do, what
    is JSON is that value, and everything else a text.

    Examples
    --------
    >>> from recovery_research.reports.declared_parameters import read_declarations
    >>> declared = read_declarations("shares = [0.1]  # to try [0 to 1]")
    >>> read_text(declared["shares"], "0.2, 1")
    [0.2, 1.0]
    """
    _check_no_password(parameter, text)
    if parameter.optional and text in _NONE:
        return None
    if not parameter.many:
        return check_value(parameter, _read_element(parameter, text))
    if text.lstrip().startswith("["):
        return check_value(parameter, _read_json_list(parameter, text))
    pieces = [piece.strip() for piece in text.split(",")]
    if "" in pieces:
        raise _mistyped(parameter, text)
    return check_value(parameter, [_read_element(parameter, piece) for piece in pieces])


def check_value(parameter: Parameter, value: object) -> object:
    """Return a value as plain Python if a parameter may take it."""
    if parameter.secret:
        _check_reference(parameter, value)
    _check_no_password(parameter, value)
    if value is None and parameter.optional:
        return None
    if not parameter.many:
        return _check_element(parameter, value)
    if not isinstance(value, list | tuple):
        raise _mistyped(parameter, value)
    # Whose default is empty can do with nothing.
    if not value and parameter.default:
        raise ParameterError(f"{parameter.name}: the list is empty; give at least one.")
    plain = [_check_element(parameter, element) for element in value]
    _check_count(parameter, plain)
    return plain


def _check_count(parameter: Parameter, plain: list) -> None:
    """Refuse a list of too few names, or one that repeats a name."""
    if not parameter.at_least:
        return
    different = list(dict.fromkeys(plain))
    allowed = parameter.allowed() or ()
    if len(different) < max(parameter.at_least, len(plain)):
        raise ParameterError(
            f"{parameter.name}: needs {parameter.at_least} or more names, each once; "
            f"got {plain}. Allowed are {', '.join(map(str, allowed))}."
        )


def _read_element(parameter: Parameter, text: str) -> object:
    if parameter.type is str:
        return text
    if parameter.type in (dict, object):
        return _read_json(parameter, text)
    if parameter.type is bool and text in _BOOLEANS:
        return _BOOLEANS[text]
    if parameter.type is int and _WHOLE.fullmatch(text) and len(text) < 100:
        return int(text)
    if parameter.type is float and _NUMBER.fullmatch(text.replace("_", "")):
        return float(text.replace("_", ""))
    raise _mistyped(parameter, text)


def _read_json(parameter: Parameter, text: str) -> object:
    """Read a table, or any value; what is not JSON is a text where any will do."""
    python = {"True": True, "False": False, "None": None}
    try:
        return python[text] if text in python else json.loads(text)
    except RecursionError:
        raise _too_deep(parameter) from None
    except ValueError:
        if parameter.type is object:
            return text
        raise ParameterError(
            f'{parameter.name}: not a table in JSON, such as {{"a": 1}}; '
            f"got {_show(text)}."
        ) from None


def _read_json_list(parameter: Parameter, text: str) -> list:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ParameterError(
            f'{parameter.name}: not a list in JSON, such as ["a", "b"]; '
            f"got {_show(text)}."
        ) from None


def _check_element(parameter: Parameter, value: object) -> object:
    if parameter.type is dict and not isinstance(value, dict):
        raise _mistyped(parameter, value)
    if parameter.type in (dict, object):
        return _check_any(parameter, value, 0)
    plain: Any = _as_plain(parameter, value)  # of the parameter's type
    if parameter.type is float and not math.isfinite(plain):
        raise ParameterError(f"{parameter.name}: needs a finite number; got {value!r}.")
    if parameter.type is int and abs(plain) > LARGEST_WHOLE_NUMBER:
        raise ParameterError(f"{parameter.name}: {value!r} does not fit 64 bits.")
    if parameter.type is str:
        _check_characters(parameter, plain)
    if parameter.range is not None and plain not in parameter.range:
        raise ParameterError(
            f"{parameter.name}: {plain!r} is not allowed; allowed is {parameter.range}."
        )
    allowed = parameter.allowed()
    if allowed is not None and plain not in allowed:
        raise ParameterError(_describe_choice(parameter, plain, allowed))
    return plain


def _check_any(parameter: Parameter, value: object, depth: int) -> object:
    """Return any value as plain Python, if a file of JSON can hold it."""
    if depth > DEEPEST:
        raise _too_deep(parameter)
    if isinstance(value, list | tuple):
        return [_check_any(parameter, each, depth + 1) for each in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ParameterError(
                    f"{parameter.name}: the keys of a table are texts; "
                    f"got {_show(key)}."
                )
            _check_characters(parameter, key)
        return {
            str(key): _check_any(parameter, each, depth + 1)
            for key, each in value.items()
        }
    if value is None:
        return None
    value = _unwrap(value)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return _check_element(replace(parameter, type=kind), value)
    raise _mistyped(parameter, value)


def _unwrap(value: Any) -> object:
    """Return numpy's scalars as Python's, and a date as the text of it."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        value = value.item()
    return value.isoformat() if isinstance(value, date | time) else value


def _as_plain(parameter: Parameter, value: object) -> object:
    value = _unwrap(value)
    is_bool = isinstance(value, bool)
    if parameter.type is bool and is_bool:
        return value
    if parameter.type is str and isinstance(value, str):
        return str(value)
    if parameter.type is int and isinstance(value, Integral) and not is_bool:
        return int(value)
    if parameter.type is float and isinstance(value, Real) and not is_bool:
        return _as_float(parameter, value)
    raise _mistyped(parameter, value)


def _as_float(parameter: Parameter, value: Real) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ParameterError(f"{parameter.name}: the number is too large.") from None


def _check_characters(parameter: Parameter, text: str) -> None:
    if any(0xD800 <= ord(letter) <= 0xDFFF or letter == "\0" for letter in text):
        raise ParameterError(
            f"{parameter.name}: {text!r} holds characters that no file can keep."
        )


def _check_reference(parameter: Parameter, value: object) -> None:
    if value == "":
        return
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise ParameterError(
            f"{parameter.name}: a secret is given by the name of an environment "
            f"variable, such as env:{parameter.name.upper()}, never in plain text."
        )
    if not os.environ.get(value.removeprefix("env:")):
        raise ParameterError(
            f"{parameter.name}: the environment variable "
            f"{value.removeprefix('env:')!r} is not set."
        )


def _check_no_password(parameter: Parameter, value: object) -> None:
    """Refuse an address with a password before any message shows the value."""
    if any(holds_password(text) for text in list_texts(value)):
        raise ParameterError(
            f"{parameter.name}: the value, which is not shown, holds a password, and "
            "every value is written down in run.json and on the page. Put it into an "
            "environment variable and write env:NAME instead."
        )


def list_texts(value: object) -> Iterator[str]:
    """Give every text in a value, keys of tables included."""
    level = [value]
    while level:
        value = level.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            level += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            level += value


def _too_deep(parameter: Parameter) -> ParameterError:
    return ParameterError(
        f"{parameter.name}: lists and tables may be nested up to {DEEPEST} levels deep."
    )


def _show(value: object) -> str:
    """Return a value as it came, cut if it is long."""
    try:
        shown = repr(value)
    except RecursionError:
        return "a value that is nested too deeply"
    return shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "..."


def _describe_choice(parameter: Parameter, value: object, allowed: tuple) -> str:
    words = [str(word) for word in allowed]
    why = explain_absence(parameter.vocabulary, value) if parameter.vocabulary else ""
    if why:
        return f"{parameter.name}: {why}; allowed are {', '.join(words)}."
    return (
        f"{parameter.name}: {value!r} is not allowed; allowed are "
        f"{', '.join(words)}.{did_you_mean(value, words)}"
    )


def _mistyped(parameter: Parameter, value: object) -> ParameterTypeError:
    remedies = {
        bool: "write true or false",
        int: "write digits only, such as 20000",
        float: "write a number such as 0.25",
        str: "write a text",
        dict: 'write a table, in JSON such as {"a": 1}',
        object: "write what JSON can hold: numbers, texts, lists, tables",
    }
    remedy = remedies[parameter.type]
    if parameter.many:
        remedy = 'separate the elements by commas or write JSON, such as ["a", "b"]'
    shown = "a value that is not shown" if parameter.secret else _show(value)
    return ParameterTypeError(
        f"{parameter.name}: needs {parameter.kind} (default {parameter.default!r}); "
        f"got {shown}: {remedy}."
    )
