"""The name most like one that is not there: the end of many a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: object, allowed: Iterable[object]) -> str:
    """Ask whether the allowed name most like `name` was meant.

    Examples
    --------
    >>> did_you_mean("servise", ["service", "silence", "excuse"])
    " Did you mean 'service'?"
    >>> did_you_mean("refund", ["tenure"])
    ''
    """
    near = get_close_matches(str(name), [str(one) for one in allowed], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
