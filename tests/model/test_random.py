"""Philox, the normal and exponential draws, and the addresses of luck.

Known answers: Random123 distribution, tests/kat_vectors, lines ``philox4x32 10``
(D. E. Shaw Research).
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

from recovery_research.model import _random

KNOWN_ANSWERS = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)
# Constants of Philox by word size: two multipliers and two key increments.
CONSTANTS = {
    32: (0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85),
    64: (
        0xD2E7470EE14C6C93,
        0xCA5A826395121157,
        0x9E3779B97F4A7C15,
        0xBB67AE8584CAA73B,
    ),
}
WORDS = st.integers(0, 2**32 - 1)


def philox(counter, key, bits):
    """Philox4xN-10 in Python's unbounded integers, for either word size."""
    m0, m1, w0, w1 = CONSTANTS[bits]
    mask = (1 << bits) - 1
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = m0 * c[0], m1 * c[2]
        c = [
            (second >> bits) ^ c[1] ^ k[0],
            second & mask,
            (first >> bits) ^ c[3] ^ k[1],
            first & mask,
        ]
        k = [(k[0] + w0) & mask, (k[1] + w1) & mask]
    return tuple(c)


def scrambled(counter, key):
    return tuple(int(w) for w in _random.scramble(*map(np.uint64, (*counter, *key))))


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_known_answers(counter, key, answer):
    assert scrambled(counter, key) == answer
    assert philox(counter, key, 32) == answer


def test_the_tests_own_philox_is_numpys_at_64_bits():
    # NumPy's Philox is the 64-bit sister; its counter steps once before each block.
    key, counter = np.array([3, 2**63 + 5], np.uint64), [7, 2**64 - 1, 1, 9]
    raw = np.random.Philox(counter=np.array(counter, np.uint64), key=key).random_raw(4)
    stepped = [8, *counter[1:]]
    assert philox(stepped, [int(k) for k in key], 64) == tuple(int(w) for w in raw)


@given(counter=st.tuples(WORDS, WORDS, WORDS, WORDS), key=st.tuples(WORDS, WORDS))
def test_scramble_is_the_same_algorithm_at_32_bits(counter, key):
    assert scrambled(counter, key) == philox(counter, key, 32)


def test_a_draw_stands_where_the_address_says():
    # Counter is (customer, order, group, attempt), key the two halves of the seed.
    seed, customer, order, attempt = (17 << 32) + 2_000_000_011, 4_000_000_007, 6, 3
    for purpose, place in _random.PURPOSES.items():
        words = philox((customer, order, place // 4, attempt), (2_000_000_011, 17), 32)
        drawn = _random.draw_uniform(seed, customer, order, purpose, attempt)
        assert drawn == (words[place % 4] + 0.5) / 2**32


def test_purposes_keep_their_places():
    # The place of a purpose is part of every result: a new one is added at the end.
    assert list(_random.PURPOSES)[:12] == [
        "gap", "dropout", "failure", "amount", "mention", "kind", "severity",
        "voice", "reach", "execution", "survey_before", "survey_after",
    ]  # fmt: skip
    assert list(_random.PURPOSES.values()) == list(range(len(_random.PURPOSES)))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 5 + 1},
        {"seed": 5 + 2**32},
        {"seed": 5 + 2**63},
        {"customer": 13},
        {"customer": 12 + 2**31},
        {"order": 1},
        {"purpose": "dropout"},
        {"purpose": "execution"},
        {"attempt": 1},
    ],
)
def test_every_part_of_an_address_matters(change):
    address = {"seed": 5, "customer": 12, "order": 0, "purpose": "gap", "attempt": 0}
    assert _random.draw_uniform(**address) != _random.draw_uniform(
        **{**address, **change}
    )


def test_customer_and_order_are_not_exchangeable():
    assert _random.draw_uniform(5, 3, 8, "gap") != _random.draw_uniform(5, 8, 3, "gap")
    assert _random.draw_uniform(3, 5, 8, "gap") != _random.draw_uniform(5, 3, 8, "gap")


def test_an_unknown_purpose_is_named():
    with pytest.raises(ValueError, match=r"purpose 'faillure'.*'failure'"):
        _random.draw_uniform(5, 3, 8, "faillure")


def draws(seed, customers, orders):
    """Every uniform of some customers' orders, shape (customers, orders, 12)."""
    source = _random.source_of(seed)
    return np.array(
        [
            [
                np.concatenate(
                    [_random.draw_group(source, i, k, np.uint64(g)) for g in range(3)]
                )
                for k in range(orders)
            ]
            for i in range(customers)
        ]
    )


def test_uniforms_are_uniform_for_every_purpose():
    uniforms = draws(2024, 500, 8)
    assert uniforms.min() > 0.0
    assert uniforms.max() < 1.0
    for place in range(12):
        counts, _ = np.histogram(uniforms[..., place], bins=40, range=(0.0, 1.0))
        # Twelve tests at 1 in 10,000: the seed is fixed, chance is under 0.2 %.
        assert stats.chisquare(counts).pvalue > 1e-4


def test_neighbouring_addresses_are_not_correlated():
    # 4,000 pairs: standard error of a correlation 0.016; twelve and eleven of them.
    uniforms = draws(99, 500, 9)
    here = uniforms[:, :8].reshape(-1, 12)
    next_order = uniforms[:, 1:].reshape(-1, 12)
    between = np.corrcoef(here.T, next_order.T)
    next_customer = np.corrcoef(
        uniforms[:-1].reshape(-1, 12).T, uniforms[1:].reshape(-1, 12).T
    )
    next_seed = np.corrcoef(here.T, draws(100, 500, 8).reshape(-1, 12).T)
    for table in (between, next_customer, next_seed):
        off = table[~np.eye(24, dtype=bool)]
        assert np.abs(off).max() < 5.0 / np.sqrt(4000)


def test_the_extreme_words_stay_inside_the_unit_interval():
    step = 2.0**-32
    low, high = 0.5 * step, (2.0**32 - 0.5) * step
    assert 0.0 < low < high < 1.0
    for uniform in (low, high):
        assert np.isfinite(_random.to_normal(uniform))
        assert 0.0 < _random.to_exponential(uniform) < 23.0


def test_normal_draws_are_the_quantiles_of_the_normal():
    # The whole 32-bit range: both ends word by word, geometrically between, and all
    # along. AS 241 is stated to about 1 in 10**16; ours passes a dozen roundings.
    ends = np.concatenate([np.arange(3000), np.unique(np.geomspace(3000, 2**31, 3000))])
    words = np.concatenate([ends, 2**32 - 1 - ends, np.linspace(0, 2**32 - 1, 4001)])
    uniforms = (np.floor(words) + 0.5) / 2**32
    ours = np.array([_random.to_normal(u) for u in uniforms])
    np.testing.assert_allclose(ours, ndtri(uniforms), rtol=2e-15, atol=1e-15)


def test_normal_draws_rise_with_the_uniform_across_the_branches():
    seams = [0.5 - 0.425, 0.5 + 0.425]
    for seam in seams:
        near = seam + np.arange(-50, 51) * 1e-9
        values = [_random.to_normal(u) for u in near]
        assert all(a < b for a, b in pairwise(values))


def test_exponential_draws_have_mean_one_and_its_tail():
    for uniform in (1e-9, 0.03, 0.3, 0.7, 0.999):
        value = _random.to_exponential(uniform)
        assert stats.expon.sf(value) == pytest.approx(uniform, rel=1e-13)


def test_seed_halves():
    source = _random.source_of((9 << 32) + 4, 2)
    assert (int(source.seed_low), int(source.seed_high), int(source.attempt)) == (
        4,
        9,
        2,
    )
