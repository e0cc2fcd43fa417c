"""How a secret may be written: the encodings and quotings in which it may be seen."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from html import escape
from urllib.parse import quote, quote_plus, unquote, unquote_plus

# Shorter ones give codes so short that they are everywhere.
SHORTEST_CODED = 6
# Letters of a code that hang on what stands before the secret, by bytes before it.
_FOREIGN_LETTERS = (0, 2, 3)


@lru_cache(maxsize=256)
def write_forms(secret: str) -> tuple[str, ...]:
    """Write a secret in every way, in small letters.

    As it is and decoded; percent-encoded once and twice; as JSON, Python, HTML, CSV and
    SQL quote it; and, unless it is very short, in base64 and hexadecimal, also where
    something stands before it, as in a login.

    Parameters
    ----------
    secret : str
        What must not be seen.

    Returns
    -------
    tuple of str
        Longest first.

    Examples
    --------
    >>> {'a"b', 'a""b', "a%22b", "a&quot;b"} <= set(write_forms('A"b'))
    True
    """
    forms: set[str] = set()
    for plain in {secret, unquote(secret), unquote_plus(secret)}:
        # Capital letters of some scripts are longer than the small ones.
        for cased in {plain, plain.upper(), plain.lower(), plain.casefold()}:
            forms.update(_write_quoted(cased))
        if len(plain) >= SHORTEST_CODED:
            for cased in {plain, plain.upper(), plain.lower()}:
                forms.update(_write_coded(cased.encode("utf-8", "surrogatepass")))
    small = {lower(form) for form in forms if form}
    return tuple(sorted(small, key=lambda form: (-len(form), form)))


def lower(text: str) -> str:
    """Return a text in small letters, each where it was.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        As long as the text.
    """
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(
        low if len(low := letter.lower()) == 1 else letter for letter in text
    )


def _write_quoted(plain: str) -> set[str]:
    as_bytes = plain.encode("utf-8", "backslashreplace")
    percent = quote(as_bytes, safe="")
    html = escape(plain)
    return {
        plain,
        percent,
        quote(as_bytes),
        quote_plus(as_bytes),
        quote(percent, safe=""),
        json.dumps(plain)[1:-1],
        json.dumps(plain, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(plain))[3:-3],
        repr(plain)[1:-1],
        ascii(plain)[1:-1],
        repr(as_bytes)[2:-1],
        html,
        escape(plain, quote=False),
        html.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        html.replace("&#x27;", "&apos;"),
        plain.replace('"', '""'),
        plain.replace("'", "''"),
        plain.replace("'", "'\"'\"'"),
        plain.replace("\\", "\\\\"),
    }


def _write_coded(content: bytes) -> set[str]:
    codes = {content.hex()}
    for n_before, foreign in enumerate(_FOREIGN_LETTERS):
        for encode in (b64encode, urlsafe_b64encode):
            codes.add(_keep_own(encode, content, n_before)[foreign:])
    return {code for code in codes if len(code) >= SHORTEST_CODED}


def _keep_own(encode: Callable[[bytes], bytes], content: bytes, n_before: int) -> str:
    code = encode(b"\0" * n_before + content).decode().rstrip("=")
    # The last letter hangs on what stands behind, unless the bytes fill the letters.
    return code[:-1] if (n_before + len(content)) % 3 else code
