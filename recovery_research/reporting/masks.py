"""What in an address must not be seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

SHORTEST = 4


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


def _split(addresses: Iterable[str]) -> list[str]:
    return [address for text in addresses for address in text.split()]


def _find_passwords(address: str) -> list[str]:
    return re.findall(r"://[^/@]*?:([^/@]+)@", address)


def _write_forms(found: set[str]) -> list[str]:
    written = {form for p in found for form in (p, unquote(p), quote(unquote(p)))}
    return sorted(written, key=lambda p: (-len(p), p))
