"""What an index order came to, from what a file says of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recovery_research._books import NO_FAILURE, NOT_RECOVERED, RECOVERED, SILENT

# Answers with three values: blank is unknown, never no.
YES, NO, UNKNOWN = 1, 0, -1

Answers = NDArray[np.int8]


def classify_outcomes(
    failed: Answers,
    *,
    resolved: Answers,
    complained: Answers | None = None,
    response: Answers | None = None,
) -> Answers:
    """Say what each order came to.

    Parameters
    ----------
    failed, resolved : int8 array, shape (n,)
        Was there a problem; was it resolved to her satisfaction: 1 yes, 0 no, -1
        unknown.
    complained : int8 array, optional
        Did she tell the firm. Without it nobody can be told to be silent: whoever
        was not recovered is not_recovered.
    response : int8 array, optional
        Did the firm answer, asked or not. Without it only complaints are answered.

    Returns
    -------
    int8 array, shape (n,)
        Place in `outcomes.INDEX_OUTCOMES`, -1 if it cannot be said. No failure is 0;
        a failure resolved is 2, recovered; not resolved it is 3, not_recovered, if
        she complained or was answered, and 1, silent, if neither.

    Examples
    --------
    >>> import numpy as np
    >>> failed = np.array([0, 1, 1, 1, 1, -1], dtype=np.int8)
    >>> complained = np.array([0, 0, 1, 1, 1, 1], dtype=np.int8)
    >>> resolved = np.array([0, -1, 1, 0, -1, 1], dtype=np.int8)
    >>> classify_outcomes(failed, complained=complained, resolved=resolved).tolist()
    [0, 1, 2, 3, -1, -1]
    """
    if complained is None:
        spoke = np.full(len(failed), YES, dtype=np.int8)
    else:
        spoke = complained.copy()
    if response is not None:
        # Either suffices; neither is known only where both are.
        spoke = np.where((spoke == NO) & (response != NO), response, spoke)
    codes = np.full(len(failed), UNKNOWN, dtype=np.int8)
    problem = failed == YES
    codes[failed == NO] = NO_FAILURE
    codes[problem & (spoke == NO)] = SILENT
    codes[problem & (spoke == YES) & (resolved == NO)] = NOT_RECOVERED
    codes[problem & (resolved == YES)] = RECOVERED
    return codes
