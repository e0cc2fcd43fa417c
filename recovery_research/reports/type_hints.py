"""What a parameters cell states: types, and values written out."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace

_NAMES = {"bool": bool, "int": int, "float": float, "str": str, "dict": dict,
          "Dict": dict, "Mapping": dict, "Any": object, "object": object}  # fmt: skip
_LISTS = frozenset({"list", "List", "Sequence", "Iterable", "tuple", "Tuple"})
_WRAPPERS = frozenset({"Annotated", "Final", "ClassVar"})


@dataclass(frozen=True, slots=True)
class TypeHint:
    """What a type hint says.

    Attributes
    ----------
    type : type
        ``bool``, ``int``, ``float``, ``str``, ``dict``, or ``object`` for any value;
        of the elements if `many`.
    many : bool
        Whether it is a list or a tuple.
    optional : bool
        Whether it may be None.
    choices : tuple or None
        Allowed values, of ``Literal``.
    """

    type: type
    many: bool = False
    optional: bool = False
    choices: tuple | None = None


def read_type_hint(source: str) -> TypeHint | None:
    """Read a type hint.

    Examples
    --------
    >>> read_type_hint("Optional[list[float]]")
    TypeHint(type=<class 'float'>, many=True, optional=True, choices=None)
    """
    try:
        return _read(ast.parse(source.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _read(node: ast.expr) -> TypeHint | None:
    if isinstance(node, ast.Constant):
        if node.value is None:
            return TypeHint(type(None), optional=True)
        return read_type_hint(node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _unite([_read(node.left), _read(node.right)])
    name = _name(node)
    if name in _NAMES:
        return TypeHint(_NAMES[name])
    if name in _LISTS:
        return TypeHint(object, many=True)
    if isinstance(node, ast.Subscript):
        return _read_subscript(_name(node.value), node.slice)
    return None


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):  # typing.Optional, or under another name
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _read_subscript(name: str, inside: ast.expr) -> TypeHint | None:
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if name == "Literal":
        return _read_choices([ast.literal_eval(part) for part in parts])
    if name in _NAMES:
        return TypeHint(_NAMES[name])
    if name in _WRAPPERS:
        return _read(parts[0])
    if name == "Optional":
        return _unite([_read(parts[0]), TypeHint(type(None), optional=True)])
    if name == "Union":
        return _unite([_read(part) for part in parts])
    if name not in _LISTS:
        return None
    kept = [p for p in parts if not (isinstance(p, ast.Constant) and p.value is ...)]
    element = _unite([_read(part) for part in kept])
    if element is None or element.many or element.optional or element.choices:
        return TypeHint(object, many=True)
    return replace(element, many=True)


def _read_choices(values: list) -> TypeHint | None:
    types = {type(value) for value in values} - {type(None)}
    chosen = tuple(value for value in values if value is not None)
    if len(types) != 1 or not types <= {int, str}:
        return None
    return TypeHint(types.pop(), optional=None in values, choices=chosen)


def _unite(hints: list[TypeHint | None]) -> TypeHint | None:
    """Return what holds for a value of any of some types."""
    known = [hint for hint in hints if hint is not None]
    if len(known) < len(hints):
        return None
    optional = any(hint.optional for hint in known)
    told = {replace(h, optional=False) for h in known if h.type is not type(None)}
    if len(told) == 1:
        return replace(told.pop(), optional=optional)
    if told == {TypeHint(int), TypeHint(float)}:
        return TypeHint(float, optional=optional)
    return TypeHint(object)


_SIGNS: dict[type[ast.unaryop], Callable[[float], float]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
LARGEST_BASE, LARGEST_POWER = 1e6, 100


def read_literal(node: ast.expr) -> object:
    """Return the value of a literal, or of arithmetic of numbers such as ``60 * 60``.

    Examples
    --------
    >>> read_literal(ast.parse("[60 * 60, -2**3, 'a']", mode="eval").body)
    [3600, -8, 'a']
    """
    if isinstance(node, ast.List):
        return [read_literal(element) for element in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(read_literal(element) for element in node.elts)
    try:
        if isinstance(node, ast.Dict) and None not in node.keys:
            keys = [read_literal(key) for key in node.keys if key is not None]
            return dict(zip(keys, map(read_literal, node.values), strict=True))
        if isinstance(node, ast.UnaryOp) and type(node.op) in _SIGNS:
            return _SIGNS[type(node.op)](_read_number(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return _calculate(node)
        return ast.literal_eval(node)
    except (TypeError, ArithmeticError, SyntaxError, MemoryError) as error:
        raise ValueError(str(error)) from None


def _read_number(node: ast.expr) -> int | float:
    value = read_literal(node)
    if type(value) is int or type(value) is float:
        return value
    raise ValueError("not a number")


def _calculate(node: ast.BinOp) -> int | float:
    left, right = _read_number(node.left), _read_number(node.right)
    # A tower of powers would fill the memory before anybody could refuse it.
    large = abs(left) > LARGEST_BASE or abs(right) > LARGEST_POWER
    if large and isinstance(node.op, ast.Pow):
        raise ValueError("too large")
    value = _ARITHMETIC[type(node.op)](left, right)
    if type(value) not in (int, float):
        raise ValueError("not a number")
    return value
