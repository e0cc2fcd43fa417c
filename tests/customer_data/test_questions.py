"""What a file is asked, and that whatever cannot be answered says why."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from customer_files import MAPPING, ROWS, but, write_rows

from recovery_research.analysis.adjustment import adjust
from recovery_research.analysis.averaged_draws import paradox_over_draws
from recovery_research.analysis.index_orders import customers_from_orders
from recovery_research.analysis.paradox import paradox
from recovery_research.analysis.verdicts import Bounds, place_interval
from recovery_research.customer_data import answers, questions, sentences
from recovery_research.customer_data.questions import contrast_over_draws
from recovery_research.customer_data.reading import read_customers


@pytest.fixture(scope="module")
def example():
    return read_customers("example", mapping="example")


@pytest.fixture(scope="module")
def orders():
    return read_customers("example-orders", mapping="example-orders")


@pytest.fixture(scope="module")
def complaints():
    return read_customers("example-complaints", mapping="example-complaints")


@pytest.fixture
def tiny(tmp_path):
    """Eight customers, too few for nearly everything."""
    path = write_rows(tmp_path / "mine.csv", ROWS)
    return read_customers(path, mapping=MAPPING)


def test_groups_are_described_by_what_is_known(tiny):
    table = questions.describe_groups(tiny).set_index("group")
    assert table["n"].tolist() == [2, 2, 2, 2]
    assert table["spend"].tolist() == [60.25, 37.625, 114.5, 8.875]
    assert table.loc["recovered", ["stayed", "stayed_known"]].tolist() == [1.0, 1]


def test_bounds_come_from_the_mapping(example):
    bounds = questions.read_bounds(["mapping"], example)
    assert bounds == {"followup_spend": 2.0, "stayed": 0.01, "satisfaction": 0.1}


# With 0.9 the silent are less satisfied for sure, but not surely by what is worth naming.
@pytest.mark.parametrize("given", [["mapping"], ["satisfaction:0.9"]])
def test_contrasts_are_those_of_paradox(example, given):
    bounds = questions.read_bounds(given, example)
    table = questions.contrast_groups(example, bounds=bounds)
    assert len(table) == 4 * 3
    for row in table.itertuples():
        found = paradox(
            example.customers, outcome=row.outcome, treated=row.treated,
            control=row.control, bounds=bounds[row.outcome],
        )  # fmt: skip
        assert (row.estimate, row.ci_low, row.ci_high) == (
            found.estimate, found.ci_low, found.ci_high,
        )  # fmt: skip
        limits = Bounds(-bounds[row.outcome], bounds[row.outcome], "")
        if row.question == "is there a recovery paradox?":
            assert row.verdict == found.verdict
        else:
            assert row.verdict == place_interval(row.ci_low, row.ci_high, limits)
            assert "paradox" not in f"{row.verdict} {row.reading} {row.answer}"


def test_given_bounds_win_and_strange_ones_are_refused(example):
    given = questions.read_bounds(["mapping", "stayed:0.2"], example)
    assert given["stayed"] == 0.2
    assert given["satisfaction"] == 0.1
    with pytest.raises(
        ValueError, match=r"'styed:1' names no outcome.*Did you mean 'stayed'"
    ):
        questions.read_bounds(["styed:1"], example)
    with pytest.raises(ValueError, match="has no number behind the colon"):
        questions.read_bounds(["stayed:little"], example)
    for never in ("nan", "inf", "-1", "1e999"):
        with pytest.raises(ValueError, match="finite number of 0 or more"):
            questions.read_bounds([f"stayed:{never}"], example)


def test_what_a_mapping_can_be_asked_is_known_before_the_file_is_read(example, orders):
    for read, name in ((example, "satisfaction"), (orders, "bought_again")):
        asked = {"bounds": ["mapping", f"{name}:1"], "through": name}
        questions.check_asked(read.mapping, **asked)
        with pytest.raises(ValueError, match="names no outcome"):
            questions.check_asked(read.mapping, bounds=["x:1"], through="none")
        with pytest.raises(ValueError, match="is no outcome"):
            questions.check_asked(read.mapping, bounds=["mapping"], through="x")


def test_an_empty_group_cannot_be_asked_about(tmp_path):
    path = write_rows(tmp_path / "mine.csv", ROWS[:4])  # nobody complained
    read = read_customers(path, mapping=MAPPING)
    table = questions.contrast_groups(read)
    refused = table[table["verdict"] == "cannot be asked"]
    assert set(refused["note"]) == {
        "nobody is recovered", "nobody is recovered or not_recovered",
        "nobody is not_recovered",
    }  # fmt: skip
    assert len(questions.main_questions(read)) == 0
    for made in (
        answers.adjust_groups(read), answers.decompose_group_spending(read),
        answers.compare_group_survival(read),
    ):  # fmt: skip
        assert len(made) == 0


@pytest.mark.slow
def test_nothing_is_blank_without_a_reason_beside_it(tiny, example, orders, complaints):
    for read in (tiny, example, orders, complaints):
        for table in (
            questions.contrast_groups(read), answers.adjust_groups(read),
            answers.decompose_group_spending(read), answers.compare_group_survival(read),
        ):  # fmt: skip
            if len(table):
                blank = table["estimate"].isna() | table["ci_low"].isna()
                assert (table.loc[blank, "note"].fillna("") != "").all()


def test_complaints_are_asked_for_the_strength_of_answers(complaints):
    asked = questions.list_questions(complaints)
    assert asked["asked"].tolist() == [False, True, True]
    assert set(asked["control"][1:]) == {"explanation"}
    said = "\n".join(sentences.list_limits(complaints))
    assert "Whether there is a recovery paradox" in said
    assert "The firm chose whom to answer how" in said
    words = set(answers.adjust_groups(complaints)["verdict"])
    assert words <= {"higher", "lower", "not higher", "cannot tell"}


def test_adjusting_brings_back_a_chance_that_is_known():
    # The example's refunds go to damaged goods, which are disputed more: chances are
    # stated in `make_complaints`. Truth for the refunded: 0.12 - 0.30 = -0.18. Of the
    # refunded 0.35 * 0.45 / (0.35 * 0.45 + 0.65 * 0.15) = 61.8 % had damaged goods, of
    # the others 0.35 * 0.35 / (0.35 * 0.35 + 0.65 * 0.65) = 22.5 %; each 0.06 more.
    from recovery_research.customer_data.examples import make_complaints

    frame = make_complaints(160_000)
    truth = -0.18
    frame["index_outcome"] = frame["answer"]
    frame["disputed"] = frame["disputed"].map({"Yes": 1.0, "No": 0.0})
    from recovery_research.analysis.adjustment import adjust

    found = adjust(
        frame, outcome="disputed", covariates=["goods"], treated="refund",
        control="explanation",
    )  # fmt: skip
    assert abs(found.estimate - truth) < 4 * found.std_error
    bias = 0.06 * (0.1575 / 0.255 - 0.1225 / 0.545)
    assert abs(found.unadjusted - truth - bias) < 4 * found.std_error < bias


def test_staying_needs_to_know_who_left(example, orders):
    (row,) = answers.compare_group_survival(orders).itertuples()
    assert row.horizon == 52.0
    columns = dict(orders.mapping.columns)
    del columns["left"]
    orders = read_customers(
        "example-orders", mapping=replace(orders.mapping, columns=columns)
    )
    assert len(answers.compare_group_survival(orders)) == 0
    (row,) = answers.compare_group_survival(example, horizon=26.0).itertuples()
    assert row.horizon == 26.0
    # As far as both groups were followed, and no further.
    (row,) = answers.compare_group_survival(example, horizon=500.0).itertuples()
    assert row.horizon < 105.0
    assert any("Who left" in line for line in sentences.list_limits(orders))


def test_what_a_log_knows_beforehand_may_be_the_same_for_all(tmp_path):
    # Nobody chose these covariates, so nobody can leave the constant one out.
    rows = [
        f"c{c},2024-{1 + (c + 3 * k) % 12:02d}-{1 + c % 28:02d},10,{said}"
        for c in range(300)
        for k, said in enumerate((("no,", "yes,yes", "yes,no")[c % 3], "no,"))
    ]
    path = write_rows(
        tmp_path / "log.csv", rows, "customer,time,amount,failed,resolved"
    )
    columns = dict.fromkeys(("customer", "time", "amount", "failed", "resolved"))
    mapping = {
        "shape": "orders", "columns": {name: name for name in columns},
        "orders": {"design": "order-based", "index": "first", "followup_weeks": 8.0},
    }  # fmt: skip
    adjusted = answers.adjust_groups(read_customers(path, mapping=mapping))
    made = adjusted[adjusted["view"] != "as they come"]
    assert made["ci_low"].notna().all()
    assert not made["covariates"].str.contains("index_amount").any()
    assert made["covariates"].str.contains("index_week").all()


def test_a_file_without_covariates_says_so(tmp_path):
    path = write_rows(tmp_path / "mine.csv", ROWS)
    read = read_customers(path, mapping=but(covariates=None))
    table = answers.adjust_groups(read)
    tried = table[table["view"] != "as they come"]
    assert tried["note"].str.contains("no covariate that varies").all()
    assert any("names nothing" in line for line in sentences.list_limits(read))


def test_sentences_show_the_table(example):
    table = questions.contrast_groups(example).head(3)
    lines = sentences.say_verdicts(table)
    assert len(lines) == 3
    for line, row in zip(lines, table.itertuples(), strict=True):
        assert row.verdict in line
        assert f"{row.ci_low:+.3g} to {row.ci_high:+.3g}" in line


def test_designs_that_fake_a_paradox_and_which_adjusting_mends():
    # Nothing happens after a failure: no effect at all. Rates of buying differ.
    rng = np.random.default_rng(12)
    n = 6000
    rate = rng.gamma(1.0, 0.3, n)
    sizes = rng.poisson(104.0 * rate) + 1
    customer = np.repeat(np.arange(n), sizes)
    bad = rng.random(len(customer)) < 0.04
    log = pd.DataFrame(
        {
            "customer": customer,
            "week": rng.random(len(customer)) * 104.0,
            "amount": rng.exponential(20.0, len(customer)),
            "outcome": np.where(bad, "recovered", "no_failure"),
        }
    )

    def made(design):
        table = customers_from_orders(log, design=design, seed=2)
        # Spend rises less than in step with orders: both are offered to the models.
        table["log_orders"] = np.log1p(table["prior_orders"])
        return table[table["index_outcome"] != "no_order"]

    past = ["prior_orders", "log_orders", "prior_spend", "weeks_known"]
    for design, on_day in (
        ("customer-based", ["weeks_since_order"]),
        ("ever-failed", []),
    ):
        naive = paradox(made(design), outcome="followup_spend")
        assert naive.verdict == "paradox"
        found = adjust(made(design), outcome="followup_spend", covariates=past + on_day)
        # Nothing known beforehand makes up for "never" being known only in the end.
        assert (found.ci_low > 0.0) == (design == "ever-failed")
    assert paradox(made("order-based"), outcome="followup_spend").ci_low < 0.0


def test_the_answer_in_short_has_a_line_for_each_outcome(example, complaints):
    bounds = questions.read_bounds(["mapping"], example)
    table = answers.adjust_groups(example, bounds=bounds)
    lines = answers.say_in_short(example, table)
    assert len(lines) == 3
    (last,) = table[table["outcome"] == "satisfaction"].tail(1).itertuples()
    assert lines[2].startswith("- **satisfaction**, recovered against no failure: as")
    assert "**a paradox: better off by more than is worth naming**" in lines[2]
    assert (
        f"{last.estimate:+.3g}, {last.ci_low:+.3g} to {last.ci_high:+.3g}" in lines[2]
    )
    assert "these data cannot tell" in lines[0]
    table = answers.adjust_groups(complaints)
    lines = answers.say_in_short(complaints, table)
    assert "cannot be asked:** everybody in a file of complaints" in lines[0]
    assert "**lower by more than is worth naming, which is better**" in lines[2]
    # Why there is no interval stands where it would.
    table = questions.judge(complaints, table.assign(ci_low=np.nan, note="too few"))
    (line, *_) = answers.say_in_short(complaints, table)[1:]
    assert line.count("**these data cannot tell** (") == 2
    # As they come the goods were unlike beforehand, which is told as well.
    assert line.count("no interval: too few") == 2
    assert "goods damaged differed by" in line


def test_an_order_log_is_asked_over_many_draws(example, orders, complaints):
    assert (
        len(contrast_over_draws(example)) == len(contrast_over_draws(complaints)) == 0
    )
    table = contrast_over_draws(orders, bounds={"followup_spend": 3.0})
    assert table["outcome"].tolist() == [each.name for each in orders.outcomes]
    for row in table.dropna(subset=["ci_low"]).itertuples():
        found = paradox_over_draws(
            orders.orders, outcome=row.outcome, span=(0.0, orders.end_week),
            bounds=3.0 if row.outcome == "followup_spend" else None,
        )  # fmt: skip
        assert (row.estimate, row.ci_low) == (found.estimate, found.ci_low)
        assert row.verdict == found.verdict
    told = table["ci_low"].notna() | (table["note"].fillna("") != "")
    assert told.all()
    naive = answers.adjust_groups(orders)
    lines = answers.say_in_short(orders, pd.concat([naive, table]))
    assert len(lines) == len(orders.outcomes)
    assert all("; over many draws **" in line for line in lines)
    # Groups of whole customers, or a first order, are not drawn.
    rule = replace(orders.mapping.orders, index="first")
    first = read_customers(
        "example-orders", mapping=replace(orders.mapping, orders=rule)
    )
    assert len(contrast_over_draws(first)) == 0
