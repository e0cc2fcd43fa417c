"""What must not be seen, and how it is kept from being seen: the one masking there is.

A secret is masked in every form in which it may be written and in any case, and so is
what a cut has left of one if it can be told from a word: 8 characters in which letters,
digits and marks are mixed, or 12 of one kind; in what a channel of notices says, any 6.
Shorter pieces stand: they are everywhere.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from html import escape
from urllib.parse import quote, quote_plus, unquote, unquote_plus

MASK = "***"
SHORTEST = 4
# A shorter one may be a word, or a number in a table.
SHORTEST_ALONE = 8
# Pieces: of mixed characters, and of one kind, which may be a word.
PIECE, PLAIN_PIECE = 8, 12
# What a channel says is hardly more than the address, so more of it may go.
PIECE_OF_CHANNEL = 6
_SEED = 4
_IN_ADDRESS = re.compile(r"://[^/@:\s]*:([^@\s]+)@")
_NAMED = re.compile(
    r"(?:^|[?&;\s])(?:ssl)?(?:password|passwd|passphrase|pwd)\s*=\s*([^\s&;]+)", re.I
)
_IN_QUERY = re.compile(
    r"://\S*[?&;]\w*(?:token|secret|api_?key|signature|credential)\w*=([^\s&;]+)", re.I
)
# With marks in it that an address would rather have encoded.
_UNRULY = (
    re.compile(r"://[^/@:\s]*:([^/\s]+)@"),
    re.compile(r"(?:password|passwd|passphrase|pwd)\s*=\s*\{([^}]+)\}", re.I),
    re.compile(
        r"[?&](?:\w*(?:pass|pwd|token|secret|signature|credential)\w*"
        r"|\w*api_?key|key)=([^&\s]+)",
        re.I,
    ),
)


def holds_password(text: str) -> bool:
    """Return whether a text holds an address with a password, or says one outright.

    Examples
    --------
    >>> holds_password("postgresql://ann:hush@db.example.org/shop")
    True
    >>> holds_password("postgresql://ann@db.example.org:5432/shop")
    False
    """
    return bool(_list_passwords(text))


def find_references(address: str) -> list[str]:
    """Return what of an address with a password must not be seen in a report.

    A report has numbers and words of its own, so a short password counts only where
    it stands as in an address.

    Examples
    --------
    >>> found = find_references("db://ann:hush@example.org")
    >>> found[-1], "hush" in found
    (':hush@', False)
    """
    passwords = [*_list_passwords(address), *_list_unruly(address)]
    found = {address, *(p for p in passwords if len(p) >= SHORTEST_ALONE)}
    inside = {f":{form}@" for p in passwords for form in (p, unquote(p))}
    return _sort({*_decode(found), *inside})


def find_secrets(addresses: Iterable[str]) -> list[str]:
    """Return the parts of notification addresses that may be secret.

    Which part of an address is the token differs between channels, and in some it
    stands where others have the host; so every part counts, the scheme apart.

    Examples
    --------
    >>> found = find_secrets(["tgram://123:abcdef/chat?x=9"])
    >>> [part for part in found if "/" not in part]
    ['abcdef', 'chat']
    """
    found: set[str] = set()
    for address in _split(addresses):
        parts = re.split(r"[/@:?&=,;#]+", address.partition("://")[2] or address)
        # A short word is masked only where it is surely a password.
        found.update([address, *_find_passwords(address)])
        found.update(part for part in parts if len(part) >= SHORTEST)
        found.add(address.partition("://")[2])
    return _sort(_decode(found - {""}))


def find_tokens(addresses: Iterable[str]) -> list[str]:
    """Return the parts of notification addresses that are surely secret.

    Host, names of people and folders are not among them: a message may have to say
    such a word for its own reasons.

    Examples
    --------
    >>> found = find_tokens(["mailto://ann:hush@example.org/?to=reports@example.org"])
    >>> [part for part in found if "/" not in part]
    ['hush']
    """
    found: set[str] = set()
    for address in _split(addresses):
        parts = re.split(r"[/@:?&=,;#.]+", address.partition("://")[2] or address)
        found.update([address, *_find_passwords(address)])
        found.update(p for p in parts if len(p) >= 8 and re.search(r"\d", p))
    return _sort(_decode(found))


def _list_passwords(text: str) -> list[str]:
    return [
        found
        for form in {text, unquote(text)}
        for pattern in (_IN_ADDRESS, _NAMED, _IN_QUERY)
        for found in pattern.findall(form)
    ]


def _list_unruly(text: str) -> list[str]:
    return [found for pattern in _UNRULY for found in pattern.findall(text)]


def _split(addresses: Iterable[str]) -> list[str]:
    # With a blank in a password the whole is one address; otherwise there are several.
    return [
        a for text in addresses for a in dict.fromkeys([text.strip(), *text.split()])
    ]


def _find_passwords(address: str) -> list[str]:
    found = re.findall(r"://[^/@]*?:([^/@]+)@", address)
    return [*found, *_list_unruly(address)]


def _decode(found: set[str]) -> set[str]:
    return {form for p in found for form in (p, unquote(p))}


def _sort(found: set[str]) -> list[str]:
    return sorted(found, key=lambda p: (-len(p), p))


def mask_text(text: str, secrets: Iterable[str], *, piece: int = PIECE) -> str:
    """Return a text in which secrets and pieces of them are replaced by stars.

    Examples
    --------
    >>> mask_text("no login with 34secret9, b64 MzRTRUNSRVQ5", ["12;34SECRET9"])
    'no login with ***, b64 ***'
    """
    small = lower(text)
    spans: list[tuple[int, int]] = []
    for secret in secrets:
        cut = "://" not in secret
        for form in write_forms(secret):
            spans += _find_whole(small, form)
            if cut and len(form) > piece:
                spans += _find_pieces(text, small, form, piece)
    return _cover(text, spans) if spans else text


def mask_secrets(part: object, secrets: list[str]) -> object:
    """Mask secrets in every text of a notebook or of a part of one."""
    if isinstance(part, str):
        return mask_text(part, secrets)
    if isinstance(part, list):
        part[:] = [mask_secrets(element, secrets) for element in part]
    elif isinstance(part, dict):
        for key in part:
            part[key] = mask_secrets(part[key], secrets)
    return part


def _find_whole(small: str, form: str) -> Iterator[tuple[int, int]]:
    start = small.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = small.find(form, start + 1)


def _find_pieces(
    text: str, small: str, form: str, piece: int
) -> Iterator[tuple[int, int]]:
    """Find pieces by seeds that every piece holds one of, grown to both sides."""
    for at in range(0, len(form) - _SEED + 1, piece - _SEED + 1):
        for start, end in _find_whole(small, form[at : at + _SEED]):
            before = small[max(0, start - at) : start]
            left = _count_alike(reversed(before), reversed(form[:at]))
            rest = form[at + _SEED :]
            right = _count_alike(small[end : end + len(rest)], rest)
            found = start - left, end + right
            if _counts(text[found[0] : found[1]], piece):
                yield found


def _count_alike(text: Iterable[str], form: Iterable[str]) -> int:
    count = 0
    for one, other in zip(text, form, strict=False):
        if one != other:
            break
        count += 1
    return count


def _counts(found: str, piece: int) -> bool:
    if len(found) < piece or piece < PIECE or len(found) >= PLAIN_PIECE:
        return len(found) >= piece
    kinds = (str.isalpha, str.isdigit, lambda letter: not letter.isalnum())
    return sum(any(map(kind, found)) for kind in kinds) > 1


def _cover(text: str, spans: list[tuple[int, int]]) -> str:
    shown: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start > done or not shown:
            shown += [text[done:start], MASK]
        done = max(done, end)
    return "".join([*shown, text[done:]])


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
    """Return a text in small letters, each where it was."""
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
