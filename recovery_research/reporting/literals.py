"""Values that Python source writes out, read without running it."""

from __future__ import annotations

import ast
import operator

_SIGNS = {ast.UAdd: operator.pos, ast.USub: operator.neg}
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

    Parameters
    ----------
    node : ast.expr
        Parsed source.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If the value can only be known by running the source.

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
            keys = [read_literal(key) for key in node.keys]
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
    if type(value) not in (int, float):
        raise ValueError("not a number")
    return value


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
