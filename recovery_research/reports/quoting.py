"""Text put into other programs' files so that it stays text."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata

_UNFIT = {"Cc", "Cs", "Zl", "Zp"}
_BESIDE_WORDS = re.compile(r"[^A-Za-z0-9]+")
_CI_PATH = re.compile(r"[\w./ -]+")


class Quoted(str):
    """A text that is quoted for the file it goes into."""

    __slots__ = ()


def check_line(text: str, what: str) -> str:
    """Return a text that fits one line of any file."""
    if not text or any(unicodedata.category(letter) in _UNFIT for letter in text):
        raise ValueError(
            f"{what}: {text!r} cannot stand in a schedule: it is empty, or holds a "
            "line's end or another character that cannot be seen."
        )
    return text


def quote_shell(words: list[str]) -> Quoted:
    """Quote the words of a command for a POSIX shell."""
    return Quoted(shlex.join(words))


def quote_cron(command: str) -> Quoted:
    r"""Quote a shell command for a line of a crontab, where a percent sign ends it.

    Examples
    --------
    >>> print(quote_cron("date +%F"))
    date +\%F
    """
    return Quoted(command.replace("%", r"\%"))


def quote_systemd(words: list[str]) -> Quoted:
    r"""Quote the words of a command for ``ExecStart``.

    Examples
    --------
    >>> print(quote_systemd(["/bin/echo", 'a "b" $c 5%']))
    "/bin/echo" "a \"b\" $$c 5%%"
    """
    return Quoted(" ".join(_quote_unit(word).replace("$", "$$") for word in words))


def quote_setting(text: str) -> Quoted:
    """Quote a whole line's value for a unit file, such as a path."""
    return Quoted(text.replace("%", "%%"))


def quote_assignment(text: str) -> Quoted:
    """Quote ``NAME=value`` for ``Environment`` in a unit file."""
    return Quoted(_quote_unit(text))


def quote_yaml(text: str) -> Quoted:
    """Quote a text for YAML."""
    # JSON's strings are YAML's double-quoted ones.
    return Quoted(json.dumps(text))


def quote_python(value: object) -> Quoted:
    """Write a value as a literal of Python."""
    return Quoted(ascii(value))


def quote_comment(text: str) -> Quoted:
    """Return a checked line for a comment."""
    # A docstring or a comment is ended by none of these once the line is one line.
    return Quoted(check_line(text, "a comment"))


def make_identifier(text: str, between: str = "-") -> str:
    """Return a name for units, jobs and functions: letters, digits, one separator.

    Examples
    --------
    >>> make_identifier("7 o'clock; rm -rf", "_")
    'reports_7_o_clock_rm_rf'
    """
    plain = _BESIDE_WORDS.sub(between, text).strip(between).lower()
    if not plain or not plain[0].isalpha():
        plain = f"reports{between}{plain}".rstrip(between)
    return plain[:60].rstrip(between)


def check_ci_path(text: str) -> str:
    """Return a path that no service reads as an expression or a variable."""
    if not _CI_PATH.fullmatch(text) or text.startswith("-"):
        raise ValueError(
            f"a workflow can name a plan by letters, digits, spaces and . _ - / only; "
            f"got {text!r}."
        )
    return text


def _quote_unit(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
