"""Common random numbers: every draw is a pure function of where it is used.

The address of a draw is (seed, customer, order, purpose, attempt). The counter-based
generator Philox4x32-10 turns it into a number, so that no draw depends on how many
draws came before it. The same customer therefore has the same luck under every policy.
An order is its number, not its date. Traits are drawn elsewhere (`populations`).

References
----------
Salmon, J. K., Moraes, M. A., Dror, R. O., & Shaw, D. E. (2011). Parallel random
numbers: as easy as 1, 2, 3. SC '11. doi:10.1145/2063384.2063405

Wichura, M. J. (1988). Algorithm AS 241: the percentage points of the normal
distribution. Applied Statistics, 37(3), 477-484. doi:10.2307/2347330
"""

import math
from typing import NamedTuple

import numpy as np

from recovery_research.model._compile import compiled

MASK = np.uint64(0xFFFFFFFF)
WORD = np.uint64(32)
MULTIPLIER_0 = np.uint64(0xD2511F53)
MULTIPLIER_1 = np.uint64(0xCD9E8D57)
WEYL_0 = np.uint64(0x9E3779B9)
WEYL_1 = np.uint64(0xBB67AE85)
N_ROUNDS = 10

# One call of the generator gives four numbers, so purposes live four to a group. A
# new purpose takes a new place at the end: then it changes nobody else's draws.
GAP, DROPOUT, FAILURE, AMOUNT = 0, 1, 2, 3
MENTION, KIND, SEVERITY, VOICE = 4, 5, 6, 7
REACH, EXECUTION, SURVEY_BEFORE, SURVEY_AFTER = 8, 9, 10, 11
PURPOSES = {
    "gap": GAP,
    "dropout": DROPOUT,
    "failure": FAILURE,
    "amount": AMOUNT,
    "mention": MENTION,
    "kind": KIND,
    "severity": SEVERITY,
    "voice": VOICE,
    "reach": REACH,
    "execution": EXECUTION,
    "survey_before": SURVEY_BEFORE,
    "survey_after": SURVEY_AFTER,
}
EVERY_ORDER = np.uint64(0)  # group of gap, dropout, failure, amount
EVENTS = np.uint64(1)  # group of mention, kind, severity, voice
ANSWERS = np.uint64(2)  # group of reach, execution and the two surveys


class Source(NamedTuple):
    """Where a run's luck comes from: the halves of its seed, and the attempt."""

    seed_low: np.uint64
    seed_high: np.uint64
    attempt: np.uint64


def source_of(seed: int, attempt: int = 0) -> Source:
    """Split a seed below 2**64 into the two words that Philox takes as its key."""
    return Source(
        np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32), np.uint64(attempt)
    )


@compiled
def scramble(c0, c1, c2, c3, k0, k1):
    """Return the Philox4x32-10 block of a counter (four words) and a key (two)."""
    for _ in range(N_ROUNDS):
        p0 = MULTIPLIER_0 * c0
        p1 = MULTIPLIER_1 * c2
        c0 = (p1 >> WORD) ^ c1 ^ k0
        c1 = p1 & MASK
        c2 = (p0 >> WORD) ^ c3 ^ k1
        c3 = p0 & MASK
        k0 = (k0 + WEYL_0) & MASK
        k1 = (k1 + WEYL_1) & MASK
    return c0, c1, c2, c3


@compiled
def draw_group(source, customer, order, group):
    """Return the four uniforms, each inside (0, 1), of one group of purposes."""
    w0, w1, w2, w3 = scramble(
        np.uint64(customer),
        np.uint64(order),
        group,
        source.attempt,
        source.seed_low,
        source.seed_high,
    )
    # Half a step away from 0 and 1, so that every logarithm below is finite.
    step = 2.0**-32
    return (
        (np.float64(w0) + 0.5) * step,
        (np.float64(w1) + 0.5) * step,
        (np.float64(w2) + 0.5) * step,
        (np.float64(w3) + 0.5) * step,
    )


def draw_uniform(
    seed: int, customer: int, order: int, purpose: str, attempt: int = 0
) -> float:
    """Draw the one uniform number that stands at an address.

    Parameters
    ----------
    seed : int
        Seed of the run, 0 to 2**64 - 1.
    customer, order : int
        Whose order, and which one; both count from 0.
    purpose : str
        What the number decides; a key of ``PURPOSES``.
    attempt : int, optional
        0, or another number for a second, independent luck of the same customer.

    Returns
    -------
    float
        A number inside (0, 1).

    Raises
    ------
    ValueError
        If the purpose is unknown.

    Examples
    --------
    >>> draw_uniform(7, 12, 0, "failure") == draw_uniform(7, 12, 0, "failure")
    True
    """
    if purpose not in PURPOSES:
        raise ValueError(f"no draw has purpose {purpose!r}; there are {[*PURPOSES]}.")
    group, lane = divmod(PURPOSES[purpose], 4)
    four = draw_group(source_of(seed, attempt), customer, order, np.uint64(group))
    return float(four[lane])


@compiled
def to_exponential(uniform):
    """Turn a uniform into a draw from the exponential distribution of mean 1."""
    return -math.log(uniform)


CENTRAL = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853,
     45921.953931549871457, 13731.693765509461125, 1971.5909503065514427,
     133.14166789178437745, 3.3871328727963666080),
    (5226.4952788528545610, 28729.085735721942674, 39307.895800092710610,
     21213.794301586595867, 5394.1960214247511077, 687.18700749205790830,
     42.313330701600911252, 1.0),
)  # fmt: skip
TAIL = (
    (7.7454501427834140764e-4, 2.2723844989269184583e-2, 2.4178072517745061177e-1,
     1.2704582524523683826, 3.6478483247632045400, 5.7694972214606914055,
     4.6303378461565452959, 1.4234371107496835773),
    (1.0507500716444168432e-9, 5.4759380849953449460e-4, 1.5198666563616457197e-2,
     1.4810397642748007459e-1, 6.8976733498510000455e-1, 1.6763848301838038494,
     2.0531916266377588219, 1.0),
)  # fmt: skip


@compiled
def ratio_at(x, numerator, denominator):
    """Evaluate a quotient of two polynomials of degree seven by Horner's rule."""
    top = numerator[0]
    bottom = denominator[0]
    for k in range(1, 8):
        top = top * x + numerator[k]
        bottom = bottom * x + denominator[k]
    return top / bottom


@compiled
def to_normal(uniform):
    """Turn a uniform into a standard normal draw (AS 241, 16 digits).

    AS 241 has a third branch for probabilities under 1.4e-11. Our uniforms have 32
    bits and never come below 1.1e-10, so it cannot be reached and is not here.
    """
    q = uniform - 0.5
    if abs(q) <= 0.425:
        return q * ratio_at(0.180625 - q * q, CENTRAL[0], CENTRAL[1])
    r = math.sqrt(-math.log(min(uniform, 1.0 - uniform))) - 1.6
    return math.copysign(ratio_at(r, TAIL[0], TAIL[1]), q)
