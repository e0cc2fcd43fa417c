"""What a notebook may be told, read from its parameters cell."""

from __future__ import annotations

import ast
import io
import keyword
import math
import re
import tokenize
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from recovery_research.reports.type_hints import TypeHint, read_literal, read_type_hint

KINDS = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    dict: "table",
    object: "any value",
}
_SECRET = re.compile(
    r"(^|_)(token|password|passwd|passphrase|secret|api_?key|credentials?)(_|$)", re.I
)
_HINT = re.compile(r"^(?P<help>.*?)\s*(?P<hint>\[[^\[\]]*\]|\{[^{}]*\})\s*$")
_STATED_TYPE = re.compile(r"type:\s*(\S+)\s*")
_LOOKS_LIKE_RANGE = re.compile(r"[-+]?[\d.]|above\b|below\b|between\b")


class ParameterError(ValueError):
    """A parameter, or a notebook's declaration of one, that cannot be used."""


class ParameterTypeError(ParameterError, TypeError):
    """A parameter's value of another type than the notebook declares."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a notebook, as its parameters cell declares it.

    Attributes
    ----------
    name : str
        Variable that the notebook reads.
    type : type
        ``bool``, ``int``, ``float``, ``str``, ``dict``, or ``object`` for any value
        that JSON can hold; of the elements if `many`.
    many : bool
        Whether the value is a list.
    default : bool, int, float, str, dict, list or None
        Value if none is given.
    help : str
        Comment of the line, without its range or choices.
    range : Range or None
        Allowed numbers, ends included unless the range says otherwise.
    choices : tuple or None
        Allowed values written out in the comment.
    vocabulary : str or None
        Title of the vocabulary the value is chosen from.
    at_least : int
        How many different names a list must hold; 0 if that is not said.
    optional : bool
        Whether it may be None.
    as_tuple : bool
        Whether the notebook gets the list as a tuple, as it wrote it.
    """

    name: str
    type: type
    many: bool
    default: Any
    help: str
    range: Range | None = None
    choices: tuple | None = None
    vocabulary: str | None = None
    at_least: int = 0
    optional: bool = False
    as_tuple: bool = False

    @property
    def kind(self) -> str:
        """Type in words, such as ``list of text``."""
        word = KINDS[self.type]
        word = f"list of {word}" if self.many else word
        return f"{word} or none" if self.optional and self.type is not object else word

    @property
    def secret(self) -> bool:
        """Whether the name says that the value must not be written down."""
        return is_secret(self.name)

    def allowed(self) -> tuple | None:
        """Return the values that may be chosen, or None if any will do."""
        if self.vocabulary is not None:
            return read_vocabulary(self.vocabulary)
        return self.choices

    def describe_allowed(self) -> str:
        """Return the range or the choices in words; empty if anything goes."""
        if self.range is not None:
            return str(self.range)
        allowed = self.allowed()
        return "" if allowed is None else ", ".join(str(value) for value in allowed)


def is_secret(name: str) -> bool:
    """Return whether a name is that of a secret, such as a token or a password.

    Examples
    --------
    >>> is_secret("db_password"), is_secret("n_tokens")
    (True, False)
    """
    return _SECRET.search(name) is not None


def read_declarations(source: str) -> dict[str, Parameter]:
    """Read the declarations in a parameters cell.

    Every statement assigns one literal, or arithmetic of numbers, to one name, whose
    type may be stated, ``share: float = None``; without that, None takes any value
    that JSON can hold, and so does an element of an empty list. The comment behind it
    is the help; it may end in a range, ``[1 to 10]``, ``[0 or more]``, ``[10 or
    less]``, ``[above 0]``, ``[below 1]`` or ``[between 0 and 1]`` (both ends
    excluded), or in choices, ``{claims, evidence}``, or in the title of a vocabulary,
    ``{policy names}``. A list's range or choices hold for each of its elements.

    Examples
    --------
    >>> cell = "n_customers = 20_000  # customers in each policy [1 to 10_000_000]"
    >>> read_declarations(cell)["n_customers"].range.describe()
    '1 to 10000000'
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ParameterError(
            f"the parameters cell is not Python: {error.msg}, line {error.lineno}."
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise ParameterError(
            "the parameters cell cannot be read; it is nested too deeply, or holds "
            "characters that Python does not take."
        ) from None
    comments = _read_comments(source)
    declared: dict[str, Parameter] = {}
    taken_lines: set[int] = set()
    for statement in tree.body:
        lines = range(statement.lineno, (statement.end_lineno or 0) + 1)
        if not taken_lines.isdisjoint(lines):
            raise _refuse(statement, source, "stands on one line with another")
        taken_lines.update(lines)
        comment = comments.get(lines[0]) or comments.get(lines[-1], "")
        parameter = _read_statement(statement, source, comment)
        if parameter.name in declared:
            raise ParameterError(f"parameter {parameter.name!r} is declared twice.")
        declared[parameter.name] = parameter
    return declared


def _read_comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _read_statement(node: ast.stmt, source: str, comment: str) -> Parameter:
    target, value, stated = _read_target(node, source)
    name = target.id
    if name.startswith("_") or keyword.issoftkeyword(name):
        raise _refuse(node, source, f"uses the name {name!r}, which is reserved")
    try:
        default = read_literal(value)
    except (ValueError, RecursionError):
        raise _refuse(node, source, _explain_computed(value)) from None
    said = _STATED_TYPE.match(comment)
    if stated is None and said is not None:
        stated, comment = read_type_hint(said[1]), comment[said.end() :]
    kind = stated or _read_type(node, source, default, comment)
    if type(default) is list and kind.type is float:
        default = [float(each) if type(each) is int else each for each in default]
    text, limits = _read_hint(name, kind.type, comment)
    if kind.choices is not None:
        limits = {"choices": kind.choices}
    return Parameter(
        name,
        kind.type,
        kind.many,
        list(default) if isinstance(default, tuple) else default,
        text,
        optional=kind.optional or default is None,
        as_tuple=isinstance(default, tuple),
        **limits,
    )


def _read_target(
    node: ast.stmt, source: str
) -> tuple[ast.Name, ast.expr, TypeHint | None]:
    """Return the name that a statement sets, to what, and the type stated for it."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        if node.value is None:
            raise _refuse(node, source, "has no value")
        stated = read_type_hint(ast.unparse(node.annotation))
        return node.target, node.value, stated
    target = None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    if not (isinstance(node, ast.Assign) and isinstance(target, ast.Name)):
        raise _refuse(node, source, "is not an assignment to one name")
    return target, node.value, None


def _explain_computed(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "computes its text; write the text itself"
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    if re.search(r"date|time|Timestamp", called):
        return 'computes its value; write a date as a text, such as "2024-01-31"'
    return "computes its value; literals and sums such as 60 * 60 can be overridden"


def _read_type(node: ast.stmt, source: str, default: object, comment: str) -> TypeHint:
    """Read the type off the default, or where that is None off the comment."""
    if default is None:
        return TypeHint(_guess_type(comment), optional=True)
    if isinstance(default, list | tuple):
        return TypeHint(_find_common([type(each) for each in default]), many=True)
    if type(default) not in KINDS:
        raise _refuse(
            node,
            source,
            "needs true or false, a number, a text, a list, a table with texts as "
            "keys, or None as its default",
        )
    return TypeHint(type(default))


def _find_common(types: list[type]) -> type:
    """Return the type of a list's elements; if they have several, any will do."""
    different = set(types)
    if different == {int, float}:
        return float
    scalars = {bool, int, float, str}
    return types[0] if len(different) == 1 and different <= scalars else object


def _guess_type(comment: str) -> type:
    """Return the type that a comment's range or choices are for, if it has any."""
    match = _HINT.match(comment)
    if match is None:
        return object
    if match["hint"].startswith("{"):
        return str
    inside = match["hint"][1:-1].strip()
    return float if _LOOKS_LIKE_RANGE.match(inside) else object


def _read_hint(name: str, element_type: type, comment: str) -> tuple[str, dict]:
    match = _HINT.match(comment)
    # Of a table or of anything, brackets in the comment are an example.
    if match is None or element_type in (dict, object):
        return comment, {}
    inside = match["hint"][1:-1].strip()
    if match["hint"].startswith("{"):
        if inside.endswith(" names"):
            count, more, title = inside.partition(" or more ")
            if more and count.isdecimal():
                return match["help"], {"vocabulary": title, "at_least": int(count)}
            return match["help"], {"vocabulary": inside}
        return match["help"], {"choices": _read_choices(name, element_type, inside)}
    if not _LOOKS_LIKE_RANGE.match(inside):
        return comment, {}
    if element_type not in (int, float):
        raise ParameterError(
            f"parameter {name!r}: a range needs a number, not {KINDS[element_type]}."
        )
    try:
        return match["help"], {"range": read_range(inside)}
    except ValueError as error:
        raise ParameterError(f"parameter {name!r}: {error}") from None


def _read_choices(name: str, element_type: type, inside: str) -> tuple:
    words = [word.strip() for word in inside.split(",")]
    if "" in words or len(set(words)) != len(words) or element_type is bool:
        raise ParameterError(
            f"parameter {name!r}: choices are different values with commas between "
            f"them, such as {{claims, evidence}}; got {{{inside}}}."
        )
    try:
        return tuple(element_type(word) for word in words)
    except ValueError:
        raise ParameterError(
            f"parameter {name!r}: the choices {{{inside}}} are not all of the "
            f"default's type, {KINDS[element_type]}."
        ) from None


def _refuse(node: ast.stmt, source: str, what: str) -> ParameterError:
    line = (ast.get_source_segment(source, node) or "").splitlines()[0]
    return ParameterError(
        f"line {node.lineno} of the parameters cell, `{line}`, {what}. "
        "Write one `name = literal  # meaning` a line."
    )


_NUMBER = r"([-+]?\d[\d_]*(?:\.\d[\d_]*)?(?:e[-+]?\d+)?)"
# Pattern, and which of the two ends (low, high) it closes.
_PATTERNS = (
    (re.compile(rf"{_NUMBER} to {_NUMBER}"), "both", False),
    (re.compile(rf"between {_NUMBER} and {_NUMBER}"), "both", True),
    (re.compile(rf"{_NUMBER} or more"), "low", False),
    (re.compile(rf"above {_NUMBER}"), "low", True),
    (re.compile(rf"{_NUMBER} or less"), "high", False),
    (re.compile(rf"below {_NUMBER}"), "high", True),
)


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of numbers.

    Attributes
    ----------
    low, high : int or float
        Ends; minus or plus infinity where there is none.
    open : bool
        Whether the ends themselves are excluded.

    Examples
    --------
    >>> 0.95 in Range(0, 1, open=True), 1 in Range(0, 1, open=True)
    (True, False)
    """

    low: float
    high: float
    open: bool = False

    def __contains__(self, value: float) -> bool:
        if self.open:
            return self.low < value < self.high
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return self.describe()

    def describe(self) -> str:
        """Return the range in the words that declare it."""
        if math.isinf(self.high):
            return f"above {self.low}" if self.open else f"{self.low} or more"
        if math.isinf(self.low):
            return f"below {self.high}" if self.open else f"{self.high} or less"
        if self.open:
            return f"between {self.low} and {self.high}"
        return f"{self.low} to {self.high}"


def read_range(text: str) -> Range:
    """Read a range as a notebook's comment writes it."""
    for pattern, closes, is_open in _PATTERNS:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        numbers = [_read_number(group) for group in match.groups()]
        low = numbers[0] if closes != "high" else -math.inf
        high = numbers[-1] if closes != "low" else math.inf
        if low > high:
            raise ValueError(f"the range [{text}] begins above its end.")
        return Range(low, high, is_open)
    raise ValueError(
        f"cannot read the range [{text}]; write [1 to 10], [between 0 and 1], "
        "[0 or more], [above 0], [10 or less] or [below 1]."
    )


def _read_number(text: str) -> int | float:
    plain = text.replace("_", "")
    return int(plain) if re.fullmatch(r"[-+]?\d+", plain) else float(plain)


Source = str | Callable[[], Iterable[str]] | Iterable[str]

# Written as "module:attribute" so that describing a notebook imports no simulation
# unless one of its parameters asks for such a name.
_SOURCES: dict[str, Source] = {
    "policy names": "recovery_research.model.policies:load_policies",
    "recovering policy names": "recovery_research.model.policies:list_recovering",
    "world names": "recovery_research.model.worlds:WORLD_NAMES",
    "population names": "recovery_research.model.populations:POPULATION_NAMES",
    "outcome names": "recovery_research.model.tables:OUTCOME_NAMES",
}
# Why a name is not among them although it looks as if it should be: a callable that
# takes the name and returns the reason.
_REASONS = {
    "recovering policy names": "recovery_research.model.policies:why_no_recovery",
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
    """Return the names in a vocabulary."""
    if title not in _SOURCES:
        raise ValueError(
            f"there is no vocabulary {title!r}; there are {sorted(_SOURCES)}."
        )
    source = _SOURCES[title]
    if isinstance(source, str):
        source = _load(source)
    return tuple(source() if callable(source) else source)


def explain_absence(title: str, name: object) -> str:
    """Say why a name is not in a vocabulary; empty if there is no more to say."""
    if title not in _REASONS:
        return ""
    try:
        return _load(_REASONS[title])(name)
    except ValueError:  # a name that nobody knows
        return ""


def _load(place: str) -> Any:
    """Import what stands at ``module:attribute``."""
    module, attribute = place.split(":")
    return getattr(import_module(module), attribute)
