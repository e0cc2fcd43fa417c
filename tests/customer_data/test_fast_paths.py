"""What was made fast says what plain code says, cell by cell and row by row."""

import io
import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recovery_research.analysis import index_orders
from recovery_research.analysis.index_orders import hash_ids, write_ids, write_many
from recovery_research.analysis.order_logs import sort_orders
from recovery_research.customer_data import cells, order_lines, text_rows
from recovery_research.customer_data.cells import (
    Cells,
    are_whole,
    encode_texts,
    read_keys,
)
from recovery_research.customer_data.columns import Reading, write_out
from recovery_research.customer_data.mapping_rules import (
    FileMapping,
    OrderRule,
    ValueRule,
)
from recovery_research.customer_data.raw_tables import RawTable

PLAIN = FileMapping("none", "customers", {})
EMPTY_KNOWN = replace(PLAIN, writing=ValueRule(known=("", "NA")))
NONE = np.array([], dtype=np.int64)


# Orders by customer, then by time, then as they come.

WEEKS = st.sampled_from([-np.inf, -3.5, -0.0, 0.0, 1.0, 1.0 + 2**-52, 1e9, np.inf])
CODES = st.sampled_from([0, 1, 2, 65_535, 65_536, 131_072, 2**32, 2**48 + 1, 2**62])


def same_rank(code, week):
    rank = sort_orders(code, week)
    np.testing.assert_array_equal(rank, np.lexsort((week, code)))


@given(st.lists(st.tuples(CODES, WEEKS), max_size=30))
def test_few_orders_are_sorted_as_by_comparing(orders):
    code, week = zip(*orders, strict=True) if orders else ((), ())
    same_rank(np.array(code, dtype=np.int64), np.array(week, dtype=np.float64))


@given(
    n=st.integers(0, 5_000),
    n_codes=st.sampled_from([1, 3, 1_000, 65_536, 65_537, 2**33, 2**62]),
    n_weeks=st.sampled_from([1, 4, 10**6]),
    seed=st.integers(0, 2**32),
    by_time=st.booleans(),
)
def test_many_orders_are_sorted_as_by_comparing(n, n_codes, n_weeks, seed, by_time):
    luck = np.random.default_rng(seed)
    code = luck.integers(0, n_codes, n)
    week = (luck.integers(0, n_weeks, n) - n_weeks // 2) / 7.0
    same_rank(code, np.sort(week) if by_time else week)


# Texts: trimmed, blanks unknown, numbered as they first come.

TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "NA", " NA ", "na", "null\t", "a", " a", "a ", "A", "7"]),
    st.text("ab \t\n\u00a0\u3000Ж𝄞", max_size=4),
)


def plain_texts(texts, rules):
    """Return what each cell says, None if it is unknown."""
    blanks, said = rules.writing.unknown_words(), []
    for text in texts:
        word = text.strip() if text is not None else None
        if word is None and "" in rules.writing.known:
            word = ""
        said.append(None if word in blanks else word)
    return said


def in_chunks(texts, cuts, kind):
    bounds = sorted({0, len(texts), *(min(cut, len(texts)) for cut in cuts)})
    pieces = [pa.array(texts[a:b], kind) for a, b in itertools.pairwise(bounds)]
    return pa.chunked_array(pieces, kind)


@given(
    texts=st.lists(TEXTS, max_size=25),
    cuts=st.lists(st.integers(0, 25), max_size=3),
    kind=st.sampled_from([pa.string(), pa.large_string()]),
    rules=st.sampled_from([PLAIN, EMPTY_KNOWN]),
    beyond=st.booleans(),
)
@example(texts=["a", None, "a"], cuts=[], kind=pa.string(), rules=PLAIN, beyond=False)
@example(texts=[None, " "], cuts=[1], kind=pa.string(), rules=PLAIN, beyond=True)
def test_texts_are_trimmed_and_numbered_as_cell_by_cell(
    texts, cuts, kind, rules, beyond
):
    with pytest.MonkeyPatch.context() as patch:
        if beyond:  # more than one array of texts can hold
            patch.setattr(cells, "MOST_BYTES", -1)
        code, words = encode_texts(in_chunks(texts, cuts, kind), rules)
    said = plain_texts(texts, rules)
    different = list(dict.fromkeys(word for word in said if word is not None))
    assert words.to_pylist() == different
    assert code.dtype == np.int64
    assert code.tolist() == [-1 if w is None else different.index(w) for w in said]


# Ids that are whole numbers, and ids that only look like them.

WHOLE = st.one_of(
    st.integers(0, 20).map(str),
    st.integers(10**17, 10**18 - 1).map(str),
    st.sampled_from(["999999999999999999", "100000000000000000"]),
)
UNLIKE = st.one_of(
    st.integers(-5, 5).map(str),
    st.integers(10**18, 10**19).map(str),
    st.sampled_from([
        "007", "00", "-0", "+7", "1_000", "1.0", "1e3", "0x1", "\u0667", "7\u0663", "²", "7",
        "7 7", "7\n7", "a7", "7a", "", " ", "NA", None, "9223372036854775807",
    ]),
)  # fmt: skip
PADDED = WHOLE.map(lambda text: f" {text}\t")


def plain_whole(name):
    return (
        name.isascii() and name.isdigit() and len(name) < 19 and str(int(name)) == name
    )


@given(st.one_of(WHOLE, UNLIKE.filter(bool), PADDED))
@example("7\n")
def test_a_whole_number_is_told_as_by_reading_it(name):
    assert are_whole(pa.array([name])) == plain_whole(name)
    among = pa.array(["1", name, "2"], pa.large_string())
    assert are_whole(among) == plain_whole(name)


@given(
    st.one_of(
        st.lists(st.one_of(WHOLE, PADDED), min_size=1, max_size=12),
        st.lists(st.one_of(WHOLE, PADDED, UNLIKE), max_size=12),
    ),
    st.lists(st.integers(0, 12), max_size=2),
    st.sampled_from([pa.string(), pa.large_string()]),
)
def test_ids_are_numbers_if_all_are_and_else_the_texts(names, cuts, kind):
    read = read_keys(in_chunks(names, cuts, kind), PLAIN)
    said = plain_texts(names, PLAIN)
    assert read.content.dtype == np.int64
    if said and all(word is not None and plain_whole(word) for word in said):
        assert read.levels == ()
        assert read.content.tolist() == [int(word) for word in said]
    else:
        levels = sorted({word for word in said if word is not None})
        assert read.levels == tuple(levels)
        assert read.content.tolist() == [
            -1 if word is None else levels.index(word) for word in said
        ]


# Ids as texts, and the luck that hangs on them.


@given(st.data(), st.sampled_from(["int64", "uint64", "int32", "uint16", "int8"]))
def test_many_ids_are_written_as_one_by_one(data, kind):
    limits = np.iinfo(kind)
    one = st.integers(int(limits.min), int(limits.max))
    edges = st.sampled_from([0, int(limits.min), int(limits.max), int(limits.max) - 1])
    held = data.draw(st.lists(st.one_of(one, edges), max_size=20))
    ids = np.array(held, dtype=kind)
    for each in (ids, ids[::-2]):
        texts = write_many(each).tolist()
        assert (
            texts == [str(int(number)) for number in each] == write_ids(pd.Series(each))
        )
    slow = hash_ids(pd.Series(ids))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_orders, "MANY", -1)
        np.testing.assert_array_equal(hash_ids(pd.Series(ids)), slow)


def test_the_luck_of_an_id_is_the_same_among_many():
    ids = pd.Series(np.arange(index_orders.MANY + 1) * 92_233_720_368 - 17)
    few = [0, 1, 50_000, index_orders.MANY]
    np.testing.assert_array_equal(hash_ids(ids)[few], hash_ids(ids.iloc[few]))


# Lines, whatever they end in.


@given(
    st.one_of(
        st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b'"'])).map(b"".join),
        st.binary(max_size=30),
    ),
    st.integers(1, 5),
)
@example(b"", 1)
@example(b"a\r\nb", 2)
@example(b"a\r\n\nb\r", 2)
def test_lines_are_counted_as_by_splitting(content, block):
    n_lines = len(content.splitlines())
    assert text_rows.count_lines(io.BytesIO(content)) == n_lines
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_rows, "BLOCK", block)
        assert text_rows.count_lines(io.BytesIO(content)) == n_lines


# Rows that share customer and moment; rows that are set aside.


def reading_of(n, **columns):
    table = pa.table({"place": pa.array(range(n), pa.int64()), **columns})
    rules = FileMapping(
        "none", "orders", {"time": "placed"}, orders=OrderRule("order-based")
    )
    return Reading(RawTable("none", "CSV", table, np.arange(n) * 2 + 5), rules)


def plain_doubt(rows, sample, one_in, by_chance):
    """Return the first row that shares, and how many do, if that is told."""

    def sharing(held):
        times = Counter(rows[k][:2] for k in held)
        return [k for k in held if times[rows[k][:2]] > 1]

    kept = [k for k, row in enumerate(rows) if not row[2]]
    some = [k for k in kept if rows[k][0] % one_in == 0]
    if len(kept) > sample and len(sharing(some)) <= by_chance * len(some):
        return None
    again = sharing(kept)
    return (again[0], len(again)) if len(again) > by_chance * len(kept) else None


@given(
    st.lists(
        st.tuples(
            st.integers(-3, 8),
            st.sampled_from([-1.5, 0.0, 2.0, 3.25]),
            st.sampled_from([False, False, False, True]),
        ),
        max_size=25,
    ),
    st.sampled_from([0, 3, 12, 200_000]),
    st.sampled_from([1, 2, 16]),
    st.sampled_from([0.0, 0.2, 0.5]),
)
# Only a row set aside shares a moment among the customers looked at first.
@example([(1, 0.0, False), (1, 0.0, False), (2, 0.0, False), (2, 0.0, True)], 0, 2, 0.0)
def test_shared_moments_are_told_as_by_counting_them(rows, sample, one_in, by_chance):
    reading = reading_of(len(rows))
    for role, place, kind in (("customer", 0, np.int64), ("time", 1, np.float64)):
        content = np.array([row[place] for row in rows], dtype=kind)
        reading.parts[role] = Cells(content, (), NONE, "")
    reading.reason[[k for k, row in enumerate(rows) if row[2]]] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_lines, "SAMPLE", sample)
        patch.setattr(order_lines, "ONE_IN", one_in)
        patch.setattr(order_lines, "BY_CHANCE", by_chance)
        order_lines.doubt_lines(reading)
    told = [(found.kind, found.row, found.n_rows) for found in reading.findings]
    expected = plain_doubt(rows, sample, one_in, by_chance)
    assert told == (
        [] if expected is None else [("lines", expected[0] * 2 + 5, expected[1])]
    )


@given(
    st.integers(0, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(st.lists(st.booleans(), min_size=n, max_size=n), max_size=5),
        )
    )
)
def test_rows_set_aside_are_written_with_all_their_reasons(drawn):
    n, wrong = drawn
    reading = reading_of(n, row=pa.array([f"r{k}" for k in range(n)], pa.string()))
    for number, marks in enumerate(wrong):
        reading.set_aside(np.array(marks, dtype=bool), "place", f"reason {number}")
    expected = []
    for k in range(n):
        why = [f"reason {number}" for number, marks in enumerate(wrong) if marks[k]]
        if why:
            expected.append((k * 2 + 5, why[0], "; ".join(why[1:]), k, f"r{k}"))
    written = write_out(reading)
    names = ["row", "reason", "further_reasons", "place", "row_in_file"]
    assert list(written.columns) == names
    assert list(written.itertuples(index=False, name=None)) == expected
