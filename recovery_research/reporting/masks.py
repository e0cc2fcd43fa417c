"""What in an address must not be seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

SHORTEST = 4
# A shorter one may be a word, or a number in a table.
SHORTEST_ALONE = 8
_IN_ADDRESS = re.compile(r"://[^/@:\s]*:([^@\s]+)@")
_NAMED = re.compile(
    r"(?:^|[?&;\s])(?:ssl)?(?:password|passwd|passphrase|pwd)\s*=\s*([^\s&;]+)", re.I
)
_IN_QUERY = re.compile(
    r"://\S*[?&;]\w*(?:token|secret|api_?key|signature|credential)\w*=([^\s&;]+)", re.I
)


def holds_password(text: str) -> bool:
    """Return whether a text holds an address with a password, or says one outright.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    bool

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

    Parameters
    ----------
    address : str
        Address that an environment variable holds.

    Returns
    -------
    list of str
        Longest first.

    Examples
    --------
    >>> found = find_references("db://ann:hush@example.org")
    >>> found[-1], "hush" in found
    (':hush@', False)
    """
    passwords = _list_passwords(address)
    found = {address, *(p for p in passwords if len(p) >= SHORTEST_ALONE)}
    inside = {f":{form}@" for p in passwords for form in (p, unquote(p))}
    return sorted({*_write_forms(found), *inside}, key=lambda p: (-len(p), p))


def find_secrets(addresses: Iterable[str]) -> list[str]:
    """Return the parts of notification addresses that may be secret.

    Which part of an address is the token differs between channels, and in some it
    stands where others have the host; so every part counts, the scheme apart.

    Parameters
    ----------
    addresses : iterable of str
        Addresses.

    Returns
    -------
    list of str
        Longest first, so that masking one does not leave another's rest.

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
    return _write_forms(found)


def find_tokens(addresses: Iterable[str]) -> list[str]:
    """Return the parts of notification addresses that are surely secret.

    Host, names of people and folders are not among them: a message may have to say
    such a word for its own reasons.

    Parameters
    ----------
    addresses : iterable of str
        Addresses.

    Returns
    -------
    list of str
        Longest first.

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
    return _write_forms(found)


def _list_passwords(text: str) -> list[str]:
    return [
        found
        for form in {text, unquote(text)}
        for pattern in (_IN_ADDRESS, _NAMED, _IN_QUERY)
        for found in pattern.findall(form)
    ]


def _split(addresses: Iterable[str]) -> list[str]:
    return [address for text in addresses for address in text.split()]


def _find_passwords(address: str) -> list[str]:
    return re.findall(r"://[^/@]*?:([^/@]+)@", address)


def _write_forms(found: set[str]) -> list[str]:
    written = {form for p in found for form in (p, unquote(p), quote(unquote(p)))}
    return sorted(written, key=lambda p: (-len(p), p))
